//! Arguments: what `--build-arg` and a manifest may set.

use super::name::ArgName;
use super::value::Value;
use crate::text::{Located, Place};

/// The declaration of one argument in a manifest, template or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    /// Its name.
    pub name: Located<ArgName>,
    /// What it may hold.
    pub kind: ArgKind,
    /// Its value unless something sets another.
    pub default: Option<Value<String>>,
    /// For people.
    pub description: Option<String>,
    /// The whole declaration.
    pub place: Place,
}

/// What an argument may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgKind {
    /// Any text, or text that matches a pattern as a whole.
    Text {
        /// A regular expression.
        pattern: Option<Pattern>,
    },
    /// A whole number within its bounds.
    Int {
        /// The smallest one allowed.
        minimum: Option<i64>,
        /// The largest one allowed.
        maximum: Option<i64>,
    },
    /// `true` or `false`.
    Bool,
    /// One of a list.
    Enum {
        /// The list, never empty.
        values: Vec<String>,
    },
    /// A platform variable (`TARGETARCH`, …) that the fragment wants in its steps' environment.
    Platform,
}

/// The variables that every expansion knows without a declaration, as in a Dockerfile.
pub const PLATFORM_VARIABLES: [&str; 8] = [
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
];

/// A regular expression that must match a value as a whole.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    compiled: regex_lite::Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Compiles `text`.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let anchored = format!("^(?:{text})$");
        let build = regex_lite::RegexBuilder::new(&anchored).size_limit(1 << 20).nest_limit(50).build();
        let compiled = build.map_err(|fault| fault.to_string())?;
        Ok(Self { text: text.to_owned(), compiled })
    }

    /// Whether all of `value` matches.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        self.compiled.is_match(value)
    }
}

impl ArgKind {
    /// Checks a value; what is wrong with it and what was expected otherwise.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        let (fits, expected) = match self {
            Self::Text { pattern: None } | Self::Platform => (true, String::new()),
            Self::Text { pattern: Some(pattern) } => {
                (pattern.matches(value), format!("a text that matches `{}`", pattern.as_str()))
            }
            Self::Bool => (matches!(value, "true" | "false"), "`true` or `false`".to_owned()),
            Self::Enum { values } => {
                let list = crate::diagnostic::listed(values.iter().map(String::as_str));
                (values.iter().any(|one| one == value), format!("one of {list}"))
            }
            Self::Int { minimum, maximum } => {
                let fits = value.parse::<i64>().is_ok_and(|number| {
                    minimum.is_none_or(|least| number >= least) && maximum.is_none_or(|most| number <= most)
                });
                (fits, bounds(*minimum, *maximum))
            }
        };
        if fits { Ok(()) } else { Err(expected) }
    }
}

fn bounds(minimum: Option<i64>, maximum: Option<i64>) -> String {
    match (minimum, maximum) {
        (None, None) => "a whole number".to_owned(),
        (Some(least), None) => format!("a whole number from {least}"),
        (None, Some(most)) => format!("a whole number up to {most}"),
        (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
    }
}
