//! Plans: the prototype's two, on stand-ins of its heavy fragments, and what is shared, expected, refused and shown.

use std::collections::BTreeMap;

use factory_tests::{BuildOptions, BuildOutcome, Lab, Output, Project, unique};
use serde_json::{Value, json};

use crate::products::{DEBIAN, with};
use crate::reported::Tree;

pub(crate) const PLAN: &str = "manifests/plans/all.json";

/// A fragment's version that runs one step, and one test that looks for what it made.
fn fragment(project: &Project, name: &str, version: &str, members: Value) {
    let definition = with(json!({"name": name, "version": version}), members);
    let text = serde_json::to_string_pretty(&definition).unwrap();
    project.write(&format!("fragments/{name}/{version}/fragment.json"), text);
}

fn makes(name: &str, version: &str, builds_on: &[&str], salt: &str) -> Value {
    let line = format!("mkdir -p /opt/{name} && echo make-{name}-{version} {salt} > /opt/{name}/made");
    let tests =
        json!([{"name": "is-made", "run": format!("grep -q make-{name}-{version} /opt/{name}/made")}]);
    json!({"builds_on": builds_on, "steps": [{"run": line}], "tests": tests})
}

/// What `llm_factory` is made of, without its weight. `light` 0.2.0 asks for what nobody has.
pub(crate) fn catalogue() -> Project {
    let (project, salt) = (Project::empty(), unique());
    let selections: Vec<Value> =
        ["security", "core", "light", "serve"].map(|name| json!({"name": name, "version": "0.1.0"})).to_vec();
    let manifest = json!({"id": "llm", "base": DEBIAN, "fragments": selections});
    project.write("manifests/llm.json", manifest.to_string());
    fragment(&project, "security", "0.1.0", makes("security", "0.1.0", &[], &salt));
    for version in ["0.1.0", "0.2.0", "0.3.0"] {
        fragment(&project, "core", version, makes("core", version, &[], &salt));
    }
    fragment(&project, "light", "0.1.0", makes("light", "0.1.0", &["core"], &salt));
    let missing = json!([{"run": ["echo looking for a package", "echo nobody has it >&2", "exit 1"]}]);
    fragment(&project, "light", "0.2.0", json!({"builds_on": ["core"], "steps": missing}));
    fragment(&project, "serve", "0.1.0", makes("serve", "0.1.0", &["core"], &salt));
    project
}

pub(crate) fn write_plan(project: &Project, members: Value) {
    let plan = with(json!({"syntax": Lab::get().frontend(), "id": "all", "manifest": "llm"}), members);
    project.write(PLAN, serde_json::to_string_pretty(&plan).unwrap());
}

pub(crate) fn two_by_two() -> Value {
    json!({"core": ["0.1.0", "0.3.0"], "light": ["0.1.0", "0.2.0"]})
}

pub(crate) fn with_expectation(project: &Project) {
    let expect = json!([{"when": {"light": "0.2.0"}, "verdict": "fail"}]);
    write_plan(project, json!({"matrix": two_by_two(), "expect": expect}));
}

fn options(target: Option<&str>) -> BuildOptions {
    let target = target.map(str::to_owned);
    BuildOptions { target, output: Output::Local, ..BuildOptions::default() }.file(PLAN)
}

/// A plan's report.
struct Tried {
    outcome: BuildOutcome,
    tree: Tree,
    summary: Value,
}

impl Tried {
    #[track_caller]
    fn of(project: &Project, target: Option<&str>) -> Self {
        let outcome = project.build(&options(target)).succeeded();
        let tree = Tree::read(&outcome.folder());
        let summary: Value = serde_json::from_slice(&tree.files["summary.json"]).unwrap();
        let tried = Self { outcome, tree, summary };
        tried.assert_sound();
        tried
    }

    /// Every row has its record, and both tell the same.
    #[track_caller]
    fn assert_sound(&self) {
        let markdown = String::from_utf8_lossy(&self.tree.files["summary.md"]).into_owned();
        for row in self.rows() {
            let id = row["build_id"].as_str().unwrap();
            let record = self.tree.records.iter().find(|record| record["build_id"] == id);
            let record = record.unwrap_or_else(|| panic!("{row:#} has no record"));
            assert_eq!(record["result"]["status"], row["actual"], "{record:#}");
            assert_eq!(record["combination"]["slug"], row["slug"], "{record:#}");
            assert_eq!(record["selection_key"], row["selection_key"], "{record:#}");
            assert!(markdown.contains(row["slug"].as_str().unwrap()), "{markdown}");
        }
        assert_eq!(self.tree.records.len(), self.rows().len());
    }

    fn rows(&self) -> &[Value] {
        self.summary["rows"].as_array().unwrap()
    }

    /// The verdicts by slug.
    fn verdicts(&self) -> BTreeMap<&str, &str> {
        self.rows()
            .iter()
            .map(|row| (row["slug"].as_str().unwrap(), row["actual"].as_str().unwrap()))
            .collect()
    }

    /// Where verdicts came from, by slug.
    fn cached(&self) -> BTreeMap<&str, &Value> {
        self.rows().iter().map(|row| (row["slug"].as_str().unwrap(), &row["cached"])).collect()
    }
}

#[test]
fn the_baseline_has_two_rows_that_pass() {
    let project = catalogue();
    write_plan(&project, json!({"matrix": {"core": ["0.1.0", "0.2.0"], "light": ["0.1.0"]}}));
    let tried = Tried::of(&project, None);
    let expected = [("core-0.1.0_light-0.1.0", "pass"), ("core-0.2.0_light-0.1.0", "pass")];
    assert_eq!(tried.verdicts(), BTreeMap::from(expected));
    assert_eq!(tried.summary["as_expected"], true);
    assert!(tried.tree.errors.is_empty());
}

/// Four combinations, two of which cannot work and are known for it.
#[test]
fn what_is_expected_to_fail_may() {
    let project = catalogue();
    with_expectation(&project);
    let _alone = Lab::get().alone();
    let tried = Tried::of(&project, None);
    let expected = [
        ("core-0.1.0_light-0.1.0", "pass"),
        ("core-0.1.0_light-0.2.0", "fail"),
        ("core-0.3.0_light-0.1.0", "pass"),
        ("core-0.3.0_light-0.2.0", "fail"),
    ];
    assert_eq!(tried.verdicts(), BTreeMap::from(expected));
    assert_eq!(
        (&tried.summary["as_expected"], &tried.summary["counts"]["unexpected"]),
        (&json!(true), &json!(0))
    );
    for row in tried.rows().iter().filter(|row| row["actual"] == "fail") {
        assert_eq!(row["failure"]["fragment"], "light 0.2.0", "{row:#}");
        assert_eq!(row["failure"]["type"], "step", "{row:#}");
        let location = row["failure"]["location"].as_str().unwrap();
        assert!(location.starts_with("fragments/light/0.2.0/fragment.json:"), "{row:#}");
    }
    for error in &tried.tree.errors {
        assert!(error["log_excerpt"].to_string().contains("nobody has it"), "{error:#}");
    }
    // Each distinct fragment on each distinct root, once.
    let ran = |marker: &str| tried.outcome.progress.ran().iter().filter(|name| name.contains(marker)).count();
    let counts = [("make-security", 1), ("make-core", 2), ("make-light", 2), ("make-serve", 2)];
    for (marker, count) in counts {
        assert_eq!(ran(marker), count, "{marker}: {:#?}", tried.outcome.progress.ran());
    }
    let names = tried.outcome.progress.names();
    assert!(names.iter().any(|name| name.starts_with("[core-0.3.0_light-0.1.0")), "{names:#?}");
    assert_all_cached(&project);
}

/// Times of records are whole seconds: what ran just now must not look like what is about to run.
fn next_second() {
    std::thread::sleep(std::time::Duration::from_millis(1100));
}

/// Of a plan that was tried before nothing runs but what failed while it was built.
fn assert_all_cached(project: &Project) {
    next_second();
    let again = Tried::of(project, None);
    let made: Vec<&str> =
        again.outcome.progress.ran().into_iter().filter(|name| name.contains("make-")).collect();
    assert_eq!(made, Vec::<&str>::new());
    let cached = again.cached();
    for slug in ["core-0.1.0_light-0.1.0", "core-0.3.0_light-0.1.0"] {
        assert_eq!(cached[slug], true, "{slug}");
    }
}

#[test]
fn what_is_not_expected_fails_the_plan_after_all_was_tried() {
    let project = catalogue();
    write_plan(&project, json!({"matrix": two_by_two()}));
    let failed = project.build(&options(None)).failed();
    let slugs = [
        "core-0.1.0_light-0.1.0",
        "core-0.1.0_light-0.2.0",
        "core-0.3.0_light-0.1.0",
        "core-0.3.0_light-0.2.0",
    ];
    for part in slugs.iter().chain(&["light 0.2.0", "2 NOT as expected"]) {
        assert!(failed.message.contains(part), "`{part}` is not in:\n{}", failed.message);
    }
    let reported = Tried::of(&project, Some("report"));
    assert_eq!(reported.summary["as_expected"], false);
    assert_eq!(reported.rows().len(), 4);
    let unexpected: Vec<&str> = reported
        .rows()
        .iter()
        .filter(|row| row["as_expected"] == false)
        .map(|row| row["slug"].as_str().unwrap())
        .collect();
    assert_eq!(unexpected, ["core-0.1.0_light-0.2.0", "core-0.3.0_light-0.2.0"]);
}

#[test]
fn what_should_have_failed_and_passes_fails_the_plan() {
    let project = catalogue();
    let expect = json!([{"when": {"core": "0.2.0"}, "verdict": "fail"}]);
    write_plan(&project, json!({"matrix": {"core": ["0.1.0", "0.2.0"]}, "expect": expect}));
    let failed = project.build(&options(None)).failed();
    assert!(failed.message.contains("core-0.2.0"), "{}", failed.message);
}

#[test]
fn a_change_runs_the_rows_that_have_it() {
    let project = catalogue();
    write_plan(&project, json!({"matrix": {"core": ["0.1.0", "0.2.0"], "light": ["0.1.0"]}}));
    let _ = Tried::of(&project, None);
    fragment(&project, "core", "0.2.0", makes("core", "0.2.0", &[], &unique()));
    next_second();
    let _alone = Lab::get().alone();
    let tried = Tried::of(&project, None);
    let cached = tried.cached();
    assert_eq!(
        (cached["core-0.1.0_light-0.1.0"], cached["core-0.2.0_light-0.1.0"]),
        (&json!(true), &json!(false))
    );
    let made: Vec<&str> =
        tried.outcome.progress.ran().into_iter().filter(|name| name.contains("make-")).collect();
    assert!(made.iter().any(|name| name.contains("make-core-0.2.0")), "{made:#?}");
    assert!(
        !made.iter().any(|name| name.contains("make-core-0.1.0") || name.contains("make-security")),
        "{made:#?}"
    );
}

#[test]
fn what_a_plan_names_must_exist() {
    let project = catalogue();
    // The client sends the plan's folder by itself, so its path is not known.
    let cases = [
        (json!({"matrix": {"coer": ["0.1.0"]}}), ["`coer`", "`core`", "all.json:"]),
        (json!({"matrix": {"core": ["0.1.0", "0.2.1"]}}), ["`0.2.1`", "0.2.0", "all.json:"]),
        (json!({"matrix": {"core": ["0.1.0"]}, "manifest": "lml"}), ["lml", "llm", "all.json:"]),
        (
            json!({"matrix": {"core": ["0.1.0"]}, "expect": [{"when": {"core": "0.3.0"}, "verdict": "fail"}]}),
            ["`0.3.0`", "0.1.0", "all.json:"],
        ),
        (json!({"matrix": {}}), ["`matrix`", "", "all.json:"]),
    ];
    for (plan, parts) in cases {
        write_plan(&project, plan.clone());
        for target in [None, Some("report")] {
            let failed = project.build(&options(target)).failed();
            for part in parts {
                assert!(failed.message.contains(part), "{plan}: `{part}` is not in:\n{}", failed.message);
            }
            assert!(failed.progress.ran().iter().all(|name| !name.contains("make-")), "{plan} ran something");
        }
    }
}

#[test]
fn a_plan_can_be_asked_what_it_would_try() {
    let project = catalogue();
    with_expectation(&project);
    let call = |word: &str| -> BuildOutcome {
        project.build(&BuildOptions::default().file(PLAN).words(&[word])).succeeded()
    };
    let text = call("--call=plan").finished.stdout;
    for part in ["core-0.1.0_light-0.2.0", "core-0.3.0_light-0.1.0", "4 combinations", "fail"] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let listing = call("--call=plan,format=json");
    let rows: Value = serde_json::from_str(&listing.finished.stdout).unwrap();
    let rows = rows["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[1]["combination"], json!({"core": "0.1.0", "light": "0.2.0"}));
    assert_eq!(rows[1]["expect"], "fail");
    let github = project.build(
        &BuildOptions::default().file(PLAN).words(&["--call=plan"]).build_arg("FACTORY_FORMAT", "github"),
    );
    let matrix: Value = serde_json::from_str(&github.succeeded().finished.stdout).unwrap();
    assert_eq!(matrix["include"].as_array().map(Vec::len), Some(4), "{matrix:#}");
    assert!(listing.progress.ran().iter().all(|name| !name.contains("make-")), "a dry run built something");
}

/// As many as a real catalogue may have: ten versions of one fragment, twenty of another, on nothing.
#[test]
fn two_hundred_combinations_are_tried() {
    let (project, salt) = (Project::empty(), unique());
    let manifest = json!({"id": "llm", "base": "scratch", "fragments": [
        {"name": "lower", "version": "0.1.0"}, {"name": "upper", "version": "0.1.0"}]});
    project.write("manifests/llm.json", manifest.to_string());
    let versions = |name: &str, count: usize| -> Vec<String> {
        let versions = (1..=count).map(|at| format!("0.{at}.0"));
        versions
            .inspect(|version| {
                let path = format!("/{name}");
                let steps = json!([{"file": {"path": path, "content": format!("{salt} {version}")}}]);
                let tests = json!([{"name": "is-there", "files": [{"path": path, "content": version}]}]);
                fragment(&project, name, version, json!({"steps": steps, "tests": tests}));
            })
            .collect()
    };
    write_plan(&project, json!({"matrix": {"lower": versions("lower", 10), "upper": versions("upper", 20)}}));
    let watch = crate::memory::Watch::on("frontend");
    let tried = Tried::of(&project, None);
    assert_eq!((tried.rows().len(), &tried.summary["counts"]["pass"]), (200, &json!(200)));
    let slugs: Vec<&str> = tried.rows().iter().map(|row| row["slug"].as_str().unwrap()).collect();
    assert_eq!(
        (slugs[1], slugs[9]),
        ("lower-0.1.0_upper-0.2.0", "lower-0.1.0_upper-0.10.0"),
        "versions are numbers"
    );
    let peak = watch.peak();
    assert!(peak < 200 << 20, "our process had {} MB", peak >> 20);
}
