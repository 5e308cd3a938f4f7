//! What fragments need from each other, as far as it is declared. What the base brings shows when it is looked at.

use crate::diagnostic::{Diagnostic, Sink};
use crate::model::{Composition, Contract, ContractKind, Fragment};
use crate::text::Located;

/// Every requirement that a fragment of the product is known to meet is met by one below.
pub(super) fn check(fragments: &[&Fragment], composition: &Composition, sink: &mut Sink) {
    for (index, fragment) in fragments.iter().enumerate() {
        for required in &fragment.requires {
            requirement(fragments, composition, index, required, sink);
        }
    }
}

fn requirement(
    fragments: &[&Fragment],
    composition: &Composition,
    index: usize,
    required: &Located<Contract>,
    sink: &mut Sink,
) {
    let providers: Vec<(usize, &Located<Contract>)> = fragments
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != index)
        .flat_map(|(at, one)| promises(one).into_iter().map(move |promise| (at, promise)))
        .filter(|(_, promise)| required.value().is_about_the_same(promise.value()))
        .collect();
    let below = |at: &usize| composition.builds_on(index, *at);
    // The uppermost promise below is what the fragment finds.
    if let Some((at, promise)) = providers.iter().rev().find(|(at, _)| below(at)) {
        if !required.value().may_be_met_by(promise.value()) {
            let (upper, lower) = (fragments[index].name.value(), fragments[*at].name.value());
            let message = format!(
                "`{upper}` requires {}, but `{lower}` provides {}",
                required.value(),
                promise.value()
            );
            let fault = Diagnostic::error("unmet-requirement", required.place(), message);
            sink.push(fault.label(promise.place(), "provided here"));
        }
        return;
    }
    if let Some((at, promise)) = providers.first() {
        sink.push(elsewhere(fragments[index], fragments[*at], *at > index, required, promise));
    }
}

/// A fragment provides what is required, but is not below.
fn elsewhere(
    fragment: &Fragment,
    provider: &Fragment,
    above: bool,
    required: &Located<Contract>,
    promise: &Located<Contract>,
) -> Diagnostic {
    let (own, other) = (fragment.name.value(), provider.name.value());
    let (but, help) = match above {
        true => ("stands above it", format!("put `{other}` before `{own}` in the slots")),
        false => ("is not what it is built on", format!("add `{other}` to its `builds_on`")),
    };
    let message =
        format!("`{own}` requires {}, which `{other}` provides, but `{other}` {but}", required.value());
    let fault = Diagnostic::error("unmet-requirement", required.place(), message);
    fault.label(promise.place(), "provided here").help(help)
}

/// What a fragment promises in so many words. (What its `env` and `expose` say is looked up with the image's config.)
fn promises(fragment: &Fragment) -> Vec<&Located<Contract>> {
    fragment.provides.iter().filter(|promise| promise.value().kind() != ContractKind::Port).collect()
}
