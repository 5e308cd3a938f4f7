//! A product as a whole: which files it needs, and what they say about each other.

use std::collections::{BTreeMap, BTreeSet};

use super::coverage::Targets;
use super::scopes::Scopes;
use super::{composition, contracts, fragment, manifest};
use crate::diagnostic::{Diagnostic, Diagnostics, Sink, Warnings, listed, nearest};
use crate::model::{
    Arg, Composition, Fragment, Manifest, Product, Selection, Template, TemplateSelection, TextValue, Version,
};
use crate::ordered::ordered;
use crate::parse::node::Found;
use crate::parse::raw::manifest::RawSelections;
use crate::parse::{RawFragment, RawManifest, RawTemplate};
use crate::text::{Located, Place, SourceFile};

/// A file of the catalogue that a manifest needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// Its path from the catalogue's root: `fragments/core/0.1.0/fragment.json`.
    pub path: String,
    /// The folder whose entries are the versions there are: `fragments/core`.
    pub versions: String,
    /// The folder whose entries are the names there are: `fragments`.
    pub names: &'static str,
    /// Where the manifest selects it.
    pub place: Place,
}

/// What was found at the path of a [`CatalogueEntry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// The file.
    Present(SourceFile),
    /// Nothing. The entries of the two folders say what would have been there; either may be empty.
    Missing {
        /// Names in [`CatalogueEntry::versions`], a `.json` at the end or not.
        versions: Vec<String>,
        /// Names in [`CatalogueEntry::names`].
        names: Vec<String>,
    },
}

fn template_entry(id: &str, version: &str, place: &Place) -> CatalogueEntry {
    CatalogueEntry {
        path: format!("manifests/templates/{id}/{version}.json"),
        versions: format!("manifests/templates/{id}"),
        names: "manifests/templates",
        place: place.clone(),
    }
}

fn fragment_entry(name: &str, version: &str, place: &Place) -> CatalogueEntry {
    CatalogueEntry {
        path: format!("fragments/{name}/{version}/fragment.json"),
        versions: format!("fragments/{name}"),
        names: "fragments",
        place: place.clone(),
    }
}

impl RawManifest {
    /// The files that the manifest selects: its template first, then its fragments in the order written.
    #[must_use]
    pub fn catalogue(&self) -> Vec<CatalogueEntry> {
        let template = self.raw.template.0.iter();
        let template = template
            .map(|one| template_entry(one.id.as_str(), &one.version.to_string(), one.version.place()));
        let fragments: Vec<(&str, &Located<Version>)> = match &self.raw.fragments {
            RawSelections::Slots(map, _) => {
                map.0.iter().map(|(name, version)| (name.as_str(), version)).collect()
            }
            RawSelections::Chain(list, _) => {
                list.iter().map(|one| (one.name.as_str(), &one.version)).collect()
            }
        };
        let entry = |(name, version): (&str, &Located<Version>)| {
            fragment_entry(name, &version.to_string(), version.place())
        };
        template.chain(fragments.into_iter().map(entry)).collect()
    }
}

impl Product {
    /// Checks a manifest with the files of its [`RawManifest::catalogue`], by their paths there.
    ///
    /// # Errors
    /// Every fault of every file, sorted by file and position.
    pub fn check(
        raw: RawManifest,
        files: &BTreeMap<String, FileState>,
    ) -> Result<(Self, Warnings), Diagnostics> {
        let mut sink = Sink::default();
        let (mut manifest, manifest_found) = manifest::manifest(raw, &mut sink);
        let template = manifest.template.clone().and_then(|one| template(&one, files, &mut sink));
        if let Some((template, _)) = template.as_ref().filter(|(_, found)| !found.broken) {
            manifest::in_slot_order(&mut manifest, template, &mut sink);
        }
        let selected = manifest.fragments.iter();
        let fragments: Vec<Option<(Fragment, Found)>> =
            selected.map(|one| selected_fragment(one, files, &mut sink)).collect();
        let complete =
            fragments.iter().all(Option::is_some) && template.is_some() == manifest.template.is_some();
        let parts = Parts { manifest, template, fragments: fragments.into_iter().flatten().collect() };
        parts.check(&manifest_found, complete, &mut sink);
        let product = parts.into_product();
        sink.finish(Some(product))
    }
}

/// A product while it is checked.
struct Parts {
    manifest: Manifest,
    template: Option<(Template, Found)>,
    fragments: Vec<(Fragment, Found)>,
}

impl Parts {
    fn into_product(self) -> Product {
        let fragments: Vec<Fragment> = self.fragments.into_iter().map(|(fragment, _)| fragment).collect();
        let composition = Composition::of(&fragments);
        let template = self.template.map(|(template, _)| template);
        Product { manifest: self.manifest, template, fragments, composition }
    }

    /// What needs several documents. Where some could not be read, only what their absence does not spoil.
    fn check(&self, manifest_found: &Found, complete: bool, sink: &mut Sink) {
        self.entrypoints(sink);
        self.test_names(sink);
        self.paths(sink);
        self.argument_values(sink);
        let targets = Targets::of(&self.manifest);
        targets.check(&self.manifest.tests, manifest_found, sink);
        if let Some((template, found)) = &self.template {
            targets.check(&template.tests, found, sink);
        }
        for (fragment, found) in &self.fragments {
            targets.check_fragment(fragment, found, sink);
        }
        if complete {
            let fragments: Vec<&Fragment> = self.fragments.iter().map(|(fragment, _)| fragment).collect();
            composition::names(&fragments, sink);
            let composition = Composition::of(&fragments);
            contracts::check(&fragments, &composition, sink);
            self.unused_arguments(manifest_found, sink);
            self.variables(&composition, manifest_found, sink);
        }
    }

    fn variables(&self, composition: &Composition, manifest_found: &Found, sink: &mut Sink) {
        let mut scopes = Scopes::at_base(&self.manifest);
        if let Some((template, found)) = &self.template {
            scopes.template(template, found, sink);
        }
        for (index, (fragment, found)) in self.fragments.iter().enumerate() {
            let below =
                || composition.below(index).into_iter().map(|below| &self.fragments[below].0).collect();
            let apart = (!composition.is_link(index)).then(below);
            scopes.fragment(fragment, apart, found, sink);
        }
        scopes.manifest(&self.manifest, manifest_found, sink);
    }

    /// Tests are called after whose they are: those of a fragment `template` would be called like the template's.
    fn test_names(&self, sink: &mut Sink) {
        let reserved = |fragment: &&Fragment| ["template", "manifest"].contains(&fragment.name.as_str());
        let fragments = self.fragments.iter().map(|(fragment, _)| fragment).filter(reserved);
        for fragment in fragments.filter(|fragment| !fragment.tests.is_empty()) {
            let name = fragment.name.value();
            let message = format!(
                "a fragment called `{name}` cannot have tests: they would be called like the {name}'s"
            );
            sink.push(Diagnostic::error("reserved-name", fragment.name.place(), message));
        }
    }

    /// Two fragments with an entrypoint: the upper one would win, which is seldom what both authors meant.
    fn entrypoints(&self, sink: &mut Sink) {
        let mut below: Option<(&Fragment, &Place)> = None;
        for (fragment, _) in &self.fragments {
            let Some(entrypoint) = &fragment.config.entrypoint else { continue };
            if let Some((other, place)) = below.filter(|_| !fragment.config.overrides) {
                let (upper, lower) = (fragment.name.value(), other.name.value());
                let message = format!("fragments `{lower}` and `{upper}` both set `entrypoint`");
                let fault = Diagnostic::error("two-entrypoints", entrypoint.place(), message);
                let fault = fault.label(place, format!("the one of `{lower}`"));
                sink.push(fault.help("write `\"override\": true` beside the one that shall win"));
            }
            below = Some((fragment, entrypoint.place()));
        }
    }

    /// A `PATH` that forgets the one below hides every program there.
    fn paths(&self, sink: &mut Sink) {
        let template = self.template.iter().map(|(template, _)| &template.env);
        let fragments = self.fragments.iter().map(|(fragment, _)| &fragment.env);
        for entry in template.chain(fragments).chain([&self.manifest.env]).flatten() {
            if entry.name.as_str() == "PATH" && !entry.value.uses().any(|used| used.name == "PATH") {
                let message = "`PATH` does not hold `${PATH}`: programs of what is below are no longer found";
                sink.push(Diagnostic::warning("path-clobbered", entry.value.place(), message));
            }
        }
    }

    fn declarations(&self) -> impl Iterator<Item = &Arg> {
        let template = self.template.iter().flat_map(|(template, _)| &template.args);
        template.chain(self.fragments.iter().flat_map(|(fragment, _)| &fragment.args))
    }

    /// Values that the manifest or the template gives must fit the declarations below them.
    fn argument_values(&self, sink: &mut Sink) {
        let template_args = self.template.iter().flat_map(|(template, _)| &template.args);
        for given in self.manifest.args.iter().chain(template_args) {
            let declared = self.declarations().filter(|arg| arg.name.value() == given.name.value());
            for arg in declared.filter(|arg| arg.place != given.place) {
                let literals = given.default.iter().flat_map(|value| value.literals());
                for (literal, place) in literals {
                    let Err(expected) = arg.kind.check(literal) else { continue };
                    let shown = crate::model::text_value::quoted(literal);
                    let message = format!("argument `{}` cannot be {shown}", arg.name.value());
                    let fault = Diagnostic::error("argument-value", place, message).expecting(expected);
                    sink.push(fault.label(arg.name.place(), "declared here"));
                }
            }
        }
    }

    fn unused_arguments(&self, manifest_found: &Found, sink: &mut Sink) {
        let declared: BTreeSet<&str> = ordered(self.declarations().map(|arg| arg.name.as_str()));
        for arg in &self.manifest.args {
            let name = arg.name.as_str();
            let conditions = self.manifest.tests.iter().flat_map(|test| &test.when.args);
            let used = manifest_found.uses.iter().map(|used| used.name.as_str());
            let used = used.chain(conditions.map(|(arg, _)| arg.as_str())).any(|used| used == name);
            if !used && !declared.contains(name) {
                let near =
                    nearest(name, declared.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                let message = format!("argument `{name}` is used by nothing in this product");
                sink.push(Diagnostic::warning("unused-argument", arg.name.place(), message).maybe_help(near));
            }
        }
    }
}

fn template(
    selection: &TemplateSelection,
    files: &BTreeMap<String, FileState>,
    sink: &mut Sink,
) -> Option<(Template, Found)> {
    let (id, version) = (&selection.id, &selection.version);
    let entry = template_entry(id.as_str(), &version.to_string(), version.place());
    let file = present("template", id.as_str(), id.place(), &entry, files, sink)?;
    let raw = RawTemplate::read(file, sink)?;
    let (template, found) = manifest::template(raw, sink);
    same(&template.id, id.value(), "id", "folder", sink);
    same(&template.version, version.value(), "version", "file", sink);
    Some((template, found))
}

fn selected_fragment(
    selection: &Selection,
    files: &BTreeMap<String, FileState>,
    sink: &mut Sink,
) -> Option<(Fragment, Found)> {
    let (name, version) = (&selection.name, &selection.version);
    let entry = fragment_entry(name.as_str(), &version.to_string(), version.place());
    let file = present("fragment", name.as_str(), name.place(), &entry, files, sink)?;
    let raw = RawFragment::read(file, sink)?;
    let (fragment, found) = fragment::fragment(raw, sink);
    same(&fragment.name, name.value(), "name", "folder", sink);
    same(&fragment.version, version.value(), "version", "folder", sink);
    Some((fragment, found))
}

fn same<T: PartialEq + std::fmt::Display>(
    own: &Located<T>,
    place_name: &T,
    member: &str,
    of: &str,
    sink: &mut Sink,
) {
    if own.value() != place_name {
        let message = format!("the {member} `{}` is not that of its {of}, `{place_name}`", own.value());
        sink.push(
            Diagnostic::error("name-is-not-folder", own.place(), message)
                .expecting(format!("`{place_name}`")),
        );
    }
}

/// The file of `entry`, or nothing after saying what there is instead.
fn present<'f>(
    what: &str,
    name: &str,
    name_place: &Place,
    entry: &CatalogueEntry,
    files: &'f BTreeMap<String, FileState>,
    sink: &mut Sink,
) -> Option<&'f SourceFile> {
    let (versions, names) = match files.get(&entry.path) {
        Some(FileState::Present(file)) => return Some(file),
        Some(FileState::Missing { versions, names }) => (versions.as_slice(), names.as_slice()),
        None => (&[][..], &[][..]),
    };
    let known = known_versions(versions);
    let fault = match known.is_empty() {
        true => unknown_name(what, name, name_place, entry, names),
        false => unknown_version(what, name, entry, &known),
    };
    sink.push(fault);
    None
}

/// The versions among folder entries, oldest first.
fn known_versions(entries: &[String]) -> Vec<String> {
    let stem = |entry: &String| Version::from_text(entry.strip_suffix(".json").unwrap_or(entry)).ok();
    let versions: BTreeSet<Version> = ordered(entries.iter().filter_map(stem));
    versions.iter().map(ToString::to_string).collect()
}

fn unknown_name(
    what: &str,
    name: &str,
    place: &Place,
    entry: &CatalogueEntry,
    names: &[String],
) -> Diagnostic {
    let message = format!("{what} `{name}` does not exist: there is no `{}`", entry.path);
    let fault = Diagnostic::error("missing-file", place, message);
    let known: BTreeSet<&str> = ordered(names.iter().map(String::as_str).filter(|known| *known != name));
    match nearest(name, known.iter().copied()) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => fault,
        None => fault.help(format!("there are {}", listed(known.iter().copied()))),
    }
}

fn unknown_version(what: &str, name: &str, entry: &CatalogueEntry, known: &[String]) -> Diagnostic {
    let wanted = entry.path.trim_end_matches("/fragment.json").trim_end_matches(".json");
    let wanted = wanted.rsplit('/').next().unwrap_or_default();
    let message = format!("{what} `{name}` has no version `{wanted}`");
    let list = known.iter().map(String::as_str);
    let near = nearest(wanted, list.clone().rev()).map(|near| format!("did you mean `{near}`? "));
    let help = format!("{}there are {}", near.unwrap_or_default(), listed(list));
    Diagnostic::error("missing-version", &entry.place, message).help(help)
}
