//! Every value with branches must have one for each platform of the product.

use crate::diagnostic::{Diagnostic, Sink, listed};
use crate::model::step::Step;
use crate::model::{Accelerator, BranchKey, Fragment, Manifest, Platform};
use crate::parse::node::Found;
use crate::text::Place;

/// What a product is built for.
pub(super) struct Targets<'a> {
    platforms: Vec<&'a Platform>,
    accelerator: Option<Accelerator>,
}

impl<'a> Targets<'a> {
    /// The platforms and the accelerator of `manifest`.
    pub(super) fn of(manifest: &'a Manifest) -> Self {
        let platforms = manifest.platforms.iter().map(|platform| platform.value()).collect();
        Self { platforms, accelerator: manifest.accelerator }
    }

    /// Checks the branches of a document without steps.
    pub(super) fn check(&self, found: &Found, sink: &mut Sink) {
        self.check_where(found, |_, _| true, sink);
    }

    /// Checks the branches of `fragment`, leaving out platforms on which the step around them never runs.
    pub(super) fn check_fragment(&self, fragment: &Fragment, found: &Found, sink: &mut Sink) {
        let inner = fragment.stages.iter().flat_map(|stage| &stage.steps);
        let steps: Vec<&Step> = inner.chain(&fragment.steps).filter(|step| !step.when.is_always()).collect();
        let runs = |place: &Place, platform: &Platform| {
            let around = steps.iter().find(|step| surrounds(&step.place, place));
            around.is_none_or(|step| self.may_run(step, platform))
        };
        self.check_where(found, runs, sink);
    }

    fn may_run(&self, step: &Step, platform: &Platform) -> bool {
        let when = &step.when;
        let on = when.platforms.is_empty() || when.platforms.iter().any(|one| one.value() == platform);
        on && when.accelerator.is_none_or(|wanted| wanted == self.accelerator)
    }

    fn check_where(&self, found: &Found, matters: impl Fn(&Place, &Platform) -> bool, sink: &mut Sink) {
        for (keys, place) in &found.branched {
            for platform in &self.platforms {
                if !self.covers(keys, platform) && matters(place, platform) {
                    sink.push(uncovered(keys, place, platform));
                }
            }
        }
    }

    fn covers(&self, keys: &[BranchKey], platform: &Platform) -> bool {
        keys.iter().any(|key| {
            let on = key.platform.as_ref().is_none_or(|one| one == platform);
            on && (key.accelerator.is_none() || key.accelerator == self.accelerator)
        })
    }
}

fn surrounds(outer: &Place, inner: &Place) -> bool {
    let (outer, inner) = (outer.span(), inner.span());
    outer.start() <= inner.start() && inner.end() <= outer.end()
}

fn uncovered(keys: &[BranchKey], place: &Place, platform: &Platform) -> Diagnostic {
    let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let message = format!("no branch for `{platform}`, a platform of the product");
    Diagnostic::error("platform-without-value", place, message)
        .expecting("a branch for each platform, or a `default`")
        .help(format!("there are branches for {}", listed(names.iter().map(String::as_str))))
}
