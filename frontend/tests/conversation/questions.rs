//! Conversations about `--check` and `--call=graph`: what is asked of BuildKit for them, and what is answered.

use frontend::gateway::BuildResult;
use frontend::status::Status;
use serde_json::Value;

use crate::fixture::{CONFIG, DIGEST, build, outcome, product};
use crate::scripted::{Call, Scripted, local_source};

const CHECK: (&str, &str) = ("requestid", "frontend.lint");
const GRAPH: (&str, &str) = ("requestid", "frontend.graph");

fn json(result: &BuildResult) -> Value {
    serde_json::from_slice(&result.metadata["result.json"]).unwrap()
}

fn text(result: &BuildResult) -> String {
    String::from_utf8(result.metadata["result.txt"].clone()).unwrap()
}

fn status(result: &BuildResult) -> &str {
    std::str::from_utf8(&result.metadata["result.statuscode"]).unwrap()
}

/// The product with this fragment in the place of `web`.
fn with_web(members: &str) -> Scripted {
    let mut gateway = product();
    let web = format!(r#"{{"name": "web", "version": "1.0.0", {members}}}"#);
    gateway.file("context", "fragments/web/1.0.0/fragment.json", web);
    gateway
}

/// The base by its digest, so that nothing is doubtful about it.
fn pinned(gateway: &mut Scripted) {
    let manifest = format!(
        r#"{{"id": "app", "base": "debian:12@{DIGEST}", "platforms": ["linux/amd64", "linux/arm64"],
            "fragments": [{{"name": "core", "version": "1.0.0"}}, {{"name": "web", "version": "1.0.0"}}]}}"#
    );
    gateway.file("dockerfile", "manifests/app.json", manifest);
    let base = format!("docker-image://docker.io/library/debian:12@{DIGEST}");
    gateway.image(&base, DIGEST, CONFIG);
    gateway.image(&format!("{base} linux/arm64"), DIGEST, crate::fixture::ARM64_CONFIG);
}

/// `rule` and what each warning says of it; every location is in range, or a client would fall over.
fn warnings(result: &BuildResult) -> Vec<(String, String)> {
    let json = json(result);
    let sources = json["sources"].as_array().unwrap().len() as u64;
    assert!(sources > 0);
    let in_range = |one: &Value| {
        let location = &one["location"];
        assert!(location["sourceIndex"].as_u64().unwrap() < sources, "{one}");
        assert!(location["ranges"][0]["start"]["line"].as_u64().unwrap() >= 1, "{one}");
        assert!(location["ranges"][0]["end"]["line"].as_u64().unwrap() >= 1, "{one}");
    };
    if json.get("buildError").is_some() {
        in_range(&json["buildError"]);
    }
    let warnings = json["warnings"].as_array().unwrap();
    let said = |one: &Value| {
        in_range(one);
        (one["ruleName"].as_str().unwrap().to_owned(), one["detail"].as_str().unwrap().to_owned())
    };
    warnings.iter().map(said).collect()
}

fn rules(result: &BuildResult) -> Vec<String> {
    warnings(result).into_iter().map(|(rule, _)| rule).collect()
}

fn build_error(result: &BuildResult) -> String {
    json(result)["buildError"]["message"].as_str().unwrap_or_default().to_owned()
}

/// Whether anything but local folders was solved.
fn solved(gateway: &Scripted) -> bool {
    gateway.matching("Solve").iter().any(|call| match call {
        Call::Solve(request) => local_source(&request.definition).is_none(),
        _ => false,
    })
}

#[test]
fn nothing_doubtful_is_status_0() {
    let mut gateway = product();
    pinned(&mut gateway);
    let result = build(&gateway, &[CHECK]);
    assert_eq!((status(&result), build_error(&result)), ("0", String::new()), "{}", json(&result));
    assert_eq!(rules(&result), Vec::<String>::new());
    assert!(!solved(&gateway), "{:?}", gateway.levels());
    assert!(gateway.matching("Warn").is_empty(), "what is found is the answer");
}

#[test]
fn every_platform_of_the_product_is_checked_and_only_those_that_are_asked_for() {
    let mut gateway = product();
    gateway.images.remove("docker-image://docker.io/library/debian:12 linux/arm64");
    gateway.images.remove("docker-image://docker.io/library/debian:12");
    gateway.image("docker-image://docker.io/library/debian:12 linux/amd64", DIGEST, CONFIG);
    let result = build(&gateway, &[CHECK]);
    assert_eq!(status(&result), "1");
    let error = build_error(&result);
    assert!(error.starts_with("manifests/app.json:4:11: image `debian:12` cannot be resolved:"), "{error}");
    assert_eq!(rules(&result), ["unpinned-image"], "the rest is looked at all the same");
    let result = build(&gateway, &[CHECK, ("platform", "linux/amd64")]);
    assert_eq!(build_error(&result), "");
}

#[test]
fn what_only_the_plan_shows_is_found_with_all_the_rest() {
    let gateway = with_web(
        r#""steps": [
            {"file": {"path": "/x", "content": "${NOBODY_SETS_THIS}", "expand": true}},
            {"copy": {"src": "nowhere.txt", "dest": "/"}},
            {"copy": {"from": "context:nobody", "src": "x", "dest": "/"}},
            {"run": "sudo ls"}
        ]"#,
    );
    let result = build(&gateway, &[CHECK]);
    let error = build_error(&result);
    assert!(error.contains("NOBODY_SETS_THIS"), "{error}");
    assert!(rules(&result).contains(&"sudo".to_owned()), "{:?}", rules(&result));
    assert!(outcome(&gateway, &[]).is_err(), "a build refuses it, too");
    let gateway = with_web(
        r#""steps": [{"copy": {"src": "nowhere.txt", "dest": "/"}}, {"copy": {"src": "app.py", "dest": "/"}}]"#,
    );
    let error = build_error(&build(&gateway, &[CHECK]));
    assert!(error.contains("nowhere.txt"), "own files are looked at: {error}");
    let gateway = with_web(r#""steps": [{"copy": {"from": "context:nobody", "src": "x", "dest": "/"}}]"#);
    let error = build_error(&build(&gateway, &[CHECK]));
    assert!(error.contains("named context `nobody` was not given"), "{error}");
    assert_eq!(error.lines().count(), 1, "said once for both platforms: {error}");
}

#[test]
fn stages_that_the_product_does_without_are_checked_unless_a_target_is_named() {
    let gateway = with_web(
        r#""stages": {"lonely": {"base": "golang:1.23", "steps": [{"run": "true"}]}}, "steps": [{"run": "true"}]"#,
    );
    let error = build_error(&build(&gateway, &[CHECK]));
    assert!(error.contains("image `golang:1.23` cannot be resolved"), "{error}");
    assert_eq!(build_error(&build(&gateway, &[CHECK, ("target", "fragment/core")])), "");
    let unknown = build(&gateway, &[CHECK, ("target", "fragment/cor")]);
    assert!(build_error(&unknown).contains("did you mean `fragment/core`?"), "{}", build_error(&unknown));
}

#[test]
fn a_product_on_scratch_needs_no_image() {
    let mut gateway = with_web(r#""steps": [{"file": {"path": "/x", "content": "x"}}]"#);
    let manifest = r#"{"id": "app", "base": "scratch", "fragments": [{"name": "web", "version": "1.0.0"}]}"#;
    gateway.file("dockerfile", "manifests/app.json", manifest);
    let result = build(&gateway, &[CHECK]);
    assert_eq!(status(&result), "0", "{}", json(&result));
    assert!(gateway.matching("Resolve").is_empty());
}

#[test]
fn warnings_carry_what_clients_show() {
    let mut gateway = with_web(r#""steps": [{"run": "sudo ls"}]"#);
    pinned(&mut gateway);
    let result = build(&gateway, &[CHECK]);
    assert_eq!(status(&result), "1");
    let json = json(&result);
    let [warning] = &json["warnings"].as_array().unwrap()[..] else { panic!("{json}") };
    assert_eq!(warning["ruleName"], "sudo");
    assert_eq!(warning["severity"], "warning");
    assert_eq!(warning["url"], "https://factory.invalid/docs/rules/sudo.md");
    assert_eq!(warning["description"], "`sudo` in a step, which runs as root anyway");
    let index = warning["location"]["sourceIndex"].as_u64().unwrap() as usize;
    assert_eq!(json["sources"][index]["filename"], "fragments/web/1.0.0/fragment.json");
    let text = text(&result);
    assert!(text.starts_with("WARNING: sudo - https://factory.invalid/docs/rules/sudo.md\n"), "{text}");
}

#[test]
fn files_of_fragments_are_looked_into() {
    let mut gateway =
        with_web(r#""steps": [{"pip": {"requirements": "requirements.txt"}}, {"run": {"script": "x.sh"}}]"#);
    pinned(&mut gateway);
    gateway.file("context", "fragments/web/1.0.0/requirements.txt", "idna==3.7\nsix\n");
    gateway.file("context", "fragments/web/1.0.0/x.sh", "#!/bin/sh\nsudo ls\n");
    let result = build(&gateway, &[CHECK]);
    let json = json(&result);
    let at = |rule: &str| {
        let one = json["warnings"].as_array().unwrap().iter().find(|one| one["ruleName"] == rule).unwrap();
        let index = one["location"]["sourceIndex"].as_u64().unwrap() as usize;
        (json["sources"][index]["filename"].clone(), one["location"]["ranges"][0]["start"]["line"].clone())
    };
    assert_eq!(at("unpinned-pip"), ("fragments/web/1.0.0/requirements.txt".into(), 2.into()));
    assert_eq!(at("sudo"), ("fragments/web/1.0.0/x.sh".into(), 2.into()));
}

#[test]
fn faults_of_files_come_with_the_warnings_beside_them() {
    let gateway = with_web(r#""env": {"PATH": "/x"}, "steps": [{"rnu": "x"}]"#);
    let result = build(&gateway, &[CHECK]);
    assert!(build_error(&result).contains("unknown action `rnu`"), "{}", json(&result));
    assert_eq!(rules(&result), ["path-clobbered"]);
    let told = outcome(&gateway, &[]).unwrap_err();
    assert!(!told.message().contains("PATH"), "a build that fails tells of faults: {}", told.message());
}

#[test]
fn rules_are_skipped_by_the_client_and_by_the_files() {
    let gateway = with_web(
        r#""check": {"skip": {"sudo": "it is what is tested"}}, "steps": [{"run": "sudo chmod 777 /x"}]"#,
    );
    assert_eq!(rules(&build(&gateway, &[CHECK])), ["world-writable", "unpinned-image"]);
    let skip = |text: &'static str| [CHECK, ("build-arg:BUILDKIT_DOCKERFILE_CHECK", text)];
    assert_eq!(rules(&build(&gateway, &skip("skip=world-writable"))), ["unpinned-image"]);
    let none = build(&gateway, &skip("skip=all"));
    assert_eq!((rules(&none), status(&none)), (Vec::new(), "0"));
    let unknown = build(&gateway, &skip("skip=JSONArgsRecommended,world-writable,unpinned-imge"));
    let said = warnings(&unknown);
    assert_eq!(rules(&unknown), ["unknown-rule", "unknown-rule", "unpinned-image"]);
    assert!(said.iter().any(|(_, detail)| detail.contains("did you mean `unpinned-image`?")), "{said:?}");
}

#[test]
fn a_build_says_warnings_with_their_pages_and_no_notes() {
    let gateway = with_web(r#""steps": [{"run": "sudo ls"}]"#);
    build(&gateway, &[]);
    let [Call::Warn(warning)] = &gateway.matching("Warn")[..] else { panic!("{:?}", gateway.levels()) };
    assert!(warning.short.starts_with("sudo: steps run as root"), "{}", warning.short);
    assert_eq!(warning.url, "https://factory.invalid/docs/rules/sudo.md");
    let gateway = with_web(r#""steps": [{"run": "sudo ls"}]"#);
    build(&gateway, &[("build-arg:BUILDKIT_DOCKERFILE_CHECK", "skip=sudo")]);
    assert!(gateway.matching("Warn").is_empty());
}

fn refused(gateway: &Scripted, options: &[(&str, &str)]) -> Status {
    outcome(gateway, options).expect_err("the build is refused")
}

#[test]
fn with_error_a_build_ends_with_what_a_check_finds() {
    const ERROR: (&str, &str) = ("build-arg:BUILDKIT_DOCKERFILE_CHECK", "error=true");
    let mut gateway = with_web(r#""steps": [{"pip": {"requirements": "requirements.txt"}}]"#);
    gateway.file("context", "fragments/web/1.0.0/requirements.txt", "six\n");
    let told = refused(&gateway, &[ERROR]);
    assert!(
        told.message().contains("fragments/web/1.0.0/requirements.txt:1:1: `pip` installs"),
        "{}",
        told.message()
    );
    assert!(told.message().contains("`debian:12` has no digest"), "{}", told.message());
    assert!(!told.details().is_empty(), "the lines are shown");
    assert!(!solved(&gateway));
    let skipped = ("build-arg:BUILDKIT_DOCKERFILE_CHECK", "skip=unpinned-pip,unpinned-image;error=true");
    build(&gateway, &[skipped]);
    // A check says the same as before: it is for looking.
    let result = build(&gateway, &[CHECK, ERROR]);
    assert_eq!((build_error(&result), rules(&result).len()), (String::new(), 2));
}

#[test]
fn a_manifest_names_the_rules_that_end_its_builds() {
    let mut gateway = with_web(r#""steps": [{"run": "sudo chmod 777 /x"}]"#);
    let manifest = r#"{"id": "app", "base": "debian:12", "fragments": [{"name": "web", "version": "1.0.0"}],
        "check": {"skip": ["world-writable"], "error": ["sudo", "world-writable", "sduo"]}}"#;
    gateway.file("dockerfile", "manifests/app.json", manifest);
    let told = refused(&gateway, &[]);
    assert_eq!(told.message().lines().count(), 1, "{}", told.message());
    assert!(told.message().contains("steps run as root"), "{}", told.message());
    build(&gateway, &[("build-arg:BUILDKIT_DOCKERFILE_CHECK", "error=false")]);
}

#[test]
fn a_graph_has_what_a_build_solves_and_solves_nothing() {
    let gateway = product();
    let result = build(&gateway, &[GRAPH, ("platform", "linux/amd64,linux/arm64")]);
    assert!(!solved(&gateway), "{:?}", gateway.levels());
    let json = json(&result);
    let digests: std::collections::BTreeSet<&str> =
        json["vertices"].as_array().unwrap().iter().map(|one| one["digest"].as_str().unwrap()).collect();
    let gateway = product();
    build(&gateway, &[("platform", "linux/amd64,linux/arm64")]);
    let mut ops = 0;
    for call in gateway.matching("Solve") {
        let Call::Solve(request) = call else { continue };
        if local_source(&request.definition).is_some() {
            continue;
        }
        // The last op names the result.
        for op in request.definition.def.iter().rev().skip(1) {
            let digest = llb_gen::llb::OpDigest::of(op).to_string();
            assert!(digests.contains(digest.as_str()), "{digest}");
            ops += 1;
        }
    }
    assert!(ops > digests.len(), "the platforms share vertices: {ops} of {}", digests.len());
    let text = text(&result);
    assert!(text.starts_with("app: "), "{text}");
    assert!(text.contains("\ncore 1.0.0\n") && text.contains("\nresult linux/arm64: "), "{text}");
    assert!(text.lines().all(|line| line.chars().count() < 160), "{text}");
}

#[test]
fn a_graph_is_of_the_target_and_in_the_format_that_is_asked_for() {
    let gateway = product();
    let whole = json(&build(&gateway, &[GRAPH]));
    let part = build(&gateway, &[GRAPH, ("target", "fragment/core"), ("build-arg:FACTORY_FORMAT", "dot")]);
    assert!(json(&part)["vertices"].as_array().unwrap().len() < whole["vertices"].as_array().unwrap().len());
    assert!(text(&part).starts_with("digraph \"app, target fragment/core\" {\n"), "{}", text(&part));
    let mermaid = build(&gateway, &[GRAPH, ("build-arg:FACTORY_FORMAT", "mermaid")]);
    assert!(text(&mermaid).starts_with("flowchart BT\n"), "{}", text(&mermaid));
    let told = refused(&gateway, &[CHECK, ("build-arg:FACTORY_FORMAT", "dot")]);
    assert!(
        told.message().contains("a format of `--call=graph`, not of `--call=lint`"),
        "{}",
        told.message()
    );
}

#[test]
fn prewarm_solves_without_tests() {
    let mut gateway = product();
    let manifest = r#"{"id": "app", "base": "debian:12", "template": {"id": "t", "version": "1.0.0"},
        "fragments": {"core": "1.0.0", "web": "1.0.0"}, "tests": [{"name": "x", "run": "x"}]}"#;
    let template = r#"{"id": "t", "version": "1.0.0", "slots": ["core", {"name": "web", "volatile": true}]}"#;
    gateway.file("dockerfile", "manifests/app.json", manifest);
    gateway.file("context", "manifests/templates/t/1.0.0.json", template);
    build(&gateway, &[("target", "prewarm")]);
    assert!(gateway.matching("Solve tests").is_empty());
    let graph = json(&build(&gateway, &[GRAPH, ("target", "prewarm")]));
    let groups: Vec<&str> =
        graph["vertices"].as_array().unwrap().iter().map(|one| one["group"].as_str().unwrap()).collect();
    assert!(groups.contains(&"core 1.0.0") && !groups.contains(&"web 1.0.0"), "{groups:?}");
}
