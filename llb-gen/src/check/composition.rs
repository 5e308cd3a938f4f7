//! What fragments say about how they are put together.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Sink, listed, nearest};
use crate::model::{Contract, Fragment, FragmentName, ImagePath, Layout, Value};
use crate::ordered::ordered;
use crate::parse::raw::fragment::RawLayout;
use crate::text::Located;

/// How the delta becomes layers.
pub(super) fn layout(raw: Option<RawLayout>, sink: &mut Sink) -> Layout {
    let Some(raw) = raw else { return Layout::default() };
    let split: Vec<Vec<Value<ImagePath>>> =
        raw.split.unwrap_or_default().into_iter().map(|item| item.0).collect();
    split.iter().flatten().for_each(|path| absolute("split", path, sink));
    if let Some(fold) = raw.fold.as_ref().filter(|fold| *fold.value() && !split.is_empty()) {
        let message = "a delta is either split into several layers or folded into one with others";
        sink.push(Diagnostic::error("split-and-fold", fold.place(), message));
    }
    Layout { split, fold: raw.fold.is_some_and(|fold| *fold.value()) }
}

/// What needs no other file.
pub(super) fn alone(fragment: &Fragment, sink: &mut Sink) {
    fragment.wins.iter().for_each(|path| absolute("wins", path, sink));
    repeated("builds_on", fragment.builds_on.iter().flatten(), ToString::to_string, sink);
    for (member, contracts) in [("requires", &fragment.requires), ("provides", &fragment.provides)] {
        repeated(member, contracts, |one: &Contract| format!("{}:{}", one.kind().as_str(), one.name()), sink);
    }
}

fn absolute(member: &str, path: &Value<ImagePath>, sink: &mut Sink) {
    for (literal, place) in path.literals().filter(|(literal, _)| !literal.is_absolute()) {
        let message = format!("`{literal}` is not absolute, and `{member}` knows no workdir");
        sink.push(Diagnostic::error("relative-path", place, message).expecting(format!("`/{literal}`")));
    }
}

fn repeated<'l, T: 'l>(
    member: &str,
    items: impl IntoIterator<Item = &'l Located<T>>,
    name: impl Fn(&T) -> String,
    sink: &mut Sink,
) {
    let mut seen: BTreeMap<String, &Located<T>> = BTreeMap::new();
    for item in items {
        let key = name(item.value());
        if let Some(first) = seen.get(&key) {
            let fault =
                Diagnostic::error("repeated", item.place(), format!("`{key}` stands twice in `{member}`"));
            sink.push(fault.label(first.place(), "the first time"));
        } else {
            seen.insert(key, item);
        }
    }
}

/// Every name in `builds_on` is a fragment of the product that stands below.
pub(super) fn names(fragments: &[&Fragment], sink: &mut Sink) {
    let index: BTreeMap<&FragmentName, usize> =
        ordered(fragments.iter().enumerate().map(|(index, fragment)| (fragment.name.value(), index)));
    for (at, fragment) in fragments.iter().enumerate() {
        for name in fragment.builds_on.iter().flatten() {
            match index.get(name.value()) {
                Some(below) if *below < at => {}
                Some(other) => sink.push(not_below(fragment, name, fragments[*other])),
                None => sink.push(unknown(fragment, name, &fragments[..at])),
            }
        }
    }
}

fn not_below(fragment: &Fragment, name: &Located<FragmentName>, other: &Fragment) -> Diagnostic {
    let (own, named) = (fragment.name.value(), name.value());
    if own == named {
        let message = format!("fragment `{own}` cannot be built on itself");
        return Diagnostic::error("cycle", name.place(), message);
    }
    let back = other.builds_on.iter().flatten().find(|one| one.value() == own);
    match back {
        Some(back) => {
            let message = format!("fragments are built on each other: {own} → {named} → {own}");
            let fault = Diagnostic::error("cycle", name.place(), message);
            fault.label(back.place(), format!("`{named}` is built on `{own}`"))
        }
        None => {
            let message = format!("fragment `{own}` cannot be built on `{named}`, which is above it");
            let fault = Diagnostic::error("builds-on-above", name.place(), message);
            fault.help(format!("put `{named}` before `{own}` in the slots, or build `{named}` on `{own}`"))
        }
    }
}

fn unknown(fragment: &Fragment, name: &Located<FragmentName>, below: &[&Fragment]) -> Diagnostic {
    let known = || below.iter().map(|one| one.name.as_str());
    let message = format!(
        "fragment `{}` is built on `{}`, which this product does not have",
        fragment.name.value(),
        name.value()
    );
    let fault = Diagnostic::error("unknown-fragment", name.place(), message);
    match (nearest(name.as_str(), known()), below.is_empty()) {
        (Some(near), _) => fault.help(format!("did you mean `{near}`?")),
        (None, true) => fault.help("it is the lowest fragment: `[]` builds it on the base alone"),
        (None, false) => fault.help(format!("below it are {}", listed(known()))),
    }
}
