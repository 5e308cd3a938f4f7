//! From documents to a definition in memory: 1,000 fragments of ten steps, without a daemon.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use llb_gen::check::FileState;
use llb_gen::draft::{Draft, ImageLookup};
use llb_gen::llb::source::{Image, Local};
use llb_gen::llb::{Cap, Exec, FileOp, Graph, Loading, Mkfile, Platform, State};
use llb_gen::model::Product;
use llb_gen::parse::RawManifest;
use llb_gen::plan::ImageAnswer;
use llb_gen::request::{Naming, NoCache, Request, Sandbox, Tree};
use llb_gen::text::SourceFile;
use prost::Message as _;
use serde_json::json;

use crate::table::Table;

const FRAGMENTS: usize = 1000;
const STEPS: usize = 10;
const RUNS: usize = 15;

pub(crate) fn measure() -> Table {
    let documents = Documents::new(FRAGMENTS);
    let mut table = Table::new("1,000 fragments, 10,000 steps, to a definition");
    let mut sizes = Vec::new();
    for _ in 0..RUNS {
        sizes.push(model(&documents, &mut table));
        bare(&mut table);
    }
    sizes.dedup();
    table.note(format!(
        "definition: {} bytes, {} in all runs",
        sizes[0],
        if sizes.len() == 1 { "the same" } else { "NOT the same" }
    ));
    table
}

struct Documents {
    manifest: SourceFile,
    files: BTreeMap<String, FileState>,
}

impl Documents {
    fn new(count: usize) -> Self {
        let names: Vec<String> = (0..count).map(|at| format!("fragment{at}")).collect();
        let selections: Vec<_> = names.iter().map(|name| json!({"name": name, "version": "0.1.0"})).collect();
        let manifest = json!({"id": "p", "base": "debian:bookworm-slim", "fragments": selections});
        let source = Local::new("context", "session").follow_paths(["fragments/*/*/fragment.json"]).state();
        let loading = Loading::by(&Graph::of(&source).marshal());
        let file = |name: &String| {
            let path = format!("fragments/{name}/0.1.0/fragment.json");
            let text = serde_json::to_vec_pretty(&fragment(name)).unwrap();
            (path.clone(), FileState::Present(SourceFile::loaded(path, text, loading.clone())))
        };
        let manifest = SourceFile::new("manifests/p.json", serde_json::to_vec_pretty(&manifest).unwrap());
        Self { manifest, files: names.iter().map(file).collect() }
    }
}

/// Half of the steps run something, half are a file.
fn fragment(name: &str) -> serde_json::Value {
    let step = |at: usize| match at % 2 {
        0 => json!({"run": format!("make -C /src/{name} part{at} && make install")}),
        _ => json!({"file": {"path": format!("/etc/{name}/{at}.conf"), "content": format!("part = {at}\n")}}),
    };
    json!({"name": name, "version": "0.1.0", "env": {"PART": name}, "steps": (0..STEPS).map(step).collect::<Vec<_>>()})
}

/// The whole way, each stage by itself.
fn model(documents: &Documents, table: &mut Table) -> usize {
    let all = Instant::now();
    let raw = RawManifest::parse(&documents.manifest).unwrap();
    let (product, _) = Product::check(raw, &documents.files).unwrap();
    let checked = all.elapsed();
    let request = request();
    let draft = Draft::new(&product, &request).unwrap();
    let answers = draft.lookups().map(|lookup| (lookup.clone(), answer(lookup))).collect();
    let plan = draft.pin(answers).unwrap();
    let planned = all.elapsed();
    let lowered = plan.lower_any_size().unwrap();
    let lowered_at = all.elapsed();
    let bytes = lowered.definition().unwrap().encode_to_vec();
    let done = all.elapsed();
    table.add("documents to bytes, all of it", done);
    table.add("  parse and check", checked);
    table.add("  draft and pin", planned - checked);
    table.add("  lower", lowered_at - planned);
    table.add("  marshal", done - lowered_at);
    bytes.len()
}

/// The LLB library alone: as many ops, made and marshalled.
fn bare(table: &mut Table) {
    let start = Instant::now();
    let platform = Platform::new("linux", "amd64");
    let mut state = Image::new("docker.io/library/debian:bookworm-slim").platform(platform.clone()).state();
    for at in 0..FRAGMENTS * STEPS {
        state = match at % 2 {
            0 => Exec::new(["/bin/sh", "-c", &format!("make part{at}")])
                .platform(platform.clone())
                .root(&state)
                .run()
                .root(),
            _ => {
                FileOp::on(&state).mkfile(Mkfile::new(format!("/etc/{at}.conf"), 0o644, "part = 1\n")).state()
            }
        };
    }
    let made = start.elapsed();
    black_box(Graph::of(&state).marshal().encode_to_vec());
    table.add("the LLB library alone, the same number of ops", start.elapsed());
    table.add("  of that, marshal", start.elapsed() - made);
}

fn request() -> Request {
    let amd64 = || "linux/amd64".parse().unwrap();
    Request {
        platform: amd64(),
        build_platform: amd64(),
        caps: Cap::ALL.iter().map(|cap| cap.id().to_owned()).collect(),
        naming: Naming::Plain,
        target: None,
        build_args: BTreeMap::new(),
        labels: BTreeMap::new(),
        no_cache: NoCache::Nothing,
        epoch: None,
        sandbox: Sandbox::default(),
        built_on: None,
        lock: llb_gen::lock::LockInput::default(),
        cache_namespace: String::new(),
        context: local("context"),
        catalogue: local("fragments"),
        named_contexts: BTreeMap::new(),
        own_image: Some(
            FileOp::on(&State::scratch()).mkfile(Mkfile::new("/helper", 0o755, "wrapper")).state(),
        ),
    }
}

fn local(hint: &str) -> Tree {
    let (name, session) = ("context".to_owned(), "session".to_owned());
    Tree::Local {
        name,
        session,
        hint: hint.to_owned(),
        exclude: Vec::new(),
        title: format!("[internal] {hint}"),
        also: std::collections::BTreeSet::new(),
    }
}

fn answer(lookup: &ImageLookup) -> ImageAnswer {
    let config = json!({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/usr/bin:/bin"]}});
    let state = Image::new(&lookup.reference.to_string()).platform(Platform::new("linux", "amd64")).state();
    ImageAnswer { state, config: Some(config.to_string().into_bytes()) }
}
