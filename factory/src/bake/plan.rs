//! The targets of a plan.

use std::collections::BTreeMap;

use llb_gen::matrix::{AxisName, AxisValue, Combination};
use llb_gen::model::Platform;
use llb_gen::record::Verdict;
use sha2::{Digest as _, Sha256};

use super::document::{BakeFile, Target, Texts, literal, name};
use super::inline::{self, Change};
use super::product::{Caches, tags};
use crate::build::Product;
use crate::exit::{Error, Result};
use crate::plans::PlanFile;

/// The longest tag that registries take (OCI distribution specification).
const LONGEST_TAG: usize = 128;

/// Adds a plan: a target `<plan>-report` that builds the plan itself, and a group of its name with a target for every combination
/// that is expected to pass, for publishing them. Gives the names of those.
pub(super) fn add(file: &mut BakeFile, plan: &PlanFile, caches: &Caches) -> Result<Vec<String>> {
    let id = plan.plan.id.as_str();
    let base = Product::find(&plan.plan.manifest_path(), &plan.root)?;
    let report = Target {
        context: Some(".".into()),
        dockerfile: Some(literal(&plan.path.to_string_lossy())),
        target: Some("report".into()),
        output: vec![format!("type=local,dest=.factory/bake/{}", name(id))],
        ..Target::default()
    };
    file.add(&format!("{}-report", name(id)), report)?;
    let mut targets = Vec::new();
    for combination in plan.plan.combinations() {
        let Some(target) = image(plan, &base, combination, caches)? else { continue };
        let called = format!("{}-{}", name(id), name(combination.slug()));
        file.add(&called, target)?;
        targets.push(called);
    }
    file.add_group(&name(id), targets.clone())?;
    Ok(targets)
}

/// The image of a combination, for the platforms on which it is expected to pass; nothing where there are none.
fn image(
    plan: &PlanFile,
    base: &Product,
    combination: &Combination,
    caches: &Caches,
) -> Result<Option<Target>> {
    let wanted = platforms(plan, base, combination);
    // Without platforms it is built for the engine's own, which may be any.
    let asked = if wanted.is_empty() { tags_platforms() } else { wanted.clone() };
    let passes: Vec<Platform> =
        asked.into_iter().filter(|one| plan.plan.expected(combination, one) == Verdict::Pass).collect();
    if passes.is_empty() {
        return Ok(None);
    }
    let platforms: Vec<String> = match wanted.is_empty() {
        true => Vec::new(),
        false => passes.iter().map(ToString::to_string).collect(),
    };
    let text = String::from_utf8_lossy(plan.manifest.bytes()).into_owned();
    let (changes, args) = changes(combination);
    let inline = inline::manifest(&text, &changes)?;
    let tags =
        tags(base, &platforms)?.iter().map(|tag| tagged(tag, combination.slug())).collect::<Result<_>>()?;
    Ok(Some(Target {
        context: Some(".".into()),
        dockerfile_inline: Some(literal(&inline)),
        args,
        tags: Texts::List(tags),
        cache_from: caches.from(base.document.id.as_str(), &platforms),
        platforms,
        ..Target::default()
    }))
}

/// The platforms that a combination is tried on; none for the engine's own.
fn platforms(plan: &PlanFile, base: &Product, combination: &Combination) -> Vec<Platform> {
    let values =
        |list: &[llb_gen::text::Located<Platform>]| list.iter().map(|one| one.value().clone()).collect();
    match combination.platform() {
        Some(platform) => vec![platform.clone()],
        None if !plan.plan.platforms.is_empty() => values(&plan.plan.platforms),
        None => values(&base.document.platforms),
    }
}

/// Any platform, where only what is expected everywhere counts.
fn tags_platforms() -> Vec<Platform> {
    ["linux/amd64", "linux/arm64"].iter().filter_map(|one| one.parse().ok()).collect()
}

/// What the combination changes of its manifest, and the arguments that it gives.
fn changes(combination: &Combination) -> (Vec<Change>, BTreeMap<String, String>) {
    let (mut changes, mut args) = (Vec::new(), BTreeMap::new());
    for (axis, value) in combination.values() {
        match (axis, value) {
            (AxisName::Slot(slot), _) => {
                changes.push(Change::Fragment { name: slot.to_string(), version: value.to_string() });
            }
            (AxisName::Base, _) => {
                changes.push(Change::Member { name: "base", value: Some(value.to_string()) });
            }
            (AxisName::Accelerator, AxisValue::Accelerator(accelerator)) => {
                let value = accelerator.map(|one| one.to_string());
                changes.push(Change::Member { name: "accelerator", value });
            }
            (AxisName::Arg(arg), _) => {
                args.insert(arg.to_string(), literal(&value.to_string()));
            }
            // The platform is the target's.
            (AxisName::Platform | AxisName::Accelerator, _) => {}
        }
    }
    (changes, args)
}

/// `r.io/app:dev` as the combination's: `r.io/app:dev-core-0.1.0_light-0.1.0`. A slug that is too long is told by its digest.
fn tagged(image: &str, slug: &str) -> Result<String> {
    let (repository, tag) = image
        .rsplit_once(':')
        .ok_or_else(|| Error::Internal(format!("the image's name {image} has no tag")))?;
    let slug = slug.replace('+', "-");
    if tag.len() + 1 + slug.len() <= LONGEST_TAG {
        return Ok(literal(&format!("{image}-{slug}")));
    }
    let digest: String = Sha256::digest(&slug).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Ok(literal(&format!("{repository}:{tag}-{digest}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::file;
    use super::*;
    use crate::plans::tests::{PLAN, project};

    fn baked(plan: &str) -> serde_json::Value {
        let dir = project(plan);
        let plan = PlanFile::find("p", dir.path()).unwrap();
        serde_json::from_str(
            &file(&[], &std::collections::BTreeSet::new(), &[plan], None).unwrap().json().unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn combinations_that_may_be_published_are_targets() {
        let file = baked(PLAN);
        let passing = ["p-core-0-1-0_light-0-1-0", "p-core-0-3-0_light-0-1-0"];
        assert_eq!(file["group"]["p"]["targets"], json!(passing));
        assert_eq!(file["group"]["default"]["targets"], json!(passing));
        let target = &file["target"]["p-core-0-3-0_light-0-1-0"];
        assert_eq!(target["tags"], json!(["r.io/app:dev-core-0.3.0_light-0.1.0"]));
        assert_eq!(target["platforms"], json!(["linux/amd64", "linux/arm64"]));
        let inline: serde_json::Value =
            serde_json::from_str(target["dockerfile-inline"].as_str().unwrap()).unwrap();
        assert_eq!(inline["fragments"][0], json!({"name": "core", "version": "0.3.0"}));
        assert_eq!((&inline["syntax"], &inline["id"]), (&json!("f:1"), &json!("app")));
        assert_eq!(
            file["target"]["p-report"],
            json!({"context": ".", "dockerfile": "manifests/plans/p.json", "target": "report",
                "output": ["type=local,dest=.factory/bake/p"]})
        );
    }

    #[test]
    fn every_axis_reaches_the_target() {
        let plan = r#"{"id": "p", "manifest": "app", "matrix": {"args.PORT": ["${X}"], "base": ["debian:13"],
            "accelerator": ["cuda"], "platform": ["linux/arm64"]}}"#;
        let file = baked(plan);
        let (_, target) =
            file["target"].as_object().unwrap().iter().find(|(name, _)| *name != "p-report").unwrap();
        assert_eq!(target["args"], json!({"PORT": "$${X}"}));
        assert_eq!(target["platforms"], json!(["linux/arm64"]));
        let inline = target["dockerfile-inline"].as_str().unwrap();
        assert!(
            inline.contains(r#""base": "debian:13""#) && inline.contains(r#""accelerator": "cuda""#),
            "{inline}"
        );
    }

    #[test]
    fn a_combination_is_published_where_it_is_expected_to_pass() {
        let plan = r#"{"id": "p", "manifest": "app", "matrix": {"core": ["0.1.0"]},
            "platforms": ["linux/amd64", "linux/arm64"],
            "expect": [{"when": {"platform": "linux/arm64"}, "verdict": "fail"}]}"#;
        assert_eq!(baked(plan)["target"]["p-core-0-1-0"]["platforms"], json!(["linux/amd64"]));
    }

    #[test]
    fn long_slugs_are_short_tags() {
        let slug = "x".repeat(200);
        let tag = tagged("r.io/app:dev", &slug).unwrap();
        assert!(tag.len() < LONGEST_TAG && tag.starts_with("r.io/app:dev-"), "{tag}");
        assert_eq!(tagged("r:5/a:dev", "core-1.0.0+b").unwrap(), "r:5/a:dev-core-1.0.0-b");
    }
}
