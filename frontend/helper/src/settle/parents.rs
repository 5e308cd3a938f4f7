//! The directories above what a fragment touched: merging deltas gives them the metadata that they had for the fragment.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::changes::Parent;
use crate::fault::Fault;
use crate::sys::file::Meta;
use crate::walk::content::Content;
use crate::walk::lower::relative;
use crate::walk::scope::parent;
use crate::walk::{Finding, Findings, Verdict};

/// The directories above entries and deletions, sorted, without the root and those that are entries themselves.
///
/// # Errors
/// A directory that cannot be read.
pub(super) fn of(findings: &Findings, root: &OwnedFd) -> Result<Vec<Parent>, Fault> {
    let read = |&path: &&[u8]| {
        read(root, path)
            .transpose()
            .map(|found| found.map_err(|errno| Fault::path("look at the directory", path, errno)))
    };
    above(findings).iter().filter_map(read).collect()
}

fn read(root: &OwnedFd, path: &[u8]) -> Result<Option<Parent>, Errno> {
    let Some(meta) = Meta::of(root, relative(path))? else { return Ok(None) };
    let content = Content::of(root, relative(path), &meta)?;
    Ok(Some(Parent::new(path, &meta, &content)))
}

fn above(findings: &Findings) -> BTreeSet<&[u8]> {
    let is_entry = |finding: &&Finding| matches!(finding.verdict, Verdict::Changed(..));
    let entries = || findings.found.iter().filter(is_entry);
    let mut parents = BTreeSet::new();
    for path in entries().map(|entry| &entry.path).chain(&findings.deleted) {
        let mut dir = parent(path);
        while !dir.is_empty() && parents.insert(dir) {
            dir = parent(dir);
        }
    }
    for entry in entries().filter(|entry| entry.meta.kind.is_dir()) {
        parents.remove(entry.path.as_slice());
    }
    parents
}
