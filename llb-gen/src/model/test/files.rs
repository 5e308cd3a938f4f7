//! Tests that look at files.

use super::Matches;
use crate::model::owner::{FileMode, Owner};
use crate::model::path::ImagePath;
use crate::model::quantity::ByteSize;
use crate::model::value::Value;
use crate::text::Place;

/// What must be true of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTest {
    /// The path; relative ones begin at the image's workdir.
    pub path: Value<ImagePath>,
    /// Whether it must be there. Where not, nothing else is asked.
    pub exists: bool,
    /// What it must be.
    pub kind: Option<FileType>,
    /// Whose it must be.
    pub owner: Option<Value<Owner>>,
    /// Its mode.
    pub mode: Option<Value<FileMode>>,
    /// Its largest size; of a folder, of everything below it together.
    pub max_size: Option<Value<ByteSize>>,
    /// Its smallest size.
    pub min_size: Option<Value<ByteSize>>,
    /// What is in it.
    pub content: Matches,
    /// Where the link points.
    pub target: Option<Value<String>>,
    /// Nothing has a set-user-id or set-group-id bit.
    pub no_setuid: bool,
    /// Nothing can be written by everybody.
    pub no_world_writable: bool,
    /// There is nothing in it.
    pub empty: bool,
    /// The item's object.
    pub place: Place,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileType {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link, which is looked at itself.
    Symlink,
}

impl FileType {
    /// The word for it: `file`, `dir` or `symlink`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Dir => "dir",
            Self::Symlink => "symlink",
        }
    }
}
