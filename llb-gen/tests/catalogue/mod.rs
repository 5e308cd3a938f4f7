//! The catalogue of `fixtures/catalogue`, and products made of texts.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use llb_gen::check::FileState;
use llb_gen::diagnostic::{Diagnostics, Warnings};
use llb_gen::llb::{Cap, State};
use llb_gen::model::Product;
use llb_gen::parse::RawManifest;
use llb_gen::request::{Naming, NoCache, Request, Sandbox, Tree};
use llb_gen::text::SourceFile;

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The files of the catalogue with everything in it: path and text.
pub(crate) fn files() -> Vec<(&'static str, String)> {
    let paths = [
        "manifests/everything.json",
        "manifests/templates/everything/1.0.0.json",
        "fragments/runtime/0.10.0/fragment.json",
        "fragments/server/1.2.0-rc.1/fragment.json",
    ];
    let read =
        |path: &str| std::fs::read_to_string(fixtures().join("catalogue").join(path)).expect("a fixture");
    paths.into_iter().map(|path| (path, read(path))).collect()
}

/// The product of `manifest` and `files`.
pub(crate) fn product(
    path: &str,
    manifest: &str,
    files: &[(&str, &str)],
) -> Result<(Product, Warnings), Diagnostics> {
    let raw = RawManifest::parse(&SourceFile::new(path, manifest.as_bytes()))?;
    let present = |(path, text): &(&str, &str)| {
        ((*path).to_owned(), FileState::Present(SourceFile::new(*path, text.as_bytes())))
    };
    let files: BTreeMap<String, FileState> = files.iter().map(present).collect();
    Product::check(raw, &files)
}

/// The product that uses every member.
pub(crate) fn everything() -> (Product, Warnings) {
    let files = files();
    let rest: Vec<(&str, &str)> = files[1..].iter().map(|(path, text)| (*path, text.as_str())).collect();
    product(files[0].0, &files[0].1, &rest).unwrap_or_else(|faults| panic!("{}", faults.excerpts()))
}

/// The steps of `fixtures/valid/step.cases`, one a line.
pub(crate) fn valid_steps() -> Vec<String> {
    let text = std::fs::read_to_string(fixtures().join("valid/step.cases")).expect("a fixture");
    text.lines().map(str::to_owned).collect()
}

/// A fragment whose only test, on the second line, is `test`.
pub(crate) fn fragment_of_test(test: &str) -> String {
    format!("{{\"name\": \"f\", \"version\": \"0.1.0\", \"tests\": [\n{test}\n]}}")
}

/// A fragment whose only step, on the second line, is `step`.
pub(crate) fn fragment_of_step(step: &str) -> String {
    format!("{{\"name\": \"f\", \"version\": \"0.1.0\", \"steps\": [\n{step}\n]}}")
}

/// A plain build for a platform on an engine that can do everything.
pub(crate) fn request(platform: &str) -> Request {
    Request {
        platform: platform.parse().expect("a platform"),
        build_platform: "linux/amd64".parse().expect("a platform"),
        caps: Cap::ALL.iter().map(|cap| cap.id().to_owned()).collect(),
        naming: Naming::Plain,
        target: None,
        build_args: BTreeMap::new(),
        labels: BTreeMap::new(),
        no_cache: NoCache::Nothing,
        epoch: None,
        sandbox: Sandbox::default(),
        built_on: None,
        cache_namespace: String::new(),
        context: Tree::State(State::scratch()),
        catalogue: Tree::State(State::scratch()),
        named_contexts: BTreeMap::new(),
        lock: llb_gen::lock::LockInput::default(),
        own_image: None,
    }
}
