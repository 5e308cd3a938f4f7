//! Steps that are asked what they would install, on the very root that they will run on.

use std::collections::BTreeSet;

use super::about::About;
use super::{LowerError, Lowering, Stages};
use crate::llb::{Graph, State};
use crate::lock::{FragmentId, Installer, LockTarget, StepPath};
use crate::plan::PlannedFragment;
use crate::plan::exec::RESOLVED;
use crate::plan::step::PlannedStep;
use crate::text::Place;

/// A step that is asked what it would install.
#[derive(Debug)]
pub struct Resolution {
    /// The fragment.
    pub fragment: FragmentId,
    /// For what it is asked.
    pub target: LockTarget,
    /// What the fragment is built on.
    pub built_on: Vec<String>,
    /// Which of its steps it is.
    pub path: StepPath,
    /// What the step asks for.
    pub asked: Vec<String>,
    /// The requirements files that it names, by their paths in the fragment's folder.
    pub requirements: Vec<String>,
    /// Where it is written.
    pub place: Place,
    /// What people see of it in the progress.
    pub title: String,
    /// Whose words will say it.
    pub installer: Installer,
    /// The filesystem with the file that they are in: [`Installer::file`].
    pub answer: Graph,
}

impl Lowering<'_> {
    /// Asks a step that is not locked, where all that its root is made of is.
    pub(super) fn resolve(
        &mut self,
        fragment: Option<&PlannedFragment>,
        step: &PlannedStep,
        on: &State,
        stages: &Stages,
        about: &About,
    ) -> Result<(), LowerError> {
        let (Some(fragment), Some(lock)) = (fragment, &step.lock) else { return Ok(()) };
        let Some(resolver) = &lock.resolver else { return Ok(()) };
        let below = self.plan.composition.below(fragment.index);
        let below: BTreeSet<usize> = below.into_iter().chain([fragment.index]).collect();
        if self.unlocked.is_disjoint(&below) {
            let about = about.resolving();
            let done = self.exec(&resolver.exec, step, on, stages, &about)?;
            let (id, target, built_on) = fragment.locked_as.clone();
            self.resolutions.push(Resolution {
                fragment: id,
                target,
                built_on,
                path: lock.path.clone(),
                asked: lock.asked.clone(),
                requirements: resolver.requirements.clone(),
                place: step.place.clone(),
                title: about.step().name().unwrap_or_default().to_owned(),
                installer: resolver.installer,
                answer: Graph::of(&done.mount(RESOLVED)),
            });
        }
        self.unlocked.insert(fragment.index);
        Ok(())
    }
}
