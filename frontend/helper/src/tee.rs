//! While a command runs: output is passed on and kept, signals are passed on, orphans are reaped.

use alloc::vec;
use alloc::vec::Vec;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{kill_process, kill_process_group};

use crate::capture::{Output, Stream};
use crate::child::Running;
use crate::reap::{self, Outcome};
use crate::sys::file::CHUNK;
use crate::sys::raw::Usage;
use crate::sys::signal::Signals;
use crate::sys::{self, MILLISECOND, Nanos};

/// How long output may still come after every process of the step was killed: a process that cannot be killed, or one
/// outside the namespace, may hold the pipes open for ever.
const DRAIN: Nanos = 500 * MILLISECOND;
/// Room in each pipe, in bytes, so that a command that writes much is not stopped at every 64 KiB.
const PIPE_SIZE: usize = 256 * 1024;

/// One end of the tee.
struct Source {
    stream: Stream,
    fd: OwnedFd,
}

/// Whether output is passed on to the helper's own streams besides being kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    /// As it comes.
    On,
    /// Not at all.
    Off,
}

/// The streams of a command that are still open.
pub(crate) struct Tee {
    sources: Vec<Source>,
    buffer: Vec<u8>,
    echo: Echo,
}

/// Follows the command to its end, kills what it leaves behind, and returns its outcome and what all have used.
pub(crate) fn follow(running: Running, signals: &Signals, output: &mut Output) -> (Outcome, Usage) {
    let pid = running.pid;
    let mut tee = Tee::of(running, Echo::On);
    let mut usage = Usage::default();
    let outcome = loop {
        tee.pass_on([readable(signals.descriptor())], None, output);
        while let Some(signal) = signals.next_forwarded() {
            if kill_process_group(pid, signal).is_err() {
                let _ = kill_process(pid, signal);
            }
        }
        if let Some(outcome) = reap::reap(pid, &mut usage) {
            break outcome;
        }
    };
    reap::kill_leftovers(&mut usage);
    tee.drain(output);
    (outcome, usage)
}

impl Tee {
    /// The streams of a command that has just been started. Reads must not block: a readable pipe is emptied in one go.
    pub(crate) fn of(running: Running, echo: Echo) -> Self {
        let sources = [(Stream::Out, running.stdout), (Stream::Err, running.stderr)].into_iter();
        let sources: Vec<_> = sources.map(|(stream, fd)| Source { stream, fd }).collect();
        for source in &sources {
            let _ = fcntl_setfl(&source.fd, OFlags::NONBLOCK);
            let _ = rustix::pipe::fcntl_setpipe_size(&source.fd, PIPE_SIZE);
        }
        Self { sources, buffer: vec![0; CHUNK], echo }
    }

    /// What there is to wait for until there is output.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.sources.iter().map(|source| readable(&source.fd))
    }

    /// Waits for output or for one of `others` to be ready, and takes what output there is.
    pub(crate) fn pass_on<'a>(
        &mut self,
        others: impl IntoIterator<Item = PollFd<'a>>,
        timeout: Option<Nanos>,
        output: &mut Output,
    ) {
        let mut fds: Vec<_> = self.sources.iter().map(|source| readable(&source.fd)).collect();
        // Each for the shorter time that the streams are borrowed.
        for other in others {
            fds.push(other);
        }
        let timeout = timeout.map(sys::timespec);
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return;
        }
        let ready: Vec<_> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        let mut ready = ready.into_iter();
        let (echo, buffer) = (self.echo, &mut self.buffer);
        self.sources
            .retain(|source| ready.next() != Some(true) || source.empty(output, buffer, echo) == Open::Yes);
    }

    /// What is left in the pipes after all writers were killed.
    pub(crate) fn drain(&mut self, output: &mut Output) {
        let deadline = sys::steady_clock() + DRAIN;
        while !self.sources.is_empty() {
            let left = deadline - sys::steady_clock();
            if left <= 0 {
                sys::complain("the output is still held open by a process that cannot be killed");
                return;
            }
            self.pass_on([], Some(left), output);
        }
    }
}

impl Source {
    /// Passes on what is in the pipe, at most as much as it holds. Standard output comes first, and as a whole: what a
    /// program writes to standard error after it then also stands after it.
    fn empty(&self, output: &mut Output, buffer: &mut [u8], echo: Echo) -> Open {
        let mut passed_on = 0;
        while passed_on < PIPE_SIZE {
            match rustix::io::read(&self.fd, &mut *buffer) {
                Ok(0) => return Open::No,
                Ok(read) => {
                    if echo == Echo::On {
                        sys::write_all(self.stream.own(), &buffer[..read]);
                    }
                    output.push(self.stream, &buffer[..read]);
                    passed_on += read;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Open::Yes,
                Err(_) => return Open::No,
            }
        }
        Open::Yes
    }
}

/// Whether a stream may still bring something.
#[derive(PartialEq, Eq)]
enum Open {
    Yes,
    No,
}

impl Stream {
    /// The helper's own descriptor for the stream.
    fn own(self) -> BorrowedFd<'static> {
        match self {
            Self::Out => sys::stdout(),
            Self::Err => sys::stderr(),
        }
    }
}

/// Waits until there is something to read.
pub(crate) fn readable(fd: &OwnedFd) -> PollFd<'_> {
    PollFd::new(fd, PollFlags::IN)
}
