//! Faults and warnings: what is wrong, where, what was expected, and the nearest thing that would have been right.

mod collect;
mod near;
mod render;

use std::fmt;

use crate::text::Place;

pub(crate) use collect::Sink;
pub use collect::{Diagnostics, Warnings, sorted};
pub use near::{listed, nearest};

/// How much a [`Diagnostic`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document cannot be used.
    Error,
    /// The document can be used, but probably says something else than its author meant.
    Warning,
    /// The document can be used and may well say what its author meant: said only to those who ask.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A second place that explains the first, such as the earlier of two equal keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What is to be seen there: a lower-case fragment.
    pub message: String,
}

/// One fault or warning. Small (one pointer), so it serves as the error of a `Result`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    severity: Severity,
    rule: &'static str,
    message: String,
    place: Place,
    expected: Option<String>,
    help: Option<String>,
    labels: Vec<Label>,
}

impl Diagnostic {
    /// An error under the stable kebab-case name `rule`, at `place`; `message` is a lower-case fragment.
    #[must_use]
    pub fn error(rule: &'static str, place: &Place, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, rule, place, message.into())
    }

    /// A warning, in the same form as [`Diagnostic::error`].
    #[must_use]
    pub fn warning(rule: &'static str, place: &Place, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, rule, place, message.into())
    }

    /// A note, in the same form as [`Diagnostic::error`].
    #[must_use]
    pub fn note(rule: &'static str, place: &Place, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, rule, place, message.into())
    }

    /// The same as an error: somebody wants it to end the build.
    #[must_use]
    pub fn escalated(mut self) -> Self {
        self.0.severity = Severity::Error;
        self
    }

    fn new(severity: Severity, rule: &'static str, place: &Place, message: String) -> Self {
        let place = place.clone();
        Self(Box::new(Parts {
            severity,
            rule,
            message,
            place,
            expected: None,
            help: None,
            labels: Vec::new(),
        }))
    }

    /// Says what would have been right, such as "a string".
    #[must_use]
    pub fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.0.expected = Some(expected.into());
        self
    }

    /// Adds advice, such as "did you mean `dest`?".
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Adds the advice when there is one.
    #[must_use]
    pub fn maybe_help(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// Shows a second place.
    #[must_use]
    pub fn label(mut self, place: &Place, message: impl Into<String>) -> Self {
        self.0.labels.push(Label { place: place.clone(), message: message.into() });
        self
    }

    /// Error, warning or note.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.0.severity
    }

    /// The stable kebab-case name of the rule that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.0.rule
    }

    /// What is wrong: a lower-case fragment that fits after "failed to check: ".
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// What would have been right.
    #[must_use]
    pub fn expected(&self) -> Option<&str> {
        self.0.expected.as_deref()
    }

    /// Advice.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// Further places, in the order in which they help.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.0.labels
    }
}

/// `path:line:column: message (expected …; advice)`, on one line.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        render::line(self, f)
    }
}

impl std::error::Error for Diagnostic {}
