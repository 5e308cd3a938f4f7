//! The product of the README: each fragment touched in turn.

use std::collections::BTreeMap;

use factory_tests::{BuildOptions, BuildOutcome, Lab, Project, Pushed, Repository, unique};
use serde_json::{Value, json};

const SLOTS: [&str; 3] = ["security", "core", "model_serve_mock"];

fn definition(project: &Project, name: &str) -> Value {
    let path = project.path(&format!("fragments/{name}/0.1.0/fragment.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Adds a file of its own to what a fragment makes, after everything that takes long.
fn touch(project: &Project, name: &str) {
    let mut definition = definition(project, name);
    let step = json!({"run": format!("mkdir -p /srv/touched && echo {} > /srv/touched/{name}", unique())});
    definition["steps"].as_array_mut().unwrap().push(step);
    project.fragment(name, definition);
}

/// What is built on a fragment, itself first, as the checkout says it.
fn affected(project: &Project, touched: &str) -> Vec<&'static str> {
    let on: BTreeMap<&str, Option<Vec<String>>> = SLOTS
        .into_iter()
        .map(|name| (name, serde_json::from_value(definition(project, name)["builds_on"].clone()).unwrap()))
        .collect();
    let mut affected = Vec::new();
    for name in SLOTS {
        let above = !affected.is_empty();
        let built =
            on[name].as_ref().map_or(above, |on| on.iter().any(|one| affected.contains(&one.as_str())));
        if name == touched || built {
            affected.push(name);
        }
    }
    affected
}

fn push(repository: &Repository, tag: &str, project: &Project) -> (BuildOutcome, Pushed) {
    let options = BuildOptions { words: Lab::get().site_ca_words(), ..BuildOptions::default() };
    repository.push(tag, project, &options.file("manifests/llm_serve.json"))
}

#[test]
fn a_change_runs_and_pushes_its_fragment_and_what_is_built_on_it() {
    let project = Project::of_checkout();
    let repository = Repository::fresh();
    let (_, mut before) = push(&repository, "0", &project);
    let _alone = Lab::get().alone();
    assert_eq!(affected(&project, "security"), ["security"], "the patches stand beside everything else");
    for name in SLOTS {
        touch(&project, name);
        let (outcome, after) = push(&repository, name, &project);
        let affected = affected(&project, name);
        let of_one = |text: &str| SLOTS.into_iter().find(|one| text.starts_with(&format!("[{one} ")));
        let ran = outcome.progress.ran();
        let strange: Vec<&&str> =
            ran.iter().filter(|text| of_one(text).is_some_and(|one| !affected.contains(&one))).collect();
        assert!(strange.is_empty(), "a change of `{name}` ran {strange:#?}");
        assert!(ran.iter().any(|text| text.contains("/srv/touched/")), "{ran:#?}");
        assert_eq!(before.layers.len(), after.layers.len());
        for (old, new) in before.layers.iter().zip(&after.layers) {
            let same = old.blob == new.blob;
            match of_one(&new.made_by) {
                Some(one) if one == name => assert!(!same, "the layer of `{name}`"),
                Some(one) => {
                    assert!(same || affected.contains(&one), "`{name}` changed the layer of `{one}`");
                }
                None => assert!(same || new.made_by.starts_with("[product] "), "{}", new.made_by),
            }
        }
        let new: u64 = after.new_since(&before).iter().map(|blob| blob.size).sum();
        eprintln!("llm_serve, `{name}` touched: {:.1?}, {new} bytes pushed", outcome.wall());
        before = after;
    }
}
