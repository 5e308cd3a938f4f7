//! The corpus of the fuzzer through the house's own readers of foreign bytes; the SBOM generator's are tested beside it.

#[path = "../../factory/sbom/fuzz/src/house.rs"]
#[expect(unreachable_pub, reason = "the file is the fuzz targets' library, too")]
mod house;
#[path = "../../factory/sbom/fuzz/src/ordinary.rs"]
mod ordinary;
#[path = "../../factory/sbom/fuzz/src/side.rs"]
#[expect(unreachable_pub, reason = "the file is the fuzz targets' library, too")]
mod side;

use std::path::{Path, PathBuf};

fn entries() -> Vec<house::Entry> {
    [house::ENTRIES, side::ENTRIES].concat()
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../factory/sbom/fuzz")
}

#[test]
fn every_reader_has_a_target_and_a_corpus() {
    ordinary::complete(&fuzz(), &entries());
}

#[test]
fn every_file_through_every_reader() {
    ordinary::every_file(&fuzz(), &entries());
}

#[test]
fn mutations_of_the_corpus() {
    ordinary::mutations(&fuzz(), &entries());
}
