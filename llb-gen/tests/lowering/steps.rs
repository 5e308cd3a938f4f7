//! The processes of a product: where each one's output is, and what the product's tests may need.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use llb_gen::llb::Graph;
use llb_gen::lower::{Lowered, StepRun};
use prost::Message as _;

use crate::tests::{BASE, STEPS};
use crate::{Documents, amd64, one, request};

/// What is in the definition, by digest.
fn definition(lowered: &Lowered) -> BTreeMap<String, pb::Op> {
    let vertices = lowered.graph.vertices();
    vertices
        .map(|(vertex, _)| (vertex.digest().to_string(), pb::Op::decode(vertex.bytes()).unwrap()))
        .collect()
}

/// Each title, after looking up its exec and its mount.
fn titles(lowered: &Lowered) -> Vec<&str> {
    let ops = definition(lowered);
    for step in &lowered.steps {
        let op = ops.get(step.vertex.as_str()).unwrap_or_else(|| panic!("{} is not there", step.title));
        let Some(pb::op::Op::Exec(exec)) = &op.op else { panic!("{} is no exec", step.title) };
        assert_eq!(exec.mounts[step.evidence_mount].dest, "/.factory/out", "{}", step.title);
        assert_eq!(step.log.vertex().unwrap().digest(), &step.vertex, "{}", step.title);
        let output = i64::from(step.log.output().unwrap().get());
        assert_eq!(exec.mounts[step.evidence_mount].output, output, "{}", step.title);
        Graph::of(&step.log).verify().unwrap();
    }
    lowered.steps.iter().map(|step| step.title.as_str()).collect()
}

/// Steps of every kind that runs something, one that does not, and stages of which one is of no use.
const KINDS: &str = r#""stages": {"build": {"steps": [{"run": "make"}]}, "idle": {"steps": [{"run": "sleep"}]}},
  "steps": [
    {"apt": {"install": ["curl"]}},
    {"file": {"path": "/a", "content": "x"}},
    {"user": {"name": "app"}},
    {"copy": {"from": "stage:build", "src": "/x", "dest": "/x"}},
    {"pip": {"packages": ["numpy==1.26.4"]}},
    {"run": "first", "pid1": true},
    {"run": "last", "secrets": ["token"], "cache": ["/var/cache/x"], "mounts": [{"path": "/z", "tmpfs": true}]}
  ]"#;

#[test]
fn every_process_under_the_wrapper_says_where_its_output_is() {
    let lowered = one(KINDS).lower(&amd64());
    assert_eq!(
        titles(&lowered),
        [
            "[app 1.0.0 build 1/1] run make",
            "[app 1.0.0 1/7] apt install curl",
            "[app 1.0.0 3/7] user app",
            "[app 1.0.0 5/7] pip install numpy==1.26.4 → /opt/venv",
            "[app 1.0.0 7/7] run last"
        ]
    );
    let last = lowered.steps.last().unwrap();
    assert_eq!(last.fragment, Some(("app".to_owned(), "1.0.0".to_owned())));
    assert_eq!(last.place.lines().first, 10);
}

#[test]
fn a_merged_product_and_other_targets_have_theirs() {
    let documents = Documents::new(
        BASE,
        &[
            ("core", r#""steps": [{"run": "one"}]"#),
            ("left", r#""builds_on": ["core"], "steps": [{"run": "two"}]"#),
            ("right", r#""builds_on": [], "steps": [{"run": "three"}]"#),
        ],
    );
    let lowered = documents.lower(&amd64());
    assert!(lowered.graph.vertices().any(|(_, meta)| meta.name() == Some("[product] merge")));
    let all = ["[core 1.0.0 1/1] run one", "[left 1.0.0 1/1] run two", "[right 1.0.0 1/1] run three"];
    assert_eq!(titles(&lowered), all);
    let mut target = amd64();
    target.target = Some("fragment/left".to_owned());
    assert_eq!(titles(&documents.lower(&target)), all[..2]);
    target.target = Some("stage/app/build".to_owned());
    assert_eq!(titles(&one(KINDS).lower(&target)), ["[app 1.0.0 build 1/1] run make"]);
}

#[test]
fn a_budget_is_what_the_manifest_says_on_the_platform() {
    let budget = |limits: &str, platform: &str| {
        let documents = Documents::new(&format!("{BASE}{limits}"), &[("app", STEPS)]);
        documents.lower(&request(platform)).budget.map(|budget| (budget.memory, budget.time_ms))
    };
    assert_eq!(budget("", "linux/amd64"), None);
    let both = r#", "args": {"MOST": "2g"}, "limits": {"memory": "${MOST}", "time": {"linux/arm64": "10m", "default": "1500ms"}}"#;
    assert_eq!(budget(both, "linux/amd64"), Some((Some(2 << 30), Some(1500))));
    assert_eq!(budget(both, "linux/arm64"), Some((Some(2 << 30), Some(600_000))));
    assert_eq!(budget(r#", "limits": {"time": "1ns"}"#, "linux/amd64"), Some((None, Some(1))));
}

/// Limits are about tests: the product stays what it is.
#[test]
fn limits_leave_the_product_alone() {
    let with = Documents::new(&format!(r#"{BASE}, "limits": {{"time": "1m"}}"#), &[("app", STEPS)]);
    let (with, without) = (with.lower(&amd64()), Documents::new(BASE, &[("app", STEPS)]).lower(&amd64()));
    assert_eq!(with.graph.digest(), without.graph.digest());
    assert_eq!(with.config, without.config);
    let step = |lowered: &Lowered| lowered.steps.iter().map(|step: &StepRun| step.vertex.clone()).next();
    assert_eq!(step(&with), step(&without));
}
