//! One entry of the walk.

use std::cell::OnceCell;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::{Problem, Result, Root, read_all};
use crate::limits;

/// What an entry is; everything else is left out of the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, not followed.
    Symlink,
}

/// Whether an entry is wanted, as far as its place alone says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// It is not.
    No,
    /// Where it is a regular file that somebody may execute. That costs a system call, so that no name should ask for it
    /// without need.
    IfExecutable,
    /// It is.
    Yes,
}

impl Wish {
    /// As two words say.
    #[must_use]
    pub fn yes_if(wanted: bool) -> Self {
        if wanted { Self::Yes } else { Self::No }
    }
}

/// Where an entry of the walk lies, and what it is: all that reading a directory says.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    path: &'a [u8],
    /// Where the name starts.
    start: usize,
    kind: Kind,
}

impl<'a> Place<'a> {
    pub(super) fn new(path: &'a [u8], start: usize, kind: Kind) -> Self {
        Self { path, start, kind }
    }

    /// Where it lies below the root.
    #[must_use]
    pub fn path(&self) -> &'a [u8] {
        self.path
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.path.get(self.start..).unwrap_or_default()
    }

    /// The directory that it lies in, below the root.
    #[must_use]
    pub fn parent(&self) -> &'a [u8] {
        self.path.get(..self.start.saturating_sub(1)).unwrap_or_default()
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.kind == Kind::File
    }
}

/// One entry of the walk. What costs a system call is asked for once and remembered.
#[derive(Debug)]
pub struct Entry<'a> {
    directory: BorrowedFd<'a>,
    place: Place<'a>,
    /// Where it is known without a stat.
    executable: Option<bool>,
    stat: OnceCell<Option<Stat>>,
    file: OnceCell<Result<File>>,
    elf: OnceCell<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    mode: u32,
    size: u64,
    /// When it was modified and when it was changed in any way, in seconds and nanoseconds.
    times: [(i64, u64); 2],
}

impl Stat {
    fn of(found: &rustix::fs::Stat) -> Self {
        let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        let size = if regular { u64::try_from(found.st_size).unwrap_or(0) } else { 0 };
        let times = [(found.st_mtime, found.st_mtime_nsec), (found.st_ctime, found.st_ctime_nsec)];
        Self { mode: found.st_mode, size, times }
    }
}

impl<'a> Entry<'a> {
    pub(super) fn new(directory: BorrowedFd<'a>, place: Place<'a>, executable: Option<bool>) -> Self {
        let (stat, file, elf) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { directory, place, executable, stat, file, elf }
    }

    /// Where it lies, and what it is.
    #[must_use]
    pub fn place(&self) -> Place<'a> {
        self.place
    }

    /// Where it lies below the root.
    #[must_use]
    pub fn path(&self) -> &'a [u8] {
        self.place.path()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.place.name()
    }

    /// The directory that it lies in, below the root.
    #[must_use]
    pub fn parent(&self) -> &'a [u8] {
        self.place.parent()
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.place.kind()
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.place.is_file()
    }

    /// Its size in bytes; 0 where it cannot be asked.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.stat().map_or(0, |stat| stat.size)
    }

    /// Whether it is a regular file that somebody may execute.
    #[must_use]
    pub fn executable(&self) -> bool {
        let ask = || self.stat().is_some_and(|stat| stat.mode & 0o111 != 0);
        self.is_file() && self.executable.unwrap_or_else(ask)
    }

    /// Whether it is an executable regular file that begins as ELF does. Asks the mode first, so most files are not opened.
    #[must_use]
    pub fn elf(&self) -> bool {
        *self.elf.get_or_init(|| {
            let mut head = [0; 4];
            self.executable()
                && self.size() > 64
                && self.file().is_ok_and(|file| file.read_exact_at(&mut head, 0).is_ok())
                && head == *b"\x7fELF"
        })
    }

    /// Whether another root has the same file at the same path. Layers share files that nobody changed, down to the last
    /// nanosecond, so that their contents need not be compared; those of other files are.
    #[must_use]
    pub fn is_as_in(&self, other: &Root) -> bool {
        let there = other.unfollowed(self.path()).map(|found| Stat::of(&found));
        let Some((here, there)) = self.stat().zip(there) else { return false };
        if here == there {
            return true;
        }
        if (here.mode, here.size) != (there.mode, there.size) || here.size > limits::HASHED {
            return false;
        }
        self.file()
            .is_ok_and(|file| other.plain_file(self.path()).is_ok_and(|other| same_bytes(file, &other)))
    }

    /// The file, open for reading. It is one for all who ask: read it at offsets (`FileExt::read_at`), or with
    /// [`Self::read`].
    ///
    /// # Errors
    /// It is no regular file, or cannot be opened.
    pub fn file(&self) -> Result<&File> {
        let opened = self.file.get_or_init(|| {
            if self.kind() != Kind::File {
                return Err(Problem::NotAFile);
            }
            let flags =
                OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            Ok(File::from(rustix::fs::openat(self.directory, self.name(), flags, Mode::empty())?))
        });
        opened.as_ref().map_err(Clone::clone)
    }

    /// All bytes of a file of at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Self::file`]; it is larger, or cannot be read.
    pub fn read(&self, limit: u64) -> Result<Vec<u8>> {
        let file = self.file()?;
        let mut position = file;
        // Somebody may have read from it before.
        std::io::Seek::rewind(&mut position).map_err(|_| Problem::NotAFile)?;
        read_all(file, limit)
    }

    fn stat(&self) -> Option<Stat> {
        *self.stat.get_or_init(|| {
            let found = rustix::fs::statat(self.directory, self.name(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
            Some(Stat::of(&found))
        })
    }
}

/// Whether two files have the same bytes; not when one of them cannot be read.
fn same_bytes(one: &File, other: &File) -> bool {
    let (mut a, mut b) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut at = 0;
    loop {
        let (Ok(read), Ok(read_too)) = (one.read_at(&mut a, at), other.read_at(&mut b, at)) else {
            return false;
        };
        let length = read.min(read_too);
        if length == 0 {
            return read == read_too;
        }
        if a.get(..length) != b.get(..length) {
            return false;
        }
        at += length as u64;
    }
}
