//! The selection key and the test hash: what changes them, and what does not.

use std::collections::{BTreeMap, BTreeSet};

use llb_gen::lower::Lowered;
use llb_gen::record::{Selection, test_hash};
use llb_gen::request::Request;

use crate::tests::{BASE, STEPS, everywhere};
use crate::{Documents, amd64, lower, one, request};

#[test]
fn another_test_is_another_exec_and_nothing_else() {
    let own = |tests: &str| {
        let fragments = [
            ("core", format!(r#""builds_on": [], {STEPS}, "tests": [{tests}]"#)),
            ("app", r#""builds_on": [], "steps": [{"copy": {"src": "a", "dest": "/a"}}], "requires": ["command:sh"]"#.to_owned()),
        ];
        let fragments: Vec<(&str, &str)> =
            fragments.iter().map(|(name, text)| (*name, text.as_str())).collect();
        Documents::new(BASE, &fragments).lower(&amd64())
    };
    let variants = [
        own(""),
        own(r#"{"name": "a", "run": "true"}"#),
        own(r#"{"name": "a", "run": "false"}"#),
        own(r#"{"name": "a", "run": {"script": "check.sh"}}"#),
        own(r#"{"name": "b", "network": "default", "http": {"port": 1}}"#),
    ];
    let bytes = |lowered: &Lowered| {
        let definition = lowered.graph.marshal();
        (definition.def, lowered.checks.marshal().def, lowered.config.clone())
    };
    for other in &variants[1..] {
        assert_eq!(bytes(&variants[0]), bytes(other));
        assert_eq!(selection(&variants[0]).key(), selection(other).key());
    }
    let evidence: BTreeSet<String> =
        variants[1..].iter().map(|one| one.tests[0].evidence.digest().unwrap().to_string()).collect();
    assert_eq!(evidence.len(), 4);
    let hashes: BTreeSet<String> =
        variants.iter().map(|one| test_hash(&one.tests, &BTreeMap::new(), "sha256:h")).collect();
    assert_eq!(hashes.len(), 5);
    assert_ne!(
        test_hash(&variants[1].tests, &BTreeMap::new(), "sha256:h"),
        test_hash(&variants[1].tests, &BTreeMap::new(), "sha256:other")
    );
}

fn selection(lowered: &Lowered) -> Selection {
    lowered.selected.resolve(Some("sha256:base"), &BTreeMap::new())
}

#[test]
fn a_selection_is_what_is_in_the_image() {
    let lowered = lower(&everywhere(), &amd64());
    let files = |digest: &str| {
        BTreeMap::from([("fragments/core/1.0.0/requirements.txt".to_owned(), digest.to_owned())])
    };
    let resolve = |base: Option<&str>, digest: &str| lowered.selected.resolve(base, &files(digest));
    let first = resolve(Some("sha256:1"), "sha256:a");
    assert_eq!(first.key(), resolve(Some("sha256:1"), "sha256:a").key());
    let others = [
        resolve(Some("sha256:2"), "sha256:a"),
        resolve(None, "sha256:a"),
        resolve(Some("sha256:1"), "sha256:b"),
        lower(&everywhere(), &request("linux/arm64")).selected.resolve(Some("sha256:1"), &files("sha256:a")),
        lower(&everywhere(), &Request { target: Some("fragment/app".to_owned()), ..amd64() })
            .selected
            .resolve(Some("sha256:1"), &files("sha256:a")),
    ];
    let keys: BTreeSet<String> = others.iter().chain([&first]).map(Selection::key).collect();
    assert_eq!(keys.len(), 6, "{keys:?}");
    // The file is one of `core`, so nothing else has another digest.
    let digests = |selection: &Selection| -> Vec<String> {
        selection.fragments.iter().map(|one| one.digest.clone()).collect()
    };
    let (a, b) = (digests(&first), digests(&others[2]));
    assert_ne!(a[0], b[0]);
    assert_eq!(a[1], b[1]);
    assert_eq!(
        first.template.as_ref().map(|one| (one.id.as_str(), one.version.as_str())),
        Some(("t", "1.0.0"))
    );
}

#[test]
fn arguments_and_content_are_in_the_key_and_layout_is_not() {
    let key = |members: &str, args: &[(&str, &str)]| {
        let build_args = args.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        selection(&one(members).lower(&Request { build_args, ..amd64() })).key()
    };
    let members = r#""args": {"A": "1"}, "steps": [{"run": "make"}]"#;
    assert_eq!(key(members, &[]), key(&members.replace(", ", ",\n\t"), &[]), "blanks do not matter");
    assert_eq!(key(members, &[]), key(members, &[("A", "1")]));
    assert_ne!(key(members, &[]), key(members, &[("A", "2")]));
    assert_ne!(key(members, &[]), key(&members.replace("make", "make all"), &[]));
}
