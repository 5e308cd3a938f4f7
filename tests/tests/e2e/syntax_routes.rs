//! The ways to load the frontend: all of them build the same image.

use std::fs;

use factory_tests::control::ControlBuild;
use factory_tests::{BuildOptions, ImageName, Lab, Project, unique};
use serde_json::json;

const MANIFEST: &str = "manifests/product.json";

/// A product with a step that really runs, and with files from both folders.
fn product() -> Project {
    let step = json!({"run": format!("echo {} > /unique", unique())});
    let copies = json!([step, {"copy": {"src": "own.txt", "dest": "/own.txt"}},
        {"copy": {"from": "context", "src": "app/", "dest": "/app/"}}]);
    let project = Project::new("debian:bookworm-slim", &[("only", json!({"steps": copies}))]);
    project.fragment_file("only", "own.txt", "own").write("app/a/b.txt", "b").write("app/unread.md", "c");
    project
}

#[test]
fn three_routes_give_one_digest() {
    let project = product();
    let names = [ImageName::local(), ImageName::local(), ImageName::local()];
    let by_member = project.build(&BuildOptions::store(names[0].as_str())).succeeded();

    let manifest = fs::read_to_string(project.path(MANIFEST)).unwrap();
    let mut without: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    without.as_object_mut().unwrap().remove("syntax");
    project.write(MANIFEST, without.to_string());
    let frontend = Lab::get().frontend();
    let by_argument = BuildOptions::store(names[1].as_str()).build_arg("BUILDKIT_SYNTAX", frontend);
    let by_argument = project.build(&by_argument).succeeded();

    let control = ControlBuild::gateway(frontend, &project.path(""), MANIFEST).store(names[2].as_str());
    let by_control = control.run().unwrap();

    assert!(by_member.digest().starts_with("sha256:"));
    assert_eq!(by_argument.digest(), by_member.digest());
    assert_eq!(by_control["containerimage.digest"], by_member.digest());
}

#[test]
fn the_control_api_hands_on_where_a_manifest_is_wrong() {
    let project = product();
    project.write(MANIFEST, "{\n  \"id\": 7\n}\n");
    let failure =
        ControlBuild::gateway(Lab::get().frontend(), &project.path(""), MANIFEST).run().unwrap_err();
    assert!(failure.contains("manifests/product.json:2:"), "{failure}");
}

#[test]
fn a_first_line_may_name_the_frontend_too() {
    let project = product();
    let by_member = project.build(&BuildOptions::oci()).succeeded();
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(project.path(MANIFEST)).unwrap()).unwrap();
    manifest.as_object_mut().unwrap().remove("syntax");
    for comment in ["#", "//"] {
        project.write(MANIFEST, format!("{comment} syntax={}\n{manifest:#}\n", Lab::get().frontend()));
        let built = project.build(&BuildOptions::oci()).succeeded();
        assert_eq!(built.image().digest(), by_member.image().digest(), "{comment}");
    }
}

#[test]
fn a_minified_manifest_is_the_same_manifest() {
    let project = product();
    let written = project.build(&BuildOptions::oci()).succeeded();
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(project.path(MANIFEST)).unwrap()).unwrap();
    project.write(MANIFEST, manifest.to_string());
    assert_eq!(project.build(&BuildOptions::oci()).succeeded().image().digest(), written.image().digest());
}
