//! One entry of the walk.

use std::cell::OnceCell;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::{Problem, Result, name, parent, read_all};

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

/// One entry of the walk. What costs a system call is asked for once and remembered.
#[derive(Debug)]
pub struct Entry<'a> {
    directory: BorrowedFd<'a>,
    path: &'a [u8],
    kind: Kind,
    stat: OnceCell<Option<Stat>>,
    file: OnceCell<Result<File>>,
    elf: OnceCell<bool>,
}

#[derive(Debug, Clone, Copy)]
struct Stat {
    mode: u32,
    size: u64,
}

impl<'a> Entry<'a> {
    pub(super) fn new(directory: BorrowedFd<'a>, path: &'a [u8], kind: Kind) -> Self {
        Self { directory, path, kind, stat: OnceCell::new(), file: OnceCell::new(), elf: OnceCell::new() }
    }

    /// Where it lies below the root.
    #[must_use]
    pub fn path(&self) -> &'a [u8] {
        self.path
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        name(self.path)
    }

    /// The directory that it lies in, below the root.
    #[must_use]
    pub fn parent(&self) -> &'a [u8] {
        parent(self.path)
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

    /// Its size in bytes; 0 where it cannot be asked.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.stat().map_or(0, |stat| stat.size)
    }

    /// Whether it is a regular file that somebody may execute.
    #[must_use]
    pub fn executable(&self) -> bool {
        self.is_file() && self.stat().is_some_and(|stat| stat.mode & 0o111 != 0)
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

    /// The file, open for reading. It is one for all who ask: read it at offsets (`FileExt::read_at`), or with
    /// [`Self::read`].
    ///
    /// # Errors
    /// It is no regular file, or cannot be opened.
    pub fn file(&self) -> Result<&File> {
        let opened = self.file.get_or_init(|| {
            if self.kind != Kind::File {
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
            let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
            let size = if regular { u64::try_from(found.st_size).unwrap_or(0) } else { 0 };
            Some(Stat { mode: found.st_mode, size })
        })
    }
}
