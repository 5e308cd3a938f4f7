//! All faults of all files, in the order of their places.

use std::fmt;

use super::{Diagnostic, Severity, render};

/// One or more errors (and the warnings found beside them), sorted by file and position, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    all: Vec<Diagnostic>,
}

/// Warnings of a document that can be used; often empty.
pub type Warnings = Vec<Diagnostic>;

impl Diagnostics {
    /// Every diagnostic, sorted by path, position, rule and message.
    #[must_use]
    pub fn all(&self) -> &[Diagnostic] {
        &self.all
    }

    /// The errors alone.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.all.iter().filter(|one| one.severity() == Severity::Error)
    }

    /// For a terminal: each diagnostic with an excerpt of its line, carets below the culprit, and advice.
    #[must_use]
    pub fn excerpts(&self) -> String {
        render::excerpts(&self.all)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Self { all: vec![one] }
    }
}

/// One line each: `path:line:column: message`.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, one) in self.all.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{one}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Gathers diagnostics while a document is decoded and checked, so that none hides another.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    found: Vec<Diagnostic>,
}

impl Sink {
    /// Keeps `diagnostic`.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Keeps what there is.
    pub(crate) fn extend_with(&mut self, found: Option<Diagnostic>) {
        self.found.extend(found);
    }

    /// The value, or nothing after keeping the error.
    pub(crate) fn ok<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|fault| self.push(fault)).ok()
    }

    /// Whether nothing was kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Keeps all that `other` holds.
    pub(crate) fn append(&mut self, other: Self) {
        self.found.extend(other.found);
    }

    /// The first one that was kept.
    pub(crate) fn first(self) -> Option<Diagnostic> {
        self.found.into_iter().next()
    }

    /// Keeps all of `others`.
    pub(crate) fn extend(&mut self, others: Diagnostics) {
        self.found.extend(others.all);
    }

    /// `value` with the warnings, or the errors when there are any (or when there is no value).
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<(T, Warnings), Diagnostics> {
        self.sort();
        let failed = self.found.iter().any(|one| one.severity() == Severity::Error);
        match value {
            Some(value) if !failed => Ok((value, self.found)),
            _ => Err(Diagnostics { all: self.found }),
        }
    }

    fn sort(&mut self) {
        self.found = sorted(std::mem::take(&mut self.found));
    }
}

/// Diagnostics by path, position, rule and message, each once.
#[must_use]
pub fn sorted(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort_by(|a, b| key(a).cmp(&key(b)));
    found.dedup();
    found
}

fn key(one: &Diagnostic) -> (&str, usize, usize, &str, &str) {
    let (path, span) = (one.place().file().path(), one.place().span());
    (path, span.start(), span.end(), one.rule(), one.message())
}
