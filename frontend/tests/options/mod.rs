//! Every option and build argument of a client, and what becomes of it: on the ops that are solved, in the result, in words.

use bollard_buildkit_proto::pb;
use frontend::gateway::{BuildResult, ResultRefs};
use prost::Message as _;

use crate::fixture::{build, product};
use crate::scripted::{Call, Scripted};
use crate::{error_of, final_solves, image_sources, metadata, ops, solved_source};

/// The only definition that a build returns.
fn definition(options: &[(&str, &str)]) -> pb::Definition {
    let gateway = product();
    build(&gateway, options);
    final_solves(&gateway).remove(0).definition
}

/// The processes of steps, which run a shell.
fn steps(definition: &pb::Definition) -> Vec<pb::ExecOp> {
    let execs = ops(definition).into_iter().filter_map(|op| match op.op {
        Some(pb::op::Op::Exec(exec)) => Some(exec),
        _ => None,
    });
    execs.filter(|exec| meta(exec).args.iter().any(|arg| arg.starts_with("echo"))).collect()
}

fn meta(exec: &pb::ExecOp) -> &pb::Meta {
    exec.meta.as_ref().unwrap()
}

fn warnings(gateway: &Scripted) -> Vec<String> {
    let warnings = gateway.matching("Warn").into_iter().map(|call| match call {
        Call::Warn(warning) => format!("{} | {}", warning.short, warning.detail.join(" ")),
        other => panic!("{other:?}"),
    });
    warnings.collect()
}

/// The names of vertices that are to be made whatever the cache has.
fn past_the_cache(definition: &pb::Definition) -> Vec<String> {
    let ignored = definition.metadata.values().filter(|about| about.ignore_cache);
    let mut names: Vec<String> = ignored.map(|about| about.description["llb.customname"].clone()).collect();
    names.sort();
    names
}

#[test]
fn options_that_every_step_runs_under() {
    type Holds = fn(&pb::ExecOp) -> bool;
    let proxied = |exec: &pb::ExecOp| meta(exec).proxy_env.clone().unwrap_or_default();
    assert_eq!(proxied(&steps(&definition(&[]))[0]), pb::ProxyEnv::default());
    let table: [(&str, &str, Holds); 17] = [
        ("add-hosts", "DB=10.0.0.1,\"v6=::1\"", |exec| {
            let hosts = meta(exec).extra_hosts.iter().map(|one| format!("{}={}", one.host, one.ip));
            hosts.eq(["db=10.0.0.1", "v6=::1"])
        }),
        ("force-network-mode", "none", |exec| exec.network == pb::NetMode::None as i32),
        ("force-network-mode", "host", |exec| exec.network == pb::NetMode::Host as i32),
        ("force-network-mode", "sandbox", |exec| exec.network == pb::NetMode::Unset as i32),
        ("hostname", "builder", |exec| meta(exec).hostname == "builder"),
        ("build-arg:BUILDKIT_SANDBOX_HOSTNAME", "builder", |exec| meta(exec).hostname == "builder"),
        ("cgroup-parent", "/x", |exec| meta(exec).cgroup_parent == "/x"),
        ("shm-size", "65536", |exec| {
            let mut shm = exec.mounts.iter().filter(|mount| mount.dest == "/dev/shm");
            shm.any(|mount| mount.tmpfs_opt.as_ref().is_some_and(|opt| opt.size == 65536))
        }),
        ("shm-size", "0", |exec| exec.mounts.iter().all(|mount| mount.dest != "/dev/shm")),
        ("ulimit", "nofile=10:20,core=-1", |exec| {
            let limits = meta(exec).ulimit.iter().map(|one| (one.name.as_str(), one.soft, one.hard));
            limits.eq([("nofile", 10, 20), ("core", -1, -1)])
        }),
        ("build-arg:HTTP_PROXY", "http://p", |exec| {
            meta(exec).proxy_env.as_ref().unwrap().http_proxy == "http://p"
        }),
        ("build-arg:https_proxy", "http://p", |exec| {
            meta(exec).proxy_env.as_ref().unwrap().https_proxy == "http://p"
        }),
        ("build-arg:Ftp_Proxy", "http://p", |exec| {
            meta(exec).proxy_env.as_ref().unwrap().ftp_proxy == "http://p"
        }),
        ("build-arg:NO_PROXY", "x", |exec| meta(exec).proxy_env.as_ref().unwrap().no_proxy == "x"),
        ("build-arg:ALL_PROXY", "x", |exec| meta(exec).proxy_env.as_ref().unwrap().all_proxy == "x"),
        ("build-arg:BUILDKIT_CACHE_MOUNT_NS", "team", |exec| {
            caches(exec).all(|id| id == "team//var/cache/x")
        }),
        ("build-arg:BUILDKIT_CACHE_MOUNT_NS", "", |exec| caches(exec).all(|id| id == "//var/cache/x")),
    ];
    for (option, value, holds) in table {
        let steps = steps(&definition(&[(option, value)]));
        assert_eq!(steps.len(), 2, "{option}");
        assert!(steps.iter().all(holds), "{option}={value}: {steps:#?}");
    }
}

fn caches(exec: &pb::ExecOp) -> impl Iterator<Item = &str> {
    exec.mounts.iter().filter_map(|mount| Some(mount.cache_opt.as_ref()?.id.as_str()))
}

#[test]
fn proxies_are_in_no_image_and_in_no_environment_of_a_step() {
    let gateway = product();
    let result = build(&gateway, &[("build-arg:HTTP_PROXY", "http://secret-proxy")]);
    let config = String::from_utf8(result.metadata["containerimage.config"].clone()).unwrap();
    assert!(!config.contains("secret-proxy"), "{config}");
    let steps = steps(&final_solves(&gateway)[0].definition);
    assert!(steps.iter().all(|exec| meta(exec).env.iter().all(|entry| !entry.contains("secret-proxy"))));
    assert!(warnings(&gateway).is_empty());
}

#[test]
fn options_that_limit_every_step() {
    let table = [
        ("memory", "67108864"),
        ("memswap", "-1"),
        ("cpushares", "512"),
        ("cpuperiod", "1000"),
        ("cpuquota", "500"),
        ("cpusetcpus", "0-3,6"),
        ("cpusetmems", "0"),
    ];
    for (option, value) in table {
        let gateway = product();
        build(&gateway, &[(option, value)]);
        let resources = final_solves(&gateway).remove(0).resources;
        assert_eq!(resources.len(), 2, "{option}: both processes");
        for limits in resources.values() {
            let said = match option {
                "memory" => limits.memory.to_string(),
                "memswap" => limits.memory_swap.to_string(),
                "cpushares" => limits.cpu_shares.to_string(),
                "cpuperiod" => limits.cpu_period.to_string(),
                "cpuquota" => limits.cpu_quota.to_string(),
                "cpusetcpus" => limits.cpuset_cpus.clone(),
                _ => limits.cpuset_mems.clone(),
            };
            assert_eq!(said, value, "{option}");
        }
    }
}

#[test]
fn options_that_leave_the_cache_alone() {
    let table: [(&str, &[&str]); 5] = [
        (
            "",
            &[
                "[core 1.0.0 1/1] run echo core",
                "[web 1.0.0 1/3] copy",
                "[web 1.0.0 2/3] copy",
                "[web 1.0.0 3/3] run echo $PORT",
            ],
        ),
        ("core", &["[core 1.0.0 1/1] run echo core"]),
        ("CORE", &["[core 1.0.0 1/1] run echo core"]),
        (
            "web,core",
            &[
                "[core 1.0.0 1/1] run echo core",
                "[web 1.0.0 1/3] copy",
                "[web 1.0.0 2/3] copy",
                "[web 1.0.0 3/3] run echo $PORT",
            ],
        ),
        ("web/build", &[]),
    ];
    for (value, expected) in table {
        let ignored = past_the_cache(&definition(&[("no-cache", value)]));
        assert_eq!(ignored.len(), expected.len(), "{value}: {ignored:?}");
        assert!(
            ignored.iter().zip(expected).all(|(name, start)| name.starts_with(start)),
            "{value}: {ignored:?}"
        );
    }
    assert!(past_the_cache(&definition(&[])).is_empty());
    let stage = definition(&[("no-cache", "web/build"), ("target", "stage/web/build")]);
    assert_eq!(past_the_cache(&stage).len(), 2, "the file and its content: {:?}", past_the_cache(&stage));
}

#[test]
fn targets_are_what_is_built() {
    let names = |target: &str| -> Vec<String> {
        let definition = definition(&[("target", target)]);
        let named = definition.metadata.values().filter_map(|about| about.description.get("llb.customname"));
        named.cloned().collect()
    };
    let has = |names: &[String], start: &str| names.iter().any(|name| name.starts_with(start));
    for target in ["fragment/core", "FRAGMENT/Core"] {
        let names = names(target);
        assert!(has(&names, "[core 1.0.0 1/1]") && !has(&names, "[web 1.0.0 1/3]"), "{names:?}");
    }
    let stage = names("stage/web/build");
    assert!(has(&stage, "[web 1.0.0 build 1/1]") && !has(&stage, "[web 1.0.0 1/3]"), "{stage:?}");
    let whole = names("");
    assert!(has(&whole, "[web 1.0.0 3/3]"), "no target is the product: {whole:?}");
}

#[test]
fn labels_are_on_whatever_is_built_and_win() {
    for target in ["", "fragment/core", "fragment/web", "stage/web/build"] {
        let result = build(&product(), &[("label:org.x", "y"), ("target", target)]);
        assert_eq!(
            metadata(&result, "containerimage.config")["config"]["Labels"]["org.x"],
            "y",
            "`{target}`"
        );
    }
    let mut gateway = product();
    let manifest = r#"{"id": "app", "base": "debian:12", "config": {"labels": {"org.x": "mine"}},
        "fragments": [{"name": "core", "version": "1.0.0"}]}"#;
    gateway.file("dockerfile", "manifests/app.json", manifest);
    let label = |result: &BuildResult| {
        metadata(result, "containerimage.config")["config"]["Labels"]["org.x"].as_str().unwrap().to_owned()
    };
    assert_eq!(label(&build(&gateway, &[])), "mine");
    assert_eq!(label(&build(&gateway, &[("label:org.x", "theirs")])), "theirs");
}

#[test]
fn arguments_reach_the_steps_that_declare_them() {
    let ports = |options: &[(&str, &str)]| -> Vec<String> {
        let steps = steps(&definition(options));
        let entries = steps.iter().flat_map(|exec| meta(exec).env.clone());
        entries.filter(|entry| entry.starts_with("PORT=")).collect()
    };
    assert_eq!(ports(&[]), ["PORT=80"], "one of the two steps declares it");
    assert_eq!(ports(&[("build-arg:PORT", "81")]), ["PORT=81"]);
}

#[test]
fn platforms_give_the_shape_of_the_result() {
    let shape = |options: &[(&str, &str)]| match build(&product(), options).refs {
        ResultRefs::Single(_) => Vec::new(),
        ResultRefs::PerPlatform(refs) => refs.into_keys().collect::<Vec<_>>(),
    };
    assert_eq!(shape(&[("platform", "linux/arm64")]), [""; 0]);
    assert_eq!(shape(&[("platform", "linux/x86_64,linux/arm64/v8,arm64")]), ["linux/amd64", "linux/arm64"]);
    assert_eq!(shape(&[("multi-platform", "true")]), ["linux/amd64"]);
    assert_eq!(shape(&[("build-arg:BUILDKIT_MULTI_PLATFORM", "true")]), ["linux/amd64"]);
    let both = [("multi-platform", "true"), ("build-arg:BUILDKIT_MULTI_PLATFORM", "false")];
    assert_eq!(shape(&both), [""; 0], "the argument wins");
}

#[test]
fn a_variant_is_the_platform_of_lookups_execs_and_the_config() {
    let mut gateway = product();
    gateway.file(
        "dockerfile",
        "manifests/app.json",
        r#"{"id": "app", "base": "debian:12", "platforms": ["linux/arm/v7"], "fragments": [{"name": "core", "version": "1.0.0"}]}"#,
    );
    let config =
        r#"{"architecture":"arm","os":"linux","variant":"v7","rootfs":{"type":"layers","diff_ids":[]}}"#;
    gateway.image("docker-image://docker.io/library/debian:12 linux/arm", crate::fixture::DIGEST, config);
    let result = build(&gateway, &[("platform", "linux/armhf")]);
    let [Call::Resolve(lookup)] = &gateway.matching("Resolve")[..] else { panic!("one lookup") };
    assert_eq!(lookup.platform.as_ref().unwrap().variant, "v7");
    let config = metadata(&result, "containerimage.config");
    assert_eq!((&config["architecture"], &config["variant"]), (&"arm".into(), &"v7".into()));
    assert_eq!(metadata(&result, "refs.platforms")["Platforms"][0]["ID"], "linux/arm/v7");
    let execs = ops(&final_solves(&gateway)[0].definition);
    let execs = execs.iter().filter(|op| matches!(op.op, Some(pb::op::Op::Exec(_))));
    assert!(
        execs.clone().count() > 0 && execs.clone().all(|op| op.platform.as_ref().unwrap().variant == "v7")
    );
}

#[test]
fn how_images_are_looked_up_is_the_clients_to_say() {
    for (option, expected) in [("default", None), ("pull", Some("pull")), ("local", Some("local"))] {
        let sources = image_sources(&definition(&[("image-resolve-mode", option)]));
        assert_eq!(sources[0].attrs.get("image.resolvemode").map(String::as_str), expected, "{option}");
    }
}

#[test]
fn caches_of_every_kind_go_into_the_solve() {
    let gateway = product();
    let imports = r#"[{"Type":"registry","Attrs":{"ref":"r/c"}},{"Type":"local","Attrs":{"src":"d"}},
        {"Type":"gha","Attrs":{"scope":"s","token":"t"}},{"Type":"s3","Attrs":null}]"#;
    build(&gateway, &[("cache-imports", imports), ("cache-from", "a/b, c/d")]);
    let imports = final_solves(&gateway).remove(0).cache_imports;
    let told: Vec<String> = imports.iter().map(|one| format!("{} {:?}", one.kind, one.attrs)).collect();
    assert_eq!(
        told,
        [
            r#"registry {"ref": "r/c"}"#,
            r#"local {"src": "d"}"#,
            r#"gha {"scope": "s", "token": "t"}"#,
            "s3 {}",
            r#"registry {"ref": "a/b"}"#,
            r#"registry {"ref": "c/d"}"#
        ]
    );
}

#[test]
fn the_time_of_a_build_is_in_result_config_and_steps() {
    let gateway = product();
    let result = build(&gateway, &[("build-arg:SOURCE_DATE_EPOCH", "1700000000")]);
    assert_eq!(result.metadata["source.date.epoch"], b"1700000000");
    let history = metadata(&result, "containerimage.config")["history"].clone();
    assert!(
        history.as_array().unwrap().iter().all(|entry| entry["created"] == "2023-11-14T22:13:20Z"),
        "{history}"
    );
    let steps = steps(&final_solves(&gateway)[0].definition);
    let told = |exec: &pb::ExecOp| meta(exec).env.iter().any(|entry| entry.contains("\"epoch\":1700000000"));
    assert!(steps.iter().all(told));
    let without = build(&product(), &[("build-arg:SOURCE_DATE_EPOCH", "")]);
    assert!(!without.metadata.contains_key("source.date.epoch"));
}

/// What the daemon or the client acts on: the build is the same as without, and nobody is warned.
#[test]
fn options_that_are_not_ours_change_nothing() {
    let plain = definition(&[]);
    let table = [
        ("cmdline", "localhost/factory/frontend:dev and more"),
        ("attest:provenance", "mode=max"),
        ("build-arg:BUILDKIT_ATTEST_PROVENANCE", "mode=min"),
        ("build-arg:BUILDKIT_SYNTAX", "localhost/factory/frontend:dev"),
        ("build-arg:BUILDKIT_INLINE_CACHE", "1"),
        ("build-arg:BUILDKIT_INLINE_BUILDINFO_ATTRS", "1"),
        ("build-arg:BUILDKIT_BUILD_NAME", "x"),
        ("build-arg:BUILDKIT_DISABLE_FILEOP", "0"),
        ("vcs:source", "https://x.org/a.git"),
        ("vcs:revision", "abc"),
        ("input:made", "https://x.org/b"),
        ("input-metadata:made", "{}"),
        ("frontend.caps", "moby.buildkit.frontend.inputs,moby.buildkit.frontend.contexts+forward"),
        ("frontend.caps", "moby.buildkit.frontend.subrequests+forward,moby.buildkit.frontend.gitquerystring"),
        ("sharedkey:localdir:unused", "k"),
    ];
    for (option, value) in table {
        let gateway = product();
        build(&gateway, &[(option, value)]);
        assert_eq!(final_solves(&gateway).remove(0).definition, plain, "{option}");
        assert_eq!(warnings(&gateway), [""; 0], "{option}");
    }
}

#[test]
fn options_that_do_nothing_are_said_with_what_was_meant() {
    let table = [
        ("frobnicate", "1", "option `frobnicate` is unknown", "no effect"),
        ("shmsize", "1", "option `shmsize` is unknown", "did you mean `shm-size`?"),
        ("build-arg:PROT", "1", "build argument `PROT` is declared nowhere", "did you mean `PORT`?"),
        (
            "build-arg:BUILDKIT_CACHE_MOUNT_N",
            "x",
            "`BUILDKIT_CACHE_MOUNT_N` is unknown",
            "did you mean `BUILDKIT_CACHE_MOUNT_NS`?",
        ),
        ("build-arg:FACTORY_GAET", "off", "`FACTORY_GAET` is unknown", "did you mean `FACTORY_GATE`?"),
        ("build-arg:TARGETARCH", "arm64", "`TARGETARCH` cannot be given", "`--platform`"),
        ("build-arg:TARGETSTAGE", "x", "`TARGETSTAGE` cannot be given", "`--platform`"),
        ("no-cache", "coer", "`--no-cache-filter coer` names no fragment", "did you mean `core`?"),
        ("no-cache", "zzz", "`--no-cache-filter zzz` names no fragment", "`web/build`"),
        ("contextsubdir", "sub", "`contextsubdir` (`sub`) means nothing", "name the folder itself"),
        (
            "context:debain:12",
            "docker-image://alpine",
            "`--build-context debain:12=…` is used by nothing",
            "did you mean `debian:12`?",
        ),
        (
            "context:debian:12::linux/s390x",
            "docker-image://alpine",
            "for `linux/s390x` is used by nothing",
            "",
        ),
    ];
    for (option, value, message, help) in table {
        let gateway = product();
        build(&gateway, &[(option, value), ("platform", "linux/amd64,linux/arm64")]);
        let told = warnings(&gateway);
        let [one] = &told[..] else { panic!("{option}: one warning, not {told:?}") };
        assert!(one.contains(message) && one.contains(help), "{option}: {one}");
        assert_eq!(gateway.matching("Resolve docker-image://docker.io/library/alpine").len(), 0, "{option}");
    }
}

#[test]
fn names_that_are_known_are_not_warned_about() {
    let table = [
        ("no-cache", "core,WEB,web/build,tests"),
        ("context:localhost/factory/frontend:dev", "docker-image://other"),
        ("context:fragments", "local:context"),
        ("build-arg:port", ""),
    ];
    for (option, value) in table.into_iter().take(3) {
        let gateway = product();
        build(&gateway, &[(option, value)]);
        assert_eq!(warnings(&gateway), [""; 0], "{option}");
    }
}

#[test]
fn options_that_cannot_be_followed_end_the_build_before_anything_is_asked() {
    let table = [
        ("platform", "linus/amd64", "is not an operating system"),
        ("platform", "windows(10.0.1)/amd64", "a platform is `os/arch` or `os/arch/variant`"),
        ("multi-platform", "maybe", "neither true nor false"),
        ("build-arg:BUILDKIT_MULTI_PLATFORM", "2", "neither true nor false"),
        ("image-resolve-mode", "never", "`default`, `pull` and `local`"),
        ("cache-imports", "{}", "expected a sequence"),
        ("add-hosts", "a", "is not `host=ip`"),
        ("add-hosts", "a=b", "is not an IP address"),
        ("force-network-mode", "bridge", "`none`, `host` and `sandbox`"),
        ("shm-size", "64m", "is not a number of bytes"),
        ("shm-size", "-1", "is not a number of bytes"),
        ("ulimit", "nofile=2:1", "above its hard limit"),
        ("filename", "../m.json", "not a path inside"),
        ("build-arg:SOURCE_DATE_EPOCH", "-5", "not a number of seconds"),
        ("memory", "512m", "whole number above 0"),
        ("memswap", "-2", "nor -1"),
        ("cpushares", "0", "whole number above 0"),
        ("cpuperiod", "x", "whole number above 0"),
        ("cpuquota", "-1", "whole number above 0"),
        ("cpusetcpus", "3-1", "a list is"),
        ("cpusetmems", "a", "a list is"),
        ("override-copy-image", "x", "removed from BuildKit"),
        ("build-arg:BUILDKIT_DISABLE_FILEOP", "1", "removed from BuildKit"),
        ("build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR", "x", "neither true nor false"),
        ("attest:other", "x", "known are `sbom` and `provenance`"),
        ("build-arg:BUILDKIT_ATTEST_OTHER", "x", "known are `sbom` and `provenance`"),
        ("frontend.caps", "moby.buildkit.frontend.telepathy", "`moby.buildkit.frontend.telepathy`"),
        ("context", "https://github.com/a/b.git?nope=1", "unknown key `nope`"),
        ("contextsubdir", "../x", "leads out of the context"),
        ("context:x", "oci-layout://y", "needs a digest"),
        ("context:x", "telepathy:y", "of the kind `telepathy:`"),
        ("build-arg:FACTORY_GATE", "ajar", "neither `on` nor `off`"),
        ("build-arg:FACTORY_ATTESTATIONS", "no", "`on`, `all` and `off`"),
        ("build-arg:FACTORY_STEP_LOGS", "x", "neither `on` nor `off`"),
        ("build-arg:FACTORY_FORMAT", "x", "is not one of `text`, `github`, `dot` and `mermaid`"),
        ("build-arg:FACTORY_BUILT_ON", "A b", "A b"),
    ];
    for (option, value, words) in table {
        let gateway = product();
        let error = error_of(&gateway, &[(option, value)]);
        assert!(error.message().starts_with(&format!("option `{option}`: ")), "{}", error.message());
        assert!(error.message().contains(words), "{option}: {}", error.message());
        assert_eq!(gateway.levels(), [["Return error"]], "{option}");
    }
    let error = error_of(&product(), &[("platform", "linux/amd64,linux/arm64"), ("multi-platform", "false")]);
    assert!(error.message().contains("does not go with 2 platforms"), "{}", error.message());
}

#[test]
fn a_capability_that_a_client_demands_in_vain_is_in_the_error() {
    let error = error_of(&product(), &[("frontend.caps", "moby.buildkit.frontend.telepathy")]);
    let [detail] = error.details() else { panic!("one detail: {error:?}") };
    assert_eq!(detail.type_url, "github.com/moby/buildkit/errdefs.FrontendCap+json");
    assert_eq!(detail.value, br#"{"name":"moby.buildkit.frontend.telepathy"}"#);
}

#[test]
fn the_manifest_is_where_the_client_says() {
    let mut gateway = product();
    let manifest = gateway.files["dockerfile"]["manifests/app.json"].clone();
    gateway.node("elsewhere", "manifests/app.json", manifest.clone());
    build(&gateway, &[("dockerfilekey", "elsewhere"), ("local-sessionid:elsewhere", "other-session")]);
    let source = solved_source(&gateway, "elsewhere");
    assert_eq!(source.identifier, "local://elsewhere");
    assert_eq!(source.attrs["local.session"], "other-session");
    // Without a name it is `Dockerfile`, or what that may be called, too.
    let mut gateway = product();
    gateway.files.remove("dockerfile");
    gateway.node("dockerfile", "dockerfile", manifest);
    build(&gateway, &[("filename", "Dockerfile")]);
    assert_eq!(
        solved_source(&gateway, "dockerfile").attrs["local.followpaths"],
        r#"["Dockerfile","Dockerfile.dockerignore","dockerfile"]"#
    );
}

#[test]
fn sessions_of_local_folders_are_the_clients_to_say() {
    let gateway = product();
    build(&gateway, &[("local-sessionid:context", "shared")]);
    let sessions: Vec<String> = gateway
        .matching("Solve")
        .into_iter()
        .flat_map(|call| match call {
            Call::Solve(request) => ops(&request.definition),
            _ => Vec::new(),
        })
        .filter_map(|op| match op.op {
            Some(pb::op::Op::Source(source)) if source.identifier == "local://context" => {
                source.attrs.get("local.session").cloned()
            }
            _ => None,
        })
        .collect();
    assert!(sessions.len() > 2 && sessions.iter().all(|session| session == "shared"), "{sessions:?}");
}

/// One vertex is one op, in one definition and among those of several platforms: what has one name is one thing.
#[test]
fn no_vertex_is_there_twice() {
    let mut gateway = product();
    let core = r#"{"name": "core", "version": "1.0.0", "steps": [
        {"file": {"path": "/a", "content": "x"}}, {"file": {"path": "/b", "content": "x"}},
        {"mkdir": {"path": "/d", "chmod": "0700"}}, {"remove": {"path": "/a"}},
        {"run": "echo core", "cache": [{"path": "/c", "chmod": "0700"}]}, {"run": "echo core"},
        {"apt": {"install": ["curl"]}}], "provides": ["command:x"]}"#;
    gateway.file("context", "fragments/core/1.0.0/fragment.json", core);
    build(&gateway, &[("platform", "linux/amd64,linux/arm64")]);
    let mut digests_of: std::collections::BTreeMap<String, std::collections::BTreeSet<String>> =
        Default::default();
    let mut names_of: std::collections::BTreeMap<String, std::collections::BTreeSet<String>> =
        Default::default();
    for call in gateway.matching("Solve") {
        let Call::Solve(request) = call else { continue };
        let mut seen = std::collections::BTreeSet::new();
        for op in &request.definition.def {
            let digest = llb_gen::llb::OpDigest::of(op).to_string();
            assert!(seen.insert(digest.clone()), "{digest} is in one definition twice");
            let about = &request.definition.metadata[&digest];
            if let Some(name) = about.description.get("llb.customname") {
                digests_of.entry(name.clone()).or_default().insert(digest.clone());
                names_of.entry(digest).or_default().insert(name.clone());
            }
        }
    }
    let twice: Vec<_> = digests_of.iter().filter(|(_, digests)| digests.len() > 1).collect();
    assert!(twice.is_empty(), "one name for several ops: {twice:#?}");
    let renamed: Vec<_> = names_of.iter().filter(|(_, names)| names.len() > 1).collect();
    assert!(renamed.is_empty(), "one op with several names: {renamed:#?}");
    let both = ["[linux/amd64 web 1.0.0 3/3]", "[linux/arm64 web 1.0.0 3/3]"];
    assert!(
        both.iter().all(|start| digests_of.keys().any(|name| name.starts_with(start))),
        "{digests_of:#?}"
    );
}

/// The digest by which we know an op is that of the bytes that Go would write: `Op` decoded and encoded again is the same.
#[test]
fn steps_are_known_by_the_daemons_digests_with_their_lines_and_those_of_the_manifest() {
    let definition = definition(&[]);
    let source = definition.source.clone().unwrap();
    for (about, op) in definition
        .def
        .iter()
        .map(|op| (&definition.metadata[&llb_gen::llb::OpDigest::of(op).to_string()], op))
    {
        let Some(name) = about.description.get("llb.customname").filter(|name| name.contains("/3]")) else {
            continue;
        };
        let digest = llb_gen::llb::OpDigest::of(op).to_string();
        let files: Vec<(&str, i32)> = source.locations[&digest]
            .locations
            .iter()
            .map(|one| {
                let file = source.infos[usize::try_from(one.source_index).unwrap()].filename.as_str();
                (file, one.ranges[0].start.as_ref().unwrap().line)
            })
            .collect();
        // A client prints the last one first.
        let [(manifest, line), (fragment, _)] = files[..] else { panic!("{name}: {files:?}") };
        assert_eq!((fragment, manifest), ("fragments/web/1.0.0/fragment.json", "manifests/app.json"));
        assert_eq!(line, 8, "the manifest selects `web` there");
        assert!(pb::Op::decode(op.as_slice()).is_ok());
    }
    let files: Vec<&str> = source.infos.iter().map(|info| info.filename.as_str()).collect();
    assert!(files.contains(&"manifests/app.json"), "{files:?}");
}

#[test]
fn what_makes_a_step_is_shown_as_one_line_with_it() {
    let definition = definition(&[("target", "stage/web/build")]);
    let groups: std::collections::BTreeSet<(String, String)> = definition
        .metadata
        .values()
        .filter_map(|about| about.progress_group.clone())
        .map(|group| (group.id, group.name))
        .collect();
    let [(id, name)] = &groups.into_iter().collect::<Vec<_>>()[..] else { panic!("one group") };
    assert_eq!((id, name.as_str()), (name, "[web 1.0.0 build 1/1] file /built"));
    let members = definition.metadata.values().filter_map(|about| {
        let weak = about.progress_group.as_ref()?.weak;
        Some((about.description["llb.customname"].as_str(), weak))
    });
    let members: std::collections::BTreeMap<&str, bool> = members.collect();
    let content = "[web 1.0.0 build] content of /built";
    assert_eq!(members, [(content, true), (name.as_str(), false)].into(), "nothing is shown before its turn");
}

#[test]
fn files_come_with_how_they_were_loaded() {
    let source = definition(&[]).source.unwrap();
    let loads = |info: &pb::SourceInfo| {
        let definition = info.definition.clone().unwrap_or_else(|| panic!("{}", info.filename));
        assert!(definition.source.is_none() && definition.metadata.len() == definition.def.len());
        let op = pb::Op::decode(definition.def[0].as_slice()).unwrap().op;
        let Some(pb::op::Op::Source(source)) = op else { panic!("{op:?}") };
        (source.identifier, source.attrs["local.followpaths"].clone())
    };
    for info in &source.infos {
        let (identifier, paths) = loads(info);
        let (from, path) = match info.filename.starts_with("fragments/") {
            true => ("local://context", "fragments/*/*/fragment.json"),
            false => ("local://dockerfile", "manifests/app.json"),
        };
        assert_eq!(identifier, from, "{}", info.filename);
        assert!(paths.contains(path), "{}: {paths}", info.filename);
    }
    assert!(source.infos.len() > 1);
}
