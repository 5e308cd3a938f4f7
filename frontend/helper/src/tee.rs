//! While the command runs: output is passed on and kept, signals are passed on, orphans are reaped.

use alloc::vec;
use alloc::vec::Vec;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{WaitStatus, kill_process, kill_process_group};

use crate::capture::{Output, Stream};
use crate::child::Running;
use crate::reap;
use crate::sys::file::CHUNK;
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

/// The streams that are still open, and what came out of them.
struct Tee<'a> {
    sources: Vec<Source>,
    output: &'a mut Output,
    buffer: Vec<u8>,
}

/// Follows the command to its end, kills what it leaves behind, and returns its status.
pub(crate) fn follow(running: Running, signals: &Signals, output: &mut Output) -> WaitStatus {
    let pid = running.pid;
    let sources = [(Stream::Out, running.stdout), (Stream::Err, running.stderr)].into_iter();
    let sources = sources.map(|(stream, fd)| Source { stream, fd }).collect();
    let mut tee = Tee { sources, output, buffer: vec![0; CHUNK] };
    tee.prepare();
    let status = loop {
        tee.pass_on(Some(signals.descriptor().as_fd()), None);
        while let Some(signal) = signals.next_forwarded() {
            if kill_process_group(pid, signal).is_err() {
                let _ = kill_process(pid, signal);
            }
        }
        if let Some(status) = reap::reap(pid) {
            break status;
        }
    };
    reap::kill_leftovers();
    tee.drain();
    status
}

impl Tee<'_> {
    /// Reads must not block: a readable pipe is emptied in one go.
    fn prepare(&self) {
        for source in &self.sources {
            let _ = fcntl_setfl(&source.fd, OFlags::NONBLOCK);
            let _ = rustix::pipe::fcntl_setpipe_size(&source.fd, PIPE_SIZE);
        }
    }

    /// Waits for output or for `other` to be readable, and passes on what there is.
    fn pass_on(&mut self, other: Option<BorrowedFd<'_>>, timeout: Option<Nanos>) {
        let mut fds: Vec<_> = self.sources.iter().map(|source| &source.fd).map(readable).collect();
        fds.extend(other.map(|other| PollFd::from_borrowed_fd(other, PollFlags::IN)));
        let timeout = timeout.map(sys::timespec);
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return;
        }
        let ready: Vec<_> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        let mut ready = ready.into_iter();
        let (output, buffer) = (&mut *self.output, &mut self.buffer);
        self.sources.retain(|source| ready.next() != Some(true) || source.empty(output, buffer) == Open::Yes);
    }

    /// What is left in the pipes after all writers were killed.
    fn drain(&mut self) {
        let deadline = sys::steady_clock() + DRAIN;
        while !self.sources.is_empty() {
            let left = deadline - sys::steady_clock();
            if left <= 0 {
                sys::complain("the output of the step is still held open by a process that cannot be killed");
                return;
            }
            self.pass_on(None, Some(left));
        }
    }
}

impl Source {
    /// Passes on what is in the pipe, at most as much as it holds. Standard output comes first, and as a whole: what a
    /// program writes to standard error after it then also stands after it.
    fn empty(&self, output: &mut Output, buffer: &mut [u8]) -> Open {
        let mut passed_on = 0;
        while passed_on < PIPE_SIZE {
            match rustix::io::read(&self.fd, &mut *buffer) {
                Ok(0) => return Open::No,
                Ok(read) => {
                    sys::write_all(self.stream.own(), &buffer[..read]);
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

fn readable(fd: &OwnedFd) -> PollFd<'_> {
    PollFd::new(fd, PollFlags::IN)
}
