//! What a report says of products that pass, that fail a test and that fail a step; and what runs again for it.

use factory_tests::{BuildOptions, BuildOutcome, Lab, Project, unique};
use serde_json::{Value, json};

use crate::products::{DEBIAN, FRAGMENT, line_of, says_no, says_yes, tested, with_tests};
use crate::reported::Report;

fn report(project: &Project) -> Report {
    Report::of(project, &BuildOptions::default())
}

/// Steps of the product that did their work.
fn built(outcome: &BuildOutcome) -> Vec<&str> {
    outcome.progress.ran().into_iter().filter(|name| name.starts_with("[only ")).collect()
}

/// Whether the tests did.
fn tests_ran(outcome: &BuildOutcome) -> bool {
    outcome.progress.ran().iter().any(|name| name.starts_with("[tests] "))
}

/// A digest as records write it.
#[track_caller]
fn assert_digest(value: &Value) {
    let digest = value.as_str().unwrap_or_else(|| panic!("{value} is no digest"));
    assert!(digest.starts_with("sha256:") && digest.len() == 71, "{digest}");
}

/// Where something of the fragment is written: the line on which it begins.
#[track_caller]
fn assert_at(location: &Value, project: &Project, text: &str) {
    let place = format!("{FRAGMENT}:{}", line_of(project, FRAGMENT, text));
    assert_eq!(location, place.as_str());
}

#[test]
fn of_a_product_that_passes() {
    let project = tested(json!([{"name": "talks", "run": "echo the test says hello"}, says_yes()]));
    let tree = report(&project).tree;
    let record = tree.record();
    assert!(tree.errors.is_empty());
    let facts = [
        ("/result/status", json!("pass")),
        ("/manifest_id", json!("product")),
        ("/product_id", json!("product")),
        ("/fragments/0/name", json!("only")),
        ("/fragments/0/version", json!("0.1.0")),
        ("/platform", json!(format!("linux/{}", host()))),
        ("/arch", json!(host())),
        ("/execution", json!("native")),
        ("/tests/0/name", json!("only/talks")),
        ("/tests/0/verdict", json!("pass")),
        ("/tests/1/name", json!("only/says-yes")),
        ("/frontend_version", json!(env!("CARGO_PKG_VERSION"))),
    ];
    for (pointer, expected) in facts {
        assert_eq!(record.pointer(pointer), Some(&expected), "{pointer} of {record:#}");
    }
    for pointer in ["/base_digest", "/fragments/0/digest", "/selection_key", "/test_hash"] {
        assert_digest(record.pointer(pointer).unwrap());
    }
    assert_at(&record["tests"][0]["location"], &project, "\"name\": \"talks\"");
    assert!(record["result"]["tested_at"].as_str().unwrap().ends_with('Z'), "{record:#}");
    assert!(record["peaks"]["memory"].as_u64().unwrap() > 0, "{record:#}");
    for said in ["the step says ", "the test says hello\n", "only/talks", "only/says-yes"] {
        assert!(tree.evidence().contains(said), "`{said}` is not in:\n{}", tree.evidence());
    }
}

/// The machine's architecture, as OCI writes it.
fn host() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

#[test]
fn of_a_product_that_fails_a_test() {
    let project = tested(json!([says_yes(), says_no()]));
    let tree = report(&project).tree;
    assert_eq!(tree.status(), "fail");
    let (no, error) = (tree.test("only/says-no"), tree.error());
    assert_eq!(no["verdict"], "fail");
    assert!(no["reason"].as_str().unwrap().contains("got 3"), "{no:#}");
    assert_eq!(tree.test("only/says-yes")["verdict"], "pass");
    let facts = [("type", "test"), ("fragment", "only"), ("version", "0.1.0"), ("step", "only/says-no")];
    for (member, expected) in facts {
        assert_eq!(error[member], expected, "{member} of {error:#}");
    }
    assert_eq!(error["exit_code"], 3, "{error:#}");
    assert_at(&error["location"], &project, "\"name\": \"says-no\"");
    assert!(error["log_excerpt"].to_string().contains("what the test saw"), "{error:#}");
    for said in ["the step says ", "what the test saw\n"] {
        assert!(tree.evidence().contains(said), "`{said}` is not in:\n{}", tree.evidence());
    }
}

#[test]
fn of_a_product_that_fails_a_step() {
    let project = tested(json!([]));
    let lines = json!(["echo about to fail", format!(": {}", unique()), "sh -c 'exit 42'"]);
    let steps = json!([{"run": "echo the first step is fine"}, {"run": lines}, {"run": "echo never"}]);
    project.fragment("only", json!({"steps": steps, "tests": [says_yes()]}));
    let tree = report(&project).tree;
    let (record, error) = (tree.record(), tree.error());
    assert_eq!(tree.status(), "fail", "{record:#}");
    let facts = [("type", "step"), ("fragment", "only"), ("version", "0.1.0")];
    for (member, expected) in facts {
        assert_eq!(error[member], expected, "{member} of {error:#}");
    }
    assert_eq!(error["exit_code"], 42, "{error:#}");
    assert!(error["step"].as_str().unwrap().contains("about to fail"), "{error:#}");
    assert_at(&error["location"], &project, "\"run\": [");
    assert!(error["log_excerpt"].to_string().contains("about to fail"), "{error:#}");
    for said in ["the first step is fine\n", "about to fail\n"] {
        assert!(tree.evidence().contains(said), "`{said}` is not in:\n{}", tree.evidence());
    }
    assert!(!tree.evidence().contains("never\n"), "{}", tree.evidence());
    let passed = record["tests"].as_array().unwrap().iter().find(|test| test["verdict"] == "pass");
    assert_eq!(passed, None, "nothing was tested");
}

#[test]
fn edited_tests_run_again_and_build_nothing() {
    let content = unique();
    let project = tested(json!([]));
    with_tests(&project, &content, json!([says_yes()]));
    let before = report(&project);
    let _alone = Lab::get().alone();
    with_tests(&project, &content, json!([{"name": "says-yes", "run": "grep -q . /srv/content"}]));
    let after = report(&project);
    assert_eq!(built(&after.outcome), Vec::<&str>::new());
    assert!(tests_ran(&after.outcome), "{:#?}", after.outcome.progress.ran());
    let (before, after) = (before.tree.record(), after.tree.record());
    assert_ne!(before["test_hash"], after["test_hash"]);
    assert_ne!(before["build_id"], after["build_id"]);
    for member in ["selection_key", "fragments", "base_digest"] {
        assert_eq!(before[member], after[member], "{member}");
    }
    // And the other way round.
    with_tests(&project, &unique(), json!([{"name": "says-yes", "run": "grep -q . /srv/content"}]));
    let edited = report(&project).tree;
    assert_eq!(edited.record()["test_hash"], after["test_hash"]);
    assert_ne!(edited.record()["selection_key"], after["selection_key"]);
}

#[test]
fn a_report_is_the_same_when_nothing_runs() {
    let project = tested(json!([says_yes(), says_no()]));
    let first = report(&project);
    let _alone = Lab::get().alone();
    let second = report(&project);
    assert_eq!((built(&second.outcome), tests_ran(&second.outcome)), (vec![], false));
    let names = |report: &Report| report.tree.files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&first), names(&second));
    for (path, bytes) in &first.tree.files {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(bytes), text(&second.tree.files[path]), "{path}");
    }
}

#[test]
fn a_verdict_that_is_cached_can_be_asked_for_again() {
    let project = tested(json!([{"name": "says-no", "run": "echo at $(date +%s.%N); exit 3"}]));
    let first = report(&project);
    let _alone = Lab::get().alone();
    let cached = report(&project);
    let again = Report::of(&project, &BuildOptions::default().words(&["--no-cache-filter", "tests"]));
    let afterwards = report(&project);
    assert_eq!(cached.tree.files, first.tree.files, "a failing verdict is kept as well");
    assert_eq!((built(&again.outcome), tests_ran(&again.outcome)), (vec![], true));
    assert_ne!(again.tree.evidence(), first.tree.evidence());
    assert_eq!(again.tree.record()["test_hash"], first.tree.record()["test_hash"]);
    assert_eq!(
        afterwards.tree.evidence(),
        again.tree.evidence(),
        "the new verdict takes the place of the old one"
    );
}

#[test]
fn one_test_can_be_asked_for_again() {
    let alone = |name: &str| json!({"name": name, "run": "date", "isolated": true});
    let project = tested(json!([alone("one"), alone("other")]));
    let _ = report(&project);
    let _alone = Lab::get().alone();
    let again = Report::of(&project, &BuildOptions::default().words(&["--no-cache-filter", "only/one"]));
    let ran: Vec<&str> =
        again.outcome.progress.ran().into_iter().filter(|name| name.starts_with("[tests] ")).collect();
    assert_eq!(ran, ["[tests] only/one"]);
    assert_eq!(built(&again.outcome), Vec::<&str>::new());
}

/// A test that ends the program that judges it: nothing is known of the product then.
#[test]
fn a_broken_harness_is_no_verdict_and_is_not_kept() {
    let project = tested(json!([{"name": "saboteur", "run": "kill -TERM 1; sleep 20"}]));
    let first = report(&project);
    assert_eq!(first.tree.status(), "error", "{:#}", first.tree.record());
    assert_eq!(first.tree.error()["type"], "infrastructure", "{:#}", first.tree.error());
    assert!(first.tree.evidence().contains("the step says "), "{}", first.tree.evidence());
    let _alone = Lab::get().alone();
    let second = report(&project);
    let test = second.outcome.progress.vertex("[tests] only/saboteur");
    assert!(test.started && !test.cached, "the error came from the cache");
    let gate = project.build(&BuildOptions::oci()).failed();
    assert!(!gate.message.contains("a test failed"), "{}", gate.message);
}

#[test]
fn a_broken_budget_is_a_failing_verdict() {
    let project = tested(json!([{"name": "slow", "run": "sleep 1.2"}]));
    project.amend_manifest(json!({"limits": {"time": "1s", "memory": "1g"}}));
    let tree = report(&project).tree;
    assert_eq!(tree.status(), "fail", "{:#}", tree.record());
    assert_eq!(tree.record()["limits"], json!({"time_ms": 1000, "memory": 1 << 30}));
    assert!(tree.record()["peaks"]["time_ms"].as_u64().unwrap() >= 1200, "{:#}", tree.record());
    assert_eq!(tree.test("only/slow")["verdict"], "pass", "each test is fine by itself");
    let _ = project.build(&BuildOptions::oci()).failed();
    project.amend_manifest(json!({"limits": {"time": "1m"}}));
    assert_eq!(report(&project).tree.status(), "pass");
}

#[test]
fn a_test_that_cannot_run_here_is_skipped() {
    let gpu = json!({"name": "gpu", "gpu": {"devices": ["factory.invalid/gpu=all"], "run": "true"}});
    let tree = report(&tested(json!([says_yes(), gpu]))).tree;
    let test = tree.test("only/gpu");
    assert_eq!(test["verdict"], "skipped", "{test:#}");
    assert!(test["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{test:#}");
    assert_eq!(tree.status(), "pass");
}

#[test]
fn a_product_without_tests_has_a_report() {
    let steps = json!([{"run": format!("echo the step says {}", unique())}]);
    let project = Project::new(DEBIAN, &[("only", json!({"steps": steps}))]);
    let tree = report(&project).tree;
    assert_eq!((tree.status(), tree.record()["tests"].as_array().map(Vec::len)), ("pass", Some(0)));
    assert!(tree.evidence().contains("the step says "), "{}", tree.evidence());
}

#[test]
fn every_platform_has_a_record() {
    let steps = json!([{"file": {"path": "/f", "content": unique()}}]);
    let tests = json!([{"name": "is-there", "files": [{"path": "/f", "type": "file"}]}]);
    let project = Project::new("scratch", &[("only", json!({"steps": steps, "tests": tests}))]);
    let platforms = Some("linux/amd64,linux/arm64".to_owned());
    let options = BuildOptions { platform: platforms, ..BuildOptions::default() };
    let tree = Report::of(&project, &options).tree;
    let (mut executions, mut keys, mut platforms) = (Vec::new(), Vec::new(), Vec::new());
    for record in &tree.records {
        assert_eq!(record["result"]["status"], "pass", "{record:#}");
        platforms.push(record["platform"].as_str().unwrap().to_owned());
        executions.push(record["execution"].as_str().unwrap().to_owned());
        keys.push(record["selection_key"].clone());
    }
    platforms.sort();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    executions.sort();
    assert_eq!(executions, ["emulated", "native"]);
    assert_ne!(keys[0], keys[1]);
}
