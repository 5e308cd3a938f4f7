//! Daemons that lack something: capabilities, rights, room in a message.

use bollard_buildkit_proto::pb;
use frontend::status::Status;
use llb_gen::llb::{Cap, OpDigest};

use crate::fixture::{build, product};
use crate::scripted::{Call, Scripted};
use crate::{error_of, final_solves};

/// A product whose only fragment has these steps.
fn with_steps(steps: &str) -> Scripted {
    let mut gateway = product();
    let core = format!("{{\"name\": \"core\", \"version\": \"1.0.0\", \"steps\": [\n{steps}\n]}}");
    gateway.file("context", "fragments/core/1.0.0/fragment.json", core);
    gateway
}

#[test]
fn what_a_daemon_lacks_is_named_with_the_step_and_the_release() {
    let table = [
        (Cap::EXEC_ULIMIT, ("ulimit", "nofile=1"), "fragments/core/1.0.0/fragment.json:4:", "BuildKit 0.10"),
        (
            Cap::EXEC_CGROUP_PARENT,
            ("cgroup-parent", "/x"),
            "fragments/core/1.0.0/fragment.json:4:",
            "BuildKit 0.10",
        ),
        (Cap::MOUNT_TMPFS_SIZE, ("shm-size", "1"), "fragments/core/1.0.0/fragment.json:4:", "BuildKit 0.10"),
        (
            Cap::EXEC_PROXY,
            ("build-arg:HTTP_PROXY", "x"),
            "fragments/core/1.0.0/fragment.json:4:",
            "BuildKit 0.3",
        ),
        (Cap::SECRET_ENV, ("target", ""), "fragments/core/1.0.0/fragment.json:4:", "BuildKit 0.10"),
        (Cap::MOUNT_CONTENT_CACHE, ("target", ""), "fragments/core/1.0.0/fragment.json:4:", "BuildKit 0.13"),
        (
            Cap::META_IGNORE_CACHE,
            ("no-cache", "core"),
            "fragments/core/1.0.0/fragment.json:4:",
            "BuildKit 0.3",
        ),
    ];
    for (cap, option, place, since) in table {
        let mut gateway = product();
        gateway.daemon.llb_caps.remove(cap.id());
        let error = error_of(&gateway, &[option]);
        let message = error.message();
        assert!(message.starts_with(place), "{cap:?}: {message}");
        assert!(message.contains(since) && message.contains(cap.id()), "{cap:?}: {message}");
        assert!(message.contains("this engine cannot "), "{cap:?}: {message}");
        assert!(final_solves(&gateway).is_empty());
        assert!(!error.details().is_empty(), "{cap:?}: its lines");
    }
}

/// What a daemon lists as disabled is not among its capabilities: that is the wire's business, tested there.
#[test]
fn fragments_are_chained_where_merging_is_disabled_and_that_is_said() {
    let mut gateway = product();
    for cap in [Cap::MERGE, Cap::DIFF] {
        gateway.daemon.llb_caps.remove(cap.id());
    }
    let web = r#"{"name": "web", "version": "1.0.0", "builds_on": [], "steps": [{"run": "x"}]}"#;
    gateway.file("context", "fragments/web/1.0.0/fragment.json", web);
    build(&gateway, &[("platform", "linux/amd64,linux/arm64")]);
    let merges = final_solves(&gateway)
        .iter()
        .flat_map(|solve| crate::ops(&solve.definition))
        .any(|op| matches!(op.op, Some(pb::op::Op::Merge(_) | pb::op::Op::Diff(_))));
    assert!(!merges);
    let [Call::Warn(warning)] = &gateway.matching("Warn")[..] else {
        panic!("one warning for both platforms")
    };
    assert!(warning.short.starts_with("no-merge: this engine cannot merge"), "{}", warning.short);
    assert!(warning.detail.join(" ").contains("containerd image store"), "{:?}", warning.detail);
    assert_eq!(warning.info.as_ref().unwrap().filename, "fragments/web/1.0.0/fragment.json");
}

#[test]
fn a_daemon_without_lookups_is_too_old() {
    let mut gateway = product();
    gateway.daemon.gateway_caps.insert("gateway.solve.evaluate".into());
    let error = error_of(&gateway, &[]);
    assert!(error.message().contains("BuildKit 0.13 and later"), "{}", error.message());
}

#[test]
fn a_daemon_without_warnings_is_sent_none() {
    let mut gateway = product();
    gateway.daemon.gateway_caps.insert("source.metaresolver".into());
    build(&gateway, &[("frobnicate", "1")]);
    assert!(gateway.matching("Warn").is_empty());
    gateway.daemon.gateway_caps.insert("gateway.warnings".into());
    build(&gateway, &[("frobnicate", "1")]);
    assert_eq!(gateway.matching("Warn").len(), 1);
}

/// The digest of the op with this name in what is solved.
fn digest_of(gateway: &Scripted, start: &str) -> String {
    let definition = final_solves(gateway).remove(0).definition;
    let named = definition.def.iter().find_map(|op| {
        let digest = OpDigest::of(op).to_string();
        let name = definition.metadata.get(&digest)?.description.get("llb.customname")?;
        name.starts_with(start).then_some(digest)
    });
    named.unwrap_or_else(|| panic!("no {start}"))
}

#[test]
fn a_right_that_is_refused_is_named_with_step_line_and_flag() {
    let table = [
        (
            r#"{"run": "x", "network": "host"}"#,
            "network.host is not allowed",
            "uses the network of the machine",
            "`--allow network.host`",
        ),
        (
            r#"{"run": "x", "security": "insecure"}"#,
            "security.insecure is not allowed",
            "runs without confinement",
            "`--allow security.insecure`",
        ),
        (
            r#"{"run": "x", "devices": ["vendor.com/class=one"]}"#,
            "device vendor.com/class=one is requested by the build but not allowed",
            "uses the device `vendor.com/class=one`",
            "`--allow device=vendor.com/class=one`",
        ),
    ];
    for (step, refusal, what, flag) in table {
        let mut gateway = with_steps(step);
        build(&gateway, &[]);
        assert!(final_solves(&gateway)[0].evaluate, "or nobody could say which step it was");
        let digest = digest_of(&gateway, "[core 1.0.0 1/1]");
        let upstream = Status::new(format!("failed to load LLB: {refusal}"))
            .with_json_detail("errdefs.Vertex", &std::collections::BTreeMap::from([("digest", "d")]));
        gateway.failing_solves.insert(digest, upstream);
        let error = error_of(&gateway, &[]);
        let message = error.message();
        assert!(
            message.starts_with("fragments/core/1.0.0/fragment.json:2:1: step `[core 1.0.0 1/1] run x`"),
            "{message}"
        );
        assert!(message.contains(what) && message.contains(flag) && message.ends_with(refusal), "{message}");
        let kinds: Vec<&str> = error.details().iter().map(|detail| detail.type_url.as_str()).collect();
        let expected = ["errdefs.Vertex+json", "errdefs.Source+json"]
            .map(|kind| format!("github.com/moby/buildkit/{kind}"));
        assert_eq!(kinds, expected);
    }
}

#[test]
fn rights_are_asked_for_only_where_a_step_needs_them() {
    let gateway = product();
    build(&gateway, &[]);
    let solve = final_solves(&gateway).remove(0);
    assert!(!solve.evaluate, "the daemon builds after the process has ended");
    for op in crate::ops(&solve.definition) {
        if let Some(pb::op::Op::Exec(exec)) = op.op {
            assert_ne!(exec.network, pb::NetMode::Host as i32);
            assert_eq!(exec.security, pb::SecurityMode::Sandbox as i32);
            assert!(exec.cdi_devices.is_empty());
        }
    }
    // What else fails is the daemon's to say.
    let mut gateway = with_steps(r#"{"run": "x", "network": "host"}"#);
    build(&gateway, &[]);
    let digest = digest_of(&gateway, "[core 1.0.0 1/1]");
    let upstream = Status::new("process \"x\" did not complete successfully: exit code: 1");
    gateway.failing_solves.insert(digest, upstream.clone());
    assert_eq!(error_of(&gateway, &[]), upstream);
}

/// A product whose definition has about this many MiB, in files that it makes.
fn large(mib: usize) -> Scripted {
    let mut gateway = product();
    let names: Vec<String> = (0..mib * 2).map(|at| format!("part{at}")).collect();
    let selections: Vec<String> =
        names.iter().map(|name| format!(r#"{{"name": "{name}", "version": "1.0.0"}}"#)).collect();
    let manifest =
        format!(r#"{{"id": "app", "base": "debian:12", "fragments": [{}]}}"#, selections.join(","));
    gateway.file("dockerfile", "manifests/app.json", manifest);
    for name in names {
        let content = format!("{name} {}", "x".repeat((1 << 19) - 4096));
        let fragment = format!(
            r#"{{"name": "{name}", "version": "1.0.0", "steps": [{{"file": {{"path": "/{name}", "content": "{content}"}}}}]}}"#
        );
        gateway.file("context", &format!("fragments/{name}/1.0.0/fragment.json"), fragment);
    }
    gateway
}

#[test]
fn a_definition_is_sent_without_its_files_before_it_is_too_large() {
    let mut old = large(3);
    old.daemon.llb_caps.remove(Cap::FILE_COPY_ALWAYS_REPLACE.id());
    build(&old, &[]);
    let [solve] = &final_solves(&old)[..] else { panic!("one definition") };
    assert!(solve.definition.source.as_ref().unwrap().infos.iter().all(|info| info.data.is_empty()));
    let [Call::Warn(warning)] = &old.matching("Warn large-definition")[..] else { panic!("one warning") };
    assert!(warning.detail[0].contains("will not show their lines"), "{:?}", warning.detail);
    // A newer one takes it as it is.
    let new = large(3);
    build(&new, &[]);
    assert!(
        final_solves(&new)[0]
            .definition
            .source
            .as_ref()
            .unwrap()
            .infos
            .iter()
            .all(|info| !info.data.is_empty())
    );
    assert!(new.matching("Warn").is_empty());
}

#[test]
fn a_definition_that_no_message_takes_is_refused_with_its_size() {
    let mut old = large(5);
    old.daemon.llb_caps.remove(Cap::FILE_COPY_ALWAYS_REPLACE.id());
    let error = error_of(&old, &[]);
    let message = error.message();
    assert!(message.contains("takes messages of 4 MiB"), "{message}");
    assert!(message.contains("BuildKit 0.14 or later") && message.contains("`copy` files"), "{message}");
    assert!(final_solves(&old).is_empty(), "it was not tried");
    let new = large(5);
    build(&new, &[]);
}
