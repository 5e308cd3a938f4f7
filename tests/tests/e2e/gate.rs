//! Products with tests, through the real client: what a test says no to stays in, and what passes has it attested.

use factory_tests::{
    BuildOptions, BuildOutcome, ImageName, Lab, Output, Project, Repository, on_debian, run,
};
use serde_json::{Value, json};

/// A definition written by hand, so that lines are where the test says.
fn fragment(exit_code: u8) -> String {
    format!(
        r##"{{
  "name": "only",
  "version": "0.1.0",
  "steps": [{{"file": {{"path": "/usr/local/bin/greet", "content": "#!/bin/sh\necho hello\necho alas >&2\nexit 3\n", "chmod": "0755"}}}}],
  "tests": [
    {{"name": "greets", "run": "greet", "expect": {{"exit_code": {exit_code}, "stdout": "hello"}}}}
  ]
}}
"##
    )
}

fn tested(exit_code: u8) -> Project {
    let project = on_debian(json!([]));
    project.fragment_file("only", "fragment.json", fragment(exit_code));
    project
}

/// The predicate of this type in the only image's attestations.
fn predicate(outcome: &BuildOutcome, predicate_type: &str) -> Value {
    let layout = outcome.layout();
    let [(subject, manifest)] = &layout.attestations()[..] else { panic!("one list of attestations") };
    assert_eq!(*subject, outcome.image().digest());
    let layers = manifest["layers"].as_array().unwrap().iter();
    let mut found =
        layers.filter(|layer| layer["annotations"]["in-toto.io/predicate-type"] == predicate_type);
    let layer = found.next().unwrap_or_else(|| panic!("no {predicate_type} in {manifest}"));
    let statement: Value =
        serde_json::from_slice(&layout.blob(&serde_json::from_value(layer.clone()).unwrap())).unwrap();
    statement["predicate"].clone()
}

fn record(outcome: &BuildOutcome) -> llb_gen::record::Record {
    let predicate = predicate(outcome, llb_gen::record::RECORD_PREDICATE_TYPE);
    serde_json::from_value(predicate["record"].clone()).unwrap()
}

fn attested() -> BuildOptions {
    BuildOptions::oci().build_arg("FACTORY_ATTESTATIONS", "all")
}

#[test]
fn a_failing_test_is_shown_with_its_lines_and_its_output_even_from_the_cache() {
    let project = tested(0);
    for cached in [false, true] {
        let outcome = project.build(&BuildOptions::oci()).failed();
        let expected = "test only/greets failed (fragments/only/0.1.0/fragment.json:6): expected exit code 0, got 3\n    \
                        | hello\n    | alas";
        assert!(outcome.message.contains(expected), "{}", outcome.message);
        let marked: Vec<&str> = outcome.message.lines().filter(|line| line.contains(">>>")).collect();
        assert!(marked.len() == 1 && marked[0].contains(r#"{"name": "greets""#), "{}", outcome.message);
        let test = outcome.progress.vertex("[tests] only/greets");
        assert!(test.error.is_none(), "a verdict is a result");
        assert!(!cached || !test.ran(), "a verdict is cached whatever it is");
    }
    let again = project.build(&BuildOptions::oci().words(&["--no-cache-filter", "tests"])).failed();
    assert!(again.progress.vertex("[tests] only/greets").ran());
}

#[test]
fn an_image_with_a_failing_test_is_neither_stored_nor_pushed() {
    let name = ImageName::local();
    let outcome = tested(0).build(&BuildOptions::store(name.as_str())).failed();
    assert!(outcome.metadata["containerimage.digest"].is_null());
    assert!(!run(Lab::get().docker().args(["image", "inspect", name.as_str()])).status.success());

    let pushed = Repository::fresh().tag("1");
    let options = BuildOptions { output: Output::Push(pushed.clone()), ..BuildOptions::default() };
    let _ = tested(0).build(&options).failed();
    assert!(!run(Lab::get().buildx().args(["imagetools", "inspect", &pushed])).status.success());
}

#[test]
fn verdicts_are_attested_and_so_is_a_failure_that_was_let_out() {
    let outcome = tested(3).build(&attested()).succeeded();
    let result = predicate(&outcome, llb_gen::record::TEST_RESULT_PREDICATE_TYPE);
    assert_eq!((&result["result"], &result["passedTests"]), (&json!("PASSED"), &json!(["only/greets"])));
    let passed = record(&outcome);
    assert_eq!(passed.result.status, llb_gen::record::Verdict::Pass);
    assert!(passed.result.tested_at.is_some() && passed.base_digest.starts_with("sha256:"), "{passed:?}");

    let outcome = tested(0).build(&attested().build_arg("FACTORY_GATE", "off")).succeeded();
    assert_eq!(predicate(&outcome, llb_gen::record::TEST_RESULT_PREDICATE_TYPE)["result"], "FAILED");
    let failed = record(&outcome);
    assert_eq!(failed.selection_key, passed.selection_key, "another test makes no other product");
    assert_ne!(failed.test_hash, passed.test_hash);
}

#[test]
fn another_test_builds_nothing_again() {
    let first = tested(3).build(&attested()).succeeded();
    let project = tested(3);
    project.fragment_file("only", "fragment.json", fragment(3).replace("\"greets\"", "\"says-hello\""));
    let second = project.build(&attested()).succeeded();
    let step = second.progress.vertex("file /usr/local/bin/greet");
    assert!(!step.ran(), "a step ran again");
    assert!(second.progress.vertex("[tests] only/says-hello").ran());
    assert_eq!(first.image().digest(), second.image().digest());
}
