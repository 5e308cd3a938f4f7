//! Steps that are there for some platforms of the product and have no counterpart for another.

use super::rules::PLATFORM_GAP;
use crate::diagnostic::{Diagnostic, listed};
use crate::model::step::Step;
use crate::model::{Fragment, Platform, Product};

pub(super) fn check(product: &Product, fragment: &Fragment, found: &mut Vec<Diagnostic>) {
    let platforms: Vec<&Platform> = product.manifest.platforms.iter().map(|one| one.value()).collect();
    let lists = fragment.stages.iter().map(|stage| &stage.steps).chain([&fragment.steps]);
    for steps in lists {
        let bound: Vec<&Step> = steps.iter().filter(|step| !step.when.platforms.is_empty()).collect();
        let covered = |platform: &Platform| {
            bound.iter().any(|step| step.when.platforms.iter().any(|one| one.value() == platform))
        };
        let (there, missing): (Vec<&Platform>, Vec<&Platform>) =
            platforms.iter().partition(|platform| covered(platform));
        let (Some(first), false, false) = (bound.first(), missing.is_empty(), there.is_empty()) else {
            continue;
        };
        let names = |list: Vec<&Platform>| {
            let names: Vec<String> = list.into_iter().map(ToString::to_string).collect();
            listed(names.iter().map(String::as_str))
        };
        let message = format!("there are steps for {} alone, and none for {}", names(there), names(missing));
        found.push(PLATFORM_GAP.at(&first.place, message).help("is there nothing to do on the other?"));
    }
}
