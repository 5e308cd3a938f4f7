//! What belongs to the image, and what is only mounted into it.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{Existed, Finding, Findings, Verdict};
use crate::mountinfo::Mounts;

/// The paths that a walk passes over, and the traces that mounting them leaves.
///
/// An engine makes a directory or an empty file for every mount point that the image does not have, before the step
/// starts, and removes it afterwards. Such *stubs* are no change, and neither is the time of the directory they are in.
#[derive(Debug)]
pub(crate) struct Scope {
    /// Mount points and excluded paths.
    excluded: BTreeSet<Vec<u8>>,
    /// The directories that these are in; the root is the empty path.
    parents: BTreeSet<Vec<u8>>,
    /// Every directory above a mount point.
    above_mounts: BTreeSet<Vec<u8>>,
}

impl Scope {
    /// The scope with the given mounts and excluded paths.
    pub(crate) fn new<'a>(mounts: &'a Mounts, excluded: impl Iterator<Item = &'a [u8]>) -> Self {
        let excluded: BTreeSet<Vec<u8>> = mounts.points().chain(excluded).map(<[u8]>::to_vec).collect();
        let parents = excluded.iter().map(|path| parent(path).to_vec()).collect();
        let above_mounts = mounts.points().flat_map(above).map(<[u8]>::to_vec).collect();
        Self { excluded, parents, above_mounts }
    }

    /// Whether a path is passed over, with everything below it.
    pub(crate) fn excludes(&self, path: &[u8]) -> bool {
        self.excluded.contains(path)
    }

    /// Whether anything in a directory is passed over.
    pub(crate) fn has_exclusions_in(&self, dir: &[u8]) -> bool {
        self.parents.contains(dir)
    }

    /// Whether the engine may have touched a directory to make a mount point.
    pub(crate) fn leads_to_mount(&self, path: &[u8]) -> bool {
        let path = if path == b"/" { b"" } else { path };
        self.above_mounts.contains(path)
    }

    /// Whether a path that was not there before may be a stub.
    pub(super) fn may_be_stub(&self, path: &[u8]) -> bool {
        self.leads_to_mount(path)
    }

    /// Removes the stubs from the findings: directories above mounts that hold nothing else. Where one holds more, it
    /// is a change after all, and so is the listing of its parent.
    pub(crate) fn drop_stubs(&self, findings: &mut Findings) {
        let is_new = |finding: &Finding| matches!(finding.verdict, Verdict::Changed(Existed::No, _));
        let (stubs, others): (Vec<usize>, Vec<usize>) = (0..findings.found.len())
            .partition(|&at| self.leads_to_mount(&findings.found[at].path) && is_new(&findings.found[at]));
        for at in stubs {
            let path = findings.found[at].path.clone();
            let below = [&path[..], b"/"].concat();
            if others.iter().any(|&other| findings.found[other].path.starts_with(&below)) {
                findings.mark_listing(super::absolute(parent(&path)));
            } else {
                findings.found[at].verdict = Verdict::Touched;
            }
        }
    }
}

/// The directory that a path is in; the root is the empty path.
pub(crate) fn parent(path: &[u8]) -> &[u8] {
    &path[..path.iter().rposition(|&byte| byte == b'/').unwrap_or(0)]
}

/// The directories above a path, from the root (as the empty path) on.
pub(crate) fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..path.len()).filter(|&end| path[end] == b'/').map(|end| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_above_a_path_begin_with_the_root() {
        assert_eq!(above(b"/a/b/c").collect::<Vec<_>>(), [&b""[..], b"/a", b"/a/b"]);
        assert_eq!(parent(b"/a"), b"");
        assert_eq!(parent(b"/a/b"), b"/a");
    }
}
