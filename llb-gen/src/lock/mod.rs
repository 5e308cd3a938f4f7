//! The lock of a manifest: what its names resolved to, beside it as `manifests/<id>.lock.json`.
//!
//! A lock is a document of its own: strict, with its own schema, the same bytes for the same content. What it holds goes into
//! a plan by [`LockInput`]; what it lacks is found by [`Drift`](drift); what names resolve to now is read by [`resolved`].

mod diff;
pub(crate) mod drift;
pub mod requirements;
pub mod resolved;
pub(crate) mod words;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Sink};
use crate::draft::ImageLookup;
use crate::model::{Digest, ImageRef, Platform};
use crate::ordered::ordered;
use crate::parse::raw::lock::{LockFile, RawLockedFragment, RawLockedImage, RawLockedPip, RawLockedStep};
use crate::text::{Located, Place, SourceFile, Span};

pub use diff::{Change, ChangeKind, Difference};
pub use words::{AptName, AptVersion, FragmentId, LockTarget, PipName, PipOption, PipVersion, StepPath};

/// The version of the form of a lock.
pub const SCHEMA_VERSION: u32 = 1;

/// What the names of a manifest resolved to.
#[derive(Clone, Debug)]
pub struct Lock {
    /// The manifest's id.
    pub manifest: String,
    /// Images by their full names.
    pub images: BTreeMap<ImageRef, LockedImage>,
    /// What steps resolved to, by fragment and version, then by platform and accelerator.
    pub fragments: BTreeMap<FragmentId, BTreeMap<LockTarget, LockedFragment>>,
    /// Its file and the place of the manifest's id in it; nothing of a lock that is being made.
    written: Option<Place>,
}

/// An image.
#[derive(Clone, Debug)]
pub struct LockedImage {
    /// The digest of its index, or of its manifest where there is none.
    pub digest: Digest,
    /// Its config on every platform that it was resolved for.
    pub configs: BTreeMap<Platform, serde_json::Value>,
    pub(crate) place: Option<Place>,
}

/// The steps of a fragment on one platform.
#[derive(Clone, Debug)]
pub struct LockedFragment {
    /// What it was resolved on: the base and the fragments below, lowest first.
    pub built_on: Vec<String>,
    /// Its steps.
    pub steps: BTreeMap<StepPath, LockedStep>,
    pub(crate) place: Option<Place>,
}

/// One step.
#[derive(Clone, Debug)]
pub struct LockedStep {
    /// What it asked for.
    pub asked: Vec<String>,
    /// What that resolved to.
    pub found: Resolved,
    pub(crate) place: Option<Place>,
}

/// What a step resolved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// Every Debian package that is installed or upgraded.
    Apt(BTreeMap<AptName, AptVersion>),
    /// Python packages.
    Pip(LockedPip),
}

/// The Python packages of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockedPip {
    /// The requirements files that were read, by their paths in the fragment's folder.
    pub files: BTreeMap<String, Digest>,
    /// Where these files say that packages are looked for.
    pub options: Vec<PipOption>,
    /// Every package that is installed.
    pub packages: BTreeMap<PipName, LockedPackage>,
}

/// A Python package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedPackage {
    /// Its version.
    pub version: PipVersion,
    /// The digests of its files, sorted; never empty.
    pub hashes: Vec<Digest>,
}

/// Whose words say what a step would install.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installer {
    /// `apt-get --simulate`, in the file `simulated`.
    Apt,
    /// `pip install --dry-run --report`, in the file `report.json`.
    Pip,
    /// `uv pip compile`, in the file `compiled.txt`.
    Uv,
}

impl Installer {
    /// The file that it leaves.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Apt => "simulated",
            Self::Pip => "report.json",
            Self::Uv => "compiled.txt",
        }
    }
}

/// How strictly a build follows its lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LockMode {
    /// What the lock does not have any more is resolved anew, with a warning.
    #[default]
    Warn,
    /// What the lock does not have is an error.
    Enforce,
    /// What the lock does not have is resolved anew without a word: a combination of a plan, or a lock being made.
    Quiet,
}

/// What a request says about locks.
#[derive(Clone, Debug, Default)]
pub struct LockInput {
    /// The lock of the manifest, where there is one that counts.
    pub lock: Option<Arc<Lock>>,
    /// How strictly it is followed.
    pub mode: LockMode,
    /// The digests of the requirements files that it names, by their paths from the catalogue's root.
    pub files: BTreeMap<String, String>,
    /// Images, as people write them, that something else stands in for.
    pub replaced: BTreeSet<String>,
    /// Whether steps that the lock does not have are planned to be resolved rather than run.
    pub resolve: bool,
}

impl LockInput {
    /// What the lock has of an image, unless something else stands in for it.
    #[must_use]
    pub fn image(&self, lookup: &ImageLookup) -> Option<LockedConfig<'_>> {
        if self.replaced.contains(&lookup.reference.familiar()) {
            return None;
        }
        self.lock.as_ref()?.image(&lookup.reference, &lookup.platform)
    }
}

/// An image on one platform, as a lock has it.
#[derive(Clone, Debug)]
pub struct LockedConfig<'l> {
    /// The name with tag and digest.
    pub reference: ImageRef,
    config: &'l serde_json::Value,
}

impl LockedConfig<'_> {
    /// The image config.
    #[must_use]
    pub fn config(&self) -> Vec<u8> {
        self.config.to_string().into_bytes()
    }
}

/// Where the lock of a manifest is: beside it, `manifests/app.lock.json` of `manifests/app.json`.
#[must_use]
pub fn path_of(manifest: &str) -> String {
    format!("{}.lock.json", manifest.strip_suffix(".json").unwrap_or(manifest))
}

impl Lock {
    /// A lock with nothing in it.
    #[must_use]
    pub fn empty(manifest: &str) -> Self {
        let manifest = manifest.to_owned();
        Self { manifest, images: BTreeMap::new(), fragments: BTreeMap::new(), written: None }
    }

    /// Reads a lock.
    ///
    /// # Errors
    /// Every fault of the file, sorted by position; of a lock of another version that alone.
    pub fn parse(file: &SourceFile) -> Result<Self, Diagnostics> {
        if let Some(fault) = other_version(file) {
            return Err(fault.into());
        }
        let mut sink = Sink::default();
        let raw = crate::parse::lock(file, &mut sink);
        let lock = raw.map(|raw| checked(file, raw, &mut sink));
        sink.finish(lock).map(|(lock, _)| lock)
    }

    /// Its file; nothing of a lock that is being made.
    #[must_use]
    pub fn file(&self) -> Option<&SourceFile> {
        self.written.as_ref().map(Place::file)
    }

    /// Where it says whose it is.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.written.as_ref()
    }

    /// Adds an image on a platform. One that has another digest than before is another image, and its other platforms go.
    ///
    /// # Errors
    /// A config that is no JSON object.
    pub fn add_image(
        &mut self,
        reference: ImageRef,
        platform: Platform,
        digest: &Digest,
        config: &[u8],
    ) -> Result<(), String> {
        let config: serde_json::Value = serde_json::from_slice(config).map_err(|error| error.to_string())?;
        if !config.is_object() {
            return Err("it is no JSON object".to_owned());
        }
        let fresh = || LockedImage { digest: digest.clone(), configs: BTreeMap::new(), place: None };
        let image = self.images.entry(reference).or_insert_with(fresh);
        if image.digest != *digest {
            *image = fresh();
        }
        image.configs.insert(platform, config);
        Ok(())
    }

    /// Adds what a step resolved to. What a fragment had on other ground goes.
    pub fn add_step(
        &mut self,
        (fragment, target, built_on): (FragmentId, LockTarget, Vec<String>),
        path: StepPath,
        asked: Vec<String>,
        found: Resolved,
    ) {
        let targets = self.fragments.entry(fragment).or_default();
        let fresh = |built_on| LockedFragment { built_on, steps: BTreeMap::new(), place: None };
        let locked = targets.entry(target).or_insert_with(|| fresh(built_on.clone()));
        if locked.built_on != built_on {
            *locked = fresh(built_on);
        }
        locked.steps.insert(path, LockedStep { asked, found, place: None });
    }

    /// Takes an image on a platform over from another lock, where that has it.
    pub fn take_image(&mut self, from: &Self, reference: &ImageRef, platform: &Platform) {
        let Some(known) = from.images.get(reference) else { return };
        let Some(config) = known.configs.get(platform) else { return };
        let fresh = || LockedImage { digest: known.digest.clone(), configs: BTreeMap::new(), place: None };
        let image = self.images.entry(reference.clone()).or_insert_with(fresh);
        if image.digest == known.digest {
            image.configs.insert(platform.clone(), config.clone());
        }
    }

    /// Takes a step over from another lock, where that has it.
    pub fn take_step(&mut self, from: &Self, id: &FragmentId, target: &LockTarget, path: &StepPath) {
        let Some(known) = from.fragment(id, target) else { return };
        let Some(step) = known.steps.get(path) else { return };
        let key = (id.clone(), target.clone(), known.built_on.clone());
        self.add_step(key, path.clone(), step.asked.clone(), step.found.clone());
    }

    /// Takes over what another lock has for other platforms, of fragments that are still selected.
    pub fn take_others(
        &mut self,
        from: &Self,
        selected: impl Fn(&FragmentId) -> bool,
        other: impl Fn(&str) -> bool,
    ) {
        for (reference, image) in &from.images {
            for platform in image.configs.keys().filter(|platform| other(&platform.to_string())) {
                self.take_image(from, reference, platform);
            }
        }
        for (id, targets) in from.fragments.iter().filter(|(id, _)| selected(id)) {
            for (target, known) in targets.iter().filter(|(target, _)| other(target.platform())) {
                known.steps.keys().for_each(|path| self.take_step(from, id, target, path));
            }
        }
    }

    /// An image on a platform.
    #[must_use]
    pub fn image(&self, reference: &ImageRef, platform: &Platform) -> Option<LockedConfig<'_>> {
        let image = self.images.get(reference)?;
        let config = image.configs.get(platform)?;
        Some(LockedConfig { reference: reference.with_digest(image.digest.clone()), config })
    }

    /// What there is of a fragment.
    #[must_use]
    pub fn fragment(&self, id: &FragmentId, target: &LockTarget) -> Option<&LockedFragment> {
        self.fragments.get(id)?.get(target)
    }

    /// The requirements files that were read for these fragments, by their paths from the catalogue's root.
    pub fn requirements<'l>(
        &'l self,
        selected: impl Fn(&FragmentId) -> bool + 'l,
    ) -> impl Iterator<Item = String> + 'l {
        let of_fragments = self.fragments.iter().filter(move |(id, _)| selected(id));
        let files = of_fragments.flat_map(|(id, targets)| {
            let steps = targets.values().flat_map(|fragment| fragment.steps.values());
            let files = steps.filter_map(|step| match &step.found {
                Resolved::Pip(pip) => Some(pip.files.keys()),
                Resolved::Apt(_) => None,
            });
            files.flatten().map(move |path| format!("{}/{path}", id.folder()))
        });
        let files: BTreeSet<String> = ordered(files);
        files.into_iter()
    }
}

fn other_version(file: &SourceFile) -> Option<Diagnostic> {
    #[derive(serde::Deserialize)]
    struct Header {
        schema_version: u32,
    }
    let header: Header = serde_json::from_slice(file.bytes()).ok()?;
    let version = header.schema_version;
    (version != SCHEMA_VERSION).then(|| {
        let message = format!("this lock is of version {version}");
        Diagnostic::error("lock-version", &Place::new(file, Span::new(0, 1)), message)
            .expecting(format!("version {SCHEMA_VERSION}"))
            .help("write it anew with the `factory` that belongs to this frontend: factory lock --update")
    })
}

fn checked(file: &SourceFile, raw: LockFile, sink: &mut Sink) -> Lock {
    let manifest = raw.manifest;
    if let Some(stem) = file.path().rsplit('/').next().and_then(|name| name.strip_suffix(".lock.json"))
        && stem != manifest.value().as_str()
    {
        let message = format!("this is the lock of `{}`", manifest.value());
        let fault = Diagnostic::error("wrong-id", manifest.place(), message);
        sink.push(fault.expecting(format!("`{stem}`, after the file's name")));
    }
    let images = raw.images.0.into_iter().map(|(name, image)| (name.into_value(), locked_image(image)));
    let mut fragments = BTreeMap::new();
    for (id, targets) in raw.fragments.0 {
        let of_targets =
            targets.0.into_iter().map(|(target, one)| (target.into_value(), fragment(one, sink)));
        fragments.insert(id.into_value(), ordered(of_targets));
    }
    Lock {
        manifest: manifest.value().to_string(),
        images: ordered(images),
        fragments,
        written: Some(manifest.place().clone()),
    }
}

fn locked_image(raw: Located<RawLockedImage>) -> LockedImage {
    let place = Some(raw.place().clone());
    let raw = raw.into_value();
    let configs = raw.platforms.0.into_iter().map(|(platform, config)| (platform.into_value(), config.0));
    LockedImage { digest: raw.digest, configs: ordered(configs), place }
}

fn fragment(raw: Located<RawLockedFragment>, sink: &mut Sink) -> LockedFragment {
    let place = Some(raw.place().clone());
    let raw = raw.into_value();
    let steps = raw.steps.0.into_iter().filter_map(|(path, one)| Some((path.into_value(), step(one, sink)?)));
    LockedFragment { built_on: raw.built_on, steps: ordered(steps), place }
}

fn step(raw: Located<RawLockedStep>, sink: &mut Sink) -> Option<LockedStep> {
    let place = raw.place().clone();
    let raw = raw.into_value();
    let found = match (raw.apt, raw.pip) {
        (Some(apt), None) => {
            let packages = apt.0.into_iter().map(|(name, version)| (name.into_value(), version));
            Resolved::Apt(ordered(packages))
        }
        (None, Some(pip)) => Resolved::Pip(packages(pip, sink)),
        _ => {
            let fault = Diagnostic::error("lock-step", &place, "the step does not say what it resolved to");
            sink.push(fault.expecting("either `apt` or `pip`"));
            return None;
        }
    };
    Some(LockedStep { asked: raw.asked, found, place: Some(place) })
}

fn packages(raw: RawLockedPip, sink: &mut Sink) -> LockedPip {
    let mut packages = BTreeMap::new();
    for (name, package) in raw.packages.0 {
        if package.hashes.is_empty() {
            let message = format!("`{}` has no hash", name.value());
            sink.push(Diagnostic::error("empty-value", &package.place, message).expecting("one at least"));
        }
        let (version, hashes) = (package.version, package.hashes);
        packages.insert(name.into_value(), LockedPackage { version, hashes });
    }
    let files = raw.files.0.into_iter().map(|(path, digest)| (path.value().to_string(), digest));
    LockedPip { files: ordered(files), options: raw.options, packages }
}
