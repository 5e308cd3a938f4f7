//! Values of policies.

use std::fmt;

use crate::model::text_value::{checked_text, quoted, text_value};
use crate::model::{Invalid, TextValue};

checked_text!(
    /// A text in which `*` stands for any characters, none included; every other character for itself.
    Glob
);

impl Glob {
    /// Whether all of `text` is as the pattern says. Takes time in proportion to both lengths at worst.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        for piece in pieces {
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl TextValue for Glob {
    const WHAT: &'static str = "a pattern";
    const FORM: &'static str = "a text that is not empty, in which `*` stands for anything";
    const PATTERN: &'static str = "^.+$";
    const EXAMPLES: &'static [&'static str] = &["https://github.com/example/*"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        match text {
            "" => Err(Invalid::new("the pattern is empty")),
            _ if text.chars().any(char::is_control) => {
                Err(Invalid::new(format!("{} holds a control character", quoted(text))))
            }
            _ => Ok(Self(text.to_owned())),
        }
    }
}

/// Where a public key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In a PEM file: its path from the policy's folder, or an absolute one.
    File(String),
    /// Here: the PEM text itself.
    Pem(String),
}

text_value!(KeySource);

impl TextValue for KeySource {
    const WHAT: &'static str = "a public key";
    const FORM: &'static str =
        "the path of a PEM file, or a PEM text that begins with \"-----BEGIN PUBLIC KEY-----\"";
    const EXAMPLES: &'static [&'static str] = &["keys/release.pub"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        match text {
            "" => Err(Invalid::new("the text is empty")),
            _ if text.contains("PRIVATE KEY-----") => {
                Err(Invalid::new("this is a private key: it has no place in a policy"))
            }
            _ if text.starts_with("-----BEGIN ") => Ok(Self::Pem(text.to_owned())),
            _ if text.chars().any(char::is_control) => {
                Err(Invalid::new(format!("{} holds a control character", quoted(text))))
            }
            _ => Ok(Self::File(text.to_owned())),
        }
    }
}

/// A package URL without a version: `pkg:TYPE/[NAMESPACE/]NAME[?QUALIFIERS]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageUrl(String);

text_value!(PackageUrl);

impl PackageUrl {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TextValue for PackageUrl {
    const WHAT: &'static str = "a package URL";
    const FORM: &'static str = "`pkg:TYPE/NAME` without a version, such as \"pkg:deb/debian/openssl\"";
    const PATTERN: &'static str = "^pkg:[A-Za-z][A-Za-z0-9.+-]*/[^@#]+$";
    const EXAMPLES: &'static [&'static str] = &["pkg:deb/debian/openssl", "pkg:npm/%40scope/name"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let wrong = |why: &str| Err(Invalid::new(format!("{} {why}", quoted(text))));
        let Some(rest) = text.strip_prefix("pkg:") else { return wrong("does not begin with `pkg:`") };
        let path = rest.split('?').next().unwrap_or_default();
        if path.contains('@') {
            return wrong("has a version: it belongs into `versions` (a `@` of a name is written `%40`)");
        }
        let Some((kind, name)) = path.split_once('/') else { return wrong("has no name") };
        let letters = |c: char| c.is_ascii_alphanumeric() || ".+-".contains(c);
        let kind_fits = kind.starts_with(|c: char| c.is_ascii_alphabetic()) && kind.chars().all(letters);
        let parts_fit = name.split('/').all(|part| !part.is_empty());
        let whole = !text.contains('#') && text.chars().all(|c| c.is_ascii_graphic());
        if kind_fits && parts_fit && whole { Ok(Self(text.to_owned())) } else { wrong("is no package URL") }
    }
}

/// A day of the calendar, in UTC. Ordered as days follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

text_value!(Day);

impl Day {
    /// The day on which a time in UTC is, `2026-11-29T10:00:43Z`.
    #[must_use]
    pub fn of_time(time: &str) -> Option<Self> {
        time.get(..10).and_then(|day| Self::from_text(day).ok())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl TextValue for Day {
    const WHAT: &'static str = "a day";
    const FORM: &'static str = "year, month and day, such as \"2027-01-31\"";
    const PATTERN: &'static str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
    const EXAMPLES: &'static [&'static str] = &["2027-01-31"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new(format!("{} is no day of the calendar", quoted(text)));
        let digits = |part: &str, count: usize| -> Option<u16> {
            (part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| part.parse().ok())
                .flatten()
        };
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else { return Err(wrong()) };
        let (Some(year), Some(month), Some(day)) = (digits(year, 4), digits(month, 2), digits(day, 2)) else {
            return Err(wrong());
        };
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return Err(wrong()),
        };
        match (1..=last).contains(&day) {
            true => Ok(Self { year, month: month as u8, day: day as u8 }),
            false => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("https://x/*", "https://x/y/z", true),
            ("https://x/*", "https://xy/z", false),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c--b", false),
            ("*ab", "aab", true),
            ("ab*ba", "aba", false),
            ("*.git", "x.git.git", true),
            ("a**b", "ab", true),
        ] {
            assert_eq!(Glob::from_text(pattern).unwrap().fits(text), fits, "{pattern} {text}");
        }
        assert!(Glob::from_text("").is_err());
    }

    #[test]
    fn package_urls_have_no_version() {
        for right in ["pkg:deb/debian/openssl", "pkg:npm/%40scope/name", "pkg:pypi/numpy?arch=x"] {
            assert!(PackageUrl::from_text(right).is_ok(), "{right}");
        }
        for wrong in
            ["openssl", "pkg:deb", "pkg:npm/a@1", "pkg:/a", "pkg:npm//a", "pkg:npm/a b", "pkg:npm/a#b"]
        {
            assert!(PackageUrl::from_text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn days_are_the_calendar_s() {
        for right in ["2027-01-31", "2028-02-29", "2000-02-29"] {
            assert_eq!(Day::from_text(right).map(|day| day.to_string()), Ok(right.to_owned()));
        }
        for wrong in [
            "2027-02-29",
            "1900-02-29",
            "2027-1-31",
            "2027-13-01",
            "2027-00-01",
            "2027-01-00",
            "+027-01-01",
            "",
        ] {
            assert!(Day::from_text(wrong).is_err(), "{wrong}");
        }
        assert!(Day::of_time("2027-01-31T23:59:59Z") < Day::from_text("2027-02-01").ok());
        assert_eq!(Day::of_time("é"), None);
    }

    #[test]
    fn a_private_key_is_refused_where_a_public_one_belongs() {
        assert!(KeySource::from_text("-----BEGIN PRIVATE KEY-----\nAAAA").is_err());
        assert!(matches!(KeySource::from_text("-----BEGIN PUBLIC KEY-----\nAAAA"), Ok(KeySource::Pem(_))));
        assert!(matches!(KeySource::from_text("keys/a.pub"), Ok(KeySource::File(_))));
    }
}
