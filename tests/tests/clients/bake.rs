//! `docker buildx bake`: files written by hand, with products that stand on one another, and Compose files.

use std::process::Command;

use factory_tests::{Finished, Lab, Project, on_scratch, run, unique};
use serde_json::json;

use crate::bases::tiny;

/// A base, a catalogue and tools, each another target, and the product that is made of them.
const FILE: &str = r#"
group "default" { targets = ["product"] }
variable "WORD" { default = "unset" }
target "base" {
    context = "base"
    platforms = ["linux/amd64", "linux/arm64"]
}
target "catalogue" {
    context = "theirs"
    dockerfile-inline = "FROM scratch\nCOPY fragments /fragments\n"
}
target "tools" {
    context = "tools"
    dockerfile = "manifests/product.json"
    platforms = ["linux/amd64", "linux/arm64"]
}
target "product" {
    context = "."
    dockerfile = "manifests/product.json"
    args = { WORD = WORD }
    labels = { "org.example.by" = "bake" }
    contexts = {
        "example.invalid/base:1" = "target:base"
        "fragments" = "target:catalogue"
        "tools" = "target:tools"
    }
    platforms = ["linux/amd64", "linux/arm64"]
    output = ["type=local,dest=out", "type=oci,dest=out.tar"]
}
"#;

fn bake(project: &Project, words: &[&str]) -> Finished {
    let _slot = Lab::get().slot();
    let mut command: Command = Lab::get().buildx();
    command.args(["bake", "--provenance=false"]).args(words).current_dir(project.path(""));
    run(&mut command)
}

#[track_caller]
fn is(project: &Project, path: &str, content: &str) {
    let found = std::fs::read_to_string(project.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(found.trim(), content, "{path}");
}

#[test]
fn targets_are_bases_catalogues_and_contexts_of_others() {
    let (word, tool) = (unique(), unique());
    let project = Project::empty();
    project.write("docker-bake.hcl", FILE);
    project.write(
        "base/Dockerfile",
        "FROM scratch\nARG TARGETARCH\nCOPY <<END /arch\n$TARGETARCH\nEND\nENV FROM_BASE=yes\n",
    );
    let tools = on_scratch(json!([{"file": {"path": "/tool", "content": tool}}]));
    for file in ["manifests/product.json", "fragments/only/0.1.0/fragment.json"] {
        project.write(&format!("tools/{file}"), std::fs::read(tools.path(file)).unwrap());
    }
    let only = json!({"args": {"WORD": "default"}, "steps": [
        {"copy": {"from": "context:tools", "src": "tool", "dest": "/tool"}},
        {"file": {"path": "/word", "content": "${WORD} ${FROM_BASE}", "expand": true}},
        {"copy": {"src": "own.txt", "dest": "/own"}}
    ]});
    let theirs = Project::new("scratch", &[("only", only)]);
    theirs.fragment_file("only", "own.txt", "theirs");
    for file in ["fragment.json", "own.txt"] {
        let path = format!("fragments/only/0.1.0/{file}");
        project.write(&format!("theirs/{path}"), std::fs::read(theirs.path(&path)).unwrap());
    }
    project.manifest(json!({"base": "example.invalid/base:1", "args": {"WORD": "default"},
        "fragments": [{"name": "only", "version": "0.1.0"}]}));
    let mut command = Lab::get().buildx();
    command.args(["bake", "--provenance=false"]).env("WORD", &word).current_dir(project.path(""));
    let _ = {
        let _slot = Lab::get().slot();
        run(&mut command)
    }
    .expect("docker buildx bake");
    for arch in ["amd64", "arm64"] {
        is(&project, &format!("out/linux_{arch}/arch"), arch);
        is(&project, &format!("out/linux_{arch}/tool"), &tool);
        is(&project, &format!("out/linux_{arch}/word"), &format!("{word} yes"));
        is(&project, &format!("out/linux_{arch}/own"), "theirs");
    }
    let layout = factory_tests::oci::OciLayout::open(&project.path("out.tar"));
    let images = layout.images();
    assert_eq!(images.len(), 2);
    for image in images {
        assert_eq!((image.env("FROM_BASE"), image.label("org.example.by")), (Some("yes"), Some("bake")));
    }
}

/// A Compose file with what `build:` may have.
const COMPOSE: &str = r#"
services:
  one:
    image: localhost/factory-tests/compose:one
    build:
      context: .
      dockerfile: manifests/product.json
      args: {WORD: "composed"}
      labels: {org.example.by: compose}
      additional_contexts:
        tools: ./elsewhere
      secrets: [token]
      extra_hosts: ["special.example=10.1.2.3"]
      shm_size: 32m
      ulimits: {nofile: {soft: 1234, hard: 2345}}
  part:
    image: localhost/factory-tests/compose:part
    build:
      context: .
      dockerfile: manifests/product.json
      target: fragment/only
      additional_contexts:
        tools: ./elsewhere
      secrets: [token]
secrets:
  token: {file: ./token.txt}
"#;

#[test]
fn a_compose_file_builds_products() {
    let project = Project::new(
        tiny(),
        &[
            (
                "only",
                json!({"steps": [
                    {"copy": {"from": "context:tools", "src": "tool", "dest": "/tool"}},
                    {"run": ["cat /run/secrets/token > /token", "grep -c special /etc/hosts > /hosts || true", "ulimit -Sn > /limit"],
                     "secrets": [{"id": "token"}]}
                ]}),
            ),
            (
                "last",
                json!({"args": {"WORD": "default"}, "steps": [{"file": {"path": "/word", "content": "${WORD}", "expand": true}}]}),
            ),
        ],
    );
    project.write("compose.yaml", COMPOSE).write("elsewhere/tool", "a tool").write("token.txt", unique());
    let _ = bake(
        &project,
        &[
            "--file",
            "compose.yaml",
            "--set",
            "one.output=type=local,dest=one",
            "--set",
            "part.output=type=local,dest=part",
        ],
    )
    .expect("docker buildx bake -f compose.yaml");
    is(&project, "one/word", "composed");
    is(&project, "one/tool", "a tool");
    is(&project, "one/token", std::fs::read_to_string(project.path("token.txt")).unwrap().trim());
    is(&project, "one/hosts", "1");
    is(&project, "one/limit", "1234");
    assert!(project.path("part/tool").exists() && !project.path("part/word").exists());
}
