//! An engine that keeps its images as Docker did before containerd, and cannot merge: fragments that stand side by side are
//! built one on the other, to the same files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use factory_tests::{BuildOptions, ImageName, OtherEngine, Output, Project, run, unique};
use serde_json::json;

use crate::bases::local;

/// Two fragments side by side, both of which change the list of users, and one on both of them.
fn product() -> Project {
    let word = unique();
    let left = json!({"builds_on": [], "steps": [
        {"run": format!("echo {word} > /word")}, {"user": {"name": "left", "uid": 234, "system": true}},
        {"file": {"path": "/etc/left.conf", "content": "x", "chmod": "0600", "chown": "left"}}
    ]});
    let right = json!({"builds_on": [], "steps": [
        {"user": {"name": "right", "uid": 235, "system": true}}, {"run": "mkdir -m 1777 /shared && echo right > /shared/right"}
    ]});
    let top =
        json!({"builds_on": ["left", "right"], "steps": [{"run": "id left && id right && cp /word /copy"}]});
    let project = Project::new("debian:bookworm-slim", &[("left", left), ("right", right), ("top", top)]);
    project.amend_manifest(json!({"tests": [{"name": "is-said", "run": "test -s /copy"}]}));
    project
}

/// What stands at each path: kind and permissions, and the content or the target of a link. The client keeps no owners.
fn files(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(at) = pending.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let about = fs::symlink_metadata(&path).unwrap();
            let content = match about.file_type() {
                kind if kind.is_symlink() => {
                    fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
                }
                kind if kind.is_file() => fs::read(&path).unwrap(),
                _ => Vec::new(),
            };
            if about.is_dir() {
                pending.push(path.clone());
            }
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            found.insert(name, (about.permissions().mode(), content));
        }
    }
    found
}

#[test]
fn an_engine_that_cannot_merge_builds_the_same_files() {
    let engine = OtherEngine::without_containerd("clients-graph");
    let project = product();
    let [here, there] = [project.build(&local()), engine.build(&project, &local())]
        .map(factory_tests::BuildOutcome::succeeded);
    let warned = |text: &str| there.progress.warnings.iter().any(|one| one.contains(text));
    assert!(warned("no-merge"), "{:?}", there.progress.warnings);
    let [merged, chained] = [&here, &there].map(|outcome| files(&outcome.folder()));
    let differing: Vec<&String> =
        merged.keys().chain(chained.keys()).filter(|path| merged.get(*path) != chained.get(*path)).collect();
    assert_eq!(differing, Vec::<&String>::new());

    let name = ImageName::local();
    let options = BuildOptions { output: Output::Load(name.as_str().to_owned()), ..BuildOptions::default() };
    let loaded = engine.build(&project, &options).succeeded();
    assert_eq!(
        loaded.progress.ran().iter().filter(|step| step.contains("/word")).count(),
        0,
        "it is all there"
    );
    let question = ["stat", "-c", "%U %a", "/etc/left.conf", "/shared"];
    let printed = run(engine.docker().args(["run", "--rm", name.as_str()]).args(question));
    assert_eq!(printed.expect("docker run").trim(), "left 600\nroot 1777");
}
