//! Caches outside of the engine: what one build exports, another that has nothing takes.

use factory::engine::Suite;
use factory_tests::{BuildOptions, BuildOutcome, OtherEngine, Output, Project, run, unique};
use serde_json::json;

use crate::bases::on_tiny;

/// Fragments with a step each that never does the same twice: two side by side and one on both, or all on one another.
///
/// An inline cache holds the layers of the image alone, and what two fragments side by side were compared by is in none.
fn project(side_by_side: bool) -> Project {
    let made = |name: &str| json!({"run": format!("date +%s%N > /{name}; echo {}", unique())});
    let side = |name: &str| match side_by_side {
        true => json!({"builds_on": [], "steps": [made(name)]}),
        false => json!({"steps": [made(name)]}),
    };
    let fragments =
        [("left", side("left")), ("right", side("right")), ("top", json!({"steps": [made("top")]}))];
    Project::new("debian:bookworm-slim", &fragments)
}

fn steps_run(outcome: &BuildOutcome) -> Vec<&str> {
    outcome.progress.ran().into_iter().filter(|name| name.contains("date +")).collect()
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
        let project = project(kind != "inline");
        let output = if kind == "inline" { Output::Push(image.clone()) } else { Output::CacheOnly };
        let options = BuildOptions { output, ..BuildOptions::default() };
        let first = engine.build(&project, &options.words(&["--cache-to", &to])).succeeded();
        assert_eq!(steps_run(&first).len(), 3, "{kind}: {:?}", first.progress.names());
        let pruned = run(engine.buildx().args(["prune", "--all", "--force"]));
        let _ = pruned.expect("docker buildx prune");
        let again = BuildOptions { output: Output::Oci, ..BuildOptions::default() };
        let second = engine.build(&project, &again.words(&["--cache-from", &from])).succeeded();
        assert_eq!(steps_run(&second), Vec::<&str>::new(), "{kind}");
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
