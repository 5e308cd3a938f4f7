//! The binary `factory`, as people run it.

use std::process::Command;

use factory_tests::{Finished, ImageName, Lab, Project, on_debian, run, unique};
use serde_json::json;

/// The binary in the checkout's root.
fn in_checkout(words: &[&str]) -> Finished {
    run(&mut checkout_command(words))
}

fn checkout_command(words: &[&str]) -> Command {
    let mut command = Project::empty().factory(words);
    command.current_dir(Lab::get().workspace());
    command
}

/// A product that is built in no time.
fn small() -> Project {
    let content = unique();
    Project::new("scratch", &[("only", json!({"steps": [{"file": {"path": "/f", "content": content}}]}))])
}

#[test]
fn a_build_ends_with_a_summary() {
    let _slot = Lab::get().slot();
    let name = ImageName::local();
    let built = in_checkout(&["build", "llm_serve", "--progress", "plain", "--tag", name.as_str()]);
    let summary = built.expect("factory build llm_serve");
    let value = |label: &str| -> Vec<&str> {
        summary.lines().filter_map(|line| line.strip_prefix(label).map(str::trim)).collect()
    };
    assert_eq!(value("image"), [name.as_str()], "{summary}");
    assert!(value("digest")[0].starts_with("sha256:"), "{summary}");
    assert!(value("platform")[0].starts_with("linux/"), "{summary}");
    assert!(value("layers")[0].ends_with("compressed"), "{summary}");
    assert!(value("time")[0].ends_with(" s"), "{summary}");
    assert!(value("steps")[0].contains("cached"), "{summary}");
    let inspected = run(Lab::get().docker().args(["image", "inspect", "--format", "{{.Id}}", name.as_str()]));
    assert_eq!(inspected.expect("docker image inspect").trim(), value("digest")[0]);
}

#[test]
fn a_printed_command_is_the_command_and_starts_nothing() {
    let printed = in_checkout(&["build", "llm_serve", "--print", "--no-cache", "--build-arg", "APP_PORT=1"]);
    let text = printed.expect("factory build --print");
    let command = text.lines().last().unwrap();
    assert!(command.starts_with("docker buildx build --file manifests/llm_serve.json "), "{text}");
    assert!(command.contains("APP_PORT=1") && command.contains(" --no-cache"), "{text}");
    assert!(command.ends_with(" ."), "{text}");
    // Where no engine is and none could be, the same command is printed.
    let nowhere = tempfile_folder();
    let mut command = checkout_command(&["build", "llm_serve", "--print"]);
    command.env_remove("DOCKER_HOST").env("FACTORY_STATE_DIR", &nowhere).env("FACTORY_RUN_DIR", &nowhere);
    let _ = run(&mut command).expect("factory build --print without an engine");
    assert!(!nowhere.exists(), "--print made {}", nowhere.display());
}

fn tempfile_folder() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("factory-tests-{}", unique()))
}

#[test]
fn an_unknown_product_is_answered_with_what_there_is() {
    let refused = in_checkout(&["build", "llm_srve"]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(refused.stdout, "");
    for part in ["llm_srve", "did you mean \"llm_serve\"?", "llm_factory"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
}

#[test]
fn wrong_command_lines_exit_with_2() {
    for words in [&["build"][..], &["build", "llm_serve", "--no-such-option"], &["engine", "dance"], &[]] {
        assert_eq!(in_checkout(words).status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn options_reach_buildx() {
    let project = small();
    let out = tempfile_folder();
    let output = format!("type=local,dest={}", out.display());
    let words =
        ["build", "product", "--frontend", Lab::get().frontend(), "--output", &output, "--progress", "plain"];
    let built = run(&mut project.factory(&words));
    let _ = built.expect("factory build --output type=local");
    assert!(out.join("f").is_file());
    std::fs::remove_dir_all(out).unwrap();
}

fn build(project: &Project) -> Finished {
    let words = ["build", "product", "--frontend", Lab::get().frontend(), "--progress", "plain"];
    run(&mut project.factory(&words))
}

#[test]
fn a_build_that_fails_exits_with_1() {
    let project = on_debian(json!([{"run": "exit 9"}]));
    let failed = build(&project);
    assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
    for part in ["fragments/only/0.1.0/fragment.json:", "exit code: 9"] {
        assert!(failed.stderr.contains(part), "{}", failed.stderr);
    }
    assert!(!failed.stdout.contains("digest"), "{}", failed.stdout);
}

#[test]
fn a_wrong_definition_exits_with_2_and_starts_nothing() {
    let project = small();
    project.fragment("only", json!({"steps": [{"fiel": {"path": "/f", "content": ""}}]}));
    let refused = build(&project);
    assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
    for part in ["fragments/only/0.1.0/fragment.json:", "did you mean `file`?"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    assert!(!refused.stderr.contains("#1 "), "a build was started:\n{}", refused.stderr);
}

#[test]
fn the_engine_that_is_used_is_named() {
    let status = in_checkout(&["engine", "status", "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_str(status.expect("factory engine status")).unwrap();
    assert!(answer.is_object(), "{answer}");
    let env = in_checkout(&["engine", "env"]);
    let script = format!("{}\ndocker buildx version", env.expect("factory engine env"));
    let _ = run(Command::new("sh").args(["-ec", &script])).expect("docker with the engine's environment");
}
