//! Everything that people get wrong, through the real client: each is refused with its place before anything runs, and
//! nothing is left behind.

use std::os::unix::net::UnixListener;

use factory_tests::{BuildOptions, Project, on_scratch};
use serde_json::json;

/// The manifest in the project; the client shows it without its folder, as it does with Dockerfiles.
const MANIFEST: &str = "manifests/product.json";
const FRAGMENT: &str = "fragments/only/0.1.0/fragment.json";

/// A product that is right in everything, with a file that a step copies.
fn good() -> Project {
    let project = on_scratch(json!([{"copy": {"src": "own.txt", "dest": "/own.txt"}}]));
    project.fragment_file("only", "own.txt", "own");
    project
}

/// A product with a template whose only slot is `only`.
fn with_template() -> Project {
    let project = good();
    project
        .amend_manifest(json!({"template": {"id": "t", "version": "0.1.0"}, "fragments": {"only": "0.1.0"}}));
    let template = json!({"id": "t", "version": "0.1.0", "slots": [{"name": "only"}]});
    project.write("manifests/templates/t/0.1.0.json", template.to_string());
    project
}

/// Builds and checks that the client shows every one of `parts`, that no step ran, and that nothing came out.
#[track_caller]
fn refused(project: &Project, parts: &[&str]) {
    // The manifest's own syntax member may be what is broken, so the frontend is named beside it.
    let options = BuildOptions::oci().build_arg("BUILDKIT_SYNTAX", factory_tests::Lab::get().frontend());
    let outcome = project.build(&options).failed();
    for part in parts {
        assert!(outcome.message.contains(part), "`{part}` is not in:\n{}", outcome.message);
    }
    assert!(!outcome.message.contains("panicked"), "{}", outcome.message);
    assert_eq!(outcome.progress.ran(), Vec::<&str>::new());
}

#[test]
fn what_is_right_is_built() {
    let _ = good().build(&BuildOptions::default()).succeeded();
    let _ = with_template().build(&BuildOptions::default()).succeeded();
}

#[test]
fn an_unknown_slot() {
    let project = with_template();
    project.amend_manifest(json!({"fragments": {"only": "0.1.0", "onyl": "0.1.0"}}));
    refused(&project, &["product.json:", "unknown slot `onyl`", "only"]);
}

#[test]
fn an_unfilled_slot() {
    let project = with_template();
    project.amend_manifest(json!({"fragments": {}}));
    refused(&project, &["product.json:", "slot `only`"]);
}

#[test]
fn a_template_that_is_not_there() {
    let project = with_template();
    project.amend_manifest(json!({"template": {"id": "t", "version": "0.2.0"}}));
    refused(&project, &["product.json:", "0.2.0", "0.1.0"]);
}

#[test]
fn a_version_that_is_not_there() {
    let project = good();
    project.amend_manifest(json!({"fragments": [{"name": "only", "version": "0.9.0"}]}));
    refused(&project, &["product.json:", "0.9.0", "0.1.0"]);
}

#[test]
fn a_fragment_that_is_not_there() {
    let project = good();
    project.amend_manifest(json!({"fragments": [{"name": "olny", "version": "0.1.0"}]}));
    refused(&project, &["product.json:", "olny"]);
}

#[test]
fn a_fragment_without_a_version() {
    let project = good();
    project.amend_manifest(json!({"fragments": [{"name": "only"}]}));
    refused(&project, &["product.json:", "version"]);
}

#[test]
fn an_unknown_member_of_the_manifest() {
    let project = good();
    project.amend_manifest(json!({"frgaments": []}));
    refused(&project, &["product.json:", "unknown member `frgaments`", "fragments"]);
}

#[test]
fn an_unknown_member_of_a_step() {
    let project = on_scratch(json!([{"file": {"path": "/f", "contnet": "x"}}]));
    refused(&project, &[FRAGMENT, "contnet", "content"]);
}

#[test]
fn an_unknown_action() {
    refused(&on_scratch(json!([{"cpoy": {"src": "a", "dest": "/a"}}])), &[FRAGMENT, "cpoy", "copy"]);
}

#[test]
fn a_step_with_two_actions() {
    let step = json!({"mkdir": {"path": "/a"}, "file": {"path": "/f", "content": "x"}});
    refused(&on_scratch(json!([step])), &[FRAGMENT, "mkdir", "file"]);
}

#[test]
fn a_value_of_the_wrong_type() {
    refused(&on_scratch(json!([{"file": {"path": 7, "content": "x"}}])), &[FRAGMENT, "path"]);
    let project = good();
    project.amend_manifest(json!({"platforms": "linux/amd64"}));
    refused(&project, &["product.json:", "platforms"]);
}

#[test]
fn values_that_cannot_be() {
    let steps = json!([
        {"file": {"path": "/f", "content": "x", "chmod": "0999"}},
        {"file": {"path": "/g", "content": "x", "chown": "a:b:c"}}
    ]);
    refused(&on_scratch(steps), &[FRAGMENT, "0999", "a:b:c"]);
}

#[test]
fn all_faults_of_all_files_at_once() {
    let project =
        Project::new("scratch", &[("one", json!({"steps": [{"fiel": {}}]})), ("two", json!({"stpes": []}))]);
    let parts = ["fragments/one/0.1.0/fragment.json:", "fiel", "fragments/two/0.1.0/fragment.json:", "stpes"];
    refused(&project, &parts);
}

#[test]
fn an_empty_file() {
    let project = good();
    project.write(MANIFEST, "");
    refused(&project, &["product.json"]);
    let project = good();
    project.write(FRAGMENT, " \n");
    refused(&project, &[FRAGMENT]);
}

#[test]
fn text_that_is_not_json() {
    let project = good();
    project.write(FRAGMENT, "{\n  \"name\": \"only\",\n  \"version\" \"0.1.0\"\n}\n");
    refused(&project, &["fragments/only/0.1.0/fragment.json:3:", ">>>"]);
}

#[test]
fn json_with_a_comma_too_many_or_a_comment() {
    for text in [
        "{\"name\": \"only\", \"version\": \"0.1.0\",}",
        "{\"name\": \"only\", /* ? */ \"version\": \"0.1.0\"}",
    ] {
        let project = good();
        project.write(FRAGMENT, text);
        refused(&project, &["fragments/only/0.1.0/fragment.json:1:"]);
    }
}

#[test]
fn a_member_twice() {
    let project = good();
    project.write(FRAGMENT, "{\"name\": \"only\",\n\"version\": \"0.1.0\",\n\"version\": \"0.1.0\"}");
    refused(&project, &["fragments/only/0.1.0/fragment.json:3:", "version"]);
}

#[test]
fn bytes_that_are_not_utf_8() {
    let project = good();
    project.write(FRAGMENT, b"{\n\"name\": \"\xff\xfe\"}");
    refused(&project, &["fragments/only/0.1.0/fragment.json:2:", "UTF-8"]);
    let project = good();
    project.write(MANIFEST, b"{\n\"id\": \"\xc3\"}");
    refused(&project, &["product.json:2:", "UTF-8"]);
}

#[test]
fn a_file_of_ten_megabytes() {
    let large = format!(
        "{{\"name\": \"only\", \"version\": \"0.1.0\", \"description\": \"{}\"}}",
        "x".repeat(10 << 20)
    );
    let project = good();
    project.write(FRAGMENT, &large);
    refused(&project, &["fragments/only/0.1.0", "bytes"]);
    let project = good();
    project.write(MANIFEST, &large);
    refused(&project, &["product.json", "bytes"]);
}

#[test]
fn nesting_without_end() {
    let project = good();
    project.write(FRAGMENT, "[".repeat(200_000));
    refused(&project, &["fragments/only/0.1.0/fragment.json"]);
}

#[test]
fn a_path_that_leaves_the_fragment_by_dots() {
    let project = on_scratch(json!([{"copy": {"src": "../../other/secret", "dest": "/s"}}]));
    project.write("fragments/other/secret", "x");
    refused(&project, &[FRAGMENT, "../../other/secret"]);
}

#[test]
fn a_path_that_leaves_the_fragment_by_a_link() {
    for (link, target) in [("own.txt", "../../other/secret"), ("own.txt", "/etc/passwd")] {
        let project = good();
        std::fs::remove_file(project.path("fragments/only/0.1.0/own.txt")).unwrap();
        project.write("fragments/other/secret", "x").link(&format!("fragments/only/0.1.0/{link}"), target);
        refused(&project, &[FRAGMENT, "link", "own.txt"]);
    }
}

#[test]
fn a_folder_that_leaves_the_fragment_by_a_link() {
    let project = on_scratch(json!([{"copy": {"src": "sub/secret", "dest": "/s"}}]));
    project.write("fragments/other/secret", "x").link("fragments/only/0.1.0/sub", "../../other");
    refused(&project, &[FRAGMENT, "link", "sub/secret"]);
}

#[test]
fn a_file_that_is_not_there() {
    let project = on_scratch(json!([{"copy": {"src": "own.tx", "dest": "/own.txt"}}]));
    project.fragment_file("only", "own.txt", "own");
    refused(&project, &[FRAGMENT, "own.tx"]);
}

#[test]
fn a_socket_instead_of_a_definition() {
    let project = good();
    std::fs::remove_file(project.path(FRAGMENT)).unwrap();
    let _socket = UnixListener::bind(project.path(FRAGMENT)).unwrap();
    refused(&project, &["only"]);
}

#[test]
fn a_folder_instead_of_a_definition() {
    let project = good();
    std::fs::remove_file(project.path(FRAGMENT)).unwrap();
    std::fs::create_dir(project.path(FRAGMENT)).unwrap();
    project.write(&format!("{FRAGMENT}/x"), "x");
    refused(&project, &["fragments/only/0.1.0", "directory"]);
}

#[test]
fn a_base_that_is_not_there() {
    let project = good();
    project.amend_manifest(json!({"base": "localhost/no/such/base:ever"}));
    refused(&project, &["product.json:", "localhost/no/such/base:ever"]);
}

#[test]
fn a_base_that_is_no_reference() {
    let project = good();
    project.amend_manifest(json!({"base": "Not A Reference"}));
    refused(&project, &["product.json:", "Not A Reference"]);
}

#[test]
fn no_base() {
    let project = good();
    project.write(MANIFEST, json!({"id": "product", "fragments": []}).to_string());
    refused(&project, &["product.json:1:", "base"]);
}

#[test]
fn variables_that_need_one_another() {
    let project = good();
    project.amend_manifest(json!({"env": {"A": "${B}", "B": "${A}"}}));
    refused(&project, &["product.json:5:", "A → B → A"]);
}

#[test]
fn a_variable_that_is_not_there() {
    let project = on_scratch(json!([{"file": {"path": "/${NWOHERE}", "content": "x"}}]));
    refused(&project, &[FRAGMENT, "NWOHERE"]);
}

#[test]
fn an_expansion_without_an_end() {
    let project = on_scratch(json!([{"file": {"path": "/${OPEN", "content": "x"}}]));
    refused(&project, &[FRAGMENT, "${OPEN"]);
}

#[test]
fn an_id_that_is_not_the_file_s_name() {
    let project = good();
    project.amend_manifest(json!({"id": "another"}));
    refused(&project, &["product.json:", "another", "product"]);
}

#[test]
fn a_definition_of_another_fragment() {
    let project = good();
    project.fragment("only", json!({"name": "other"}));
    refused(&project, &[FRAGMENT, "other", "only"]);
}

#[test]
fn a_fragment_twice() {
    let project = good();
    let selection = json!({"name": "only", "version": "0.1.0"});
    project.amend_manifest(json!({"fragments": [selection, selection]}));
    refused(&project, &["product.json:", "only", "twice"]);
}

#[test]
fn a_name_that_is_a_path() {
    let project = good();
    project.amend_manifest(json!({"fragments": [{"name": "../only", "version": "0.1.0"}]}));
    refused(&project, &["product.json:", "../only"]);
}

#[test]
fn a_value_that_an_argument_does_not_take() {
    let project = good();
    project.amend_manifest(json!({"args": {"PORT": {"type": "int", "default": 80, "maximum": 65535}}}));
    let options = BuildOptions::oci().build_arg("PORT", "much");
    let outcome = project.build(&options).failed();
    assert!(outcome.message.contains("PORT") && outcome.message.contains("much"), "{}", outcome.message);
}

#[test]
fn a_platform_that_the_product_does_not_support() {
    let project = good();
    project.amend_manifest(json!({"platforms": ["linux/amd64", "linux/arm64"]}));
    let options = BuildOptions { platform: Some("linux/s390x".into()), ..BuildOptions::oci() };
    let outcome = project.build(&options).failed();
    for part in ["product.json:", "linux/s390x", "linux/amd64"] {
        assert!(outcome.message.contains(part), "{}", outcome.message);
    }
}

#[test]
fn a_target_that_is_not_there() {
    let options = BuildOptions { target: Some("fragment/onyl".into()), ..BuildOptions::oci() };
    let outcome = good().build(&options).failed();
    for part in ["product.json:", "fragment/onyl"] {
        assert!(outcome.message.contains(part), "{}", outcome.message);
    }
}

#[test]
fn a_manifest_that_is_not_there() {
    let options = BuildOptions::oci().build_arg("BUILDKIT_SYNTAX", factory_tests::Lab::get().frontend());
    let outcome = good().build(&options.file("manifests/nope.json")).failed();
    assert!(outcome.message.contains("nope.json"), "{}", outcome.message);
}
