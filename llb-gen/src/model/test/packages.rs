//! Tests that look at what is installed.

use std::fmt;

use crate::model::contract::{Bound, Relation, bounds};
use crate::model::text_value::{Invalid, TextValue, checked_text, quoted, text_value};
use crate::model::value::Value;
use crate::text::Located;

/// `packages`: which packages are installed, and whether they are whole. Something is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackagesTest {
    /// Debian packages and their versions, in the order written.
    pub dpkg: Vec<(Located<DebianPackage>, Value<VersionRange>)>,
    /// Python distributions and their versions, in the order written.
    pub pip: Vec<(Located<DistributionName>, Value<VersionRange>)>,
    /// What Python distributions require is there (`pip check`).
    pub pip_check: bool,
    /// Files of Debian packages are what they were (`dpkg --verify`).
    pub dpkg_verify: bool,
    /// No Debian package is half installed (`dpkg --audit`).
    pub dpkg_audit: bool,
}

checked_text!(
    /// The name of a Debian package, with its architecture where that matters: `libc6`, `libc6:amd64`.
    DebianPackage
);

impl TextValue for DebianPackage {
    const WHAT: &'static str = "the name of a Debian package";
    const FORM: &'static str = "lower-case letters, digits, `+`, `-` and `.`, such as \"libstdc++6\"";
    const PATTERN: &'static str = "^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?$";
    const EXAMPLES: &'static [&'static str] = &["curl", "libc6:amd64"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let (name, arch) = text.split_once(':').map_or((text, None), |(name, arch)| (name, Some(arch)));
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let named = name.len() > 1
            && name.starts_with(lower)
            && name.chars().all(|c| lower(c) || matches!(c, '+' | '-' | '.'));
        let fits = arch.is_none_or(|arch| !arch.is_empty() && arch.chars().all(|c| lower(c) || c == '-'));
        match named && fits {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(format!("{} is not the name of a package", quoted(text)))),
        }
    }
}

checked_text!(
    /// The name of a Python distribution, however it is spelt.
    DistributionName
);

impl TextValue for DistributionName {
    const WHAT: &'static str = "the name of a Python distribution";
    const FORM: &'static str = "letters, digits, `-`, `_` and `.`, such as \"numpy\"";
    const PATTERN: &'static str = "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$";
    const EXAMPLES: &'static [&'static str] = &["numpy"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let inner = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        match edge(text.chars().next()) && edge(text.chars().next_back()) && inner {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(format!("{} is not the name of a distribution", quoted(text)))),
        }
    }
}

/// Versions that will do: `*` for any, or bounds that must all hold, `>=8,<9`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionRange(Vec<Bound>);

text_value!(VersionRange);

impl VersionRange {
    /// The bounds; empty for any version.
    #[must_use]
    pub fn bounds(&self) -> &[Bound] {
        &self.0
    }
}

impl TextValue for VersionRange {
    const WHAT: &'static str = "a range of versions";
    const FORM: &'static str =
        "`*`, or versions after `>=`, `>`, `<=`, `<`, `=` or `!=`, such as \">=1.26,<2\"";
    const PATTERN: &'static str = r"^(\*|\s*(>=|<=|!=|>|<|==?).+)$";
    const EXAMPLES: &'static [&'static str] = &["*", "=1.26.4", ">=1.26,<2"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        if text.trim() == "*" {
            return Ok(Self(Vec::new()));
        }
        // Beside what contracts take: the epochs of Debian and of Python.
        let range = bounds(text, ":!");
        range
            .map(Self)
            .map_err(|reason| Invalid::new(format!("{} is no range of versions: {reason}", quoted(text))))
    }
}

/// In one spelling: `*` or `>=8,<9`.
impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("*");
        }
        for (at, Bound { relation, version }) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let sign: &str = Relation::as_str(*relation);
            write!(f, "{comma}{sign}{version}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_one_spelling() {
        for (text, shown) in [
            ("*", "*"),
            ("==1.26.4", "=1.26.4"),
            (" >= 8 , <9", ">=8,<9"),
            ("=1:2.3-1~deb12u1", "=1:2.3-1~deb12u1"),
            ("!=2!1.0", "!=2!1.0"),
        ] {
            let range = VersionRange::from_text(text).map(|range| range.to_string());
            assert_eq!(range, Ok(shown.to_owned()), "{text}");
        }
        for wrong in ["", "8", "latest", ">=", ">=x", "~=1.0", "*,>1"] {
            assert!(VersionRange::from_text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_those_of_their_archives() {
        for right in ["curl", "libstdc++6", "libc6:amd64", "0ad"] {
            assert!(DebianPackage::from_text(right).is_ok(), "{right}");
        }
        for wrong in ["", "Curl", "curl=8", "libc6:", "-x", "a b"] {
            assert!(DebianPackage::from_text(wrong).is_err(), "{wrong}");
        }
        assert!(DistributionName::from_text("ruamel.yaml").is_ok());
        assert!(["", "numpy==1", "-a", "a-"].iter().all(|text| DistributionName::from_text(text).is_err()));
    }
}
