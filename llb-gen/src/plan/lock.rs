//! What a lock has to do with a step: what it asks for, and what of that is locked.

use std::collections::BTreeMap;

use super::here::Here;
use super::step::{PlannedLock, Resolver};
use super::{apt, pip};
use crate::diagnostic::{Diagnostics, Sink};
use crate::lock::{AptName, AptVersion, LockedPip, Resolved, StepPath};
use crate::model::step::{Apt, Pip, Step};

/// What is locked of a step, and how the lock sees it.
type Locked<'a, T> = (Option<&'a T>, Option<PlannedLock>);

/// Nothing for a step that installs nothing, and for what a test needs.
pub(super) fn apt<'a>(
    step: &Apt,
    (at, written): (usize, &Step),
    here: &Here<'a>,
    sink: &mut Sink,
) -> Result<Locked<'a, BTreeMap<AptName, AptVersion>>, Diagnostics> {
    let Some(asked) = apt::asked(step, here)? else { return Ok((None, None)) };
    let (found, asked) = locked(asked, at, written, here, sink);
    match found {
        Some(Resolved::Apt(packages)) => Ok((Some(packages), asked)),
        _ => Ok((None, resolved(asked, here, || apt::resolver(step, here))?)),
    }
}

/// As [`apt`].
pub(super) fn pip<'a>(
    step: &Pip,
    (at, written): (usize, &Step),
    here: &Here<'a>,
    sink: &mut Sink,
) -> Result<Locked<'a, LockedPip>, Diagnostics> {
    let (found, asked) = locked(pip::asked(step, here)?, at, written, here, sink);
    match found {
        Some(Resolved::Pip(packages)) => Ok((Some(packages), asked)),
        _ => Ok((None, resolved(asked, here, || pip::resolver(step, here))?)),
    }
}

fn locked<'a>(
    asked: Vec<String>,
    at: usize,
    written: &Step,
    here: &Here<'a>,
    sink: &mut Sink,
) -> (Option<&'a Resolved>, Option<PlannedLock>) {
    let Some(locks) = here.locks else { return (None, None) };
    let path = StepPath::new(here.stage.as_ref(), at);
    let found = locks.step(&path, &asked, &written.place, sink);
    (found, Some(PlannedLock { path, asked, resolver: None }))
}

fn resolved(
    lock: Option<PlannedLock>,
    here: &Here<'_>,
    resolver: impl FnOnce() -> Result<Resolver, Diagnostics>,
) -> Result<Option<PlannedLock>, Diagnostics> {
    match lock {
        Some(lock) if here.request.lock.resolve => {
            Ok(Some(PlannedLock { resolver: Some(resolver()?), ..lock }))
        }
        other => Ok(other),
    }
}
