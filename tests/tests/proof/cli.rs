//! What `factory` leaves in a project and how it exits: builds, plans and bake files.

use factory_tests::{Finished, Lab, Project, Repository, run, sha256, unique};
use serde_json::{Value, json};

use crate::plans::{PLAN, catalogue, two_by_two, with_expectation, write_plan};
use crate::products::{says_no, says_yes, tested};
use crate::reported::Tree;

fn factory(project: &Project, words: &[&str]) -> Finished {
    let _slot = Lab::get().slot();
    run(&mut project.factory(words))
}

fn build(project: &Project, words: &[&str]) -> Finished {
    let all = ["build", "product", "--frontend", Lab::get().frontend(), "--progress", "plain"];
    factory(project, &[&all[..], words].concat())
}

fn plan(project: &Project, words: &[&str]) -> Finished {
    let all = ["plan", PLAN, "--frontend", Lab::get().frontend(), "--progress", "plain"];
    factory(project, &[&all[..], words].concat())
}

/// The report that lies in the project, after a command that ended with this code.
#[track_caller]
fn left(project: &Project, finished: &Finished, code: i32) -> Tree {
    assert_eq!(finished.status.code(), Some(code), "{}\n{}", finished.stdout, finished.stderr);
    assert!(project.path(".factory").is_dir(), "{}\n{}", finished.stdout, finished.stderr);
    Tree::read(&project.path(".factory"))
}

#[test]
fn a_record_has_the_digest_of_the_image_or_none() {
    let project = tested(json!([says_yes()]));
    let name = Repository::fresh().tag("recorded");
    let output = format!("type=image,oci-mediatypes=true,push=true,name={name}");
    let built = build(&project, &["--output", &output]);
    let tree = left(&project, &built, 0);
    assert_eq!(tree.status(), "pass");
    let record = tree.record();
    let digest = record["result"]["image_digest"].as_str().unwrap_or_else(|| panic!("{record:#}"));
    let raw = run(Lab::get().buildx().args(["imagetools", "inspect", "--raw", &name]));
    let raw = raw.expect("docker buildx imagetools inspect");
    let index: Value = serde_json::from_str(raw).unwrap();
    let in_index = index["manifests"].to_string().contains(digest);
    assert!(in_index || sha256(raw.as_bytes()) == digest, "{digest} is not in {raw}");
    for said in ["only/says-yes", "pass"] {
        assert!(built.stdout.contains(said), "`{said}` is not in:\n{}", built.stdout);
    }
}

#[test]
fn a_build_that_fails_its_test_leaves_a_report_and_says_so() {
    let project = tested(json!([says_yes(), says_no()]));
    let built = build(&project, &[]);
    let tree = left(&project, &built, 6);
    assert_eq!((tree.status(), tree.error()["type"].as_str()), ("fail", Some("test")));
    assert_eq!(tree.record()["result"].get("image_digest"), None, "no image, no digest");
    for said in ["only/says-no", "fail"] {
        assert!(built.stdout.contains(said), "`{said}` is not in:\n{}", built.stdout);
    }
    assert!(built.stderr.contains("what the test saw"), "{}", built.stderr);
}

#[test]
fn a_build_that_fails_a_step_leaves_a_report() {
    let project = tested(json!([says_yes()]));
    let steps = json!([{"run": [format!("echo about to fail {}", unique()), "exit 9"]}]);
    project.fragment("only", json!({"steps": steps}));
    let tree = left(&project, &build(&project, &[]), 1);
    assert_eq!((tree.status(), tree.error()["type"].as_str()), ("fail", Some("step")));
    assert_eq!(tree.error()["exit_code"], 9);
    assert!(tree.evidence().contains("about to fail"), "{}", tree.evidence());
}

/// Where the frontend cannot say anything, the client's own words are what is left.
#[test]
fn a_build_without_its_base_leaves_an_error_record() {
    let project = tested(json!([says_yes()]));
    project.amend_manifest(json!({"base": "127.0.0.1:1/no/such/base:latest"}));
    let built = build(&project, &[]);
    let tree = left(&project, &built, 1);
    assert!(tree.records.is_empty(), "a record of nothing");
    let error = tree.error();
    assert!(["infrastructure", "input"].contains(&error["type"].as_str().unwrap()), "{error:#}");
    assert!(error["log_excerpt"].to_string().contains("no/such/base"), "{error:#}");
    let evidence = format!("evidence/{}.log", error["build_id"].as_str().unwrap());
    assert!(tree.files.contains_key(&evidence), "{evidence} is not among {:#?}", tree.files.keys());
}

#[test]
fn reports_of_several_builds_lie_beside_each_other() {
    let project = tested(json!([says_yes()]));
    let _ = left(&project, &build(&project, &[]), 0);
    project.amend_manifest(json!({"tests": [{"name": "more", "run": "true"}]}));
    let tree = left(&project, &build(&project, &[]), 0);
    assert_eq!(tree.records.len(), 2);
    assert_eq!(tree.records[0]["selection_key"], tree.records[1]["selection_key"]);
}

#[test]
fn a_plan_exits_as_expected_or_not() {
    let project = catalogue();
    with_expectation(&project);
    let tried = plan(&project, &[]);
    let tree = left(&project, &tried, 0);
    assert_eq!((tree.records.len(), tree.errors.len()), (4, 2));
    for said in ["core-0.1.0_light-0.2.0", "as expected", "light 0.2.0"] {
        assert!(tried.stdout.contains(said), "`{said}` is not in:\n{}", tried.stdout);
    }
    write_plan(&project, json!({"matrix": two_by_two()}));
    let tried = plan(&project, &[]);
    let _ = left(&project, &tried, 6);
    assert!(tried.stderr.contains("core-0.3.0_light-0.2.0"), "{}", tried.stderr);
}

#[test]
fn a_bake_file_is_one() {
    let project = catalogue();
    with_expectation(&project);
    let _ = factory(&project, &["bake", "-o", "docker-bake.json"]).expect("factory bake");
    let mut bake = Lab::get().buildx();
    let printed = run(bake.args(["bake", "--print", "all"]).current_dir(project.path("")));
    let resolved: Value = serde_json::from_str(printed.expect("docker buildx bake --print")).unwrap();
    let targets: Vec<&String> = resolved["target"].as_object().unwrap().keys().collect();
    assert_eq!(targets.len(), 2, "the combinations that are expected to pass: {targets:?}");
}
