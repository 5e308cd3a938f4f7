//! What can go wrong with the helper itself, as opposed to the command that it runs.

use alloc::format;
use alloc::string::String;
use core::fmt;

use rustix::io::Errno;

/// Exit code of the helper's own faults.
pub(crate) const OWN_FAULT: i32 = 125;
/// Exit code for a command that exists and cannot be executed.
pub(crate) const NOT_EXECUTABLE: i32 = 126;
/// Exit code for a command that does not exist.
pub(crate) const NOT_FOUND: i32 = 127;

/// A reason to end without, or instead of, the command's own exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    code: i32,
    message: String,
}

impl Fault {
    /// A fault of the helper: its configuration, or a system call that had to work.
    pub(crate) fn own(message: impl Into<String>) -> Self {
        Self { code: OWN_FAULT, message: message.into() }
    }

    /// A system call that failed on a path: "cannot ACTION PATH: REASON".
    pub(crate) fn path(action: &str, path: &[u8], errno: Errno) -> Self {
        Self::own(format!("cannot {action} {}: {}", path.escape_ascii(), Reason(errno)))
    }

    /// A system call without a path: "cannot ACTION: REASON".
    pub(crate) fn call(action: &str, errno: Errno) -> Self {
        Self::own(format!("cannot {action}: {}", Reason(errno)))
    }

    /// A command that cannot be started, with one of the codes that shells use for it.
    pub(crate) fn command(code: i32, message: String) -> Self {
        Self { code, message }
    }

    /// Whether it is about a command that is not there or cannot be executed.
    pub(crate) fn is_of_command(&self) -> bool {
        matches!(self.code, NOT_EXECUTABLE | NOT_FOUND)
    }

    /// The exit code to end with.
    pub(crate) fn exit_code(&self) -> i32 {
        self.code
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An error number in words, for those that a step is likely to meet.
pub(crate) struct Reason(pub(crate) Errno);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.0 {
            Errno::NOENT => "no such file or directory",
            Errno::ACCESS => "permission denied",
            Errno::PERM => "operation not permitted",
            Errno::ROFS => "read-only file system",
            Errno::NOTDIR => "not a directory",
            Errno::ISDIR => "is a directory",
            Errno::EXIST => "file exists",
            Errno::NOSPC => "no space left on device",
            Errno::NOMEM => "out of memory",
            Errno::LOOP => "too many symbolic links",
            Errno::NAMETOOLONG => "file name too long",
            Errno::MFILE | Errno::NFILE => "too many open files",
            Errno::NOEXEC => "exec format error",
            Errno::TOOBIG => "argument list too long",
            Errno::TXTBSY => "file is being written to",
            Errno::AGAIN => "resource temporarily unavailable",
            Errno::INVAL => "invalid argument",
            Errno::IO => "input/output error",
            Errno::CONNREFUSED => "connection refused",
            Errno::CONNRESET => "connection reset",
            _ => "system error",
        };
        write!(f, "{words} (os error {})", self.0.raw_os_error())
    }
}
