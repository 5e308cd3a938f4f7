//! The walk: every directory once, what is wanted of it in the order of names, in bounded memory.
//!
//! A directory is read from its start to its end, and each name is asked about as it comes. Only what is wanted is
//! kept and put in order; of ten million files that nobody wants nothing stays.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, SeekFrom};

use super::names::{Asked, Item, Names};
use super::{Entry, Kind, Place, Problem, Result, Wish};
use crate::limits;

/// What a walk has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Entries that were met.
    pub entries: u64,
    /// It ended early: there are more than [`limits::ENTRIES`].
    pub cut: bool,
}

/// What a walk could not go into.
#[derive(Debug)]
pub struct WalkProblem<'a> {
    /// The directory, below the root.
    pub path: &'a [u8],
    /// Why.
    pub message: String,
}

/// Directories of the root that are the kernel's.
const KERNEL: [&[u8]; 3] = [b"proc", b"sys", b"dev"];
/// Bytes that the kernel may hand over at a time: some thousand entries.
const BUFFER: usize = 128 << 10;

/// A directory that is being gone through.
struct Frame {
    fd: OwnedFd,
    /// What is wanted of it.
    names: Names,
    /// The next of them.
    at: usize,
    /// There is more behind the last of them.
    more: bool,
    /// Length of its path.
    length: usize,
}

/// What all directories of a walk share.
struct Walker<'w> {
    wish: &'w mut dyn FnMut(Place<'_>) -> Wish,
    /// Below the root, of the entry that it is about.
    path: Vec<u8>,
    buffer: Vec<u8>,
    /// Names that wait for their mode.
    asked: Asked,
    /// Memory of directories that are done.
    spare: Vec<Names>,
    /// Bytes of names that may be held.
    room: usize,
    /// Bytes of them that the open directories hold.
    held: usize,
    seen: Seen,
}

/// Walks, and holds `room` bytes of names at a time.
pub(super) fn walk(
    root: BorrowedFd<'_>,
    room: usize,
    wish: &mut dyn FnMut(Place<'_>) -> Wish,
    visit: &mut dyn FnMut(&Entry<'_>) -> bool,
    problem: &mut dyn FnMut(WalkProblem<'_>),
) -> Seen {
    let mut walker = Walker {
        wish,
        room,
        path: Vec::new(),
        buffer: Vec::with_capacity(BUFFER),
        asked: Asked::default(),
        spare: Vec::new(),
        held: 0,
        seen: Seen::default(),
    };
    let mut frames: Vec<Frame> = Vec::new();
    match open_directory(root, b".").and_then(|fd| walker.enter(fd)) {
        Ok(frame) => frames.push(frame),
        Err(fault) => problem(WalkProblem { path: b"", message: unread(&fault) }),
    }
    while let Some(frame) = frames.last_mut() {
        if walker.seen.cut {
            break;
        }
        walker.path.truncate(frame.length);
        let item = match walker.next(frame) {
            Ok(Some(item)) => item,
            Ok(None) => {
                frames.pop().into_iter().for_each(|frame| walker.leave(frame));
                continue;
            }
            Err(fault) => {
                problem(WalkProblem { path: &walker.path, message: unread(&fault) });
                frames.pop().into_iter().for_each(|frame| walker.leave(frame));
                continue;
            }
        };
        let start = push(&mut walker.path, frame.names.name(item));
        let place = Place::new(&walker.path, start, item.kind);
        if !visit(&Entry::new(frame.fd.as_fd(), place, item.executable)) {
            break;
        }
        if item.kind != Kind::Directory {
            continue;
        }
        let entered = open_directory(frame.fd.as_fd(), place.name());
        if frames.len() >= limits::DEPTH {
            let message = format!("lies {} directories deep: what it holds is left out", limits::DEPTH);
            problem(WalkProblem { path: &walker.path, message });
            continue;
        }
        match entered.and_then(|fd| walker.enter(fd)) {
            Ok(frame) => frames.push(frame),
            Err(fault) => problem(WalkProblem { path: &walker.path, message: unread(&fault) }),
        }
    }
    walker.seen
}

/// Adds a name to a path, and says where it starts there.
fn push(path: &mut Vec<u8>, name: &[u8]) -> usize {
    if !path.is_empty() {
        path.push(b'/');
    }
    let start = path.len();
    path.extend_from_slice(name);
    start
}

fn unread(fault: &Problem) -> String {
    format!("the directory cannot be read, so what it holds is missing: {fault}")
}

fn open_directory(at: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(at, name, flags, Mode::empty())?)
}

impl Walker<'_> {
    /// The directory that lies at the path.
    fn enter(&mut self, fd: OwnedFd) -> Result<Frame> {
        let (names, length) = (self.spare.pop().unwrap_or_default(), self.path.len());
        let mut frame = Frame { fd, names, at: 0, more: false, length };
        match self.fill(&mut frame, None) {
            Ok(()) => Ok(frame),
            Err(fault) => {
                self.leave(frame);
                Err(fault)
            }
        }
    }

    fn leave(&mut self, frame: Frame) {
        self.held -= frame.names.bytes();
        self.spare.extend(frame.names.emptied());
    }

    /// The next name that is wanted. Where there were too many to hold, the directory is read again for those that follow.
    fn next(&mut self, frame: &mut Frame) -> Result<Option<Item>> {
        if frame.at == frame.names.len() && frame.more {
            let last = frame.names.last().to_vec();
            rustix::fs::seek(&frame.fd, SeekFrom::Start(0))?;
            self.held -= frame.names.bytes();
            frame.names.clear();
            self.fill(frame, Some(&last))?;
        }
        let item = frame.names.item(frame.at);
        frame.at += 1;
        Ok(item)
    }

    fn fill(&mut self, frame: &mut Frame, after: Option<&[u8]>) -> Result<()> {
        let room = self.room.saturating_sub(self.held) / 2;
        frame.names.limit(room.max(self.room / limits::DEPTH));
        let read = self.read(frame, after);
        self.asked.clear();
        self.held += frame.names.bytes();
        read
    }

    /// Reads a directory from its start, and keeps the smallest names after `after` that are wanted, as many as there is room
    /// for.
    fn read(&mut self, frame: &mut Frame, after: Option<&[u8]>) -> Result<()> {
        let (fd, names) = (frame.fd.as_fd(), &mut frame.names);
        let mut entries = RawDir::new(fd, self.buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." || (frame.length == 0 && KERNEL.contains(&name)) {
                continue;
            }
            let Some(kind) = kind(entry.file_type(), fd, name) else { continue };
            match after {
                Some(after) if name <= after => continue,
                Some(_) => {}
                None if self.seen.entries < limits::ENTRIES => self.seen.entries += 1,
                None => {
                    self.seen.cut = true;
                    return Ok(());
                }
            }
            if names.has_no_room_for(name) {
                continue;
            }
            let start = push(&mut self.path, name);
            let wish = (self.wish)(Place::new(&self.path, start, kind));
            self.path.truncate(frame.length);
            match wish {
                Wish::No => {}
                Wish::Yes => names.push(name, kind, None),
                Wish::IfExecutable => {
                    self.asked.push(name, entry.ino());
                    if self.asked.is_full() {
                        self.asked.answer(fd, names);
                    }
                }
            }
        }
        self.asked.answer(fd, names);
        (frame.at, frame.more) = (0, names.sort());
        Ok(())
    }
}

/// What an entry is; nothing where the walk leaves it out.
fn kind(said: FileType, fd: BorrowedFd<'_>, name: &[u8]) -> Option<Kind> {
    let said = if said == FileType::Unknown { look(fd, name)? } else { said };
    match said {
        FileType::RegularFile => Some(Kind::File),
        FileType::Directory => Some(Kind::Directory),
        FileType::Symlink => Some(Kind::Symlink),
        _ => None,
    }
}

/// For filesystems whose directories do not say what their entries are.
fn look(fd: BorrowedFd<'_>, name: &[u8]) -> Option<FileType> {
    let stat = rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(FileType::from_raw_mode(stat.st_mode))
}

/// All names in a directory, sorted, as many as there is room for.
pub(super) fn all_names(fd: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>> {
    let mut buffer: Vec<u8> = Vec::with_capacity(BUFFER);
    let mut names = Names::default();
    names.limit(limits::NAMES);
    let mut entries = RawDir::new(fd, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." || names.has_no_room_for(name) {
            continue;
        }
        if let Some(kind) = kind(entry.file_type(), fd, name) {
            names.push(name, kind, None);
        }
    }
    names.sort();
    Ok(names.iter().map(<[u8]>::to_vec).collect())
}
