//! A root filesystem that is looked at and never left.
//!
//! Paths are bytes below the root, without a leading slash. Symbolic links are followed *inside* of the root, as a
//! process would that has it as its `/`: the kernel does it (`openat2` with `RESOLVE_IN_ROOT`), or, where a sandbox has no
//! `openat2`, [`resolve`] does. Only regular files are ever opened for reading; a device or a fifo is refused before.

mod entry;
mod names;
mod resolve;
mod walk;

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

pub use entry::{Entry, Kind, Place, Wish};
pub use resolve::Canonical;
pub use walk::{Seen, WalkProblem};

/// Why something below a root could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// There is nothing of this name, or a link that leads nowhere.
    Missing,
    /// It is a directory, a device, a socket or a fifo.
    NotAFile,
    /// It has more bytes than may be read.
    TooBig {
        /// How many may.
        limit: u64,
    },
    /// Links lead in a circle, or through too many of them.
    Loop,
    /// What the kernel says.
    System(Errno),
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("it is not there"),
            Self::NotAFile => f.write_str("it is not a regular file"),
            Self::TooBig { limit } => write!(f, "it has more than {limit} bytes"),
            Self::Loop => f.write_str("its symbolic links lead in a circle"),
            Self::System(errno) => write!(f, "{errno}"),
        }
    }
}

impl From<Errno> for Problem {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Missing,
            Errno::LOOP => Self::Loop,
            other => Self::System(other),
        }
    }
}

/// What is above in one word.
pub type Result<T> = std::result::Result<T, Problem>;

/// A root filesystem.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    path: PathBuf,
    /// Whether `openat2` may be called here; found out by the first call.
    openat2: AtomicBool,
}

impl Root {
    /// The root filesystem that lies at `path` of the machine.
    ///
    /// # Errors
    /// It is not there, or no directory.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { fd, path: path.to_owned(), openat2: AtomicBool::new(true) })
    }

    /// Where it lies on the machine.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A regular file, opened for reading.
    ///
    /// # Errors
    /// There is none, or it is something else.
    pub fn file(&self, path: &[u8]) -> Result<File> {
        let look = self.open_below(path, OFlags::PATH)?;
        match kind_of(look.as_fd())? {
            FileType::RegularFile => {}
            _ => return Err(Problem::NotAFile),
        }
        Ok(File::from(self.open_below(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?))
    }

    /// A regular file that the walk has met, opened for reading: no link is followed on the way, and it is one call.
    ///
    /// # Errors
    /// It is not there any more, or became something else.
    pub fn plain_file(&self, path: &[u8]) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if self.openat2.load(Ordering::Relaxed) {
            let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
            match rustix::fs::openat2(&self.fd, path, flags, Mode::empty(), resolve) {
                Err(Errno::NOSYS | Errno::PERM) => self.openat2.store(false, Ordering::Relaxed),
                Err(Errno::AGAIN) => {}
                other => return Ok(File::from(other?)),
            }
        }
        if resolve::canonical(self.fd.as_fd(), path)? != path {
            return Err(Problem::Missing);
        }
        Ok(File::from(rustix::fs::openat(&self.fd, path, flags, Mode::empty())?))
    }

    /// All bytes of a regular file of at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Self::file`]; it is larger, or cannot be read.
    pub fn read(&self, path: &[u8], limit: u64) -> Result<Vec<u8>> {
        read_all(&self.file(path)?, limit)
    }

    /// The names in a directory, sorted, without `.` and `..`; of a directory that is larger than
    /// [`crate::limits::NAMES`] the first of them.
    ///
    /// # Errors
    /// It is not there, or no directory.
    pub fn names(&self, path: &[u8]) -> Result<Vec<Vec<u8>>> {
        let directory = self.open_below(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        walk::all_names(directory.as_fd())
    }

    /// Whether a directory is there, links followed.
    #[must_use]
    pub fn is_directory(&self, path: &[u8]) -> bool {
        self.open_below(path, OFlags::PATH | OFlags::DIRECTORY).is_ok()
    }

    /// Whether a regular file is there, links followed.
    #[must_use]
    pub fn is_file(&self, path: &[u8]) -> bool {
        self.open_below(path, OFlags::PATH).is_ok_and(|fd| kind_of(fd.as_fd()) == Ok(FileType::RegularFile))
    }

    /// When a file was last modified, in seconds since 1970, links followed.
    #[must_use]
    pub fn modified(&self, path: &[u8]) -> Option<i64> {
        let fd = self.open_below(path, OFlags::PATH).ok()?;
        Some(rustix::fs::statat(fd, "", AtFlags::EMPTY_PATH).ok()?.st_mtime)
    }

    /// What lies at a path, no link followed at its end.
    fn unfollowed(&self, path: &[u8]) -> Option<rustix::fs::Stat> {
        let fd = self.open_below(path, OFlags::PATH | OFlags::NOFOLLOW).ok()?;
        rustix::fs::statat(fd, "", AtFlags::EMPTY_PATH).ok()
    }

    /// Where a symbolic link leads, as it is written.
    ///
    /// # Errors
    /// It is not there, or no link.
    pub fn link(&self, path: &[u8]) -> Result<Vec<u8>> {
        let directory = resolve::canonical(self.fd.as_fd(), parent(path))?;
        let place = join(&directory, name(path));
        Ok(rustix::fs::readlinkat(&self.fd, place, Vec::new())?.into_bytes())
    }

    /// The path without any link in it: where the kernel would end up.
    ///
    /// # Errors
    /// A part of it is not there.
    pub fn canonical(&self, path: &[u8]) -> Result<Vec<u8>> {
        resolve::canonical(self.fd.as_fd(), path)
    }

    /// Walks everything once, links not followed. `proc`, `sys` and `dev` of the root, sockets, devices and fifos are left out.
    ///
    /// `wish` is asked for every entry, in no order, and says of it by its place whether it is wanted; a directory that is not
    /// is not gone into. `visit` gets what is, in the order of names, parents before children, and says whether the walk goes
    /// on. `problem` hears of what could not be gone into.
    pub fn walk(
        &self,
        wish: &mut dyn FnMut(Place<'_>) -> Wish,
        visit: &mut dyn FnMut(&Entry<'_>) -> bool,
        problem: &mut dyn FnMut(WalkProblem<'_>),
    ) -> Seen {
        walk::walk(self.fd.as_fd(), crate::limits::NAMES, wish, visit, problem)
    }

    /// Opens something below the root, links followed inside of it.
    fn open_below(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        let path = clean(path);
        if self.openat2.load(Ordering::Relaxed) {
            let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
            match rustix::fs::openat2(&self.fd, &path, flags, Mode::empty(), resolve) {
                Err(Errno::NOSYS | Errno::PERM) => self.openat2.store(false, Ordering::Relaxed),
                // The kernel saw the tree change under it and asks to be asked again.
                Err(Errno::AGAIN) => {}
                other => return Ok(other?),
            }
        }
        let path = resolve::canonical(self.fd.as_fd(), &path)?;
        let path = if path.is_empty() { b".".to_vec() } else { path };
        Ok(rustix::fs::openat(&self.fd, path, flags | OFlags::NOFOLLOW, Mode::empty())?)
    }
}

fn kind_of(fd: BorrowedFd<'_>) -> Result<FileType> {
    let stat = rustix::fs::statat(fd, "", AtFlags::EMPTY_PATH)?;
    Ok(FileType::from_raw_mode(stat.st_mode))
}

/// All bytes of an open file of at most `limit` bytes.
pub(crate) fn read_all(mut file: &File, limit: u64) -> Result<Vec<u8>> {
    let size = file.metadata().map_or(0, |found| found.len());
    if size > limit {
        return Err(Problem::TooBig { limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size + 1).unwrap_or(0));
    let read = Read::by_ref(&mut file).take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|e| {
        e.raw_os_error().map_or(Problem::System(Errno::IO), |raw| Errno::from_raw_os_error(raw).into())
    })?;
    if bytes.len() as u64 > limit { Err(Problem::TooBig { limit }) } else { Ok(bytes) }
}

/// A path below the root without leading slashes; the root itself is `.`.
fn clean(path: &[u8]) -> Vec<u8> {
    let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    match path.get(start..) {
        None | Some([]) => b".".to_vec(),
        Some(rest) => rest.to_vec(),
    }
}

/// `name` in the directory `parent`.
#[must_use]
pub fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    if parent.is_empty() {
        return name.to_vec();
    }
    [parent, b"/", name].concat()
}

/// The last part of a path.
#[must_use]
pub fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// A path without its last part; empty for what lies in the root.
#[must_use]
pub fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').and_then(|at| path.get(..at)).unwrap_or_default()
}

/// A path with `.`, `..` and doubled slashes worked out by its letters alone; `..` stops at the root.
#[must_use]
pub fn normal(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}

#[cfg(test)]
mod tests;
