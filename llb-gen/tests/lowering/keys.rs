//! What is part of a vertex's identity, and what is not.

use std::collections::BTreeMap;

use llb_gen::request::{NoCache, Request};
use prost::Message as _;

use crate::{Documents, amd64, one, request};

#[test]
fn the_same_documents_give_the_same_bytes() {
    let lower = || {
        let lowered = one(
            r#""env": {"B": "1", "A": "2"}, "steps": [{"run": "a"}, {"copy": {"src": "x", "dest": "/x"}}]"#,
        )
        .lower(&amd64());
        (lowered.definition().unwrap().encode_to_vec(), lowered.config)
    };
    assert_eq!(lower(), lower());
}

#[test]
fn a_key_of_one_platform_holds_no_text_of_another() {
    let documents = one(r#""env": {"X": {"linux/amd64": "for-amd64", "linux/arm64": "for-arm64"}},
        "steps": [
            {"run": {"linux/amd64": "amd64-only", "linux/arm64": "arm64-only"}},
            {"run": "when-arm64", "when": {"platform": "linux/arm64"}}
        ]"#);
    for (platform, other) in [("linux/amd64", "arm64"), ("linux/arm64", "amd64")] {
        let lowered = documents.lower(&request(platform));
        for (vertex, meta) in lowered.graph.vertices() {
            let bytes = String::from_utf8_lossy(vertex.bytes()).into_owned();
            assert!(!bytes.contains(other), "{:?} on {platform} holds {other}", meta.name());
        }
    }
}

#[test]
fn an_argument_that_nothing_declares_changes_nothing() {
    let documents = one(r#""args": {"USED": "x"}, "steps": [{"run": "a"}]"#);
    let with = |name: &str, value: &str| {
        let build_args = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        documents.lower(&Request { build_args, ..amd64() }).graph.digest().unwrap()
    };
    assert_eq!(with("OTHER", "1"), with("OTHER", "2"));
    assert_ne!(with("USED", "1"), with("USED", "2"));
}

#[test]
fn no_cache_is_not_part_of_any_key() {
    let documents = Documents::new(
        r#""base": "debian:bookworm-slim""#,
        &[("low", r#""steps": [{"run": "l"}]"#), ("high", r#""steps": [{"run": "h"}]"#)],
    );
    let ignored = |no_cache: NoCache| {
        let lowered = documents.lower(&Request { no_cache, ..amd64() });
        let definition = lowered.definition().unwrap();
        let ignoring = definition.metadata.values().filter(|meta| meta.ignore_cache);
        let mut names: Vec<String> =
            ignoring.map(|meta| meta.description["llb.customname"].clone()).collect();
        names.sort();
        (lowered.graph.digest().unwrap(), names)
    };
    let (plain, none) = ignored(NoCache::Nothing);
    assert!(none.is_empty());
    let (filtered, names) = ignored(NoCache::Of(vec!["HIGH".into()]));
    assert_eq!((filtered, names), (plain.clone(), vec!["[high 1.0.0 1/1] run h".to_owned()]));
    let (all, names) = ignored(NoCache::Everything);
    assert_eq!((all, names.len()), (plain, 2));
}

#[test]
fn a_change_in_a_fragment_leaves_what_lies_below_alone() {
    let with = |text: &str| {
        let documents = Documents::new(
            r#""base": "debian:bookworm-slim""#,
            &[("low", r#""steps": [{"run": "l"}]"#), ("high", &format!(r#""steps": [{{"run": "{text}"}}]"#))],
        );
        let lowered = documents.lower(&amd64());
        lowered
            .graph
            .vertices()
            .filter(|(_, meta)| meta.name().is_some_and(|name| name.contains("low")))
            .map(|(vertex, _)| vertex.digest().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(with("a"), with("b"));
    assert!(!with("a").is_empty());
}

#[test]
fn an_argument_does_not_install_packages_again() {
    let documents = one(r#""args": {"PORT": "1"}, "config": {"expose": ["${PORT}/tcp"]},
        "steps": [{"apt": {"install": "curl"}}, {"pip": {"packages": "idna"}}]"#);
    let with = |value: &str| {
        let build_args = BTreeMap::from([("PORT".to_owned(), value.to_owned())]);
        documents.lower(&Request { build_args, ..amd64() }).graph.digest().unwrap()
    };
    assert_eq!(with("1"), with("2"), "nothing that apt and pip run reads it");
}
