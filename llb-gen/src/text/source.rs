//! A source file with its line index.

use std::fmt;
use std::sync::Arc;

use crate::llb::Loading;

/// A half-open range of bytes of one [`SourceFile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The bytes from `start` up to, not including, `end`. An `end` before `start` gives an empty span at `start`;
    /// positions above 4 GiB are clamped (files that large are refused long before).
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(end.max(start)) }
    }

    /// The first byte.
    #[must_use]
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// The byte after the last one.
    #[must_use]
    pub fn end(self) -> usize {
        self.end as usize
    }
}

/// A position as editors show it: both numbers count from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters (not bytes), counted from 1.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// First and last line (counted from 1, both included) that a span touches: what BuildKit's source maps hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineRange {
    /// First line.
    pub first: u32,
    /// Last line, never before the first.
    pub last: u32,
}

/// A file as it was read: its path as the user knows it and its bytes, which may be anything at all.
///
/// Cloning is cheap: the contents are shared.
#[derive(Clone)]
pub struct SourceFile {
    inner: Arc<Inner>,
}

struct Inner {
    path: String,
    bytes: Arc<[u8]>,
    /// Offsets of the first byte of every line.
    lines: Vec<u32>,
    loading: Option<Loading>,
}

impl SourceFile {
    /// A file with the `path` that diagnostics shall show (relative to the build context) and its `bytes`.
    #[must_use]
    pub fn new(path: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::loaded(path, bytes, None)
    }

    /// The same, with how the file was loaded, where that is known.
    #[must_use]
    pub fn loaded(path: impl Into<String>, bytes: impl Into<Arc<[u8]>>, loading: Option<Loading>) -> Self {
        let bytes = bytes.into();
        let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(starts).filter_map(|at| u32::try_from(at).ok()).collect();
        Self { inner: Arc::new(Inner { path: path.into(), bytes, lines, loading }) }
    }

    /// The path as the user knows it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.inner.path
    }

    /// The raw bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.inner.bytes
    }

    /// The raw bytes, shared rather than copied.
    #[must_use]
    pub fn shared_bytes(&self) -> Arc<[u8]> {
        Arc::clone(&self.inner.bytes)
    }

    /// How the file was loaded, where that is known.
    #[must_use]
    pub fn loading(&self) -> Option<&Loading> {
        self.inner.loading.as_ref()
    }

    /// How many lines the file has; an empty file has one.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.inner.lines.len()
    }

    /// The bytes of line `line` (counted from 1) without its line ending; empty for a line that does not exist.
    #[must_use]
    pub fn line(&self, line: u32) -> &[u8] {
        let index = (line as usize).saturating_sub(1);
        let Some(&start) = self.inner.lines.get(index) else { return &[] };
        let end = self.inner.lines.get(index + 1).map_or(self.bytes().len(), |next| *next as usize - 1);
        let bytes = &self.bytes()[start as usize..end];
        bytes.strip_suffix(b"\r").unwrap_or(bytes)
    }

    /// The bytes of the lines `first` to `last` (counted from 1, both included); empty where there are no such lines.
    #[must_use]
    pub fn span_of_lines(&self, first: u32, last: u32) -> Span {
        let start = |line: u32| {
            let index = (line as usize).saturating_sub(1);
            self.inner.lines.get(index).map_or(self.bytes().len(), |start| *start as usize)
        };
        Span::new(start(first), start(last) + self.line(last).len())
    }

    /// Where the byte at `offset` is. An offset past the end is taken as the end.
    #[must_use]
    pub fn location(&self, offset: usize) -> Location {
        let offset = offset.min(self.bytes().len());
        let line = self.inner.lines.partition_point(|start| *start as usize <= offset);
        let start = self.inner.lines[line - 1] as usize;
        let before = self.bytes()[start..offset].strip_prefix(BOM).unwrap_or(&self.bytes()[start..offset]);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Location { line: number(line), column: number(characters(before)).saturating_add(1) }
    }

    /// The lines that `span` touches.
    #[must_use]
    pub fn line_range(&self, span: Span) -> LineRange {
        let line = |offset: usize| {
            let offset = offset.min(self.bytes().len());
            let line = self.inner.lines.partition_point(|start| *start as usize <= offset);
            u32::try_from(line).unwrap_or(u32::MAX)
        };
        let first = line(span.start());
        let last_byte = span.end().saturating_sub(1).max(span.start());
        LineRange { first, last: line(last_byte).max(first) }
    }
}

/// Only the path: the bytes would drown any other debug output.
impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({:?}, {} bytes)", self.inner.path, self.inner.bytes.len())
    }
}

impl PartialEq for SourceFile {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
            || (self.inner.path == other.inner.path && self.inner.bytes == other.inner.bytes)
    }
}

impl Eq for SourceFile {}

/// The UTF-8 byte order mark, which no editor counts as a column.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Characters in `bytes`, counting an invalid byte as one.
pub(crate) fn characters(bytes: &[u8]) -> usize {
    bytes.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_skip_the_byte_order_mark() {
        let file = SourceFile::new("a.json", "\u{feff}é{\nab\r\n".as_bytes());
        assert_eq!(file.location(3), Location { line: 1, column: 1 });
        assert_eq!(file.location(5), Location { line: 1, column: 2 });
        assert_eq!(file.location(8), Location { line: 2, column: 2 });
        assert_eq!(file.line(2), b"ab");
        assert_eq!(file.line(9), b"");
    }

    #[test]
    fn a_span_that_ends_with_a_line_break_stays_on_its_lines() {
        let file = SourceFile::new("a", b"one\ntwo\nthree".as_slice());
        assert_eq!(file.line_range(Span::new(0, 4)), LineRange { first: 1, last: 1 });
        assert_eq!(file.line_range(Span::new(2, 9)), LineRange { first: 1, last: 3 });
        assert_eq!(file.line_range(Span::new(900, 900)), LineRange { first: 3, last: 3 });
    }
}
