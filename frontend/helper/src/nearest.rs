//! The known name that somebody may have meant.

use alloc::vec::Vec;

/// The known name that is nearest to `wanted`, if it is near enough to be meant: a letter in three may be wrong. Of equally
/// near ones the first.
pub(crate) fn nearest<'a>(wanted: &[u8], known: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let allowed = (wanted.len() / 3).max(1);
    let measured = known.map(|name| (distance(wanted, name), name));
    measured.filter(|(far, _)| *far <= allowed).min_by_key(|(far, _)| *far).map(|(_, name)| name)
}

/// How many bytes have to be put in, taken out, replaced or swapped with their neighbour to make one word of the other.
fn distance(left: &[u8], right: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = Vec::from([row + 1]);
        for (column, b) in right.iter().enumerate() {
            let replaced = above[column] + usize::from(a != b);
            let mut best = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            let swapped = row > 0 && column > 0 && *a == right[column - 1] && left[row - 1] == *b;
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = core::mem::replace(&mut above, current);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_single_mistakes() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "ab", 2),
            ("audio", "audio", 0),
            ("audoi", "audio", 1),
            ("audo", "audio", 1),
            ("vudio", "audio", 1),
            ("video", "audio", 3),
        ] {
            assert_eq!(distance(left.as_bytes(), right.as_bytes()), expected, "{left} {right}");
            assert_eq!(distance(right.as_bytes(), left.as_bytes()), expected, "{right} {left}");
        }
    }

    #[test]
    fn only_what_is_near_is_offered() {
        let known = ["root", "audio", "video", "sudo"].map(str::as_bytes);
        for (wanted, expected) in
            [("sudoo", Some("sudo")), ("adio", Some("audio")), ("nobody", None), ("x", None)]
        {
            assert_eq!(
                nearest(wanted.as_bytes(), known.into_iter()),
                expected.map(str::as_bytes),
                "{wanted}"
            );
        }
    }
}
