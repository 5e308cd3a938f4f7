//! Ending what a step leaves running.

use alloc::vec::Vec;

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpid, kill_process, set_child_subreaper};

use crate::sys::raw::Usage;
use crate::sys::{self, MILLISECOND, Nanos, file, raw};

/// How long killed processes may take to go.
const PATIENCE: Nanos = 2_000 * MILLISECOND;

/// Whether the helper is the first process of its namespace.
pub(crate) fn is_first_process() -> bool {
    getpid().is_init()
}

/// Makes orphans of the step the helper's children, as they are by nature when it is the first process.
pub(crate) fn adopt_orphans() {
    if !is_first_process() {
        let _ = set_child_subreaper(Some(getpid()));
    }
}

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Outcome {
    /// Reads the status as `wait` encodes it, of a process that has ended.
    fn of(status: i32) -> Self {
        match status & 0x7f {
            0 => Self::Code(status >> 8 & 0xff),
            signal => Self::Signal(signal),
        }
    }

    /// The exit code that stands for it, as shells have it.
    pub(crate) fn exit_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// Reaps every child that has ended, adds up what they have used, and returns the outcome of `wanted` if it is among them.
pub(crate) fn reap(wanted: Pid, usage: &mut Usage) -> Option<Outcome> {
    let mut outcome = None;
    while let Ok(Some(child)) = raw::wait_child() {
        usage.add(&child.usage);
        if child.pid == wanted.as_raw_pid() {
            outcome = Some(Outcome::of(child.status));
        }
    }
    outcome
}

/// Kills whatever the command has left running and reaps it; gives up after [`PATIENCE`] on what does not die.
pub(crate) fn kill_leftovers(usage: &mut Usage) {
    let deadline = sys::steady_clock() + PATIENCE;
    loop {
        match raw::wait_child() {
            Ok(Some(child)) => {
                usage.add(&child.usage);
                continue;
            }
            Err(Errno::INTR) => continue,
            Ok(None) => {}
            Err(_) => return,
        }
        if sys::steady_clock() > deadline {
            sys::complain("processes of the command survive SIGKILL; going on without them");
            return;
        }
        kill_children();
        sys::nap();
    }
}

/// The same for what is in none of these sessions, which go on.
pub(crate) fn kill_leftovers_but(sessions: &[i32], usage: &mut Usage) {
    if sessions.is_empty() {
        return kill_leftovers(usage);
    }
    let own = getpid().as_raw_pid();
    let deadline = sys::steady_clock() + PATIENCE;
    while sys::steady_clock() < deadline {
        while let Ok(Some(child)) = raw::wait_child() {
            usage.add(&child.usage);
        }
        let is_left = |process: &Process| process.parent == own && !sessions.contains(&process.session);
        let left: Vec<Process> = processes().into_iter().filter(is_left).collect();
        if left.is_empty() {
            return;
        }
        for process in left {
            let _ = Pid::from_raw(process.pid).map(|pid| kill_process(pid, Signal::KILL));
        }
        sys::nap();
    }
}

/// One round of killing. As the first process everybody at once; otherwise the children, whose own children become
/// ours by that and are found in the next round.
fn kill_children() {
    if is_first_process() {
        raw::kill_all_others();
        return;
    }
    let own = getpid().as_raw_pid();
    for process in processes().iter().filter(|process| process.parent == own) {
        let _ = Pid::from_raw(process.pid).map(|pid| kill_process(pid, Signal::KILL));
    }
}

/// A process, as `/proc/PID/stat` describes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: i32,
    /// Its parent's number.
    pub(crate) parent: i32,
    /// The session that it is in: the number of the process that leads it.
    pub(crate) session: i32,
    /// The memory that it has, in pages.
    pub(crate) resident_pages: u64,
}

/// Every process of the namespace; none where `/proc` is missing.
pub(crate) fn processes() -> Vec<Process> {
    let Ok(proc) = file::open_dir(CWD, b"/proc") else { return Vec::new() };
    let names = file::names(&proc).unwrap_or_default();
    let numbers = names.iter().filter(|name| name.iter().all(u8::is_ascii_digit));
    let stat = |name: &Vec<u8>| file::read(&[b"/proc/", name.as_slice(), b"/stat"].concat()).ok();
    numbers.filter_map(|name| parse_stat(number(name)?, &stat(name)?)).collect()
}

/// The fields after the last parenthesis, since the name may contain anything: state, parent, group, session, …, and the
/// resident pages as the 22nd of them.
fn parse_stat(pid: i32, stat: &[u8]) -> Option<Process> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let mut fields = stat[end..].split(|&byte| byte == b' ');
    let parent = number(fields.nth(2)?)?;
    let session = fields.nth(1).and_then(number).unwrap_or(0);
    let resident_pages = fields.nth(17).and_then(number).unwrap_or(0);
    Some(Process { pid, parent, session, resident_pages })
}

fn number<N: core::str::FromStr>(digits: &[u8]) -> Option<N> {
    core::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_name() {
        let parent = |stat: &[u8]| parse_stat(1, stat).map(|process| process.parent);
        assert_eq!(parent(b"12 (sh) S 7 12 12 0"), Some(7));
        assert_eq!(parent(b"12 (a) S 9 (b)) R 8 1"), Some(8));
        assert_eq!(parent(b"12"), None);
        assert_eq!(parent(b"1 (init) S 0 1"), Some(0));
        let session = |stat: &[u8]| parse_stat(1, stat).map(|process| process.session);
        assert_eq!(session(b"12 (sh) S 7 12 11 0"), Some(11));
    }

    #[test]
    fn a_process_knows_its_memory() {
        let own = processes().into_iter().find(|process| process.pid == std::process::id() as i32).unwrap();
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(own.resident_pages.abs_diff(pages) < pages / 2, "{own:?} {pages}");
    }

    #[test]
    fn outcomes_are_codes_or_signals() {
        for (status, outcome, code) in [
            (0, Outcome::Code(0), 0),
            (3 << 8, Outcome::Code(3), 3),
            (9, Outcome::Signal(9), 137),
            (0x80 | 11, Outcome::Signal(11), 139),
        ] {
            assert_eq!((Outcome::of(status), outcome.exit_code()), (outcome, code));
        }
    }
}
