//! Plans: four combinations in one conversation, what is told of them, and when the build fails.

use std::collections::{BTreeMap, BTreeSet};

use bollard_buildkit_proto::pb;
use frontend::gateway::SolveRequest;
use frontend::status::Status;
use llb_gen::llb::OpDigest;
use llb_gen::matrix::Summary;
use pb::file_action::Action;
use prost::Message as _;
use serde_json::{Value, json};

use crate::fixture::{CONFIG, DIGEST, build, outcome};
use crate::scripted::{Call, Scripted, local_source};

const PLAN: (&str, &str) = ("filename", "manifests/plans/p.json");
const REPORT: (&str, &str) = ("target", "report");
const EXPECT: &str = r#", "expect": [{"when": {"light": "0.2.0"}, "verdict": "fail"}]"#;

/// Two versions of each of two fragments over a manifest; `more` are members of the plan.
fn planned(more: &str) -> Scripted {
    let mut gateway = Scripted::new();
    let matrix = r#"{"core": ["0.1.0", "0.3.0"], "light": ["0.1.0", "0.2.0"]}"#;
    let plan = format!(r#"{{"id": "p", "manifest": "app", "matrix": {matrix}{more}}}"#);
    gateway.file("dockerfile", "manifests/plans/p.json", plan);
    let manifest = r#"{"id": "app", "base": "debian:12", "fragments": [
        {"name": "core", "version": "0.1.0"}, {"name": "light", "version": "0.1.0"}]}"#;
    gateway.file("context", "manifests/app.json", manifest);
    for (name, version) in [("core", "0.1.0"), ("core", "0.3.0"), ("light", "0.1.0"), ("light", "0.2.0")] {
        let fragment = format!(
            r#"{{"name": "{name}", "version": "{version}", "steps": [{{"run": "echo {name} {version}"}}]}}"#
        );
        gateway.file("context", &format!("fragments/{name}/{version}/fragment.json"), fragment);
    }
    gateway.image("docker-image://docker.io/library/debian:12", DIGEST, CONFIG);
    gateway
}

/// The same, and the steps of `light 0.2.0` fail.
fn failing(more: &str) -> Scripted {
    let good = planned(more);
    _ = outcome(&good, &[PLAN, REPORT]);
    let mut gateway = planned(more);
    for vertex in vertices(&good, "[light 0.2.0 1/1] run") {
        let mounts: Vec<String> = (0..8).map(|mount| format!("mount{mount}")).collect();
        let solve = json!({ "mountIDs": mounts, "op": {"exec": {}} });
        let status = Status::new("process \"/helper\" did not complete successfully: exit code: 2")
            .with_json_detail("errdefs.Vertex", &json!({ "digest": vertex }))
            .with_json_detail("errdefs.Solve", &solve)
            .with_json_detail("gatewayapi.ExitMessage", &json!({"Code": 2}));
        gateway.failing_solves.insert(vertex, status);
    }
    let step = r#"{"version": 1, "exit_code": 2}"#;
    gateway.printed = format!("{}\n{step}{}\n{}", step.len(), 4, "one\n").into_bytes();
    gateway
}

fn solves(gateway: &Scripted) -> Vec<SolveRequest> {
    let solves = gateway.matching("Solve").into_iter().filter_map(|call| match call {
        Call::Solve(request) if local_source(&request.definition).is_none() => Some(request),
        _ => None,
    });
    solves.collect()
}

/// The names of all vertices that were solved, by digest; one vertex may have had several.
fn names(gateway: &Scripted) -> BTreeMap<String, BTreeSet<String>> {
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for request in solves(gateway) {
        for (digest, about) in request.definition.metadata {
            let name = about.description.get("llb.customname").cloned();
            names.entry(digest).or_default().extend(name);
        }
    }
    names
}

/// The execs whose name holds `part`.
fn vertices(gateway: &Scripted, part: &str) -> BTreeSet<String> {
    let named = names(gateway);
    let execs: BTreeSet<String> = solves(gateway)
        .into_iter()
        .flat_map(|request| request.definition.def)
        .filter(|op| matches!(pb::Op::decode(op.as_slice()).unwrap().op, Some(pb::op::Op::Exec(_))))
        .map(|op| OpDigest::of(&op).to_string())
        .collect();
    let fits = |digest: &String| named[digest].iter().any(|name| name.contains(part));
    execs.into_iter().filter(fits).collect()
}

/// The files of the report.
fn tree(gateway: &Scripted) -> BTreeMap<String, Vec<u8>> {
    let last = solves(gateway).pop().unwrap();
    let actions =
        last.definition.def.iter().filter_map(|bytes| match pb::Op::decode(bytes.as_slice()).unwrap().op {
            Some(pb::op::Op::File(file)) => Some(file.actions),
            _ => None,
        });
    let files = actions.flatten().filter_map(|action| match action.action.unwrap() {
        Action::Mkfile(file) => Some((file.path, file.data)),
        _ => None,
    });
    files.collect()
}

fn summary(tree: &BTreeMap<String, Vec<u8>>) -> Summary {
    serde_json::from_slice(&tree["/summary.json"]).unwrap()
}

fn rows(summary: &Summary) -> Vec<(&str, &str, bool)> {
    summary.rows.iter().map(|row| (row.slug.as_str(), row.actual.as_str(), row.as_expected)).collect()
}

#[test]
fn rows_that_fail_as_expected_leave_the_plan_sound() {
    let gateway = failing(EXPECT);
    build(&gateway, &[PLAN]);
    let tree = tree(&gateway);
    let summary = summary(&tree);
    let expected = [
        ("core-0.1.0_light-0.1.0", "pass", true),
        ("core-0.1.0_light-0.2.0", "fail", true),
        ("core-0.3.0_light-0.1.0", "pass", true),
        ("core-0.3.0_light-0.2.0", "fail", true),
    ];
    assert_eq!(rows(&summary), expected);
    let failure = summary.rows[1].failure.as_ref().unwrap();
    assert_eq!(failure.fragment.as_deref(), Some("light 0.2.0"));
    assert_eq!(failure.location.as_deref(), Some("fragments/light/0.2.0/fragment.json:1"));
    let count = |folder: &str| tree.keys().filter(|path| path.starts_with(folder)).count();
    assert_eq!((count("/records/"), count("/errors/")), (4, 2));
    let record: Value =
        serde_json::from_slice(&tree[&format!("/records/{}.json", summary.rows[1].build_id)]).unwrap();
    assert_eq!(record["combination"], json!({"plan": "p", "slug": "core-0.1.0_light-0.2.0"}));
    let keys: BTreeSet<&Option<String>> = summary.rows.iter().map(|row| &row.selection_key).collect();
    assert_eq!(keys.len(), 4);
    let markdown = String::from_utf8(tree["/summary.md"].clone()).unwrap();
    assert!(markdown.contains("4 rows, all as expected (2 pass, 2 fail)"), "{markdown}");
}

#[test]
fn rows_that_fail_unexpectedly_fail_the_build_after_all_were_tried() {
    let gateway = failing("");
    let status = outcome(&gateway, &[PLAN]).unwrap_err();
    let message = status.message();
    for part in [
        "core-0.1.0_light-0.2.0 on linux/amd64: expected pass, got fail: [light 0.2.0 1/1] run echo light 0.2.0 (fragments/light/0.2.0/fragment.json:1)",
        "core-0.3.0_light-0.2.0 on linux/amd64: expected pass, got fail",
        "4 rows, 2 NOT as expected (2 pass, 2 fail)",
        "core-0.3.0_light-0.1.0   linux/amd64   pass       pass     as expected",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
}

#[test]
fn the_target_report_never_fails_for_a_verdict() {
    let gateway = failing("");
    build(&gateway, &[PLAN, REPORT]);
    let summary = summary(&tree(&gateway));
    assert_eq!((summary.as_expected, summary.counts.unexpected), (false, 2));
}

#[test]
fn what_combinations_share_is_one_vertex_with_a_plain_name() {
    let gateway = planned("");
    build(&gateway, &[PLAN]);
    let core = vertices(&gateway, "[core 0.");
    assert_eq!(core.len(), 2, "one for each version of core, whatever light is");
    assert_eq!(vertices(&gateway, "[light 0.").len(), 4, "light is built on core: one for each pair");
    let names = names(&gateway);
    for digest in core {
        assert!(names[&digest].iter().all(|name| name.starts_with("[core 0.")), "{:?}", names[&digest]);
    }
    let own = &names[vertices(&gateway, "[light 0.2.0").first().unwrap()];
    assert!(
        own.iter().all(|name| name.starts_with("[core-0.") && name.contains("_light-0.2.0] [light 0.2.0")),
        "{own:?}"
    );
}

#[test]
fn files_of_all_combinations_come_in_one_transfer() {
    let mut gateway = planned("");
    for (name, version) in [("core", "0.1.0"), ("core", "0.3.0"), ("light", "0.1.0"), ("light", "0.2.0")] {
        let copy = r#"{"copy": {"src": "x", "dest": "/x"}}"#;
        let fragment =
            format!(r#"{{"name": "{name}", "version": "{version}", "steps": [{copy}, {{"run": "y"}}]}}"#);
        gateway.file("context", &format!("fragments/{name}/{version}/fragment.json"), fragment);
        gateway.file("context", &format!("fragments/{name}/{version}/x"), "x");
    }
    build(&gateway, &[PLAN]);
    let locals: BTreeSet<String> = solves(&gateway)
        .into_iter()
        .flat_map(|request| request.definition.def)
        .filter_map(|op| match pb::Op::decode(op.as_slice()).unwrap().op {
            Some(pb::op::Op::Source(source)) => source.attrs.get("local.followpaths").cloned(),
            _ => None,
        })
        .collect();
    let all = r#"["fragments/core/0.1.0/x","fragments/core/0.3.0/x","fragments/light/0.1.0/x","fragments/light/0.2.0/x"]"#;
    assert_eq!(locals, BTreeSet::from([all.to_owned()]));
    assert_eq!(vertices(&gateway, "[core 0.").len(), 2, "one for each version of core");
}

/// Whether it is a product that is solved: its root is what the last exec leaves. Logs are copied.
fn is_product(request: &SolveRequest) -> bool {
    let root = request.definition.def.iter().rev().nth(1).unwrap();
    matches!(pb::Op::decode(root.as_slice()).unwrap().op, Some(pb::op::Op::Exec(_)))
}

#[test]
fn no_more_are_built_at_once_than_the_plan_allows() {
    for (at_once, expected) in [(1, 1), (2, 2), (16, 4)] {
        let gateway = planned(&format!(r#", "concurrency": {at_once}"#));
        build(&gateway, &[PLAN]);
        let mut evaluated: BTreeMap<usize, usize> = BTreeMap::new();
        for (level, call) in gateway.calls() {
            if let Call::Solve(request) = call
                && request.evaluate
                && is_product(&request)
            {
                *evaluated.entry(level).or_default() += 1;
            }
        }
        assert_eq!(evaluated.values().max(), Some(&expected), "{at_once}: {:?}", gateway.levels());
    }
}

#[test]
fn an_image_that_cannot_be_found_spoils_its_own_rows_only() {
    let gateway = planned(r#", "include": []"#);
    let mut gateway = gateway;
    let plan = r#"{"id": "p", "manifest": "app", "matrix": {"base": ["debian:12", "debian:99"]}}"#;
    gateway.file("dockerfile", "manifests/plans/p.json", plan);
    build(&gateway, &[PLAN, REPORT]);
    let tree = tree(&gateway);
    let summary = summary(&tree);
    let expected = [("base-debian-12", "pass", true), ("base-debian-99", "error", false)];
    assert_eq!(rows(&summary), expected);
    let id = &summary.rows[1].build_id;
    let error: Value = serde_json::from_slice(&tree[&format!("/errors/error-{id}.json")]).unwrap();
    assert_eq!(error["type"], "infrastructure");
    assert!(error["reason"].as_str().unwrap().contains("debian:99"), "{error}");
    assert!(tree[&format!("/evidence/{id}.log")].starts_with(format!("# Build ID: {id}\n").as_bytes()));
}

#[test]
fn one_read_brings_the_manifest_and_all_versions() {
    let gateway = planned("");
    build(&gateway, &[PLAN]);
    let reads = gateway.matching("Solve context:plan:");
    assert_eq!(reads.len(), 1, "{:?}", gateway.levels());
}

#[test]
fn faults_of_all_combinations_come_at_once_and_nothing_is_built() {
    let mut gateway = planned("");
    let plan =
        r#"{"id": "p", "manifest": "app", "matrix": {"core": ["0.1.0", "0.2.0"], "lihgt": ["0.1.0"]}}"#;
    gateway.file("dockerfile", "manifests/plans/p.json", plan);
    let status = outcome(&gateway, &[PLAN]).unwrap_err();
    let lines: Vec<&str> = status.message().lines().collect();
    assert!(lines[0].contains("p.json:1:61: fragment `core` has no version `0.2.0`"), "{lines:?}");
    assert!(lines[1].contains("axis `lihgt` could vary (did you mean `light`?)"), "{lines:?}");
    assert!(!solves(&gateway).iter().any(|request| request.evaluate));
}

#[test]
fn a_manifest_that_is_not_there_is_named_with_its_neighbour() {
    let mut gateway = planned("");
    let plan = r#"{"id": "p", "manifest": "appp", "matrix": {"core": ["0.1.0"]}}"#;
    gateway.file("dockerfile", "manifests/plans/p.json", plan);
    let status = outcome(&gateway, &[PLAN]).unwrap_err();
    assert!(status.message().contains("did you mean `app`?"), "{}", status.message());
}

#[test]
fn another_target_is_refused_and_other_questions_are_about_products() {
    let gateway = planned("");
    let status = outcome(&gateway, &[PLAN, ("target", "fragment/core")]).unwrap_err();
    assert!(status.message().contains("a plan has no target `fragment/core`"), "{}", status.message());
    let gateway = planned("");
    let status = outcome(&gateway, &[PLAN, ("requestid", "frontend.outline")]).unwrap_err();
    assert!(status.message().contains("is a plan"), "{}", status.message());
}

#[test]
fn the_dry_run_is_a_table_json_and_a_matrix_of_jobs() {
    let ask = |more: &[(&str, &str)]| {
        let gateway = planned(EXPECT);
        let options: Vec<(&str, &str)> =
            [PLAN, ("requestid", "frontend.plan")].into_iter().chain(more.iter().copied()).collect();
        let result = build(&gateway, &options);
        assert!(gateway.matching("Resolve").is_empty(), "no image is looked up");
        result.metadata
    };
    let plain = ask(&[]);
    let text = String::from_utf8(plain["result.txt"].clone()).unwrap();
    assert!(text.starts_with("plan p over manifest app: 4 combinations, strategy all\n"), "{text}");
    assert!(
        text.contains("core-0.1.0_light-0.2.0   linux/amd64   fail       core@0.1.0 light@0.2.0\n"),
        "{text}"
    );
    let json: Value = serde_json::from_slice(&plain["result.json"]).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len(), 4);
    let github = ask(&[("build-arg:FACTORY_FORMAT", "github")]);
    let jobs: Value = serde_json::from_slice(&github["result.txt"]).unwrap();
    assert_eq!(jobs["include"][1]["expect"], "fail");
    assert_eq!(jobs, serde_json::from_slice::<Value>(&github["result.json"]).unwrap());
}

#[test]
fn a_manifest_is_one_combination() {
    let gateway = crate::fixture::product();
    let result = build(&gateway, &[("requestid", "frontend.plan"), ("platform", "linux/arm64")]);
    let text = String::from_utf8(result.metadata["result.txt"].clone()).unwrap();
    assert!(text.contains("app           linux/arm64   pass       core@1.0.0 web@1.0.0\n"), "{text}");
}

#[test]
fn two_hundred_combinations_make_one_report() {
    let mut gateway = planned("");
    let values: Vec<String> = (0..200).map(|at| at.to_string()).collect();
    let plan = format!(
        r#"{{"id": "p", "manifest": "app", "concurrency": 16, "matrix": {{"args.A": [{}]}}}}"#,
        values.join(",")
    );
    gateway.file("dockerfile", "manifests/plans/p.json", plan);
    let core = r#"{"name": "core", "version": "0.1.0", "args": {"A": "x"}, "steps": [{"run": "echo ${A}"}]}"#;
    gateway.file("context", "fragments/core/0.1.0/fragment.json", core);
    build(&gateway, &[PLAN]);
    let size = solves(&gateway).iter().map(|request| request.definition.encoded_len()).max().unwrap();
    assert!(size < 15 << 20, "{size} bytes");
    let summary = summary(&tree(&gateway));
    assert_eq!((summary.rows.len(), summary.counts.pass), (200, 200));
}
