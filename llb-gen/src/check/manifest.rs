//! Manifests and templates by themselves.

use std::collections::BTreeMap;

use super::fragment::possible_conditions;
use super::variables::{self, Circle};
use super::{arg, checks, config, empty_list, test};
use crate::diagnostic::{Diagnostic, Sink, nearest};
use crate::model::{
    FragmentName, Manifest, Platform, ProductNames, Selection, Slot, SlotName, Template, TemplateSelection,
    TestLimits,
};
use crate::parse::node::Found;
use crate::parse::raw::manifest::{RawBudget, RawSelections};
use crate::parse::raw::template::RawSlot;
use crate::parse::{RawManifest, RawTemplate};
use crate::text::{Located, Place};

/// How many platforms a product may have.
const MOST_PLATFORMS: usize = 64;
/// How many fragments a product may have.
const MOST_FRAGMENTS: usize = 2000;

/// Checks a manifest. The order of its fragments is still that of the file.
pub(super) fn manifest(raw: RawManifest, sink: &mut Sink) -> (Manifest, Found) {
    let RawManifest { file, raw, found } = raw;
    id_is_the_stem(raw.id.as_str(), raw.id.place(), file.path(), sink);
    if !found.broken {
        form_fits_template(&raw.fragments, raw.template.0.is_some(), sink);
    }
    let fragments = selections(raw.fragments, sink);
    let platforms = raw.platforms.0.map(|list| platforms(list, sink)).unwrap_or_default();
    let product =
        raw.product.0.map(|raw| ProductNames { image: raw.image, tags: raw.tags }).unwrap_or_default();
    let manifest = Manifest {
        id: raw.id,
        syntax: raw.syntax.0,
        description: raw.description.0,
        version: raw.version.0,
        template: raw.template.0.map(|raw| TemplateSelection { id: raw.id, version: raw.version }),
        base: raw.base,
        platforms,
        accelerator: raw.accelerator.0,
        fragments,
        args: arg::args(raw.args.0, sink),
        env: config::env(raw.env.0),
        config: config::config(raw.config.0, false, sink),
        product,
        tests: test::tests(raw.tests.0, test::Owner::Product, sink),
        limits: raw.limits.0.and_then(|raw| limits(raw, sink)),
        check: checks::of_product(raw.check.0, sink),
        file,
    };
    variables::circles(&Circle::of_args(&manifest.args), sink);
    variables::circles(&Circle::of_env(&manifest.env), sink);
    if !found.broken {
        let conditions = manifest.tests.iter().map(|test| &test.when);
        possible_conditions(conditions, &manifest.args, "the manifest's", sink);
    }
    (manifest, found)
}

fn limits(raw: RawBudget, sink: &mut Sink) -> Option<TestLimits> {
    if raw.memory.is_none() && raw.time.is_none() {
        let fault = Diagnostic::error("empty-value", &raw.place, "`limits` is empty");
        sink.push(fault.expecting("`memory`, `time` or both"));
        return None;
    }
    test::positive("time", raw.time.as_ref(), sink);
    Some(TestLimits { memory: raw.memory, time: raw.time, place: raw.place })
}

/// The names that a manifest without a file has: what clients call the text that they were given on standard input, and
/// what a URL answers.
const NO_FILE: [&str; 3] = ["Dockerfile", "dockerfile", "context"];

/// Reports a document whose `id`, written at `place`, is not the name of its file.
pub(crate) fn id_is_the_stem(id: &str, place: &Place, path: &str, sink: &mut Sink) {
    let name = path.rsplit('/').next().unwrap_or(path);
    if NO_FILE.contains(&name) {
        return;
    }
    let stem = name.strip_suffix(".json").unwrap_or(name);
    if stem != id {
        let message = format!("the id `{id}` is not the file's name `{stem}`");
        sink.push(Diagnostic::error("id-is-not-file-name", place, message).expecting(format!("`{stem}`")));
    }
}

fn form_fits_template(raw: &RawSelections, template: bool, sink: &mut Sink) {
    let fault = match (raw, template) {
        (RawSelections::Slots(_, place), false) => Diagnostic::error(
            "fragments-form",
            place,
            "`fragments` names slots, and the manifest has no `template`",
        )
        .expecting("an array of `{\"name\", \"version\"}`, or a `template`"),
        (RawSelections::Chain(_, place), true) => Diagnostic::error(
            "fragments-form",
            place,
            "`fragments` is an array, and the manifest has a `template`",
        )
        .expecting("an object that gives each slot a version"),
        _ => return,
    };
    sink.push(fault);
}

fn selections(raw: RawSelections, sink: &mut Sink) -> Vec<Selection> {
    let selections: Vec<Selection> = match raw {
        RawSelections::Slots(map, _) => {
            map.0.into_iter().map(|(name, version)| Selection { name, version }).collect()
        }
        RawSelections::Chain(list, _) => {
            list.into_iter().map(|one| Selection { name: one.name, version: one.version }).collect()
        }
    };
    if let Some(selection) = selections.get(MOST_FRAGMENTS) {
        let message = format!("a product has at most {MOST_FRAGMENTS} fragments");
        sink.push(Diagnostic::error("too-many", selection.name.place(), message));
    }
    let mut seen: BTreeMap<&FragmentName, &Place> = BTreeMap::new();
    for selection in &selections {
        if let Some(first) = seen.get(selection.name.value()) {
            let message = format!("fragment `{}` is selected twice", selection.name.value());
            let fault = Diagnostic::error("repeated-fragment", selection.name.place(), message);
            sink.push(fault.label(first, "first here"));
        }
        seen.entry(selection.name.value()).or_insert(selection.name.place());
    }
    selections
}

fn platforms(list: Located<Vec<Located<Platform>>>, sink: &mut Sink) -> Vec<Located<Platform>> {
    if list.is_empty() {
        let fault = Diagnostic::error("empty-value", list.place(), "`platforms` is empty");
        sink.push(fault.expecting("at least one platform, or no such member"));
    }
    let mut seen: Vec<Located<Platform>> = Vec::new();
    for platform in list.into_value() {
        match seen.iter().find(|other| other.value() == platform.value()) {
            None if seen.len() == MOST_PLATFORMS => {
                let message = format!("a product has at most {MOST_PLATFORMS} platforms");
                sink.push(Diagnostic::error("too-many", platform.place(), message));
                break;
            }
            None => seen.push(platform),
            Some(first) => {
                let message = format!("platform `{}` appears twice", platform.value());
                let fault = Diagnostic::error("repeated-platform", platform.place(), message);
                sink.push(fault.label(first.place(), "first here"));
            }
        }
    }
    seen
}

/// Checks a template.
pub(super) fn template(raw: RawTemplate, sink: &mut Sink) -> (Template, Found) {
    let RawTemplate { file, raw, found } = raw;
    let mut config = config::config(raw.config.0, false, sink);
    let own = config::labels(raw.labels.0);
    for (key, _) in &own {
        if let Some((other, _)) = config.labels.iter().find(|(other, _)| other.value() == key.value()) {
            let message = format!("label `{}` stands in `labels` and in `config`", key.value());
            sink.push(
                Diagnostic::error("repeated-name", other.place(), message)
                    .label(key.place(), "the other one"),
            );
        }
    }
    config.labels.splice(0..0, own);
    empty_list(&raw.shell, "shell", sink);
    let template = Template {
        id: raw.id,
        version: raw.version,
        description: raw.description.0,
        slots: slots(raw.slots, sink),
        shell: raw.shell,
        args: arg::args(raw.args.0, sink),
        env: config::env(raw.env.0),
        config,
        tests: test::tests(raw.tests.0, test::Owner::Product, sink),
        check: checks::own(raw.check.0, sink),
        file,
    };
    variables::circles(&Circle::of_args(&template.args), sink);
    variables::circles(&Circle::of_env(&template.env), sink);
    if !found.broken {
        let conditions = template.tests.iter().map(|test| &test.when);
        possible_conditions(conditions, &template.args, "the template's", sink);
    }
    (template, found)
}

fn slots(raw: Located<Vec<RawSlot>>, sink: &mut Sink) -> Vec<Slot> {
    if raw.is_empty() {
        sink.push(
            Diagnostic::error("empty-value", raw.place(), "`slots` is empty").expecting("at least one slot"),
        );
    }
    let mut slots: Vec<Slot> = Vec::new();
    let mut seen: BTreeMap<SlotName, Place> = BTreeMap::new();
    for slot in raw.into_value() {
        let place = slot.name.place().clone();
        if let Some(first) = seen.get(slot.name.value()) {
            let message = format!("slot `{}` appears twice", slot.name.value());
            sink.push(Diagnostic::error("repeated-slot", &place, message).label(first, "first here"));
            continue;
        }
        if slots.len() == MOST_FRAGMENTS {
            let message = format!("a template has at most {MOST_FRAGMENTS} slots");
            sink.push(Diagnostic::error("too-many", &place, message));
            break;
        }
        seen.insert(slot.name.value().clone(), place);
        slots.push(Slot { name: slot.name, description: slot.description, volatile: slot.volatile });
    }
    slots
}

/// Puts the manifest's fragments into the order of the template's slots, reporting slots that are unknown or unfilled.
pub(super) fn in_slot_order(manifest: &mut Manifest, template: &Template, sink: &mut Sink) {
    let slot_names = || template.slots.iter().map(|slot| slot.name.as_str());
    for selection in &manifest.fragments {
        if !slot_names().any(|slot| slot == selection.name.as_str()) {
            let help = match nearest(selection.name.as_str(), slot_names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "the slots of `{}` are {}",
                    template.id.value(),
                    crate::diagnostic::listed(slot_names())
                ),
            };
            let message = format!("unknown slot `{}`", selection.name.value());
            sink.push(Diagnostic::error("unknown-slot", selection.name.place(), message).help(help));
        }
    }
    let mut ordered = Vec::with_capacity(manifest.fragments.len());
    for slot in &template.slots {
        match manifest.fragments.iter().find(|selection| selection.name.as_str() == slot.name.as_str()) {
            Some(selection) => ordered.push(selection.clone()),
            None => {
                let at =
                    manifest.template.as_ref().map_or(manifest.id.place(), |template| template.id.place());
                let message = format!(
                    "slot `{}` of template `{}` is not filled",
                    slot.name.value(),
                    template.id.value()
                );
                let fault =
                    Diagnostic::error("unfilled-slot", at, message).label(slot.name.place(), "the slot");
                sink.push(
                    fault.help(format!(
                        "give it a version in `fragments`: `\"{}\": \"…\"`",
                        slot.name.value()
                    )),
                );
            }
        }
    }
    manifest.fragments = ordered;
}
