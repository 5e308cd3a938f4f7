//! A product on one platform with nothing left to decide: every image pinned, every `${…}` expanded.

mod apt;
pub(crate) mod config;
pub(crate) mod contracts;
mod copy;
mod engine;
pub(crate) mod exec;
mod files;
pub(crate) mod here;
mod lock;
pub(crate) mod pip;
mod run;
pub(crate) mod stage;
pub(crate) mod step;
pub(crate) mod test;
mod title;
mod user;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Sink, Warnings};
use crate::draft::{Draft, ImageLookup};
use crate::image::ImageConfig;
use crate::llb::{Cap, Location, SourceInfo, State};
use crate::lock::{FragmentId, LockTarget, StepPath};
use crate::lower::{located, source_info};
use crate::model::{Base, ByteSize, Composition, Environments, Given, ImagePath, Level, Value};
use crate::record::{Budget, Selected};
use crate::request::Request;
use crate::target::Target;

use config::ConfigChange;
use contracts::{ContractSide, PlannedProbe};
use here::Here;
use stage::PlannedStage;
use step::PlannedStep;
use test::PlannedTests;
pub use test::{SkippedTest, TestIdentity, TestOwner};
use view::{Step, View, Views};

/// What an image turned out to be.
#[derive(Clone, Debug)]
pub struct ImageAnswer {
    /// Its filesystem: the image pinned by its digest, or what a named context puts in its place.
    pub state: State,
    /// Its config, byte for byte; nothing where a named context without one stands in.
    pub config: Option<Vec<u8>>,
}

/// A product on one platform, ready to become a graph.
#[derive(Debug)]
pub struct Plan<'a> {
    pub(crate) request: &'a Request,
    pub(crate) target: Target,
    pub(crate) base: Option<ImageLookup>,
    /// What fragments are built on, where that is not the base.
    pub(crate) ground: Option<ImageLookup>,
    pub(crate) images: BTreeMap<ImageLookup, ImageAnswer>,
    /// What takes part, in slot order.
    pub(crate) fragments: Vec<PlannedFragment>,
    /// Those of them that are not built.
    pub(crate) left_out: BTreeSet<usize>,
    pub(crate) composition: &'a Composition,
    pub(crate) image: ImageConfig,
    /// Changes of the manifest's own config, for the history.
    pub(crate) manifest_change: ConfigChange,
    /// What the product is made of.
    pub(crate) selected: Selected,
    /// What is tested on the finished root.
    pub(crate) tests: PlannedTests,
    /// The most that they may need.
    pub(crate) budget: Option<Budget>,
    warnings: Warnings,
}

impl Plan<'_> {
    /// What is worth saying without stopping the build, beside what the draft said.
    #[must_use]
    pub fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// The steps that a lock of this product has: for every fragment what it is, for what, on what, and which of its steps.
    pub fn lockable(&self) -> impl Iterator<Item = (&FragmentId, &LockTarget, &[String], &StepPath)> {
        self.fragments.iter().flat_map(|fragment| {
            let in_stages = fragment.stages.iter().flat_map(|stage| &stage.steps);
            let steps = fragment.steps.iter().chain(in_stages).filter_map(|step| step.lock.as_ref());
            let (id, target, built_on) = &fragment.locked_as;
            steps.map(move |lock| (id, target, built_on.as_slice(), &lock.path))
        })
    }

    /// Whether the product is merged from deltas rather than a chain: where fragments stand apart, say how their deltas become
    /// layers, or move to another base; on a daemon that can merge.
    pub(crate) fn is_merged(&self) -> bool {
        let wanted =
            |one: &PlannedFragment| !self.composition.is_link(one.index) || one.fold || !one.split.is_empty();
        let able = self.request.can(Cap::MERGE) && self.request.can(Cap::DIFF);
        able && (self.ground.is_some() || self.fragments.iter().any(wanted))
    }
}

/// A fragment of a plan.
#[derive(Debug)]
pub(crate) struct PlannedFragment {
    /// Its place in the product.
    pub(crate) index: usize,
    /// What a lock knows it by, for what, and on what.
    pub(crate) locked_as: (FragmentId, LockTarget, Vec<String>),
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its `fragment.json`, as source maps hold it.
    pub(crate) source: Arc<SourceInfo>,
    /// The lines of the manifest that select it.
    pub(crate) selected: Location,
    /// The folder that containers start in, where this fragment moved it: made before its steps.
    pub(crate) workdir: Option<String>,
    pub(crate) steps: Vec<PlannedStep>,
    pub(crate) stages: Vec<PlannedStage>,
    pub(crate) change: ConfigChange,
    /// Paths that it may write beside others, absolute.
    pub(crate) wins: Vec<String>,
    /// Paths with a layer of their own, absolute: a list for each layer.
    pub(crate) split: Vec<Vec<String>>,
    /// Whether its delta shares a layer with the one below.
    pub(crate) fold: bool,
    /// What is looked up before and after its steps.
    pub(crate) probes: Vec<PlannedProbe>,
}

impl<'a> Draft<'a> {
    /// Pins the images that [`Draft::lookups`] named and expands everything.
    ///
    /// # Errors
    /// An image that was not answered for or whose config cannot be read, and every text that does not expand.
    pub fn pin(self, images: BTreeMap<ImageLookup, ImageAnswer>) -> Result<Plan<'a>, Diagnostics> {
        let mut sink = Sink::default();
        for lookup in self.lookups().filter(|lookup| !images.contains_key(*lookup)) {
            let message = format!("image `{}` was not resolved", lookup.reference.familiar());
            sink.push(Diagnostic::error("unresolved-image", self.place_of(lookup), message));
        }
        let image = sink.ok(self.base_image(&images));
        let plan = image.and_then(|image| self.plan(image, images, &mut sink));
        sink.finish(plan).map(|(plan, warnings)| Plan { warnings, ..plan })
    }

    fn base_image(&self, images: &BTreeMap<ImageLookup, ImageAnswer>) -> Result<ImageConfig, Diagnostic> {
        let platform = &self.request.platform;
        let lookup = self.base_lookup();
        let answer = lookup.as_ref().and_then(|lookup| images.get(lookup));
        let (Some(lookup), Some(config)) = (&lookup, answer.and_then(|answer| answer.config.as_ref())) else {
            return Ok(ImageConfig::scratch(platform));
        };
        ImageConfig::on_base(config, platform).map_err(|fault| {
            let message =
                format!("the config of image `{}` cannot be read: {fault}", lookup.reference.familiar());
            Diagnostic::error("image-config", self.place_of(lookup), message)
        })
    }

    fn plan(
        self,
        mut image: ImageConfig,
        images: BTreeMap<ImageLookup, ImageAnswer>,
        sink: &mut Sink,
    ) -> Option<Plan<'a>> {
        let environment: Vec<_> =
            image.environment().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let levels = kept(self.product.environments(&self.arguments, &environment), sink)?;
        let shell = self.shell(&image, &levels, sink);
        if let Some(template) = &self.product.template {
            config::apply(&template.config, &levels.template, &shell, &mut image, sink);
        }
        let base = View { image, shell };
        let mut views = Views::new(self.product, &levels, base.clone());
        let taking_part = self.target.fragments(self.product);
        let source = source_info(&self.product.manifest.file);
        let fragments = taking_part
            .iter()
            .map(|&index| self.fragment(index, &source, &mut views, &images, sink))
            .collect();
        let left_out = self.target.left_out(self.product);
        if !left_out.is_empty() {
            views = Views::new(self.product, &levels, base);
            for &index in taking_part.iter().filter(|index| !left_out.contains(index)) {
                views.climb(index, sink);
            }
        }
        let View { mut image, shell } = views.finish(&self.target);
        let manifest = &self.product.manifest;
        engine::judge_options(self.request, manifest.id.place(), sink);
        engine::judge_merge(self.product, &taking_part, self.request, sink);
        let mut manifest_change = ConfigChange::default();
        if self.target == Target::Product {
            manifest_change = config::apply(&manifest.config, &levels.manifest, &shell, &mut image, sink);
        }
        self.request.labels.iter().for_each(|(name, value)| image.set_label(name, value));
        self.locking.whole(&self, sink);
        let tests = test::plan(&self, &image, &shell, sink);
        let budget = sink.ok(self.budget())?;
        let selected = self.selected();
        let base = match &self.base {
            Base::Scratch => None,
            Base::Image(_) => self.base_lookup(),
        };
        Some(Plan {
            request: self.request,
            ground: self.ground_lookup(),
            target: self.target,
            base,
            images,
            fragments,
            left_out,
            composition: &self.product.composition,
            image,
            manifest_change,
            selected,
            tests,
            budget,
            warnings: Warnings::new(),
        })
    }

    /// What the manifest's `limits` allow.
    fn budget(&self) -> Result<Option<Budget>, Diagnostic> {
        let scope = self.arguments.manifest();
        let Some(limits) = &self.product.manifest.limits else { return Ok(None) };
        Ok(Some(Budget {
            memory: limits.memory.given(scope)?.map(ByteSize::bytes),
            time_ms: limits.time.given(scope)?.map(test::milliseconds),
        }))
    }

    /// The shell of `run` text: the template's, else the base's, else `/bin/sh -c`.
    fn shell(&self, image: &ImageConfig, levels: &Environments, sink: &mut Sink) -> Vec<String> {
        let template =
            self.product.template.as_ref().map(|template| template.shell.get(&levels.template.scope));
        let shell = template.and_then(|shell| sink.ok(shell)).filter(|shell| !shell.is_empty());
        let of_base = || image.shell().map(<[String]>::to_vec).filter(|shell| !shell.is_empty());
        shell.or_else(of_base).unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()])
    }

    fn fragment(
        &self,
        index: usize,
        manifest: &Arc<SourceInfo>,
        views: &mut Views<'_>,
        images: &BTreeMap<ImageLookup, ImageAnswer>,
        sink: &mut Sink,
    ) -> PlannedFragment {
        let fragment = &self.product.fragments[index];
        let Step { below, own, change } = views.climb(index, sink);
        let level = views.levels.of_steps(index);
        let locks = self.locking.fragment(self, index);
        let mut here = Here::new(self.request, fragment, level, own.image.workdir(), &own.shell);
        here.locks = Some(&locks);
        let steps = match self.target.is_stage_of(index) {
            true => Vec::new(),
            false => here.steps(&fragment.steps, sink),
        };
        let roots = self.target.stage_of(index);
        let stages = stage::plan(&mut here, fragment, roots, &steps, &below.image, images, sink);
        if self.target == Target::Product {
            let in_stages = stages.iter().flat_map(|stage| &stage.steps);
            let planned = steps.iter().chain(in_stages).filter_map(|step| step.lock.as_ref());
            let planned: Vec<StepPath> = planned.map(|lock| lock.path.clone()).collect();
            locks.unused(&planned, sink);
        }
        let sides = [(ContractSide::Requires, &below), (ContractSide::Provides, &own)];
        let probes = sides.into_iter().filter(|_| !self.target.is_stage_of(index));
        let probes = probes.filter_map(|(side, view)| contracts::plan(fragment, side, &view.image, sink));
        PlannedFragment {
            index,
            locked_as: locks.identity(),
            name: fragment.name.to_string(),
            version: fragment.version.to_string(),
            source: source_info(&fragment.file),
            selected: located(manifest, self.product.manifest.fragments[index].name.place()),
            workdir: (own.image.workdir() != below.image.workdir()).then(|| own.image.workdir().to_owned()),
            probes: probes.collect(),
            steps,
            stages,
            change,
            wins: paths(fragment.wins.get(&level.scope), sink),
            split: fragment.layout.split.iter().map(|layer| split(layer, level, sink)).collect(),
            fold: fragment.layout.fold,
        }
    }
}

fn split(layer: &[Value<ImagePath>], level: &Level, sink: &mut Sink) -> Vec<String> {
    paths(layer.iter().map(|path| path.get(&level.scope)).collect(), sink)
}

fn paths(paths: Result<Vec<ImagePath>, Diagnostic>, sink: &mut Sink) -> Vec<String> {
    sink.ok(paths).unwrap_or_default().iter().map(|path| path.absolute("/")).collect()
}

/// The value, or nothing after keeping the faults.
fn kept<T>(result: Result<T, Diagnostics>, sink: &mut Sink) -> Option<T> {
    result.map_err(|faults| sink.extend(faults)).ok()
}
