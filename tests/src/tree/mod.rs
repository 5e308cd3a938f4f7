//! Filesystem trees as images hold them: layers, what they come to, and how two trees differ.

mod apply;
mod diff;
mod layer;
mod pax;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use diff::{Difference, Ignore};
pub use layer::{LayerEntry, read_layer};

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Directory,
    /// A file.
    File {
        /// Its length in bytes.
        size: u64,
        /// The digest of its bytes.
        sha256: String,
    },
    /// A symbolic link, with the text of its target.
    Symlink(String),
    /// A character device with its major and minor numbers.
    CharacterDevice(u32, u32),
    /// A block device with its major and minor numbers.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
}

/// One entry of a tree, without its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Permissions with set-id and sticky bits (`0o7777` at most).
    pub mode: u32,
    /// Number of the owner.
    pub uid: u64,
    /// Number of the group.
    pub gid: u64,
    /// Time of the last change, in nanoseconds since 1970.
    pub mtime: i64,
    /// Extended attributes.
    pub xattrs: BTreeMap<String, Vec<u8>>,
    /// The other names of the same file.
    pub hard_links: BTreeSet<String>,
}

/// A tree: entries by their path from the root, without a slash in front (`etc/passwd`).
#[derive(Debug, Clone, Default)]
pub struct Tree {
    files: apply::Files,
}

impl Tree {
    /// The entry at `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Entry> {
        self.files.get(path)
    }

    /// The entry at `path`, which has to be there.
    #[track_caller]
    #[must_use]
    pub fn at(&self, path: &str) -> Entry {
        self.get(path)
            .unwrap_or_else(|| panic!("{path} is not in the image; there is {:?}", self.beside(path)))
    }

    /// What lies in the folder that `path` would lie in.
    fn beside(&self, path: &str) -> Vec<String> {
        let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let direct = |other: &String| other.strip_prefix(&folder).is_some_and(|name| !name.contains('/'));
        self.paths().filter(direct).take(40).collect()
    }

    /// All paths in order.
    pub fn paths(&self) -> impl Iterator<Item = String> + '_ {
        self.files.paths().cloned()
    }

    /// All entries by path.
    #[must_use]
    pub fn entries(&self) -> BTreeMap<String, Entry> {
        self.paths().map(|path| (path.clone(), self.at(&path))).collect()
    }

    /// Puts a layer over what is there.
    pub fn apply(&mut self, layer: Vec<LayerEntry>) {
        self.files.apply(layer);
    }
}

impl Entry {
    /// Digest of a file's bytes; nothing for what is no file.
    #[must_use]
    pub fn sha256(&self) -> Option<&str> {
        match &self.kind {
            Kind::File { sha256, .. } => Some(sha256),
            _ => None,
        }
    }

    /// Owner and group.
    #[must_use]
    pub fn owner(&self) -> (u64, u64) {
        (self.uid, self.gid)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory => write!(f, "directory"),
            Self::File { size, sha256 } => {
                write!(f, "file of {size} bytes {}", sha256.get(..19).unwrap_or(sha256))
            }
            Self::Symlink(target) => write!(f, "link to {target}"),
            Self::CharacterDevice(major, minor) => write!(f, "character device {major}:{minor}"),
            Self::BlockDevice(major, minor) => write!(f, "block device {major}:{minor}"),
            Self::Fifo => write!(f, "pipe"),
        }
    }
}
