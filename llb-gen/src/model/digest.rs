//! Content digests.

use std::fmt;

use super::text_value::{Invalid, TextValue, quoted, text_value};

/// A `sha256:` digest with its 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

text_value!(Digest);

impl Digest {
    /// `sha256:` and the digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }
}

impl TextValue for Digest {
    const WHAT: &'static str = "a checksum";
    const FORM: &'static str = "`sha256:` and 64 lower-case hexadecimal digits";
    const PATTERN: &'static str = "^sha256:[0-9a-f]{64}$";

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let Some(hex) = text.strip_prefix("sha256:") else {
            return Err(Invalid::new(format!("{} does not begin with `sha256:`", quoted(text))));
        };
        if hex.chars().count() != 64 {
            return Err(Invalid::new(format!("the checksum has {} digits", hex.chars().count())));
        }
        match hex.chars().find(|c| !matches!(c, '0'..='9' | 'a'..='f')) {
            Some(wrong) => Err(Invalid::new(format!("the checksum holds `{}`", wrong.escape_debug()))),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
