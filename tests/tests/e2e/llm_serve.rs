//! The product of the README: built, run, asked; and built again, with everything and then nearly everything cached.

use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use factory_tests::{BuildOptions, BuildOutcome, Container, ImageName, Lab, Project, unique};

const MANIFEST: &str = "manifests/llm_serve.json";
/// Asks the server, as Python in its own image can.
const ASK: &str = r#"
import json, sys, urllib.request
path, body = sys.argv[1], sys.argv[2].encode() if len(sys.argv) > 2 else None
request = urllib.request.Request("http://127.0.0.1:8080" + path, body, {"Content-Type": "application/json"})
print(urllib.request.urlopen(request, timeout=5).read().decode())
"#;

fn build(project: &Project, options: &BuildOptions) -> BuildOutcome {
    let secret = Lab::get().site_ca_secret();
    let words: Vec<&str> = secret.iter().flat_map(|secret| ["--secret", secret.as_str()]).collect();
    project.build(&options.clone().file(MANIFEST).words(&words))
}

/// A copy of the checkout's product that is built at least once, so that everything of it is in the cache.
fn built() -> Project {
    static BUILT: OnceLock<()> = OnceLock::new();
    let project = Project::of_checkout();
    BUILT.get_or_init(|| drop(build(&project, &BuildOptions::default()).succeeded()));
    project
}

#[track_caller]
fn answer(container: &Container, words: &[&str]) -> serde_json::Value {
    let asked = container.exec_until(&[&["python", "-c", ASK], words].concat(), Duration::from_secs(30));
    let text = if asked.status.success() { &asked.stdout } else { "null" };
    let answer: serde_json::Value = serde_json::from_str(text).unwrap();
    assert!(answer.is_object(), "{words:?}: {}\n{}\n{}", asked.stdout, asked.stderr, container.logs());
    answer
}

#[test]
fn the_server_answers() {
    let name = ImageName::local();
    let _ = build(&built(), &BuildOptions::store(name.as_str())).succeeded();
    // Nothing but loopback: it needs nothing from outside.
    let container = Container::start(name.as_str(), &["--network", "none", "--read-only"]);
    let health = answer(&container, &["/healthz"]);
    assert_eq!(health["status"], "ok", "{health}");
    let request = r#"{"model": "m", "prompt": "hello world", "max_tokens": 16}"#;
    let completion = answer(&container, &["/v1/completions", request]);
    assert_eq!(completion["object"], "text_completion", "{completion}");
    let text = completion["choices"][0]["text"].as_str().unwrap();
    assert!(text.contains("hello world"), "{completion}");
    let who = container.exec(&["id", "-un"]);
    assert_eq!(who.expect("id").trim(), "llmuser");
}

#[test]
fn the_image_says_how_it_is_run() {
    let image = build(&built(), &BuildOptions::oci()).succeeded().image();
    let config = &image.config_json()["config"];
    assert_eq!(config["User"], "llmuser");
    assert_eq!(config["WorkingDir"], "/opt/factory");
    assert_eq!(config["Entrypoint"][0], "uvicorn");
    assert_eq!(config["ExposedPorts"], serde_json::json!({"8080/tcp": {}}));
    assert!(
        image.env("PATH").unwrap().starts_with("/opt/venv/bin:/usr/local/sbin"),
        "{:?}",
        image.env("PATH")
    );
    assert_eq!(image.env("PYTHONUNBUFFERED"), Some("1"));
    assert_eq!(image.label("org.opencontainers.image.title"), Some("llm-serve"));
    assert_eq!(image.label("org.opencontainers.image.authors"), Some("The factory's maintainers"));
    assert_eq!(image.history_with_layers(), image.layer_digests().len());
}

#[test]
fn the_image_holds_no_traces_of_its_making() {
    let image = build(&built(), &BuildOptions::oci()).succeeded().image();
    let tree = image.filesystem();
    let below = |folder: &str| -> Vec<String> {
        tree.paths().filter(|path| path.starts_with(folder)).take(5).collect()
    };
    for folder in
        ["var/lib/apt/lists/", "var/cache/apt/archives/", "root/.cache/", "run/secrets/", "var/log/apt/"]
    {
        let left: Vec<String> =
            below(folder).into_iter().filter(|path| !path.ends_with("/partial")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    let user = tree.at("home/llmuser");
    assert_eq!(user.owner().0, 10_001);
    assert_eq!(tree.at("opt/factory/app/main.py").owner(), (0, 0));
}

#[test]
fn a_second_build_runs_nothing() {
    let _alone = Lab::get().alone();
    let again = build(&built(), &BuildOptions::default()).succeeded();
    let steps: Vec<&str> = again.progress.steps().map(|vertex| vertex.name.as_str()).collect();
    assert!(steps.len() >= 5, "{steps:?}");
    assert_eq!(again.progress.ran(), Vec::<&str>::new());
}

#[test]
fn a_touched_file_runs_the_steps_of_its_fragment_alone() {
    let _alone = Lab::get().alone();
    let project = built();
    let path = project.path("fragments/model_serve_mock/0.1.0/app/main.py");
    let source = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{source}\n# {}\n", unique())).unwrap();
    let ran = build(&project, &BuildOptions::default()).succeeded().progress;
    let ran = ran.ran();
    assert!(ran.iter().any(|name| name.contains("copy app")), "{ran:?}");
    let of_all = ["[product] ", "[tests] "];
    let expected =
        |name: &&&str| name.contains("model_serve_mock") || of_all.iter().any(|one| name.starts_with(one));
    let strange: Vec<&&str> = ran.iter().filter(|name| !expected(name)).collect();
    assert!(strange.is_empty(), "{strange:?}");
}

#[test]
fn a_changed_argument_of_the_image_alone_runs_nothing() {
    let _alone = Lab::get().alone();
    let options = BuildOptions::oci().build_arg("APP_PORT", "9000");
    let built = build(&built(), &options).succeeded();
    let image = built.image();
    assert_eq!(image.config_json()["config"]["ExposedPorts"], serde_json::json!({"9000/tcp": {}}));
    let pip: Vec<&str> = built.progress.ran().into_iter().filter(|name| name.contains("copy")).collect();
    assert!(pip.is_empty(), "{pip:?}");
}
