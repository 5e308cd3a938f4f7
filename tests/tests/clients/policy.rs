//! Source policies of the client: what they deny is denied, and what they convert is used, before anything runs.

use factory_tests::{BuildOptions, Project, on_scratch, sha256, unique};
use serde_json::{Value, json};

use crate::bases::tiny;

/// The variable by which clients hand a policy over.
const VARIABLE: &str = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY";

fn with_policy(project: &Project, rules: &Value) -> BuildOptions {
    project.write("policy.json", json!({"rules": rules}).to_string());
    BuildOptions::oci().env(VARIABLE, &project.path("policy.json").display().to_string())
}

fn rule(action: &str, identifier: &str, to: Option<&str>) -> Value {
    let updates = to.map(|to| json!({"identifier": to}));
    json!({"action": action, "selector": {"identifier": identifier}, "updates": updates})
}

#[test]
fn a_denied_base_is_refused_where_the_manifest_names_it() {
    let project = Project::new(tiny(), &[("only", json!({"steps": [{"run": "true"}]}))]);
    let options = with_policy(&project, &json!([rule("DENY", &format!("docker-image://{}", tiny()), None)]));
    let outcome = project.build(&options).failed();
    assert!(outcome.message.contains("product.json:"), "{}", outcome.message);
    assert!(outcome.message.contains("denied by policy"), "{}", outcome.message);
    assert_eq!(outcome.progress.ran(), Vec::<&str>::new());
}

#[test]
fn a_converted_base_is_the_one_that_is_built_on() {
    let word = unique();
    let project = Project::new(
        "example.invalid/elsewhere:1",
        &[("only", json!({"steps": [{"run": format!("echo {word} > /word")}]}))],
    );
    let to = format!("docker-image://{}", tiny());
    let options = with_policy(
        &project,
        &json!([rule("CONVERT", "docker-image://example.invalid/elsewhere:1", Some(&to))]),
    );
    let outcome = project.build(&options.words(&["--provenance=mode=max"])).succeeded();
    let image = outcome.image();
    assert_eq!(image.filesystem().at("word").sha256(), Some(sha256(format!("{word}\n").as_bytes()).as_str()));
    assert_eq!(image.env("PATH"), Some("/bin"), "the config is the other image's");
    let materials = outcome.metadata["buildx.build.provenance"].to_string();
    assert!(!materials.contains("pkg:docker/example.invalid"), "{materials}");
    assert!(materials.contains("factory-tests/tiny"), "{materials}");
}

#[test]
fn a_denied_download_fails_at_its_step() {
    let add = json!({"url": "http://example.invalid/file", "checksum": sha256(b"x"), "dest": "/file"});
    let project = on_scratch(json!([{"add": add}]));
    let options = with_policy(&project, &json!([rule("DENY", "http://example.invalid/*", None)]));
    let outcome = project.build(&options).failed();
    assert!(outcome.message.contains("denied by policy"), "{}", outcome.message);
}
