//! Times that do not depend on when the fragment was built. Steps have set theirs already; directories are what file
//! operations, and everything that comes and goes in them, leave with the time of the build.

use alloc::collections::BTreeMap;

use rustix::fd::OwnedFd;
use rustix::fs::CWD;
use rustix::io::Errno;

use crate::clamp::set_mtime;
use crate::fault::Fault;
use crate::sys::Nanos;
use crate::sys::file::Meta;
use crate::walk::lower::relative;
use crate::walk::scope::parent;
use crate::walk::{Existed, Finding, Findings, Verdict, absolute};

/// Sets the times of what is settled.
///
/// # Errors
/// A time that cannot be set, or a path of the lower root that cannot be looked at.
pub(super) fn set(findings: &Findings, lower: &OwnedFd, epoch: Nanos) -> Result<(), Fault> {
    for (path, time) in wanted(findings, lower, epoch)? {
        let done = match Meta::of(CWD, path) {
            Ok(Some(meta)) if meta.mtime != time => set_mtime(path, time),
            Ok(_) => Ok(()),
            Err(errno) => Err(errno),
        };
        done.map_err(|errno| Fault::path("set the time of", path, errno))?;
    }
    Ok(())
}

/// The time of every path whose time is not left alone.
fn wanted<'a>(
    findings: &'a Findings,
    lower: &OwnedFd,
    epoch: Nanos,
) -> Result<BTreeMap<&'a [u8], Nanos>, Fault> {
    let mut wanted = BTreeMap::new();
    let mut listing = None;
    for finding in &findings.found {
        match finding.verdict {
            Verdict::Same(before) => {
                wanted.entry(finding.path.as_slice()).or_insert(before);
            }
            Verdict::Changed(existed, _) => {
                let dir = parent(&finding.path);
                if existed == Existed::No && listing != Some(dir) {
                    listing = Some(dir);
                    wanted.insert(absolute(dir), epoch);
                }
                if is_new_directory(finding, existed, lower)
                    .map_err(|errno| Fault::path("look at the lower root's", &finding.path, errno))?
                {
                    wanted.insert(&finding.path, epoch);
                }
            }
            Verdict::Listing | Verdict::Touched => {}
        }
    }
    wanted.extend(findings.deleted.iter().map(|path| (absolute(parent(path)), epoch)));
    Ok(wanted)
}

/// Whether there is a directory where there was none, but perhaps something else.
fn is_new_directory(finding: &Finding, existed: Existed, lower: &OwnedFd) -> Result<bool, Errno> {
    if !finding.meta.kind.is_dir() {
        return Ok(false);
    }
    let before = match existed {
        Existed::No => None,
        Existed::Yes => Meta::of(lower, relative(&finding.path))?,
    };
    Ok(before.is_none_or(|before| !before.kind.is_dir()))
}
