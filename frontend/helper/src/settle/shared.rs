//! Copies of shared files, as joining fragments needs them: a few small trees instead of whole roots.

use alloc::format;
use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timestamps, Uid, chownat, fchmod, fchown, mkdirat, openat, readlinkat,
    renameat, symlinkat, utimensat,
};
use rustix::io::Errno;

use crate::evidence::{Evidence, write_checked};
use crate::fault::Fault;
use crate::remove;
use crate::sys::file::{self, CHUNK, Meta};
use crate::sys::{self, Nanos};
use crate::walk::lower::relative;
use crate::walk::scope::{above, parent};

/// What they are in, in the evidence directory.
const NAME: &str = "databases";
/// The name until all is there.
const UNFINISHED: &str = ".databases.new";
/// Larger files are not copied, in bytes: no database is that large, and a log may be.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Which root the copies are of.
#[derive(Clone, Copy)]
pub(super) enum Side {
    /// The fragment's.
    Upper,
    /// The one that the fragment was built on.
    Lower,
}

impl Side {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Upper => b"upper",
            Self::Lower => b"lower",
        }
    }
}

/// The trees of copies.
pub(super) struct Copies {
    dir: OwnedFd,
    time: Nanos,
    /// Directories, those above first: their times can only be set when everything is in them.
    made: Vec<Vec<u8>>,
}

impl Copies {
    /// Begins with a tree without files for each side. Everything in them will have the given time.
    ///
    /// # Errors
    /// An evidence directory that cannot be written to.
    pub(super) fn begin(evidence: &Evidence, time: Nanos, sides: &[Side]) -> Result<Self, Fault> {
        let begin = || {
            remove::entry(evidence.dir(), UNFINISHED.as_bytes())?;
            let dir = make_dir(evidence.dir(), UNFINISHED.as_bytes(), None)?;
            let mut made = Vec::new();
            for side in sides {
                make_dir(&dir, side.name(), None)?;
                made.push(side.name().to_vec());
            }
            Ok(Self { dir, time, made })
        };
        begin().map_err(|errno| Fault::path("write the evidence", evidence.path(), errno))
    }

    /// Copies the file at `path` of a root, if there is one that is to be copied. The directories above it get the
    /// metadata that they have in the first of `models` that has them.
    ///
    /// # Errors
    /// A file that cannot be read, a copy that cannot be written.
    pub(super) fn add(
        &mut self,
        side: Side,
        root: &OwnedFd,
        path: &[u8],
        models: &[&OwnedFd],
    ) -> Result<(), Fault> {
        self.try_add(side, root, path, models)
            .map_err(|errno| Fault::path("copy the shared file", path, errno))
    }

    fn try_add(&mut self, side: Side, root: &OwnedFd, path: &[u8], models: &[&OwnedFd]) -> Result<(), Errno> {
        let Some(dir) = file::open_dir_below(root, parent(path))? else { return Ok(()) };
        let name = &path[parent(path).len() + 1..];
        let Some(meta) = Meta::of(&dir, name)? else { return Ok(()) };
        let is_file = meta.kind.is_file() && meta.size <= LARGEST;
        if !is_file && !meta.kind.is_symlink() {
            return Ok(());
        }
        self.make_parents(side, path, models)?;
        let copy = [side.name(), path].concat();
        if is_file {
            copy_file(&dir, name, &meta, &self.dir, &copy)?;
        } else {
            symlinkat(readlinkat(&dir, name, Vec::new())?, &self.dir, copy.as_slice())?;
            let (uid, gid) = (Uid::from_raw(meta.uid), Gid::from_raw(meta.gid));
            chownat(&self.dir, copy.as_slice(), Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        self.set_time(&copy)
    }

    fn make_parents(&mut self, side: Side, path: &[u8], models: &[&OwnedFd]) -> Result<(), Errno> {
        for dir in above(path).filter(|dir| !dir.is_empty()) {
            let copy = [side.name(), dir].concat();
            if Meta::of(&self.dir, &copy)?.is_some() {
                continue;
            }
            let known = models.iter().filter_map(|root| Meta::of(root, relative(dir)).ok().flatten());
            let like = known.into_iter().find(|meta| meta.kind.is_dir());
            make_dir(&self.dir, &copy, like.as_ref())?;
            self.made.push(copy);
        }
        Ok(())
    }

    /// Puts the trees into their place.
    ///
    /// # Errors
    /// An evidence directory that cannot be written to.
    pub(super) fn finish(self, evidence: &Evidence) -> Result<(), Fault> {
        let finish = || {
            self.made.iter().rev().try_for_each(|dir| self.set_time(dir))?;
            self.set_time(b".")?;
            remove::entry(evidence.dir(), NAME.as_bytes())?;
            renameat(evidence.dir(), UNFINISHED, evidence.dir(), NAME)
        };
        let path = || format!("{}/{NAME}", evidence.path().escape_ascii());
        finish().map_err(|errno| Fault::path("write the evidence", path().as_bytes(), errno))
    }

    fn set_time(&self, copy: &[u8]) -> Result<(), Errno> {
        let time = sys::timespec(self.time);
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(&self.dir, copy, &times, AtFlags::SYMLINK_NOFOLLOW)
    }
}

/// Makes a directory with mode and owner of another one; without one it is root's and open to all.
fn make_dir(dir: &OwnedFd, name: &[u8], like: Option<&Meta>) -> Result<OwnedFd, Errno> {
    mkdirat(dir, name, Mode::from_raw_mode(0o700))?;
    let made = file::open_dir(dir, name)?;
    let (uid, gid, mode) = like.map_or((0, 0, 0o755), |like| (like.uid, like.gid, like.mode));
    own(&made, uid, gid, mode)?;
    Ok(made)
}

/// In this order: a change of the owner clears bits of the mode.
fn own(fd: &OwnedFd, uid: u32, gid: u32, mode: u32) -> Result<(), Errno> {
    fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    fchmod(fd, Mode::from_raw_mode(mode))
}

fn copy_file(from: &OwnedFd, name: &[u8], meta: &Meta, into: &OwnedFd, copy: &[u8]) -> Result<(), Errno> {
    let source = file::open_file(from, name)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let target = openat(into, copy, flags, Mode::from_raw_mode(0o600))?;
    let mut chunk = alloc::vec![0; CHUNK];
    loop {
        let read = file::fill(&source, &mut chunk)?;
        write_checked(&target, &chunk[..read])?;
        if read < CHUNK {
            return own(&target, meta.uid, meta.gid, meta.mode);
        }
    }
}
