//! Which lines of which file an op comes from, so that clients can show them when it fails.

use std::sync::Arc;

use bollard_buildkit_proto::pb;

/// A file that ops come from (`pb.SourceInfo`): name, whole content, language.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceInfo {
    /// Name as the client should show it, relative to what the user named.
    pub filename: String,
    /// The whole file, byte for byte: clients cut their excerpts from it.
    pub data: Arc<[u8]>,
    /// Language name for highlighting (GitHub linguist's), `JSON`.
    pub language: String,
}

impl SourceInfo {
    /// The wire form.
    pub fn to_pb(&self) -> pb::SourceInfo {
        pb::SourceInfo {
            filename: self.filename.clone(),
            data: self.data.to_vec(),
            language: self.language.clone(),
            definition: None,
        }
    }
}

/// Lines of a file, first and last included, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineRange {
    start: u32,
    end: u32,
}

impl LineRange {
    /// Lines `start` to `end`. Line 0 is read as 1 and an end before the start as the start: a client shows nothing, or
    /// falls over, for a range that is not in order.
    pub fn new(start: u32, end: u32) -> Self {
        let start = start.max(1);
        Self { start, end: end.max(start) }
    }

    /// The first line.
    pub fn start(self) -> u32 {
        self.start
    }

    /// The last line.
    pub fn end(self) -> u32 {
        self.end
    }

    /// The wire form; both ends are always present, since clients dereference them unchecked.
    pub fn to_pb(self) -> pb::Range {
        let position =
            |line: u32| pb::Position { line: i32::try_from(line).unwrap_or(i32::MAX), character: 0 };
        pb::Range { start: Some(position(self.start)), end: Some(position(self.end)) }
    }
}

/// A place an op comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The file.
    pub file: Arc<SourceInfo>,
    /// The lines.
    pub lines: LineRange,
}
