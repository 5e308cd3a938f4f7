//! A product on one platform, before its images are known.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Diagnostics, Sink, Warnings};
use crate::lock::LockedConfig;
use crate::lock::drift::Locking;
use crate::model::step::{Action, AptKey, Command, MountSource, Origin, Step};
use crate::model::test::NeededContent;
use crate::model::{
    Arguments, Base, FragmentPath, ImageRef, Platform, Product, Scope, Stage, StageBase, Value,
};
use crate::plan::pip::required_files;
use crate::request::Request;
use crate::target::Target;
use crate::text::Place;

/// An image that must be looked up: its reference as written, in full form, and the platform it is wanted for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageLookup {
    /// The image.
    pub reference: ImageRef,
    /// The platform.
    pub platform: Platform,
}

/// A file of a fragment that a step names: the shell looks whether it is there and whether a link leads out of the
/// fragment's folder, which the text of a path cannot show.
#[derive(Clone, Debug)]
pub struct OwnFile {
    /// The fragment's folder, `fragments/core/0.1.0`.
    pub folder: String,
    /// The path inside it, perhaps with wildcards.
    pub path: String,
    /// Where the step names it.
    pub place: Place,
}

/// A product on one platform: what will run is decided, what images say is not yet known.
#[derive(Debug)]
pub struct Draft<'a> {
    pub(crate) product: &'a Product,
    pub(crate) request: &'a Request,
    pub(crate) target: Target,
    pub(crate) arguments: Arguments,
    pub(crate) base: Base,
    pub(crate) locking: Locking<'a>,
    base_place: Place,
    lookups: BTreeMap<ImageLookup, Place>,
    contexts: BTreeSet<String>,
    own_files: Vec<OwnFile>,
    pub(crate) own_paths: OwnPaths,
    test_files: Vec<OwnFile>,
    warnings: Warnings,
}

/// What the steps that run take out of their fragments' folders.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnPaths {
    /// By folder, the paths, perhaps with wildcards.
    pub(crate) known: BTreeMap<String, BTreeSet<String>>,
    /// Folders out of which a step takes something whose path is not known before the environment is.
    pub(crate) unknown: BTreeSet<String>,
}

impl<'a> Draft<'a> {
    /// Decides arguments, target and conditions.
    ///
    /// # Errors
    /// A target that is not there, a platform that the manifest does not support, values that arguments do not allow,
    /// variables that image references and conditions cannot name: all of them at once.
    pub fn new(product: &'a Product, request: &'a Request) -> Result<Self, Diagnostics> {
        let mut sink = Sink::default();
        let target = sink.ok(Target::choose(product, request.target.as_deref())).map(Target::built);
        sink.ok(check_platform(product, &request.platform));
        let arguments = product.arguments(&request.platform, &request.build_platform, &request.build_args);
        let (arguments, warnings) = match arguments {
            Ok(decided) => decided,
            Err(faults) => {
                sink.extend(faults);
                return sink.finish(None).map(|(draft, _)| draft);
            }
        };
        let base = sink.ok(product.manifest.base.get(arguments.manifest()));
        let mut survey = Survey {
            request,
            lookups: BTreeMap::new(),
            contexts: BTreeSet::new(),
            own_files: Vec::new(),
            own_paths: OwnPaths::default(),
            test_files: Vec::new(),
            sink: &mut sink,
        };
        if let Some(Base::Image(reference)) = &base {
            survey.look_up(reference, product.manifest.base.place());
        }
        if let Some(reference) = &request.built_on {
            survey.look_up(reference, product.manifest.base.place());
        }
        if let Some(target) = &target {
            survey.fragments(product, &arguments, target);
            survey.tests(product, &arguments, target);
        }
        let Survey { lookups, contexts, own_files, own_paths, test_files, .. } = survey;
        let base_place = product.manifest.base.place().clone();
        let draft = base.zip(target).map(|(base, target)| Self {
            product,
            request,
            target,
            arguments,
            base,
            locking: Locking::of(product, request),
            base_place,
            lookups,
            contexts,
            own_files,
            own_paths,
            test_files,
            warnings,
        });
        sink.finish(draft).map(|(draft, _)| draft)
    }

    /// The images that must be looked up, in order and without repetitions.
    pub fn lookups(&self) -> impl Iterator<Item = &ImageLookup> {
        self.lookups.keys()
    }

    /// The named contexts that steps take files from.
    #[must_use]
    pub fn named_contexts(&self) -> &BTreeSet<String> {
        &self.contexts
    }

    /// The lookup of the base; nothing for a product on scratch.
    #[must_use]
    pub fn base_lookup(&self) -> Option<ImageLookup> {
        match &self.base {
            Base::Scratch => None,
            Base::Image(reference) => {
                Some(ImageLookup { reference: reference.clone(), platform: self.request.platform.clone() })
            }
        }
    }

    /// The lookup of what fragments are built on, where that is not the base.
    #[must_use]
    pub fn ground_lookup(&self) -> Option<ImageLookup> {
        let reference = self.request.built_on.clone()?;
        let lookup = ImageLookup { reference, platform: self.request.platform.clone() };
        (self.base_lookup().as_ref() != Some(&lookup)).then_some(lookup)
    }

    /// What the lock has of an image; nothing where it must be looked up.
    #[must_use]
    pub fn locked(&self, lookup: &ImageLookup) -> Option<LockedConfig<'_>> {
        self.request.lock.image(lookup)
    }

    /// Where an image is named for the first time; the base where nothing names it.
    #[must_use]
    pub fn place_of(&self, lookup: &ImageLookup) -> &Place {
        self.lookups.get(lookup).unwrap_or(&self.base_place)
    }

    /// The files of fragments that steps name.
    #[must_use]
    pub fn own_files(&self) -> &[OwnFile] {
        &self.own_files
    }

    /// What the steps take out of their fragments' folders, by folder: paths, perhaps with wildcards, of exactly the files that
    /// the build transfers. Other than [`Draft::own_files`] these are what a copy includes, not what it begins at.
    #[must_use]
    pub fn own_paths(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.own_paths.known
    }

    /// The files of fragments that tests name. They are not among [`Draft::own_files`]: the product's graph does not hold
    /// them, so that another test changes nothing about the product.
    #[must_use]
    pub fn test_files(&self) -> &[OwnFile] {
        &self.test_files
    }

    /// What is worth saying without stopping the build.
    #[must_use]
    pub fn warnings(&self) -> &Warnings {
        &self.warnings
    }
}

/// The paths that a step takes out of its fragment's folder.
fn own_paths(action: &Action, scope: &Scope) -> Result<Vec<String>, Diagnostic> {
    let mut paths = Vec::new();
    match action {
        Action::Copy(copy) if copy.from.get(scope)? == Origin::Fragment => {
            let include: Vec<String> = copy.include.get(scope)?.iter().map(ToString::to_string).collect();
            for src in copy.src.get(scope)? {
                paths.extend(included(src.as_str(), &include));
            }
        }
        Action::Run(run) => {
            if let Command::Script { script, .. } = run.command.get(scope)? {
                paths.push(script.get(scope)?.to_string());
            }
            for mount in &run.mounts {
                if let MountSource::Bind { from, source, .. } = &mount.source
                    && from.get(scope)? == Origin::Fragment
                {
                    let source = source.as_ref().map(|source| source.get(scope)).transpose()?;
                    paths.push(source.map_or_else(|| ".".to_owned(), |source| source.as_str().to_owned()));
                }
            }
        }
        Action::Pip(pip) => paths.extend(required_files(pip, scope)?),
        Action::Apt(apt) => {
            for source in &apt.sources {
                if let AptKey::File(key) = &source.key {
                    paths.push(key.get(scope)?.to_string());
                }
            }
        }
        _ => {}
    }
    Ok(paths)
}

/// A path of a copy, or what is included of it, as the transfer has it.
fn included(src: &str, include: &[String]) -> Vec<String> {
    let simple = |pattern: &String| !pattern.contains("**") && !pattern.starts_with('!');
    if include.is_empty() || src.contains(['*', '?', '[']) || !include.iter().all(simple) {
        return vec![src.to_owned()];
    }
    include.iter().map(|pattern| format!("{}/{pattern}", src.trim_end_matches('/'))).collect()
}

fn check_platform(product: &Product, platform: &Platform) -> Result<(), Diagnostic> {
    let supported = &product.manifest.platforms;
    let (Some(first), false) = (supported.first(), supported.iter().any(|one| one.value() == platform))
    else {
        return Ok(());
    };
    let known: Vec<String> = supported.iter().map(|one| one.to_string()).collect();
    let message = format!("product `{}` does not support platform `{platform}`", product.manifest.id.value());
    Err(Diagnostic::error("unsupported-platform", first.place(), message)
        .expecting(crate::diagnostic::listed(known.iter().map(String::as_str))))
}

/// Goes over the steps that will run and notes what they need from outside.
struct Survey<'s> {
    request: &'s Request,
    lookups: BTreeMap<ImageLookup, Place>,
    contexts: BTreeSet<String>,
    own_files: Vec<OwnFile>,
    own_paths: OwnPaths,
    test_files: Vec<OwnFile>,
    sink: &'s mut Sink,
}

impl Survey<'_> {
    fn fragments(&mut self, product: &Product, arguments: &Arguments, target: &Target) {
        for index in target.fragments(product) {
            let fragment = &product.fragments[index];
            let scope = arguments.fragment(index);
            let folder = fragment.folder();
            let mut wanted = BTreeSet::new();
            let top: &[Step] = if target.is_stage_of(index) { &[] } else { &fragment.steps };
            self.steps(top, &folder, scope, &mut wanted);
            wanted.extend(target.stage_of(index).map(|stage| stage.to_string()));
            self.stages(&fragment.stages, &folder, scope, wanted);
        }
    }

    /// Scripts of the tests that will run, and own files that they need.
    fn tests(&mut self, product: &Product, arguments: &Arguments, target: &Target) {
        for (index, fragment) in product.fragments.iter().enumerate() {
            if *target != Target::Product && *target != Target::Fragment(index) {
                continue;
            }
            let scope = arguments.fragment(index);
            for test in fragment.tests.iter().filter(|test| test.when.holds(scope)) {
                let own = |path: &Value<FragmentPath>| {
                    let named = path.get(scope).ok()?;
                    let place = path.place().clone();
                    Some(OwnFile { folder: fragment.folder(), path: named.to_string(), place })
                };
                if let Some(Ok(Command::Script { script, .. })) = test.command().map(|one| one.get(scope)) {
                    self.test_files.extend(own(script));
                }
                for file in test.needs.iter().flat_map(|needs| &needs.files) {
                    if let NeededContent::Own(src) = &file.content {
                        self.test_files.extend(own(src));
                    }
                }
            }
        }
    }

    /// The stages that steps copy from, and those that these need in turn. Others never run.
    fn stages(&mut self, stages: &[Stage], folder: &str, scope: &Scope, mut wanted: BTreeSet<String>) {
        let mut done = BTreeSet::new();
        while let Some(name) = wanted.pop_first() {
            let Some(stage) = stages.iter().find(|stage| stage.name.as_str() == name) else { continue };
            if !done.insert(name) {
                continue;
            }
            match self.value(&stage.base, scope) {
                Some(StageBase::Image(reference)) => self.look_up(&reference, stage.base.place()),
                Some(StageBase::Stage(name)) => {
                    wanted.insert(name.to_string());
                }
                _ => {}
            }
            self.steps(&stage.steps, folder, scope, &mut wanted);
            wanted.retain(|name| !done.contains(name));
        }
    }

    fn steps(&mut self, steps: &[Step], folder: &str, scope: &Scope, stages: &mut BTreeSet<String>) {
        for step in steps.iter().filter(|step| step.when.holds(scope)) {
            self.origins(step, scope, stages);
            self.files(step, folder, scope);
            match own_paths(&step.action, scope) {
                Ok(paths) if paths.is_empty() => {}
                Ok(paths) => self.own_paths.known.entry(folder.to_owned()).or_default().extend(paths),
                // What is wrong with a path is told when it is planned.
                Err(_) => self.own_paths.unknown.extend([folder.to_owned()]),
            }
        }
    }

    fn origins(&mut self, step: &Step, scope: &Scope, stages: &mut BTreeSet<String>) {
        for origin in step.origins() {
            match self.value(origin, scope) {
                Some(Origin::Image(reference)) => self.look_up(&reference, origin.place()),
                Some(Origin::Stage(stage)) => {
                    stages.insert(stage.to_string());
                }
                Some(Origin::NamedContext(name)) => {
                    self.contexts.insert(name.to_string());
                }
                _ => {}
            }
        }
    }

    /// Paths that need the environment to be known cannot be looked at yet; the copy itself reports them.
    fn files(&mut self, step: &Step, folder: &str, scope: &Scope) {
        let mut named: Vec<(String, Place)> = Vec::new();
        let mut note =
            |value: Option<String>, place: &Place| named.extend(value.map(|path| (path, place.clone())));
        match &step.action {
            Action::Copy(copy) if matches!(copy.from.get(scope), Ok(Origin::Fragment)) => {
                for src in copy.src.iter() {
                    note(src.get(scope).ok().map(|path| path.as_str().to_owned()), src.place());
                }
            }
            Action::Run(run) => {
                if let Ok(Command::Script { script, .. }) = run.command.get(scope) {
                    note(script.get(scope).ok().map(|path| path.to_string()), script.place());
                }
                for mount in &run.mounts {
                    if let MountSource::Bind { from, source: Some(source), .. } = &mount.source
                        && matches!(from.get(scope), Ok(Origin::Fragment))
                    {
                        note(source.get(scope).ok().map(|path| path.as_str().to_owned()), source.place());
                    }
                }
            }
            Action::Pip(pip) => {
                for file in pip.requirements.iter().chain(pip.constraints.iter()) {
                    note(file.get(scope).ok().map(|path| path.to_string()), file.place());
                }
            }
            Action::Apt(apt) => {
                for source in &apt.sources {
                    if let AptKey::File(key) = &source.key {
                        note(key.get(scope).ok().map(|path| path.to_string()), key.place());
                    }
                }
            }
            _ => {}
        }
        let files = named.into_iter().map(|(path, place)| OwnFile { folder: folder.to_owned(), path, place });
        self.own_files.extend(files);
    }

    fn look_up(&mut self, reference: &ImageRef, place: &Place) {
        let lookup = ImageLookup { reference: reference.clone(), platform: self.request.platform.clone() };
        self.lookups.entry(lookup).or_insert_with(|| place.clone());
    }

    fn value<T: Clone>(&mut self, value: &Value<T>, scope: &Scope) -> Option<T> {
        let value = value.get(scope);
        self.sink.ok(value)
    }
}
