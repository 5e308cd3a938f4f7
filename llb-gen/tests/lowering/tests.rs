//! Tests as execs: which share one, what the helper is told, and what they never change about the product.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use llb_gen::check::FileState;
use llb_gen::draft::Draft;
use llb_gen::llb::CachePolicy;
use llb_gen::lower::{Lowered, TestGroup};
use llb_gen::model::Product;
use llb_gen::parse::RawManifest;
use llb_gen::plan::TestOwner;
use llb_gen::request::{Naming, NoCache, Request};
use llb_gen::text::SourceFile;
use serde_json::{Value, json};

use crate::{Documents, amd64, env, execs, lower, mount, one, ops, plan, request};

pub(crate) const BASE: &str = r#""base": "debian:bookworm-slim""#;
pub(crate) const STEPS: &str = r#""steps": [{"run": "make"}]"#;

/// Two fragments with tests, a template with one and a manifest with one.
pub(crate) fn everywhere() -> Product {
    let files = [
        (
            "manifests/templates/t/1.0.0.json",
            r#"{"id": "t", "version": "1.0.0", "slots": ["core", "app"], "shell": ["/bin/bash", "-c"],
                "tests": [{"name": "size", "files": [{"path": "/opt", "max_size": "1m"}]}]}"#,
        ),
        (
            "fragments/core/1.0.0/fragment.json",
            r#"{"name": "core", "version": "1.0.0", "steps": [{"run": "one"}],
                "tests": [{"name": "python", "run": "python3 -V"}, {"name": "arm", "run": "true", "when": {"platform": "linux/arm64"}}]}"#,
        ),
        (
            "fragments/app/1.0.0/fragment.json",
            r#"{"name": "app", "version": "1.0.0", "steps": [{"run": "two"}], "env": {"APP": "1"},
                "config": {"user": "app", "workdir": "/srv", "expose": "8080", "entrypoint": ["serve"]},
                "tests": [{"name": "starts", "run": {"exec": ["serve", "--version"]}}]}"#,
        ),
    ];
    let manifest = r#"{"id": "p", "base": "debian:bookworm-slim", "template": {"id": "t", "version": "1.0.0"},
        "fragments": {"app": "1.0.0", "core": "1.0.0"}, "env": {"TOP": "x"}, "config": {"cmd": ["--port", "8080"]},
        "tests": [{"name": "completes", "http": {"request": {"method": "POST", "path": "/v1", "body": {"b": 1, "a": 2}}, "expect": {"status": 200, "json": {"/ok": true}}}}]}"#;
    let present = |(path, text): (&str, &str)| {
        (path.to_owned(), FileState::Present(SourceFile::new(path, text.as_bytes())))
    };
    let raw = RawManifest::parse(&SourceFile::new("manifests/p.json", manifest.as_bytes())).unwrap();
    Product::check(raw, &files.into_iter().map(present).collect()).unwrap().0
}

fn names(group: &TestGroup) -> Vec<&str> {
    group.tests.iter().map(|test| test.name.as_str()).collect()
}

fn groups(lowered: &Lowered) -> Vec<Vec<&str>> {
    lowered.tests.iter().map(names).collect()
}

/// The exec of a group: the last one of its graph.
fn exec(group: &TestGroup) -> pb::ExecOp {
    group.evidence.verify().unwrap();
    execs(&group.evidence).pop().unwrap().1
}

/// What the helper is told.
fn told(group: &TestGroup) -> Value {
    serde_json::from_str(env(&exec(group), "FACTORY_TESTS").unwrap()).unwrap()
}

fn only(lowered: &Lowered) -> &TestGroup {
    assert_eq!(lowered.tests.len(), 1, "{:?}", groups(lowered));
    &lowered.tests[0]
}

fn with_tests(tests: &str) -> Documents {
    one(&format!(r#"{STEPS}, "tests": [{tests}]"#))
}

/// The spec of the only test.
fn spec(tests: &str) -> Value {
    told(only(&with_tests(tests).lower(&amd64())))["tests"][0].clone()
}

/// What planning says against a product.
fn faults(documents: &Documents) -> Vec<String> {
    let faults = plan(&documents.product(), &amd64()).err().unwrap();
    faults.errors().map(ToString::to_string).collect()
}

#[test]
fn tests_run_in_order_in_one_exec_on_the_finished_root() {
    let lowered = lower(&everywhere(), &amd64());
    let group = only(&lowered);
    assert_eq!(names(group), ["core/python", "app/starts", "template/size", "manifest/completes"]);
    assert_eq!(group.name, "[tests] core/python, app/starts, template/size, manifest/completes");
    let exec = exec(group);
    let graph = ops(&group.evidence);
    let (_, op) = graph.last().unwrap();
    let root = mount(&exec, "/");
    // The root is the product's own result, with the output that nobody asks for; the evidence is the one that is asked for.
    assert_eq!(Some(op.inputs[usize::try_from(root.input).unwrap()].digest.as_str()), last_digest(&lowered));
    assert_eq!((root.output, root.readonly), (0, false));
    assert_eq!((mount(&exec, "/.factory/out").output, mount(&exec, "/.factory/out").input), (1, -1));
    assert_eq!(mount(&exec, "/.factory/run").selector, "/helper");
    assert_eq!(exec.network, pb::NetMode::None as i32);
    let meta = exec.meta.as_ref().unwrap();
    assert_eq!(meta.user, "", "the helper itself is root");
    assert_eq!(
        (env(&exec, "FACTORY_MODE"), env(&exec, "APP"), env(&exec, "TOP")),
        (Some("test"), Some("1"), Some("x"))
    );
    assert_eq!(env(&exec, "PATH"), Some("/usr/bin:/bin"));
}

/// The digest of the vertex whose result is the product.
fn last_digest(lowered: &Lowered) -> Option<&str> {
    lowered.graph.vertices().last().map(|(vertex, _)| vertex.digest().as_str())
}

#[test]
fn the_helper_is_told_what_is_expected() {
    let lowered = lower(&everywhere(), &amd64());
    let told = told(only(&lowered));
    let about = |member: &str| told[member].clone();
    assert_eq!((about("version"), about("user"), about("cwd")), (json!(1), json!("app"), json!("/srv")));
    assert_eq!(about("keep"), json!(1 << 20));
    assert_eq!(
        told["tests"][0],
        json!({"name": "core/python", "timeout_ms": 60000,
               "run": {"argv": ["/bin/bash", "-c", "python3 -V"], "exit_codes": [0]}})
    );
    assert_eq!(told["tests"][1]["run"]["argv"], json!(["serve", "--version"]));
    assert_eq!(told["tests"][2]["files"], json!([{"path": "/opt", "exists": true, "max_size": 1 << 20}]));
    assert_eq!(
        told["tests"][3]["http"],
        json!({"argv": ["serve", "--port", "8080"], "port": 8080,
               "ready": {"path": "/", "attempts": 30, "interval_ms": 1000},
               "exchanges": [{"method": "POST", "path": "/v1", "body": r#"{"a":2,"b":1}"#,
                              "headers": {"Content-Type": "application/json"}, "status": [200],
                              "expect_body": [{"json": {"/ok": true}}]}]})
    );
}

#[test]
fn everything_beside_an_action_arrives() {
    let spec = spec(
        r#"{"name": "a", "timeout": "1500ms", "memory": "1m", "user": "www-data", "workdir": "sub",
            "env": {"B": "${A}", "A": "${PATH}"}, "run": ["one", "two"],
            "expect": {"exit_code": [3, 4], "stdout": ["x", {"equals": "y"}], "stderr": {"matches": "^z"}}}"#,
    );
    assert_eq!(
        spec,
        json!({"name": "app/a", "timeout_ms": 1500, "memory": 1 << 20, "user": "www-data", "cwd": "/sub",
               "env": {"A": "/usr/bin:/bin", "B": "/usr/bin:/bin"},
               "run": {"argv": ["/bin/sh", "-c", "set -e\none\ntwo"], "exit_codes": [3, 4],
                       "stdout": [{"contains": "x"}, {"equals": "y"}], "stderr": [{"matches": "^z"}]}})
    );
}

#[test]
fn files_and_packages_are_told_as_they_are_written() {
    let files = spec(
        r#"{"name": "a", "files": [
            {"path": "opt/", "type": "dir", "owner": "0:root", "mode": "755", "no_setuid": true, "no_world_writable": true},
            {"path": "/a", "content": "x", "min_size": "1k", "empty": false}, {"path": "/l", "target": "a"},
            {"path": "/gone", "exists": false}]}"#,
    );
    assert_eq!(
        files["files"],
        json!([
            {"path": "/opt", "exists": true, "type": "dir", "owner": "0:root", "mode": "0755", "no_setuid": true,
             "no_world_writable": true},
            {"path": "/a", "exists": true, "content": [{"contains": "x"}], "min_size": 1024},
            {"path": "/l", "exists": true, "target": "a"},
            {"path": "/gone", "exists": false}
        ])
    );
    let packages = spec(
        r#"{"name": "a", "packages": {"dpkg": {"curl": " >= 8, <9", "bash": "*"}, "pip": {"numpy": "==1.26.4"}, "pip_check": true}}"#,
    );
    assert_eq!(
        packages["packages"],
        json!({"dpkg": {"bash": "*", "curl": ">=8,<9"}, "pip": {"numpy": "=1.26.4"}, "pip_check": true})
    );
    assert_eq!(spec(r#"{"name": "a", "gpu": {"driverless": true}}"#)["gpu"], json!({"driverless": true}));
}

#[test]
fn a_server_needs_a_port_and_a_command() {
    let exposing = |ports: &str, server: &str| {
        one(&format!(
            r#"{STEPS}, "config": {{"expose": [{ports}]}}, "tests": [{{"name": "a", "http": {{{server}}}}}]"#
        ))
    };
    let port =
        |documents: &Documents| told(only(&documents.lower(&amd64())))["tests"][0]["http"]["port"].clone();
    assert_eq!(port(&exposing(r#""8080/tcp", "53/udp""#, "")), json!(8080));
    assert_eq!(port(&exposing("", r#""port": 9000"#)), json!(9000));
    assert_eq!(
        faults(&exposing("", "")),
        ["fragments/app/1.0.0/fragment.json:2:87: which port? The image exposes none (expected a `port`)"]
    );
    let several = faults(&exposing(r#""80", "443""#, "")).remove(0);
    assert!(several.contains("which port? The image exposes `443/tcp` and `80/tcp`"), "{several}");
    // Entrypoint and command of the image are what it starts; one without either has to be told.
    let bare = Documents::new(
        r#""base": "scratch", "tests": [{"name": "a", "http": {"port": 80}}]"#,
        &[("app", r#""steps": []"#)],
    );
    let fault = faults(&bare).remove(0);
    assert!(fault.contains("nothing is started: the image has neither entrypoint nor command"), "{fault}");
    let shell = spec(
        r#"{"name": "a", "http": {"port": 80, "command": "serve | tee log", "ready": {"status": 204, "interval": "20ms"}}}"#,
    );
    assert_eq!(shell["http"]["argv"], json!(["/bin/sh", "-c", "serve | tee log"]));
    assert_eq!(
        shell["http"]["ready"],
        json!({"path": "/", "status": [204], "attempts": 30, "interval_ms": 20})
    );
    assert_eq!(shell["http"]["exchanges"], json!([]));
    let plain = spec(
        r#"{"name": "a", "http": {"port": 80, "request": {"body": "x", "headers": {"content-type": "y"}}}}"#,
    );
    assert_eq!(
        plain["http"]["exchanges"],
        json!([{"method": "GET", "path": "/", "body": "x", "headers": {"content-type": "y"}, "status": [200]}])
    );
}

#[test]
fn only_what_is_different_runs_apart() {
    let documents = with_tests(
        r#"{"name": "a", "run": "true"}, {"name": "b", "run": "true", "network": "default"},
           {"name": "c", "run": "true", "isolated": true}, {"name": "d", "http": {"port": 1}, "user": "x", "memory": "1m"},
           {"name": "e", "run": "true", "network": "host"}, {"name": "f", "run": "true", "network": "default"},
           {"name": "g", "run": "true", "isolated": true}"#,
    );
    let lowered = documents.lower(&amd64());
    let groups = groups(&lowered);
    assert_eq!(
        groups,
        [vec!["app/a", "app/d"], vec!["app/b", "app/f"], vec!["app/c"], vec!["app/e"], vec!["app/g"]]
    );
    let networks: Vec<i32> = lowered.tests.iter().map(|group| exec(group).network).collect();
    let [none, sandbox, host] =
        [pb::NetMode::None as i32, pb::NetMode::Unset as i32, pb::NetMode::Host as i32];
    assert_eq!(networks, [none, sandbox, none, host, none]);
    // Isolated tests with the same words are still two execs: what they are called tells them apart.
    assert_ne!(lowered.tests[2].evidence.digest(), lowered.tests[4].evidence.digest());
}

#[test]
fn only_tests_with_a_network_get_the_certificates_of_the_site() {
    for (network, expected) in
        [("", false), (r#", "network": "default""#, true), (r#", "network": "host""#, true)]
    {
        let lowered = with_tests(&format!(r#"{{"name": "a", "run": "true"{network}}}"#)).lower(&amd64());
        let exec = exec(only(&lowered));
        let secrets: Vec<&pb::SecretOpt> =
            exec.mounts.iter().filter_map(|one| one.secret_opt.as_ref()).collect();
        assert_eq!(!secrets.is_empty(), expected, "{network}");
        for secret in secrets {
            assert_eq!((secret.id.as_str(), secret.mode, secret.optional), ("factory_ca", 0o444, true));
            assert_eq!(mount(&exec, "/.factory/ca.crt").secret_opt.as_ref(), Some(secret));
        }
    }
}

#[test]
fn scripts_come_in_a_transfer_of_their_own() {
    let members = r#""steps": [{"copy": {"src": "a", "dest": "/a"}}], "tests": [
        {"name": "a", "run": {"script": "tests/check.sh", "args": ["-v"]}}, {"name": "b", "run": {"script": "b.sh"}}]"#;
    let documents = one(members);
    let product = documents.product();
    let request = amd64();
    let draft = Draft::new(&product, &request).unwrap();
    let files = |files: &[llb_gen::draft::OwnFile]| -> Vec<String> {
        files.iter().map(|file| format!("{}/{} {}", file.folder, file.path, file.place.start())).collect()
    };
    assert_eq!(files(draft.own_files()), ["fragments/app/1.0.0/a 2:28"]);
    assert_eq!(
        files(draft.test_files()),
        ["fragments/app/1.0.0/tests/check.sh 3:41", "fragments/app/1.0.0/b.sh 3:109"]
    );
    let lowered = lower(&product, &request);
    let group = only(&lowered);
    assert_eq!(group.scripts, ["fragments/app/1.0.0/b.sh", "fragments/app/1.0.0/tests/check.sh"]);
    let argv = |at: usize| told(group)["tests"][at]["run"]["argv"].clone();
    assert_eq!(argv(0), json!(["/.factory/scripts/app/tests/check.sh", "-v"]));
    assert!(mount(&exec(group), "/.factory/scripts").readonly);
    let sources: Vec<pb::SourceOp> = ops(&group.evidence)
        .into_iter()
        .filter_map(|(_, op)| match op.op {
            Some(pb::op::Op::Source(source)) if source.identifier.starts_with("local://") => Some(source),
            _ => None,
        })
        .collect();
    let followed: Vec<&str> =
        sources.iter().map(|source| source.attrs["local.followpaths"].as_str()).collect();
    assert_eq!(
        followed,
        [
            r#"["fragments/app/1.0.0/a"]"#,
            r#"["fragments/app/1.0.0/b.sh","fragments/app/1.0.0/tests/check.sh"]"#
        ]
    );
    assert_eq!(sources[1].attrs["local.sharedkeyhint"], llb_gen::lower::scripts_hint("fragments"));
    let copies = ops(&group.evidence)
        .into_iter()
        .filter_map(|(name, op)| match op.op {
            Some(pb::op::Op::File(file)) if name.contains("scripts of tests") => Some(file.actions),
            _ => None,
        })
        .flatten();
    let modes: Vec<(String, i32)> = copies
        .filter_map(|action| match action.action {
            Some(pb::file_action::Action::Copy(copy)) => Some((copy.dest, copy.mode)),
            _ => None,
        })
        .collect();
    assert_eq!(modes, [("/app/tests/check.sh".to_owned(), 0o755), ("/app/b.sh".to_owned(), 0o755)]);
}

#[test]
fn a_fragment_alone_is_tested_alone() {
    let product = everywhere();
    let target = |name: &str| lower(&product, &Request { target: Some(name.to_owned()), ..amd64() });
    let core = target("fragment/core");
    assert_eq!(groups(&core), [vec!["core/python"]]);
    let of_core = exec(only(&core));
    assert_eq!((env(&of_core, "APP"), told(only(&core))["user"].clone()), (None, Value::Null));
    let app = target("fragment/app");
    assert_eq!(groups(&app), [vec!["app/starts"]]);
    assert_eq!((env(&exec(only(&app)), "APP"), told(only(&app))["user"].clone()), (Some("1"), json!("app")));
    let owner = TestOwner::Fragment { name: "app".to_owned(), version: "1.0.0".to_owned() };
    assert_eq!(only(&app).tests[0].owner, owner);
    let staged = one(
        r#""stages": {"build": {"steps": [{"run": "true"}]}}, "steps": [], "tests": [{"name": "a", "run": "true"}]"#,
    );
    let stage = staged.lower(&Request { target: Some("stage/app/build".to_owned()), ..amd64() });
    assert!(stage.tests.is_empty());
}

#[test]
fn conditions_decide_before_anything_is_made() {
    let arm64 = lower(&everywhere(), &request("linux/arm64"));
    assert_eq!(names(only(&arm64))[..2], ["core/python", "core/arm"]);
    let documents = one(
        r#""args": {"SLOW": {"type": "bool", "default": false}}, "steps": [], "tests": [{"name": "a", "run": "x", "when": {"args": {"SLOW": true}}}]"#,
    );
    assert!(documents.lower(&amd64()).tests.is_empty());
    let slow = Request { build_args: BTreeMap::from([("SLOW".to_owned(), "true".to_owned())]), ..amd64() };
    assert_eq!(documents.lower(&slow).tests.len(), 1);
}

#[test]
fn names_say_what_is_tested_and_lines_say_where() {
    let several = Request { naming: Naming::WithPlatform, ..amd64() };
    let lowered = lower(&everywhere(), &several);
    assert_eq!(
        only(&lowered).name,
        "[linux/amd64 tests] core/python, app/starts, template/size, manifest/completes"
    );
    let (_, meta) = only(&lowered).evidence.vertices().last().unwrap();
    let mut at: Vec<(&str, u32)> =
        meta.locations().iter().map(|one| (one.file.filename.as_str(), one.lines.start())).collect();
    at.sort_unstable();
    assert_eq!(
        at,
        [
            ("fragments/app/1.0.0/fragment.json", 3),
            ("fragments/core/1.0.0/fragment.json", 2),
            ("manifests/p.json", 3),
            ("manifests/templates/t/1.0.0.json", 2)
        ]
    );
    let many: Vec<String> = (0..40).map(|at| format!(r#"{{"name": "test-{at}", "run": "true"}}"#)).collect();
    let lowered = with_tests(&many.join(",")).lower(&amd64());
    assert_eq!(
        only(&lowered).name,
        "[tests] app/test-0, app/test-1, app/test-2, app/test-3, app/test-4, app/test-5 and 34 more"
    );
}

#[test]
fn verdicts_can_be_asked_for_again() {
    let product = everywhere();
    let policy = |names: NoCache| {
        let request = Request { no_cache: names, ..amd64() };
        let lowered = lower(&product, &request);
        let (_, meta) = only(&lowered).evidence.vertices().last().unwrap();
        format!("{meta:?}").contains(&format!("{:?}", CachePolicy::Ignore))
    };
    let of = |name: &str| policy(NoCache::Of(vec![name.to_owned()]));
    assert!(of("tests") && of("TESTS") && of("core/python") && of("app") && policy(NoCache::Everything));
    assert!(!of("core/arm") && !of("other") && !of("size") && !policy(NoCache::Nothing));
    // Asking for the tests again runs no step.
    let request = Request { no_cache: NoCache::Of(vec!["tests".to_owned()]), ..amd64() };
    let ignored = lower(&product, &request);
    let metadata = ignored.graph.marshal().metadata;
    assert!(metadata.values().all(|meta| !meta.ignore_cache));
}

#[test]
fn what_is_too_long_for_a_variable_is_a_file() {
    let long = "x".repeat(70_000);
    let lowered = with_tests(&format!(r#"{{"name": "a", "run": "{long}"}}"#)).lower(&amd64());
    let exec = exec(only(&lowered));
    assert_eq!(env(&exec, "FACTORY_TESTS"), Some(r#"{"file":true}"#));
    let file = mount(&exec, "/.factory/tests.json");
    assert_eq!((file.selector.as_str(), file.readonly), ("/tests.json", true));
    let content = ops(&only(&lowered).evidence).into_iter().find_map(|(name, op)| match op.op {
        Some(pb::op::Op::File(file)) if name.contains("what is tested") => Some(file.actions),
        _ => None,
    });
    let Some(pb::file_action::Action::Mkfile(file)) = content.unwrap().remove(0).action else {
        panic!("no file")
    };
    let told: Value = serde_json::from_slice(&file.data).unwrap();
    assert_eq!(told["tests"][0]["run"]["argv"][2], json!(long));
}

#[test]
fn without_a_helper_a_test_says_so() {
    let mut request = amd64();
    request.own_image = None;
    let documents = one(r#""steps": [], "tests": [{"name": "a", "run": "true"}]"#);
    let product = documents.product();
    let fault = plan(&product, &request).unwrap().lower().unwrap_err();
    let text = fault.to_string();
    assert!(text.starts_with("fragments/app/1.0.0/fragment.json:2:24: test `app/a` runs under"), "{text}");
    assert_eq!(fault.place().unwrap().start().line, 2);
}
