//! The corpus of the fuzzer through every reader of foreign bytes, and a bounded number of mutations of it. None may panic,
//! and none may take long; what they say is other tests' business. The fuzzer itself is `fuzz/run.sh`.

#[path = "../fuzz/src/entries.rs"]
#[expect(unreachable_pub, reason = "the file is the fuzz targets' library, too")]
mod entries;
#[path = "../fuzz/src/ordinary.rs"]
mod ordinary;

use std::path::{Path, PathBuf};

use entries::ENTRIES;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

#[test]
fn every_reader_has_a_target_and_a_corpus() {
    ordinary::complete(&fuzz(), ENTRIES);
}

#[test]
fn every_file_through_every_reader() {
    ordinary::every_file(&fuzz(), ENTRIES);
}

#[test]
fn mutations_of_the_corpus() {
    ordinary::mutations(&fuzz(), ENTRIES);
}
