//! The gate: an image with a failing test goes nowhere, and the person who waits for it sees why.

use factory::engine::Suite;
use factory_tests::{
    BuildOptions, BuildOutcome, ImageName, Lab, OtherEngine, Output, Project, Repository, run, unique,
};
use serde_json::{Value, json};

use crate::products::{FRAGMENT, line_of, says_no, says_yes, tested, with_tests};

/// The message has the test's name, where it is written and the end of its output.
#[track_caller]
fn assert_explained(outcome: &BuildOutcome, project: &Project, test: &str, tail: &str) {
    let message = &outcome.message;
    let name = test.rsplit('/').next().unwrap();
    let line = line_of(project, FRAGMENT, &format!("\"name\": \"{name}\""));
    for part in [test, tail, &format!("{FRAGMENT}:{line}")] {
        assert!(message.contains(part), "`{part}` is not in:\n{message}");
    }
}

fn exists_in_registry(reference: &str) -> bool {
    let mut command = Lab::get().buildx();
    run(command.args(["imagetools", "inspect", reference])).status.success()
}

fn exists_in_store(name: &str) -> bool {
    run(Lab::get().docker().args(["image", "inspect", name])).status.success()
}

#[test]
fn an_image_with_a_failing_test_goes_nowhere() {
    let project = tested(json!([says_yes(), says_no()]));
    let (name, pushed) = (ImageName::local(), Repository::fresh().tag("refused"));
    let outputs = [
        Output::Oci,
        Output::Local,
        Output::Store(name.as_str().to_owned()),
        Output::Push(pushed.clone()),
        Output::CacheOnly,
    ];
    // All but the first have their verdicts from the cache, where no test prints anything.
    for output in outputs {
        let outcome = project.build(&BuildOptions { output, ..BuildOptions::default() }).failed();
        assert_explained(&outcome, &project, "only/says-no", "what the test saw");
        assert!(!outcome.message.contains("only/says-yes"), "{}", outcome.message);
        assert!(outcome.metadata["containerimage.digest"].is_null());
    }
    assert!(!exists_in_store(name.as_str()), "the engine has the image");
    assert!(!exists_in_registry(&pushed), "the registry has the image");
}

#[test]
fn an_image_whose_tests_pass_goes_where_it_should() {
    let project = tested(json!([says_yes()]));
    let pushed = Repository::fresh().tag("fine");
    let outcome =
        project.build(&BuildOptions { output: Output::Push(pushed.clone()), ..BuildOptions::default() });
    assert!(outcome.succeeded().progress.vertex("[tests] only/says-yes").completed);
    assert!(exists_in_registry(&pushed), "the registry does not have the image");
    let image = project.build(&BuildOptions::oci()).succeeded().image();
    assert!(image.filesystem().get("srv/content").is_some());
}

#[test]
fn all_failing_tests_are_named_at_once() {
    let other = json!({"name": "says-no-too", "files": [{"path": "/srv/missing"}]});
    let project = tested(json!([says_no(), says_yes(), other]));
    let outcome = project.build(&BuildOptions::default()).failed();
    assert_explained(&outcome, &project, "only/says-no", "what the test saw");
    assert_explained(&outcome, &project, "only/says-no-too", "/srv/missing");
}

#[test]
fn tests_of_the_manifest_hold_for_the_whole_product() {
    let project = tested(json!([says_yes()]));
    project.amend_manifest(json!({"tests": [{"name": "whole", "run": "echo nothing is whole; false"}]}));
    let outcome = project.build(&BuildOptions::oci()).failed();
    for part in ["manifest/whole", "nothing is whole", "product.json:"] {
        assert!(outcome.message.contains(part), "`{part}` is not in:\n{}", outcome.message);
    }
}

#[test]
fn a_fragment_alone_is_held_to_its_own_tests() {
    let lower = json!({"steps": [{"run": "echo 1 > /lower"}], "tests": [{"name": "is-there", "run": "test -f /lower"}]});
    let upper = json!({"steps": [{"run": "echo 1 > /upper"}], "tests": [says_no()]});
    let project = Project::new(crate::products::DEBIAN, &[("lower", lower), ("upper", upper)]);
    let target =
        |name: &str| BuildOptions { target: Some(format!("fragment/{name}")), ..BuildOptions::oci() };
    let lower = project.build(&target("lower")).succeeded();
    assert!(lower.progress.vertex("[tests] lower/is-there").completed);
    let paths = lower.image().filesystem();
    assert!(paths.get("lower").is_some() && paths.get("upper").is_none());
    let upper = project.build(&target("upper")).failed();
    assert!(upper.message.contains("upper/says-no"), "{}", upper.message);
}

#[test]
fn edited_tests_build_nothing() {
    let content = unique();
    let project = tested(json!([]));
    with_tests(&project, &content, json!([says_yes()]));
    let before = project.build(&BuildOptions::oci()).succeeded();
    let _alone = Lab::get().alone();
    with_tests(&project, &content, json!([says_no()]));
    let refused = project.build(&BuildOptions::oci()).failed();
    with_tests(&project, &content, json!([{"name": "says-yes", "run": "test -f /srv/content"}]));
    let after = project.build(&BuildOptions::oci()).succeeded();
    for outcome in [&refused, &after] {
        let ran: Vec<&str> =
            outcome.progress.ran().into_iter().filter(|name| !name.starts_with("[internal] ")).collect();
        assert!(ran.len() == 1 && ran[0].starts_with("[tests] only/"), "{ran:#?}");
    }
    assert_eq!(before.image().layer_digests(), after.image().layer_digests());
}

#[test]
fn the_gate_holds_on_the_oldest_engine_too() {
    let other = OtherEngine::up("tests-gate", Suite::Trixie);
    let registry = other.registry().expect("an engine of ours has a registry");
    let folder = tempfile::tempdir().unwrap();
    for (tests, is_fine) in [(json!([says_yes(), says_no()]), false), (json!([says_yes()]), true)] {
        let project = tested(tests);
        let name = format!("{registry}/factory-tests/gate:{is_fine}");
        let archive = folder.path().join(format!("{is_fine}.tar"));
        let outputs = [
            format!("type=oci,dest={}", archive.display()),
            format!("type=image,oci-mediatypes=true,push=true,name={name}"),
        ];
        for output in outputs {
            let mut command = other.buildx();
            command.args([
                "build",
                "--provenance=false",
                "--progress=plain",
                "--file",
                "manifests/product.json",
            ]);
            let finished = run(command.args(["--output", &output, "."]).current_dir(project.path("")));
            assert_eq!(finished.status.success(), is_fine, "{output}:\n{}", finished.stderr);
            let explained = ["only/says-no", "what the test saw", FRAGMENT];
            assert!(
                is_fine || explained.iter().all(|part| finished.stderr.contains(part)),
                "{}",
                finished.stderr
            );
        }
        // The client opens an archive before it asks for anything to fill it.
        assert_eq!(archive.metadata().is_ok_and(|file| file.len() > 0), is_fine, "the archive");
        let stored = run(other.docker().args(["image", "inspect", &name]));
        let pushed = run(other.buildx().args(["imagetools", "inspect", &name]));
        assert_eq!(
            (stored.status.success(), pushed.status.success()),
            (is_fine, is_fine),
            "{}",
            other.version()
        );
    }
    let raw =
        |reference: &str| run(other.buildx().args(["imagetools", "inspect", "--raw", reference])).stdout;
    let index: Value = serde_json::from_str(&raw(&format!("{registry}/factory-tests/gate:true"))).unwrap();
    let about =
        index["manifests"][1]["digest"].as_str().unwrap_or_else(|| panic!("no attestations: {index:#}"));
    let attestations = raw(&format!("{registry}/factory-tests/gate@{about}"));
    for predicate in ["https://in-toto.io/attestation/test-result/", "/compatibility-record/"] {
        assert!(attestations.contains(predicate), "{predicate} is not in {attestations}");
    }
}
