//! From documents to LLB, without a daemon: the ops are decoded and looked at.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod bench;
mod compose;
mod config;
mod devices;
mod execs;
mod files;
mod inputs;
mod keys;
mod lock;
mod needs;
mod prewarm;
mod selection;
mod stages;
mod steps;
mod tests;

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use llb_gen::check::FileState;
use llb_gen::diagnostic::Diagnostics;
use llb_gen::draft::{Draft, ImageLookup};
use llb_gen::llb::source::Image;
use llb_gen::llb::{Cap, FileOp, Graph, Mkfile, State};
use llb_gen::lock::LockInput;
use llb_gen::lower::Lowered;
use llb_gen::model::Product;
use llb_gen::parse::RawManifest;
use llb_gen::plan::{ImageAnswer, Plan};
use llb_gen::request::{Naming, NoCache, Request, Sandbox, Tree};
use llb_gen::text::SourceFile;
use prost::Message as _;
use serde_json::Value;

/// A product of one fragment `app` 1.0.0 on `debian:bookworm-slim`, whose document has these members.
pub(crate) fn one(members: &str) -> Documents {
    Documents::new(r#""base": "debian:bookworm-slim""#, &[("app", members)])
}

pub(crate) struct Documents {
    manifest: SourceFile,
    files: BTreeMap<String, FileState>,
}

impl Documents {
    /// A manifest `p` with these members, and fragments of version 1.0.0 in order.
    pub(crate) fn new(members: &str, fragments: &[(&str, &str)]) -> Self {
        let list: Vec<String> = fragments
            .iter()
            .map(|(name, _)| format!(r#"{{"name": "{name}", "version": "1.0.0"}}"#))
            .collect();
        let manifest = format!(r#"{{"id": "p", "fragments": [{}], {members}}}"#, list.join(", "));
        let file = |(name, members): &(&str, &str)| {
            let path = format!("fragments/{name}/1.0.0/fragment.json");
            let text = format!("{{\"name\": \"{name}\", \"version\": \"1.0.0\",\n{members}}}");
            (path.clone(), FileState::Present(SourceFile::new(path, text.into_bytes())))
        };
        let manifest = SourceFile::new("manifests/p.json", manifest.into_bytes());
        Self { manifest, files: fragments.iter().map(file).collect() }
    }

    pub(crate) fn product(&self) -> Product {
        let raw = RawManifest::parse(&self.manifest).unwrap();
        Product::check(raw, &self.files).unwrap().0
    }

    pub(crate) fn lower(&self, request: &Request) -> Lowered {
        lower(&self.product(), request)
    }
}

/// The plan, every image answered for.
pub(crate) fn plan<'a>(product: &'a Product, request: &'a Request) -> Result<Plan<'a>, Diagnostics> {
    let draft = Draft::new(product, request)?;
    let answers = draft.lookups().map(|lookup| (lookup.clone(), answer(lookup))).collect();
    draft.pin(answers)
}

pub(crate) fn lower(product: &Product, request: &Request) -> Lowered {
    let lowered = plan(product, request).unwrap().lower().unwrap();
    lowered.graph.verify().unwrap();
    lowered
}

fn answer(lookup: &ImageLookup) -> ImageAnswer {
    let platform = llb_gen::llb::Platform::new(lookup.platform.os(), lookup.platform.arch());
    let config = format!(
        r#"{{"architecture": "{}", "os": "linux", "config": {{"Env": ["PATH=/usr/bin:/bin"], "Cmd": ["bash"]}},
            "history": [{{"created_by": "base"}}]}}"#,
        lookup.platform.arch()
    );
    let state = Image::new(&lookup.reference.to_string()).platform(platform).state();
    ImageAnswer { state, config: Some(config.into_bytes()) }
}

fn local(hint: &str) -> Tree {
    Tree::Local {
        name: "context".into(),
        session: "s".into(),
        hint: hint.into(),
        exclude: Vec::new(),
        title: format!("[internal] {hint}"),
        also: std::collections::BTreeSet::new(),
    }
}

pub(crate) fn request(platform: &str) -> Request {
    Request {
        platform: platform.parse().unwrap(),
        build_platform: "linux/amd64".parse().unwrap(),
        caps: Cap::ALL.iter().map(|cap| cap.id().to_owned()).collect(),
        naming: Naming::Plain,
        target: None,
        build_args: BTreeMap::new(),
        labels: BTreeMap::new(),
        no_cache: NoCache::Nothing,
        epoch: None,
        sandbox: Sandbox::default(),
        lock: LockInput::default(),
        built_on: None,
        cache_namespace: String::new(),
        context: local("context"),
        catalogue: local("fragments"),
        named_contexts: BTreeMap::new(),
        own_image: Some(
            FileOp::on(&State::scratch()).mkfile(Mkfile::new("/helper", 0o755, "wrapper")).state(),
        ),
    }
}

pub(crate) fn amd64() -> Request {
    request("linux/amd64")
}

pub(crate) fn ops(graph: &Graph) -> Vec<(String, pb::Op)> {
    let named = graph.vertices().map(|(vertex, meta)| {
        (meta.name().unwrap_or_default().to_owned(), pb::Op::decode(vertex.bytes()).unwrap())
    });
    named.collect()
}

/// The execs under the wrapper, by name.
pub(crate) fn execs(graph: &Graph) -> Vec<(String, pb::ExecOp)> {
    let execs = ops(graph).into_iter().filter_map(|(name, op)| match op.op {
        Some(pb::op::Op::Exec(exec)) => Some((name, exec)),
        _ => None,
    });
    execs.collect()
}

pub(crate) fn only_exec(graph: &Graph) -> pb::ExecOp {
    let mut execs = execs(graph);
    assert_eq!(execs.len(), 1, "expected one exec");
    execs.remove(0).1
}

/// The file ops that have a step's name.
pub(crate) fn file_ops(graph: &Graph) -> Vec<(String, pb::FileOp)> {
    let files = ops(graph).into_iter().filter_map(|(name, op)| match op.op {
        Some(pb::op::Op::File(file)) if name.starts_with('[') => Some((name, file)),
        _ => None,
    });
    files.collect()
}

pub(crate) fn env<'e>(exec: &'e pb::ExecOp, name: &str) -> Option<&'e str> {
    let prefix = format!("{name}=");
    exec.meta.as_ref().unwrap().env.iter().find_map(|entry| entry.strip_prefix(prefix.as_str()))
}

/// What the wrapper is told.
pub(crate) fn spec(exec: &pb::ExecOp) -> Value {
    serde_json::from_str(env(exec, "FACTORY_STEP").unwrap()).unwrap()
}

pub(crate) fn mount<'e>(exec: &'e pb::ExecOp, dest: &str) -> &'e pb::Mount {
    exec.mounts.iter().find(|mount| mount.dest == dest).unwrap_or_else(|| panic!("no mount at {dest}"))
}

pub(crate) fn config(lowered: &Lowered) -> Value {
    serde_json::from_slice(&lowered.config).unwrap()
}
