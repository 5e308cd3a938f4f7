//! Running buildx: on the user's terminal or for ourselves, until it has ended, with Ctrl-C handed on.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, IsTerminal, PipeReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::exit::{Error, Result};
use crate::process::spawn;

/// How often a running client is looked after.
const TICK: Duration = Duration::from_millis(20);
/// How long what a client has printed may stay on its way after the client's end.
const DRAIN: Duration = Duration::from_secs(2);
/// The most bytes of a log that are kept; of a longer one the end.
const KEPT: usize = 8 << 20;

/// Who sees what a client prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The user, as if the client had been started by hand.
    User,
    /// Nobody: it is only kept.
    Nobody,
}

/// What a client has left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// What it has printed, where that went through our hands: not what a terminal got from it directly.
    pub(crate) log: Option<Log>,
}

/// The end of what a client has printed, line by line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Log {
    lines: VecDeque<String>,
    bytes: usize,
    left_out: usize,
}

/// Runs a client to its end. A signal to us is its signal: it is waited for, because it cleans up.
///
/// # Errors
/// It cannot be started, or the user has interrupted it.
pub(crate) fn run(mut command: Command, shown: Shown) -> Result<Ended> {
    let signals = Signals::catch()?;
    let pipe = match shown {
        Shown::User if std::io::stderr().is_terminal() => None,
        Shown::User => Some(piped(&mut command, false)?),
        Shown::Nobody => Some(piped(&mut command, true)?),
    };
    let mut child = spawn(&mut command, "docker buildx")?;
    drop(command); // it holds the write ends; reading would never end with them open
    let mut stream = pipe.map(Stream::of);
    let mut told = false;
    let status = loop {
        match &mut stream {
            Some(stream) => drop(stream.follow(TICK, shown)),
            None => std::thread::sleep(TICK),
        }
        if let Some(status) = child.try_wait().map_err(|e| Error::io("cannot wait for docker buildx", e))? {
            break status;
        }
        told = told || hand_on(&signals, &child);
    };
    while stream.as_mut().is_some_and(|stream| stream.follow(DRAIN, shown)) {}
    if signals.any() { Err(Error::Interrupted) } else { Ok(Ended { status, log: stream.map(|one| one.log) }) }
}

/// Gives the client a pipe of ours for its progress, and for its output too where `everything` is.
fn piped(command: &mut Command, everything: bool) -> Result<PipeReader> {
    let (reader, writer) = std::io::pipe().map_err(|e| Error::io("cannot make a pipe", e))?;
    if everything {
        let output = writer.try_clone().map_err(|e| Error::io("cannot clone a pipe", e))?;
        command.stdin(Stdio::null()).stdout(output);
    }
    command.stderr(writer);
    Ok(reader)
}

/// What a client prints, on its way through our hands.
struct Stream {
    lines: Receiver<Vec<u8>>,
    log: Log,
}

impl Stream {
    /// Reads lines as they come. A client that has ended may leave its pipe to others, so nobody waits for the thread.
    fn of(reader: PipeReader) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(reader).split(b'\n').map_while(std::result::Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines, log: Log::default() }
    }

    /// Shows and keeps the lines that are there, waiting at most so long for the first. Whether there were any.
    fn follow(&mut self, wait: Duration, shown: Shown) -> bool {
        let first = match self.lines.recv_timeout(wait) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(TICK); // nothing more comes, and the client may still run
                return false;
            }
        };
        for line in std::iter::once(first).chain(self.lines.try_iter()) {
            if shown == Shown::User {
                // Progress that cannot be written is no reason to stop the build.
                let _ = std::io::stderr().lock().write_all(&[&line[..], b"\n"].concat());
            }
            self.log.push(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned());
        }
        true
    }
}

/// From a terminal the client has had its own SIGINT; a signal to us alone has to be handed on. Whether that was done.
fn hand_on(signals: &Signals, child: &Child) -> bool {
    if signals.any()
        && let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
    {
        let _ = kill_process(pid, Signal::INT); // it may have ended in between
    }
    signals.any()
}

impl Log {
    /// A log of one line.
    pub(crate) fn line(line: &str) -> Self {
        let mut log = Self::default();
        log.push(line.to_owned());
        log
    }

    /// The log that `text` is.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        let mut log = Self::default();
        text.lines().for_each(|line| log.push(line.to_owned()));
        log
    }

    fn push(&mut self, line: String) {
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.bytes > KEPT {
            let Some(first) = self.lines.pop_front() else { return };
            self.bytes -= first.len() + 1;
            self.left_out += 1;
        }
    }

    /// The lines.
    pub(crate) fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// All of it, with a note about what was not kept.
    pub(crate) fn text(&self) -> String {
        let note = match self.left_out {
            0 => String::new(),
            count => format!("# {count} lines before these were not kept\n"),
        };
        self.lines().fold(note, |text, line| text + line + "\n")
    }
}

/// Counts signals instead of dying of them, as long as a child runs.
struct Signals {
    interrupts: Arc<AtomicUsize>,
    terminations: Arc<AtomicUsize>,
    handlers: [signal_hook::SigId; 2],
}

impl Signals {
    fn catch() -> Result<Self> {
        let (interrupts, terminations) = (Arc::default(), Arc::default());
        let handlers = [count(SIGINT, &interrupts)?, count(SIGTERM, &terminations)?];
        Ok(Self { interrupts, terminations, handlers })
    }

    fn any(&self) -> bool {
        self.interrupts.load(Ordering::Relaxed) + self.terminations.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for handler in self.handlers {
            signal_hook::low_level::unregister(handler);
        }
    }
}

fn count(signal: i32, counter: &Arc<AtomicUsize>) -> Result<signal_hook::SigId> {
    signal_hook::flag::register_usize(signal, Arc::clone(counter), 1)
        .map_err(|e| Error::Internal(format!("cannot handle signal {signal}: {e}")))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_of_a_client_that_nobody_sees_are_kept() {
        let ended = run(shell("echo out; echo err >&2; exit 3"), Shown::Nobody).unwrap();
        assert_eq!(ended.status.code(), Some(3));
        let log = ended.log.unwrap();
        let mut lines: Vec<_> = log.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["err", "out"]);
    }

    #[test]
    fn what_a_client_leaves_behind_is_not_waited_for() {
        let started = Instant::now();
        let ended = run(shell("echo said; sleep 30 & exit 0"), Shown::Nobody).unwrap();
        assert!(ended.status.success());
        assert_eq!(ended.log.unwrap().text(), "said\n");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn of_a_very_long_log_the_end_is_kept() {
        let mut log = Log::default();
        let line = "x".repeat(1023);
        (0..KEPT / 1024 + 2).for_each(|_| log.push(line.clone()));
        let text = log.text();
        assert!(text.starts_with("# 2 lines before these were not kept\nxxx"));
        assert_eq!(log.lines().count(), KEPT / 1024);
    }
}
