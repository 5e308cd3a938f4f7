//! `--check` and `--call=graph` as the real client asks and prints them, and what `prewarm` leaves in the cache.

use factory_tests::{BuildOptions, Project};
use serde_json::{Value, json};

fn product() -> Project {
    let project = Project::empty();
    project.manifest(json!({
        "base": "scratch", "template": {"id": "t", "version": "0.1.0"},
        "fragments": {"core": "0.1.0", "app": "0.1.0"}
    }));
    let template =
        json!({"id": "t", "version": "0.1.0", "slots": ["core", {"name": "app", "volatile": true}]});
    project.write("manifests/templates/t/0.1.0.json", template.to_string());
    project.fragment("core", json!({"steps": [{"file": {"path": "/core", "content": "core"}}]}));
    project.fragment("app", json!({"steps": [{"mkdir": {"path": "/app", "chmod": "0777"}}]}));
    project
}

fn ask(project: &Project, call: &str, arguments: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut options = BuildOptions::default().words(&[&format!("--call={call}")]);
    for (name, value) in arguments {
        options = options.build_arg(name, value);
    }
    let finished = project.build(&options).finished;
    (finished.status.code(), finished.stdout)
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_check_is_printed_with_lines_and_pages_and_ends_with_its_status() {
    let project = product();
    let (status, text) = ask(&project, "check", &[]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("world-writable - https://factory.invalid/docs/rules/world-writable.md"), "{text}");
    assert!(
        text.contains("fragments/app/0.1.0/fragment.json:"),
        "buildx itself names the manifest alone: {text}"
    );
    assert!(text.contains(">>>"), "the line is marked: {text}");
    let (status, text) = ask(&project, "check,format=json", &[]);
    assert_eq!((status, &json_of(&text)["warnings"][0]["ruleName"]), (Some(1), &json!("world-writable")));
    let skip = [("BUILDKIT_DOCKERFILE_CHECK", "skip=world-writable")];
    let (status, text) = ask(&project, "check", &skip);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("no warnings found"), "{text}");
    let (status, _) = ask(&project, "check,ignorestatus=true", &[]);
    assert_eq!(status, Some(0));
}

#[test]
fn what_only_the_plan_shows_is_printed_as_the_error_of_a_build() {
    let project = product();
    let steps = json!([{"file": {"path": "/x", "content": "x"}}, {"copy": {"src": "nowhere", "dest": "/"}}]);
    project.fragment("app", json!({"steps": steps}));
    let (status, text) = ask(&project, "check,format=json", &[]);
    assert_eq!(status, Some(1), "{text}");
    assert!(json_of(&text)["buildError"]["message"].as_str().unwrap().contains("nowhere"), "{text}");
    let refused = project.build(&BuildOptions::default()).failed();
    assert!(refused.message.contains("nowhere"), "{}", refused.message);
}

#[test]
fn warnings_end_a_build_that_wants_it() {
    let refused =
        product().build(&BuildOptions::oci().build_arg("BUILDKIT_DOCKERFILE_CHECK", "error=true")).failed();
    assert!(refused.message.contains("with the mode 0777 everybody may write it"), "{}", refused.message);
}

#[test]
fn a_graph_is_printed_as_text_dot_and_json_with_the_digests_of_the_build() {
    let project = product();
    let (status, text) = ask(&project, "graph", &[]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.starts_with("product: ") && text.contains("\napp 0.1.0\n"), "{text}");
    let (_, dot) = ask(&project, "graph", &[("FACTORY_FORMAT", "dot")]);
    assert!(dot.starts_with("digraph \"product\" {\n"), "{dot}");
    let (_, json) = ask(&project, "graph,format=json", &[]);
    let json = json_of(&json);
    let built = project.build(&BuildOptions::oci()).succeeded();
    let vertices = json["vertices"].as_array().unwrap();
    assert_eq!(vertices.len(), 4, "two steps, each with what it copies from: {json}");
    for vertex in vertices {
        let digest = vertex["digest"].as_str().unwrap();
        let ran = built.progress.vertices.iter().find(|one| one.digest == digest);
        assert_eq!(ran.map(|one| one.name.as_str()), vertex["name"].as_str(), "{digest}");
    }
}

#[test]
fn what_is_kept_warm_is_found_by_the_product() {
    let project = product();
    let unique = format!("{}", std::process::id());
    project.fragment("core", json!({"steps": [{"file": {"path": "/core", "content": unique}}]}));
    let warm =
        project.build(&BuildOptions { target: Some("prewarm".into()), ..BuildOptions::oci() }).succeeded();
    let paths: Vec<String> = warm.image().filesystem().paths().collect();
    assert_eq!(paths, ["core"]);
    let built = project.build(&BuildOptions::oci()).succeeded();
    let core = built.progress.vertex("[core 0.1.0 1/1]");
    let app = built.progress.vertex("[app 0.1.0 1/1]");
    assert!(core.cached && !app.cached, "{core:?} {app:?}");
}
