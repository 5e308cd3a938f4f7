//! Patterns of one path component, as Go's `filepath.Match` reads them: `*`, `?`, `[a-z]`, `[^a-z]`, `\`.

/// Whether a component is more than a plain name.
pub fn is_pattern(component: &str) -> bool {
    component.contains(['*', '?', '[', '\\'])
}

/// Whether `name` matches `pattern` as a whole. A malformed pattern matches nothing.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut rest, mut left) = (&pattern[..], &name[..]);
    // Where to go on when a guess about the last `*` was wrong: it takes one more character. Earlier ones need no
    // second guess, so the work is at most the product of both lengths.
    let mut retry: Option<(&[char], &[char])> = None;
    loop {
        if let ['*', after @ ..] = rest {
            retry = Some((after, left));
            rest = after;
            continue;
        }
        if rest.is_empty() && left.is_empty() {
            return true;
        }
        match one(rest, left) {
            Some(next) => (rest, left) = next,
            None => match retry {
                Some((after, [_, longer @ ..])) => {
                    retry = Some((after, longer));
                    (rest, left) = (after, longer);
                }
                _ => return false,
            },
        }
    }
}

/// What is left of both when the first part of the pattern, no `*`, takes the first character.
fn one<'p, 'n>(pattern: &'p [char], name: &'n [char]) -> Option<(&'p [char], &'n [char])> {
    let (first, left) = name.split_first()?;
    let (fits, rest) = match pattern {
        [] => return None,
        ['?', rest @ ..] => (true, rest),
        ['[', rest @ ..] => class(rest, *first)?,
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => (literal == first, rest),
    };
    fits.then_some((rest, left))
}

/// Whether `c` is in the class that begins `pattern` (after its `[`), and what follows the class.
fn class(pattern: &[char], c: char) -> Option<(bool, &[char])> {
    let (negated, mut rest) = match pattern {
        ['^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut hit = false;
    let mut first = true;
    loop {
        if let [']', after @ ..] = rest
            && !first
        {
            return Some((hit != negated, after));
        }
        let (low, after) = class_char(rest)?;
        let (high, after) = match after {
            ['-', after @ ..] => class_char(after)?,
            after => (low, after),
        };
        hit |= (low..=high).contains(&c);
        rest = after;
        first = false;
    }
}

fn class_char(pattern: &[char]) -> Option<(char, &[char])> {
    match pattern {
        ['\\', c, rest @ ..] => Some((*c, rest)),
        ['-' | ']', ..] | [] => None,
        [c, rest @ ..] => Some((*c, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_go() {
        let table = [
            ("*", "abc", true),
            ("*.txt", "a.txt", true),
            ("*.txt", "a.txt.gz", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[]x", "x", false),
            ("[a", "a", false),
            (r"\*", "*", true),
            (r"\*", "a", false),
            ("a*b*c", "aXbYc", true),
        ];
        for (pattern, name, expected) in table {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
