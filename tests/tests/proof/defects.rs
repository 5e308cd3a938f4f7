//! The defects of the prototype, each with the test that shows that we do not have it:
//!
//! | what was wrong | where it is shown |
//! |---|---|
//! | 1 the base of a manifest was never used, and records held its tag | [`the_base_is_used_and_recorded_by_digest`] |
//! | 2 products were recorded under another's name | [`a_record_is_of_its_own_product`] |
//! | 3 a plan whose combinations all failed exited with 0 | [`a_plan_of_failures_fails`] |
//! | 4 error records lay among records, and were taken for them | `reported::Tree`, for every report; [`an_error_is_no_record`] |
//! | 5 one old pass hid newer failures, whatever was tested where | [`verdicts_of_other_tests_platforms_and_bases_are_told_apart`] |
//! | 6 the order of modules had no effect | [`fragments_apply_in_the_order_of_their_slots`] |
//! | 7 fragments knew their own path | [`a_fragment_does_not_know_where_it_lies`] |
//! | 8 unknown axes were ignored | `plans::what_a_plan_names_must_exist` |
//! | 9 caches of pip and apt kept nothing | `packages.rs`: `apt_without_cache_…`, `pip_without_cache_fetches_nothing_that_it_has_already` |
//! | 10 the test hash was a constant | `report::edited_tests_run_again_and_build_nothing` |
//! | 11 the architecture was a constant | `report::every_platform_has_a_record` |
//! | 12 evidence lacked the server's own output; a test could not run twice at once; a GPU product passed without a GPU | `kill_matrix::servers_of_one_port_do_not_meet`, `report::a_test_that_cannot_run_here_is_skipped` |
//! | 13 the image's digest was an id, or a tag | `cli::a_record_has_the_digest_of_the_image_or_none` |
//! | 14 nothing was validated on write, and a fifth module had no place | `reported::Tree`, for every report; [`a_product_may_have_any_number_of_fragments`] |
//! | 15 a product of one fragment was recorded as unknown in all parts | [`a_product_of_one_fragment_is_known_in_all_parts`] |
//! | 16 records held paths of temporary folders | [`a_report_names_no_path_of_the_machine`] |
//! | 17 versions were ordered as texts | `plans::two_hundred_combinations_are_tried` |
//! | 18 combinations shared one output file; their platform was not checked | [`builds_at_the_same_time_do_not_meet`], [`a_plan_is_held_to_the_platforms_of_its_manifest`] |
//! | 19 tests named files that were not in the checkout | `.ci/run`, which runs every test from a fresh checkout |

use std::path::Path;

use factory_tests::{BuildOptions, Lab, Output, Project, Repository, unique};
use serde_json::{Value, json};

use crate::products::{DEBIAN, says_no, says_yes, tested};
use crate::reported::Report;

fn report(project: &Project) -> Report {
    Report::of(project, &BuildOptions::default())
}

/// A base with a file in it, in the registry: its name, and the digest of its manifest.
fn base(content: &str) -> (String, String) {
    let steps = json!([{"file": {"path": "/base", "content": content}}]);
    let project = Project::new("scratch", &[("base", json!({"steps": steps}))]);
    let repository = Repository::fresh();
    let (outcome, _) = repository.push("latest", &project, &BuildOptions::default());
    (repository.tag("latest"), outcome.digest().to_owned())
}

/// A product on a base without a shell.
fn on(base: &str) -> Project {
    let tests = json!([{"name": "has-base", "files": [{"path": "/base", "type": "file"}]}]);
    Project::new(base, &[("only", json!({"steps": same(), "tests": tests}))])
}

#[test]
fn the_base_is_used_and_recorded_by_digest() {
    for content in ["one", "two"] {
        let (name, digest) = base(content);
        let project = on(&name);
        assert_eq!(report(&project).tree.record()["base_digest"], digest.as_str());
        let image = project.build(&BuildOptions::oci()).succeeded().image();
        let expected = factory_tests::sha256(content.as_bytes());
        assert_eq!(image.filesystem().at("base").sha256(), Some(expected.as_str()));
    }
}

#[test]
fn a_record_is_of_its_own_product() {
    let project = tested(json!([says_yes()]));
    project.amend_manifest(json!({"product": {"image": "llm-factory"}}));
    let selections = json!([{"name": "only", "version": "0.1.0"}]);
    let other = json!({"syntax": Lab::get().frontend(), "id": "cuda", "base": DEBIAN, "fragments": selections,
        "product": {"image": "llm-factory-cuda"}});
    project.write("manifests/cuda.json", other.to_string());
    let cuda = Report::of(&project, &BuildOptions::default().file("manifests/cuda.json")).tree;
    let (plain, cuda) = (report(&project).tree.record().clone(), cuda.record().clone());
    assert_eq!((&plain["manifest_id"], &plain["product_id"]), (&json!("product"), &json!("llm-factory")));
    assert_eq!((&cuda["manifest_id"], &cuda["product_id"]), (&json!("cuda"), &json!("llm-factory-cuda")));
    assert_ne!(plain["build_id"], cuda["build_id"]);
}

#[test]
fn a_plan_of_failures_fails() {
    let project = tested(json!([says_no()]));
    let plan = json!({"syntax": Lab::get().frontend(), "id": "all", "manifest": "product", "matrix": {"only": ["0.1.0"]}});
    project.write("manifests/plans/all.json", plan.to_string());
    let options =
        BuildOptions { output: Output::Local, ..BuildOptions::default() }.file("manifests/plans/all.json");
    let failed = project.build(&options).failed();
    assert!(failed.message.contains("only-0.1.0"), "{}", failed.message);
}

#[test]
fn an_error_is_no_record() {
    let tree = report(&tested(json!([says_no()]))).tree;
    let (id, error) = (tree.record()["build_id"].as_str().unwrap(), tree.error());
    assert_eq!(error["build_id"], id, "both are of the same build");
    assert!(error.get("result").is_none() && tree.record().get("log_excerpt").is_none());
    let paths: Vec<&str> =
        tree.files.keys().filter(|path| path.ends_with(".json")).map(String::as_str).collect();
    assert_eq!(paths, [format!("errors/error-{id}.json"), format!("records/{id}.json")]);
}

#[test]
fn verdicts_of_other_tests_platforms_and_bases_are_told_apart() {
    let key = |project: &Project, platform: &str| {
        let platform = Some(platform.to_owned());
        let tree = Report::of(project, &BuildOptions { platform, ..BuildOptions::default() }).tree;
        let record = tree.record();
        ["selection_key", "test_hash", "build_id"].map(|member| record[member].as_str().unwrap().to_owned())
    };
    let one = on_two_platforms();
    let amd64 = key(&one, "linux/amd64");
    assert_eq!(key(&one, "linux/amd64"), amd64);
    let arm64 = key(&one, "linux/arm64");
    assert!(arm64[0] != amd64[0] && arm64[2] != amd64[2], "{amd64:?} {arm64:?}");
    let bases = ["one", "two"].map(|content| key(&on(&base(content).0), "linux/amd64"));
    assert!(bases[0][0] != bases[1][0] && bases[0][2] != bases[1][2], "{bases:?}");
    assert_eq!(bases[0][1], bases[1][1], "the tests are the same");
    let stricter = json!([{"name": "is-there", "files": [{"path": "/f", "type": "file", "min_size": "1"}]}]);
    one.fragment("only", json!({"steps": same(), "tests": stricter}));
    let stricter = key(&one, "linux/amd64");
    assert_eq!(stricter[0], amd64[0]);
    assert!(stricter[1] != amd64[1] && stricter[2] != amd64[2], "{amd64:?} {stricter:?}");
}

fn same() -> Value {
    json!([{"file": {"path": "/f", "content": "the same in every build"}}])
}

fn on_two_platforms() -> Project {
    let tests = json!([{"name": "is-there", "files": [{"path": "/f", "type": "file"}]}]);
    Project::new("scratch", &[("only", json!({"steps": same(), "tests": tests}))])
}

#[test]
fn fragments_apply_in_the_order_of_their_slots() {
    let says = |name: &str| json!({"steps": [{"file": {"path": "/said", "content": name}}]});
    let last = |order: [&str; 2]| {
        let project = Project::new("scratch", &[("a", says("a")), ("b", says("b"))]);
        let selections = order.map(|name| json!({"name": name, "version": "0.1.0"}));
        project.amend_manifest(json!({"fragments": selections}));
        let image = project.build(&BuildOptions::oci()).succeeded().image();
        image.filesystem().at("said").sha256().unwrap().to_owned()
    };
    assert_eq!(last(["a", "b"]), factory_tests::sha256(b"b"));
    assert_eq!(last(["b", "a"]), factory_tests::sha256(b"a"));
}

#[test]
fn a_fragment_does_not_know_where_it_lies() {
    let layer = |name: &str, version: &str| {
        let project = Project::empty();
        let definition = json!({"name": name, "version": version,
            "steps": [{"copy": {"src": "own.txt", "dest": "/own.txt"}}]});
        project.manifest(json!({"base": "scratch", "fragments": [{"name": name, "version": version}]}));
        let folder = format!("fragments/{name}/{version}");
        project.write(&format!("{folder}/fragment.json"), definition.to_string());
        project.write(&format!("{folder}/own.txt"), "its own");
        project.build(&BuildOptions::oci()).succeeded().image().layer_digests()
    };
    assert_eq!(layer("here", "0.1.0"), layer("elsewhere", "7.0.0-rc.1"));
}

#[test]
fn a_product_may_have_any_number_of_fragments() {
    let names: Vec<String> = (1..=7).map(|at| format!("module{at}")).collect();
    let steps = |name: &str| json!({"steps": [{"file": {"path": format!("/{name}"), "content": name}}]});
    let fragments: Vec<(&str, Value)> = names.iter().map(|name| (name.as_str(), steps(name))).collect();
    let tree = report(&Project::new("scratch", &fragments)).tree;
    let recorded = tree.record()["fragments"].as_array().unwrap().clone();
    let recorded: Vec<&str> = recorded.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(recorded, names);
}

#[test]
fn a_product_of_one_fragment_is_known_in_all_parts() {
    let tree = report(&tested(json!([says_yes()]))).tree;
    let record = tree.record();
    assert!(!record.to_string().contains("unknown"), "{record:#}");
    assert!(record.get("template_id").is_none() && record.get("template_version").is_none());
    let template = json!({"id": "one", "version": "1.0.0", "slots": ["only"]});
    let project = tested(json!([says_yes()]));
    project.write("manifests/templates/one/1.0.0.json", template.to_string());
    project.amend_manifest(
        json!({"template": {"id": "one", "version": "1.0.0"}, "fragments": {"only": "0.1.0"}}),
    );
    let tree = report(&project).tree;
    let record = tree.record();
    assert_eq!((&record["template_id"], &record["template_version"]), (&json!("one"), &json!("1.0.0")));
}

#[test]
fn a_report_names_no_path_of_the_machine() {
    let project = tested(json!([says_yes(), says_no()]));
    let folder = project.path("");
    let tree = report(&project).tree;
    let own =
        [folder.as_path(), Lab::get().workspace(), Path::new("/run/buildkit"), Path::new("/run/config")];
    for (path, bytes) in &tree.files {
        let text = String::from_utf8_lossy(bytes);
        let named = own.iter().find(|own| text.contains(own.to_str().unwrap().trim_end_matches('/')));
        assert_eq!(named, None, "in {path}:\n{text}");
    }
}

#[test]
fn builds_at_the_same_time_do_not_meet() {
    let names = ["one", "two", "three"];
    let project = Project::empty();
    for name in names {
        let definition = json!({"name": name, "version": "0.1.0",
            "steps": [{"run": format!("sleep 1; echo step of {name} {}", unique())}],
            "tests": [{"name": "talks", "run": format!("echo test of {name}")}]});
        project.write(&format!("fragments/{name}/0.1.0/fragment.json"), definition.to_string());
        let manifest = json!({"syntax": Lab::get().frontend(), "id": name, "base": DEBIAN,
            "fragments": [{"name": name, "version": "0.1.0"}]});
        project.write(&format!("manifests/{name}.json"), manifest.to_string());
    }
    std::thread::scope(|scope| {
        let build = |name: &'static str| {
            let options = BuildOptions::default().file(&format!("manifests/{name}.json"));
            (name, Report::of(&project, &options).tree)
        };
        let running: Vec<_> = names.map(|name| scope.spawn(move || build(name))).into_iter().collect();
        for (name, tree) in running.into_iter().map(|one| one.join().unwrap()) {
            assert_eq!(tree.record()["manifest_id"], name);
            for said in [format!("step of {name}"), format!("test of {name}\n")] {
                assert!(tree.evidence().contains(&said), "{}", tree.evidence());
            }
            let others = names.iter().filter(|other| **other != name);
            for other in others {
                assert!(!tree.evidence().contains(&format!("of {other}")), "{}", tree.evidence());
            }
        }
    });
}

#[test]
fn a_plan_is_held_to_the_platforms_of_its_manifest() {
    let project = tested(json!([says_yes()]));
    project.amend_manifest(json!({"platforms": ["linux/amd64", "linux/arm64"]}));
    let plan = json!({"syntax": Lab::get().frontend(), "id": "all", "manifest": "product",
        "matrix": {"only": ["0.1.0"]}, "platforms": ["linux/s390x"]});
    project.write("manifests/plans/all.json", plan.to_string());
    let options =
        BuildOptions { output: Output::Local, ..BuildOptions::default() }.file("manifests/plans/all.json");
    let failed = project.build(&options).failed();
    for part in ["linux/s390x", "linux/amd64"] {
        assert!(failed.message.contains(part), "`{part}` is not in:\n{}", failed.message);
    }
}
