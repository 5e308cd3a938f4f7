//! Products with tests: what is asked of BuildKit, what keeps an image back, and what is attested of one.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use frontend::gateway::{Attestation, SolveRequest};
use frontend::status::Status;
use prost::Message as _;
use serde_json::{Value, json};

use crate::fixture::{DIGEST, HELPER_DIGEST, build, outcome, product, run};
use crate::scripted::{Call, Node, Scripted, tests};

const CORE: &str = r#"{
  "name": "core", "version": "1.0.0",
  "steps": [{"run": "echo core"}],
  "tests": [
    {"name": "python", "run": "python3 --version"},
    {"name": "script", "run": {"script": "tests/check.sh"}}
  ]
}"#;

const GROUP: &str = "[tests] core/python, core/script";

/// The small product, whose fragment `core` has two tests.
fn tested(verdicts: [&str; 2]) -> Scripted {
    let mut gateway = product();
    gateway.file("context", "fragments/core/1.0.0/fragment.json", CORE);
    gateway.file("context", "fragments/core/1.0.0/tests/check.sh", "#!/bin/sh\n");
    said(&mut gateway, GROUP, verdicts);
    gateway
}

/// What the helper wrote about the tests of an exec, at first and past the cache.
fn said(gateway: &mut Scripted, group: &str, verdicts: [&str; 2]) {
    let left = file(&verdicts_json(verdicts));
    gateway.evidence.insert(group.to_owned(), [left.clone(), left]);
}

fn file(content: &str) -> BTreeMap<String, Node> {
    BTreeMap::from([("verdicts.json".to_owned(), Node::File(content.as_bytes().to_vec()))])
}

fn verdicts_json(verdicts: [&str; 2]) -> String {
    let entry = |(name, verdict): (&str, &str)| {
        json!({
            "name": name, "verdict": verdict, "exit_code": 3, "signal": null, "timed_out": false, "oom": false,
            "reason": (verdict != "pass").then_some("expected exit code 0, got 3"),
            "wall_ms": 12, "cpu_ms": 8, "peak_rss_kib": 9000,
            "stdout": {"bytes": 13, "dropped": 0, "tail": "Python 3.9.2\n"},
            "stderr": {"bytes": 5, "dropped": 0, "tail": "oops\n"}, "assertions": [],
        })
    };
    let names = ["core/python", "core/script"];
    let entries: Vec<Value> = names.into_iter().zip(verdicts).map(entry).collect();
    json!({"version": 1, "tested_at": "2026-11-20T10:00:43Z", "tests": entries}).to_string()
}

fn refused(gateway: &Scripted, options: &[(&str, &str)]) -> Status {
    outcome(gateway, options).expect_err("the image is kept back")
}

/// The predicate that an attestation leads to.
fn predicate(gateway: &Scripted, attestation: &Attestation) -> Value {
    let solves = gateway.calls().into_iter().filter_map(|(_, call)| match call {
        Call::Solve(request) => Some(request),
        _ => None,
    });
    let solves: Vec<SolveRequest> = solves.collect();
    let number: usize = attestation.reference.id().strip_prefix("ref").unwrap().parse().unwrap();
    let op = pb::Op::decode(solves[number].definition.def[0].as_slice()).unwrap();
    let Some(pb::op::Op::File(files)) = op.op else { panic!("{op:?}") };
    let contents = files.actions.into_iter().find_map(|action| match action.action {
        Some(pb::file_action::Action::Mkfile(file)) if file.path == attestation.path => Some(file.data),
        _ => None,
    });
    serde_json::from_slice(&contents.expect("the file is there")).unwrap()
}

#[test]
fn tests_run_beside_the_image_and_are_attested() {
    let gateway = tested(["pass", "pass"]);
    let result = build(&gateway, &[]);
    let levels = gateway.levels();
    let beside = [
        "Solve context:fragments:manifests/app.json",
        "Solve context:fragments:manifests/app.json",
        "Solve context:fragments:manifests/app.json:tests",
        "Solve context:fragments:manifests/app.json:tests",
        "Solve evaluate",
        "Solve tests",
    ];
    assert_eq!(levels[3], beside);
    assert!(levels[4].contains(&"StatFile verdicts.json".to_owned()), "{levels:?}");
    assert!(levels[5].contains(&"ReadFile verdicts.json".to_owned()), "{levels:?}");
    let [.., attested, last] = &levels[..] else { panic!("{levels:?}") };
    assert_eq!(
        (attested.as_slice(), last.as_slice()),
        (["Solve".to_owned()].as_slice(), ["Return".to_owned()].as_slice())
    );

    let [test_result, record] = &result.attestations["linux/amd64"][..] else { panic!("{result:?}") };
    assert_eq!(test_result.predicate_type, "https://in-toto.io/attestation/test-result/v0.1");
    assert_eq!(test_result.metadata["inline-only"], b"true");
    let test_result = predicate(&gateway, test_result);
    assert_eq!(test_result["result"], "PASSED");
    assert_eq!(test_result["passedTests"], json!(["core/python", "core/script"]));
    assert_eq!(record.predicate_type, llb_gen::record::RECORD_PREDICATE_TYPE);
    let attested = predicate(&gateway, record);
    let record: llb_gen::record::Record = serde_json::from_value(attested["record"].clone()).unwrap();
    assert_eq!((record.base_digest.as_str(), record.tests.len()), (DIGEST, 2));
    assert_eq!(record.result.tested_at.as_deref(), Some("2026-11-20T10:00:43Z"));
    let evidence = attested["evidence"].as_str().unwrap();
    assert!(
        evidence
            .starts_with(&format!("# Build ID: {}\n== test core/python: pass (12 ms)\n", record.build_id)),
        "{evidence}"
    );
}

#[test]
fn a_failing_test_keeps_the_image_back_with_its_lines_and_its_output() {
    let gateway = tested(["fail", "pass"]);
    let status = refused(&gateway, &[]);
    let expected = "test core/python failed (fragments/core/1.0.0/fragment.json:5): expected exit code 0, got 3\n    \
                    | Python 3.9.2\n    | oops";
    assert_eq!(status.message(), expected);
    let [detail] = status.details() else { panic!("{:?}", status.details()) };
    assert_eq!(detail.type_url, "github.com/moby/buildkit/errdefs.Source+json");
    let body: Value = serde_json::from_slice(&detail.value).unwrap();
    assert_eq!(body["info"]["filename"], "fragments/core/1.0.0/fragment.json");
    assert_eq!(body["ranges"][0]["start"]["line"], 5);
    assert_eq!(gateway.matching("Solve tests").len(), 1, "a failure is believed");
}

#[test]
fn every_platform_is_judged_and_attested_under_its_own_key() {
    let mut gateway = tested(["pass", "pass"]);
    said(&mut gateway, "[linux/amd64 tests] core/python, core/script", ["pass", "pass"]);
    said(&mut gateway, "[linux/arm64 tests] core/python, core/script", ["skipped", "pass"]);
    let platforms = [("platform", "linux/amd64,linux/arm64")];
    let result = build(&gateway, &platforms);
    assert_eq!(result.attestations.keys().collect::<Vec<_>>(), ["linux/amd64", "linux/arm64"]);
    let of = |platform: &str, index: usize| predicate(&gateway, &result.attestations[platform][index]);
    assert_eq!(
        (&of("linux/amd64", 0)["result"], &of("linux/arm64", 0)["result"]),
        (&json!("PASSED"), &json!("WARNED"))
    );
    assert_eq!(of("linux/amd64", 1)["record"]["execution"], "native");
    assert_eq!(of("linux/arm64", 1)["record"]["execution"], "emulated");

    said(&mut gateway, "[linux/arm64 tests] core/python, core/script", ["pass", "fail"]);
    let message = refused(&gateway, &platforms).message().to_owned();
    assert!(
        message
            .starts_with("test core/script failed on linux/arm64 (fragments/core/1.0.0/fragment.json:6): "),
        "{message}"
    );
}

#[test]
fn a_broken_harness_says_nothing_about_the_product() {
    let none = BTreeMap::new();
    let pipe = BTreeMap::from([("verdicts.json".to_owned(), Node::Pipe)]);
    let table = [
        (none, "`verdicts.json` is missing"),
        (pipe, "`verdicts.json` is not a regular file"),
        (file("{}"), "`verdicts.json` is of no use: it cannot be read: missing field `version`"),
    ];
    for (left, reason) in table {
        let mut gateway = tested(["pass", "pass"]);
        gateway.evidence.insert(GROUP.to_owned(), [left, BTreeMap::new()]);
        let message = refused(&gateway, &[]).message().to_owned();
        assert!(message.starts_with(&format!("{GROUP}: the tests could not be run: {reason}")), "{message}");
    }
    let mut gateway = tested(["pass", "pass"]);
    gateway.failures.insert("Solve tests".into(), Status::new("exit code: 125"));
    assert_eq!(
        refused(&gateway, &[]).message(),
        format!("{GROUP}: the tests could not be run: exit code: 125")
    );
}

#[test]
fn a_failing_step_is_told_in_buildkits_own_words() {
    let mut gateway = tested(["pass", "pass"]);
    let step = Status::new("process \"x\" failed")
        .with_json_detail("errdefs.Vertex", &json!({"digest": "sha256:x"}));
    gateway.failures.insert("Solve evaluate".into(), step.clone());
    gateway.failures.insert("Solve tests".into(), step.clone());
    assert_eq!(refused(&gateway, &[]), step);
}

#[test]
fn a_test_that_could_not_be_run_is_tried_once_more_past_the_cache() {
    let mut gateway = tested(["pass", "pass"]);
    let (error, well) = (file(&verdicts_json(["error", "pass"])), file(&verdicts_json(["pass", "pass"])));
    gateway.evidence.insert(GROUP.to_owned(), [error.clone(), well]);
    build(&gateway, &[]);
    let again: Vec<bool> = gateway
        .matching("Solve tests")
        .into_iter()
        .map(|call| match call {
            Call::Solve(request) => tests(&request.definition).unwrap().1,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(again, [false, true]);

    gateway.evidence.insert(GROUP.to_owned(), [error.clone(), error]);
    let message = refused(&gateway, &[("build-arg:FACTORY_GATE", "off")]).message().to_owned();
    assert!(
        message.starts_with("test core/python could not be run (fragments/core/1.0.0/fragment.json:5): "),
        "{message}"
    );
}

#[test]
fn an_open_gate_lets_a_failure_through_and_attests_it() {
    let gateway = tested(["fail", "pass"]);
    let result = build(&gateway, &[("build-arg:FACTORY_GATE", "off")]);
    let [test_result, record] = &result.attestations["linux/amd64"][..] else { panic!("{result:?}") };
    assert_eq!(predicate(&gateway, test_result)["failedTests"], json!(["core/python"]));
    assert_eq!(predicate(&gateway, record)["record"]["result"]["status"], "fail");
    assert!(gateway.matching("Warn").is_empty(), "it is no argument of the product");
}

#[test]
fn attestations_can_be_left_out_or_put_everywhere() {
    let gateway = tested(["pass", "pass"]);
    let result = build(&gateway, &[("build-arg:FACTORY_ATTESTATIONS", "off")]);
    assert!(result.attestations.is_empty());
    assert_eq!(gateway.matching("Solve tests").len(), 1, "the gate stays");
    let gateway = tested(["pass", "pass"]);
    let result = build(&gateway, &[("build-arg:FACTORY_ATTESTATIONS", "all")]);
    assert!(result.attestations["linux/amd64"].iter().all(|one| one.metadata.is_empty()));
}

#[test]
fn a_fragment_alone_is_judged_but_not_attested() {
    let gateway = tested(["pass", "pass"]);
    let result = build(&gateway, &[("target", "fragment/core")]);
    assert!(result.attestations.is_empty());
    assert_eq!(gateway.matching("Solve tests").len(), 1);
    let gateway = tested(["pass", "pass"]);
    build(&gateway, &[("target", "stage/web/build")]);
    assert!(gateway.matching("Solve tests").is_empty(), "a stage has no tests");
}

#[test]
fn a_broken_limit_is_told_at_the_manifest() {
    let mut gateway = tested(["pass", "pass"]);
    let manifest = r#"{
  "id": "app", "base": "debian:12",
  "limits": {"memory": "1m"},
  "fragments": [{"name": "core", "version": "1.0.0"}]
}"#;
    gateway.file("dockerfile", "manifests/app.json", manifest);
    let status = refused(&gateway, &[]);
    let expected = "limits of the tests are exceeded (manifests/app.json:3): test core/script had 8.8 MiB of memory, more than 1.0 MiB";
    assert_eq!(status.message(), expected);
    let body: Value = serde_json::from_slice(&status.details()[0].value).unwrap();
    assert_eq!(body["info"]["filename"], "manifests/app.json");
}

#[test]
fn a_script_that_is_not_there_is_told_at_its_test() {
    let mut gateway = tested(["pass", "pass"]);
    gateway.files.get_mut("context").unwrap().remove("fragments/core/1.0.0/tests/check.sh");
    let message = refused(&gateway, &[]).message().to_owned();
    assert!(message.starts_with("fragments/core/1.0.0/fragment.json:6:"), "{message}");
    assert!(message.contains("does not exist"), "{message}");
}

#[test]
fn the_keys_are_those_that_are_attested_and_nothing_runs_for_them() {
    let gateway = tested(["pass", "pass"]);
    let key = |gateway: &Scripted| {
        let result = build(gateway, &[("requestid", "frontend.key")]);
        let text = String::from_utf8(result.metadata["result.txt"].clone()).unwrap();
        (serde_json::from_slice::<Value>(&result.metadata["result.json"]).unwrap(), text)
    };
    let (json, text) = key(&gateway);
    assert!(gateway.matching("Solve tests").is_empty() && gateway.matching("Solve evaluate").is_empty());
    let platform = &json["platforms"][0];
    assert_eq!((&platform["platform"], &platform["base_digest"]), (&json!("linux/amd64"), &json!(DIGEST)));
    assert!(text.starts_with("platform        linux/amd64\nselection key   sha256:"), "{text}");
    assert!(text.contains("\ncore 1.0.0      sha256:"), "{text}");
    assert_ne!(platform["test_hash"], HELPER_DIGEST);

    let attesting = tested(["pass", "pass"]);
    let result = build(&attesting, &[]);
    let record = predicate(&attesting, &result.attestations["linux/amd64"][1])["record"].clone();
    assert_eq!(
        (&record["selection_key"], &record["test_hash"]),
        (&platform["selection_key"], &platform["test_hash"])
    );

    let mut edited = tested(["pass", "pass"]);
    edited.file("context", "fragments/core/1.0.0/tests/check.sh", "#!/bin/sh\nexit 1\n");
    let other = key(&edited).0["platforms"][0].clone();
    assert_eq!(
        other["selection_key"], platform["selection_key"],
        "a script of a test is no part of the product"
    );
    assert_ne!(other["test_hash"], platform["test_hash"]);
    let mut edited = tested(["pass", "pass"]);
    edited.file("context", "fragments/web/1.0.0/app.py", "print('y')");
    let other = key(&edited).0["platforms"][0].clone();
    assert_ne!(other["selection_key"], platform["selection_key"]);
    assert_eq!(other["test_hash"], platform["test_hash"]);
}

#[test]
fn groups_are_solved_side_by_side_but_not_all_at_once() {
    let mut gateway = product();
    let names: Vec<String> = (0..20).map(|number| format!("t{number:02}")).collect();
    let tests: Vec<Value> =
        names.iter().map(|name| json!({"name": name, "run": "true", "isolated": true})).collect();
    let core = json!({"name": "core", "version": "1.0.0", "steps": [{"run": "x"}], "tests": tests});
    gateway.file("context", "fragments/core/1.0.0/fragment.json", core.to_string());
    for name in &names {
        let mut verdicts: Value = serde_json::from_str(&verdicts_json(["pass", "pass"])).unwrap();
        verdicts["tests"].as_array_mut().unwrap().truncate(1);
        verdicts["tests"][0]["name"] = json!(format!("core/{name}"));
        let left = file(&verdicts.to_string());
        gateway.evidence.insert(format!("[tests] core/{name}"), [left.clone(), left]);
    }
    run(&gateway, &[]);
    assert_eq!(gateway.matching("Solve tests").len(), 20);
    let most =
        gateway.levels().iter().map(|level| level.iter().filter(|call| *call == "Solve tests").count()).max();
    assert!(most.is_some_and(|most| (2..=8).contains(&most)), "{most:?}");
}
