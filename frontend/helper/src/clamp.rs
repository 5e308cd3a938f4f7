//! Times of modification that do not depend on when the step ran.

use rustix::fs::{AtFlags, CWD, Timestamps, UTIME_OMIT, utimensat};
use rustix::io::Errno;
use rustix::time::Timespec;

use crate::fault::Fault;
use crate::sys::{self, Nanos, SECOND};
use crate::walk::scope::Scope;
use crate::walk::{Finding, Verdict};

/// How long before the step an engine may have made mount points.
const MOUNTING: Nanos = 60 * SECOND;

/// The rule by which times are set.
pub(crate) struct Clamp<'a> {
    /// The time for what the step changed.
    pub(crate) epoch: Nanos,
    /// The start of the step: what is older was set on purpose, by tar or dpkg for example.
    pub(crate) since: Nanos,
    /// Says where the engine made mount points.
    pub(crate) scope: &'a Scope,
}

impl Clamp<'_> {
    /// Sets the times of all findings.
    ///
    /// # Errors
    /// A time that cannot be set, other than on a read-only file system.
    pub(crate) fn apply(&self, findings: &[Finding]) -> Result<(), Fault> {
        for finding in findings {
            let Some(time) = self.time_for(finding) else { continue };
            match set_mtime(&finding.path, time) {
                Ok(()) | Err(Errno::ROFS | Errno::NOENT) => {}
                Err(errno) => return Err(Fault::path("set the time of", &finding.path, errno)),
            }
        }
        Ok(())
    }

    /// The time that a path should have; None: the one that it has.
    fn time_for(&self, finding: &Finding) -> Option<Nanos> {
        let since = if self.scope.leads_to_mount(&finding.path) { self.since - MOUNTING } else { self.since };
        // Programs that copy times, busybox's mv between layers for example, may keep no more than whole seconds of them.
        let since = since - since.rem_euclid(SECOND);
        let wanted = match finding.verdict {
            Verdict::Same(before) => before,
            Verdict::Changed(..) | Verdict::Listing | Verdict::Touched => self.epoch,
        };
        (finding.meta.mtime >= since && finding.meta.mtime != wanted).then_some(wanted)
    }
}

/// Sets the time of modification of a path, not through a symbolic link.
pub(crate) fn set_mtime(path: &[u8], time: Nanos) -> Result<(), Errno> {
    let keep = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ };
    let times = Timestamps { last_access: keep, last_modification: sys::timespec(time) };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
}
