//! A product that is built, signed and verified: a real engine pushes it, a real registry has it, and a policy lets it through or not.

use std::collections::BTreeSet;

use factory_tests::{Lab, Project, Repository, unique};
use serde_json::{Value, json};

use crate::products::{DEBIAN, says_yes};
use crate::published::{ended, factory, files};

/// A product with a Python package in it, of which an SBOM is made.
fn product(project: &Project, content: &str) {
    let package = "Metadata-Version: 2.1\nName: left-pad\nVersion: 1.2\nLicense: MIT\n";
    let steps = json!([
        {"file": {"path": "/srv/content", "content": content}},
        {"file": {"path": "/opt/left_pad-1.2.dist-info/METADATA", "content": package}}
    ]);
    project.fragment("only", json!({"steps": steps, "tests": [says_yes()]}));
}

#[track_caller]
fn build(project: &Project, name: &str) {
    let output = format!("type=image,oci-mediatypes=true,push=true,name={name}");
    let (sbom, frontend) = (format!("generator={}", Lab::get().scanner()), Lab::get().frontend());
    let words = [
        "build",
        "product",
        "--frontend",
        frontend,
        "--progress",
        "plain",
        "--output",
        &output,
        "--sbom",
        &sbom,
    ];
    ended(project, 0, &words);
}

/// The rules of a policy that refuse an image, with their reasons; none where it is accepted.
#[track_caller]
fn refusals(project: &Project, image: &str, words: &[&str]) -> (BTreeSet<String>, String) {
    let words = [&["verify", image, "--format", "json"], words].concat();
    let finished = factory(project, &words);
    let answer: Value = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|_| panic!("{words:?}\n{}\n{}", finished.stdout, finished.stderr));
    let checks = answer["checks"].as_array().unwrap();
    let refused: Vec<&Value> = checks.iter().filter(|check| check["outcome"] == "refused").collect();
    let code = if refused.is_empty() { 0 } else { 11 };
    assert_eq!(finished.status.code(), Some(code), "{words:?}\n{answer:#}\n{}", finished.stderr);
    assert!(checks.iter().all(|check| check["outcome"] != "unknown"), "{answer:#}");
    let rules = refused.iter().map(|check| check["rule"].as_str().unwrap().to_owned());
    (rules.collect(), refused.iter().map(|check| check["reasons"].to_string()).collect())
}

#[test]
fn what_a_policy_lets_through_was_built_tested_signed_and_not_changed() {
    let project = Project::empty();
    project.manifest(json!({"base": DEBIAN, "fragments": [{"name": "only", "version": "0.1.0"}]}));
    product(&project, &unique());
    let image = Repository::fresh().tag("1");
    for prefix in ["release", "other"] {
        ended(&project, 0, &["keys", "generate", "--output", prefix, "--no-password"]);
    }
    let policy = json!({
        "signature": {"keys": ["release.pub"]},
        "platforms": {"require": [format!("linux/{}", host())]},
        "fragments": {"require": [{"name": "only", "versions": "=0.1.0"}]},
        "tests": {"require": ["only/says-yes"]},
        "sbom": {"formats": ["spdx"]},
        "packages": {"deny": [{"name": "left-pad", "versions": "<1.2"}]},
        "record": {"max_age_days": 1}
    });
    let mut strict = policy.clone();
    strict["packages"]["deny"] =
        json!([{"purl": "pkg:pypi/left-pad", "versions": ">=1.2", "reason": "it is gone"}]);
    project.write("policy.json", policy.to_string()).write("strict.json", strict.to_string());
    let refused = |words: &[&str]| refusals(&project, &format!("registry:{image}"), words);
    let rules = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();

    build(&project, &image);
    let (found, why) = refused(&["--policy", "policy.json"]);
    assert!(
        found.contains("signature") && why.contains("has no signature by a key that is trusted"),
        "{why}"
    );

    let signed = ended(&project, 0, &["sign", &image, "--key", "release.key"]);
    for kind in
        ["https://spdx.dev/Document", "test-result/v0.1", "compatibility-record/v1", "slsa.dev/provenance"]
    {
        assert!(signed.contains(kind), "{kind} in\n{signed}");
    }
    assert_eq!(refused(&["--policy", "policy.json"]).0, rules(&[]));

    // With another key nothing of it counts.
    let (found, why) = refused(&["--policy", "policy.json", "--key", "other.pub"]);
    assert!(found.is_superset(&rules(&["signature", "sbom", "tests", "packages", "fragments"])), "{found:?}");
    assert!(why.contains("has no signature by a key that is trusted"), "{why}");

    // What the generator has found in the image is what the policy denies.
    let (found, why) = refused(&["--policy", "strict.json"]);
    assert_eq!(found, rules(&["packages"]));
    assert!(
        why.contains("the package left-pad 1.2 is denied at strict.json:") && why.contains("it is gone"),
        "{why}"
    );
    let listed = ended(&project, 0, &["sbom", &format!("registry:{image}"), "--fragment", "only@0.1.0"]);
    assert!(listed.contains("left-pad"), "{listed}");

    // Signatures are no obstacle to reading, and are said not to have been looked at.
    ended(&project, 0, &["publish", &image]);
    let exported = ended(&project, 0, &["export", &format!("registry:{image}"), "--to", "whole"]);
    assert!(exported.contains("signed; the signature was not looked at"), "{exported}");
    let (reports, back) = (files(&project.path(".factory")), files(&project.path("whole")));
    for folder in ["records/", "evidence/", "sbom/"] {
        let written: Vec<&String> = reports.keys().filter(|path| path.starts_with(folder)).collect();
        assert!(!written.is_empty(), "{folder} in {:?}", reports.keys());
        for path in written {
            assert_eq!(back.get(path), Some(&reports[path]), "{path}");
        }
    }
    let record = reports.iter().find(|(path, _)| path.starts_with("records/")).unwrap().1;
    let record: Value = serde_json::from_slice(record).unwrap();
    let listed = &reports[record["sbom"]["path"].as_str().unwrap()];
    assert_eq!(record["sbom"]["digest"], factory_tests::sha256(listed));
    let document: Value = serde_json::from_slice(listed).unwrap();
    let packages = document["packages"].as_array().unwrap();
    assert!(packages.iter().any(|one| one["name"] == "left-pad"), "the whole image's list");
    assert!(packages.iter().any(|one| one["name"] == "bash"), "the whole image's list");

    // The same name for other contents: whoever pushes has no key.
    product(&project, &unique());
    build(&project, &image);
    let (found, why) = refused(&["--policy", "policy.json"]);
    assert!(
        found.contains("signature") && why.contains("has no signature by a key that is trusted"),
        "{why}"
    );
}

/// The architecture that the engine builds for by itself.
fn host() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}
