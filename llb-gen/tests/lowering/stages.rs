//! Build-only stages.

use llb_gen::request::Request;

use crate::{amd64, execs, one};

const STAGES: &str = r#""stages": {
        "deps": {"base": "golang:1.23", "steps": [{"run": "deps"}]},
        "build": {"base": "stage:deps", "env": {"CGO_ENABLED": "0"}, "steps": [{"run": "build"}]},
        "unused": {"steps": [{"run": "never"}]}
    },
    "steps": [{"copy": {"from": "stage:build", "src": "/out/app", "dest": "/app"}}]"#;

fn names(request: &Request) -> Vec<String> {
    execs(&one(STAGES).lower(request).graph).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_stage_runs_when_something_is_copied_out_of_it() {
    assert_eq!(names(&amd64()), ["[app 1.0.0 deps 1/1] run deps", "[app 1.0.0 build 1/1] run build"]);
}

#[test]
fn a_stage_can_be_the_target_and_then_only_it_and_its_needs_run() {
    let target = |name: &str| Request { target: Some(name.into()), ..amd64() };
    assert_eq!(names(&target("stage/app/deps")), ["[app 1.0.0 deps 1/1] run deps"]);
    assert_eq!(names(&target("stage/app/unused")), ["[app 1.0.0 unused 1/1] run never"]);
}

#[test]
fn a_stage_has_its_own_environment() {
    let lowered = one(STAGES).lower(&amd64());
    let execs = execs(&lowered.graph);
    assert_eq!(crate::env(&execs[1].1, "CGO_ENABLED"), Some("0"));
    assert_eq!(crate::env(&execs[0].1, "CGO_ENABLED"), None);
    let config = crate::config(&lowered);
    let env: Vec<&str> =
        config["config"]["Env"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    assert_eq!(env, ["PATH=/usr/bin:/bin"], "nothing of a stage is in the image");
}
