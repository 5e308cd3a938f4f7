//! Ending what a step leaves running.

use alloc::vec::Vec;

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, set_child_subreaper, wait,
};

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

/// Reaps every child that has ended, and returns the status of `wanted` if it is among them.
pub(crate) fn reap(wanted: Pid) -> Option<WaitStatus> {
    let mut status = None;
    while let Ok(Some((pid, found))) = wait(WaitOptions::NOHANG) {
        if pid == wanted {
            status = Some(found);
        }
    }
    status
}

/// Kills whatever the step has left running and reaps it; gives up after [`PATIENCE`] on what does not die.
pub(crate) fn kill_leftovers() {
    let deadline = sys::steady_clock() + PATIENCE;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => continue,
            Ok(None) => {}
            Err(_) => return,
        }
        if sys::steady_clock() > deadline {
            sys::complain("processes of the step survive SIGKILL; going on without them");
            return;
        }
        kill_children();
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
    for pid in children() {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// The processes whose parent the helper is.
fn children() -> Vec<Pid> {
    let Ok(proc) = file::open_dir(CWD, b"/proc") else { return Vec::new() };
    let own = getpid().as_raw_pid();
    let parent = |name: &[u8]| {
        let stat = file::read(&[b"/proc/", name, b"/stat"].concat()).ok()?;
        parent_in(&stat)
    };
    let pids = file::names(&proc).unwrap_or_default();
    let pids = pids.iter().filter(|name| parent(name) == Some(own));
    pids.filter_map(|name| core::str::from_utf8(name).ok()?.parse().ok().and_then(Pid::from_raw)).collect()
}

/// The parent in `/proc/PID/stat`: the second field after the last parenthesis, since the name may contain anything.
fn parent_in(stat: &[u8]) -> Option<i32> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let field = stat[end..].split(|&byte| byte == b' ').nth(2)?;
    core::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parent_in(b"12 (sh) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in(b"12 (a) S 9 (b)) R 8 1"), Some(8));
        assert_eq!(parent_in(b"12"), None);
        assert_eq!(parent_in(b"1 (init) S 0 1"), Some(0));
    }
}
