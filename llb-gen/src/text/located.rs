//! Values that remember where they were written.

use std::fmt;
use std::ops::Deref;

use super::{LineRange, Location, SourceFile, Span};

/// A range of one file.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    file: SourceFile,
    span: Span,
}

impl Place {
    /// The bytes `span` of `file`.
    #[must_use]
    pub fn new(file: &SourceFile, span: Span) -> Self {
        Self { file: file.clone(), span }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &SourceFile {
        &self.file
    }

    /// The bytes in the file.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Where the range begins.
    #[must_use]
    pub fn start(&self) -> Location {
        self.file.location(self.span.start())
    }

    /// Where the range ends (the position after its last character).
    #[must_use]
    pub fn end(&self) -> Location {
        self.file.location(self.span.end())
    }

    /// The lines that the range touches.
    #[must_use]
    pub fn lines(&self) -> LineRange {
        self.file.line_range(self.span)
    }
}

/// `path:line:column`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.path(), self.start())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A value and the place where it was written. Dereferences to the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Located<T> {
    value: T,
    place: Place,
}

impl<T> Located<T> {
    /// `value`, written at `place`.
    pub fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }

    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Where it was written.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The value alone.
    pub fn into_value(self) -> T {
        self.value
    }

    /// Another value at the same place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: change(self.value), place: self.place }
    }
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Located<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.value, self.place)
    }
}
