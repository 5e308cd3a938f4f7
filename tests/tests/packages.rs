//! `apt` and `pip` on a real engine: what they fetch, what they leave in the layer, and every way to say what is wanted.
//!
//! The packages are a few hundred bytes each, served by the test itself; only Python comes from Debian, once.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod site;

use std::collections::BTreeMap;

use factory_tests::tree::{LayerEntry, Tree};
use factory_tests::{BuildOptions, BuildOutcome, Lab, Project, sha256, unique};
use serde_json::{Value, json};
use site::Site;

const KEY: &str = include_str!("../fixtures/packages/debian/key.asc");

/// Python as Debian has it, the same fragment for every test, so that it is built once.
fn python() -> (&'static str, Value) {
    ("python", json!({"steps": [{"apt": {"install": ["python3-pip"]}}]}))
}

/// Debian without its archive, so that `apt-get update` asks nobody else.
fn offline() -> (&'static str, Value) {
    ("offline", json!({"steps": [{"remove": {"path": "/etc/apt/sources.list.d/debian.sources"}}]}))
}

/// An `apt` step with the test's own archive among its members.
fn with_source(site: &Site, members: Value) -> Value {
    let source = json!({
        "name": "tests", "uris": format!("http://{}/debian", site.address()), "suites": "stable",
        "components": "main", "key": {"file": "key.asc"}
    });
    let mut step = members;
    step["sources"] = json!([source]);
    json!({"apt": step})
}

fn apt_project(steps: &Value) -> Project {
    let project = Project::new("debian:bookworm-slim", &[offline(), ("only", json!({"steps": steps}))]);
    project.fragment_file("only", "key.asc", KEY);
    project
}

/// Caches of packages that nothing has filled yet.
fn fresh_caches() -> BuildOptions {
    BuildOptions::oci().build_arg("BUILDKIT_CACHE_MOUNT_NS", &unique())
}

fn paths(site: &Site) -> Vec<String> {
    site.take_sent().into_iter().map(|sent| sent.path).collect()
}

/// What the fragment `only` made: the layers of its steps, one over the other.
fn made(outcome: &BuildOutcome, layers: usize) -> (Tree, Vec<LayerEntry>) {
    let image = outcome.image();
    let count = image.layer_digests().len();
    let entries: Vec<LayerEntry> = (count - layers..count).flat_map(|index| image.layer(index)).collect();
    let mut tree = Tree::default();
    tree.apply(entries.clone());
    (tree, entries)
}

#[track_caller]
fn assert_version(tree: &Tree, package: &str, version: &str) {
    let path = format!("usr/share/{package}/version");
    let expected = sha256(format!("{package} {version}\n").as_bytes());
    assert_eq!(tree.at(&path).sha256(), Some(expected.as_str()), "{path}");
}

#[test]
fn apt_without_cache_fetches_nothing_that_it_has_already() {
    let site = Site::packages();
    let project = apt_project(&json!([with_source(&site, json!({"install": ["greeting"]}))]));
    let options = fresh_caches();
    let first = project.build(&options).succeeded();
    let fetched = paths(&site);
    for part in
        ["/InRelease", "/binary-amd64/Packages", "/greeting_2.0_all.deb", "/greeting-data_1.0_all.deb"]
    {
        assert!(fetched.iter().any(|path| path.ends_with(part)), "{part} is not in {fetched:?}");
    }
    let _alone = Lab::get().alone();
    for words in [["--no-cache"].as_slice(), &["--no-cache-filter", "only"]] {
        let again = project.build(&options.clone().words(words)).succeeded();
        let step = again.progress.vertex("apt install greeting");
        assert!(step.ran(), "{words:?} did not run the step again");
        assert!(step.log.contains("Need to get 0 B/"), "{}", step.log);
        assert_eq!(site.take_sent(), [], "{words:?}");
        assert_eq!(again.image().layer_digests().last(), first.image().layer_digests().last());
    }
}

#[test]
fn pip_without_cache_fetches_nothing_that_it_has_already() {
    let site = Site::packages();
    let index = format!("http://{}/simple/", site.address());
    let host = site.address().ip().to_string();
    let step = json!({"pip": {"packages": ["greeting==1.0"], "target": "/opt/lib", "index": index}});
    let fragment = json!({"env": {"PIP_TRUSTED_HOST": host}, "steps": [step]});
    let project = Project::new("debian:bookworm-slim", &[python(), ("only", fragment)]);
    let options = BuildOptions::oci();
    let fresh = options.clone().build_arg("BUILDKIT_CACHE_MOUNT_NS", &unique());
    let _ = project.build(&options).succeeded(); // the Python, with the caches that others fill as well
    let _ = site.take_sent();
    let filter = ["--no-cache-filter", "only"];
    let first = project.build(&fresh.clone().words(&filter)).succeeded();
    let wheel = "/wheels/greeting-1.0-py3-none-any.whl";
    assert!(paths(&site).iter().any(|path| path == wheel));
    let _alone = Lab::get().alone();
    let again = project.build(&fresh.words(&filter)).succeeded();
    let step = again.progress.vertex("pip install");
    assert!(step.ran() && step.log.contains("Using cached"), "{}", step.log);
    assert_eq!(site.take_sent(), [], "neither the page, which has not changed, nor the file");
    assert_eq!(again.image().layer_digests().last(), first.image().layer_digests().last());
    let (tree, _) = made(&again, 1);
    let files: Vec<String> = tree.paths().filter(|path| !path.contains("dist-info")).collect();
    assert_eq!(
        files,
        ["opt", "opt/lib", "opt/lib/greeting", "opt/lib/greeting/__init__.py", "opt/lib/greeting/words.py"]
    );
}

#[test]
fn a_layer_of_packages_holds_packages_alone() {
    let site = Site::packages();
    let later = [
        "dpkg --audit | wc -l | grep -qx 0",
        "apt-mark showauto | grep -qx greeting-data",
        "dpkg-query -W -f '${Status}' greeting | grep -qx 'install ok installed'",
        "test -s /etc/apt/apt.conf.d/docker-clean",
    ];
    let project = apt_project(&json!([
        with_source(&site, json!({"install": ["greeting"]})),
        {"apt": {"install": ["farewell"]}},
        {"run": later, "network": "none"}
    ]));
    let outcome = project.build(&fresh_caches()).succeeded();
    let image = outcome.image();
    let count = image.layer_digests().len();
    let present = |entry: &LayerEntry| match entry {
        LayerEntry::Present(path, _) => path.clone(),
        other => format!("{other:?}"),
    };
    // The checks changed nothing, so theirs is the last layer and empty; before it, one of each `apt`.
    let layers: Vec<Vec<String>> =
        (count - 3..count).map(|index| image.layer(index).iter().map(present).collect()).collect();
    assert_eq!(layers[2], Vec::<String>::new(), "a layer of checks");
    let package = |name: &str| {
        vec![
            format!("usr/share/{name}"),
            format!("usr/share/{name}/version"),
            format!("var/lib/dpkg/info/{name}.list"),
            format!("var/lib/dpkg/info/{name}.md5sums"),
        ]
    };
    for (layer, packages) in [(0, ["greeting", "greeting-data"].as_slice()), (1, &["farewell"])] {
        let mut expected: Vec<String> = packages.iter().flat_map(|name| package(name)).collect();
        let around = [
            "usr",
            "usr/share",
            "var",
            "var/lib",
            "var/lib/apt",
            "var/lib/apt/extended_states",
            "var/lib/dpkg",
            "var/lib/dpkg/info",
            "var/lib/dpkg/status",
        ];
        expected.extend(around.map(str::to_owned));
        let extra: Vec<&String> = layers[layer].iter().filter(|path| !expected.contains(path)).collect();
        assert_eq!(extra, Vec::<&String>::new(), "the layer of {packages:?}");
        assert!(layers[layer].iter().any(|path| path.ends_with("dpkg/status")));
    }
}

#[test]
fn versions_recommendations_upgrades_and_holds_are_as_said() {
    let site = Site::packages();
    let pinned = || with_source(&site, json!({"install": ["greeting=1.0"]}));
    let held = with_source(&site, json!({"install": ["greeting=1.0"], "hold": ["greeting"]}));
    let cases = [
        (json!([with_source(&site, json!({"install": ["greeting"]}))]), "2.0", false),
        (json!([with_source(&site, json!({"install": ["greeting"], "recommends": true}))]), "2.0", true),
        (json!([pinned()]), "1.0", false),
        (json!([pinned(), {"apt": {"upgrade": true}}]), "2.0", false),
        (json!([held, {"apt": {"upgrade": true}}]), "1.0", false),
    ];
    for (steps, version, recommended) in cases {
        let outcome = apt_project(&steps).build(&BuildOptions::oci()).succeeded();
        let tree = outcome.image().filesystem();
        assert_version(&tree, "greeting", version);
        assert_eq!(tree.get("usr/share/greeting-extra/version").is_some(), recommended, "{steps}");
        let key = sha256(KEY.as_bytes());
        assert_eq!(tree.at("etc/apt/keyrings/tests.asc").sha256(), Some(key.as_str()));
    }
}

#[test]
fn an_archive_signed_by_another_key_is_refused() {
    let site = Site::packages();
    let project = apt_project(&json!([with_source(&site, json!({"install": ["greeting"]}))]));
    let other =
        KEY.lines().filter(|line| !line.is_empty()).map(|line| line.chars().rev().collect::<String>());
    project.fragment_file("only", "key.asc", other.collect::<Vec<_>>().join("\n"));
    let outcome = project.build(&fresh_caches()).failed();
    assert!(
        outcome.progress.vertex("apt install greeting").log.contains("is not signed"),
        "{}",
        outcome.message
    );
}

#[test]
fn a_snapshot_is_asked_instead_of_the_archive() {
    const MOMENT: &str = "20240601T000000Z";
    let renamed = |(path, bytes): (String, Vec<u8>)| {
        Some((format!("/archive/debian/{MOMENT}{}", path.strip_prefix("/debian")?), bytes))
    };
    let files: BTreeMap<String, Vec<u8>> = site::packages().into_iter().filter_map(renamed).collect();
    let site = Site::start(files, None, 80);
    let sources = "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: stable\nComponents: main\n\
                   Signed-By: /etc/apt/keyrings/tests.asc\n";
    let steps = json!([
        {"file": {"path": "/etc/apt/keyrings/tests.asc", "content": KEY}},
        {"file": {"path": "/etc/apt/sources.list.d/debian.sources", "content": sources}},
        {"apt": {"install": ["greeting"], "snapshot": MOMENT}}
    ]);
    let project = Project::new("debian:bookworm-slim", &[("only", json!({"steps": steps}))]);
    let host = format!("snapshot.debian.org:{}", site.address().ip());
    let outcome = project.build(&fresh_caches().words(&["--no-cache", "--add-host", &host])).succeeded();
    let tree = outcome.image().filesystem();
    assert_version(&tree, "greeting", "2.0");
    let kept = sha256(sources.as_bytes());
    assert_eq!(tree.at("etc/apt/sources.list.d/debian.sources").sha256(), Some(kept.as_str()));
    assert!(paths(&site).iter().any(|path| path.ends_with("/greeting_2.0_all.deb")));
}

/// What `--call=lock` says: the lock, the text for people, and whether the committed one is up to date.
fn lock(project: &Project, options: &BuildOptions) -> (Value, String) {
    let ask = |format: &str| {
        let words = [format!("--call=lock{format}"), "--progress=plain".to_owned()];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        project.build(&options.clone().words(&words)).finished
    };
    let json = ask(",format=json");
    let answer: Value = serde_json::from_str(&json.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", json.stdout, json.stderr));
    assert_eq!(answer["up_to_date"], json.status.success(), "the exit code says the same");
    (answer["document"].as_str().unwrap().into(), changes(&answer))
}

fn changes(answer: &Value) -> String {
    let change = |one: &Value| {
        let member = |name: &str| one[name].as_str().unwrap_or("").to_owned();
        ["change", "kind", "name", "from", "to"].map(member).join(" ")
    };
    answer["changes"].as_array().unwrap().iter().map(change).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_locked_build_installs_what_the_lock_has_whatever_there_is_now() {
    const LOCK: &str = "manifests/product.lock.json";
    let site = Site::packages();
    let index = format!("http://{}/simple/", site.address());
    let host = site.address().ip().to_string();
    let project = apt_project(&json!([
        with_source(&site, json!({"install": ["greeting"]})),
        {"pip": {"requirements": "requirements.txt", "target": "/opt/lib", "index": index}},
        {"run": ["apt-mark showauto | grep -qx greeting-data", "apt-mark showmanual | grep -qx greeting"], "network": "none"}
    ]));
    let (name, members) = python();
    project.fragment(name, members);
    let selected = ["python", "offline", "only"].map(|name| json!({"name": name, "version": "0.1.0"}));
    project.amend_manifest(json!({"fragments": selected, "env": {}}));
    let mut only: Value =
        serde_json::from_slice(&std::fs::read(project.path("fragments/only/0.1.0/fragment.json")).unwrap())
            .unwrap();
    only["env"] = json!({"PIP_TRUSTED_HOST": host});
    project.fragment("only", only);
    project.fragment_file("only", "requirements.txt", "greeting\n");
    let options = BuildOptions::oci();
    let strict = options.clone().build_arg("FACTORY_LOCKED", "1");
    let _alone = Lab::get().alone();

    let (document, said) = lock(&project, &options);
    let text = document.as_str().unwrap();
    assert!(said.contains("added apt greeting  2.0") && said.contains("added pip greeting  1.0"), "{said}");
    assert!(said.contains("added apt python3-pip  "), "Debian's own packages, too: {said}");
    project.write(LOCK, text);
    assert_eq!(lock(&project, &options), (document.clone(), String::new()), "it fits, and nothing is asked");

    let outcome = project.build(&strict).succeeded();
    let tree = outcome.image().filesystem();
    assert_version(&tree, "greeting", "2.0");
    assert!(tree.get("opt/lib/greeting/words.py").is_some());

    // As if it had been locked before 2.0 came.
    project.write(LOCK, text.replace("\"greeting\": \"2.0\"", "\"greeting\": \"1.0\""));
    assert_version(&project.build(&strict).succeeded().image().filesystem(), "greeting", "1.0");
    let (updated, said) = lock(&project, &options.clone().build_arg("FACTORY_LOCK_UPDATE", "1"));
    assert_eq!((updated, said.as_str()), (document.clone(), "changed apt greeting 1.0 2.0"));

    project.write(LOCK, text.replace("\"greeting\": \"2.0\"", "\"greeting\": \"0.9\""));
    let gone = project.build(&strict).failed();
    let log = &gone.progress.vertex("apt install greeting").log;
    let told = "factory: greeting 0.9, which the lock has, is in no archive any more (there is: 2.0 1.0)";
    assert!(log.contains(told) && log.contains("factory lock product --update"), "{log}");

    let wheel = text.split("sha256:").last().map(|rest| &rest[..64]).unwrap();
    project.write(LOCK, text.replace(wheel, &"0".repeat(64)));
    let other = project.build(&strict).failed();
    let log = &other.progress.vertex("pip install").log;
    assert!(log.contains("DO NOT MATCH") && log.contains("factory lock product --update"), "{log}");

    project.write(LOCK, text);
    project.fragment_file("only", "requirements.txt", "greeting==1.0\n");
    let refused = project.build(&strict).failed();
    assert!(
        refused.message.contains("`requirements.txt` is not the file that this step is locked for"),
        "{}",
        refused.message
    );
    let warned = project.build(&options).succeeded();
    assert!(warned.finished.stderr.contains("lock-drift"), "{}", warned.finished.stderr);
}
