//! The walk: every directory once, in the order of names, in bounded memory.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, SeekFrom};
use rustix::io::Errno;

use super::{Entry, Kind, Problem, Result};
use crate::limits;

/// What a walk has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Entries that were visited.
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

/// A directory that is being gone through.
struct Frame {
    fd: OwnedFd,
    /// Entries still to come, the next one last.
    pending: Vec<(Vec<u8>, Kind)>,
    /// The last name of this chunk, where the directory has more.
    more: Option<Vec<u8>>,
    /// Length of its path.
    length: usize,
}

impl Frame {
    fn new(fd: OwnedFd, length: usize) -> Result<Self> {
        let mut frame = Self { fd, pending: Vec::new(), more: None, length };
        frame.fill(None)?;
        Ok(frame)
    }

    fn fill(&mut self, after: Option<&[u8]>) -> Result<()> {
        let (mut names, more) = chunk(self.fd.as_fd(), after)?;
        self.more = if more { names.last().map(|(name, _)| name.clone()) } else { None };
        names.reverse();
        self.pending = names;
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(Vec<u8>, Kind)>> {
        if self.pending.is_empty()
            && let Some(last) = self.more.take()
        {
            self.fill(Some(&last))?;
        }
        Ok(self.pending.pop())
    }
}

pub(super) fn walk(
    root: BorrowedFd<'_>,
    visit: &mut dyn FnMut(&Entry<'_>) -> bool,
    problem: &mut dyn FnMut(WalkProblem<'_>),
) -> Seen {
    let mut seen = Seen::default();
    let mut path: Vec<u8> = Vec::new();
    let mut frames: Vec<Frame> = Vec::new();
    enter(root, b".", &path, &mut frames, problem);
    while let Some(frame) = frames.last_mut() {
        path.truncate(frame.length);
        let (name, kind) = match frame.next() {
            Ok(Some(entry)) => entry,
            Ok(None) => {
                frames.pop();
                continue;
            }
            Err(fault) => {
                problem(WalkProblem { path: &path, message: unread(&fault) });
                frames.pop();
                continue;
            }
        };
        if frames.len() == 1 && KERNEL.contains(&name.as_slice()) {
            continue;
        }
        if seen.entries >= limits::ENTRIES {
            seen.cut = true;
            return seen;
        }
        seen.entries += 1;
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(&name);
        let Some(frame) = frames.last() else { return seen };
        let into = visit(&Entry::new(frame.fd.as_fd(), &path, kind));
        if kind != Kind::Directory || !into {
            continue;
        }
        if frames.len() >= limits::DEPTH {
            let message = format!("lies {} directories deep: what it holds is left out", limits::DEPTH);
            problem(WalkProblem { path: &path, message });
            continue;
        }
        match open_directory(frame.fd.as_fd(), &name).and_then(|fd| Frame::new(fd, path.len())) {
            Ok(frame) => frames.push(frame),
            Err(fault) => problem(WalkProblem { path: &path, message: unread(&fault) }),
        }
    }
    seen
}

fn enter(
    at: BorrowedFd<'_>,
    name: &[u8],
    path: &[u8],
    frames: &mut Vec<Frame>,
    problem: &mut dyn FnMut(WalkProblem<'_>),
) {
    match open_directory(at, name).and_then(|fd| Frame::new(fd, path.len())) {
        Ok(frame) => frames.push(frame),
        Err(fault) => problem(WalkProblem { path, message: unread(&fault) }),
    }
}

fn unread(fault: &Problem) -> String {
    format!("the directory cannot be read, so what it holds is missing: {fault}")
}

fn open_directory(at: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(at, name, flags, Mode::empty())?)
}

/// Names and kinds in one directory.
pub(super) type Names = Vec<(Vec<u8>, Kind)>;

/// The [`limits::DIRECTORY_CHUNK`] smallest names after `after`, sorted, and whether there are more. A directory is read from its
/// start for every chunk: slow for a hostile one, and never more memory than for an ordinary one.
pub(super) fn chunk(fd: BorrowedFd<'_>, after: Option<&[u8]>) -> Result<(Names, bool)> {
    chunk_of(fd, after, limits::DIRECTORY_CHUNK)
}

pub(super) fn chunk_of(fd: BorrowedFd<'_>, after: Option<&[u8]>, most: usize) -> Result<(Names, bool)> {
    if after.is_some() {
        rustix::fs::seek(fd, SeekFrom::Start(0))?;
    }
    let mut buffer = [MaybeUninit::<u8>::uninit(); 32 << 10];
    let mut entries = RawDir::new(fd, &mut buffer);
    let mut names: Names = Vec::new();
    let mut below: Option<Vec<u8>> = None;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." || after.is_some_and(|after| name <= after) {
            continue;
        }
        if below.as_ref().is_some_and(|below| name >= below.as_slice()) {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => look(fd, name),
            other => Some(other),
        };
        let kind = match kind {
            Some(FileType::RegularFile) => Kind::File,
            Some(FileType::Directory) => Kind::Directory,
            Some(FileType::Symlink) => Kind::Symlink,
            _ => continue,
        };
        names.push((name.to_vec(), kind));
        if names.len() > 2 * most {
            below = Some(keep_smallest(&mut names, most));
        }
    }
    let more = below.is_some() || names.len() > most;
    if names.len() > most {
        keep_smallest(&mut names, most);
    }
    names.sort_unstable();
    Ok((names, more))
}

/// Keeps the `most` smallest and returns the smallest of those that were dropped.
fn keep_smallest(names: &mut Names, most: usize) -> Vec<u8> {
    names.select_nth_unstable(most);
    let bound = names.get(most).map(|(name, _)| name.clone()).unwrap_or_default();
    names.truncate(most);
    bound
}

/// For filesystems whose directories do not say what their entries are.
fn look(fd: BorrowedFd<'_>, name: &[u8]) -> Option<FileType> {
    match rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Some(FileType::from_raw_mode(stat.st_mode)),
        Err(Errno::NOENT) => None,
        Err(_) => Some(FileType::Unknown),
    }
}
