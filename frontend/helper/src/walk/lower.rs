//! The root as it was before the step.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::fs::CWD;
use rustix::io::Errno;

use super::content;
use super::scope::Scope;
use crate::fault::Fault;
use crate::sys::file::{self, Meta};

/// What is known about the root before the step.
#[derive(Debug)]
pub(crate) enum Lower {
    /// It is mounted: everything can be compared, contents too.
    Tree(OwnedFd),
    /// Its metadata were noted: entries by directory (the root is the empty path), sorted by name.
    Snapshot(BTreeMap<Vec<u8>, Vec<(Vec<u8>, Meta)>>),
    /// Nothing.
    Unknown,
}

impl Lower {
    /// The mounted root at `path`.
    ///
    /// # Errors
    /// There is no such directory.
    pub(crate) fn mounted(path: &[u8]) -> Result<Self, Fault> {
        file::open_dir(CWD, path)
            .map(Self::Tree)
            .map_err(|errno| Fault::path("open the lower root", path, errno))
    }

    /// Notes the metadata of everything in scope.
    ///
    /// # Errors
    /// A directory that cannot be read.
    pub(crate) fn snapshot(scope: &Scope) -> Result<Self, Fault> {
        let mut noted = BTreeMap::new();
        let mut path = Vec::new();
        note(scope, &mut path, &mut noted)
            .map_err(|errno| Fault::path("note what there is at", super::absolute(&path), errno))?;
        Ok(Self::Snapshot(noted))
    }

    /// Whether there is anything to compare with.
    pub(crate) fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// The metadata that `path` had; None if it was not there.
    pub(super) fn meta(&self, path: &[u8]) -> Result<Option<Meta>, Errno> {
        match self {
            Self::Tree(root) => Meta::of(root, relative(path)),
            Self::Snapshot(noted) => Ok(noted_meta(noted, path)),
            Self::Unknown => Ok(None),
        }
    }

    /// The sorted names that were in the directory `path`.
    pub(super) fn names(&self, path: &[u8]) -> Result<Vec<Vec<u8>>, Errno> {
        match self {
            Self::Tree(root) => file::names(&file::open_dir(root, relative(path))?),
            Self::Snapshot(noted) => {
                Ok(noted.get(path).into_iter().flatten().map(|(name, _)| name.clone()).collect())
            }
            Self::Unknown => Ok(Vec::new()),
        }
    }

    /// Whether what was at `path` with metadata `before` has the content of `name` in `dir` now, given that type, mode,
    /// owner and size are the same.
    pub(super) fn same_content(
        &self,
        path: &[u8],
        before: &Meta,
        dir: &OwnedFd,
        name: &[u8],
        now: &Meta,
    ) -> Result<bool, Errno> {
        match self {
            Self::Tree(root) => content::equal((root, relative(path)), (dir, name), now),
            // Bytes were not noted, so a file that was touched counts as changed. The target of a link cannot be
            // changed without making a new link.
            Self::Snapshot(_) if now.kind.is_file() => Ok(before.same_history(now)),
            Self::Snapshot(_) if now.kind.is_symlink() => Ok(before.inode == now.inode),
            Self::Snapshot(_) => Ok(true),
            Self::Unknown => Ok(false),
        }
    }
}

/// The root of the snapshot is noted as the entry with the empty name of the directory with the empty name.
fn noted_meta(noted: &BTreeMap<Vec<u8>, Vec<(Vec<u8>, Meta)>>, path: &[u8]) -> Option<Meta> {
    let split = path.iter().rposition(|&byte| byte == b'/');
    let (dir, name) = split.map_or((&b"/"[..], &b""[..]), |at| (&path[..at], &path[at + 1..]));
    let entries = noted.get(dir)?;
    let at = entries.binary_search_by(|(entry, _)| entry.as_slice().cmp(name)).ok()?;
    Some(entries[at].1.clone())
}

/// Walks like the walk that follows the step, without judging. `path` says where it was when it failed.
fn note(
    scope: &Scope,
    path: &mut Vec<u8>,
    noted: &mut BTreeMap<Vec<u8>, Vec<(Vec<u8>, Meta)>>,
) -> Result<(), Errno> {
    let root = file::open_dir(CWD, b"/")?;
    noted.insert(b"/".to_vec(), Meta::of(&root, b".")?.map(|meta| (Vec::new(), meta)).into_iter().collect());
    let mut pending = Vec::from([Vec::new()]);
    while let Some(at) = pending.pop() {
        path.clone_from(&at);
        let dir = file::open_dir(&root, relative(&at))?;
        let mut entries = Vec::new();
        for name in file::names(&dir)? {
            let full = super::joined(&at, &name);
            let meta = if scope.excludes(&full) { None } else { Meta::of(&dir, &name)? };
            let Some(meta) = meta.filter(|meta| !meta.is_mount) else { continue };
            if meta.kind.is_dir() {
                pending.push(full);
            }
            entries.push((name, meta));
        }
        noted.insert(at, entries);
    }
    Ok(())
}

/// A path as seen from the descriptor of its root.
pub(crate) fn relative(path: &[u8]) -> &[u8] {
    match path.strip_prefix(b"/").unwrap_or(path) {
        b"" => b".",
        relative => relative,
    }
}
