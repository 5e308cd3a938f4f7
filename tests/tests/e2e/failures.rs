//! Builds that fail while they run: people see what failed, where it is written, and nothing comes out.

use factory_tests::{BuildOptions, ImageName, Lab, Project, on_debian, run};
use serde_json::json;

/// A definition written by hand, so that lines are where the test says.
const FRAGMENT: &str = r#"{
  "name": "only",
  "version": "0.1.0",
  "steps": [
    {"file": {"path": "/fine", "content": "x"}},
    {"run": ["echo about to fail", "sh -c 'exit 42'"]},
    {"file": {"path": "/never", "content": "x"}}
  ]
}
"#;

fn failing() -> Project {
    let project = on_debian(json!([]));
    project.fragment_file("only", "fragment.json", FRAGMENT);
    project
}

#[test]
fn a_failing_step_is_shown_with_its_file_and_line() {
    let outcome = failing().build(&BuildOptions::oci()).failed();
    let message = &outcome.message;
    assert!(message.contains("fragments/only/0.1.0/fragment.json:6"), "{message}");
    let marked: Vec<&str> = message.lines().filter(|line| line.contains(">>>")).collect();
    // The fragment's line, then the manifest's that selects it.
    let [first, second] = marked[..] else { panic!("{message}") };
    assert!(first.contains(r#"{"run": ["echo about to fail", "sh -c 'exit 42'"]}"#), "{message}");
    assert!(second.contains(r#""name": "only""#), "{message}");
    assert!(message.contains("exit code: 42"), "{message}");
    let step = outcome.progress.vertex("echo about to fail");
    assert!(step.log.contains("about to fail\n"), "{}", step.log);
    assert!(step.error.is_some());
    let after = outcome.progress.vertices.iter().find(|vertex| vertex.name.contains("/never"));
    assert!(after.is_none_or(|vertex| !vertex.ran()), "a step ran after one that failed");
}

#[test]
fn a_failed_build_leaves_no_image() {
    let name = ImageName::local();
    let outcome = failing().build(&BuildOptions::store(name.as_str())).failed();
    assert!(outcome.metadata["containerimage.digest"].is_null());
    let inspected = run(Lab::get().docker().args(["image", "inspect", name.as_str()]));
    assert!(!inspected.status.success(), "the image is there:\n{}", inspected.stdout);
}

#[test]
fn a_program_that_is_not_there_fails_its_step() {
    let project = on_debian(json!([{"run": {"exec": ["/no/such/program"]}}]));
    let outcome = project.build(&BuildOptions::default()).failed();
    assert!(outcome.message.contains("fragments/only/0.1.0/fragment.json:"), "{}", outcome.message);
    let log = &outcome.progress.vertex("/no/such/program").log;
    let said = format!("{}{log}", outcome.message);
    assert!(said.contains("exit code: 127"), "{said}");
    assert!(said.contains("/no/such/program"), "{said}");
}

#[test]
fn an_owner_that_the_image_does_not_have_is_an_error() {
    let project = on_debian(json!([{"file": {"path": "/f", "content": "x", "chown": "nobody-knows"}}]));
    let outcome = project.build(&BuildOptions::default()).failed();
    assert!(outcome.message.contains("nobody-knows"), "{}", outcome.message);
}
