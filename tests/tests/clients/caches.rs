//! Caches outside of the engine: what one build exports, another that has nothing takes.

use factory::engine::Suite;
use factory_tests::{BuildOptions, BuildOutcome, OtherEngine, Output, Project, on_debian, run, unique};
use serde_json::{Value, json};

use crate::bases::on_tiny;

/// A step that never does the same twice.
fn made(name: &str) -> Value {
    json!({"run": format!("date +%s%N > /{name}; echo {}", unique())})
}

/// Two fragments side by side and one on both.
fn side_by_side() -> Project {
    let side = |name: &str| json!({"builds_on": [], "steps": [made(name)]});
    let fragments =
        [("left", side("left")), ("right", side("right")), ("top", json!({"steps": [made("top")]}))];
    Project::new("debian:bookworm-slim", &fragments)
}

/// One fragment: an inline cache holds the layers of the image alone, and what stands between fragments is in none.
fn alone() -> Project {
    on_debian(json!([made("left"), made("right"), made("top")]))
}

fn steps_run(outcome: &BuildOutcome) -> Vec<&str> {
    outcome.progress.ran().into_iter().filter(|name| name.contains("date +")).collect()
}

/// Digests of the layers of an image that was pushed.
fn layers(engine: &OtherEngine, image: &str) -> Vec<String> {
    let inspected = run(engine.buildx().args(["imagetools", "inspect", "--raw", image]));
    let manifest: Value = serde_json::from_str(inspected.expect("docker buildx imagetools")).unwrap();
    let layers = manifest["layers"].as_array().unwrap_or_else(|| panic!("{manifest:#}"));
    layers.iter().map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn registry_local_and_inline_caches_are_written_and_read() {
    // An engine of its own: its cache is thrown away between builds.
    let engine = OtherEngine::up("clients-caches", Suite::Forky);
    let folder = tempfile::tempdir().unwrap();
    let registry = engine.registry().expect("an engine of ours has a registry");
    let local = folder.path().join("cache").display().to_string();
    let (cache, image) = (format!("{registry}/clients/cache:1"), format!("{registry}/clients/product:1"));
    let kinds = [
        ("registry", format!("type=registry,ref={cache},mode=max"), format!("type=registry,ref={cache}")),
        ("local", format!("type=local,dest={local},mode=max"), format!("type=local,src={local}")),
        ("inline", "type=inline".to_owned(), format!("type=registry,ref={image}")),
    ];
    for (kind, to, from) in kinds {
        let project = if kind == "inline" { alone() } else { side_by_side() };
        let output = if kind == "inline" { Output::Push(image.clone()) } else { Output::CacheOnly };
        let options = BuildOptions { output, ..BuildOptions::default() };
        let first = engine.build(&project, &options.words(&["--cache-to", &to])).succeeded();
        assert_eq!(steps_run(&first).len(), 3, "{kind}: {:?}", first.progress.names());
        let pruned = run(engine.buildx().args(["prune", "--all", "--force"]));
        let _ = pruned.expect("docker buildx prune");
        let again = BuildOptions { output: Output::Oci, ..BuildOptions::default() };
        let second = engine.build(&project, &again.words(&["--cache-from", &from])).succeeded();
        match kind {
            // What it promises is the layers. Of steps that are not needed for them the daemon says this or that.
            "inline" => assert_eq!(second.image().layer_digests(), layers(&engine, &image)),
            _ => assert_eq!(steps_run(&second), Vec::<&str>::new(), "{kind}"),
        }
        let tree = second.image().filesystem();
        assert!(["left", "right", "top"].iter().all(|path| tree.get(path).is_some()), "{kind}");
        let _ = run(engine.buildx().args(["prune", "--all", "--force"])).expect("docker buildx prune");
    }
}

/// There is no such cache here; that the engine looks for it shows that the option has reached it.
#[test]
fn a_cache_of_github_is_looked_for_by_the_engine() {
    let project = on_tiny(json!([{"run": format!("echo {}", unique())}]));
    let from = "type=gha,url=http://127.0.0.1:1/,token=none,scope=tests";
    let outcome = project.build(&BuildOptions::default().words(&["--cache-from", from])).succeeded();
    let _ = outcome.progress.vertex("importing cache manifest from gha");
}
