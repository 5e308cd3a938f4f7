//! SBOMs: which scanner is run on what, and what becomes of what it writes.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use frontend::gateway::{Attestation, AttestationKind};
use prost::Message as _;

use crate::fixture::{OTHER_DIGEST, build, outcome, product};
use crate::scripted::{Call, Scripted};

const GENERATOR: &str = "docker-image://127.0.0.1:5000/scan:1";
const REQUEST: (&str, &str) = ("attest:sbom", "generator=127.0.0.1:5000/scan:1,depth=2");
const PLAIN: &str = r#"{"architecture":"amd64","os":"linux","config":{"Entrypoint":["/scan"],"Cmd":["--all"],"Env":["A=b"],"WorkingDir":"/w"}}"#;
const OURS: &str = r#"{"architecture":"amd64","os":"linux","config":{"Entrypoint":["/sbom"],"Labels":{"factory.sbom.fragments":"1"}}}"#;

const WEB: &str = r#"{
  "name": "web", "version": "1.0.0",
  "stages": {
    "build": {"steps": [{"file": {"path": "/built", "content": "x"}}]},
    "idle": {"steps": [{"file": {"path": "/idle", "content": "x"}}]}
  },
  "steps": [
    {"copy": {"from": "stage:build", "src": "/built", "dest": "/built"}},
    {"copy": {"from": "context", "src": "notes.txt", "dest": "/notes.txt"}}
  ]
}"#;

fn scanned(config: &str) -> Scripted {
    let mut gateway = product();
    gateway.image(GENERATOR, OTHER_DIGEST, config);
    gateway.file("context", "fragments/web/1.0.0/fragment.json", WEB);
    gateway
}

/// The scan that an attestation leads to: the last op of its definition that does anything, with the name that people see.
fn scan(gateway: &Scripted, attestation: &Attestation) -> (pb::ExecOp, String, Vec<pb::Op>) {
    let solves = gateway.calls().into_iter().filter_map(|(_, call)| match call {
        Call::Solve(request) => Some(request.definition),
        _ => None,
    });
    let solves: Vec<pb::Definition> = solves.collect();
    let number: usize = attestation.reference.id().strip_prefix("ref").unwrap().parse().unwrap();
    let definition = &solves[number];
    let ops: Vec<pb::Op> = definition.def.iter().map(|op| pb::Op::decode(op.as_slice()).unwrap()).collect();
    let top = ops.last().unwrap().inputs[0].digest.clone();
    let at = definition.def.iter().position(|op| llb_gen::llb::OpDigest::of(op).to_string() == top).unwrap();
    let at = match &ops[at].op {
        // What a scanner wrote may be taken apart.
        Some(pb::op::Op::File(_)) => at - 1,
        _ => at,
    };
    let top = llb_gen::llb::OpDigest::of(&definition.def[at]).to_string();
    let Some(pb::op::Op::Exec(exec)) = ops[at].op.clone() else { panic!("{:?}", ops[at]) };
    (exec, definition.metadata[&top].description["llb.customname"].clone(), ops)
}

/// What of a scanner's output is taken, and what of it is not: the last copy.
fn copied(ops: &[pb::Op]) -> (String, Vec<String>) {
    let Some(pb::op::Op::File(files)) = &ops[ops.len() - 2].op else { panic!("{ops:?}") };
    let Some(pb::file_action::Action::Copy(copy)) = files.actions[0].action.clone() else {
        panic!("{files:?}")
    };
    (copy.src, copy.exclude_patterns)
}

fn places(exec: &pb::ExecOp) -> Vec<&str> {
    exec.mounts.iter().map(|mount| mount.dest.as_str()).collect()
}

fn env(exec: &pb::ExecOp) -> BTreeMap<&str, &str> {
    let meta = exec.meta.as_ref().unwrap();
    meta.env.iter().filter_map(|one| one.split_once('=')).collect()
}

#[test]
fn the_finished_root_is_scanned_as_the_protocol_says() {
    let gateway = scanned(PLAIN);
    let result = build(&gateway, &[REQUEST, ("build-arg:SOURCE_DATE_EPOCH", "7")]);
    let levels = gateway.levels();
    assert!(levels[2].contains(&format!("Resolve {GENERATOR}")), "looked up beside the base: {levels:?}");
    assert_eq!(levels[3].iter().filter(|call| *call == "Solve").count(), 2, "beside the image: {levels:?}");

    let [attestation] = &result.attestations["linux/amd64"][..] else { panic!("{result:?}") };
    assert_eq!(
        (attestation.kind, attestation.path.as_str(), attestation.predicate_type.as_str()),
        (AttestationKind::Bundle, "/", "https://spdx.dev/Document")
    );
    assert_eq!(attestation.metadata["reason"], b"sbom");
    assert_eq!(attestation.metadata["sbom-core"], b"sbom");
    let (exec, name, ops) = scan(&gateway, attestation);
    assert_eq!(name, "[linux/amd64] generating sbom using 127.0.0.1:5000/scan:1");
    let meta = exec.meta.as_ref().unwrap();
    assert_eq!(
        (meta.args.as_slice(), meta.cwd.as_str()),
        (["/scan".into(), "--all".into()].as_slice(), "/w")
    );
    let expected = [
        ("A", "b"),
        ("BUILDKIT_SCAN_DESTINATION", "/run/out/"),
        ("BUILDKIT_SCAN_SOURCE", "/run/src/core/sbom"),
        ("BUILDKIT_SCAN_depth", "2"),
        ("SOURCE_DATE_EPOCH", "7"),
    ];
    assert_eq!(env(&exec), BTreeMap::from(expected));
    assert_eq!(places(&exec), ["/", "/run/out", "/run/src/core/sbom", "/tmp"]);
    assert!(exec.mounts[2].readonly && exec.mounts[2].output == -1);
    let pinned = format!("{GENERATOR}@{OTHER_DIGEST}");
    let sources = ops.iter().filter_map(|op| match &op.op {
        Some(pb::op::Op::Source(source)) => Some(source.identifier.clone()),
        _ => None,
    });
    assert!(sources.collect::<Vec<_>>().contains(&pinned), "{ops:?}");
}

#[test]
fn stages_and_the_context_are_scanned_on_request() {
    let gateway = scanned(PLAIN);
    let extras = [
        REQUEST,
        ("build-arg:BUILDKIT_SBOM_SCAN_CONTEXT", "true"),
        ("build-arg:BUILDKIT_SBOM_SCAN_STAGE", "buidl,web/build"),
    ];
    let result = build(&gateway, &extras);
    let [core, beside] = &result.attestations["linux/amd64"][..] else { panic!("{result:?}") };
    assert!(core.metadata.contains_key("sbom-core") && !beside.metadata.contains_key("sbom-core"));
    let (exec, _, ops) = scan(&gateway, core);
    assert_eq!(copied(&ops), ("/sbom.spdx.json".to_owned(), vec![]), "the first that clients see");
    let (same, _, ops) = scan(&gateway, beside);
    assert_eq!(copied(&ops), ("/".to_owned(), vec!["sbom.spdx.json".to_owned()]));
    assert_eq!(same, exec, "one scan");
    let expected = [
        "/",
        "/run/out",
        "/run/src/core/sbom",
        "/run/src/extras/sbom-context",
        "/run/src/extras/sbom-web-build",
        "/tmp",
    ];
    assert_eq!(places(&exec), expected);
    assert_eq!(env(&exec)["BUILDKIT_SCAN_SOURCE_EXTRAS"], "/run/src/extras");
    let warnings = gateway.matching("Warn");
    let [Call::Warn(warning)] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.short.contains("no stage `buidl`"), "{warning:?}");

    let all = [REQUEST, ("build-arg:BUILDKIT_SBOM_SCAN_STAGE", "true")];
    let gateway = scanned(PLAIN);
    let result = build(&gateway, &all);
    let (exec, _, _) = scan(&gateway, &result.attestations["linux/amd64"][0]);
    assert!(places(&exec).contains(&"/run/src/extras/sbom-web-build"), "what the product takes from");
    assert!(!places(&exec).contains(&"/run/src/extras/sbom-web-idle"), "and nothing else");
}

#[test]
fn a_scanner_that_knows_fragments_scans_each_once_and_takes_the_scans_along() {
    let gateway = scanned(OURS);
    let result = build(&gateway, &[REQUEST, ("platform", "linux/amd64,linux/arm64")]);
    for platform in ["linux/amd64", "linux/arm64"] {
        let [whole, core, web] = &result.attestations[platform][..] else { panic!("{result:?}") };
        let (exec, _, ops) = scan(&gateway, whole);
        let fragments = ["/run/src/fragments/core-1.0.0", "/run/src/fragments/web-1.0.0"];
        assert!(fragments.iter().all(|one| places(&exec).contains(one)), "{:?}", places(&exec));
        assert_eq!(env(&exec)["BUILDKIT_SCAN_FRAGMENTS"], "/run/src/fragments");
        assert_eq!(exec.network, pb::NetMode::None as i32, "it has no business on any network");
        let (part, name, part_ops) = scan(&gateway, core);
        assert_eq!(name, format!("[{platform}] generating sbom of core 1.0.0 using 127.0.0.1:5000/scan:1"));
        assert_eq!(env(&part)["BUILDKIT_SCAN_FRAGMENT"], "core@1.0.0");
        assert_eq!(env(&part)["BUILDKIT_SCAN_SOURCE"], "/run/src/core/core-1.0.0");
        assert_eq!(places(&part), ["/", "/run/out", "/run/src/below", "/run/src/core/core-1.0.0", "/tmp"]);
        assert!(part_ops[..part_ops.len() - 1].iter().all(|op| ops.contains(op)), "one vertex, not two");
        assert!(!core.metadata.contains_key("sbom-core") && whole.metadata.contains_key("sbom-core"));
        let (above, _, _) = scan(&gateway, web);
        assert_eq!(env(&above)["BUILDKIT_SCAN_FRAGMENT"], "web@1.0.0");
    }
}

#[test]
fn questions_and_reports_look_no_scanner_up() {
    for options in [[REQUEST, ("requestid", "frontend.key")], [REQUEST, ("target", "report")]] {
        let gateway = scanned(PLAIN);
        let _ = outcome(&gateway, &options);
        assert!(gateway.matching(&format!("Resolve {GENERATOR}")).is_empty(), "{options:?}");
    }
}

#[test]
fn a_scanner_that_cannot_run_is_refused_by_its_name() {
    let gateway = product();
    let status = outcome(&gateway, &[REQUEST]).unwrap_err();
    assert!(
        status.message().contains("the SBOM generator `127.0.0.1:5000/scan:1` cannot be resolved"),
        "{status:?}"
    );
    let gateway = scanned(r#"{"architecture":"amd64","os":"linux","config":{}}"#);
    let status = outcome(&gateway, &[REQUEST]).unwrap_err();
    assert!(status.message().contains("neither an entrypoint nor a command"), "{status:?}");
}
