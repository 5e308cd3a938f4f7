//! A command that is run for what it says, within a time.

use alloc::vec;
use alloc::vec::Vec;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Signal, kill_process_group};

use crate::child::Command;
use crate::fault::Fault;
use crate::reap::{self, Outcome};
use crate::sys::raw::Usage;
use crate::sys::signal::{self, Signals};
use crate::sys::{self, Nanos};

/// How much of either stream is kept, in bytes; the rest is read and dropped.
const KEPT: usize = 64 * 1024;

/// How a command turned out.
pub(super) enum Attempt {
    /// It has ended.
    Ended {
        /// With exit code 0.
        succeeded: bool,
        /// What it said: standard output, then standard error.
        output: Vec<u8>,
    },
    /// It had to be killed.
    TimedOut,
}

/// One stream.
struct Source {
    fd: OwnedFd,
    is_open: bool,
    kept: Vec<u8>,
}

/// Runs a command until it ends, or until `deadline` on the steady clock. Nothing of it is left running.
///
/// # Errors
/// A command that cannot be started, and a signal that was meant to end the helper.
pub(super) fn run(command: &Command<'_>, signals: &Signals, deadline: Nanos) -> Result<Attempt, Fault> {
    let running = command.start(signals)?;
    let mut sources = [Source::new(running.stdout), Source::new(running.stderr)];
    loop {
        wait(&sources, signals, deadline);
        sources.iter_mut().for_each(Source::read);
        if let Some(signal) = signals.next_forwarded() {
            end(running.pid);
            let number = signal.as_raw();
            let name = signal::name(number);
            return Err(Fault::command(128 + number, alloc::format!("ended by {name}")));
        }
        if let Some(outcome) = reap::reap(running.pid, &mut Usage::default()) {
            end(running.pid);
            sources.iter_mut().for_each(Source::read);
            let succeeded = outcome == Outcome::Code(0);
            return Ok(Attempt::Ended { succeeded, output: sources.map(|source| source.kept).concat() });
        }
        if sys::steady_clock() >= deadline {
            end(running.pid);
            return Ok(Attempt::TimedOut);
        }
    }
}

/// Kills what is left of a command.
fn end(pid: rustix::process::Pid) {
    let _ = kill_process_group(pid, Signal::KILL);
    reap::kill_leftovers(&mut Usage::default());
}

/// Waits for output, a signal (the end of the command is one) or the deadline.
fn wait(sources: &[Source], signals: &Signals, deadline: Nanos) {
    let open = sources.iter().filter(|source| source.is_open).map(|source| &source.fd);
    let mut fds: Vec<_> =
        open.chain([signals.descriptor()]).map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    let left = sys::timespec(deadline - sys::steady_clock());
    let _ = poll(&mut fds, Some(&left));
}

impl Source {
    fn new(fd: OwnedFd) -> Self {
        let _ = fcntl_setfl(&fd, OFlags::NONBLOCK);
        Self { fd, is_open: true, kept: Vec::new() }
    }

    /// Reads what there is, at most once around, so that a command that never stops cannot keep us here.
    fn read(&mut self) {
        let mut chunk = vec![0; KEPT];
        while self.is_open {
            match rustix::io::read(&self.fd, &mut chunk[..]) {
                Ok(0) => self.is_open = false,
                Ok(read) => {
                    let room = KEPT - self.kept.len();
                    self.kept.extend_from_slice(&chunk[..read.min(room)]);
                    return;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.is_open = false,
            }
        }
    }
}
