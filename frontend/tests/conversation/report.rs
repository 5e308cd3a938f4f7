//! The target `report`: what it leaves when tests pass, when one says no, when a step fails, and when nothing can be known.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use frontend::gateway::{BuildResult, Process, ResultRefs};
use frontend::status::Status;
use pb::file_action::Action;
use prost::Message as _;
use serde_json::{Value, json};

use crate::fixture::{build, outcome, product};
use crate::scripted::{Call, Scripted};

const REPORT: (&str, &str) = ("target", "report");

const CORE: &str = r#"{
  "name": "core", "version": "1.0.0",
  "steps": [{"run": "echo core"}],
  "tests": [
    {"name": "good", "run": "true"},
    {"name": "bad", "run": "false"}
  ]
}"#;

/// The product with two tests of a fragment.
fn tested() -> Scripted {
    let mut gateway = product();
    gateway.file("context", "fragments/core/1.0.0/fragment.json", CORE);
    gateway.built("01-core.log", "core\n");
    gateway.built("02-web.log", "80\n");
    gateway.built("0.stdout", "fine\n");
    gateway.built("1.stderr", "no such thing\n");
    gateway
}

fn verdicts(gateway: &mut Scripted, bad: &str) {
    let stream = |tail: &str| json!({"bytes": tail.len(), "dropped": 0, "tail": tail});
    let test = |name: &str, verdict: &str, reason: Value, stderr: &str| {
        json!({"name": name, "verdict": verdict, "reason": reason, "exit_code": 1, "wall_ms": 12, "cpu_ms": 8,
            "peak_rss_kib": 900, "stdout": stream(""), "stderr": stream(stderr)})
    };
    let reason = if bad == "pass" { Value::Null } else { json!("expected exit code 0, got 1") };
    let tests =
        [test("core/good", "pass", Value::Null, ""), test("core/bad", bad, reason, "no such thing\n")];
    let all = json!({"version": 1, "tested_at": "2026-11-20T10:00:43Z", "tests": tests});
    gateway.built("verdicts.json", all.to_string());
}

/// The files that the last solve makes, and where those come from that it copies.
struct Tree {
    files: BTreeMap<String, Vec<u8>>,
    copies: BTreeMap<String, String>,
}

fn tree(gateway: &Scripted) -> Tree {
    let solves = gateway.matching("Solve").into_iter().rev().filter_map(|call| match call {
        Call::Solve(request) => Some(request.definition),
        _ => None,
    });
    let files = solves.flat_map(|definition| definition.def).filter_map(|bytes| {
        match pb::Op::decode(bytes.as_slice()).unwrap().op {
            Some(pb::op::Op::File(file)) => Some(file.actions),
            _ => None,
        }
    });
    let is_tree = |actions: &Vec<pb::FileAction>| {
        let action = actions.first().and_then(|first| first.action.clone());
        matches!(action, Some(Action::Mkdir(folder)) if folder.path == "/errors" || folder.path == "/evidence")
    };
    let actions = files.into_iter().find(is_tree).expect("the tree is made of files");
    let mut tree = Tree { files: BTreeMap::new(), copies: BTreeMap::new() };
    for action in actions {
        match action.action.unwrap() {
            Action::Mkfile(file) => _ = tree.files.insert(file.path, file.data),
            Action::Copy(copy) => _ = tree.copies.insert(copy.dest, copy.src),
            Action::Mkdir(_) => {}
            other => panic!("{other:?}"),
        }
    }
    tree
}

impl Tree {
    /// The only file of a folder.
    fn only(&self, folder: &str) -> &[u8] {
        let below: Vec<_> = self.files.iter().filter(|(path, _)| path.starts_with(folder)).collect();
        let [(_, bytes)] = below[..] else { panic!("{folder}: {:?}", self.files.keys()) };
        bytes
    }

    fn record(&self) -> Value {
        let record = serde_json::from_slice(self.only("/records/")).unwrap();
        valid(include_str!("../../../schemas/record.schema.json"), &record);
        record
    }

    fn error(&self) -> Value {
        let error = serde_json::from_slice(self.only("/errors/")).unwrap();
        valid(include_str!("../../../schemas/error.schema.json"), &error);
        error
    }

    fn log(&self) -> String {
        String::from_utf8(self.only("/evidence/").to_vec()).unwrap()
    }
}

fn valid(schema: &str, document: &Value) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<String> = validator.iter_errors(document).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}\n{document:#}");
}

fn is_single(result: &BuildResult) -> bool {
    matches!(result.refs, ResultRefs::Single(Some(_)))
}

#[test]
fn a_product_that_passes_has_a_record_and_evidence_and_no_error() {
    let mut gateway = tested();
    verdicts(&mut gateway, "pass");
    assert!(is_single(&build(&gateway, &[REPORT])));
    let tree = tree(&gateway);
    let record = tree.record();
    assert_eq!(record["result"], json!({"status": "pass", "tested_at": "2026-11-20T10:00:43Z"}));
    let id = record["build_id"].as_str().unwrap();
    assert!(id.starts_with("app-linux-amd64-"), "{id}");
    let log = tree.log();
    let expected = [
        &*format!("# Build ID: {id}\n\n== step [core 1.0.0 1/1] run echo core\ncore\n"),
        "\n== step [web 1.0.0 3/3] run echo $PORT\n80\n",
        "\n== test core/good: pass (12 ms)\n-- stdout\nfine\n",
        "\n== test core/bad: pass (12 ms)\n-- stderr\nno such thing\n",
    ];
    assert_eq!(log, expected.concat());
    assert!(!tree.files.keys().any(|path| path.starts_with("/errors")), "{:?}", tree.files.keys());
    let copy = |name: &str| tree.copies[&format!("/evidence/{id}/{name}")].clone();
    assert_eq!(copy("01-core.log"), "/01-core.log");
    assert_eq!((copy("core/good.stdout"), copy("core/bad.stderr")), ("/0.stdout".into(), "/1.stderr".into()));
    assert_eq!(tree.copies.len(), 4, "what is empty has no file: {:?}", tree.copies);
}

#[test]
fn a_test_that_says_no_is_an_error_with_its_place_and_its_output() {
    let mut gateway = tested();
    verdicts(&mut gateway, "fail");
    build(&gateway, &[REPORT]);
    let tree = tree(&gateway);
    let (record, error) = (tree.record(), tree.error());
    assert_eq!(record["result"]["status"], "fail");
    let expected = json!({
        "schema_version": 1, "build_id": record["build_id"], "manifest_id": "app", "platform": "linux/amd64",
        "type": "test", "reason": "core/bad: expected exit code 0, got 1", "fragment": "core", "version": "1.0.0",
        "step": "core/bad", "location": "fragments/core/1.0.0/fragment.json:6", "exit_code": 1,
        "log_excerpt": ["no such thing"],
    });
    assert_eq!(error, expected);
    assert!(tree.log().ends_with("\n== fail: core/bad: expected exit code 0, got 1\n"), "{}", tree.log());
}

#[test]
fn a_report_on_two_platforms_is_one_filesystem() {
    let mut gateway = tested();
    verdicts(&mut gateway, "pass");
    let result = build(&gateway, &[REPORT, ("platform", "linux/amd64,linux/arm64")]);
    assert!(is_single(&result), "an exporter would put each of several into a folder of its own");
    let files = tree(&gateway).files;
    let records: Vec<Value> = files
        .iter()
        .filter(|(path, _)| path.starts_with("/records/"))
        .map(|(_, bytes)| serde_json::from_slice(bytes).unwrap())
        .collect();
    let facts: Vec<_> = records.iter().map(|one| (&one["platform"], &one["execution"])).collect();
    assert_eq!(
        facts,
        [(&json!("linux/amd64"), &json!("native")), (&json!("linux/arm64"), &json!("emulated"))]
    );
}

/// The status of a failed solve of this op, whose process ended with a code, or which does something with files.
fn failed(vertex: &str, exit_code: Option<u32>) -> Status {
    let mounts: Vec<String> = (0..8).map(|mount| format!("mount{mount}")).collect();
    let status = Status::new("process \"/.factory/run\" did not complete successfully: exit code: 2")
        .with_json_detail("errdefs.Vertex", &json!({"digest": vertex}))
        .with_json_detail("errdefs.Solve", &json!({"mountIDs": mounts, "op": {"exec": {}}}));
    exit_code.into_iter().fold(status, |status, code| {
        status.with_json_detail("gatewayapi.ExitMessage", &json!({"Code": code}))
    })
}

/// The digest of the last exec of the product, and the index of its evidence among its mounts.
fn last_step(gateway: &Scripted) -> (String, usize) {
    let Some(Call::Solve(request)) = gateway.matching("Solve evaluate").into_iter().next() else { panic!() };
    let execs = request.definition.def.iter().rev().filter_map(|bytes| {
        let op = pb::Op::decode(bytes.as_slice()).unwrap();
        let Some(pb::op::Op::Exec(exec)) = op.op else { return None };
        let evidence = exec.mounts.iter().position(|mount| mount.dest == "/.factory/out")?;
        Some((llb_gen::llb::OpDigest::of(bytes).to_string(), evidence))
    });
    execs.into_iter().next().unwrap()
}

fn with_failed_step(exit_code: Option<u32>, step: &str) -> Scripted {
    let good = tested();
    outcome(&good, &[REPORT]).ok();
    let (vertex, _) = last_step(&good);
    let mut gateway = tested();
    gateway.failing_solves.insert(vertex.clone(), failed(&vertex, exit_code));
    let output = "one\ntwo\n";
    gateway.printed = format!("{}\n{step}{}\n{output}", step.len(), output.len()).into_bytes();
    gateway
}

#[test]
fn a_step_that_fails_is_told_with_its_output_and_those_before_it() {
    let gateway = with_failed_step(Some(2), r#"{"version": 1, "exit_code": 2}"#);
    build(&gateway, &[REPORT]);
    let tree = tree(&gateway);
    let (record, error) = (tree.record(), tree.error());
    assert_eq!(record["result"]["status"], "fail");
    assert_eq!(record["tests"], json!([]), "nothing was tested");
    assert_eq!((&error["type"], &error["exit_code"]), (&json!("step"), &json!(2)));
    assert_eq!(
        (&error["fragment"], &error["step"]),
        (&json!("web"), &json!("[web 1.0.0 3/3] run echo $PORT"))
    );
    assert_eq!(error["location"], "fragments/web/1.0.0/fragment.json:8");
    assert_eq!(error["log_excerpt"], json!(["one", "two"]));
    let log = tree.log();
    let parts = [
        "== step [core 1.0.0 1/1] run echo core\ncore\n",
        "== step [web 1.0.0 3/3] run echo $PORT: failed, exit code 2\none\ntwo\n",
    ];
    assert!(parts.iter().all(|part| log.contains(part)), "{log}");
    let [Call::Process(Process { mounts, env, .. })] = &gateway.matching("Process /helper")[..] else {
        panic!()
    };
    let (_, evidence) = last_step(&gateway);
    assert_eq!(mounts, &[("/evidence".to_owned(), format!("mount{evidence}"))]);
    assert!(env.contains(&("FACTORY_MODE".to_owned(), "show".to_owned())));
}

#[test]
fn what_is_not_the_step_s_own_fault_leaves_the_verdict_unknown() {
    for (exit_code, step) in [
        (Some(125), r#"{"version": 1, "fault": "cannot write the evidence: no space left on device"}"#),
        (None, ""),
    ] {
        let gateway = with_failed_step(exit_code, step);
        build(&gateway, &[REPORT]);
        let tree = tree(&gateway);
        assert_eq!(tree.record()["result"]["status"], "error", "{exit_code:?}");
        assert_eq!(tree.error()["type"], "infrastructure", "{exit_code:?}");
    }
}

#[test]
fn outputs_of_steps_are_not_asked_for_where_steps_would_run_again_for_them() {
    let imports = ("cache-imports", r#"[{"Type":"registry","Attrs":{"ref":"r.example/cache"}}]"#);
    for option in [imports, ("build-arg:FACTORY_STEP_LOGS", "off")] {
        let mut gateway = tested();
        verdicts(&mut gateway, "pass");
        build(&gateway, &[REPORT, option]);
        let tree = tree(&gateway);
        assert!(tree.log().contains("FACTORY_STEP_LOGS=on puts it in"), "{}", tree.log());
        let copied: Vec<&String> = tree.copies.values().collect();
        assert_eq!(copied, ["/1.stderr", "/0.stdout"], "the tests' alone");
        assert_eq!(tree.record()["result"]["status"], "pass");
    }
}

#[test]
fn a_report_made_again_is_the_same() {
    let made = || {
        let mut gateway = tested();
        verdicts(&mut gateway, "fail");
        build(&gateway, &[REPORT]);
        tree(&gateway).files
    };
    assert_eq!(made(), made());
}

#[test]
fn an_engine_that_breaks_is_reported_and_no_failure_of_the_build() {
    let mut gateway = tested();
    gateway.failures.insert("ReadFile verdicts.json".into(), Status::new("connection lost"));
    gateway.failures.insert("StatFile verdicts.json".into(), Status::new("connection lost"));
    verdicts(&mut gateway, "pass");
    build(&gateway, &[REPORT]);
    let tree = tree(&gateway);
    assert_eq!(tree.record()["result"]["status"], "error");
    let error = tree.error();
    assert_eq!(error["type"], "infrastructure");
    assert!(error["reason"].as_str().unwrap().contains("connection lost"), "{error}");
}

#[test]
fn what_is_wrong_with_the_files_is_an_error_of_the_build() {
    let mut gateway = tested();
    gateway.file("context", "fragments/core/1.0.0/fragment.json", "{}");
    let status = outcome(&gateway, &[REPORT]).unwrap_err();
    assert!(status.message().contains("fragments/core/1.0.0/fragment.json"), "{}", status.message());
}
