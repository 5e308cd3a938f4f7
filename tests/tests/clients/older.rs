//! The oldest engine that is supported (Docker 26.1, BuildKit 0.13) beside the lab's: a part of everything, in every run.

use factory::engine::Suite;
use factory_tests::control::ControlBuild;
use factory_tests::{BuildOptions, ImageName, Lab, OtherEngine, Project, on_debian, unique};
use serde_json::{Value, json};

use crate::bases::{local, text};

const MANIFEST: &str = "manifests/product.json";
const DEBIAN: &str = "debian:bookworm-slim";

/// A definition written by hand, so that lines are where the test says.
const FAILING: &str = r#"{
  "name": "only",
  "version": "0.1.0",
  "steps": [
    {"file": {"path": "/fine", "content": "x"}},
    {"run": ["echo about to fail", "sh -c 'exit 42'"]}
  ]
}
"#;

/// Everything of a small product: own files, files of the context, an argument, fragments side by side, a test.
fn product() -> Project {
    let word = unique();
    let only = json!({"builds_on": [], "steps": [
        {"copy": {"src": "own.txt", "dest": "/own.txt"}},
        {"copy": {"from": "context", "src": "app/", "dest": "/app/"}},
        {"run": [format!("echo {word} > /word"), "date > /dev/null"]}
    ], "tests": [
        {"name": "is-said", "run": "test -s /word"}, {"name": "is-there", "files": [{"path": "/own.txt", "type": "file"}]}
    ]});
    let beside = json!({"builds_on": [], "steps": [
        {"run": "echo beside > /beside"}, {"user": {"name": "app", "uid": 1234}}
    ]});
    let project = Project::new(DEBIAN, &[("only", only), ("beside", beside)]);
    project.amend_manifest(json!({"args": {"WORD": "default"}, "env": {"WORD": "${WORD}"}}));
    project.fragment_file("only", "own.txt", "own").write("app/a.txt", "a");
    project
}

/// The digest of a product that `gateway.v0` makes, without any client program. Engines of different versions compress the
/// same bytes differently, so layers are stored as they are.
fn by_gateway(project: &Project, name: &ImageName, buildx: std::process::Command) -> String {
    let build = ControlBuild::gateway(Lab::get().frontend(), &project.path(""), MANIFEST)
        .option("build-arg:SOURCE_DATE_EPOCH", "1735689600")
        .option("build-arg:FACTORY_ATTESTATIONS", "off")
        .store(name.as_str())
        .attribute("compression", "uncompressed")
        .attribute("force-compression", "true");
    build.run_by(buildx).unwrap()["containerimage.digest"].clone()
}

#[test]
fn the_oldest_engine_builds_tests_and_explains_as_the_newest_does() {
    let older = OtherEngine::up("clients-older", Suite::Trixie);
    assert!(older.version().starts_with("26."), "{}", older.version());
    let project = product();
    let options = local().build_arg("WORD", "given").words(&["--build-arg", "WROD=typo"]);
    let [here, there] = [project.build(&options), older.build(&project, &options)]
        .map(factory_tests::BuildOutcome::succeeded);
    for path in ["own.txt", "app/a.txt", "word", "beside"] {
        assert_eq!(text(&there, path), text(&here, path));
    }
    for outcome in [&here, &there] {
        assert!(
            outcome.progress.warnings.iter().any(|one| one.contains("WROD")),
            "{:?}",
            outcome.progress.warnings
        );
    }

    let names = [ImageName::local(), ImageName::local()];
    let digests = [
        by_gateway(&project, &names[0], Lab::get().buildx()),
        by_gateway(&project, &names[1], older.buildx()),
    ];
    assert_eq!(
        digests[0],
        digests[1],
        "the same manifest by gateway.v0 on {} and {}",
        Lab::get().version(),
        older.version()
    );

    // Edited, the one of two that stand side by side runs; the other one is taken.
    project.fragment(
        "beside",
        json!({"builds_on": [], "steps": [{"run": format!("echo {} > /beside", unique())}]}),
    );
    let edited = older.build(&project, &options).succeeded();
    assert!(!edited.progress.ran().iter().any(|name| name.contains("date")), "{:?}", edited.progress.ran());

    let failing = on_debian(json!([]));
    failing.fragment_file("only", "fragment.json", FAILING);
    let saying_no = on_debian(json!([]));
    saying_no.fragment(
        "only",
        json!({"steps": [], "tests": [{"name": "says-no", "run": "echo what it saw; exit 3"}]}),
    );
    for build in [&|project: &Project| project.build(&BuildOptions::oci()), &|project: &Project| {
        older.build(project, &BuildOptions::oci())
    }] as [&dyn Fn(&Project) -> factory_tests::BuildOutcome; 2]
    {
        let outcome = build(&failing).failed();
        let marked: Vec<&str> = outcome.message.lines().filter(|line| line.contains(">>>")).collect();
        // The fragment's line, then the manifest's that selects it.
        let [first, second] = marked[..] else { panic!("{}", outcome.message) };
        assert!(first.contains("sh -c 'exit 42'"), "{}", outcome.message);
        assert!(second.contains(r#""name": "only""#), "{}", outcome.message);
        assert!(outcome.message.contains("fragments/only/0.1.0/fragment.json:6"), "{}", outcome.message);
        let outcome = build(&saying_no).failed();
        assert!(
            outcome.message.contains("says-no") && outcome.message.contains("what it saw"),
            "{}",
            outcome.message
        );
    }

    report(&older, &project);
    refusals(&older);
}

/// Records come out of an old engine, too.
fn report(older: &OtherEngine, project: &Project) {
    let options = BuildOptions { target: Some("report".to_owned()), ..local() };
    let outcome = older.build(project, &options).succeeded();
    let records: Vec<_> = std::fs::read_dir(outcome.folder().join("records")).unwrap().flatten().collect();
    assert_eq!(records.len(), 1);
    let record: Value = serde_json::from_slice(&std::fs::read(records[0].path()).unwrap()).unwrap();
    assert_eq!(record["result"]["status"], "pass", "{record:#}");
}

/// What it is too old for is refused at its line, before anything runs.
fn refusals(older: &OtherEngine) {
    let project = on_debian(json!([
        {"symlink": {"target": "/etc/hostname", "path": "/link"}},
        {"run": "true", "devices": [{"name": "example.invalid/gpu=0"}]}
    ]));
    let outcome = older.build(&project, &BuildOptions::oci()).failed();
    for part in [
        "fragment.json:4:5: this engine cannot make symbolic links",
        "fragment.json:10:5: this engine cannot give devices",
    ] {
        assert!(outcome.message.contains(part), "`{part}` is not in {}", outcome.message);
    }
    assert_eq!(outcome.progress.ran(), Vec::<&str>::new());
}
