//! The home folder of a new user, filled from `/etc/skel`.

use alloc::vec;
use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, chownat, fchmod, fchown, futimens,
    makedev, mkdirat, mknodat, openat, readlinkat, symlinkat, utimensat,
};
use rustix::io::Errno;

use super::files;
use crate::fault::Fault;
use crate::sys::file::{self, Meta};
use crate::sys::{Nanos, timespec};

/// What every new home folder begins with.
const SKELETON: &[u8] = b"/etc/skel";

/// What became of a home folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// It is there now.
    New,
    /// It was there, and is as it was.
    Before,
}

/// A home folder to make.
pub(super) struct Home<'a> {
    /// Where.
    pub(super) path: &'a [u8],
    /// User and group.
    pub(super) owner: (u32, u32),
    /// Permission bits.
    pub(super) mode: u32,
}

impl Home<'_> {
    /// Makes the folder, those above it as root's, and copies the skeleton.
    pub(super) fn make(&self) -> Result<Made, Fault> {
        if rustix::fs::stat(self.path).is_ok() {
            return Ok(Made::Before);
        }
        files::make_folders(self.path)?;
        let fault = |errno| Fault::path("make the home folder", self.path, errno);
        let home = file::open_folder(self.path).map_err(fault)?;
        match file::open_folder(SKELETON) {
            Ok(skeleton) => self.copy_folder(&skeleton, &home).map_err(fault)?,
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(errno) => return Err(Fault::path("read", SKELETON, errno)),
        }
        self.own(&home, self.mode).map_err(fault)?;
        Ok(Made::New)
    }

    fn copy_folder(&self, from: &OwnedFd, to: &OwnedFd) -> Result<(), Errno> {
        for name in file::names(from)? {
            let Some(meta) = Meta::of(from, &name)? else { continue };
            match meta.kind {
                FileType::Directory => {
                    mkdirat(to, name.as_slice(), Mode::from_raw_mode(0o700))?;
                    let folder = file::open_dir(to, &name)?;
                    self.copy_folder(&file::open_dir(from, &name)?, &folder)?;
                    self.finish(&folder, &meta)?;
                }
                FileType::RegularFile => self.copy_file(from, to, &name, &meta)?,
                FileType::Symlink => self.copy_link(from, to, &name, &meta)?,
                kind => {
                    let device = makedev(meta.rdev.0, meta.rdev.1);
                    mknodat(to, name.as_slice(), kind, Mode::from_raw_mode(meta.mode), device)?;
                    self.finish_by_name(to, &name, &meta)?;
                }
            }
        }
        Ok(())
    }

    fn copy_file(&self, from: &OwnedFd, to: &OwnedFd, name: &[u8], meta: &Meta) -> Result<(), Errno> {
        let source = file::open_file(from, name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let copy = openat(to, name, flags, Mode::from_raw_mode(0o600))?;
        let mut chunk = vec![0; file::CHUNK];
        loop {
            match file::fill(&source, &mut chunk)? {
                0 => return self.finish(&copy, meta),
                read => file::write_all(&copy, &chunk[..read])?,
            }
        }
    }

    /// A link into the skeleton leads into the copy.
    fn copy_link(&self, from: &OwnedFd, to: &OwnedFd, name: &[u8], meta: &Meta) -> Result<(), Errno> {
        let target = readlinkat(from, name, Vec::new())?.into_bytes();
        let target = match target.strip_prefix(SKELETON) {
            Some(rest) if rest.is_empty() || rest.starts_with(b"/") => [self.path, rest].concat(),
            _ => target,
        };
        symlinkat(target.as_slice(), to, name)?;
        self.finish_by_name(to, name, meta)
    }

    /// Owner first: the kernel takes set-user-id and set-group-id away with it.
    fn own(&self, fd: &OwnedFd, mode: u32) -> Result<(), Errno> {
        let (uid, gid) = self.ids();
        fchown(fd, uid, gid)?;
        fchmod(fd, Mode::from_raw_mode(mode))
    }

    fn finish(&self, fd: &OwnedFd, meta: &Meta) -> Result<(), Errno> {
        self.own(fd, meta.mode)?;
        futimens(fd, &times(meta.mtime))
    }

    fn finish_by_name(&self, dir: &OwnedFd, name: &[u8], meta: &Meta) -> Result<(), Errno> {
        let (uid, gid) = self.ids();
        chownat(dir, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        utimensat(dir, name, &times(meta.mtime), AtFlags::SYMLINK_NOFOLLOW)
    }

    fn ids(&self) -> (Option<Uid>, Option<Gid>) {
        (Some(Uid::from_raw(self.owner.0)), Some(Gid::from_raw(self.owner.1)))
    }
}

fn times(modified: Nanos) -> Timestamps {
    let time: Timespec = timespec(modified);
    Timestamps { last_access: time, last_modification: time }
}
