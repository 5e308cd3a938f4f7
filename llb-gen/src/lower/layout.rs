//! How deltas become layers: one each, unless a fragment splits its own or folds it into that of its neighbours.

use super::about::About;
use super::{LowerError, Lowering};
use crate::image::Layer;
use crate::llb::{FileOp, Remove, State, merge};
use crate::plan::PlannedFragment;

use super::compose::{Built, Composer};

impl Lowering<'_> {
    /// The layers of one fragment, lowest first: what is not split off, then each part that is.
    ///
    /// A part is what a root has over the same root without the part, so nothing is copied, and what was deleted stays with
    /// the rest.
    pub(super) fn layers(&self, fragment: &PlannedFragment, built: &Built) -> Vec<(State, String)> {
        let about = About::fragment(self.plan.request, fragment);
        let label = super::label(fragment);
        let titled = |what: &str| format!("[{label}] {what}");
        let mut upper = built.settled.root.clone();
        let mut parts = Vec::new();
        for paths in fragment.split.iter().rev() {
            let without = paths.iter().fold(FileOp::on(&upper), |op, path| {
                let remove = Remove::new(path).allow_not_found();
                op.remove(if path.contains(['*', '?', '[']) { remove.wildcard() } else { remove })
            });
            let shown = paths.join(" ");
            let without = without.meta(about.composing(&format!("without {shown}"))).state();
            let part = self.delta(&without, &upper, &format!("delta of {shown}"), &about);
            parts.push((part, titled(&shown)));
            upper = without;
        }
        parts.push((self.delta(&built.root, &upper, "delta", &about), titled(&built.titles.join("; "))));
        parts.reverse();
        parts
    }

    /// The layers of all fragments that have any, in slot order.
    pub(super) fn all_layers(&mut self, composer: &mut Composer) -> Result<Vec<State>, LowerError> {
        let mut deltas = Vec::new();
        let fragments = &self.plan.fragments;
        let mut at = 0;
        while at < fragments.len() {
            let group = folded(&fragments[at..], composer);
            let layers = match group {
                0 | 1 => composer.layers_of(self, &fragments[at]),
                _ => vec![self.fold(&fragments[at..at + group], composer)?],
            };
            for (layer, title) in layers {
                self.note(&title, Layer::Made);
                deltas.push(layer);
            }
            for fragment in &fragments[at..at + group.max(1)] {
                self.note_config(&super::label(fragment), &fragment.change);
            }
            at += group.max(1);
        }
        Ok(deltas)
    }

    /// One layer of the deltas of neighbours, taken over what any of them is built on.
    fn fold(
        &self,
        group: &[PlannedFragment],
        composer: &mut Composer,
    ) -> Result<(State, String), LowerError> {
        let names: Vec<&str> = group.iter().map(|fragment| fragment.name.as_str()).collect();
        let below = composer.below_group(self, group);
        let lower = composer.root(self, &below)?;
        let deltas: Vec<State> =
            group.iter().flat_map(|one| composer.layers_of(self, one)).map(|(delta, _)| delta).collect();
        let about = About::product(self.plan.request);
        let shown = names.join(" + ");
        let upper = merge([&lower].into_iter().chain(&deltas), about.composing(&format!("fold {shown}")));
        let delta = self.delta(&lower, &upper, &format!("delta of {shown}"), &about);
        Ok((delta, format!("[{shown}] {}", group.iter().map(super::label).collect::<Vec<_>>().join("; "))))
    }
}

/// How many of these neighbours, from the first on, share a layer.
fn folded(fragments: &[PlannedFragment], composer: &Composer) -> usize {
    fragments.iter().take_while(|one| one.fold && composer.has_delta(one.index)).count()
}
