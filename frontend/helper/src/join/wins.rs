//! Patterns of paths, as `remove` steps have them: `*`, `?` and `[…]` within one component.

use alloc::vec::Vec;

/// An absolute path with wildcards. It covers what it matches and what is below.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Vec<Vec<Token>>);

/// What matches one character, or any number of them.
#[derive(Debug, Clone)]
enum Token {
    Exactly(char),
    Any,
    /// `*`
    Many,
    /// `[a-z]` or `[^a-z]`: ranges with both ends, and whether they are what must not be there.
    Class(Vec<(char, char)>, bool),
}

impl Pattern {
    /// Reads a pattern; None if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let components = text.strip_prefix('/')?.split('/');
        let is_plain = |component: &str| !matches!(component, "" | "." | "..");
        components
            .map(|component| tokens(component).filter(|_| is_plain(component)))
            .collect::<Option<_>>()
            .map(Self)
    }

    /// Whether the path or something above it matches.
    pub(super) fn covers(&self, path: &[u8]) -> bool {
        let mut names = path.split(|&byte| byte == b'/').skip(1);
        self.0.iter().all(|tokens| names.next().is_some_and(|name| matches(tokens, name)))
    }
}

fn tokens(component: &str) -> Option<Vec<Token>> {
    let mut rest = component.chars();
    let mut tokens = Vec::new();
    while let Some(first) = rest.next() {
        tokens.push(match first {
            '*' => Token::Many,
            '?' => Token::Any,
            '[' => class(&mut rest)?,
            '\\' => Token::Exactly(rest.next()?),
            other => Token::Exactly(other),
        });
    }
    Some(tokens)
}

/// What follows the bracket: an optional `^`, then at least one range.
fn class(rest: &mut core::str::Chars<'_>) -> Option<Token> {
    let is_negated = rest.as_str().starts_with('^');
    if is_negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        let low = match rest.next()? {
            ']' if !ranges.is_empty() => return Some(Token::Class(ranges, is_negated)),
            ']' | '-' => return None,
            '\\' => rest.next()?,
            other => other,
        };
        let mut high = low;
        if rest.as_str().starts_with('-') {
            rest.next();
            high = rest.next().filter(|&high| high != ']' && high != '-')?;
            if high == '\\' {
                high = rest.next()?;
            }
        }
        ranges.push((low, high));
    }
}

/// Goes back only to the last `*`, so that it takes at most the product of both lengths.
fn matches(tokens: &[Token], name: &[u8]) -> bool {
    let (mut token, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if let Some(Token::Many) = tokens.get(token) {
            star = Some((token + 1, at));
            token += 1;
            continue;
        }
        let next = first_char(&name[at..]);
        match (tokens.get(token), next) {
            (None, None) => return true,
            (Some(wanted), Some((found, len))) if wanted.accepts(found) => {
                token += 1;
                at += len;
                continue;
            }
            _ => {}
        }
        let Some((after, from)) = star else { return false };
        let Some((_, len)) = first_char(&name[from..]) else { return false };
        star = Some((after, from + len));
        (token, at) = (after, from + len);
    }
}

impl Token {
    fn accepts(&self, found: char) -> bool {
        match self {
            Self::Exactly(wanted) => *wanted == found,
            Self::Any => true,
            Self::Many => false,
            Self::Class(ranges, is_negated) => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&found)) != *is_negated
            }
        }
    }
}

/// The first character and its length; a byte that is not UTF-8 is one that no pattern can name.
fn first_char(bytes: &[u8]) -> Option<(char, usize)> {
    let chunk = bytes.get(..bytes.len().min(4))?.utf8_chunks().next()?;
    match chunk.valid().chars().next() {
        Some(first) => Some((first, first.len_utf8())),
        None => Some((char::REPLACEMENT_CHARACTER, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_what_they_match_and_what_is_below() {
        for (pattern, path, expected) in [
            ("/etc/motd", "/etc/motd", true),
            ("/etc/motd", "/etc/motd.d", false),
            ("/etc/motd", "/etc", false),
            ("/etc", "/etc/motd", true),
            ("/usr/*/doc", "/usr/share/doc/x/y", true),
            ("/usr/*/doc", "/usr/share/x/doc", false),
            ("/*", "/anything/below", true),
            ("/a*b*c", "/abbbc", true),
            ("/a*b*c", "/abbb", false),
            ("/a*", "/a", true),
            ("/a?c", "/aéc", true),
            ("/a?", "/a", false),
            ("/[a-cx]1", "/b1", true),
            ("/[a-cx]1", "/d1", false),
            ("/[^a-c]1", "/d1", true),
            ("/[^a-c]1", "/a1", false),
            ("/\\*", "/*", true),
            ("/\\*", "/a", false),
            ("/[\\]]", "/]", true),
            ("/lib*.so.?", "/liblib.so.so.1", true),
        ] {
            assert_eq!(
                Pattern::parse(pattern).unwrap().covers(path.as_bytes()),
                expected,
                "{pattern} {path}"
            );
        }
        assert!(Pattern::parse("/a*").unwrap().covers(b"/a\xff\xfe"));
        assert!(!Pattern::parse("/?").unwrap().covers(b"/\xff\xfe"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "etc", "/", "/a//b", "/a/", "/../a", "/[", "/[]", "/[a-]", "/[-a]", "/a\\"] {
            assert!(Pattern::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = Pattern::parse(&["/", &"*a".repeat(100), "b"].concat()).unwrap();
        assert!(!pattern.covers(["/", &"a".repeat(5000)].concat().as_bytes()));
    }
}
