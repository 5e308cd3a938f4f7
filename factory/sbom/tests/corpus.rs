//! The corpus of the fuzzer through every reader of foreign bytes, and a bounded number of mutations of it. None may panic,
//! and none may take long; what they say is other tests' business. The fuzzer itself is `fuzz/run.sh`.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../fuzz/src/entries.rs"]
#[expect(unreachable_pub, reason = "the file is the fuzz targets' library, too")]
mod entries;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use entries::ENTRIES;

/// What one input may take in an unoptimised build on a machine that does other things: a thousand times what they do take.
const LONG: Duration = Duration::from_secs(10);

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn corpus(entry: &str) -> Vec<(PathBuf, Vec<u8>)> {
    files(&fuzz().join("corpus").join(entry))
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[track_caller]
fn in_time(what: &dyn std::fmt::Display, run: impl FnOnce()) {
    let start = Instant::now();
    run();
    assert!(start.elapsed() < LONG, "{what} took {:?}", start.elapsed());
}

#[test]
fn every_reader_has_a_target_and_a_corpus() {
    let known: BTreeSet<String> = ENTRIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let names = |folder: &str| -> BTreeSet<String> {
        let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        files(&fuzz().join(folder)).into_iter().map(stem).collect()
    };
    assert_eq!(names("fuzz_targets"), known);
    assert_eq!(names("corpus"), known);
}

#[test]
fn every_file_through_every_reader() {
    let inputs: Vec<_> = ENTRIES.iter().flat_map(|(name, _)| corpus(name)).collect();
    for (name, read) in ENTRIES {
        for (path, bytes) in &inputs {
            in_time(&format_args!("{name} of {}", path.display()), || read(bytes));
        }
    }
}

#[test]
fn mutations_of_the_corpus() {
    for (name, read) in ENTRIES {
        let inputs = corpus(name);
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        // Readers of bytes are fast; one that scans a root filesystem writes and reads files.
        let start = Instant::now();
        let mut count = 0;
        while count < 4000 && start.elapsed() < Duration::from_millis(700) {
            let (path, bytes) = &inputs[random.below(inputs.len())];
            let mutated = mutate(bytes, &mut random);
            let what = format!("{name} of mutation {count} of {}", path.display());
            in_time(&what, || read(&mutated));
            count += 1;
        }
        assert!(count >= 20, "{name}: only {count} mutations in {:?}", start.elapsed());
    }
}

/// A generator whose numbers are the same everywhere, so that a finding can be had again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }
}

/// One to four changes: bits, numbers that are often wrong, pieces that are gone, doubled or moved.
fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    const NUMBERS: [u32; 8] = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
    let mut out = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(out.len());
        let piece = random.below(64).min(out.len() - at);
        match random.below(6) {
            0 if !out.is_empty() => out[at] ^= 1 << random.below(8),
            1 if out.len() >= at + 4 => {
                let number = NUMBERS[random.below(NUMBERS.len())];
                let raw = if random.below(2) == 0 { number.to_le_bytes() } else { number.to_be_bytes() };
                out[at..at + 4].copy_from_slice(&raw);
            }
            2 => out.truncate(at),
            3 => drop(out.drain(at..at + piece)),
            4 => {
                let doubled = out[at..at + piece].to_vec();
                out.splice(at..at, doubled);
            }
            _ => out.insert(at, random.below(256) as u8),
        }
    }
    out
}
