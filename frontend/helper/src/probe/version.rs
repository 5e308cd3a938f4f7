//! Versions, as commands print them and Python distributions have them (PEP 440, as far as order goes).

use alloc::vec::Vec;

/// A version, in order. What follows the release is ignored unless it says that it comes before or after it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    epoch: u64,
    /// Without zeros at the end: 3.11 is 3.11.0.
    release: Vec<u64>,
    stage: (Stage, u64),
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Development,
    Alpha,
    Beta,
    Candidate,
    Release,
    Post,
}

impl Version {
    /// Reads a text that begins with a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (epoch, text) = match text.split_once('!') {
            Some((epoch, rest)) => (digits(epoch).filter(|(_, rest)| rest.is_empty())?.0, rest),
            None => (0, text),
        };
        let (first, mut rest) = digits(text)?;
        let mut release = Vec::from([first]);
        while let Some((number, after)) = rest.strip_prefix('.').and_then(digits) {
            release.push(number);
            rest = after;
        }
        while release.len() > 1 && release.last() == Some(&0) {
            release.pop();
        }
        Some(Self { epoch, release, stage: stage(rest) })
    }
}

/// The number that a text begins with, and the rest. One that is too large is the largest.
fn digits(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let add = |sum: u64, byte: u8| sum.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    (end > 0).then(|| (text[..end].bytes().fold(0, add), &text[end..]))
}

/// What a suffix says. A single letter without a number is a patch: openssl 1.1.1a is no alpha.
fn stage(suffix: &str) -> (Stage, u64) {
    let word = suffix.trim_start_matches(['-', '_', '.', '~']);
    let end = word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len());
    let number = digits(word[end..].trim_start_matches(['-', '_', '.']));
    let is_numbered = digits(&word[end..]).is_some();
    let stage = match &word[..end] {
        "dev" | "nightly" | "snapshot" => Stage::Development,
        "alpha" => Stage::Alpha,
        "a" if is_numbered => Stage::Alpha,
        "beta" => Stage::Beta,
        "b" if is_numbered => Stage::Beta,
        "rc" | "pre" | "preview" => Stage::Candidate,
        "c" if is_numbered => Stage::Candidate,
        "post" => Stage::Post,
        _ => return (Stage::Release, 0),
    };
    (stage, number.map_or(0, |(number, _)| number))
}

/// The first dotted number of a text, with what belongs to it.
pub(super) fn find(text: &str) -> Option<&str> {
    let is_start = |at: usize| !text[..at].ends_with(|c: char| c.is_ascii_digit());
    let starts =
        text.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).filter(|&at| is_start(at));
    let is_dotted =
        |text: &&str| digits(text).and_then(|(_, rest)| rest.strip_prefix('.')).and_then(digits).is_some();
    let rest = starts.map(|at| &text[at..]).find(is_dotted)?;
    let belongs = |c: char| c.is_ascii_alphanumeric() || "-_.~+".contains(c);
    let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    Some(rest[..end].trim_end_matches(['-', '_', '.', '~', '+']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_order() {
        let ordered = [
            "0.9",
            "1.0.dev3",
            "1.0a1",
            "1.0-beta2",
            "1.0rc1",
            "1.0-rc.2",
            "1.0",
            "1.0.post1",
            "1.0.1",
            "1.2",
            "1.10",
            "99999999999999999999999",
            "1!0.1",
        ];
        for pair in ordered.windows(2) {
            assert!(Version::parse(pair[0]) < Version::parse(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn some_versions_are_the_same() {
        for (a, b) in [
            ("3.11", "3.11.0"),
            ("v2", "2.0.0"),
            ("1.1.1", "1.1.1a"),
            ("2.1.0+cpu", "2.1"),
            ("9.2p1", "9.2"),
            ("12.2.0-14", "12.2"),
            ("1.2-alpine", "1.2"),
        ] {
            assert_eq!(Version::parse(a), Version::parse(b));
            assert!(Version::parse(a).is_some());
        }
        for text in ["", "x1", "a!1", "1!"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_first_dotted_number_is_found() {
        for (text, expected) in [
            ("Python 3.11.2\n", Some("3.11.2")),
            ("Python 3.13.0rc1", Some("3.13.0rc1")),
            ("nginx version: nginx/1.22.1", Some("1.22.1")),
            ("go version go1.22.3 linux/amd64", Some("1.22.3")),
            ("gcc (Debian 12.2.0-14) 12.2.0\n(C) 2022", Some("12.2.0-14")),
            ("OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.15", Some("9.2p1")),
            ("tool 5, build 7. Version 1.4.", Some("1.4")),
            ("less 590", None),
            ("", None),
        ] {
            assert_eq!(find(text), expected, "{text}");
        }
    }
}
