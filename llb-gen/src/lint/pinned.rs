//! What the lock has of a fragment, so that no rule asks for it again.

use crate::draft::Draft;
use crate::lock::{LockedFragment, PipName, Resolved};

/// The lock's share of a fragment on every platform that it is built for.
pub(super) struct Pinned<'l>(Vec<Option<&'l LockedFragment>>);

impl<'l> Pinned<'l> {
    /// Of the fragment at `index`, wherever the drafts take it.
    pub(super) fn of(drafts: &'l [Draft<'l>], index: usize) -> Self {
        let taking = drafts.iter().filter(|draft| draft.target.fragments(draft.product).contains(&index));
        Self(taking.map(|draft| draft.locking.known(draft, index)).collect())
    }

    /// Whether every platform has a step that is locked like this.
    fn everywhere(&self, fits: impl Fn(&Resolved) -> bool) -> bool {
        let has = |one: &Option<&LockedFragment>| {
            one.is_some_and(|one| one.steps.values().any(|step| fits(&step.found)))
        };
        !self.0.is_empty() && self.0.iter().all(has)
    }

    /// Whether the version of a Debian package is locked, or (no package) those of all that a step upgrades.
    pub(super) fn apt(&self, package: Option<&str>) -> bool {
        self.everywhere(|found| match found {
            Resolved::Apt(packages) => package.is_none_or(|package| {
                packages.keys().any(|name| name.as_str().split(':').next() == Some(package))
            }),
            Resolved::Pip(_) => false,
        })
    }

    /// Whether the version of a Python package is locked.
    pub(super) fn pip(&self, package: &str) -> bool {
        let Ok(package) = PipName::normal(package) else { return false };
        self.everywhere(|found| matches!(found, Resolved::Pip(pip) if pip.packages.contains_key(&package)))
    }
}
