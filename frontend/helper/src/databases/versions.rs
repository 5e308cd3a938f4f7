//! Versions of Debian packages, in dpkg's order (deb-version(7)).

use core::cmp::Ordering;

/// Compares two versions: epoch, upstream version, revision.
pub(crate) fn compare(left: &[u8], right: &[u8]) -> Ordering {
    let [(a, left), (b, right)] = [left, right].map(split_epoch);
    let [(left, a_revision), (right, b_revision)] = [left, right].map(split_revision);
    // An epoch is a number, and no epoch is 0.
    compare_part(a, b)
        .then_with(|| compare_part(left, right))
        .then_with(|| compare_part(a_revision, b_revision))
}

fn split_epoch(version: &[u8]) -> (&[u8], &[u8]) {
    match version.iter().position(|&byte| byte == b':') {
        Some(colon) => (&version[..colon], &version[colon + 1..]),
        None => (b"", version),
    }
}

fn split_revision(version: &[u8]) -> (&[u8], &[u8]) {
    match version.iter().rposition(|&byte| byte == b'-') {
        Some(dash) => (&version[..dash], &version[dash + 1..]),
        None => (version, b""),
    }
}

/// Runs of other bytes and runs of digits in turn.
fn compare_part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let others = compare_others(take(&mut left, false), take(&mut right, false));
        let order = others.then_with(|| compare_digits(take(&mut left, true), take(&mut right, true)));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Takes the digits, or what are none, off the front.
fn take<'a>(text: &mut &'a [u8], digits: bool) -> &'a [u8] {
    let end = text.iter().position(|byte| byte.is_ascii_digit() != digits).unwrap_or(text.len());
    let (taken, rest) = text.split_at(end);
    *text = rest;
    taken
}

fn compare_others(left: &[u8], right: &[u8]) -> Ordering {
    let weight = |text: &[u8], at: usize| text.get(at).map_or(0, |&byte| weight(byte));
    let places = 0..left.len().max(right.len());
    let orders = places.map(|at| weight(left, at).cmp(&weight(right, at)));
    orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// A tilde comes before the end, the end before letters, letters before all else.
fn weight(byte: u8) -> i32 {
    match byte {
        b'~' => -1,
        byte if byte.is_ascii_alphabetic() => byte.into(),
        byte => i32::from(byte) + 256,
    }
}

/// Numbers of any length; no digits are 0.
fn compare_digits(left: &[u8], right: &[u8]) -> Ordering {
    let [left, right] = [left, right].map(|digits| {
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        &digits[zeros..]
    });
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_dpkgs_order() {
        // Each is lower than the next.
        let ascending = [
            "~",
            "",
            "0.9~beta1",
            "0.9~beta2",
            "0.9",
            "0.9-1~bpo1",
            "0.9-1",
            "0.9-1+b1",
            "0.9a",
            "0.9+x",
            "0.10",
            "1.0~~",
            "1.0~~a",
            "1.0~",
            "1.0",
            "1.0-0.1",
            "1.0-1",
            "1.0-10",
            "1.0-1-1",
            "1.0.1",
            "99999999999999999999",
            "1:0",
            "1:1-2",
            "2:0.1",
            "10:0",
        ];
        for (at, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                assert_eq!(compare(left.as_bytes(), right.as_bytes()), at.cmp(&other), "{left} {right}");
            }
        }
        for (left, right) in [("1.0", "0:1.0"), ("1.0", "1.0-0"), ("1.01", "1.1"), ("1.0", "1.00"), ("", "0")]
        {
            assert_eq!(compare(left.as_bytes(), right.as_bytes()), Ordering::Equal, "{left} {right}");
        }
    }
}
