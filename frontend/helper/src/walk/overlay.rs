//! A short cut on overlay file systems, where engines give every step a new upper directory.
//!
//! A file can only be changed in the upper directory, and only after every directory above it was copied there. A copy
//! is a new inode, so its change time is not before the birth of the upper directory, which shows as the birth of the
//! root. A directory with an earlier change time was never copied, and nothing below it was touched.

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, StatxFlags, fstatfs, statx};

use crate::sys::file;
use crate::sys::{Nanos, SECOND};

/// The magic number of overlay file systems (statfs(2)).
const OVERLAYFS: i64 = 0x794c_7630;

/// How long before the step an engine may have made the root.
const SETTING_UP: Nanos = 60 * SECOND;

/// From when on a change belongs to the step. That is its start, but on a root that was made for it anything since: an
/// engine makes directories there before the step starts, the working directory for example.
pub(crate) fn first_change(started: Nanos) -> Nanos {
    let birth = file::open_dir(CWD, b"/").ok().and_then(|root| upper_birth(&root));
    birth.filter(|birth| (started - SETTING_UP..started).contains(birth)).unwrap_or(started)
}

/// When the upper directory of this root was made. None: it is no overlay, or the file system below does not say.
pub(super) fn upper_birth(root: &OwnedFd) -> Option<Nanos> {
    if fstatfs(root).ok()?.f_type as i64 != OVERLAYFS {
        return None;
    }
    let found = statx(root, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok()?;
    let says = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    says.then(|| file::nanos(found.stx_btime))
}
