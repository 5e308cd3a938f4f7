//! What decides what fragments become, gathered from documents.

use std::collections::BTreeMap;

use llb_gen::draft::Draft;
use llb_gen::explain::{Fate, Outside, ProductInputs, Reason, compare};
use llb_gen::request::{NoCache, Request};

use crate::{Documents, amd64, request};

const CORE: &str = r#""env": {"PATH": "/opt/bin:${PATH}", "MODE": "fast"}, "config": {"shell": ["/bin/bash", "-c"]},
    "steps": [{"run": "x", "secrets": [{"id": "token", "env": "TOKEN"}]}]"#;
const WEB: &str = r#""args": {"PORT": "80"}, "stages": {"build": {"base": "golang:1", "steps": [{"run": "make"}]}},
    "steps": [{"copy": {"src": "app.py", "dest": "/"}}, {"copy": {"from": "context", "src": "n", "dest": "/"}},
              {"copy": {"from": "image:busybox:1", "src": "/b", "dest": "/b"}, "when": {"platform": "linux/arm64"}}]"#;

fn documents(core: &str, web: &str) -> Documents {
    Documents::new(r#""base": "debian:bookworm-slim""#, &[("core", core), ("web", web)])
}

fn inputs(documents: &Documents, request: &Request, outside: &Outside) -> ProductInputs {
    Draft::new(&documents.product(), request).unwrap().inputs(outside).unwrap()
}

fn plain(documents: &Documents) -> ProductInputs {
    inputs(documents, &amd64(), &Outside::default())
}

#[test]
fn a_fragment_has_its_own_inputs_and_what_it_finds() {
    let all = plain(&documents(CORE, WEB));
    let [core, web] = &all.fragments[..] else { panic!("{all:?}") };
    assert_eq!((core.built_on.len(), &web.built_on[..]), (0, &["core".to_owned()][..]));
    assert!(core.environment.is_empty() && core.shell.is_empty(), "its own are part of its definition");
    let found: Vec<(&str, &str)> = web.environment.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(found, [("MODE", "fast"), ("PATH", "/opt/bin:${PATH}")]);
    assert_eq!(web.shell, ["/bin/bash", "-c"]);
    assert_eq!(web.arguments["PORT"], "80");
    let images: Vec<&str> = web.images.iter().map(|image| image.reference.as_str()).collect();
    assert_eq!(images, ["docker.io/library/golang:1"], "busybox is for another platform");
    assert_eq!(web.elsewhere.iter().collect::<Vec<_>>(), ["context"]);
    assert!(!String::from_utf8(all.to_json()).unwrap().contains("token"));
    let arm = inputs(&documents(CORE, WEB), &request("linux/arm64"), &Outside::default());
    assert_eq!(arm.fragments[1].images.len(), 2);
}

#[test]
fn what_lies_outside_is_put_where_it_belongs() {
    let documents = documents(CORE, WEB);
    let product = documents.product();
    let request = Request { epoch: Some(7), ..amd64() };
    let draft = Draft::new(&product, &request).unwrap();
    let digest = |lookup: &llb_gen::draft::ImageLookup| (lookup.clone(), lookup.reference.familiar());
    let files = BTreeMap::from([("app.py".to_owned(), "sha256:1".to_owned())]);
    let outside = Outside {
        own_files: BTreeMap::from([("fragments/web/1.0.0".to_owned(), files)]),
        images: draft.lookups().map(digest).collect(),
        frontend: Some("sha256:f".into()),
    };
    let all = draft.inputs(&outside).unwrap();
    assert_eq!(all.base.as_ref().unwrap().digest.as_deref(), Some("debian:bookworm-slim"));
    assert_eq!((all.epoch, all.frontend.as_deref()), (Some(7), Some("sha256:f")));
    assert!(all.fragments[0].files.is_empty());
    assert_eq!(all.fragments[1].files["app.py"], "sha256:1");
}

#[test]
fn a_variable_of_a_fragment_below_is_a_reason_for_what_is_on_it_and_not_beside_it() {
    let changed = CORE.replace("fast", "slow");
    let fates = compare(Some(&plain(&documents(CORE, WEB))), &plain(&documents(&changed, WEB)));
    assert_eq!(fates[0].fate, Fate::Rebuilt(vec![Reason::Definition]));
    let mode = Reason::Environment { name: "MODE".into() };
    assert_eq!(fates[1].fate, Fate::Rebuilt(vec![mode, Reason::Below { name: "core".into() }]));
    let beside = format!(r#""builds_on": [], {WEB}"#);
    let fates = compare(Some(&plain(&documents(CORE, &beside))), &plain(&documents(&changed, &beside)));
    assert_eq!(fates[1].fate, Fate::Reused);
}

#[test]
fn no_cache_holds_for_a_fragment_by_its_name_or_by_a_stage() {
    let of = |no_cache: NoCache| {
        let request = Request { no_cache, ..amd64() };
        let all = inputs(&documents(CORE, WEB), &request, &Outside::default());
        all.fragments.iter().map(|one| one.no_cache).collect::<Vec<_>>()
    };
    assert_eq!(of(NoCache::Nothing), [false, false]);
    assert_eq!(of(NoCache::Everything), [true, true]);
    assert_eq!(of(NoCache::Of(vec!["CORE".into()])), [true, false]);
    assert_eq!(of(NoCache::Of(vec!["web/build".into()])), [false, true]);
}

#[test]
fn own_paths_are_those_that_the_build_transfers() {
    let web = r#""env": {"WHERE": "x"}, "stages": {"unused": {"steps": [{"copy": {"src": "never", "dest": "/"}}]}}, "steps": [
        {"copy": {"src": "app", "include": ["*.py", "lib/x"], "dest": "/app"}},
        {"copy": {"src": "all/", "include": ["**/*.py"], "dest": "/all"}},
        {"copy": {"src": {"linux/amd64": ["amd"], "linux/arm64": ["arm"]}, "dest": "/bin/"}},
        {"run": {"script": "setup.sh"}, "mounts": [{"path": "/in", "from": "fragment", "source": "data"}]},
        {"pip": {"requirements": "req/r.txt", "venv": "/v"}},
        {"copy": {"src": "${WHERE}/y", "dest": "/y"}}]"#;
    let documents = documents(CORE, web);
    let product = documents.product();
    let request = amd64();
    let draft = Draft::new(&product, &request).unwrap();
    let paths: Vec<&str> = draft.own_paths()["fragments/web/1.0.0"].iter().map(String::as_str).collect();
    let pip = ["req/*.in", "req/*.pip", "req/*.txt", "req/r.txt"];
    let all: Vec<&str> =
        ["all", "amd", "app/*.py", "app/lib/x", "data"].into_iter().chain(pip).chain(["setup.sh"]).collect();
    assert_eq!(paths, all);
    let inputs = draft.inputs(&Outside::default()).unwrap();
    assert_eq!(inputs.fragments[1].elsewhere.iter().collect::<Vec<_>>(), ["fragment"]);
}

#[test]
fn a_target_has_the_inputs_of_what_takes_part() {
    let request = Request { target: Some("fragment/core".into()), ..amd64() };
    let all = inputs(&documents(CORE, WEB), &request, &Outside::default());
    assert_eq!(all.fragments.len(), 1);
}
