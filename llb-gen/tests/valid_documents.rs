//! Documents that are right: everything in them arrives in the model, and variables get their values.

mod catalogue;

use std::collections::BTreeMap;

use catalogue::{everything, fragment_of_step, valid_steps};
use llb_gen::model::step::{Action, Command, PipLocation};
use llb_gen::model::test::{Matches, Test, TestAction};
use llb_gen::model::{Base, Fragment, Given, Manifest, Platform, Product, Template};
use llb_gen::parse::{RawFragment, RawManifest, RawTemplate};
use llb_gen::text::SourceFile;

fn platform(text: &str) -> Platform {
    text.parse().expect("a platform")
}

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn base_env() -> Vec<(String, String)> {
    vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())]
}

fn value<'e>(env: &'e [(String, String)], name: &str) -> Option<&'e str> {
    env.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[test]
fn every_valid_step_is_taken_without_a_word() {
    let steps = valid_steps();
    assert!(steps.len() > 50, "only {} steps", steps.len());
    for step in steps {
        let file = SourceFile::new("f", fragment_of_step(&step).into_bytes());
        let checked = RawFragment::parse(&file).and_then(Fragment::check);
        let (fragment, warnings) = checked.unwrap_or_else(|faults| panic!("{step}\n{faults}"));
        assert_eq!((fragment.steps.len(), warnings.len()), (1, 0), "{step}");
        let lines = fragment.steps[0].place.lines();
        assert_eq!((lines.first, lines.last), (2, 2), "{step}");
    }
}

#[test]
fn a_whole_product_is_taken_without_a_word() {
    let (product, warnings) = everything();
    assert_eq!(warnings, []);
    let names: Vec<&str> = product.fragments.iter().map(|fragment| fragment.name.as_str()).collect();
    assert_eq!(names, ["runtime", "server"], "in slot order, whatever the manifest's");
    let platforms: Vec<String> = product.manifest.platforms.iter().map(|one| one.to_string()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64", "linux/arm/v7"]);
    assert_eq!(product.fragments[0].folder(), "fragments/runtime/0.10.0");
    // A directive line at the top does not move anything.
    assert_eq!(product.fragments[0].steps[0].place.lines().first, 15);
}

#[test]
fn tests_arrive_as_they_are_written() {
    let (product, _) = everything();
    let named = |tests: &[Test]| -> Vec<String> {
        tests.iter().map(|test| format!("{} {}", test.name.value(), test.action.name())).collect()
    };
    let server = &product.fragments[1].tests;
    assert_eq!(
        named(server),
        [
            "starts run",
            "stops.at-first run",
            "script run",
            "argv run",
            "computes gpu",
            "fits gpu",
            "asks run"
        ]
    );
    assert_eq!(
        named(&product.template.as_ref().expect("a template").tests),
        ["clean files", "whole packages"]
    );
    assert_eq!(named(&product.manifest.tests), ["completes http", "is_asked http", "gets_ready http"]);
    let TestAction::Run(run) = &server[1].action else { panic!("a run") };
    assert_eq!(run.expect.exit_codes, [0, 3]);
    let branches = |matches: &Matches| matches.as_ref().map_or(0, |matches| matches.branches().count());
    assert_eq!((branches(&run.expect.stdout), branches(&run.expect.stderr)), (1, 2));
    assert!(product.manifest.tests[1].isolated && !product.manifest.tests[0].isolated);
    assert_eq!(server[2].when.platforms.len(), 1);
}

#[test]
fn the_strongest_value_of_an_argument_holds() {
    let (product, _) = everything();
    let amd64 = platform("linux/amd64");
    let (arguments, warnings) = product
        .arguments(&amd64, &amd64, &given(&[("APP_PORT", "9"), ("APP_PROT", "1"), ("BUILDKIT_X", "")]))
        .unwrap();
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("`APP_PROT`") && warnings[0].contains("`APP_PORT`"), "{warnings:?}");
    let server = arguments.fragment(1);
    assert_eq!(server.value("APP_PORT"), Some("9"));
    assert_eq!(server.value("DEBUG"), Some("true"));
    assert_eq!(server.value("LEVEL"), Some("info"));
    assert_eq!(server.value("TOKEN"), None);
    assert!(server.knows("TOKEN") && !server.knows("RELEASE") && !arguments.fragment(0).knows("APP_PORT"));
    assert_eq!(value(arguments.visible(0), "TARGETARCH"), Some("amd64"));
    assert_eq!(value(arguments.visible(1), "TARGETARCH"), None);
    let base = product.manifest.base.get(arguments.manifest()).unwrap();
    assert!(
        matches!(base, Base::Image(image) if image.to_string() == "docker.io/library/debian:bookworm-slim")
    );
}

#[test]
fn an_argument_that_is_not_allowed_is_refused_with_its_declaration() {
    let (product, _) = everything();
    let amd64 = platform("linux/amd64");
    let faults =
        product.arguments(&amd64, &amd64, &given(&[("APP_PORT", "70000"), ("RELEASE", "sid")])).unwrap_err();
    let lines: Vec<String> = faults.all().iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("fragments/server/1.2.0-rc.1/fragment.json:5:5: build argument `APP_PORT`"),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("`RELEASE` cannot be `sid` (expected one of `bookworm` and `trixie`)"),
        "{lines:?}"
    );
}

#[test]
fn the_environment_grows_from_the_base_upwards() {
    let (product, _) = everything();
    let (target, build) = (platform("linux/arm/v7"), platform("linux/amd64"));
    let (arguments, _) = product.arguments(&target, &build, &BTreeMap::new()).unwrap();
    let levels = product.environments(&arguments, &base_env()).unwrap();
    let runtime = &levels.fragments[0];
    assert_eq!(value(&runtime.env, "PATH"), Some("/opt/venv/bin:/usr/bin:/bin"));
    assert_eq!(value(&runtime.env, "COST"), Some("5$"));
    assert_eq!(value(&runtime.env, "WHERE"), Some("C.UTF-8/arm/v7"));
    let names: Vec<&str> = runtime.set.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["PATH", "VIRTUAL_ENV", "COST", "WHERE"], "in the order written");
    let server = &levels.fragments[1];
    assert_eq!(value(&server.env, "APP_URL"), Some("http://localhost:8081/none"));
    assert_eq!(value(&server.env, "LOG"), Some("warn"));
    assert_eq!(value(&levels.manifest.env, "PRODUCT"), Some("everything-bookworm"));
    let process = server.process_env(&product.fragments[1].env[..0].to_vec()).unwrap();
    assert_eq!(value(&process, "APP_PORT"), Some("8081"));
    assert_eq!(value(&server.env, "APP_PORT"), None, "arguments are no part of the image's environment");
}

#[test]
fn branches_and_conditions_follow_platform_and_accelerator() {
    let (product, _) = everything();
    let index = |text: &str| {
        let (arguments, _) =
            product.arguments(&platform(text), &platform("linux/amd64"), &BTreeMap::new()).unwrap();
        let levels = product.environments(&arguments, &base_env()).unwrap();
        let Action::Pip(pip) = &product.fragments[0].steps[1].action else { panic!("not pip") };
        let scope = &levels.fragments[0].scope;
        let PipLocation::Venv(venv) = &pip.location else { panic!("not a venv") };
        assert_eq!(venv.get(scope).unwrap().as_str(), "/opt/venv");
        let runs = product.fragments[1].steps[2].when.holds(&levels.fragments[1].scope);
        (pip.index.given(scope).unwrap().unwrap().to_string(), runs)
    };
    assert_eq!(index("linux/amd64"), ("https://h/cu121".to_owned(), true));
    assert_eq!(index("linux/arm64"), ("https://h/sbsa".to_owned(), false));
}

#[test]
fn an_expansion_is_checked_when_it_happens() {
    let text = r#"{"name": "f", "version": "0.1.0", "args": {"MODE": "rwx", "TOKEN": {}}, "steps": [
      {"mkdir": {"path": "/a", "chmod": "${MODE}"}},
      {"mkdir": {"path": "/${NO}"}},
      {"mkdir": {"path": "/${TOKEN}"}},
      {"mkdir": {"path": "/${TOKEN:?no token, no folder}"}}]}"#;
    let file = SourceFile::new("f", text.as_bytes());
    let (fragment, _) = RawFragment::parse(&file).and_then(Fragment::check).unwrap();
    let (mut product, _) = everything();
    product.fragments = vec![fragment];
    let amd64 = platform("linux/amd64");
    let (arguments, _) = product.arguments(&amd64, &amd64, &BTreeMap::new()).unwrap();
    let scope = arguments.fragment(0);
    let fault = |index: usize| {
        let Action::Mkdir(mkdir) = &product.fragments[0].steps[index].action else { panic!("not mkdir") };
        let mode = mkdir.chmod.given(scope).map(|_| ());
        mode.and(mkdir.path.get(scope).map(|_| ())).unwrap_err().to_string()
    };
    assert!(fault(0).starts_with("f:2:41: after expansion, `rwx` is not a file mode"), "{}", fault(0));
    assert!(fault(1).starts_with("f:3:28: unknown variable `NO`"), "{}", fault(1));
    assert!(fault(2).starts_with("f:4:28: argument `TOKEN` has no value"), "{}", fault(2));
    assert!(fault(3).starts_with("f:5:28: `TOKEN`: no token, no folder"), "{}", fault(3));
}

#[test]
fn shell_text_is_left_to_the_shell() {
    let file = SourceFile::new("f", fragment_of_step(r#"{"run": ["echo ${A} $$", "true"]}"#).into_bytes());
    let (fragment, _) = RawFragment::parse(&file).and_then(Fragment::check).unwrap();
    let Action::Run(run) = &fragment.steps[0].action else { panic!("not run") };
    let Some(Command::Shell(lines)) = run.command.as_same() else { panic!("not shell text") };
    assert_eq!(lines.iter().map(|line| line.as_str()).collect::<Vec<_>>(), ["echo ${A} $$", "true"]);
    assert_eq!(lines[1].place().start().column, 26);
}

#[test]
fn arguments_across_documents_that_need_each_other_are_found() {
    let (mut product, _) = everything();
    let text =
        r#"{"name": "f", "version": "0.1.0", "args": {"APP_PORT": "${RELEASE}", "RELEASE": "${APP_PORT}x"}}"#;
    let text = text.replace("\"RELEASE\": \"${APP_PORT}x\"", "\"RELEASE\": {}");
    let file = SourceFile::new("f", text.into_bytes());
    product.fragments = vec![RawFragment::parse(&file).and_then(Fragment::check).unwrap().0];
    let manifest = r#"{"id": "m", "base": "scratch", "fragments": [], "args": {"RELEASE": "${APP_PORT}"}}"#;
    let raw = RawManifest::parse(&SourceFile::new("m.json", manifest.as_bytes())).unwrap();
    product.manifest = Manifest::check(raw).unwrap().0;
    let amd64 = platform("linux/amd64");
    let faults = product.arguments(&amd64, &amd64, &BTreeMap::new()).unwrap_err().to_string();
    assert!(faults.contains("variables need each other"), "{faults}");
}

#[test]
fn warnings_name_what_is_probably_meant() {
    let manifest = r#"{"id": "m", "base": "debian", "args": {"PROT": "1"}, "env": {"PATH": "/x"},
                       "fragments": [{"name": "f", "version": "0.1.0"}]}"#;
    let fragment = r#"{"name": "f", "version": "0.1.0", "args": {"PORT": "80"}}"#;
    let (_, warnings): (Product, _) =
        catalogue::product("m.json", manifest, &[("fragments/f/0.1.0/fragment.json", fragment)]).unwrap();
    let lines: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(
        lines[0],
        "m.json:1:40: argument `PROT` is used by nothing in this product (did you mean `PORT`?)"
    );
    assert!(lines[1].starts_with("m.json:1:70: `PATH` does not hold `${PATH}`"), "{lines:?}");
}

/// The examples of `docs/manifest.md` are documents, each complete.
#[test]
fn the_examples_of_the_reference_are_right() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/manifest.md");
    let text = std::fs::read_to_string(path).unwrap();
    let examples: Vec<&str> =
        text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 6, "only {} examples", examples.len());
    for example in examples {
        let id = example.split("\"id\": \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("f");
        let file = SourceFile::new(format!("{id}.json"), example.as_bytes());
        let result = match (example.contains("\"base\""), example.contains("\"slots\"")) {
            (true, _) => RawManifest::parse(&file).and_then(Manifest::check).map(|(_, warnings)| warnings),
            (_, true) => RawTemplate::parse(&file).and_then(Template::check).map(|(_, warnings)| warnings),
            _ => RawFragment::parse(&file).and_then(Fragment::check).map(|(_, warnings)| warnings),
        };
        assert_eq!(result.unwrap_or_else(|faults| panic!("{}", faults.excerpts())), [], "{example}");
    }
}
