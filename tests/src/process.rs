//! Running client programs: everything they print, and never longer than they may take.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than any step of these tests takes on a slow machine with nothing in its cache.
const LIMIT: Duration = Duration::from_secs(540);

/// What came of a program.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
    /// How long it took.
    pub wall: Duration,
}

impl Finished {
    /// Its output, when it ended well.
    #[track_caller]
    #[must_use]
    pub fn expect(&self, what: &str) -> &str {
        assert!(self.status.success(), "{what}: {}\n{}\n{}", self.status, self.stdout, self.stderr);
        &self.stdout
    }
}

/// Runs a program to its end.
#[must_use]
pub fn run(command: &mut Command) -> Finished {
    run_within(command, LIMIT)
}

/// Runs a program to its end, which has to come within `limit`.
#[must_use]
pub fn run_within(command: &mut Command, limit: Duration) -> Finished {
    run_to_end(command, limit, &[])
}

/// Runs a program to its end with these bytes on its standard input.
#[must_use]
pub fn run_fed(command: &mut Command, input: &[u8]) -> Finished {
    run_to_end(command, LIMIT, input)
}

fn run_to_end(command: &mut Command, limit: Duration, input: &[u8]) -> Finished {
    let started = Instant::now();
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    if let Some(mut pipe) = child.stdin.take() {
        let input = input.to_vec();
        // A program that does not read to the end has its reasons; it says them itself.
        std::thread::spawn(move || drop(pipe.write_all(&input)));
    }
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let status = wait(&mut child, started + limit);
    let wall = started.elapsed();
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    let status =
        status.unwrap_or_else(|| panic!("{command:?} still ran after {limit:?}:\n{stdout}\n{stderr}"));
    Finished { status, stdout, stderr, wall }
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// How the program ended; nothing when it had to be ended.
fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_status_are_kept() {
        let finished = run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]));
        let seen = (finished.status.code(), finished.stdout.as_str(), finished.stderr.as_str());
        assert_eq!(seen, (Some(3), "out\n", "err\n"));
    }

    #[test]
    fn input_is_handed_on() {
        let long = "x".repeat(1 << 20);
        assert_eq!(run_fed(Command::new("wc").arg("-c"), long.as_bytes()).stdout.trim(), "1048576");
        assert_eq!(run_fed(&mut Command::new("true"), long.as_bytes()).status.code(), Some(0));
    }

    #[test]
    #[should_panic(expected = "still ran after")]
    fn what_hangs_is_ended() {
        let _ = run_within(Command::new("sleep").arg("60"), Duration::from_millis(50));
    }
}
