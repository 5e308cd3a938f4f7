//! Every way to give a context and a manifest.

use std::collections::BTreeMap;
use std::process::Command;

use factory_tests::{BuildOptions, Lab, Project, on_scratch, run, unique};
use serde_json::json;

use crate::bases::{local, text};
use crate::git_server::{GitServer, commit};
use crate::site::Site;

const MANIFEST: &str = "manifests/product.json";

/// A product that copies one file of the context and one of its own.
fn copying() -> Project {
    let project = on_scratch(json!([
        {"copy": {"from": "context", "src": "app/", "dest": "/app/"}},
        {"copy": {"src": "own.txt", "dest": "/own.txt"}}
    ]));
    project.fragment_file("only", "own.txt", "own").write("app/said.txt", "first");
    project
}

/// An archive of the project, by GNU tar.
fn archive(project: &Project, options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("context.tar");
    let mut tar = Command::new("tar");
    tar.args(options).arg("-cf").arg(&file).arg("-C").arg(project.path("")).arg(".");
    let _ = run(&mut tar).expect("tar");
    std::fs::read(file).unwrap()
}

#[test]
fn an_ignore_file_of_the_manifest_replaces_the_one_of_the_context() {
    let project = copying();
    project
        .write("app/general.txt", "1")
        .write("app/special.txt", "2")
        .write(".dockerignore", "app/general.txt\n");
    let kept = |project: &Project| {
        let outcome = project.build(&local()).succeeded();
        ["app/general.txt", "app/special.txt", "app/said.txt"]
            .map(|path| outcome.folder().join(path).exists())
    };
    assert_eq!(kept(&project), [false, true, true]);
    project.write("manifests/product.json.dockerignore", "app/special.txt\n");
    assert_eq!(kept(&project), [true, false, true]);
}

#[test]
fn a_repository_by_branch_tag_commit_and_folder_in_both_forms() {
    let server = GitServer::start();
    let project = copying();
    let first = commit(&project, Some("v1"));
    project.write("app/said.txt", "second").write("deep/er/app/said.txt", "deeper");
    for path in [MANIFEST, "fragments/only/0.1.0/fragment.json", "fragments/only/0.1.0/own.txt"] {
        project.write(&format!("deep/er/{path}"), std::fs::read(project.path(path)).unwrap());
    }
    let _ = commit(&project, None);
    let url = server.publish("product", &project);
    let said = |suffix: &str| {
        let outcome = Project::empty().build(&local().context(&format!("{url}{suffix}"))).succeeded();
        assert_eq!(text(&outcome, "own.txt"), "own");
        text(&outcome, "app/said.txt")
    };
    assert_eq!(said(""), "second");
    assert_eq!(said("#v1"), "first");
    assert_eq!(said(&format!("#{first}")), "first");
    assert_eq!(said("#main:deep/er"), "deeper");
    assert_eq!(said("?tag=v1"), "first");
    assert_eq!(said("?branch=main&subdir=deep/er"), "deeper");
    assert_eq!(said(&format!("?ref=v1&checksum={first}")), "first");
    // One that was never fetched: what a full checksum names is taken from the cache, whatever else is asked for.
    let wrong = "0123456789".repeat(4);
    let outcome =
        Project::empty().build(&local().context(&format!("{url}?ref=main&checksum={wrong}"))).failed();
    assert!(outcome.message.contains(&wrong), "{}", outcome.message);
}

#[test]
fn a_repository_that_is_asked_for_something_unknown_is_refused() {
    let server = GitServer::start();
    let project = copying();
    let _ = commit(&project, None);
    let url = server.publish("product", &project);
    let outcome = Project::empty().build(&local().context(&format!("{url}?brnach=main"))).failed();
    assert!(outcome.message.contains("brnach"), "{}", outcome.message);
    let outcome = Project::empty().build(&local().context(&format!("{url}#nowhere"))).failed();
    assert!(outcome.message.contains("nowhere"), "{}", outcome.message);
}

#[test]
fn an_archive_of_the_web_and_one_from_standard_input() {
    let project = copying();
    let (plain, packed) = (archive(&project, &[]), archive(&project, &["-z"]));
    let files = BTreeMap::from([("/product.tar.gz".to_owned(), packed.clone())]);
    let site = Site::start(files, None, 0);
    let url = format!("http://{}/product.tar.gz", site.address());
    let ways = [local().context(&url), local().context("-").stdin(plain), local().context("-").stdin(packed)];
    for way in ways {
        let outcome = Project::empty().build(&way).succeeded();
        assert_eq!(
            (text(&outcome, "app/said.txt"), text(&outcome, "own.txt")),
            ("first".into(), "own".into())
        );
    }
}

#[test]
fn a_manifest_from_standard_input_and_from_the_web() {
    let project = copying();
    let manifest = std::fs::read(project.path(MANIFEST)).unwrap();
    std::fs::remove_file(project.path(MANIFEST)).unwrap();
    let by_input = project.build(&local().file("-").stdin(manifest.clone())).succeeded();
    assert_eq!(text(&by_input, "app/said.txt"), "first");
    let site = Site::start(BTreeMap::from([("/product.json".to_owned(), manifest)]), None, 0);
    let url = format!("http://{}/product.json", site.address());
    let by_web = project.build(&local().file(&url)).succeeded();
    assert_eq!(text(&by_web, "app/said.txt"), "first");
}

#[test]
fn a_manifest_of_the_web_is_a_context_by_itself() {
    let catalogue = on_scratch(json!([{"file": {"path": "/f", "content": "made"}}]));
    let manifest = std::fs::read(catalogue.path(MANIFEST)).unwrap();
    let site = Site::start(BTreeMap::from([("/product.json".to_owned(), manifest)]), None, 0);
    let fragments = format!("fragments={}", catalogue.path("").display());
    let options = local().context(&format!("http://{}/product.json", site.address()));
    let outcome = Project::empty().build(&options.words(&["--build-context", &fragments])).succeeded();
    assert_eq!(text(&outcome, "f"), "made");
}

#[test]
fn a_folder_below_and_a_manifest_outside_of_it() {
    let whole = Project::empty();
    let inner = copying();
    for path in ["fragments/only/0.1.0/fragment.json", "fragments/only/0.1.0/own.txt", "app/said.txt"] {
        whole.write(&format!("team/product/{path}"), std::fs::read(inner.path(path)).unwrap());
    }
    whole.write("elsewhere/product.json", std::fs::read(inner.path(MANIFEST)).unwrap());
    let outcome = whole.build(&local().file("elsewhere/product.json").context("team/product")).succeeded();
    assert_eq!(text(&outcome, "app/said.txt"), "first");
}

#[test]
fn one_member_names_the_frontend_of_a_remote_manifest_too() {
    // The client's own `BUILDKIT_SYNTAX` goes before the member, for a repository as for a folder.
    let server = GitServer::start();
    let project = copying();
    project.amend_manifest(json!({"syntax": "localhost/no/such/frontend:ever", "description": unique()}));
    let _ = commit(&project, None);
    let url = server.publish("product", &project);
    let options = local().context(&url).build_arg("BUILDKIT_SYNTAX", Lab::get().frontend());
    assert_eq!(text(&Project::empty().build(&options).succeeded(), "app/said.txt"), "first");
    let outcome = Project::empty().build(&BuildOptions::default().context(&url)).failed();
    assert!(outcome.message.contains("localhost/no/such/frontend"), "{}", outcome.message);
}
