//! Starting the command.

use alloc::ffi::CString;
use alloc::format;
use alloc::vec::Vec;
use core::ffi::c_char;
use core::ptr;

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Gid, Pid, Uid};

use crate::diagnose;
use crate::environment::Environment;
use crate::fault::Fault;
use crate::sys::signal::Signals;
use crate::sys::{self, raw};
use crate::user::Identity;

/// Where commands are looked for when the step has no PATH.
pub(crate) const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Everything about the command to start.
pub(crate) struct Command<'a> {
    /// The command and its arguments; not empty.
    pub(crate) argv: &'a [Vec<u8>],
    /// Its environment.
    pub(crate) env: &'a Environment,
    /// Its working directory; None: the helper's own.
    pub(crate) cwd: Option<&'a [u8]>,
    /// Who it runs as; None: as the helper.
    pub(crate) user: Option<&'a Identity>,
    /// What it is the first process of.
    pub(crate) leads: Leads,
}

/// What a command gets of its own; its number is that of the command's process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leads {
    /// A process group.
    Group,
    /// A session, and a process group in it.
    Session,
}

/// A running command: its process, and the ends of its output to read.
pub(crate) struct Running {
    /// The process; also the number of its process group.
    pub(crate) pid: Pid,
    /// Its standard output.
    pub(crate) stdout: OwnedFd,
    /// Its standard error.
    pub(crate) stderr: OwnedFd,
}

/// Everything the child needs, made before the fork: the child itself allocates nothing.
struct Prepared<'a> {
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
    candidates: &'a [CString],
    cwd: Option<CString>,
    user: Option<(Uid, Gid, Vec<Gid>)>,
    stdio: [OwnedFd; 3],
    report: OwnedFd,
    leads: Leads,
}

/// What the child was doing when it failed.
const STAGE_EXECUTE: i32 = 0;
const STAGE_DIRECTORY: i32 = 1;
const STAGE_USER: i32 = 2;
const STAGE_STDIO: i32 = 3;

impl Command<'_> {
    /// Starts the command in a process group or session of its own, with `/dev/null` as standard input.
    ///
    /// # Errors
    /// Exit code 127 for a command that is not there, 126 for one that cannot be executed, 125 for anything else.
    pub(crate) fn start(&self, signals: &Signals) -> Result<Running, Fault> {
        let candidates = self.candidates()?;
        let argv = c_strings(self.argv)?;
        let envp = c_strings(self.env.entries())?;
        let (stdout, stdout_child) = pipe()?;
        let (stderr, stderr_child) = pipe()?;
        let (outcome, report) = pipe()?;
        let prepared = Prepared {
            argv: pointers(&argv),
            envp: pointers(&envp),
            candidates: &candidates,
            cwd: self.cwd.map(c_string).transpose()?,
            user: self.user.map(ids),
            stdio: [null_input()?, stdout_child, stderr_child],
            report,
            leads: self.leads,
        };
        // SAFETY: the helper has one thread, and `in_child` makes system calls alone.
        let pid = match unsafe { raw::fork() } {
            Ok(0) => prepared.in_child(signals),
            Ok(pid) => Pid::from_raw(pid),
            Err(errno) => return Err(Fault::call("start a process", errno)),
        };
        drop(prepared);
        let Some(pid) = pid else { return Err(Fault::own("cannot start a process: it has no number")) };
        if self.leads == Leads::Group {
            let _ = rustix::process::setpgid(Some(pid), Some(pid));
        }
        match self.failure(&outcome, &candidates) {
            None => Ok(Running { pid, stdout, stderr }),
            Some(fault) => {
                let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
                Err(fault)
            }
        }
    }

    /// The paths to try, in order: the command itself if it has a slash, else in each directory of PATH.
    fn candidates(&self) -> Result<Vec<CString>, Fault> {
        let command = &self.argv[0];
        if command.contains(&b'/') {
            return Ok([c_string(command)?].into());
        }
        let path = self.env.get("PATH").unwrap_or(DEFAULT_PATH);
        let in_dir = |dir: &[u8]| {
            let dir = if dir.is_empty() { b"." } else { dir };
            c_string(&[dir, command].join(&b'/'))
        };
        path.split(|&byte| byte == b':').map(in_dir).collect()
    }

    /// Waits until the child has executed the command (the pipe closes by itself) or says why it has not.
    fn failure(&self, outcome: &OwnedFd, candidates: &[CString]) -> Option<Fault> {
        let mut report = [0_u8; 8];
        if !matches!(sys::file::fill(outcome, &mut report), Ok(8)) {
            return None;
        }
        let [stage, errno] =
            [0, 4].map(|at| i32::from_ne_bytes([report[at], report[at + 1], report[at + 2], report[at + 3]]));
        let errno = Errno::from_raw_os_error(errno);
        Some(match stage {
            STAGE_DIRECTORY => {
                Fault::path("change to the working directory", self.cwd.unwrap_or(b"."), errno)
            }
            STAGE_USER => Fault::call("become the user of the command", errno),
            STAGE_STDIO => Fault::call("connect the output of the command", errno),
            _ => diagnose::explain(&self.argv[0], candidates, self.cwd, errno),
        })
    }
}

impl Prepared<'_> {
    /// Becomes the command, or reports a stage and an error number and ends.
    fn in_child(&self, signals: &Signals) -> ! {
        let (stage, errno) = self.become_command(signals);
        let mut report = [0_u8; 8];
        report[..4].copy_from_slice(&stage.to_ne_bytes());
        report[4..].copy_from_slice(&errno.raw_os_error().to_ne_bytes());
        sys::write_all(rustix::fd::AsFd::as_fd(&self.report), &report);
        raw::exit(crate::fault::NOT_FOUND)
    }

    /// Returns only on failure.
    fn become_command(&self, signals: &Signals) -> (i32, Errno) {
        let _ = match self.leads {
            Leads::Group => rustix::process::setpgid(None, None),
            Leads::Session => rustix::process::setsid().map(drop),
        };
        for (target, fd) in (0..).zip(&self.stdio) {
            // SAFETY: the child is about to become another program; nothing in it uses its standard descriptors.
            if let Err(errno) = unsafe { raw::replace_descriptor(fd, target) } {
                return (STAGE_STDIO, errno);
            }
        }
        if let Some(Err(errno)) = self.cwd.as_deref().map(rustix::process::chdir) {
            return (STAGE_DIRECTORY, errno);
        }
        if let Err(errno) = self.become_user() {
            return (STAGE_USER, errno);
        }
        signals.restore_in_child();
        (STAGE_EXECUTE, self.execute())
    }

    /// Groups first: after the user id has gone there is no right to change them.
    fn become_user(&self) -> Result<(), Errno> {
        let Some((uid, gid, groups)) = &self.user else { return Ok(()) };
        rustix::thread::set_thread_groups(groups)?;
        rustix::thread::set_thread_gid(*gid)?;
        rustix::thread::set_thread_uid(*uid)
    }

    /// As `execvp`: goes on past what is missing or forbidden, and remembers that something was forbidden.
    fn execute(&self) -> Errno {
        let mut reason = Errno::NOENT;
        for path in self.candidates {
            // SAFETY: both arrays end with a null pointer, and the strings live as long as `self`.
            match unsafe { raw::execve(path, self.argv.as_ptr(), self.envp.as_ptr()) } {
                Errno::NOENT | Errno::NOTDIR => {}
                Errno::ACCESS => reason = Errno::ACCESS,
                errno => return errno,
            }
        }
        reason
    }
}

fn ids(user: &Identity) -> (Uid, Gid, Vec<Gid>) {
    (
        Uid::from_raw(user.uid),
        Gid::from_raw(user.gid),
        user.groups.iter().copied().map(Gid::from_raw).collect(),
    )
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Fault> {
    sys::pipe().map_err(|errno| Fault::call("make a pipe", errno))
}

/// `/dev/null`; in an image without devices, a pipe that nobody writes to.
fn null_input() -> Result<OwnedFd, Fault> {
    match rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(fd) => Ok(fd),
        Err(_) => pipe().map(|(read, _)| read),
    }
}

fn c_string(bytes: &[u8]) -> Result<CString, Fault> {
    CString::new(bytes).map_err(|_| Fault::own(format!("\"{}\" contains a NUL", bytes.escape_ascii())))
}

fn c_strings(all: &[Vec<u8>]) -> Result<Vec<CString>, Fault> {
    all.iter().map(|bytes| c_string(bytes)).collect()
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}
