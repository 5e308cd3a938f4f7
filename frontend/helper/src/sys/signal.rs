//! Signals: which are passed on, how they are received, what they are called.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::Signal;

use super::raw;

/// What the helper passes on to the command's process group.
const FORWARDED: [Signal; 6] =
    [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2];

/// Signals that arrive as data instead of interrupting.
pub(crate) struct Signals {
    fd: OwnedFd,
    before: u64,
}

impl Signals {
    /// Blocks the forwarded signals, SIGCHLD and SIGPIPE from here on.
    pub(crate) fn receive() -> Result<Self, Errno> {
        let set = FORWARDED
            .into_iter()
            .chain([Signal::CHILD, Signal::PIPE])
            .fold(0, |set, signal| set | bit(signal));
        let before = raw::set_blocked_signals(set);
        Ok(Self { fd: raw::signal_descriptor(set & !bit(Signal::PIPE))?, before })
    }

    /// The descriptor to wait on.
    pub(crate) fn descriptor(&self) -> &OwnedFd {
        &self.fd
    }

    /// The next signal that should be passed on. None: nothing more has arrived.
    pub(crate) fn next_forwarded(&self) -> Option<Signal> {
        // The kernel's structure has 128 bytes and begins with the number of the signal.
        let mut info = [0_u8; 128];
        loop {
            if !matches!(rustix::io::read(&self.fd, &mut info), Ok(128)) {
                return None;
            }
            let number = i32::from_ne_bytes([info[0], info[1], info[2], info[3]]);
            let forwarded = FORWARDED.into_iter().find(|signal| signal.as_raw() == number);
            if forwarded.is_some() {
                return forwarded;
            }
        }
    }

    /// In the child: signals as a new program expects them, whatever those who started us ignore. Those that cannot be
    /// changed refuse, which is as well.
    pub(crate) fn restore_in_child(&self) {
        (1..=31).for_each(raw::default_signal);
        raw::set_blocked_signals(self.before);
    }
}

fn bit(signal: Signal) -> u64 {
    1 << (signal.as_raw() - 1)
}

/// The name of a signal, as `kill -l` gives it with SIG in front.
pub(crate) fn name(signal: i32) -> &'static str {
    const NAMES: [&str; 31] = [
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    usize::try_from(signal - 1).ok().and_then(|at| NAMES.get(at)).unwrap_or(&"a real-time signal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_numbers_of_linux() {
        for (signal, expected) in
            [(1, "SIGHUP"), (9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM"), (31, "SIGSYS")]
        {
            assert_eq!(name(signal), expected);
        }
        assert_eq!(name(34), "a real-time signal");
        assert_eq!(name(0), "a real-time signal");
    }
}
