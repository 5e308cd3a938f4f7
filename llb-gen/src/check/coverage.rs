//! Every value with branches must have one for each platform of the product.

use crate::diagnostic::{Diagnostic, Sink, listed};
use crate::model::test::Test;
use crate::model::{Accelerator, BranchKey, Fragment, Manifest, Platform, When};
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

    /// Checks the branches of a document without steps, leaving out platforms on which the test around them never runs.
    pub(super) fn check(&self, tests: &[Test], found: &Found, sink: &mut Sink) {
        self.check_parts(tests.iter().map(|test| (&test.place, &test.when)), found, sink);
    }

    /// Checks the branches of `fragment`, leaving out platforms on which the step or test around them never runs.
    pub(super) fn check_fragment(&self, fragment: &Fragment, found: &Found, sink: &mut Sink) {
        let inner = fragment.stages.iter().flat_map(|stage| &stage.steps);
        let steps = inner.chain(&fragment.steps).map(|step| (&step.place, &step.when));
        let tests = fragment.tests.iter().map(|test| (&test.place, &test.when));
        self.check_parts(steps.chain(tests), found, sink);
    }

    /// Checks branches of a document of which some parts run on some platforms only.
    fn check_parts<'d>(
        &self,
        parts: impl Iterator<Item = (&'d Place, &'d When)>,
        found: &Found,
        sink: &mut Sink,
    ) {
        let parts: Vec<(&Place, &When)> = parts.filter(|(_, when)| !when.is_always()).collect();
        let runs = |place: &Place, platform: &Platform| {
            let around = parts.iter().find(|(part, _)| surrounds(part, place));
            around.is_none_or(|(_, when)| self.may_run(when, platform))
        };
        self.check_where(found, runs, sink);
    }

    fn may_run(&self, when: &When, platform: &Platform) -> bool {
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
