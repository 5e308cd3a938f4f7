//! The readers of foreign bytes that the rest of the house has: documents that people write, and what engines, images and
//! package managers hand back. As in `entries.rs`, an ordinary test (`tests/tests/corpus.rs`) includes this file.

use std::hint::black_box;

use llb_gen::explain::ProductInputs;
use llb_gen::image::ImageConfig;
use llb_gen::llb::State;
use llb_gen::model::{Fragment, Manifest, Template};
use llb_gen::parse::{RawFragment, RawManifest, RawPlan, RawTemplate};
use llb_gen::text::SourceFile;

/// The frontend's, which has gRPC round it; the file itself needs nothing.
#[path = "../../../../frontend/src/ignore.rs"]
mod ignore;

/// A reader and its name.
pub type Entry = (&'static str, fn(&[u8]));

/// All of them. The helper's shared files are in `shared.rs`: only the fuzzer can see those.
pub const ENTRIES: &[Entry] = &[
    ("manifest", manifest),
    ("template", template),
    ("fragment", fragment),
    ("plan", plan),
    ("image_config", image_config),
    ("definition", definition),
    ("explain_inputs", explain_inputs),
    ("dockerignore", dockerignore),
];

fn source(bytes: &[u8]) -> SourceFile {
    SourceFile::new("document.json", bytes)
}

/// A manifest, with all that is checked of it by itself.
pub fn manifest(bytes: &[u8]) {
    if let Ok(raw) = RawManifest::parse(&source(bytes)) {
        black_box(Manifest::check(raw)).ok();
    }
}

/// A template.
pub fn template(bytes: &[u8]) {
    if let Ok(raw) = RawTemplate::parse(&source(bytes)) {
        black_box(Template::check(raw)).ok();
    }
}

/// A fragment.
pub fn fragment(bytes: &[u8]) {
    if let Ok(raw) = RawFragment::parse(&source(bytes)) {
        black_box(Fragment::check(raw)).ok();
    }
}

/// A plan.
pub fn plan(bytes: &[u8]) {
    black_box(RawPlan::parse(&source(bytes))).ok();
}

/// The config of a base image, and the one that is made of it.
pub fn image_config(bytes: &[u8]) {
    let platform = "linux/amd64".parse().expect("it is a platform");
    if let Ok(config) = ImageConfig::on_base(bytes, &platform) {
        black_box(config.to_json());
    }
}

/// A graph from elsewhere.
pub fn definition(bytes: &[u8]) {
    black_box(State::decode(bytes)).ok();
}

/// What an earlier build has left for `explain`.
pub fn explain_inputs(bytes: &[u8]) {
    black_box(ProductInputs::from_json(bytes)).ok();
}

/// `.dockerignore`.
pub fn dockerignore(bytes: &[u8]) {
    black_box(ignore::patterns(bytes));
}
