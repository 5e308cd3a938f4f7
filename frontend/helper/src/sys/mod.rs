//! System calls, as far as they need more than one line at the place of use.

pub(crate) mod file;
pub(crate) mod raw;
pub(crate) mod signal;

use alloc::format;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// A point in time or a duration, in nanoseconds.
pub(crate) type Nanos = i128;

/// Nanoseconds in a second.
pub(crate) const SECOND: Nanos = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub(crate) const MILLISECOND: Nanos = 1_000_000;

/// Writes one line of the helper's own to standard error.
pub(crate) fn complain(message: &str) {
    write_all(stderr(), format!("factory: {message}\n").as_bytes());
}

/// The helper's own standard output.
pub(crate) fn stdout() -> BorrowedFd<'static> {
    // SAFETY: `occupy_standard_descriptors` runs first, and nothing closes descriptor 1.
    unsafe { BorrowedFd::borrow_raw(1) }
}

/// The helper's own standard error.
pub(crate) fn stderr() -> BorrowedFd<'static> {
    // SAFETY: as for `stdout`.
    unsafe { BorrowedFd::borrow_raw(2) }
}

/// Opens `/dev/null` on descriptors 0 to 2 where the engine left one closed, so that no file of ours lands there.
pub(crate) fn occupy_standard_descriptors() {
    while let Ok(fd) = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty()) {
        if raw::number(&fd) > 2 {
            break;
        }
        core::mem::forget(fd);
    }
}

/// Writes everything, also to a descriptor that does not block. A reader that has gone is not an error: the output is
/// still kept as evidence.
pub(crate) fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], None);
            }
            Err(_) => return,
        }
    }
}

/// A pipe that programs do not inherit: the end to read, the end to write.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
}

/// The time by which the kernel stamps files: the coarse clock, not the precise one, which runs ahead of it.
pub(crate) fn file_clock() -> Nanos {
    nanos(clock_gettime(ClockId::RealtimeCoarse))
}

/// A clock that nobody sets.
pub(crate) fn steady_clock() -> Nanos {
    nanos(clock_gettime(ClockId::Monotonic))
}

/// Sleeps for a millisecond.
pub(crate) fn nap() {
    let _ = poll(&mut [], Some(&timespec(MILLISECOND)));
}

/// A duration as the kernel takes it.
pub(crate) fn timespec(duration: Nanos) -> Timespec {
    let duration = duration.max(0);
    Timespec { tv_sec: (duration / SECOND) as i64, tv_nsec: (duration % SECOND) as _ }
}

fn nanos(time: Timespec) -> Nanos {
    Nanos::from(time.tv_sec) * SECOND + Nanos::from(time.tv_nsec)
}
