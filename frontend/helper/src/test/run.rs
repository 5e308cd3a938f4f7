//! Programs of a test: started as its user, watched, and ended with everything they have started.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::event::PollFd;
use rustix::process::{Pid, Signal, kill_process_group};

use super::config::Run;
use super::limits::Memory;
use super::services::{Services, Started};
use super::verdict::{Kind, Trial};
use crate::capture::{Output, Stream};
use crate::child::{Command, Leads};
use crate::environment::Environment;
use crate::fault::Fault;
use crate::reap::{self, Outcome};
use crate::sys::raw::Usage;
use crate::sys::signal::{self, Signals};
use crate::sys::{self, MILLISECOND, Nanos};
use crate::tee::{Echo, Tee, readable};
use crate::user::Identity;

/// Everything that the programs of a test are run with.
pub(super) struct Surroundings<'a> {
    /// Signals that end the helper.
    pub(super) signals: &'a Signals,
    /// The environment.
    pub(super) env: Environment,
    /// The working directory; None: the helper's.
    pub(super) cwd: Option<&'a [u8]>,
    /// Who they run as; None: as the helper.
    pub(super) user: Option<Identity>,
    /// How long the test may take, in milliseconds.
    pub(super) timeout_ms: u64,
    /// When that is over, on the steady clock.
    pub(super) deadline: Nanos,
    /// What is known about their memory.
    pub(super) memory: Memory,
    /// How much is kept of either end of a stream, in bytes.
    pub(super) keep: usize,
    /// What runs besides.
    pub(super) services: &'a Services,
}

/// How a program came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By itself.
    Outcome(Outcome),
    /// It took too long.
    TimedOut,
    /// It had more memory, in bytes, than its limit.
    OverMemory(u64, u64),
}

/// A running program.
pub(super) struct Process<'a> {
    surroundings: &'a Surroundings<'a>,
    pid: Pid,
    tee: Tee,
    output: Output,
    usage: Usage,
    deadline: Nanos,
    end: Option<End>,
}

impl Surroundings<'_> {
    /// The reason of a test that takes too long.
    pub(super) fn too_long(&self) -> String {
        format!("not done within {}", duration(self.timeout_ms))
    }

    /// Whether the time is over.
    pub(super) fn is_late(&self) -> bool {
        sys::steady_clock() >= self.deadline
    }
}

impl<'a> Process<'a> {
    /// Starts a program. None: it cannot be started, and the test knows why.
    pub(super) fn start(
        surroundings: &'a Surroundings<'a>,
        argv: &[String],
        leads: Leads,
        trial: &mut Trial,
    ) -> Option<Self> {
        let Surroundings { signals, env, cwd, user, .. } = surroundings;
        let argv: Vec<_> = argv.iter().map(|argument| argument.as_bytes().to_vec()).collect();
        let command = Command { argv: &argv, env, cwd: *cwd, user: user.as_ref(), leads };
        let running = match command.start(signals) {
            Ok(running) => running,
            Err(fault) if fault.is_of_command() => {
                trial.fail(format!("{fault}"));
                return None;
            }
            Err(fault) => {
                trial.give_up(Kind::Error, format!("{fault}"));
                return None;
            }
        };
        let output = Output::keeping(surroundings.keep);
        let (pid, deadline) = (running.pid, surroundings.deadline);
        let tee = Tee::of(running, Echo::Off);
        Some(Self { surroundings, pid, tee, output, usage: Usage::default(), deadline, end: None })
    }

    /// Takes output until something happens: the program ends or has to, `other` is ready, or it is `until`.
    ///
    /// # Errors
    /// A signal that ends the helper; then everything has been killed.
    pub(super) fn wait(&mut self, other: Option<PollFd<'_>>, until: Nanos) -> Result<Option<End>, Fault> {
        if self.end.is_some() {
            return Ok(self.end);
        }
        let Surroundings { signals, memory, services, .. } = self.surroundings;
        let left = until.min(self.deadline) - sys::steady_clock();
        let left = memory.patience().map_or(left, |patience| left.min(patience));
        let besides = services.listen();
        let others = [readable(signals.descriptor())].into_iter().chain(other);
        let others = others.chain(besides.iter().flat_map(|service| service.tee.descriptors()));
        self.tee.pass_on(others, Some(left), &mut self.output);
        drop(besides);
        services.take_output();
        if let Some(signal) = signals.next_forwarded() {
            reap::kill_leftovers(&mut self.usage);
            return Err(interrupted(signal));
        }
        self.end = match reap::reap(self.pid, &mut self.usage) {
            Some(outcome) => Some(End::Outcome(outcome)),
            None => match memory.excess() {
                Some((used, limit)) => Some(End::OverMemory(used, limit)),
                None if sys::steady_clock() >= self.deadline => Some(End::TimedOut),
                None => None,
            },
        };
        Ok(self.end)
    }

    /// Asks the program to end, and waits so long for it.
    ///
    /// # Errors
    /// As [`Process::wait`].
    pub(super) fn stop(&mut self, patience: Nanos) -> Result<(), Fault> {
        if self.end.is_none() {
            let _ = kill_process_group(self.pid, Signal::TERM);
            self.deadline = sys::steady_clock() + patience;
            while self.wait(None, self.deadline)?.is_none() {}
        }
        Ok(())
    }

    /// Leaves the program to itself: a service of the test, which others are run beside.
    pub(super) fn in_background(self, name: &str, is_ready: bool, trial: &mut Trial) -> Started {
        trial.usage.add(&self.usage);
        Started { name: name.into(), pid: self.pid, tee: self.tee, output: self.output, is_ready }
    }

    /// Kills what is left, services excepted, and returns what was said. What was used is added to the test's.
    pub(super) fn finish(mut self, trial: &mut Trial) -> Output {
        reap::kill_leftovers_but(&self.surroundings.services.sessions(), &mut self.usage);
        self.tee.drain(&mut self.output);
        trial.usage.add(&self.usage);
        trial.oom |= self.surroundings.memory.has_killed();
        self.output
    }
}

/// The helper's own end by a signal.
pub(super) fn interrupted(signal: Signal) -> Fault {
    let number = signal.as_raw();
    Fault::command(128 + number, format!("ended by {}", signal::name(number)))
}

/// Runs a program to its end. None: it has not ended by itself, and the test knows why.
///
/// # Errors
/// A signal that ends the helper.
pub(super) fn complete(
    argv: &[String],
    surroundings: &Surroundings<'_>,
    trial: &mut Trial,
) -> Result<Option<(Outcome, Output)>, Fault> {
    let Some(mut process) = Process::start(surroundings, argv, Leads::Session, trial) else {
        return Ok(None);
    };
    let end = loop {
        if let Some(end) = process.wait(None, surroundings.deadline)? {
            break end;
        }
    };
    let output = process.finish(trial);
    if let End::Outcome(outcome) = end {
        return Ok(Some((outcome, output)));
    }
    trial.output = output;
    note_end(end, surroundings, trial);
    Ok(None)
}

/// Notes why a program had to be killed, or how it ended.
pub(super) fn note_end(end: End, surroundings: &Surroundings<'_>, trial: &mut Trial) {
    match end {
        End::Outcome(outcome) => trial.outcome = Some(outcome),
        End::TimedOut => {
            trial.timed_out = true;
            trial.fail(surroundings.too_long());
        }
        End::OverMemory(used, limit) => {
            trial.oom = true;
            let [used, limit] = [used, limit].map(|bytes| bytes / 1024);
            trial.fail(format!("{used} KiB in use, more than the limit of {limit} KiB"));
        }
    }
}

/// Runs the program of a test and compares what it does with what is expected.
///
/// # Errors
/// A signal that ends the helper.
pub(super) fn test(run: &Run, surroundings: &Surroundings<'_>, trial: &mut Trial) -> Result<(), Fault> {
    let Some((outcome, output)) = complete(&run.argv, surroundings, trial)? else { return Ok(()) };
    trial.outcome = Some(outcome);
    trial.check(format!("exit code is {}", codes(&run.exit_codes)), right_code(outcome, &run.exit_codes));
    for (stream, matches) in [(Stream::Out, &run.stdout), (Stream::Err, &run.stderr)] {
        let is_complete = output.counts(stream).1 == 0;
        trial.check_all(matches.check(stream.name(), &output.text_of(stream), is_complete));
    }
    trial.output = output;
    Ok(())
}

/// Whether an outcome is one of the exit codes.
pub(super) fn right_code(outcome: Outcome, expected: &[u8]) -> Result<(), String> {
    let wanted = codes(expected);
    match outcome {
        Outcome::Code(code) if expected.iter().any(|&right| i32::from(right) == code) => Ok(()),
        Outcome::Code(code) => Err(format!("expected exit code {wanted}, got {code}")),
        Outcome::Signal(number) => {
            let name = signal::name(number);
            Err(format!("expected exit code {wanted}, but it was ended by {name} (signal {number})"))
        }
    }
}

fn codes(codes: &[u8]) -> String {
    let codes: Vec<_> = codes.iter().map(|code| format!("{code}")).collect();
    codes.join(" or ")
}

/// A duration for people.
pub(super) fn duration(milliseconds: u64) -> String {
    match milliseconds {
        whole if whole % 1000 == 0 && whole > 0 => format!("{} s", whole / 1000),
        other => format!("{other} ms"),
    }
}

/// A duration as the clock counts.
pub(super) fn nanos(milliseconds: u64) -> Nanos {
    Nanos::from(milliseconds) * MILLISECOND
}
