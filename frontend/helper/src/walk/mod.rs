//! One walk over the root after the command has ended: which paths did the step create, change or delete?
//!
//! Whatever a step does to an inode sets its change time, which nobody can set back. So an inode whose change time is
//! before the start of the step is untouched, and a directory whose change time is before the start has the entries it
//! had. The exception are trees that were moved: only the moved directory itself has a new change time. That is why
//! what is found in a changed directory is compared with what was there, and what is found in a new directory is new.

pub(crate) mod content;
pub(crate) mod lower;
pub(crate) mod overlay;
pub(crate) mod scope;

use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::fs::CWD;
use rustix::io::Errno;

use crate::fault::Fault;
use crate::sys::Nanos;
use crate::sys::file::{self, Meta};
use content::Content;
use lower::Lower;
use scope::Scope;

/// A path that the step has at least touched.
#[derive(Debug)]
pub(crate) struct Finding {
    /// The absolute path.
    pub(crate) path: Vec<u8>,
    /// Its metadata now.
    pub(crate) meta: Meta,
    /// What happened to it.
    pub(crate) verdict: Verdict,
}

/// What happened to a path.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is new, or it differs in more than times.
    Changed(Existed, Content),
    /// A directory that is as before but for the entries that came or went.
    Listing,
    /// It is as before but for its times; the time of modification before the step.
    Same(Nanos),
    /// Nothing is known about it but that something happened to it.
    Touched,
}

/// Whether there was something of that name before the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existed {
    /// There was, perhaps of another type.
    Yes,
    /// There was not.
    No,
}

/// The result of a walk.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Touched paths.
    pub(crate) found: Vec<Finding>,
    /// Paths that are gone; what was below them is not listed.
    pub(crate) deleted: Vec<Vec<u8>>,
}

/// What is known about the directory being walked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Its entries are those of before: only change times need to be looked at.
    Quiet,
    /// Its entries may have come from elsewhere: each is compared.
    Compare,
    /// It was not there before, nor was anything in it.
    New,
}

/// A directory on the way down.
struct Frame {
    dir: OwnedFd,
    path_len: usize,
    pending: Vec<(Vec<u8>, Mode)>,
}

/// Walks the root.
pub(crate) struct Walk<'a> {
    scope: &'a Scope,
    lower: &'a Lower,
    since: Nanos,
    /// Directories whose change time is before this hold nothing that was touched.
    untouched_before: Option<Nanos>,
    findings: Findings,
    path: Vec<u8>,
}

impl<'a> Walk<'a> {
    /// A walk that finds what happened at or after `since`, in comparison with `lower`.
    pub(crate) fn new(scope: &'a Scope, lower: &'a Lower, since: Nanos) -> Self {
        Self { scope, lower, since, untouched_before: None, findings: Findings::default(), path: Vec::new() }
    }

    /// Walks everything in scope.
    ///
    /// # Errors
    /// A file or directory that cannot be read.
    pub(crate) fn run(mut self) -> Result<Findings, Fault> {
        match self.walk() {
            Ok(()) => {
                self.scope.drop_stubs(&mut self.findings);
                Ok(self.findings)
            }
            Err(errno) => Err(Fault::path("look for changes at", absolute(&self.path), errno)),
        }
    }

    fn walk(&mut self) -> Result<(), Errno> {
        let root = file::open_dir(CWD, b"/")?;
        self.untouched_before = overlay::upper_birth(&root);
        let mode = self.root(&root)?;
        let mut frames = Vec::from([self.enter(root, mode)?]);
        while let Some(frame) = frames.last_mut() {
            self.path.truncate(frame.path_len);
            let Some((name, mode)) = frame.pending.pop() else {
                frames.pop();
                continue;
            };
            push(&mut self.path, &name);
            match file::open_dir(&frame.dir, &name) {
                Ok(dir) => frames.push(self.enter(dir, mode)?),
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Judges the root directory itself.
    fn root(&mut self, root: &OwnedFd) -> Result<Mode, Errno> {
        match Meta::of(root, b".")? {
            Some(meta) => Ok(self.judge(root, b".", meta, Mode::Quiet)?.unwrap_or(Mode::Quiet)),
            None => Err(Errno::NOENT),
        }
    }

    /// Judges every entry of the directory at `self.path`, and returns those to go into.
    fn enter(&mut self, dir: OwnedFd, mode: Mode) -> Result<Frame, Errno> {
        let path_len = self.path.len();
        let names = file::names(&dir)?;
        if mode == Mode::Compare {
            self.compare_listing(&names)?;
        }
        let has_exclusions = self.scope.has_exclusions_in(&self.path);
        let mut pending = Vec::new();
        for name in names {
            self.path.truncate(path_len);
            push(&mut self.path, &name);
            if has_exclusions && self.scope.excludes(&self.path) {
                continue;
            }
            let Some(meta) = Meta::of(&dir, &name)?.filter(|meta| !meta.is_mount) else { continue };
            if let Some(mode) = self.judge(&dir, &name, meta, mode)? {
                pending.push((name, mode));
            }
        }
        self.path.truncate(path_len);
        pending.reverse();
        Ok(Frame { dir, path_len, pending })
    }

    /// Finds deletions, and marks the directory at `self.path` when entries have come or gone.
    fn compare_listing(&mut self, names: &[Vec<u8>]) -> Result<(), Errno> {
        let before = self.lower.names(&self.path)?;
        let in_scope = |name: &&Vec<u8>| !self.scope.excludes(&joined(&self.path, name));
        let is_stub = |name: &&Vec<u8>| self.scope.may_be_stub(&joined(&self.path, name));
        let gone = before.iter().filter(|name| names.binary_search(name).is_err()).filter(in_scope);
        let gone: Vec<_> = gone.map(|name| joined(&self.path, name)).collect();
        let is_new = |name: &&Vec<u8>| before.binary_search(name).is_err();
        let has_new = names.iter().filter(is_new).filter(in_scope).any(|name| !is_stub(&name));
        if has_new || !gone.is_empty() {
            self.findings.mark_listing(absolute(&self.path));
        }
        self.findings.deleted.extend(gone);
        Ok(())
    }

    /// Judges one entry, at `self.path`. Returns how to go on into it if it is a directory.
    fn judge(&mut self, dir: &OwnedFd, name: &[u8], meta: Meta, mode: Mode) -> Result<Option<Mode>, Errno> {
        let is_dir = meta.kind.is_dir();
        let in_dir = |mode| is_dir.then_some(mode);
        if mode == Mode::New {
            return self.changed(dir, name, meta, Existed::No).map(|()| in_dir(Mode::New));
        }
        let is_recent = meta.ctime >= self.since || self.scope.leads_to_mount(&self.path);
        let is_whole = self.untouched_before.is_some_and(|birth| meta.ctime < birth) && !is_recent;
        let in_same = || in_dir(Mode::Quiet).filter(|_| !is_whole);
        if mode == Mode::Quiet && !is_recent {
            return Ok(in_same());
        }
        if !self.lower.is_known() {
            if is_recent {
                self.add(meta, Verdict::Touched);
            }
            return Ok(in_dir(Mode::Quiet));
        }
        match self.lower.meta(&self.path)? {
            Some(before) if !is_recent && before.same_history(&meta) => Ok(in_same()),
            Some(before) if before.kind == meta.kind => self.compare(dir, name, meta, &before),
            Some(_) => self.changed(dir, name, meta, Existed::Yes).map(|()| in_dir(Mode::New)),
            None => self.changed(dir, name, meta, Existed::No).map(|()| in_dir(Mode::New)),
        }
    }

    /// Judges an entry that was there before with the same type.
    fn compare(
        &mut self,
        dir: &OwnedFd,
        name: &[u8],
        meta: Meta,
        before: &Meta,
    ) -> Result<Option<Mode>, Errno> {
        let is_dir = meta.kind.is_dir();
        if before.same_attributes(&meta) && self.lower.same_content(&self.path, before, dir, name, &meta)? {
            self.add(meta, Verdict::Same(before.mtime));
        } else {
            self.changed(dir, name, meta, Existed::Yes)?;
        }
        Ok(is_dir.then_some(Mode::Compare))
    }

    fn changed(&mut self, dir: &OwnedFd, name: &[u8], meta: Meta, existed: Existed) -> Result<(), Errno> {
        let content = Content::of(dir, name, &meta)?;
        self.add(meta, Verdict::Changed(existed, content));
        Ok(())
    }

    fn add(&mut self, meta: Meta, verdict: Verdict) {
        self.findings.found.push(Finding { path: absolute(&self.path).to_vec(), meta, verdict });
    }
}

impl Findings {
    /// Says of a directory that is otherwise the same that its entries have changed.
    pub(crate) fn mark_listing(&mut self, path: &[u8]) {
        let same =
            |finding: &&mut Finding| finding.path == path && matches!(finding.verdict, Verdict::Same(_));
        if let Some(finding) = self.found.iter_mut().rev().find(same) {
            finding.verdict = Verdict::Listing;
        }
    }
}

/// The walk writes the root as an empty path, so that everything else is that and `/name`.
pub(crate) fn absolute(path: &[u8]) -> &[u8] {
    if path.is_empty() { b"/" } else { path }
}

/// Goes on from a directory to an entry of it.
pub(crate) fn push(path: &mut Vec<u8>, name: &[u8]) {
    path.push(b'/');
    path.extend_from_slice(name);
}

fn joined(dir: &[u8], name: &[u8]) -> Vec<u8> {
    [dir, name].join(&b'/')
}
