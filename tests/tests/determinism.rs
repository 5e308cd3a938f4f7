//! The same steps give the same layers: on one engine without cache, and on another that has never seen them.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod site;

use factory::engine::Suite;
use factory_tests::oci::{OciImage, OciLayout};
use factory_tests::{BuildOptions, Lab, OtherEngine, Project, run};
use serde_json::{Value, json};

/// What of layers is compared: engines of different versions may compress the same bytes differently.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bytes {
    Stored,
    Plain,
}

fn layers(image: &OciImage, bytes: Bytes) -> Vec<String> {
    match bytes {
        Bytes::Stored => image.layer_digests(),
        Bytes::Plain => image.config().rootfs().diff_ids().clone(),
    }
}

#[track_caller]
fn assert_same_layers(one: &OciImage, other: &OciImage, bytes: Bytes) {
    let (these, those) = (layers(one, bytes), layers(other, bytes));
    assert_eq!(these.len(), those.len());
    for (index, (this, that)) in these.iter().zip(&those).enumerate() {
        if this != that {
            let (this, that) = (one.layer(index), other.layer(index));
            let differ: Vec<_> = this.iter().zip(&that).filter(|(this, that)| this != that).take(8).collect();
            panic!("layer {index} differs: {} and {} entries, {differ:#?}", this.len(), that.len());
        }
    }
}

/// A step of every kind that runs something. Python and its packages come from where everybody's come from.
fn steps() -> Value {
    let wheels = json!(["idna==3.10", "markupsafe==3.0.2"]);
    json!([
        {"apt": {"install": ["python3-venv", "less"]}},
        {"pip": {"packages": wheels, "venv": "/opt/plain"}},
        {"pip": {"packages": wheels, "venv": "/opt/compiled", "compile": true}},
        {"pip": {"packages": wheels, "target": "/opt/uv", "installer": "uv", "compile": true}},
        {"run": ["mkdir -p /srv/a/b", "date > /dev/null", "echo x > /srv/a/b/c", "ln -s b /srv/a/l", "rm /etc/issue"]},
        {"user": {"name": "app", "uid": 1234, "home": "/home/app"}}
    ])
}

fn project() -> Project {
    Project::new("debian:bookworm-slim", &[("only", json!({"steps": steps()}))])
}

#[test]
fn steps_that_run_again_make_the_same_layers() {
    let site = site::Site::packages();
    let index = format!("http://{}/simple/", site.address());
    let python = json!({"steps": [{"apt": {"install": ["python3-pip"]}}]});
    let steps = json!([
        {"pip": {"packages": ["greeting==1.0"], "target": "/opt/plain", "index": index}},
        {"pip": {"packages": ["greeting==1.0"], "system": true, "compile": true, "index": index}},
        {"run": ["mkdir -p /srv/a/b", "date > /dev/null", "echo x > /srv/a/b/c", "rm /etc/issue"]},
        {"user": {"name": "app", "uid": 1234, "home": "/home/app"}}
    ]);
    let fragment = json!({"env": {"PIP_TRUSTED_HOST": site.address().ip().to_string()}, "steps": steps});
    let project = Project::new("debian:bookworm-slim", &[("python", python), ("only", fragment)]);
    let first = project.build(&BuildOptions::oci()).succeeded();
    let second = project.build(&BuildOptions::oci().words(&["--no-cache-filter", "only"])).succeeded();
    assert!(second.progress.vertex("user app").ran());
    assert_same_layers(&first.image(), &second.image(), Bytes::Stored);
}

/// Builds on an engine that is not the lab's.
fn build_on(engine: &OtherEngine, project: &Project) -> OciImage {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    let mut command = engine.buildx();
    command.args(["build", "--provenance=false", "--file", "manifests/product.json", "--no-cache"]);
    command.arg("--output").arg(format!("type=oci,dest={}", archive.display()));
    command.args(Lab::get().site_ca_words());
    let finished = run(command.arg(".").current_dir(project.path("")));
    let _ = finished.expect("the build on the other engine");
    OciLayout::open(&archive).only_image()
}

#[test]
fn another_engine_with_nothing_in_its_cache_makes_the_same_layers() {
    let lab = Lab::get();
    let project = project();
    let options = BuildOptions { words: lab.site_ca_words(), ..BuildOptions::oci() };
    let here = project.build(&options.words(&["--no-cache"])).succeeded();
    let other = OtherEngine::up("tests-other", Suite::Forky);
    let bytes = if lab.version() == other.version() { Bytes::Stored } else { Bytes::Plain };
    assert_same_layers(&here.image(), &build_on(&other, &project), bytes);
}
