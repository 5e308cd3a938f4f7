//! What dpkg and apt would say of the merged set of packages.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Body;
use super::dependencies::{Fault, alternatives, faults, is_installed, name};
use super::merge::{Merge, between, items, node_items};
use super::stanzas::{field, is_auto};
use super::table::{EXTENDED_STATES, MARKS, PACKAGES, STATUS};
use super::threeway::{Item, index};

/// A package that one side installed for others only, and another one because it was asked for, was asked for.
pub(super) fn settle_marks(merge: &mut Merge<'_>) {
    let mut marks = items(&merge.merged, EXTENDED_STATES, &MARKS);
    let count = marks.len();
    for side in 0..merge.sides.len() {
        let asked_for = asked_for(merge, side);
        let asked_for = index(&asked_for);
        marks.retain(|mark| !is_auto(&mark.value) || !asked_for.contains_key(mark.key.as_slice()));
    }
    if let Some(node) = merge.merged.get_mut(EXTENDED_STATES).filter(|_| marks.len() < count) {
        node.body = Body::File((MARKS.render)(&marks));
    }
}

/// The packages that a side installed without marking them.
fn asked_for(merge: &Merge<'_>, side: usize) -> Vec<Item> {
    let trees = &merge.sides[side];
    let [before, after] = [&trees.lower, &trees.upper].map(|tree| items(tree, STATUS, &PACKAGES));
    let before = index(&before);
    let marks =
        merge.view(Some(side), EXTENDED_STATES).map(|node| node_items(node, &MARKS)).unwrap_or_default();
    let marked = index(&marks);
    let native = native(&after);
    let new =
        after.iter().filter(|item| is_installed(&item.value) && !before.contains_key(item.key.as_slice()));
    // apt notes packages for all architectures under its own.
    let keys = new.map(|item| match item.key.strip_suffix(b"\0all") {
        Some(name) => [name, b"\0", &native].concat(),
        None => item.key.clone(),
    });
    keys.filter(|key| !marked.contains_key(key.as_slice()))
        .map(|key| Item { key, value: Vec::new() })
        .collect()
}

/// The architecture of the system itself.
fn native(status: &[Item]) -> Vec<u8> {
    let dpkg = status.iter().find(|item| name(&item.key) == b"dpkg");
    dpkg.and_then(|item| field(&item.value, "Architecture")).unwrap_or_default().to_vec()
}

/// Reports relations between packages that do not hold, and that held, or were as broken, in every tree before.
pub(super) fn check_dependencies(merge: &mut Merge<'_>) {
    let merged = items(&merge.merged, STATUS, &PACKAGES);
    let mut found = faults(&merged);
    for tree in merge.sides.iter().map(|side| &side.upper).chain([merge.base]) {
        if found.is_empty() {
            return;
        }
        let known = faults(&items(tree, STATUS, &PACKAGES));
        found.retain(|fault| known.binary_search(fault).is_err());
    }
    for fault in found {
        report(merge, &merged, &fault);
    }
}

fn report(merge: &mut Merge<'_>, merged: &[Item], fault: &Fault) {
    let setter =
        merge.setters(STATUS, core::slice::from_ref(&fault.package), &PACKAGES, merge.sides.len())[0];
    let partner = partner(merge, fault, setter);
    let own = describe(merged.iter().find(|item| item.key == fault.package));
    let others = alternatives(&fault.relation).map(|wanted| {
        let is_it = |item: &&Item| wanted.names(&item.key) && is_installed(&item.value);
        let provides = |item: &&Item| {
            let provided = field(&item.value, "Provides").unwrap_or_default();
            let mut provided = provided.split(|&byte| byte == b',').flat_map(alternatives);
            item.key != fault.package
                && is_installed(&item.value)
                && provided.any(|offer| offer.name == wanted.name)
        };
        let wanted_name = wanted.name.escape_ascii();
        match (merged.iter().find(is_it), merged.iter().find(provides)) {
            (Some(item), _) => format!("{} is installed", describe(Some(item))),
            (None, Some(item)) => format!("{} provides {wanted_name}", describe(Some(item))),
            (None, None) => format!("{wanted_name} is not installed"),
        }
    });
    let others = others.collect::<Vec<_>>().join(", ");
    let label = |side: Option<usize>| side.map_or("the base", |side| merge.sides[side].label.as_str());
    let what = format!(
        "{own}, from {}, {} \"{}\", but as {} has it {others}",
        label(setter),
        fault.verb,
        fault.relation.escape_ascii(),
        label(partner)
    );
    merge.report(STATUS, between(setter, partner), what, None);
}

/// The side that last changed a package which the relation names, or that could have met it.
fn partner(merge: &Merge<'_>, fault: &Fault, setter: Option<usize>) -> Option<usize> {
    let names: Vec<_> = alternatives(&fault.relation).map(|wanted| wanted.name).collect();
    let changed = |side: usize| {
        let [before, after] =
            [&merge.sides[side].lower, &merge.sides[side].upper].map(|tree| items(tree, STATUS, &PACKAGES));
        let offers = |item: &&Item| {
            let provided = field(&item.value, "Provides").unwrap_or_default();
            let mut provided = provided.split(|&byte| byte == b',').flat_map(alternatives);
            names.contains(&name(&item.key)) || provided.any(|offer| names.contains(&offer.name))
        };
        let [before, after] = [&before, &after].map(|items| items.iter().filter(offers).collect::<Vec<_>>());
        before != after
    };
    (0..merge.sides.len()).rev().find(|&side| Some(side) != setter && changed(side))
}

/// `libfoo:amd64 1.2`.
fn describe(item: Option<&Item>) -> String {
    let Some(Item { key, value }) = item else { return "a package".into() };
    let version = field(value, "Version").unwrap_or_default();
    format!("{} {}", name(key).escape_ascii(), version.escape_ascii())
}
