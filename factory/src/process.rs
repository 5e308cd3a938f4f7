//! Running other programs: their output kept for the error message, a time limit, progress lines.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::exit::{Error, Result};
use crate::progress::Progress;

/// How many of a tool's last lines an error message carries.
const TAIL_LINES: usize = 15;

/// Runs `command` to its end, hands each line of its output to `progress`, and returns an error with the last
/// lines when it does not exit with 0. Standard error is merged into standard output by the caller's shell or tool.
///
/// # Errors
/// The program cannot be started, or exits with another status than 0.
pub(crate) fn run_logged(mut command: Command, what: &str, progress: &mut dyn Progress) -> Result<()> {
    let (reader, writer) = std::io::pipe().map_err(|e| Error::io("cannot make a pipe", e))?;
    let errors = writer.try_clone().map_err(|e| Error::io("cannot clone a pipe", e))?;
    command.stdin(Stdio::null()).stdout(writer).stderr(errors);
    let mut child = spawn(&mut command, what)?;
    drop(command); // it holds the write ends; reading would never end with them open
    let tail = follow(reader, progress);
    let status = child.wait().map_err(|e| Error::io(format!("cannot wait for {what}"), e))?;
    if status.success() { Ok(()) } else { Err(failed(what, status, &tail)) }
}

fn follow(reader: impl Read, progress: &mut dyn Progress) -> VecDeque<String> {
    let mut tail = VecDeque::new();
    for line in BufReader::new(reader).split(b'\n').map_while(std::result::Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        progress.detail(&line);
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(line);
    }
    tail
}

fn failed(what: &str, status: ExitStatus, tail: &VecDeque<String>) -> Error {
    let mut text = format!("{what} failed ({status})");
    for line in tail {
        text.push_str("\n    ");
        text.push_str(line);
    }
    Error::engine(text)
}

pub(crate) fn spawn(command: &mut Command, what: &str) -> Result<Child> {
    command.spawn().map_err(|e| {
        Error::io(format!("cannot start {what} ({})", command.get_program().to_string_lossy()), e)
    })
}

/// What a finished program left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    /// It exited with 0 within its time.
    pub(crate) ok: bool,
    /// Standard output, decoded loosely.
    pub(crate) stdout: String,
    /// Standard error, decoded loosely.
    pub(crate) stderr: String,
}

/// Runs `command` and captures both streams; after `limit` it is killed and counts as failed.
///
/// # Errors
/// The program cannot be started.
pub(crate) fn capture(mut command: Command, limit: Duration) -> Result<Output> {
    command.stdin(Stdio::null());
    captured(command, limit, |_| ())
}

/// The same, with `input` on its standard input.
///
/// # Errors
/// The program cannot be started.
pub(crate) fn capture_fed(mut command: Command, input: &[u8], limit: Duration) -> Result<Output> {
    command.stdin(Stdio::piped());
    captured(command, limit, |child| {
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read it has its reasons; its exit status tells the outcome.
            let _ = stdin.write_all(input);
        }
    })
}

fn captured(mut command: Command, limit: Duration, started: impl FnOnce(&mut Child)) -> Result<Output> {
    let what = command.get_program().to_string_lossy().into_owned();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(&mut command, &what)?;
    started(&mut child);
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let ok = wait_until(&mut child, Instant::now() + limit)?;
    Ok(Output { ok, stdout: joined(stdout), stderr: joined(stderr) })
}

type Drain = std::thread::JoinHandle<Vec<u8>>;

fn drain(stream: Option<impl Read + Send + 'static>) -> Option<Drain> {
    stream.map(|mut stream| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // A broken stream ends the text early; the exit status still tells the outcome.
            let _ = stream.read_to_end(&mut bytes);
            bytes
        })
    })
}

fn joined(drain: Option<Drain>) -> String {
    let bytes = drain.and_then(|d| d.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn wait_until(child: &mut Child, deadline: Instant) -> Result<bool> {
    loop {
        if let Some(status) = child.try_wait().map_err(|e| Error::io("cannot wait for a child", e))? {
            return Ok(status.success());
        }
        if Instant::now() >= deadline {
            let _ = child.kill(); // it may have ended by itself in between
            let _ = child.wait();
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether the calling process has the rights of root.
#[must_use]
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The program's path when `PATH` has it.
#[must_use]
pub(crate) fn find_program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| is_executable(file))
}

fn is_executable(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn capture_keeps_both_streams() {
        let out = capture(shell("echo out; echo err >&2"), Duration::from_secs(10)).unwrap();
        assert_eq!(out, Output { ok: true, stdout: "out\n".into(), stderr: "err\n".into() });
    }

    #[test]
    fn capture_ends_a_program_that_hangs() {
        let started = Instant::now();
        let out = capture(shell("exec sleep 30"), Duration::from_millis(100)).unwrap();
        assert!(!out.ok);
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn failure_carries_the_last_lines() {
        let error =
            run_logged(shell("echo first; echo why >&2; exit 3"), "the tool", &mut Silent).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("the tool failed (exit status: 3)") && text.ends_with("\n    why"), "{text}");
    }
}
