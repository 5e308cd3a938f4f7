//! A product on one platform with nothing left to decide: every image pinned, every `${…}` expanded.

mod apt;
pub(crate) mod config;
mod copy;
mod engine;
pub(crate) mod exec;
mod files;
pub(crate) mod here;
mod pip;
mod run;
pub(crate) mod stage;
pub(crate) mod step;
mod title;
mod user;

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics, Sink, Warnings};
use crate::draft::{Draft, ImageLookup};
use crate::image::ImageConfig;
use crate::llb::State;
use crate::model::{Base, Environments, Fragment};
use crate::request::Request;
use crate::target::Target;
use crate::text::SourceFile;

use config::ConfigChange;
use here::Here;
use stage::PlannedStage;
use step::PlannedStep;

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
    pub(crate) images: BTreeMap<ImageLookup, ImageAnswer>,
    pub(crate) fragments: Vec<PlannedFragment>,
    pub(crate) image: ImageConfig,
    /// Changes of the manifest's own config, for the history.
    pub(crate) manifest_change: ConfigChange,
    warnings: Warnings,
}

impl Plan<'_> {
    /// What is worth saying without stopping the build, beside what the draft said.
    #[must_use]
    pub fn warnings(&self) -> &Warnings {
        &self.warnings
    }
}

/// A fragment of a plan.
#[derive(Debug)]
pub(crate) struct PlannedFragment {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its `fragment.json`.
    pub(crate) file: SourceFile,
    /// The folder that containers start in, where this fragment moved it: made before its steps.
    pub(crate) workdir: Option<String>,
    pub(crate) steps: Vec<PlannedStep>,
    pub(crate) stages: Vec<PlannedStage>,
    pub(crate) change: ConfigChange,
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
        let mut shell = self.shell(&image, &levels, sink);
        if let Some(template) = &self.product.template {
            config::apply(&template.config, &levels.template, &shell, &mut image, sink);
        }
        let mut fragments = Vec::new();
        for (index, fragment) in
            self.product.fragments.iter().enumerate().take(self.target.fragments(self.product))
        {
            fragments.push(self.fragment(index, fragment, &levels, &mut shell, &mut image, &images, sink));
        }
        let manifest = &self.product.manifest;
        engine::judge_options(self.request, manifest.id.place(), sink);
        let mut manifest_change = ConfigChange::default();
        if self.target == Target::Product {
            manifest_change = config::apply(&manifest.config, &levels.manifest, &shell, &mut image, sink);
            self.request.labels.iter().for_each(|(name, value)| image.set_label(name, value));
        }
        let base = match &self.base {
            Base::Scratch => None,
            Base::Image(_) => self.base_lookup(),
        };
        Some(Plan {
            request: self.request,
            target: self.target,
            base,
            images,
            fragments,
            image,
            manifest_change,
            warnings: Warnings::new(),
        })
    }

    /// The shell of `run` text: the template's, else the base's, else `/bin/sh -c`.
    fn shell(&self, image: &ImageConfig, levels: &Environments, sink: &mut Sink) -> Vec<String> {
        let template =
            self.product.template.as_ref().map(|template| template.shell.get(&levels.template.scope));
        let shell = template.and_then(|shell| sink.ok(shell)).filter(|shell| !shell.is_empty());
        let of_base = || image.shell().map(<[String]>::to_vec).filter(|shell| !shell.is_empty());
        shell.or_else(of_base).unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()])
    }

    #[expect(clippy::too_many_arguments, reason = "what a fragment is planned from, each used once")]
    fn fragment(
        &self,
        index: usize,
        fragment: &Fragment,
        levels: &Environments,
        shell: &mut Vec<String>,
        image: &mut ImageConfig,
        images: &BTreeMap<ImageLookup, ImageAnswer>,
        sink: &mut Sink,
    ) -> PlannedFragment {
        let level = &levels.fragments[index];
        let below = image.clone();
        let own = sink.ok(config::own_shell(&fragment.config, level));
        if let Some(own) = own.flatten() {
            *shell = own;
        }
        let change = config::apply(&fragment.config, level, shell, image, sink);
        let mut here = Here::new(self.request, fragment, level, image.workdir(), shell);
        let steps = match self.target.is_stage_of(index) {
            true => Vec::new(),
            false => here.steps(&fragment.steps, sink),
        };
        let roots = self.target.stage_of(index);
        let stages = stage::plan(&mut here, fragment, roots, &steps, &below, images, sink);
        PlannedFragment {
            name: fragment.name.to_string(),
            version: fragment.version.to_string(),
            file: fragment.file.clone(),
            workdir: (image.workdir() != below.workdir()).then(|| image.workdir().to_owned()),
            steps,
            stages,
            change,
        }
    }
}

/// The value, or nothing after keeping the faults.
fn kept<T>(result: Result<T, Diagnostics>, sink: &mut Sink) -> Option<T> {
    result.map_err(|faults| sink.extend(faults)).ok()
}
