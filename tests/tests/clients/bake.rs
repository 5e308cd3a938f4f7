//! `docker buildx bake`: files written by hand, with products that stand on one another, and Compose files.

use factory_tests::{Finished, Lab, Project, on_scratch, run, unique};
use serde_json::json;

use crate::bases::tiny;

/// The example of this language on the page about clients: what is shown there is what is run here.
fn example(language: &str) -> String {
    let page = std::fs::read_to_string(Lab::get().workspace().join("docs/clients.md")).unwrap();
    let begin = format!("```{language}\n");
    let (_, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no example in {language}"));
    rest.split_once("```").unwrap().0.to_owned()
}

fn bake(project: &Project, words: &[&str]) -> Finished {
    let _slot = Lab::get().slot();
    let mut command = Lab::get().buildx();
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
    project.write("docker-bake.hcl", example("hcl"));
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
    let _ = bake(&project, &["--set", &format!("product.args.WORD={word}")]).expect("docker buildx bake");
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

#[test]
fn a_compose_file_builds_products() {
    let project = Project::new(
        tiny(),
        &[
            (
                "only",
                json!({"steps": [
                    {"copy": {"from": "context:tools", "src": "tool", "dest": "/tool"}},
                    {"run": [format!("cat /run/secrets/token > /token; echo {}", unique()), "grep -c special /etc/hosts > /hosts || true", "ulimit -Sn > /limit"],
                     "secrets": [{"id": "token"}]}
                ]}),
            ),
            (
                "last",
                json!({"args": {"WORD": "default"}, "steps": [{"file": {"path": "/word", "content": "${WORD}", "expand": true}}]}),
            ),
        ],
    );
    project
        .write("compose.yaml", example("yaml"))
        .write("elsewhere/tool", "a tool")
        .write("token.txt", unique());
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
