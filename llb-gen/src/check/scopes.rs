//! Which names `${…}` may hold in each document of a product.

use std::collections::BTreeSet;

use super::fragment::origins;
use super::variables::{Names, Region};
use crate::diagnostic::Sink;
use crate::model::step::{Action, Env, Step};
use crate::model::test::Test;
use crate::model::{Arg, Base, Fragment, Manifest, Stage, StageBase, Template, Value};
use crate::ordered::ordered;
use crate::parse::node::Found;
use crate::text::Place;

/// Walks the documents of a product from the base upwards, knowing more environment variables at each.
pub(super) struct Scopes<'a> {
    env: BTreeSet<&'a str>,
    /// What the template sets.
    template: BTreeSet<&'a str>,
    base_may_set_more: bool,
}

impl<'a> Scopes<'a> {
    /// At the base of `manifest`: an image may set variables that nobody here knows.
    pub(super) fn at_base(manifest: &Manifest) -> Self {
        let images = manifest.base.literals().any(|(base, _)| *base != Base::Scratch);
        let base_may_set_more = images || manifest.base.texts().next().is_some();
        Self { env: BTreeSet::new(), template: BTreeSet::new(), base_may_set_more }
    }

    /// The template.
    pub(super) fn template(&mut self, template: &'a Template, found: &Found, sink: &mut Sink) {
        self.add(&template.env);
        self.template = self.env.clone();
        let regions = defaults(&template.args).into_iter().chain(test_regions(&template.tests));
        self.check(&template.args, regions.collect(), found, sink);
    }

    /// The next fragment. `apart` are the fragments that it is built on, where that is not everything before it.
    pub(super) fn fragment(
        &mut self,
        fragment: &'a Fragment,
        apart: Option<Vec<&'a Fragment>>,
        found: &Found,
        sink: &mut Sink,
    ) {
        self.add(&fragment.env);
        if found.uses.is_empty() {
            return;
        }
        if let Some(below) = apart {
            let (env, base_may_set_more) = (self.template.clone(), self.base_may_set_more);
            let mut own = Self { template: BTreeSet::new(), env, base_may_set_more };
            below.into_iter().chain([fragment]).for_each(|one| own.add(&one.env));
            return own.uses_of(fragment, found, sink);
        }
        self.uses_of(fragment, found, sink);
    }

    fn uses_of(&self, fragment: &'a Fragment, found: &Found, sink: &mut Sink) {
        let mut regions = defaults(&fragment.args);
        fragment.stages.iter().for_each(|stage| regions.extend(stage_regions(fragment, stage)));
        regions.extend(step_regions(&fragment.steps));
        regions.extend(test_regions(&fragment.tests));
        self.check(&fragment.args, regions, found, sink);
    }

    /// The manifest, above all.
    pub(super) fn manifest(&mut self, manifest: &'a Manifest, found: &Found, sink: &mut Sink) {
        self.add(&manifest.env);
        let mut regions = defaults(&manifest.args);
        regions.push(arguments_only(manifest.base.place()));
        regions.extend(manifest.product.image.iter().map(|image| arguments_only(image.place())));
        regions.extend(manifest.product.tags.place().map(arguments_only));
        regions.extend(test_regions(&manifest.tests));
        regions.extend(manifest.limits.iter().map(|limits| arguments_only(&limits.place)));
        self.check(&manifest.args, regions, found, sink);
    }

    fn add(&mut self, env: &'a Env) {
        self.env.extend(env.iter().map(|entry| entry.name.as_str()));
    }

    fn check(&self, args: &[Arg], regions: Vec<Region>, found: &Found, sink: &mut Sink) {
        let args = ordered(args.iter().map(|arg| arg.name.as_str()));
        let names = Names { args, env: self.env.clone(), base_may_set_more: self.base_may_set_more, regions };
        names.check(&found.uses, sink);
    }
}

fn arguments_only(place: &Place) -> Region {
    Region { span: place.span(), names: BTreeSet::new(), arguments_only: true, anything: false }
}

/// Defaults of arguments are decided before any environment is known.
fn defaults(args: &[Arg]) -> Vec<Region> {
    args.iter().map(|arg| arguments_only(&arg.place)).collect()
}

fn with_env(place: &Place, env: &Env, anything: bool) -> Region {
    let names = ordered(env.iter().map(|entry| entry.name.as_str().to_owned()));
    Region { span: place.span(), names, arguments_only: false, anything }
}

fn stage_regions(fragment: &Fragment, stage: &Stage) -> Vec<Region> {
    let mut regions = vec![with_env(&stage.place, &stage.env, on_own_image(fragment, stage))];
    regions.push(arguments_only(stage.base.place()));
    regions.extend(step_regions(&stage.steps));
    // A stage sees the environment of the stages it is built on, too.
    let mut below = parent(fragment, stage);
    for _ in 0..fragment.stages.len() {
        let Some(next) = below else { break };
        if !next.env.is_empty() {
            regions.push(with_env(&stage.place, &next.env, false));
        }
        below = parent(fragment, next);
    }
    regions
}

fn parent<'f>(fragment: &'f Fragment, stage: &Stage) -> Option<&'f Stage> {
    match stage.base.as_literal()? {
        StageBase::Stage(name) => fragment.stage(name),
        _ => None,
    }
}

/// Whether an image that is not the fragment's own base lies below `stage`.
fn on_own_image(fragment: &Fragment, stage: &Stage) -> bool {
    let mut current = Some(stage);
    for _ in 0..=fragment.stages.len() {
        let Some(stage) = current else { return false };
        match stage.base.as_literal() {
            Some(StageBase::Fragment | StageBase::Scratch) => return false,
            Some(StageBase::Image(_)) | None => return true,
            Some(StageBase::Stage(_)) => current = parent(fragment, stage),
        }
    }
    false
}

/// A test knows its own environment, too.
fn test_regions(tests: &[Test]) -> impl Iterator<Item = Region> {
    let own_env = tests.iter().filter(|test| !test.env.is_empty());
    own_env.map(|test| with_env(&test.place, &test.env, false))
}

fn step_regions(steps: &[Step]) -> Vec<Region> {
    // Images are looked up before any environment is known. (A default `from` has the step's place, but no text.)
    let images =
        origins(steps).filter(|from| from.texts().next().is_some()).map(Value::place).map(arguments_only);
    let own_env = steps.iter().filter_map(|step| match &step.action {
        Action::Run(run) if !run.env.is_empty() => Some(with_env(&step.place, &run.env, false)),
        _ => None,
    });
    images.chain(own_env).collect()
}
