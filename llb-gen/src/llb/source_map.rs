//! Which lines of which file an op comes from, so that clients can show them when it fails.

use std::cmp::Ordering;
use std::sync::Arc;

use bollard_buildkit_proto::pb;
use prost::Message as _;

use crate::ordered::ordered;

/// How files were loaded: what the filesystem that they were read from is made of. Provenance has it beside each file.
#[derive(Clone, Debug)]
pub struct Loading(Arc<pb::Definition>);

impl Loading {
    /// Bytes of a definition that is still worth repeating for each file that it loaded. A source and what is taken out of
    /// it are some hundred; what another build made and handed in may be anything.
    const MOST: usize = 4 << 10;

    /// The ops of this definition, without what is only said about them. Nothing for the empty one, and for one that is
    /// large.
    #[must_use]
    pub fn by(definition: &pb::Definition) -> Option<Self> {
        let metadata = definition.metadata.iter().map(|(digest, about)| {
            let description = about.description.clone();
            (digest.clone(), pb::OpMetadata { description, ..pb::OpMetadata::default() })
        });
        let (def, metadata) = (definition.def.clone(), ordered(metadata));
        let bare = pb::Definition { def, metadata, source: None };
        (!bare.def.is_empty() && bare.encoded_len() <= Self::MOST).then(|| Self(Arc::new(bare)))
    }

    /// The last op names all those below it.
    fn identity(&self) -> Option<&Vec<u8>> {
        self.0.def.last()
    }
}

impl PartialEq for Loading {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Loading {}

impl PartialOrd for Loading {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Loading {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

/// A file that ops come from (`pb.SourceInfo`): name, whole content, language.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceInfo {
    /// Name as the client should show it, relative to what the user named.
    pub filename: String,
    /// The whole file, byte for byte: clients cut their excerpts from it.
    pub data: Arc<[u8]>,
    /// Language name for highlighting (GitHub linguist's), `JSON`.
    pub language: String,
    /// How it was loaded, where that is known.
    pub loading: Option<Loading>,
}

impl SourceInfo {
    /// The wire form.
    pub fn to_pb(&self) -> pb::SourceInfo {
        pb::SourceInfo {
            filename: self.filename.clone(),
            data: self.data.to_vec(),
            language: self.language.clone(),
            definition: self.loading.as_ref().map(|loading| pb::Definition::clone(&loading.0)),
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
