//! What a product is made of, for those who look at more than the finished root: scanners above all.

use std::collections::BTreeSet;

use super::{LowerError, Lowering, Stages};
use crate::llb::{Graph, OpDigest, State};
use crate::ordered::ordered;
use crate::plan::PlannedFragment;
use crate::plan::step::Files;

/// The filesystems that a product is made of, besides the finished one.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// What each fragment that changed anything was built on, and what it made of it, from the base upwards.
    pub fragments: Vec<FragmentPart>,
    /// Build-only stages that the product takes something from.
    pub stages: Vec<StagePart>,
    /// The files of the build context that steps take, where any does.
    pub context: Option<State>,
}

/// One fragment's share.
#[derive(Clone, Debug)]
pub struct FragmentPart {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The root that its steps began on.
    pub below: State,
    /// The root that they left.
    pub above: State,
}

/// A build-only stage.
#[derive(Clone, Debug)]
pub struct StagePart {
    /// `core/build`: the fragment and the stage.
    pub name: String,
    /// Its root.
    pub state: State,
}

impl Parts {
    /// Those that are in the graph, with the context as its steps see it.
    pub(super) fn within(mut self, graph: &Graph, context: Option<&State>) -> Self {
        let there: BTreeSet<&OpDigest> = ordered(graph.vertices().map(|(vertex, _)| vertex.digest()));
        let is_there = |state: &State| state.vertex().is_some_and(|vertex| there.contains(vertex.digest()));
        self.stages.retain(|stage| is_there(&stage.state));
        self.context = context.filter(|state| is_there(state)).cloned();
        self
    }
}

impl Lowering<'_> {
    /// Notes what a fragment began on and what it made.
    pub(super) fn note_part(&mut self, fragment: &PlannedFragment, below: &State, above: &State) {
        if below != above {
            self.parts.fragments.push(FragmentPart {
                name: fragment.name.to_string(),
                version: fragment.version.to_string(),
                below: below.clone(),
                above: above.clone(),
            });
        }
    }

    /// The stages of a fragment, each noted.
    pub(super) fn noted_stages(
        &mut self,
        fragment: &PlannedFragment,
        below: &State,
    ) -> Result<Stages, LowerError> {
        let stages = self.stages(fragment, below)?;
        let parts = stages.iter().map(|(name, state)| StagePart {
            name: format!("{}/{name}", fragment.name),
            state: state.clone(),
        });
        self.parts.stages.extend(parts);
        Ok(stages)
    }

    /// The build context as steps see it.
    pub(super) fn context(&self) -> Option<&State> {
        self.trees.get(&Files::Context)
    }
}
