//! Where the files of a build come from: the main context and the named ones, in every scheme.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use llb_gen::llb::Graph;
use llb_gen::llb::source::Http;

use crate::fixture::{CONFIG, DIGEST, OTHER_DIGEST, build, product};
use crate::scripted::{Call, Scripted, local_source};
use crate::{error_of, final_solves, image_sources, metadata, ops};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A product all of whose files are in a repository or an archive, without own files of fragments.
fn elsewhere() -> Scripted {
    let mut gateway = Scripted::new();
    gateway.built(
        "Dockerfile",
        r#"{"id": "app", "base": "debian:12", "fragments": [{"name": "core", "version": "1.0.0"}]}"#,
    );
    let core = r#"{"name": "core", "version": "1.0.0", "steps": [
        {"copy": {"from": "context", "src": "notes.txt", "dest": "/"}}, {"run": "x"}]}"#;
    gateway.built("fragments/core/1.0.0/fragment.json", core);
    gateway.image("docker-image://docker.io/library/debian:12", DIGEST, CONFIG);
    gateway
}

/// The sources of this scheme in what is solved.
fn sources(gateway: &Scripted, scheme: &str) -> Vec<pb::SourceOp> {
    let solves = gateway.matching("Solve").into_iter().flat_map(|call| match call {
        Call::Solve(request) => ops(&request.definition),
        _ => Vec::new(),
    });
    let mut found: Vec<pb::SourceOp> = Vec::new();
    for op in solves {
        if let Some(pb::op::Op::Source(source)) = op.op
            && source.identifier.starts_with(scheme)
            && !found.contains(&source)
        {
            found.push(source);
        }
    }
    found
}

const NAMELESS: (&str, &str) = ("filename", "Dockerfile");

#[test]
fn a_repository_is_context_and_definition() {
    type Attrs = &'static [(&'static str, &'static str)];
    let table: [(&str, &str, Attrs); 10] = [
        ("https://x.org/a.git", "git://x.org/a.git", &[]),
        ("https://x.org/a.git#v1:sub", "git://x.org/a.git#v1:sub", &[]),
        ("https://x.org/a.git?branch=b&subdir=s", "git://x.org/a.git#refs/heads/b:s", &[]),
        (
            "https://x.org/a.git?tag=v1&keep-git-dir",
            "git://x.org/a.git#refs/tags/v1",
            &[("git.keepgitdir", "true")],
        ),
        ("https://x.org/a.git?ref=v1&commit=0123", "git://x.org/a.git#v1", &[("git.checksum", "0123")]),
        ("https://x.org/a.git?submodules=false", "git://x.org/a.git", &[("git.skipsubmodules", "true")]),
        ("https://x.org/a.git?mtime=commit", "git://x.org/a.git", &[("git.mtime", "commit")]),
        (
            "https://x.org/a.git?ref=v1&commit=0123&fetch-by-commit=1",
            "git://x.org/a.git#v1",
            &[("git.checksum", "0123"), ("git.fetchbycommit", "true")],
        ),
        ("git@x.org:a/b.git", "git://x.org:a/b.git", &[("git.mountsshsock", "default")]),
        ("github.com/a/b", "git://github.com/a/b", &[]),
    ];
    for (url, identifier, attrs) in table {
        let gateway = elsewhere();
        build(&gateway, &[("context", url), NAMELESS]);
        let [source] = &sources(&gateway, "git://")[..] else { panic!("{url}: one repository") };
        assert_eq!(source.identifier, identifier, "{url}");
        for (key, value) in attrs {
            assert_eq!(source.attrs.get(*key).map(String::as_str), Some(*value), "{url}: {key}");
        }
        let optional = [
            "git.keepgitdir",
            "git.checksum",
            "git.skipsubmodules",
            "git.mtime",
            "git.fetchbycommit",
            "git.mountsshsock",
        ];
        let given = source.attrs.keys().filter(|key| optional.contains(&key.as_str())).count();
        assert_eq!(given, attrs.len(), "{url}: {:?}", source.attrs);
        assert!(sources(&gateway, "local://").is_empty(), "{url}: nothing is asked of the client");
    }
}

#[test]
fn a_commit_without_a_branch_is_what_is_fetched() {
    let gateway = elsewhere();
    build(&gateway, &[("context", &format!("https://x.org/a.git?commit={COMMIT}")), NAMELESS]);
    assert_eq!(sources(&gateway, "git://")[0].identifier, format!("git://x.org/a.git#{COMMIT}"));
}

#[test]
fn the_git_folder_is_kept_where_the_client_says_so() {
    let gateway = elsewhere();
    let keep = ("build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR", "1");
    build(&gateway, &[("context", "https://x.org/a.git"), NAMELESS, keep]);
    assert_eq!(sources(&gateway, "git://")[0].attrs["git.keepgitdir"], "true");
}

#[test]
fn a_daemon_that_cannot_do_what_a_url_asks_for_is_named_with_the_release_that_can() {
    let table = [
        ("source.git.checksum", "ref=v1&commit=0123", "BuildKit 0.22"),
        ("source.git.skipsubmodules", "submodules=false", "BuildKit 0.24"),
        ("source.git.mtime", "mtime=commit", "BuildKit 0.29"),
        ("source.git.fetchbycommit", "ref=v1&commit=0123&fetch-by-commit", "BuildKit 0.30"),
    ];
    for (cap, query, since) in table {
        let mut gateway = elsewhere();
        gateway.daemon.llb_caps.remove(cap);
        let url = format!("https://x.org/a.git?{query}");
        let error = error_of(&gateway, &[("context", &url), NAMELESS]);
        assert!(error.message().starts_with("option `context`: this engine cannot "), "{}", error.message());
        assert!(error.message().contains(since), "{}", error.message());
        let mut gateway = product();
        gateway.daemon.llb_caps.remove(cap);
        let error = error_of(&gateway, &[("context:debian:12", &url)]);
        assert!(
            error.message().starts_with("option `context:debian:12`: this engine cannot "),
            "{}",
            error.message()
        );
    }
}

#[test]
fn a_download_is_unpacked_or_is_the_manifest() {
    let url = "http://buildkit-session/stream";
    let mut archive = elsewhere();
    archive.built("context", b"\x1f\x8b\x08\x00rest".to_vec());
    build(&archive, &[("context", url), NAMELESS]);
    assert_eq!(sources(&archive, "http://")[0].attrs["http.filename"], "context");
    let unpacks = final_solves(&archive).iter().flat_map(|solve| ops(&solve.definition)).any(|op| match op.op {
        Some(pb::op::Op::File(file)) => file.actions.iter().any(|action| {
            matches!(&action.action, Some(pb::file_action::Action::Copy(copy)) if copy.attempt_unpack_docker_compatibility)
        }),
        _ => false,
    });
    assert!(unpacks);
    let mut single = elsewhere();
    single.built("context", r#"{"id": "app", "base": "debian:12", "fragments": []}"#);
    build(&single, &[("context", "https://x.org/app.json"), NAMELESS]);
    let error =
        error_of(&single, &[("context", "https://x.org/app.json"), ("contextsubdir", "sub"), NAMELESS]);
    assert!(error.message().starts_with("option `contextsubdir`: "), "{}", error.message());
}

#[test]
fn a_folder_of_a_context_that_is_elsewhere() {
    let gateway = elsewhere();
    build(&gateway, &[("context", "https://x.org/a.git"), ("contextsubdir", "sub/dir"), NAMELESS]);
    let copies: Vec<String> = final_solves(&gateway)
        .iter()
        .flat_map(|solve| ops(&solve.definition))
        .filter_map(|op| match op.op {
            Some(pb::op::Op::File(file)) => Some(file.actions),
            _ => None,
        })
        .flatten()
        .filter_map(|action| match action.action {
            Some(pb::file_action::Action::Copy(copy)) => Some(copy.src),
            _ => None,
        })
        .collect();
    assert!(copies.contains(&"/sub/dir".to_owned()), "{copies:?}");
}

#[test]
fn the_option_with_the_context_may_be_another() {
    let gateway = elsewhere();
    build(&gateway, &[("contextkey", "remote"), ("remote", "https://x.org/a.git"), NAMELESS]);
    assert_eq!(sources(&gateway, "git://").len(), 1);
    assert!(gateway.matching("Warn").is_empty());
}

#[test]
fn the_manifest_stays_local_where_the_client_insists() {
    let mut gateway = elsewhere();
    gateway.file("dockerfile", "Dockerfile", r#"{"id": "app", "base": "debian:12", "fragments": []}"#);
    build(&gateway, &[("context", "https://x.org/a.git"), ("dockerfilekey", "dockerfile"), NAMELESS]);
    let names: Vec<String> = sources(&gateway, "local://").into_iter().map(|one| one.identifier).collect();
    assert_eq!(names, ["local://dockerfile", "local://dockerfile"], "the manifest, and its lock");
}

#[test]
fn contexts_stand_in_for_the_base_in_every_scheme() {
    let layout = format!("oci-layout://store:tag@{OTHER_DIGEST}");
    let table = [
        ("docker-image://alpine:3", "docker-image://docker.io/library/alpine:3@"),
        ("docker-image:alpine:3", "docker-image://docker.io/library/alpine:3@"),
        (layout.as_str(), "oci-layout://docker.io/library/debian:12@"),
        ("https://x.org/root.git#v1", "git://x.org/root.git#v1"),
        ("https://x.org/root.tar", "https://x.org/root.tar"),
        ("local:team", "local://team"),
        ("input:made", "http://made.example/root"),
    ];
    for (uri, identifier) in table {
        for name in ["context:debian:12", "context:debian:12::linux/amd64"] {
            let mut gateway = product();
            gateway.image("docker-image://docker.io/library/alpine:3", OTHER_DIGEST, CONFIG);
            gateway.image(
                &format!("oci-layout://docker.io/library/debian:12@{OTHER_DIGEST}"),
                OTHER_DIGEST,
                CONFIG,
            );
            gateway.files.insert("team".into(), BTreeMap::new());
            let made = Graph::of(&Http::new("http://made.example/root").state()).marshal();
            gateway.inputs.insert("made".into(), made);
            build(&gateway, &[(name, uri)]);
            let there = sources(&gateway, identifier.split("://").next().unwrap());
            assert!(there.iter().any(|one| one.identifier.starts_with(identifier)), "{uri}: {there:?}");
            assert!(sources(&gateway, "docker-image://docker.io/library/debian").is_empty(), "{uri}");
            assert!(gateway.matching("Resolve docker-image://docker.io/library/debian").is_empty(), "{uri}");
            assert!(gateway.matching("Warn").is_empty(), "{uri}");
        }
    }
    let gateway = product();
    build(&gateway, &[("context:debian:12", "docker-image://scratch")]);
    assert!(sources(&gateway, "docker-image://docker.io/library/debian").is_empty());
}

#[test]
fn a_client_that_does_not_hand_in_what_it_names_is_told() {
    let error = error_of(&product(), &[("context:debian:12", "input:gone")]);
    assert_eq!(error.message(), "option `context:debian:12`: the client did not hand in the input `gone`");
    let mut gateway = product();
    let made = Graph::of(&Http::new("http://made.example/root").state()).marshal();
    gateway.inputs.insert("made".into(), made);
    let error = error_of(&gateway, &[("context:debian:12", "input:made"), ("input-metadata:made", "x")]);
    assert!(error.message().starts_with("option `input-metadata:made`: "), "{}", error.message());
}

#[test]
fn contexts_that_nothing_asks_for_are_no_materials() {
    let mut gateway = product();
    gateway.image("docker-image://docker.io/library/alpine:3", OTHER_DIGEST, CONFIG);
    let layout = format!("oci-layout://store@{OTHER_DIGEST}");
    build(
        &gateway,
        &[
            ("context:unused", "docker-image://alpine:3"),
            ("context:also", &layout),
            ("context:dir", "local:dir"),
        ],
    );
    assert_eq!(gateway.matching("Resolve").len(), 1, "the base alone: {:?}", gateway.levels());
    assert!(gateway.matching("Solve dir").is_empty(), "{:?}", gateway.levels());
    assert_eq!(gateway.matching("Warn").len(), 3);
    let mut gateway = product();
    gateway.image("docker-image://docker.io/library/alpine:3", OTHER_DIGEST, CONFIG);
    let web = r#"{"name": "web", "version": "1.0.0", "steps": [{"copy": {"from": "context:data", "src": "x", "dest": "/"}}]}"#;
    gateway.file("context", "fragments/web/1.0.0/fragment.json", web);
    let data = ("context:data", "docker-image://alpine:3");
    build(&gateway, &[data, ("target", "fragment/core")]);
    assert_eq!(gateway.matching("Resolve").len(), 1, "another target needs none");
    assert!(gateway.matching("Warn").is_empty(), "and the product does: that is no mistake");
    build(&gateway, &[data]);
    assert_eq!(gateway.matching("Resolve docker-image://docker.io/library/alpine").len(), 1);
}

#[test]
fn a_named_folder_has_a_transfer_of_its_own_without_what_it_ignores() {
    let mut gateway = product();
    let web = r#"{"name": "web", "version": "1.0.0", "steps": [{"copy": {"from": "context:data", "src": "x", "dest": "/"}}]}"#;
    gateway.file("context", "fragments/web/1.0.0/fragment.json", web);
    gateway.file("folder", ".dockerignore", "*.log\n");
    build(
        &gateway,
        &[
            ("context:data", "local:folder"),
            ("sharedkey:localdir:folder", "stable"),
            ("local-sessionid:folder", "s2"),
        ],
    );
    let solves = final_solves(&gateway).remove(0);
    let source = ops(&solves.definition).into_iter().find_map(|op| match op.op {
        Some(pb::op::Op::Source(source)) if source.identifier == "local://folder" => Some(source),
        _ => None,
    });
    let source = source.unwrap();
    assert_eq!(source.attrs["local.sharedkeyhint"], "context:data-stable");
    assert_eq!(source.attrs["local.session"], "s2");
    assert_eq!(source.attrs["local.excludepatterns"], r#"["*.log"]"#);
    assert_eq!(source.attrs["local.followpaths"], r#"["x"]"#);
}

#[test]
fn the_time_of_a_build_may_be_that_of_its_context() {
    let mut gateway = elsewhere();
    gateway.times.insert("git://x.org/a.git#v1".into(), 1_700_000_000);
    gateway.times.insert("https://x.org/root.tar".into(), 1_600_000_000);
    let repository = ("context", "https://x.org/a.git#v1");
    let result = build(&gateway, &[repository, NAMELESS, ("build-arg:SOURCE_DATE_EPOCH", "context")]);
    assert_eq!(result.metadata["source.date.epoch"], b"1700000000");
    let named = ("context:debian:12", "https://x.org/root.tar");
    let result =
        build(&gateway, &[repository, NAMELESS, named, ("build-arg:SOURCE_DATE_EPOCH", "debian:12")]);
    assert_eq!(result.metadata["source.date.epoch"], b"1600000000");
}

#[test]
fn what_has_no_time_cannot_be_the_time_of_a_build() {
    let table = [
        ("context", "`context` is neither a git repository nor a download"),
        ("debian:12", "`debian:12` is neither a git repository nor a download"),
        ("debain:12", "did you mean `debian:12`?"),
        ("src", "this engine does not say of when `src` is"),
    ];
    for (value, words) in table {
        let contexts = [("context:debian:12", "local:x"), ("context:src", "https://x.org/a.git")];
        let epoch = ("build-arg:SOURCE_DATE_EPOCH", value);
        let error = error_of(&product(), &[contexts[0], contexts[1], epoch]);
        assert!(error.message().starts_with("option `build-arg:SOURCE_DATE_EPOCH`: "), "{}", error.message());
        assert!(error.message().contains(words), "{}", error.message());
    }
}

#[test]
fn a_source_policy_may_put_anything_with_files_in_the_place_of_an_image() {
    for other in ["git://x.org/root.git#v1", "https://x.org/root.tar"] {
        let mut gateway = product();
        gateway.rewritten.insert("docker-image://docker.io/library/debian:12".into(), other.into());
        let result = build(&gateway, &[]);
        let scheme = other.split_once("://").unwrap().0;
        assert!(sources(&gateway, scheme).iter().any(|one| one.identifier == other), "{other}");
        assert!(
            image_sources(&final_solves(&gateway)[0].definition)
                .iter()
                .all(|one| !one.identifier.contains("debian"))
        );
        assert_eq!(metadata(&result, "containerimage.config")["os"], "linux");
        assert!(!result.metadata.contains_key("containerimage.base.config"));
    }
    // An image of a layout has a config, for which it is asked again.
    let mut gateway = product();
    let layout = format!("oci-layout://store@{OTHER_DIGEST}");
    gateway.rewritten.insert("docker-image://docker.io/library/debian:12".into(), layout.clone());
    gateway.image(&layout, OTHER_DIGEST, CONFIG);
    let result = build(&gateway, &[]);
    assert_eq!(result.metadata["containerimage.base.config"], CONFIG.as_bytes());
    assert_eq!(sources(&gateway, "oci-layout://").len(), 1);
    // What no image can be made of is refused where the image is named.
    let mut gateway = product();
    gateway.rewritten.insert("docker-image://docker.io/library/debian:12".into(), "local://x".into());
    let error = error_of(&gateway, &[]);
    assert!(error.message().contains("a source policy replaced the image"), "{}", error.message());
}

#[test]
fn what_a_source_policy_denies_is_shown_where_it_is_named() {
    let mut gateway = product();
    let denied = frontend::status::Status::with_code(
        2,
        "source \"docker-image://docker.io/library/debian:12\" denied by policy",
    );
    gateway.failures.insert("Resolve".to_owned(), denied);
    let error = error_of(&gateway, &[("platform", "linux/amd64,linux/arm64")]);
    assert!(error.message().starts_with("manifests/app.json:4:"), "{}", error.message());
    assert!(error.message().ends_with("denied by policy"), "{}", error.message());
}

#[test]
fn every_transfer_has_a_key_of_its_own() {
    let gateway = product();
    build(&gateway, &[]);
    let mut keys: BTreeMap<(String, String), String> = BTreeMap::new();
    for call in gateway.matching("Solve") {
        let Call::Solve(request) = call else { continue };
        for source in ops(&request.definition).into_iter().filter_map(|op| match op.op {
            Some(pb::op::Op::Source(source)) if source.identifier.starts_with("local://") => Some(source),
            _ => None,
        }) {
            let filter = format!(
                "{:?} {:?}",
                source.attrs.get("local.followpaths"),
                source.attrs.get("local.excludepatterns")
            );
            let key = (source.identifier.clone(), source.attrs["local.sharedkeyhint"].clone());
            let known = keys.entry(key).or_insert_with(|| filter.clone());
            assert_eq!(*known, filter, "one key, two filters");
        }
    }
    assert!(keys.len() >= 4, "{keys:?}");
    assert!(gateway.matching("Solve dockerfile").iter().all(|call| match call {
        Call::Solve(request) => local_source(&request.definition).unwrap().attrs["local.differ"] == "none",
        _ => false,
    }));
}
