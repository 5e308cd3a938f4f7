//! Files, by directory descriptor and name, never through a symbolic link.

use alloc::vec;
use alloc::vec::Vec;
use core::mem::MaybeUninit;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawDir, Statx, StatxAttributes, StatxFlags, StatxTimestamp, openat,
    statx,
};
use rustix::io::Errno;

use super::{Nanos, SECOND};

/// How much is read from a file or a directory at once, in bytes.
pub(crate) const CHUNK: usize = 64 * 1024;

/// What `statx` says about an inode, as far as changes are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meta {
    /// Regular file, directory, symbolic link, …
    pub(crate) kind: FileType,
    /// Permission bits with set-user-id, set-group-id and sticky.
    pub(crate) mode: u32,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Bytes.
    pub(crate) size: u64,
    /// Major and minor number of a device file.
    pub(crate) rdev: (u32, u32),
    /// The file's identity: device (major, minor) and inode.
    pub(crate) inode: (u32, u32, u64),
    /// Names of the inode.
    pub(crate) links: u32,
    /// Last change of the contents.
    pub(crate) mtime: Nanos,
    /// Last change of anything.
    pub(crate) ctime: Nanos,
    /// Something else is mounted here.
    pub(crate) is_mount: bool,
}

impl Meta {
    /// Metadata of `name` in `dir`; None if there is no such file. A symbolic link is itself, not its target.
    pub(crate) fn of(dir: impl AsFd, name: &[u8]) -> Result<Option<Self>, Errno> {
        match statx(dir, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS) {
            Ok(found) => Ok(Some(Self::from(&found))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Same type, mode, owner, and for files and devices the same size and number.
    pub(crate) fn same_attributes(&self, other: &Self) -> bool {
        let same = self.kind == other.kind
            && self.mode == other.mode
            && self.uid == other.uid
            && self.gid == other.gid;
        same && (self.kind.is_dir() || (self.size == other.size && self.rdev == other.rdev))
    }

    /// Nothing at all has happened to the one that has not happened to the other.
    pub(crate) fn same_history(&self, other: &Self) -> bool {
        self.same_attributes(other) && self.ctime == other.ctime && self.mtime == other.mtime
    }
}

impl From<&Statx> for Meta {
    fn from(found: &Statx) -> Self {
        Self {
            kind: FileType::from_raw_mode(found.stx_mode.into()),
            mode: u32::from(found.stx_mode) & 0o7777,
            uid: found.stx_uid,
            gid: found.stx_gid,
            size: found.stx_size,
            rdev: (found.stx_rdev_major, found.stx_rdev_minor),
            inode: (found.stx_dev_major, found.stx_dev_minor, found.stx_ino),
            links: found.stx_nlink,
            mtime: nanos(found.stx_mtime),
            ctime: nanos(found.stx_ctime),
            is_mount: found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT),
        }
    }
}

/// A time as `statx` gives it.
pub(crate) fn nanos(time: StatxTimestamp) -> Nanos {
    Nanos::from(time.tv_sec) * SECOND + Nanos::from(time.tv_nsec)
}

/// Opens a directory, not through a symbolic link in the last component of `name`.
pub(crate) fn open_dir(dir: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    openat(dir, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Opens a directory by absolute path with no symbolic link in any component. None if it is not there as such.
pub(crate) fn open_dir_path(path: &[u8]) -> Result<Option<OwnedFd>, Errno> {
    open_dir_below(&open_dir(CWD, b"/")?, path)
}

/// The same, with the path seen from another root.
pub(crate) fn open_dir_below(root: &OwnedFd, path: &[u8]) -> Result<Option<OwnedFd>, Errno> {
    let mut dir = open_dir(root, b".")?;
    for component in path.split(|&byte| byte == b'/').filter(|component| !component.is_empty()) {
        dir = match open_dir(&dir, component) {
            Ok(dir) => dir,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(errno) => return Err(errno),
        };
    }
    Ok(Some(dir))
}

/// Opens a regular file to read, not through a symbolic link.
pub(crate) fn open_file(dir: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    openat(dir, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
}

/// The names in a directory, sorted, without `.` and `..`.
pub(crate) fn names(dir: &OwnedFd) -> Result<Vec<Vec<u8>>, Errno> {
    let mut buffer = vec![MaybeUninit::uninit(); CHUNK / 2];
    let mut entries = RawDir::new(dir, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        match entry?.file_name().to_bytes() {
            b"." | b".." => {}
            name => names.push(name.to_vec()),
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Opens a directory by path, following links.
pub(crate) fn open_folder(path: &[u8]) -> Result<OwnedFd, Errno> {
    openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// The names in a directory by path, following links; none where it cannot be read.
pub(crate) fn names_at(path: &[u8]) -> Vec<Vec<u8>> {
    open_folder(path).and_then(|dir| names(&dir)).unwrap_or_default()
}

/// Reads a whole file by path, following links: for the few small files of the image that the helper reads itself.
pub(crate) fn read(path: &[u8]) -> Result<Vec<u8>, Errno> {
    let fd = openat(CWD, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    let mut all = Vec::new();
    let mut chunk = vec![0; 8192];
    loop {
        match fill(&fd, &mut chunk)? {
            0 => return Ok(all),
            read => all.extend_from_slice(&chunk[..read]),
        }
    }
}

/// Reads until the buffer is full or the file ends, and returns the number of bytes.
pub(crate) fn fill(fd: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    let mut filled = 0;
    while filled < buffer.len() {
        match rustix::io::read(fd, &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(filled)
}

/// Reads the beginning of a regular file by path, following links.
pub(crate) fn read_start(path: &[u8], size: usize) -> Result<Vec<u8>, Errno> {
    let fd = openat(CWD, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    let mut start = Vec::new();
    while start.len() < size {
        let filled = start.len();
        start.resize(size.min(filled + CHUNK), 0);
        let read = fill(&fd, &mut start[filled..])?;
        start.truncate(filled + read);
        if read == 0 {
            break;
        }
    }
    Ok(start)
}

/// Writes everything.
///
/// # Errors
/// What the kernel says; an end of writing before all is written is an I/O error.
pub(crate) fn write_all(fd: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
