//! `frontend.targets`: what can be built.

use llb_gen::model::{Base, Product, StageBase};
use llb_gen::target::{PREWARM, REPORT};
use llb_gen::text::Place;
use serde::Serialize;

use super::Answer;
use super::sources::{LocationJson, Sources};
use super::table::table;
use crate::excerpt::base64;

#[derive(Serialize)]
struct TargetsJson {
    targets: Vec<TargetJson>,
    sources: Vec<String>,
}

#[derive(Serialize)]
struct TargetJson {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    default: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    location: LocationJson,
}

/// What the report says of itself.
const REPORT_DESCRIPTION: &str = "records, evidence and errors of the product, whatever comes of it";

/// What is said of what is built for caches.
const PREWARM_DESCRIPTION: &str = "all but the volatile slots, untested: for filling caches";

/// The product itself, its report, its fragments alone, and every build-only stage of them.
pub fn targets(product: &Product) -> Answer {
    let mut sources = Sources::starting_with(&product.manifest.file);
    let stages = product.fragments.iter().flat_map(|fragment| {
        fragment.stages.iter().map(move |stage| {
            let description =
                format!("build-only stage of fragment {} {}", *fragment.name, *fragment.version);
            (
                format!("stage/{}/{}", *fragment.name, *stage.name),
                Some(description),
                stage_base(stage.base.as_literal()),
                &stage.place,
            )
        })
    });
    let fragments = product.fragments.iter().map(|fragment| {
        let description = fragment.description.clone();
        let on = fragment
            .builds_on
            .as_ref()
            .and_then(|names| names.last())
            .map(|name| format!("fragment/{}", **name));
        (format!("fragment/{}", *fragment.name), description, on, fragment.name.place())
    });
    let manifest = &product.manifest;
    let whole =
        (String::new(), manifest.description.clone(), base(manifest.base.as_literal()), manifest.id.place());
    let report = (REPORT.to_owned(), Some(REPORT_DESCRIPTION.to_owned()), None, manifest.id.place());
    let prewarm = (PREWARM.to_owned(), Some(PREWARM_DESCRIPTION.to_owned()), None, manifest.id.place());
    let all = [whole, report, prewarm].into_iter().chain(fragments).chain(stages);
    let targets: Vec<TargetJson> = all.map(|one| target(one, &mut sources)).collect();
    let text = text(&targets);
    let sources = sources.files().iter().map(|file| base64(file.bytes())).collect();
    Answer::new(&TargetsJson { targets, sources }, text)
}

/// The product has no name as a target: it is what is built when none is named.
fn target(one: (String, Option<String>, Option<String>, &Place), sources: &mut Sources) -> TargetJson {
    let (name, description, base, place) = one;
    TargetJson { default: name.is_empty(), name, description, base, location: sources.location(place) }
}

/// The base, where it does not vary.
fn base(base: Option<&Base>) -> Option<String> {
    Some(match base? {
        Base::Scratch => "scratch".to_owned(),
        Base::Image(reference) => reference.familiar(),
    })
}

fn stage_base(base: Option<&StageBase>) -> Option<String> {
    Some(match base? {
        StageBase::Fragment => "fragment".to_owned(),
        StageBase::Scratch => "scratch".to_owned(),
        StageBase::Image(reference) => reference.familiar(),
        StageBase::Stage(name) => format!("stage:{name}"),
    })
}

fn text(targets: &[TargetJson]) -> String {
    let header = ["TARGET", "DESCRIPTION"].map(str::to_owned);
    let row = |target: &TargetJson| {
        let name = if target.default { "(default)" } else { &target.name };
        [name.to_owned(), target.description.clone().unwrap_or_default()]
    };
    table(&std::iter::once(header).chain(targets.iter().map(row)).collect::<Vec<_>>())
}
