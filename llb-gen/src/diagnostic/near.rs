//! The nearest known name.

/// The name among `known` that `wrong` was most likely meant to be: at most a third of its letters differ, case aside.
/// Among equally near names the first one wins, so the answer does not change between runs.
pub fn nearest<'k>(wrong: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let folded = wrong.to_lowercase();
    let limit = (folded.chars().count().max(3) / 3).min(4);
    let mut best: Option<(usize, &str)> = None;
    let length = folded.chars().count();
    for name in known {
        if name.chars().count().abs_diff(length) > limit {
            continue;
        }
        let distance = strsim::damerau_levenshtein(&folded, &name.to_lowercase());
        let close = distance <= limit && name != wrong;
        if close && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// Names for a message: `` `a`, `b` and `c` ``; more than twelve are cut short, with their number.
pub fn listed<'k>(names: impl IntoIterator<Item = &'k str>) -> String {
    let mut quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if quoted.len() > 12 {
        let rest = quoted.len() - 12;
        quoted.truncate(12);
        return format!("{} and {rest} more", quoted.join(", "));
    }
    match quoted.pop() {
        None => "none".to_owned(),
        Some(last) if quoted.is_empty() => last,
        Some(last) => format!("{} and {last}", quoted.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_found_and_a_stranger_is_not() {
        let known = ["install", "upgrade", "sources"];
        assert_eq!(nearest("instal", known), Some("install"));
        assert_eq!(nearest("SOURCES", known), Some("sources"));
        assert_eq!(nearest("uprgade", known), Some("upgrade"));
        assert_eq!(nearest("zzz", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn lists_read_as_a_sentence() {
        assert_eq!(listed([]), "none");
        assert_eq!(listed(["a"]), "`a`");
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
