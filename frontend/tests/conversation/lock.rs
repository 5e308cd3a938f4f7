//! Locks: the question that makes one, the build that finds it, and what is said of one that does not fit any more.

use bollard_buildkit_proto::pb;
use frontend::gateway::{BuildResult, SolveRequest};
use prost::Message as _;
use serde_json::{Value, json};

use crate::fixture::{ARM64_CONFIG, CONFIG, DIGEST, OPENING, OTHER_DIGEST, build, outcome};
use crate::scripted::{Call, Scripted, local_source};

const LOCK: (&str, &str) = ("requestid", "frontend.lock");
const UPDATE: (&str, &str) = ("build-arg:FACTORY_LOCK_UPDATE", "1");
const STRICT: (&str, &str) = ("build-arg:FACTORY_LOCKED", "1");
const PATH: &str = "manifests/app.lock.json";
const DEBIAN: &str = "docker-image://docker.io/library/debian:12";
const TOOLS: &str = "docker-image://docker.io/library/tools:1";

/// A product with packages of both kinds and files of another image.
fn product() -> Scripted {
    let mut gateway = Scripted::new();
    let manifest = r#"{"id": "app", "base": "debian:12", "platforms": ["linux/amd64"],
        "fragments": [{"name": "core", "version": "1.0.0"}, {"name": "web", "version": "1.0.0"}]}"#;
    gateway.file("dockerfile", "manifests/app.json", manifest);
    apt(&mut gateway, "curl");
    let web = r#"{"name": "web", "version": "1.0.0", "steps": [
        {"pip": {"requirements": "requirements.txt"}},
        {"copy": {"from": "image:tools:1", "src": "t", "dest": "/t"}}]}"#;
    gateway.file("context", "fragments/web/1.0.0/fragment.json", web);
    gateway.file(
        "context",
        "fragments/web/1.0.0/requirements.txt",
        "idna\n--extra-index-url https://x.org/simple\n",
    );
    for image in [DEBIAN, TOOLS] {
        gateway.image(image, DIGEST, CONFIG);
        gateway.image(&format!("{image} linux/arm64"), DIGEST, ARM64_CONFIG);
        gateway.image(&format!("{image}@{DIGEST} linux/arm64"), DIGEST, ARM64_CONFIG);
    }
    answers(&mut gateway, "7.88-1");
    gateway
}

fn apt(gateway: &mut Scripted, package: &str) {
    let core = format!(
        r#"{{"name": "core", "version": "1.0.0", "steps": [{{"apt": {{"install": "{package}"}}}}]}}"#
    );
    gateway.file("context", "fragments/core/1.0.0/fragment.json", core);
}

/// What apt and pip say when they are asked.
fn answers(gateway: &mut Scripted, version: &str) {
    gateway.built("simulated", format!("Inst curl ({version} Debian:12/stable [amd64])\n"));
    let hex = DIGEST.trim_start_matches("sha256:");
    let report = json!({"version": "1", "install": [{
        "metadata": {"name": "idna", "version": "3.7"},
        "download_info": {"url": "https://x.org/idna.whl", "archive_info": {"hashes": {"sha256": hex}}}
    }]});
    gateway.built("report.json", report.to_string());
}

/// The product with the lock that is made for it.
fn locked() -> Scripted {
    let document = document(&build(&product(), &[LOCK]));
    let mut gateway = product();
    gateway.file("dockerfile", PATH, document.clone());
    gateway.file("context", PATH, document);
    gateway
}

fn answer(result: &BuildResult) -> Value {
    serde_json::from_slice(&result.metadata["result.json"]).unwrap()
}

fn document(result: &BuildResult) -> String {
    answer(result)["document"].as_str().unwrap().to_owned()
}

fn text(result: &BuildResult) -> String {
    String::from_utf8(result.metadata["result.txt"].clone()).unwrap()
}

fn status(result: &BuildResult) -> &[u8] {
    &result.metadata["result.statuscode"]
}

/// The solves of execs and images.
fn solves(gateway: &Scripted) -> Vec<SolveRequest> {
    let solves = gateway.matching("Solve").into_iter().filter_map(|call| match call {
        Call::Solve(request) if local_source(&request.definition).is_none() => Some(request),
        _ => None,
    });
    solves.collect()
}

fn sources(request: &SolveRequest) -> Vec<String> {
    let ops = request.definition.def.iter().map(|op| pb::Op::decode(op.as_slice()).unwrap());
    let sources = ops.filter_map(|op| match op.op {
        Some(pb::op::Op::Source(source)) if source.identifier.starts_with("docker-image") => {
            Some(source.identifier)
        }
        _ => None,
    });
    let mut sources: Vec<String> = sources.filter(|one| !one.contains("frontend")).collect();
    sources.sort();
    sources
}

fn scripts(request: &SolveRequest) -> String {
    let ops = request.definition.def.iter().map(|op| pb::Op::decode(op.as_slice()).unwrap());
    let scripts = ops.filter_map(|op| match op.op {
        Some(pb::op::Op::Exec(exec)) => exec.meta.unwrap().args.last().cloned(),
        _ => None,
    });
    scripts.collect::<Vec<_>>().join("\n")
}

fn warnings(gateway: &Scripted) -> Vec<String> {
    gateway.matching("Warn").iter().map(Call::short).collect()
}

#[test]
fn every_name_is_resolved_where_it_will_be_used() {
    let gateway = product();
    let result = build(&gateway, &[LOCK]);
    assert_eq!(status(&result), b"1", "there was no lock");
    let asked = solves(&gateway);
    assert_eq!(asked.len(), 2, "apt, and then pip on what apt has made");
    assert!(asked.iter().all(|one| one.evaluate));
    assert!(scripts(&asked[0]).contains("--simulate install 'curl'"), "{}", scripts(&asked[0]));
    assert!(scripts(&asked[1]).contains("Preferences"), "the root is what a locked build makes");
    assert!(scripts(&asked[1]).contains("--dry-run --report"));
    let lock: Value = serde_json::from_str(&document(&result)).unwrap();
    assert_eq!(lock["images"]["docker.io/library/debian:12"]["digest"], DIGEST);
    assert_eq!(lock["images"]["docker.io/library/tools:1"]["platforms"]["linux/amd64"]["os"], "linux");
    let step = |id: &str| lock["fragments"][id]["linux/amd64"]["steps"]["steps/0"].clone();
    assert_eq!(step("core 1.0.0"), json!({"asked": ["curl"], "apt": {"curl": "7.88-1"}}));
    let pip = step("web 1.0.0")["pip"].clone();
    assert_eq!(pip["packages"]["idna"], json!({"version": "3.7", "hashes": [DIGEST]}));
    assert_eq!(pip["options"], json!(["--extra-index-url https://x.org/simple"]));
    assert!(pip["files"]["requirements.txt"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(lock["fragments"]["web 1.0.0"]["linux/amd64"]["built_on"], json!(["debian:12", "core 1.0.0"]));
    let text = text(&result);
    assert!(
        text.contains("+ apt curl 7.88-1 (core, linux/amd64)\n") && text.contains("+ image debian:12"),
        "{text}"
    );
    assert_eq!(document(&build(&product(), &[LOCK])), document(&result), "the same names, the same bytes");
}

#[test]
fn a_build_finds_its_lock_and_waits_for_no_registry() {
    let free = product();
    build(&free, &[]);
    let gateway = locked();
    build(&gateway, &[STRICT]);
    assert_eq!(gateway.matching("Resolve"), []);
    let levels = gateway.levels();
    assert_eq!(levels.len(), free.levels().len() - 1, "{levels:#?}");
    let expected: [&[&str]; 6] = [
        OPENING[0],
        OPENING[1],
        &[
            "ReadFile fragments/core/1.0.0/fragment.json",
            "ReadFile fragments/web/1.0.0/fragment.json",
            "ReadFile fragments/web/1.0.0/requirements.txt",
            "StatFile fragments/core/1.0.0/fragment.json",
            "StatFile fragments/web/1.0.0/fragment.json",
            "StatFile fragments/web/1.0.0/requirements.txt",
        ],
        &["Solve", "Solve context:fragments:manifests/app.json"],
        &["ReadDir fragments/web/1.0.0"],
        &["Return"],
    ];
    assert_eq!(levels, expected);
    let [solve] = &solves(&gateway)[..] else { panic!("one definition") };
    assert_eq!(sources(solve), [format!("{DEBIAN}@{DIGEST}"), format!("{TOOLS}@{DIGEST}")], "tag and digest");
    assert!(scripts(solve).contains("--require-hashes -r /.factory/lock/requirements.txt"));
}

#[test]
fn a_lock_that_fits_is_left_alone() {
    let gateway = locked();
    let result = build(&gateway, &[LOCK]);
    assert_eq!(
        (status(&result), text(&result).as_str()),
        (&b"0"[..], "manifests/app.lock.json is up to date.\n")
    );
    assert!(solves(&gateway).is_empty() && gateway.matching("Resolve").is_empty(), "nothing is asked");
    assert_eq!(answer(&result)["changes"], json!([]));
}

#[test]
fn an_update_asks_everything_anew_and_shows_what_changed() {
    let mut gateway = locked();
    answers(&mut gateway, "7.88-2");
    assert_eq!(status(&build(&gateway, &[LOCK])), b"0", "what fits is kept");
    let mut gateway = locked();
    answers(&mut gateway, "7.88-2");
    for image in [DEBIAN, TOOLS] {
        gateway.image(image, OTHER_DIGEST, CONFIG);
    }
    let result = build(&gateway, &[LOCK, UPDATE]);
    assert_eq!(status(&result), b"1");
    let expected = format!(
        "~ image debian:12 {DIGEST} -> {OTHER_DIGEST}\n~ image tools:1 {DIGEST} -> {OTHER_DIGEST}\n\
         ~ apt curl 7.88-1 -> 7.88-2 (core, linux/amd64)\n"
    );
    assert_eq!(text(&result), expected);
}

#[test]
fn what_drifts_is_warned_of_or_refused_and_the_rest_stays() {
    let drifted = || {
        let mut gateway = locked();
        apt(&mut gateway, "wget");
        gateway
    };
    let gateway = drifted();
    build(&gateway, &[]);
    let told = warnings(&gateway);
    let [one] = &told[..] else { panic!("{told:?}") };
    assert!(
        one.contains("lock-drift: this step is locked for something else: new `wget`; gone `curl`"),
        "{one}"
    );
    assert!(one.ends_with("(fragments/core/1.0.0/fragment.json:1)"), "{one}");
    let scripts = scripts(&solves(&gateway)[0]);
    assert!(!scripts.contains("Preferences") && scripts.contains("--require-hashes"), "{scripts}");
    let error = outcome(&drifted(), &[STRICT]).unwrap_err();
    assert!(error.message().contains("fragments/core/1.0.0/fragment.json:1:"), "{}", error.message());
    assert!(error.message().contains("`factory lock app`"), "{}", error.message());
    let again = build(&drifted(), &[LOCK]);
    assert!(
        text(&again).contains("~ asked steps/0 [curl] -> [wget] (core, linux/amd64)"),
        "{}",
        text(&again)
    );
}

#[test]
fn a_requirements_file_that_changed_is_noticed_without_waiting_longer() {
    let mut gateway = locked();
    gateway.file("context", "fragments/web/1.0.0/requirements.txt", "idna<3\n");
    build(&gateway, &[]);
    let told = warnings(&gateway);
    assert!(told[0].contains("`requirements.txt` is not the file that this step is locked for"), "{told:?}");
    let error = outcome(&gateway, &[STRICT]).unwrap_err();
    assert!(error.message().contains("`requirements.txt`"), "{}", error.message());
}

#[test]
fn another_platform_is_added_from_the_same_index() {
    let mut gateway = locked();
    let manifest = r#"{"id": "app", "base": "debian:12", "platforms": ["linux/amd64", "linux/arm64"],
        "fragments": [{"name": "core", "version": "1.0.0"}, {"name": "web", "version": "1.0.0"}]}"#;
    gateway.file("dockerfile", "manifests/app.json", manifest);
    let result = build(&gateway, &[("platform", "linux/arm64"), LOCK]);
    let lock: Value = serde_json::from_str(&document(&result)).unwrap();
    let platforms = lock["images"]["docker.io/library/debian:12"]["platforms"].as_object().unwrap();
    assert_eq!(platforms.keys().collect::<Vec<_>>(), ["linux/amd64", "linux/arm64"]);
    assert!(text(&result).contains("+ apt curl 7.88-1 (core, linux/arm64)"), "{}", text(&result));
    assert!(gateway.matching(&format!("Resolve {DEBIAN}@{DIGEST}")).len() == 1, "{:?}", gateway.levels());
}

#[test]
fn a_lock_can_be_done_without_and_can_be_demanded() {
    let gateway = locked();
    build(&gateway, &[("build-arg:FACTORY_LOCKED", "off")]);
    assert_eq!(gateway.matching("Resolve").len(), 2);
    assert_eq!(gateway.matching("ReadFile manifests/app.lock.json"), [], "not even looked at");
    let error = outcome(&product(), &[STRICT]).unwrap_err();
    assert!(error.message().contains("`app` has no lock"), "{}", error.message());
    let error = outcome(&product(), &[("build-arg:FACTORY_LOCKED", "perhaps")]).unwrap_err();
    assert!(error.message().contains("`perhaps` is neither"), "{}", error.message());
}

#[test]
fn faults_of_the_lock_and_of_the_manifest_are_told_together() {
    let mut gateway = locked();
    gateway.file("dockerfile", PATH, "{\"schema_version\": 1, \"manifest\": \"app\", \"image\": {}}");
    gateway.file("dockerfile", "manifests/app.json", "{\"id\": \"app\", \"base\": 1}");
    let error = outcome(&gateway, &[]).unwrap_err();
    let told = error.message();
    assert!(told.contains("manifests/app.lock.json:1:") && told.contains("did you mean `images`?"), "{told}");
    assert!(told.contains("manifests/app.json:1:"), "{told}");
}

#[test]
fn a_broken_lock_is_no_obstacle_to_a_new_one() {
    let mut gateway = locked();
    gateway.file("dockerfile", PATH, "{");
    assert!(outcome(&gateway, &[LOCK]).is_err());
    let mut gateway = locked();
    gateway.file("dockerfile", PATH, "{");
    assert_eq!(document(&build(&gateway, &[LOCK, UPDATE])), document(&build(&product(), &[LOCK])));
}

#[test]
fn what_stands_in_for_an_image_cannot_be_locked() {
    let gateway = product();
    let error = outcome(&gateway, &[LOCK, ("context:debian:12", "docker-image://tools:1")]).unwrap_err();
    assert!(error.message().contains("a named context stands in for `debian:12`"), "{}", error.message());
    let error = outcome(&product(), &[LOCK, ("target", "fragment/core")]).unwrap_err();
    assert!(error.message().contains("takes no target"), "{}", error.message());
}

#[test]
fn a_requirement_without_a_hash_is_refused_at_its_step() {
    let mut gateway = product();
    let report = json!({"version": "1", "install": [{
        "metadata": {"name": "x", "version": "1"},
        "download_info": {"url": "https://x.org/x.git", "vcs_info": {"vcs": "git"}}
    }]});
    gateway.built("report.json", report.to_string());
    let error = outcome(&gateway, &[LOCK]).unwrap_err();
    assert!(error.message().contains("fragments/web/1.0.0/fragment.json:2:"), "{}", error.message());
    assert!(error.message().contains("`x` comes from `https://x.org/x.git`"), "{}", error.message());
}

#[test]
fn a_plan_takes_what_the_lock_of_its_manifest_has() {
    let mut gateway = locked();
    let plan = r#"{"id": "p", "manifest": "app", "matrix": {"core": ["1.0.0", "2.0.0"]}}"#;
    gateway.file("dockerfile", "manifests/plans/p.json", plan);
    let manifest = gateway.files["dockerfile"]["manifests/app.json"].clone();
    gateway.node("context", "manifests/app.json", manifest);
    let core = r#"{"name": "core", "version": "2.0.0", "steps": [{"apt": {"install": "curl"}}]}"#;
    gateway.file("context", "fragments/core/2.0.0/fragment.json", core);
    let options = [("filename", "manifests/plans/p.json"), ("target", "report")];
    build(&gateway, &options);
    assert_eq!(warnings(&gateway), [""; 0], "what is varied is not locked, and is meant not to be");
    let scripts: Vec<String> =
        solves(&gateway).iter().map(scripts).filter(|one| one.contains("-m pip")).collect();
    let locked = |both: [bool; 2]| {
        let has = |one: &String| [one.contains("Preferences"), one.contains("--require-hashes")];
        scripts.iter().any(|one| has(one) == both)
    };
    assert!(locked([true, true]), "the row that is as the manifest has it");
    assert!(locked([false, false]), "another core, and web on it");
    assert!(!locked([false, true]) && !locked([true, false]), "{scripts:#?}");
    let error = outcome(&gateway, &[options[0], options[1], STRICT]).unwrap_err();
    assert!(
        error.message().contains("`core 2.0.0` is not in the lock, which has `core 1.0.0`"),
        "{}",
        error.message()
    );
}
