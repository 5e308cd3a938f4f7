//! Fragments that stand apart: each is built on what it says it is built on, and the product is merged from what they add.
//!
//! What a fragment adds is its *delta*, one layer of the image. Before it is taken, the fragment is *settled*: times that
//! the daemon left are evened out, and what changed is written down. Where fragments stand beside each other, a *join* of
//! those notes sees to it that they do not contradict each other and gives the *fix*: files that several of them wrote
//! whole (the package database above all) as they must be with all of them there.

use std::collections::{BTreeMap, BTreeSet};

use super::about::About;
use super::helper::{Joined, Settled};
use super::{LowerError, Lowering};
use crate::image::Layer;
use crate::llb::{State, merge};
use crate::ordered::ordered;
use crate::plan::PlannedFragment;
use crate::plan::step::PlannedAction;
use crate::target::Target;

/// A fragment that changed something.
#[derive(Clone, Debug)]
pub(super) struct Built {
    /// What its steps began on.
    pub(super) root: State,
    pub(super) settled: Settled,
    /// The titles of steps that changed the filesystem.
    pub(super) titles: Vec<String>,
}

/// What has been composed so far.
#[derive(Default)]
pub(super) struct Composer {
    /// By index in the product; nothing for fragments without a delta.
    built: BTreeMap<usize, Built>,
    layers: BTreeMap<usize, Vec<(State, String)>>,
    roots: BTreeMap<Vec<usize>, State>,
}

impl Lowering<'_> {
    /// The product, or the fragment or stage that is asked for.
    pub(super) fn merge(&mut self) -> Result<State, LowerError> {
        let mut composer = Composer::default();
        for fragment in self.built() {
            let below = self.plan.composition.below(fragment.index);
            let root = composer.root(self, &below)?;
            let root = self.gated(fragment, root, &below)?;
            let stages = self.noted_stages(fragment, &root)?;
            if let Some(stage) = self.plan.target.stage_of(fragment.index) {
                return Ok(stages.get(stage).cloned().unwrap_or_default());
            }
            let made = self.fragment(fragment, &stages, &root)?;
            if made.titles.is_empty() {
                self.probe(fragment, &root, &root)?;
                continue;
            }
            let about = About::fragment(self.plan.request, fragment);
            let settled = self.settle(&made.state, &root, &fragment.name, &about)?;
            self.probe(fragment, &root, &settled.root)?;
            self.note_part(fragment, &root, &settled.root);
            composer.built.insert(fragment.index, Built { root, settled, titles: made.titles });
        }
        let base = self.base();
        if self.plan.target == Target::Prewarm {
            return Ok(self.warm(&mut composer, &base));
        }
        let layers = self.all_layers(&mut composer)?;
        let all: Vec<usize> = self.plan.fragments.iter().map(|fragment| fragment.index).collect();
        let fix = composer.fix(self, &all, &base)?;
        if fix.is_some() {
            self.note("[product] shared files of fragments side by side", Layer::Made);
        }
        let about = About::product(self.plan.request);
        Ok(merge([&base].into_iter().chain(&layers).chain(&fix), about.composing("merge")))
    }

    /// The layers of what is built, as the product has them: what several fragments wrote whole is joined in the product alone,
    /// since that depends on the fragments that are left out.
    fn warm(&mut self, composer: &mut Composer, base: &State) -> State {
        let mut layers = Vec::new();
        for fragment in self.built() {
            for (layer, title) in composer.layers_of(self, fragment) {
                self.note(&title, Layer::Made);
                layers.push(layer);
            }
            self.note_config(&super::label(fragment), &fragment.change);
        }
        merge(
            [base].into_iter().chain(&layers),
            About::product(self.plan.request).named("merge what is warm"),
        )
    }

    /// The root of a fragment; known by its content where that saves running anything.
    ///
    /// The daemon hashes the whole root for it (about 65 µs for each file and 1 s for each GB, once for each new root). The
    /// base needs no such thing: its digest is its content. And file ops are done again sooner than a root is hashed.
    fn gated(&self, fragment: &PlannedFragment, root: State, below: &[usize]) -> Result<State, LowerError> {
        let runs = |step: &crate::plan::step::PlannedStep| matches!(step.action, PlannedAction::Exec(_));
        if below.is_empty() || !fragment.steps.iter().any(runs) {
            return Ok(root);
        }
        let about = About::fragment(self.plan.request, fragment);
        self.gate(&root, &fragment.name, &about)
    }
}

impl Composer {
    /// Whether the fragment changed anything.
    pub(super) fn has_delta(&self, index: usize) -> bool {
        self.built.contains_key(&index)
    }

    /// The layers of a fragment, lowest first, each with what made it.
    pub(super) fn layers_of(
        &mut self,
        lowering: &Lowering<'_>,
        fragment: &PlannedFragment,
    ) -> Vec<(State, String)> {
        let Some(built) = self.built.get(&fragment.index) else { return Vec::new() };
        self.layers.entry(fragment.index).or_insert_with(|| lowering.layers(fragment, built)).clone()
    }

    /// The base with the deltas of these fragments, which hold whatever they are built on.
    pub(super) fn root(&mut self, lowering: &Lowering<'_>, set: &[usize]) -> Result<State, LowerError> {
        let changing: Vec<usize> = set.iter().copied().filter(|index| self.has_delta(*index)).collect();
        let Some(last) = changing.last() else { return Ok(lowering.ground()) };
        if lowering.plan.composition.is_chain(set) {
            return Ok(self.built[last].settled.root.clone());
        }
        if let Some(known) = self.roots.get(&changing) {
            return Ok(known.clone());
        }
        let fix = self.fix(lowering, set, &lowering.ground())?;
        let fragments = lowering.plan.fragments.iter().filter(|one| changing.contains(&one.index));
        let layers: Vec<State> =
            fragments.flat_map(|one| self.layers_of(lowering, one)).map(|(layer, _)| layer).collect();
        let names = lowering.names(&changing);
        let about = About::product(lowering.plan.request);
        let base = lowering.ground();
        let root =
            merge([&base].into_iter().chain(&layers).chain(&fix), about.preparing(&format!("merge {names}")));
        self.roots.insert(changing, root.clone());
        Ok(root)
    }

    /// What merging these fragments on `base` gets wrong; nothing where each is built on all those before it and on that
    /// base.
    fn fix(&self, lowering: &Lowering<'_>, set: &[usize], base: &State) -> Result<Option<State>, LowerError> {
        let composition = lowering.plan.composition;
        let taking_part: Vec<(&PlannedFragment, &Built)> = lowering
            .plan
            .fragments
            .iter()
            .filter(|fragment| set.contains(&fragment.index))
            .filter_map(|fragment| Some((fragment, self.built.get(&fragment.index)?)))
            .collect();
        let index = |at: usize| taking_part[at].0.index;
        let independent = (0..taking_part.len())
            .any(|upper| (0..upper).any(|lower| !composition.builds_on(index(upper), index(lower))));
        if taking_part.is_empty() || (!independent && *base == lowering.ground()) {
            return Ok(None);
        }
        let joined = taking_part.iter().enumerate().map(|(at, (fragment, built))| {
            let below =
                (0..at).filter(|lower| composition.builds_on(fragment.index, index(*lower))).collect();
            Joined::new(at, fragment, below, &built.settled)
        });
        let about = About::product(lowering.plan.request);
        lowering.join(base, joined.collect(), &about).map(Some)
    }

    /// What any of these neighbours is built on, without themselves.
    pub(super) fn below_group(&self, lowering: &Lowering<'_>, group: &[PlannedFragment]) -> Vec<usize> {
        let own: BTreeSet<usize> = ordered(group.iter().map(|fragment| fragment.index));
        let below = group.iter().flat_map(|fragment| lowering.plan.composition.below(fragment.index));
        let all: BTreeSet<usize> = ordered(below.filter(|index| !own.contains(index)));
        all.into_iter().collect()
    }
}

impl Lowering<'_> {
    fn names(&self, indices: &[usize]) -> String {
        let named = self.plan.fragments.iter().filter(|one| indices.contains(&one.index));
        named.map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}
