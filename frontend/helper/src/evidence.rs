//! What a step leaves for the frontend, on a mount of its own: `output.log`, `changes.json`, `step.json`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, Timestamps, futimens, openat, renameat};
use rustix::io::Errno;
use serde::Serialize;

use crate::capture::{Output, Stream};
use crate::config::{Config, DEFAULT_EVIDENCE};
use crate::fault::Fault;
use crate::remove;
use crate::sys::raw::Usage;
use crate::sys::{self, file};

/// Both streams as they came.
pub(crate) const OUTPUT: &str = "output.log";
/// The manifest of changes.
pub(crate) const CHANGES: &str = "changes.json";
/// The outcome; written last, so that where it is there, the others are complete.
pub(crate) const STEP: &str = "step.json";

/// The evidence directory. It is opened before the command runs and written to after it has ended.
pub(crate) struct Evidence {
    dir: OwnedFd,
    path: Vec<u8>,
    epoch: Option<u64>,
}

/// `step.json`.
#[derive(Debug, Serialize)]
pub(crate) struct StepReport {
    /// The version of the format.
    pub(crate) version: u32,
    /// The command's own exit code, unless a signal ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_code: Option<i32>,
    /// The signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signal: Option<i32>,
    /// The wrapper's own fault, or why the command could not be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<String>,
    /// From the start of the command to its end, in milliseconds.
    pub(crate) wall_ms: u64,
    /// What the wrapper itself took before and after, in microseconds.
    pub(crate) overhead_us: u64,
    /// Processor time of the command and all its descendants that were reaped, in milliseconds.
    pub(crate) user_cpu_ms: u64,
    /// The same, in the kernel.
    pub(crate) system_cpu_ms: u64,
    /// The largest resident set of one process among them, in KiB.
    pub(crate) peak_rss_kib: u64,
    /// What came out on standard output.
    pub(crate) stdout: StreamReport,
    /// What came out on standard error.
    pub(crate) stderr: StreamReport,
}

/// The size of a stream, in bytes.
#[derive(Debug, Serialize)]
pub(crate) struct StreamReport {
    bytes: u64,
    dropped: u64,
}

impl StreamReport {
    /// The report for one of the streams.
    pub(crate) fn new(output: &Output, stream: Stream) -> Self {
        let (bytes, dropped) = output.counts(stream);
        Self { bytes, dropped }
    }
}

impl StepReport {
    /// Fills in what was used.
    pub(crate) fn set_usage(&mut self, usage: &Usage) {
        self.user_cpu_ms = usage.user_us / 1000;
        self.system_cpu_ms = usage.system_us / 1000;
        self.peak_rss_kib = usage.peak_rss_kib;
    }
}

impl Evidence {
    /// Opens the evidence directory. None: there is none, and none was asked for.
    ///
    /// # Errors
    /// A directory that was asked for and is not there.
    pub(crate) fn open(config: &Config) -> Result<Option<Self>, Fault> {
        let (path, is_required) = config.evidence();
        match file::open_dir(CWD, path) {
            Ok(dir) => Ok(Some(Self { dir, path: path.to_vec(), epoch: config.epoch })),
            Err(Errno::NOENT | Errno::NOTDIR) if !is_required => Ok(None),
            Err(errno) => Err(Fault::path("open the evidence directory", path, errno)),
        }
    }

    /// Opens the evidence directory of a mode that is there for what it leaves; `epoch` is the time of that, in seconds.
    ///
    /// # Errors
    /// There is no such directory.
    pub(crate) fn required(epoch: u64) -> Result<Self, Fault> {
        Ok(Self { epoch: Some(epoch), ..Self::unstamped()? })
    }

    /// The same for what is no part of any cache key and keeps the time at which it was written.
    ///
    /// # Errors
    /// As [`Evidence::required`].
    pub(crate) fn unstamped() -> Result<Self, Fault> {
        let path = DEFAULT_EVIDENCE.as_bytes();
        let dir = file::open_dir(CWD, path);
        let dir = dir.map_err(|errno| Fault::path("open the evidence directory", path, errno))?;
        Ok(Self { dir, path: path.to_vec(), epoch: None })
    }

    /// The directory itself.
    pub(crate) fn dir(&self) -> &OwnedFd {
        &self.dir
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// As [`Evidence::write`].
    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), Fault> {
        let text =
            serde_json::to_vec(value).map_err(|err| Fault::own(format!("cannot write {name}: {err}")))?;
        self.write(name, &text)
    }

    /// Writes a file under another name and renames it, so that it is there as a whole or not at all. Whatever the
    /// command may have put in its place goes.
    ///
    /// # Errors
    /// A directory that cannot be written to, or that is full.
    pub(crate) fn write(&self, name: &str, text: &[u8]) -> Result<(), Fault> {
        self.try_write(name, text).map_err(|errno| {
            let path = [&self.path, name.as_bytes()].join(&b'/');
            Fault::path("write the evidence", &path, errno)
        })
    }

    fn try_write(&self, name: &str, text: &[u8]) -> Result<(), Errno> {
        let temporary = format!(".{name}.new");
        for name in [name, &temporary] {
            remove::entry(&self.dir, name.as_bytes())?;
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&self.dir, temporary.as_str(), flags, Mode::from_raw_mode(0o644))?;
        write_checked(&fd, text)?;
        self.clamp(&fd)?;
        renameat(&self.dir, temporary.as_str(), &self.dir, name)
    }

    /// Gives the directory itself the time of what is in it: the last thing to do to it.
    ///
    /// # Errors
    /// A time that cannot be set.
    pub(crate) fn close(self) -> Result<(), Fault> {
        self.clamp(&self.dir).map_err(|errno| Fault::path("set the time of", &self.path, errno))
    }

    fn clamp(&self, fd: &OwnedFd) -> Result<(), Errno> {
        let Some(epoch) = self.epoch else { return Ok(()) };
        let time = sys::timespec(sys::Nanos::from(epoch) * sys::SECOND);
        futimens(fd, &Timestamps { last_access: time, last_modification: time })
    }
}

/// Like [`sys::write_all`], but a full disk is an error.
pub(crate) fn write_checked(fd: &OwnedFd, mut text: &[u8]) -> Result<(), Errno> {
    while !text.is_empty() {
        match rustix::io::write(fd.as_fd(), text) {
            Ok(written) => text = &text[written..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
