//! Versions of templates, fragments and products.

use std::fmt;

use super::text_value::{Invalid, TextValue, quoted, text_value};

/// A semantic version (`N.N.N[-pre][+build]`), ordered as semver.org says: `0.9.0` before `0.10.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(semver::Version);

text_value!(Version);

impl TextValue for Version {
    const WHAT: &'static str = "a version";
    const FORM: &'static str =
        "three numbers such as \"0.1.0\", with an optional pre-release as in \"1.0.0-rc.1\"";
    const PATTERN: &'static str =
        r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$";
    const EXAMPLES: &'static [&'static str] = &["0.1.0", "1.0.0-rc.1"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let reason =
            |fault: semver::Error| Invalid::new(format!("{} is not a version: {fault}", quoted(text)));
        semver::Version::parse(text).map(Self).map_err(reason)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
