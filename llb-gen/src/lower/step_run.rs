//! The processes of a product, for whoever wants to know what one of them printed.

use super::about::About;
use super::exec::EVIDENCE;
use crate::llb::{ExecResult, OpDigest, State};
use crate::plan::PlannedFragment;
use crate::plan::step::PlannedStep;
use crate::text::Place;

/// A step of a product that runs something under the step wrapper, which keeps what it prints.
#[derive(Clone, Debug)]
pub struct StepRun {
    /// The exec, by the name that BuildKit knows it by: that of a failed vertex, too.
    pub vertex: OpDigest,
    /// The name and the version of the fragment that it is a step of; nothing for what a test needs.
    pub fragment: Option<(String, String)>,
    /// What people see of it in the progress: `[core 0.1.0 2/3] pip install -r requirements.txt`.
    pub title: String,
    /// Where it is written.
    pub place: Place,
    /// What the wrapper left behind: `/output.log` is all that was printed, `/step.json` what was measured.
    pub log: State,
    /// The index of the mount with those files among the exec's mounts, and so among the mount ids of a failed solve.
    pub evidence_mount: usize,
}

impl StepRun {
    /// Nothing for a step that runs without the wrapper, which leaves nothing behind.
    pub(super) fn of(
        done: &ExecResult,
        fragment: Option<&PlannedFragment>,
        step: &PlannedStep,
        about: &About,
    ) -> Option<Self> {
        Some(Self {
            vertex: done.vertex().digest().clone(),
            fragment: fragment.map(|fragment| (fragment.name.clone(), fragment.version.clone())),
            title: about.step().name().unwrap_or_default().to_owned(),
            place: step.place.clone(),
            log: done.mount(EVIDENCE),
            evidence_mount: done.mount_index(EVIDENCE)?,
        })
    }
}
