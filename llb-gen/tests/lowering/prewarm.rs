//! The target `prewarm`: a part of the product's own graph.

use std::collections::{BTreeMap, BTreeSet};

use bollard_buildkit_proto::pb;
use llb_gen::check::FileState;
use llb_gen::lower::Lowered;
use llb_gen::model::Product;
use llb_gen::parse::RawManifest;
use llb_gen::request::Request;
use llb_gen::text::SourceFile;
use prost::Message as _;

use crate::{amd64, config, execs, lower};

/// A product of these fragments in slots of a template, of which some are volatile.
fn product(fragments: &[(&str, bool, &str)]) -> Product {
    let present = |path: &str, text: String| {
        (path.to_owned(), FileState::Present(SourceFile::new(path, text.into_bytes())))
    };
    let slots: Vec<String> = fragments
        .iter()
        .map(|(name, volatile, _)| format!(r#"{{"name": "{name}", "volatile": {volatile}}}"#))
        .collect();
    let template = format!(r#"{{"id": "t", "version": "1.0.0", "slots": [{}]}}"#, slots.join(", "));
    let mut files = BTreeMap::from([present("manifests/templates/t/1.0.0.json", template)]);
    files.extend(fragments.iter().map(|(name, _, members)| {
        let text = format!("{{\"name\": \"{name}\", \"version\": \"1.0.0\", {members}}}");
        present(&format!("fragments/{name}/1.0.0/fragment.json"), text)
    }));
    let chosen: Vec<String> = fragments.iter().map(|(name, ..)| format!(r#""{name}": "1.0.0""#)).collect();
    let manifest = format!(
        r#"{{"id": "p", "base": "debian:bookworm-slim", "template": {{"id": "t", "version": "1.0.0"}}, "fragments": {{{}}},
            "config": {{"user": "nobody"}}, "tests": [{{"name": "x", "run": "x"}}]}}"#,
        chosen.join(", ")
    );
    let raw = RawManifest::parse(&SourceFile::new("manifests/p.json", manifest.into_bytes())).unwrap();
    Product::check(raw, &files).unwrap_or_else(|faults| panic!("{faults}")).0
}

fn prewarm() -> Request {
    Request { target: Some("prewarm".into()), ..amd64() }
}

/// Digests of the ops that run, copy or take something; a merge of them costs nothing.
fn work(lowered: &Lowered) -> BTreeSet<String> {
    let ops = lowered.graph.vertices().filter(|(vertex, _)| {
        let op = pb::Op::decode(vertex.bytes()).unwrap().op;
        !matches!(op, Some(pb::op::Op::Merge(_)))
    });
    ops.map(|(vertex, _)| vertex.digest().to_string()).collect()
}

fn names(lowered: &Lowered) -> Vec<String> {
    execs(&lowered.graph).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_chain_is_built_up_to_the_first_volatile_slot() {
    let product = product(&[
        ("core", false, r#""steps": [{"run": "core"}, {"copy": {"src": "a", "dest": "/a"}}]"#),
        (
            "app",
            true,
            r#""config": {"workdir": "/app"}, "steps": [{"copy": {"src": "b", "dest": "/b"}}, {"run": "app"}]"#,
        ),
        ("top", false, r#""steps": [{"run": "top"}]"#),
    ]);
    let (warm, whole) = (lower(&product, &prewarm()), lower(&product, &amd64()));
    assert_eq!(
        names(&warm),
        ["[core 1.0.0 1/2] run core"],
        "what is built on the volatile one is left out, too"
    );
    let all: BTreeSet<String> =
        whole.graph.vertices().map(|(vertex, _)| vertex.digest().to_string()).collect();
    let part: BTreeSet<String> =
        warm.graph.vertices().map(|(vertex, _)| vertex.digest().to_string()).collect();
    assert!(part.is_subset(&all), "the transfer of the fragments' files among them");
    assert!(warm.tests.is_empty() && !whole.tests.is_empty(), "no tests gate it");
    assert!(
        config(&warm)["config"].get("WorkingDir").is_none_or(|dir| dir != "/app"),
        "nothing of the app is in its config"
    );
}

#[test]
fn fragments_side_by_side_are_built_as_in_the_product() {
    let product = product(&[
        ("security", false, r#""builds_on": [], "steps": [{"run": "patch"}]"#),
        ("core", false, r#""builds_on": [], "steps": [{"run": "core"}], "layout": {"split": ["/opt"]}"#),
        ("app", true, r#""builds_on": ["core"], "steps": [{"run": "app"}]"#),
    ]);
    let (warm, whole) = (lower(&product, &prewarm()), lower(&product, &amd64()));
    let (part, all) = (work(&warm), work(&whole));
    assert!(part.is_subset(&all), "{:?}", part.difference(&all).collect::<Vec<_>>());
    let steps = names(&warm);
    assert!(
        steps.iter().any(|name| name.contains("run patch"))
            && steps.iter().any(|name| name.contains("run core"))
    );
    assert!(!steps.iter().any(|name| name.contains("app")), "{steps:?}");
}

#[test]
fn one_fragment_beside_a_volatile_one_is_still_built_as_in_the_product() {
    let product = product(&[
        ("core", false, r#""builds_on": [], "steps": [{"run": "core"}]"#),
        ("app", true, r#""builds_on": [], "steps": [{"run": "app"}]"#),
    ]);
    let (warm, whole) = (lower(&product, &prewarm()), lower(&product, &amd64()));
    let (part, all) = (work(&warm), work(&whole));
    assert!(part.is_subset(&all), "{:?}", part.difference(&all).collect::<Vec<_>>());
    let diffs = |lowered: &Lowered| {
        let ops = lowered.graph.vertices().map(|(vertex, _)| pb::Op::decode(vertex.bytes()).unwrap());
        ops.filter(|op| matches!(op.op, Some(pb::op::Op::Diff(_)))).count()
    };
    assert_eq!(diffs(&warm), 1, "its layer is there, too");
}

#[test]
fn without_a_volatile_slot_all_of_it_is_built() {
    let product = product(&[
        ("core", false, r#""steps": [{"run": "core"}]"#),
        ("app", false, r#""steps": [{"run": "app"}]"#),
    ]);
    let (warm, whole) = (lower(&product, &prewarm()), lower(&product, &amd64()));
    assert_eq!(warm.graph.digest(), whole.graph.digest());
}
