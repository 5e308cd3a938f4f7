//! What tests need beside the image: it is there for them, and for nobody else.

use bollard_buildkit_proto::pb;
use llb_gen::draft::Draft;
use llb_gen::lower::{Lowered, TestGroup};
use llb_gen::plan::TestOwner;
use llb_gen::request::{NoCache, Request};
use serde_json::{Value, json};

use crate::tests::{BASE, STEPS};
use crate::{Documents, amd64, env, execs, mount, one, ops, plan};

fn with_tests(tests: &str) -> Documents {
    one(&format!(r#"{STEPS}, "tests": [{tests}]"#))
}

fn short(group: &TestGroup) -> Vec<&str> {
    group.tests.iter().map(|test| test.name.strip_prefix("app/").unwrap()).collect()
}

/// The names of the tests of each exec, without that of their fragment.
fn groups(lowered: &Lowered) -> Vec<Vec<&str>> {
    lowered.tests.iter().map(short).collect()
}

fn test_exec(group: &TestGroup) -> pb::ExecOp {
    group.evidence.verify().unwrap();
    execs(&group.evidence).pop().unwrap().1
}

fn told(group: &TestGroup) -> Value {
    serde_json::from_str(env(&test_exec(group), "FACTORY_TESTS").unwrap()).unwrap()
}

/// The names of the vertices between the product and the test.
fn between(group: &TestGroup) -> Vec<String> {
    ops(&group.evidence)
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("[tests app/"))
        .collect()
}

const NEEDS: &str = r#"{"name": "a", "run": "x", "env": {"OWN": "1"}, "workdir": "/srv", "needs": {
    "apt": ["curl", "jq=1.6-2.1"],
    "files": [{"path": "conf/a.conf", "content": ["one", "${two}"], "chmod": "0600"}, {"path": "/b", "src": "tests/b"}]}}"#;

#[test]
fn packages_and_files_are_laid_over_the_finished_root() {
    let documents = with_tests(NEEDS);
    let lowered = documents.lower(&amd64());
    let group = &lowered.tests[0];
    let steps =
        ["[tests app/a 1/2] apt install curl jq=1.6-2.1", "[tests app/a 2/2] files /srv/conf/a.conf /b"];
    let named = between(group);
    assert!(steps.iter().all(|step| named.iter().any(|name| name == step)), "{named:?}");
    let (_, apt) = execs(&group.evidence).into_iter().find(|(name, _)| name == steps[0]).unwrap();
    assert_eq!(apt.network, pb::NetMode::Unset as i32);
    assert!(apt.meta.as_ref().unwrap().args.last().unwrap().contains("install 'curl' 'jq=1.6-2.1'"));
    assert_eq!((env(&apt, "OWN"), env(&apt, "PATH")), (None, Some("/usr/bin:/bin")));
    assert_eq!(mount(&apt, "/.factory/run").selector, "/helper");
    // The apt step is on the product's own result, the test on what comes of the files.
    let graph = ops(&group.evidence);
    let input = |name: &str, at: usize| {
        let (_, op) = graph.iter().find(|(one, _)| one == name).unwrap();
        op.inputs[at].digest.clone()
    };
    let product = lowered.graph.vertices().last().unwrap().0.digest().to_string();
    assert_eq!(input(steps[0], usize::try_from(mount(&apt, "/").input).unwrap()), product);
    let (vertex, _) = group.evidence.vertices().find(|(_, meta)| meta.name() == Some(steps[1])).unwrap();
    let root = usize::try_from(mount(&test_exec(group), "/").input).unwrap();
    assert_eq!(input(&group.name, root), vertex.digest().to_string());
    // What failed can be told from the product's own steps.
    assert_eq!(group.steps.len(), 1);
    assert_eq!((group.steps[0].title.as_str(), &group.steps[0].fragment), (steps[0], &None));
    assert_eq!(apt.mounts[group.steps[0].evidence_mount].dest, "/.factory/out");
    assert_eq!(lowered.steps.len(), 1, "{:?}", lowered.steps);
}

#[test]
fn the_product_knows_nothing_of_it() {
    let (with, without) = (with_tests(NEEDS), with_tests(r#"{"name": "a", "run": "x"}"#));
    let (product, request) = (with.product(), amd64());
    let (with, without) = (with.lower(&request), without.lower(&request));
    assert_eq!(with.graph.digest(), without.graph.digest());
    assert_eq!((&with.config, with.layers), (&without.config, without.layers));
    assert_ne!(with.tests[0].canonical, without.tests[0].canonical, "the test hash is another one");
    assert_eq!(with.tests[0].scripts, ["fragments/app/1.0.0/tests/b"]);
    let draft = Draft::new(&product, &request).unwrap();
    let files: Vec<&str> = draft.test_files().iter().map(|file| file.path.as_str()).collect();
    assert_eq!((files, draft.own_files().len()), (vec!["tests/b"], 0));
    let told = told(&with.tests[0]);
    assert!(told["tests"][0].get("needs").is_none(), "the helper has nothing to do with it: {told}");
}

#[test]
fn own_files_come_with_the_scripts_of_tests() {
    let lowered = with_tests(
        r#"{"name": "a", "run": {"script": "run.sh"}, "needs": {"files": [{"path": "/b", "src": "b", "chmod": "0755"}]}}"#,
    )
    .lower(&amd64());
    let sources: Vec<pb::SourceOp> = ops(&lowered.tests[0].evidence)
        .into_iter()
        .filter_map(|(_, op)| match op.op {
            Some(pb::op::Op::Source(source)) if source.identifier.starts_with("local://") => Some(source),
            _ => None,
        })
        .collect();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert_eq!(
        sources[0].attrs["local.followpaths"],
        r#"["fragments/app/1.0.0/b","fragments/app/1.0.0/run.sh"]"#
    );
    let copies: Vec<(String, i32)> = ops(&lowered.tests[0].evidence)
        .into_iter()
        .filter_map(|(_, op)| match op.op {
            Some(pb::op::Op::File(file)) => Some(file.actions),
            _ => None,
        })
        .flatten()
        .filter_map(|action| match action.action {
            Some(pb::file_action::Action::Copy(copy)) => Some((copy.dest, copy.mode)),
            _ => None,
        })
        .collect();
    assert!(copies.contains(&("/b".to_owned(), 0o755)), "{copies:?}");
}

#[test]
fn equal_needs_share_a_root_and_others_do_not() {
    let test = |name: &str, more: &str| format!(r#"{{"name": "{name}", "run": "x"{more}}}"#);
    let curl = r#", "needs": {"apt": "curl"}"#;
    let file = r#", "needs": {"files": [{"path": "/a", "content": "x"}]}"#;
    let tests = [
        test("plain", ""),
        test("one", curl),
        test("two", r#", "env": {"A": "b"}, "user": "www-data", "needs": {"apt": ["curl"]}"#),
        test("file", file),
        test("other", r#", "needs": {"files": [{"path": "/a", "content": "y"}]}"#),
        test("again", file),
        test("alone", r#", "isolated": true, "needs": {"apt": "curl"}"#),
        test("served", r#", "needs": {"services": [{"name": "db", "command": "db", "port": 1}]}"#),
        test("outside", r#", "network": "default", "needs": {"apt": "curl"}"#),
    ];
    let lowered = with_tests(&tests.join(",")).lower(&amd64());
    assert_eq!(
        groups(&lowered),
        [
            vec!["plain", "served"],
            vec!["one", "two"],
            vec!["file", "again"],
            vec!["other"],
            vec!["alone"],
            vec!["outside"]
        ]
    );
    // What is installed for several tests is installed once.
    let installed = |at: usize| lowered.tests[at].steps[0].vertex.clone();
    assert_eq!(lowered.tests[1].steps.len(), 1);
    assert_eq!((installed(1), installed(1)), (installed(4), installed(5)));
}

#[test]
fn services_are_the_helper_s_business() {
    let lowered = with_tests(
        r#"{"name": "a", "files": [{"path": "/"}], "env": {"PORT": "81"}, "needs": {"services": [
            {"name": "db", "command": "db --port ${PORT}", "port": 5432, "ready": {"path": "/ok", "status": [200], "attempts": 3, "interval": "10ms"}},
            {"name": "queue", "command": ["queue", "${PORT}"], "port": "${PORT}"}]}}"#,
    )
    .lower(&amd64());
    let group = &lowered.tests[0];
    assert_eq!((between(group).len(), group.steps.len()), (0, 0), "the root is the product's");
    assert_eq!(
        told(group)["tests"][0]["services"],
        json!([
            {"name": "db", "argv": ["/bin/sh", "-c", "db --port 81"], "port": 5432,
             "ready": {"path": "/ok", "status": [200], "attempts": 3, "interval_ms": 10}},
            {"name": "queue", "argv": ["queue", "81"], "port": 81,
             "ready": {"path": "/", "attempts": 30, "interval_ms": 1000}}
        ])
    );
}

#[test]
fn templates_and_manifests_may_need_things_too() {
    let tests = r#""tests": [{"name": "m", "run": "x", "needs": {"apt": "curl", "files": [{"path": "/a", "content": "x"}]}}]"#;
    let lowered = Documents::new(&format!("{BASE}, {tests}"), &[("app", STEPS)]).lower(&amd64());
    assert_eq!(lowered.tests[0].tests[0].owner, TestOwner::Manifest);
    assert_eq!(lowered.tests[0].steps[0].title, "[tests manifest/m 1/2] apt install curl");
    assert_eq!(lowered.tests[0].steps[0].place.file().path(), "manifests/p.json");
}

#[test]
fn asking_for_the_verdicts_again_installs_nothing_again() {
    let documents = with_tests(NEEDS);
    let ignored = |no_cache: NoCache| {
        let lowered = documents.lower(&Request { no_cache, ..amd64() });
        let metadata = lowered.tests[0].evidence.marshal().metadata;
        metadata.values().filter(|meta| meta.ignore_cache).count()
    };
    assert_eq!(ignored(NoCache::Nothing), 0);
    assert_eq!(ignored(NoCache::Of(vec!["tests".to_owned()])), 1);
    assert!(ignored(NoCache::Everything) > 2);
}

#[test]
fn what_does_not_expand_is_found_at_its_place() {
    let documents = with_tests(
        r#"{"name": "a", "run": "x", "needs": {"services": [{"name": "db", "command": ["db"], "port": "${PATH}"}]}}"#,
    );
    let product = documents.product();
    let faults = plan(&product, &amd64()).err().unwrap();
    let text = faults.errors().next().unwrap().to_string();
    assert!(
        text.starts_with("fragments/app/1.0.0/fragment.json:2:") && text.contains("is no port"),
        "{text}"
    );
}
