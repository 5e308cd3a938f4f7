//! Whole conversations with a scripted gateway: which calls are made, with what, and how many wait for each other.

#![expect(clippy::unwrap_used, reason = "what a test stands on may fail loudly")]

mod contexts;
mod contract;
mod daemons;
mod fixture;
mod judging;
mod lock;
mod options;
mod plans;
mod questions;
mod report;
mod scanning;
mod scripted;

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use frontend::gateway::{BuildResult, Ref, ResultRefs, SolveRequest};
use frontend::status::Status;
use prost::Message as _;

use fixture::{DIGEST, OPENING, OTHER_DIGEST, build, outcome, product, run};
use scripted::{Call, Node, Scripted, local_source};

fn ops(definition: &pb::Definition) -> Vec<pb::Op> {
    definition.def.iter().map(|op| pb::Op::decode(op.as_slice()).unwrap()).collect()
}

/// The definitions that are solved to be returned: all but the local sources that are read.
fn final_solves(gateway: &Scripted) -> Vec<SolveRequest> {
    let solves = gateway.matching("Solve").into_iter().filter_map(|call| match call {
        Call::Solve(request) if local_source(&request.definition).is_none() => Some(request),
        _ => None,
    });
    solves.collect()
}

fn image_sources(definition: &pb::Definition) -> Vec<pb::SourceOp> {
    let sources = ops(definition).into_iter().filter_map(|op| match op.op {
        Some(pb::op::Op::Source(source)) if source.identifier.starts_with("docker-image://") => Some(source),
        _ => None,
    });
    sources.collect()
}

fn solved_source(gateway: &Scripted, hint: &str) -> pb::SourceOp {
    let call = gateway.matching(&format!("Solve {hint}")).into_iter().next();
    let Some(Call::Solve(request)) = call else { panic!("no solve of {hint}: {:?}", gateway.levels()) };
    local_source(&request.definition).unwrap()
}

fn error_of(gateway: &Scripted, options: &[(&str, &str)]) -> Status {
    outcome(gateway, options).expect_err("the build fails")
}

fn metadata(result: &BuildResult, key: &str) -> serde_json::Value {
    let bytes = result.metadata.get(key).unwrap_or_else(|| panic!("{key} in {:?}", result.metadata.keys()));
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn a_build_waits_no_more_often_than_it_must() {
    let gateway = product();
    build(&gateway, &[]);
    let expected: [&[&str]; 6] = [
        OPENING[0],
        OPENING[1],
        &[
            "ReadFile fragments/core/1.0.0/fragment.json",
            "ReadFile fragments/web/1.0.0/fragment.json",
            "Resolve docker-image://docker.io/library/debian:12",
            "StatFile fragments/core/1.0.0/fragment.json",
            "StatFile fragments/web/1.0.0/fragment.json",
        ],
        &["Solve", "Solve context:fragments:manifests/app.json"],
        &["ReadDir fragments/web/1.0.0"],
        &["Return"],
    ];
    assert_eq!(gateway.levels(), expected);
}

/// What is in the cache already waits five times: for the first answers, for the manifest, for fragments and base, for the solve,
/// for the return. Files of the client that steps name are looked at before that, which is the one wait more.
#[test]
fn a_build_of_what_is_known_waits_five_times() {
    for platform in ["linux/amd64", "linux/amd64,linux/arm64"] {
        let mut gateway = product();
        let web = r#"{"name": "web", "version": "1.0.0", "steps": [{"run": "x"}]}"#;
        gateway.file("context", "fragments/web/1.0.0/fragment.json", web);
        build(&gateway, &[("platform", platform)]);
        assert_eq!(gateway.levels().len(), 5, "{platform}: {:?}", gateway.levels());
    }
}

#[test]
fn fragments_without_files_of_their_own_are_not_looked_into() {
    let mut gateway = product();
    let web = r#"{"name": "web", "version": "1.0.0", "steps": [{"run": "x"}]}"#;
    gateway.file("context", "fragments/web/1.0.0/fragment.json", web);
    build(&gateway, &[]);
    assert_eq!(gateway.levels()[3..], [["Solve"], ["Return"]]);
}

#[test]
fn contracts_are_looked_up_beside_the_image_without_waiting_longer() {
    let mut gateway = product();
    let core = r#"{"name": "core", "version": "1.0.0", "steps": [{"run": "x"}], "provides": ["command:x"]}"#;
    gateway.file("context", "fragments/core/1.0.0/fragment.json", core);
    build(&gateway, &[]);
    let levels = gateway.levels();
    assert_eq!(levels.len(), 6, "{levels:?}");
    let last = ["Solve context:fragments:manifests/app.json", "Solve evaluate", "Solve evaluate"];
    assert_eq!(levels[3], last, "the image, what is looked up in it, and the files that steps name");
}

#[test]
fn two_platforms_wait_no_longer_than_one() {
    let gateway = product();
    build(&gateway, &[]);
    let one = gateway.levels().len();
    let gateway = product();
    build(&gateway, &[("platform", "linux/amd64,linux/arm64")]);
    assert_eq!(gateway.levels().len(), one, "{:?}", gateway.levels());
}

#[test]
fn only_what_is_needed_is_asked_of_the_client() {
    let gateway = product();
    build(&gateway, &[]);
    let follow = |hint: &str| solved_source(&gateway, hint).attrs["local.followpaths"].clone();
    assert_eq!(follow("dockerfile"), r#"["manifests/app.json","manifests/app.json.dockerignore"]"#);
    assert_eq!(
        follow("context:catalogue:manifests/app.json"),
        r#"["manifests/templates/*/*.json","fragments/*/*/fragment.json","fragments/*/*/requirements*.txt"]"#,
        "what a manifest can select, before it is known"
    );
    assert_eq!(follow("context:fragments:manifests/app.json"), r#"["fragments/web/1.0.0/app.py"]"#);
    let session = |hint: &str| solved_source(&gateway, hint).attrs["local.session"].clone();
    assert_eq!(session("dockerfile"), "session");
}

#[test]
fn files_of_fragments_are_looked_at_in_the_very_transfer_that_the_build_makes() {
    let gateway = product();
    build(&gateway, &[]);
    let looked_at = gateway.matching("Solve context:fragments:manifests/app.json");
    let [Call::Solve(looked_at)] = &looked_at[..] else { panic!("{looked_at:?}") };
    let [solved] = &final_solves(&gateway)[..] else { panic!("one definition") };
    assert!(solved.definition.def.contains(&looked_at.definition.def[0]));
}

#[test]
fn the_base_is_resolved_with_the_clients_mode_and_pinned() {
    for (mode, attribute) in [("local", Some("local")), ("pull", Some("pull")), ("default", None)] {
        let gateway = product();
        build(&gateway, &[("image-resolve-mode", mode)]);
        let [Call::Resolve(lookup)] = &gateway.matching("Resolve")[..] else { panic!("one lookup") };
        assert_eq!(lookup.resolve_mode, mode);
        assert_eq!(lookup.platform.as_ref().unwrap().architecture, "amd64");
        let sources = image_sources(&final_solves(&gateway)[0].definition);
        assert_eq!(sources[0].identifier, format!("docker-image://docker.io/library/debian:12@{DIGEST}"));
        assert_eq!(sources[0].attrs.get("image.resolvemode").map(String::as_str), attribute);
    }
}

#[test]
fn an_image_without_digest_stays_unpinned() {
    let mut gateway = product();
    gateway.image("docker-image://docker.io/library/debian:12", "", fixture::CONFIG);
    build(&gateway, &[("image-resolve-mode", "local")]);
    let sources = image_sources(&final_solves(&gateway)[0].definition);
    assert_eq!(sources[0].identifier, "docker-image://docker.io/library/debian:12");
}

#[test]
fn a_source_policy_that_rewrites_the_base_is_followed() {
    let mut gateway = product();
    let mirror = "docker-image://mirror.local/debian:12";
    gateway.rewritten.insert("docker-image://docker.io/library/debian:12".into(), mirror.into());
    gateway.image(mirror, OTHER_DIGEST, fixture::CONFIG);
    build(&gateway, &[]);
    let sources = image_sources(&final_solves(&gateway)[0].definition);
    assert_eq!(sources[0].identifier, format!("{mirror}@{OTHER_DIGEST}"));
}

#[test]
fn remote_caches_go_into_every_final_solve() {
    let gateway = product();
    let imports = r#"[{"Type":"registry","Attrs":{"ref":"r/c"}}]"#;
    build(&gateway, &[("cache-imports", imports), ("platform", "linux/amd64,linux/arm64")]);
    let solves = final_solves(&gateway);
    assert_eq!(solves.len(), 2);
    for solve in solves {
        assert_eq!(solve.cache_imports.len(), 1);
        assert_eq!(
            (solve.cache_imports[0].kind.as_str(), solve.cache_imports[0].attrs["ref"].as_str()),
            ("registry", "r/c")
        );
        assert!(!solve.evaluate, "the daemon builds after the process has ended");
    }
}

#[test]
fn one_platform_gives_one_filesystem() {
    let gateway = product();
    let result = build(&gateway, &[]);
    assert!(matches!(&result.refs, ResultRefs::Single(Some(_))), "{:?}", result.refs);
    assert_eq!(metadata(&result, "containerimage.config")["architecture"], "amd64");
    assert_eq!(metadata(&result, "refs.platforms")["Platforms"][0]["ID"], "linux/amd64");
    assert_eq!(result.metadata["containerimage.base.config"], fixture::CONFIG.as_bytes());
}

#[test]
fn several_platforms_give_a_map_with_a_config_each() {
    let gateway = product();
    let result = build(&gateway, &[("platform", "linux/arm64/v8,linux/amd64")]);
    let ResultRefs::PerPlatform(refs) = &result.refs else { panic!("{:?}", result.refs) };
    assert_eq!(refs.keys().collect::<Vec<_>>(), ["linux/amd64", "linux/arm64"]);
    assert_eq!(metadata(&result, "containerimage.config/linux/arm64")["architecture"], "arm64");
    assert_eq!(metadata(&result, "containerimage.config/linux/amd64")["architecture"], "amd64");
    assert!(!result.metadata.contains_key("containerimage.config"));
    let platforms = metadata(&result, "refs.platforms");
    assert_eq!(platforms["Platforms"][0]["ID"], "linux/arm64", "the client's order");
}

#[test]
fn one_platform_can_be_forced_into_a_map() {
    let gateway = product();
    let result = build(&gateway, &[("multi-platform", "true")]);
    assert!(matches!(&result.refs, ResultRefs::PerPlatform(refs) if refs.len() == 1));
}

#[test]
fn platforms_are_of_one_index_even_when_the_tag_moves() {
    let mut gateway = product();
    let tag = "docker-image://docker.io/library/debian:12";
    gateway.image(&format!("{tag} linux/arm64"), OTHER_DIGEST, fixture::ARM64_CONFIG);
    gateway.image(&format!("{tag}@{DIGEST}"), DIGEST, fixture::ARM64_CONFIG);
    build(&gateway, &[("platform", "linux/amd64,linux/arm64")]);
    for solve in final_solves(&gateway) {
        assert_eq!(image_sources(&solve.definition)[0].identifier, format!("{tag}@{DIGEST}"));
    }
}

#[test]
fn warnings_are_shown_once_at_their_lines_before_the_return() {
    let gateway = product();
    let options = [("build-arg:NOPE", "1"), ("frobnicate", "1"), ("platform", "linux/amd64,linux/arm64")];
    build(&gateway, &options);
    let warnings: Vec<_> = gateway.matching("Warn").into_iter().collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let definition = gateway.matching("Solve dockerfile");
    let Call::Solve(definition) = &definition[0] else { panic!() };
    let vertex = llb_gen::llb::OpDigest::of(&definition.definition.def[0]).to_string();
    for warning in &warnings {
        let Call::Warn(warning) = warning else { panic!() };
        assert_eq!(warning.vertex, vertex);
        assert_eq!(warning.info.as_ref().unwrap().filename, "manifests/app.json");
        assert!(warning.ranges[0].start.is_some() && warning.ranges[0].end.is_some());
    }
    let levels = gateway.levels();
    let warned = levels.iter().position(|level| level.iter().any(|call| call.starts_with("Warn")));
    assert!(warned < Some(levels.len() - 1), "{levels:?}");
}

#[test]
fn limits_reach_the_solve_where_the_daemon_enforces_them() {
    let gateway = product();
    build(&gateway, &[("memory", "67108864"), ("memswap", "-1")]);
    let [solve] = &final_solves(&gateway)[..] else { panic!("one definition") };
    assert_eq!(solve.resources.len(), 2, "both processes");
    assert!(solve.resources.values().all(|limits| (limits.memory, limits.memory_swap) == (64 << 20, -1)));
    assert!(gateway.matching("Warn").is_empty());
}

#[test]
fn a_daemon_that_does_not_enforce_limits_is_told_none_and_the_user_is() {
    let mut gateway = product();
    gateway.daemon.llb_caps.remove("exec.meta.linux.resources");
    build(&gateway, &[("memory", "67108864"), ("platform", "linux/amd64,linux/arm64")]);
    assert!(final_solves(&gateway).iter().all(|solve| solve.resources.is_empty()));
    let [Call::Warn(warning)] = &gateway.matching("Warn")[..] else { panic!("one warning") };
    assert!(warning.short.contains("does not enforce limits"), "{}", warning.short);
    assert_eq!(warning.info.as_ref().unwrap().filename, "manifests/app.json");
}

#[test]
fn what_an_old_daemon_cannot_do_is_refused_at_the_step() {
    let mut gateway = product();
    gateway.daemon.llb_caps.remove("file.symlink.create");
    let link =
        r#"{"name": "core", "version": "1.0.0", "steps": [{"symlink": {"path": "/a", "target": "b"}}]}"#;
    gateway.file("context", "fragments/core/1.0.0/fragment.json", link);
    let error = error_of(&gateway, &[]);
    let message = error.message();
    assert!(message.starts_with("fragments/core/1.0.0/fragment.json:1:"), "{message}");
    assert!(message.contains("BuildKit 0.19 or later"), "{message}");
    assert!(final_solves(&gateway).is_empty());
}

#[test]
fn a_manifest_on_standard_input_has_no_file_that_it_could_be_called_after() {
    let mut gateway = product();
    let manifest = gateway.files.remove("dockerfile").unwrap().remove("manifests/app.json").unwrap();
    gateway.node("dockerfile", "Dockerfile", manifest);
    build(&gateway, &[("filename", "Dockerfile")]);
}

#[test]
fn what_buildkit_says_is_handed_on_verbatim() {
    let upstream = Status::with_code(9, "denied by policy")
        .with_json_detail("errdefs.Vertex", &BTreeMap::from([("digest", "d")]));
    for call in
        ["Ping", "Inputs", "Solve dockerfile", "StatFile manifests/app.json", "Solve context:catalogue"]
    {
        let mut gateway = product();
        gateway.failures.insert(call.to_owned(), upstream.clone());
        assert_eq!(error_of(&gateway, &[]), upstream, "{call}");
    }
}

#[test]
fn an_image_that_is_not_found_is_shown_where_it_is_named() {
    let upstream = Status::with_code(5, "not there")
        .with_json_detail("errdefs.Vertex", &BTreeMap::from([("digest", "d")]));
    let mut gateway = product();
    gateway.failures.insert("Resolve".to_owned(), upstream);
    let told = error_of(&gateway, &[]);
    assert!(told.message().starts_with("manifests/app.json:"), "{}", told.message());
    assert!(
        told.message().ends_with("cannot be resolved for `linux/amd64`: not there"),
        "{}",
        told.message()
    );
    assert_eq!(told.code(), 5);
    let kinds: Vec<&str> = told.details().iter().map(|detail| detail.type_url.as_str()).collect();
    assert_eq!(
        kinds,
        ["errdefs.Vertex+json", "errdefs.Source+json"]
            .map(|kind| "github.com/moby/buildkit/".to_owned() + kind)
    );
}

#[test]
fn all_faults_come_with_their_places() {
    let mut gateway = product();
    gateway.file(
        "context",
        "fragments/core/1.0.0/fragment.json",
        "{\n\"name\": \"core\",\n\"versoin\": 1\n}",
    );
    let error = error_of(&gateway, &[]);
    assert!(error.message().contains("fragments/core/1.0.0/fragment.json:3:1: "), "{}", error.message());
    assert_eq!(error.code(), 2);
    assert!(error.details().iter().all(|one| one.type_url == "github.com/moby/buildkit/errdefs.Source+json"));
    assert!(!error.details().is_empty());
}

#[test]
fn a_missing_version_names_those_there_are() {
    let mut gateway = product();
    gateway.file("context", "fragments/core/2.0.0/fragment.json", "{}");
    gateway.files.get_mut("context").unwrap().remove("fragments/core/1.0.0/fragment.json");
    let error = error_of(&gateway, &[]);
    assert!(error.message().contains("`core` has no version `1.0.0`"), "{}", error.message());
    assert!(error.message().contains("`2.0.0`"), "{}", error.message());
}

#[test]
fn nobody_waits_for_a_pipe() {
    let mut gateway = product();
    gateway.node("context", "fragments/core/1.0.0/fragment.json", Node::Pipe);
    let error = error_of(&gateway, &[]);
    assert!(error.message().contains("is not a regular file"), "{}", error.message());
    assert!(error.message().starts_with("manifests/app.json:"), "{}", error.message());
}

#[test]
fn a_huge_file_is_refused_by_its_size_whatever_became_of_reading_it() {
    let too_long = Status::with_code(8, "received message larger than max");
    for read in [None, Some(too_long)] {
        let mut gateway = product();
        gateway.file("dockerfile", "manifests/app.json", vec![b' '; 10 << 20]);
        gateway.failures.extend(read.map(|status| ("ReadFile manifests/app.json".to_owned(), status)));
        let error = error_of(&gateway, &[]);
        assert!(error.message().contains("has 10485760 bytes"), "{}", error.message());
    }
}

#[test]
fn what_keeps_a_file_from_being_read_is_told() {
    let mut gateway = product();
    let upstream = Status::with_code(13, "input/output error");
    gateway.failures.insert("ReadFile manifests/app.json".into(), upstream.clone());
    assert_eq!(error_of(&gateway, &[]), upstream);
}

#[test]
fn a_missing_manifest_is_named() {
    let mut gateway = product();
    gateway.files.remove("dockerfile");
    let error = error_of(&gateway, &[]);
    assert!(error.message().contains("`manifests/app.json` does not exist"), "{}", error.message());
}

#[test]
fn a_link_that_leads_out_of_the_fragment_is_an_error_at_the_step() {
    let app = "fragments/web/1.0.0/app.py";
    for (link, message) in [
        ("../../../secret", "leads out of the fragment's folder"),
        ("/etc/passwd", "leads out of the fragment's folder"),
        ("gone.py", "does not exist"),
    ] {
        let mut gateway = product();
        gateway.node("context", app, Node::Link(link.into()));
        let error = error_of(&gateway, &[]);
        assert!(error.message().contains(message), "{link}: {}", error.message());
        assert!(error.message().starts_with("fragments/web/1.0.0/fragment.json:"), "{}", error.message());
    }
}

#[test]
fn a_pipe_among_the_files_of_a_fragment_is_an_error_at_the_step() {
    let mut gateway = product();
    gateway.node("context", "fragments/web/1.0.0/app.py", Node::Pipe);
    let error = error_of(&gateway, &[]);
    assert!(error.message().contains("is a pipe, a socket or a device"), "{}", error.message());
}

#[test]
fn a_missing_file_of_a_fragment_is_an_error_at_the_step() {
    let mut gateway = product();
    gateway.files.get_mut("context").unwrap().remove("fragments/web/1.0.0/app.py");
    let error = error_of(&gateway, &[]);
    assert!(error.message().contains("`fragments/web/1.0.0/app.py` does not exist"), "{}", error.message());
}

#[test]
fn the_manifests_own_ignore_file_replaces_the_contexts() {
    let context = |gateway: &Scripted| {
        let [solve] = &final_solves(gateway)[..] else { panic!("one definition") };
        let sources = ops(&solve.definition).into_iter().filter_map(|op| match op.op {
            Some(pb::op::Op::Source(source)) => Some(source),
            _ => None,
        });
        let mut sources = sources.filter(|source| {
            source.attrs.get("local.sharedkeyhint").is_some_and(|hint| hint.starts_with("context:files"))
        });
        sources.next().expect("the build takes a file of the context")
    };
    let mut gateway = product();
    gateway.file("context", ".dockerignore", "*.log\n");
    build(&gateway, &[]);
    assert_eq!(context(&gateway).attrs["local.excludepatterns"], r#"["*.log"]"#);
    assert_eq!(context(&gateway).attrs["local.followpaths"], r#"["notes.txt"]"#);
    gateway = product();
    gateway.file("context", ".dockerignore", "*.log\n");
    gateway.file("dockerfile", "manifests/app.json.dockerignore", "*.tmp\n");
    build(&gateway, &[]);
    assert_eq!(context(&gateway).attrs["local.excludepatterns"], r#"["*.tmp"]"#);
}

#[test]
fn a_named_context_replaces_the_base_by_another_image() {
    let mut gateway = product();
    gateway.image("docker-image://docker.io/library/alpine:3", OTHER_DIGEST, fixture::CONFIG);
    build(&gateway, &[("context:debian:12", "docker-image://alpine:3")]);
    assert_eq!(gateway.matching("Resolve").len(), 1, "the replaced image is no material");
    let sources = image_sources(&final_solves(&gateway)[0].definition);
    assert_eq!(sources[0].identifier, format!("docker-image://docker.io/library/alpine:3@{OTHER_DIGEST}"));
}

#[test]
fn a_named_context_replaces_the_base_by_what_another_build_made() {
    let mut gateway = product();
    let made = llb_gen::llb::source::Http::new("https://x.org/root").state();
    gateway.inputs.insert("made".into(), llb_gen::llb::Graph::of(&made).marshal());
    let config = r#"{"containerimage.config":"eyJhcmNoaXRlY3R1cmUiOiJhbWQ2NCIsIm9zIjoibGludXgifQ=="}"#;
    let result = build(&gateway, &[("context:debian:12", "input:made"), ("input-metadata:made", config)]);
    assert!(gateway.matching("Resolve").is_empty());
    assert_eq!(metadata(&result, "containerimage.config")["os"], "linux");
    let images = image_sources(&final_solves(&gateway)[0].definition);
    assert!(images.iter().all(|image| !image.identifier.contains("debian")), "{images:?}");
}

#[test]
fn the_catalogue_may_be_a_context_of_its_own() {
    let mut gateway = product();
    let files = gateway.files["context"].clone();
    let (fragments, rest) = files.into_iter().partition(|(path, _)| path.starts_with("fragments/"));
    gateway.files.insert("team".into(), fragments);
    gateway.files.insert("context".into(), rest);
    build(&gateway, &[("context:fragments", "local:team")]);
    assert_eq!(solved_source(&gateway, "team:catalogue:manifests/app.json").identifier, "local://team");
    assert_eq!(solved_source(&gateway, "team:fragments:manifests/app.json").identifier, "local://team");
}

#[test]
fn the_context_may_be_handed_in() {
    let mut gateway = product();
    let made = llb_gen::llb::source::Local::new("elsewhere", "s").follow_paths(["notes.txt"]);
    let definition = llb_gen::llb::Graph::of(&made.shared_key_hint("handed-in").state()).marshal();
    gateway.inputs.insert("context".into(), definition);
    gateway.files.insert("elsewhere".into(), BTreeMap::new());
    let error = error_of(&gateway, &[]);
    assert!(error.message().contains("fragments/core/1.0.0/fragment.json"), "{}", error.message());
}

#[test]
fn an_unknown_target_is_an_error_with_those_there_are() {
    let error = error_of(&product(), &[("target", "stage/web/bulid")]);
    assert!(error.message().contains("`stage/web/bulid`"), "{}", error.message());
    assert!(error.message().contains("`stage/web/build`"), "{}", error.message());
}

#[test]
fn a_product_on_nothing_is_returned_without_a_handle() {
    let mut gateway = Scripted::new();
    gateway.file("dockerfile", "manifests/app.json", r#"{"id": "app", "base": "scratch", "fragments": []}"#);
    match outcome(&gateway, &[]) {
        Ok(result) => assert_eq!(result.refs, ResultRefs::Single(None::<Ref>)),
        Err(status) => assert!(status.message().contains("fragments"), "{status}"),
    }
}

#[test]
fn a_base_that_is_there_for_another_platform_only_is_an_error_at_its_line() {
    let mut gateway = product();
    gateway.image("docker-image://docker.io/library/debian:12 linux/arm64", DIGEST, fixture::CONFIG);
    let error = error_of(&gateway, &[("platform", "linux/arm64")]);
    assert!(error.message().starts_with("manifests/app.json:4:"), "{}", error.message());
    assert!(
        error.message().contains("is there for `linux/amd64`, not for `linux/arm64`"),
        "{}",
        error.message()
    );
}

#[test]
fn an_unsupported_platform_is_refused() {
    let error = error_of(&product(), &[("platform", "linux/s390x")]);
    assert!(error.message().contains("does not support platform `linux/s390x`"), "{}", error.message());
}

#[test]
fn the_epoch_is_passed_on() {
    let result = build(&product(), &[("build-arg:SOURCE_DATE_EPOCH", "1700000000")]);
    assert_eq!(result.metadata["source.date.epoch"], b"1700000000");
}

mod subrequests {
    use super::*;

    #[test]
    fn describe_reads_nothing() {
        let gateway = product();
        let result = build(&gateway, &[("requestid", "frontend.subrequests.describe")]);
        assert_eq!(gateway.levels(), [["Return"]]);
        assert_eq!(metadata(&result, "result.json").as_array().unwrap().len(), 9);
    }

    #[test]
    fn targets_need_no_image() {
        let gateway = product();
        let result = build(&gateway, &[("requestid", "frontend.targets")]);
        assert!(gateway.matching("Resolve").is_empty());
        let json = metadata(&result, "result.json");
        assert_eq!(json["targets"][0]["default"], true);
        assert_eq!(json["targets"][0]["base"], "debian:12");
        let names: Vec<&str> =
            json["targets"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(names, ["report", "prewarm", "fragment/core", "fragment/web", "stage/web/build"]);
        assert!(json["sources"].as_array().unwrap().len() >= 2);
        let text = String::from_utf8(result.metadata["result.txt"].clone()).unwrap();
        assert!(text.contains("stage/web/build"), "{text}");
    }

    #[test]
    fn the_outline_lists_what_comes_from_outside() {
        let gateway = product();
        let result = build(&gateway, &[("requestid", "frontend.outline"), ("build-arg:PORT", "81")]);
        assert!(gateway.matching("Resolve").is_empty());
        let json = metadata(&result, "result.json");
        assert_eq!(json["args"][0]["name"], "PORT");
        assert_eq!(json["args"][0]["value"], "81");
        assert_eq!(json["secrets"][0]["name"], "token");
        assert_eq!(json["secrets"][0]["required"], true);
        assert_eq!(json["cache"][0]["ID"], "/var/cache/x");
    }

    #[test]
    fn a_check_of_a_broken_manifest_is_an_answer() {
        let mut gateway = product();
        gateway.file("dockerfile", "manifests/app.json", "{\"id\": 1}");
        let result = build(&gateway, &[("requestid", "frontend.lint")]);
        assert_eq!(result.metadata["result.statuscode"], b"1");
        let json = metadata(&result, "result.json");
        assert!(json["buildError"]["message"].as_str().unwrap().contains("manifests/app.json:1:"), "{json}");
        assert_eq!(json["sources"][0]["filename"], "manifests/app.json");
    }

    const EXPLAIN: (&str, &str) = ("requestid", "frontend.explain");
    const KEPT: &str = ".factory/inputs/app/linux-amd64.json";

    /// The inputs that an answer lists for the platform at `at`, as `factory build` keeps them.
    fn kept(json: &serde_json::Value, at: usize) -> Vec<u8> {
        let platform = &json["platforms"][at];
        let fragments: Vec<_> =
            platform["fragments"].as_array().unwrap().iter().map(|one| one["inputs"].clone()).collect();
        let kept = serde_json::json!({
            "schema_version": 1, "product": platform["product"], "platform": platform["platform"],
            "base": platform["base"], "epoch": null, "frontend": null, "fragments": fragments,
        });
        serde_json::to_vec(&kept).unwrap()
    }

    fn text_of(result: &BuildResult) -> String {
        String::from_utf8(result.metadata["result.txt"].clone()).unwrap()
    }

    #[test]
    fn explain_lists_the_inputs_of_every_fragment() {
        let gateway = product();
        let result = build(&gateway, &[EXPLAIN, ("build-arg:PORT", "81")]);
        assert!(final_solves(&gateway).is_empty(), "nothing is built: {:?}", gateway.levels());
        assert!(result.metadata["result.json"].starts_with(b"{"));
        let json = metadata(&result, "result.json");
        let [platform] = &json["platforms"].as_array().unwrap()[..] else { panic!("{json}") };
        assert_eq!(platform["base"]["digest"], DIGEST);
        assert_eq!(platform["layer_limit"], 127);
        assert_eq!(platform["layers"], 4, "one each step");
        assert_eq!(platform["compared"], false);
        let web = &platform["fragments"][1];
        assert_eq!((&web["steps"], &web["fate"], &web["beside"]), (&3.into(), &"new".into(), &false.into()));
        assert_eq!(web["inputs"]["built_on"], serde_json::json!(["core"]));
        assert_eq!(web["inputs"]["arguments"], serde_json::json!({"PORT": "81"}));
        let app = llb_gen::llb::OpDigest::of(b"print('x')").to_string();
        assert_eq!(web["inputs"]["files"], serde_json::json!({"app.py": app}));
        assert_eq!(web["inputs"]["elsewhere"], serde_json::json!(["context"]));
        let text = text_of(&result);
        assert!(text.contains("nothing was built here before"), "{text}");
        assert!(text.contains("argument     PORT=81"), "{text}");
        assert!(!text.contains("token"), "secrets are no inputs: {text}");
    }

    #[test]
    fn explain_says_why_a_fragment_would_be_built_again() {
        let mut gateway = product();
        let before = build(&gateway, &[EXPLAIN]);
        gateway.file("context", KEPT, kept(&metadata(&before, "result.json"), 0));
        let same = build(&gateway, &[EXPLAIN]);
        let fates = |result: &BuildResult| {
            let json = metadata(result, "result.json");
            let fragments = json["platforms"][0]["fragments"].as_array().unwrap().clone();
            let texts = |one: &serde_json::Value| {
                let reasons = one["reasons"].as_array().unwrap().iter();
                let reasons: Vec<_> = reasons.map(|one| one["text"].as_str().unwrap().to_owned()).collect();
                format!("{}: {}", one["fate"].as_str().unwrap(), reasons.join("; "))
            };
            fragments.iter().map(texts).collect::<Vec<_>>()
        };
        assert_eq!(fates(&same), ["reused: ", "reused: "]);
        gateway.file("context", "fragments/web/1.0.0/app.py", "print('y')");
        let changed = build(&gateway, &[EXPLAIN, ("build-arg:PORT", "81")]);
        let both = "rebuilt: its file app.py changed; the argument PORT changed from 80 to 81";
        assert_eq!(fates(&changed), ["reused: ", both]);
        assert!(text_of(&changed).contains("rebuilt because its file app.py changed; the argument PORT"));
        let no_cache = build(&gateway, &[EXPLAIN, ("no-cache", "core")]);
        assert_eq!(
            fates(&no_cache),
            ["rebuilt: no cache is wanted", "rebuilt: its file app.py changed; core below it changed"]
        );
    }

    #[test]
    fn inputs_that_cannot_be_read_are_told_and_no_failure() {
        let mut gateway = product();
        gateway.file("context", KEPT, r#"{"schema_version": 9}"#);
        let text = text_of(&build(&gateway, &[EXPLAIN]));
        assert!(text.contains("its version is 9, not 1"), "{text}");
        gateway.file("context", KEPT, "{");
        let text = text_of(&build(&gateway, &[EXPLAIN]));
        assert!(text.contains("it is no list of inputs"), "{text}");
    }

    #[test]
    fn explain_looks_into_folders_through_wildcards_and_links() {
        let mut gateway = product();
        let web = r#"{"name": "web", "version": "1.0.0", "steps": [
            {"copy": {"src": ["app", "*.txt", "current"], "dest": "/app/"}}]}"#;
        gateway.file("context", "fragments/web/1.0.0/fragment.json", web);
        gateway.file("context", "fragments/web/1.0.0/app/lib/x.py", "x");
        gateway.file("context", "fragments/web/1.0.0/notes.txt", "n");
        gateway.file("context", "fragments/web/1.0.0/other.md", "o");
        gateway.node("context", "fragments/web/1.0.0/current", Node::Link("notes.txt".into()));
        let json =
            metadata(&build(&gateway, &[EXPLAIN, ("platform", "linux/arm64,linux/amd64")]), "result.json");
        for platform in 0..2 {
            let files =
                json["platforms"][platform]["fragments"][1]["inputs"]["files"].as_object().unwrap().clone();
            assert_eq!(files.keys().collect::<Vec<_>>(), ["app/lib/x.py", "current", "notes.txt"]);
            assert_eq!(files["current"], "link:notes.txt");
        }
        assert_eq!(json["platforms"][0]["platform"], "linux/arm64");
    }

    #[test]
    fn large_files_are_hashed_in_pieces_and_the_rest_is_compared_by_size() {
        let mut gateway = product();
        let web =
            r#"{"name": "web", "version": "1.0.0", "steps": [{"copy": {"src": "*.bin", "dest": "/"}}]}"#;
        gateway.file("context", "fragments/web/1.0.0/fragment.json", web);
        let large = vec![7; 9 << 20];
        gateway.file("context", "fragments/web/1.0.0/a.bin", large.clone());
        gateway.file("context", "fragments/web/1.0.0/b.bin", vec![0; 60 << 20]);
        let result = build(&gateway, &[EXPLAIN]);
        let files =
            metadata(&result, "result.json")["platforms"][0]["fragments"][1]["inputs"]["files"].clone();
        assert_eq!(files["a.bin"], llb_gen::llb::OpDigest::of(&large).to_string());
        assert_eq!(files["b.bin"], format!("size:{}", 60 << 20));
        assert!(text_of(&result).contains("b.bin of 62914560 bytes, compared by its size alone"));
    }

    #[test]
    fn explain_knows_fragments_that_stand_beside_others() {
        let mut gateway = product();
        let web = r#"{"name": "web", "version": "1.0.0", "builds_on": [], "steps": [{"run": "x"}]}"#;
        gateway.file("context", "fragments/web/1.0.0/fragment.json", web);
        let result = build(&gateway, &[EXPLAIN]);
        let json = metadata(&result, "result.json");
        assert_eq!(json["platforms"][0]["fragments"][1]["beside"], true);
        assert!(text_of(&result).contains("the base alone, beside the others"));
        assert_eq!(json["platforms"][0]["fragments"][0]["beside"], false);
    }

    #[test]
    fn an_unknown_one_is_told_by_its_detail() {
        let error = error_of(&product(), &[("requestid", "frontend.convertllb")]);
        assert_eq!(error.code(), 2);
        assert_eq!(error.details()[0].value, br#"{"name":"frontend.convertllb"}"#);
    }
}

#[test]
fn return_is_called_exactly_once_whatever_happens() {
    for options in [&[][..], &[("platform", "nope")], &[("requestid", "nope")]] {
        let gateway = product();
        run(&gateway, options);
        assert_eq!(gateway.matching("Return").len(), 1);
    }
}
