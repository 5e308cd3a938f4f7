//! Lines of a file as the client shows them: inside errors, warnings and subrequests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard_buildkit_proto::pb;
use llb_gen::text::{Place, SourceFile};
use serde::Serialize;

/// Linguist's name of what manifests, templates and fragments are written in.
const LANGUAGE: &str = "JSON";

/// A file and a range of it: the body of the error detail `errdefs.Source`.
#[derive(Debug, Serialize)]
pub struct Excerpt {
    info: FileJson,
    ranges: [RangeJson; 1],
}

impl Excerpt {
    /// The lines that a place covers.
    pub fn of(place: &Place) -> Self {
        Self { info: FileJson::of(place.file()), ranges: [RangeJson::of(place)] }
    }
}

/// A whole file.
#[derive(Debug, Serialize)]
pub struct FileJson {
    filename: String,
    data: String,
    language: &'static str,
}

impl FileJson {
    /// The file as JSON carries it.
    pub fn of(file: &SourceFile) -> Self {
        Self { filename: file.path().to_owned(), data: base64(file.bytes()), language: LANGUAGE }
    }
}

/// Standard base64, as Go writes byte slices in JSON.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Bytes from standard base64.
///
/// # Errors
/// When the text is not base64.
pub fn from_base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    STANDARD.decode(text)
}

/// A range whose two ends are always there: a client dereferences both without a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RangeJson {
    start: PositionJson,
    end: PositionJson,
}

/// Lines count from 1, characters from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct PositionJson {
    line: u32,
    character: u32,
}

impl RangeJson {
    /// The range of a place.
    pub fn of(place: &Place) -> Self {
        let (start, lines) = (place.start(), place.lines());
        let end = place.end();
        let character = if end.line == lines.last { end.column - 1 } else { 0 };
        Self {
            start: PositionJson { line: lines.first, character: start.column - 1 },
            end: PositionJson { line: lines.last, character },
        }
    }
}

/// The file for a message.
pub fn source_info(file: &SourceFile) -> pb::SourceInfo {
    pb::SourceInfo {
        filename: file.path().to_owned(),
        data: file.bytes().to_vec(),
        language: LANGUAGE.to_owned(),
        definition: None,
    }
}

/// The range for a message.
pub fn range(place: &Place) -> pb::Range {
    let json = RangeJson::of(place);
    let position = |position: PositionJson| pb::Position {
        line: i32::try_from(position.line).unwrap_or(i32::MAX),
        character: i32::try_from(position.character).unwrap_or(i32::MAX),
    };
    pb::Range { start: Some(position(json.start)), end: Some(position(json.end)) }
}
