//! One walk over two roots at once. Times say nothing here: what came before was done by steps, by file operations and by
//! unpacking layers.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::databases::is_shared;
use crate::fault::Fault;
use crate::sys::file::{self, Meta};
use crate::walk::content::{self, Content};
use crate::walk::scope::Scope;
use crate::walk::{Existed, Finding, Findings, Verdict, absolute, push};

/// In what a root differs from the one that it was made from.
pub(super) struct Difference {
    /// Changed and deleted paths; of the others those whose time of modification differs, and names of files with several.
    pub(super) findings: Findings,
    /// Shared files among what was changed and all that was deleted.
    pub(super) shared: BTreeSet<Vec<u8>>,
}

/// Something in the root of now, and in the one of before.
struct Pair<T> {
    now: T,
    before: T,
}

/// A directory of either root, or of both, on the way down.
struct Frame {
    dirs: Pair<Option<OwnedFd>>,
    path_len: usize,
    /// Names still to go into, and whether they are directories in each root.
    pending: Vec<(Vec<u8>, Pair<bool>)>,
}

/// The walk.
pub(super) struct Comparison<'a> {
    scope: &'a Scope,
    difference: Difference,
    path: Vec<u8>,
}

impl<'a> Comparison<'a> {
    /// A comparison of what is in scope.
    pub(super) fn new(scope: &'a Scope) -> Self {
        let difference = Difference { findings: Findings::default(), shared: BTreeSet::new() };
        Self { scope, difference, path: Vec::new() }
    }

    /// Compares `root` with `lower`.
    ///
    /// # Errors
    /// A file or directory of either that cannot be read.
    pub(super) fn run(mut self, root: &OwnedFd, lower: &OwnedFd) -> Result<Difference, Fault> {
        match self.walk(root, lower) {
            Ok(()) => {
                self.scope.drop_stubs(&mut self.difference.findings);
                Ok(self.difference)
            }
            Err(errno) => Err(Fault::path("compare with the lower root", absolute(&self.path), errno)),
        }
    }

    fn walk(&mut self, root: &OwnedFd, lower: &OwnedFd) -> Result<(), Errno> {
        let here = |dir| file::open_dir(dir, b".").map(Some);
        let dirs = Pair { now: here(root)?, before: here(lower)? };
        self.judge(&dirs, b".")?;
        let mut frames = Vec::from([self.enter(dirs)?]);
        while let Some(frame) = frames.last_mut() {
            self.path.truncate(frame.path_len);
            let Some((name, are_dirs)) = frame.pending.pop() else {
                frames.pop();
                continue;
            };
            push(&mut self.path, &name);
            let now = open(&frame.dirs.now, &name, are_dirs.now)?;
            let before = open(&frame.dirs.before, &name, are_dirs.before)?;
            frames.push(self.enter(Pair { now, before })?);
        }
        Ok(())
    }

    /// Judges every entry that the directory at `self.path` has in either root.
    fn enter(&mut self, dirs: Pair<Option<OwnedFd>>) -> Result<Frame, Errno> {
        let path_len = self.path.len();
        let has_exclusions = self.scope.has_exclusions_in(&self.path);
        let mut pending = Vec::new();
        for name in united(names(&dirs.now)?, names(&dirs.before)?) {
            self.path.truncate(path_len);
            push(&mut self.path, &name);
            if has_exclusions && self.scope.excludes(&self.path) {
                continue;
            }
            let are_dirs = self.judge(&dirs, &name)?;
            if are_dirs.now || are_dirs.before {
                pending.push((name, are_dirs));
            }
        }
        self.path.truncate(path_len);
        pending.reverse();
        Ok(Frame { dirs, path_len, pending })
    }

    /// Judges the entry at `self.path`. Returns in which roots there is a directory to go into.
    fn judge(&mut self, dirs: &Pair<Option<OwnedFd>>, name: &[u8]) -> Result<Pair<bool>, Errno> {
        let found = Pair { now: meta(&dirs.now, name)?, before: meta(&dirs.before, name)? };
        // The root itself is a mount, but not one inside of the root.
        if found.now.as_ref().is_some_and(|now| now.is_mount) && !self.path.is_empty() {
            return Ok(Pair { now: false, before: false });
        }
        let is_dir = |meta: &Option<Meta>| meta.as_ref().is_some_and(|meta| meta.kind.is_dir());
        let are_dirs = Pair { now: is_dir(&found.now), before: is_dir(&found.before) };
        match (found.now, found.before, &dirs.now, &dirs.before) {
            (Some(now), Some(before), Some(dir), Some(lower)) => {
                self.compare((dir, name), (lower, name), now, &before)?;
            }
            (Some(now), _, Some(dir), _) => self.changed(dir, name, now, Existed::No)?,
            (None, Some(_), _, _) => self.gone(dirs.now.is_some()),
            _ => {}
        }
        Ok(are_dirs)
    }

    /// Judges an entry that both roots have.
    fn compare(
        &mut self,
        at: (&OwnedFd, &[u8]),
        lower: (&OwnedFd, &[u8]),
        now: Meta,
        before: &Meta,
    ) -> Result<(), Errno> {
        // The same inode, seen through two mounts: engines share files between snapshots.
        let is_one = now.inode.2 == before.inode.2 && now.same_history(before);
        let is_same = is_one || (now.same_attributes(before) && content::equal(lower, at, before)?);
        if !is_same {
            return self.changed(at.0, at.1, now, Existed::Yes);
        }
        let has_names = now.links > 1 && !now.kind.is_dir();
        if has_names || now.mtime != before.mtime {
            self.add(now, Verdict::Same(before.mtime));
        }
        Ok(())
    }

    fn changed(&mut self, dir: &OwnedFd, name: &[u8], meta: Meta, existed: Existed) -> Result<(), Errno> {
        let content = Content::of(dir, name, &meta)?;
        self.note_shared();
        self.add(meta, Verdict::Changed(existed, content));
        Ok(())
    }

    /// Notes that what was at `self.path` is not there any more.
    fn gone(&mut self, is_topmost: bool) {
        self.note_shared();
        if is_topmost {
            self.difference.findings.deleted.push(self.path.clone());
        }
    }

    fn note_shared(&mut self) {
        if is_shared(&self.path) {
            self.difference.shared.insert(self.path.clone());
        }
    }

    fn add(&mut self, meta: Meta, verdict: Verdict) {
        let path = absolute(&self.path).to_vec();
        self.difference.findings.found.push(Finding { path, meta, verdict });
    }
}

fn meta(dir: &Option<OwnedFd>, name: &[u8]) -> Result<Option<Meta>, Errno> {
    dir.as_ref().map_or(Ok(None), |dir| Meta::of(dir, name))
}

fn open(dir: &Option<OwnedFd>, name: &[u8], is_dir: bool) -> Result<Option<OwnedFd>, Errno> {
    dir.as_ref().filter(|_| is_dir).map(|dir| file::open_dir(dir, name)).transpose()
}

fn names(dir: &Option<OwnedFd>) -> Result<Vec<Vec<u8>>, Errno> {
    dir.as_ref().map_or(Ok(Vec::new()), file::names)
}

/// The names that are in either of two sorted lists, sorted, each once.
fn united(mut names: Vec<Vec<u8>>, others: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    if names != others {
        names.extend(others);
        names.sort_unstable();
        names.dedup();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_united() {
        let list = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>();
        for (a, b, expected) in [
            (&["a", "c"][..], &["b", "c"][..], &["a", "b", "c"][..]),
            (&[], &["x"], &["x"]),
            (&["x"], &["x"], &["x"]),
        ] {
            assert_eq!(united(list(a), list(b)), list(expected));
        }
    }
}
