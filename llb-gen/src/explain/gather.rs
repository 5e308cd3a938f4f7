//! From a draft to its inputs.

use std::collections::{BTreeMap, BTreeSet};

use super::inputs::{FragmentInputs, ImageInput, ProductInputs, SCHEMA_VERSION};
use crate::diagnostic::{Diagnostics, Sink};
use crate::draft::{Draft, ImageLookup};
use crate::llb::OpDigest;
use crate::model::step::{Env, Origin, Step};
use crate::model::{Base, Environments, Fragment, ImageRef, PLATFORM_VARIABLES, Scope, StageBase};
use crate::ordered::ordered;
use crate::plan::Plan;

/// What a draft cannot know by itself.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// What lies in the fragments' folders under the names that steps use: by folder, then by path
    /// ([`FragmentInputs::files`]).
    pub own_files: BTreeMap<String, BTreeMap<String, String>>,
    /// What images turned out to be, as far as that is known.
    pub images: BTreeMap<ImageLookup, String>,
    /// Digest of the frontend's own image.
    pub frontend: Option<String>,
}

impl Draft<'_> {
    /// Everything that decides what the fragments of this build become.
    ///
    /// Of the base's own environment nothing is needed: the base's digest stands for it, and a variable of it stays
    /// `${NAME}` in what is built on it.
    ///
    /// # Errors
    /// Variables that cannot be evaluated.
    pub fn inputs(&self, outside: &Outside) -> Result<ProductInputs, Diagnostics> {
        let environments = self.product.environments(&self.arguments, &self.of_base())?;
        let mut sink = Sink::default();
        let fragments = self.target.fragments(self.product);
        let fragments =
            fragments.iter().map(|&index| self.fragment_inputs(index, &environments, outside, &mut sink));
        let inputs = ProductInputs {
            schema_version: SCHEMA_VERSION,
            product: self.product.manifest.id.to_string(),
            platform: self.request.platform.to_string(),
            base: match &self.base {
                Base::Scratch => None,
                Base::Image(reference) => Some(self.image(reference, outside)),
            },
            epoch: self.request.epoch,
            frontend: outside.frontend.clone(),
            fragments: fragments.collect(),
        };
        sink.finish(Some(inputs)).map(|(inputs, _)| inputs)
    }

    /// An environment that holds, for every variable that an `env` may take from the base, the variable itself.
    fn of_base(&self) -> Vec<(String, String)> {
        let product = self.product;
        let fragments = product.fragments.iter().map(|fragment| &fragment.env);
        let all = product.template.iter().map(|template| &template.env).chain(fragments);
        let used = all.chain([&product.manifest.env]).flat_map(used_variables);
        let declared = product.declared_arguments();
        let of_base = used.filter(|name| !declared.contains(name) && !PLATFORM_VARIABLES.contains(name));
        let names: BTreeSet<&str> = ordered(of_base);
        names.into_iter().map(|name| (name.to_owned(), itself(name))).collect()
    }

    fn fragment_inputs(
        &self,
        index: usize,
        environments: &Environments,
        outside: &Outside,
        sink: &mut Sink,
    ) -> FragmentInputs {
        let product = self.product;
        let fragment = &product.fragments[index];
        let below = product.composition.below(index);
        let environment = below_environment(index, environments).iter();
        let environment = environment.filter(|(name, value)| *value != itself(name)).cloned();
        let (images, mut elsewhere) = self.origins(fragment, self.arguments.fragment(index), outside);
        if self.own_paths.unknown.contains(&fragment.folder()) {
            elsewhere.insert("fragment".to_owned());
        }
        FragmentInputs {
            name: fragment.name.to_string(),
            version: fragment.version.to_string(),
            definition: OpDigest::of(fragment.file.bytes()).to_string(),
            files: outside.own_files.get(&fragment.folder()).cloned().unwrap_or_default(),
            arguments: ordered(self.arguments.visible(index).iter().cloned()),
            environment: ordered(environment),
            shell: self.shell_below(&below, environments, sink),
            images,
            elsewhere,
            built_on: below.iter().map(|&one| product.fragments[one].name.to_string()).collect(),
            locked: self.locking.digest(self, index),
            no_cache: self.runs_anyway(fragment),
        }
    }

    fn runs_anyway(&self, fragment: &Fragment) -> bool {
        let no_cache = &self.request.no_cache;
        let name = fragment.name.as_str();
        let stage = |stage: &crate::model::Stage| format!("{name}/{}", stage.name.as_str());
        no_cache.holds_for(name) || fragment.stages.iter().any(|one| no_cache.holds_for(&stage(one)))
    }

    /// The shell that the last of these fragments sets that sets one, else the template's.
    fn shell_below(&self, below: &[usize], environments: &Environments, sink: &mut Sink) -> Vec<String> {
        let of_fragments = below.iter().rev().map(|&index| {
            let shell = &self.product.fragments[index].config.shell;
            shell.get(&environments.of_steps(index).scope)
        });
        let of_template =
            self.product.template.iter().map(|template| template.shell.get(&environments.template.scope));
        let shells = of_fragments.chain(of_template).filter_map(|shell| sink.ok(shell));
        shells.into_iter().find(|shell| !shell.is_empty()).unwrap_or_default()
    }

    /// Where the steps of a fragment and of its stages take files from beside its own folder.
    fn origins(
        &self,
        fragment: &Fragment,
        scope: &Scope,
        outside: &Outside,
    ) -> (Vec<ImageInput>, BTreeSet<String>) {
        let mut images: BTreeMap<String, ImageInput> = BTreeMap::new();
        let mut elsewhere = BTreeSet::new();
        let mut image = |reference: &ImageRef| {
            images.insert(reference.to_string(), self.image(reference, outside));
        };
        let steps = fragment.steps.iter().chain(fragment.stages.iter().flat_map(|stage| &stage.steps));
        for origin in steps.filter(|step| step.when.holds(scope)).flat_map(Step::origins) {
            let other = match origin.get(scope) {
                Ok(Origin::Image(reference)) => {
                    image(&reference);
                    None
                }
                Ok(Origin::Context) => Some("context".to_owned()),
                Ok(Origin::NamedContext(name)) => Some(format!("context:{}", name.as_str())),
                // What does not evaluate is told by the plan.
                Ok(Origin::Fragment | Origin::Stage(_)) | Err(_) => None,
            };
            elsewhere.extend(other);
        }
        for stage in &fragment.stages {
            if let Ok(StageBase::Image(reference)) = stage.base.get(scope) {
                image(&reference);
            }
        }
        (images.into_values().collect(), elsewhere)
    }

    fn image(&self, reference: &ImageRef, outside: &Outside) -> ImageInput {
        let lookup = ImageLookup { reference: reference.clone(), platform: self.request.platform.clone() };
        let locked = || Some(self.locked(&lookup)?.reference.digest()?.to_string());
        let digest = outside.images.get(&lookup).cloned().or_else(locked);
        ImageInput { reference: reference.to_string(), digest }
    }
}

/// What a variable of the base is written as.
fn itself(name: &str) -> String {
    format!("${{{name}}}")
}

fn used_variables(env: &Env) -> impl Iterator<Item = &str> {
    env.iter().flat_map(|entry| entry.value.uses()).map(|used| used.name)
}

/// What a fragment finds, before its own `env`.
fn below_environment(index: usize, environments: &Environments) -> &[(String, String)] {
    match environments.apart.get(&index) {
        Some(apart) => &apart.below,
        None => match index.checked_sub(1) {
            Some(before) => &environments.fragments[before].env,
            None => &environments.template.env,
        },
    }
}

impl Plan<'_> {
    /// How many steps each fragment runs, in the order of [`ProductInputs::fragments`].
    #[must_use]
    pub fn steps(&self) -> Vec<usize> {
        self.fragments.iter().map(|fragment| fragment.steps.len()).collect()
    }
}
