//! The corpus and mutations of it through readers, in an ordinary test. Two tests include this file: the SBOM generator's and the
//! rest of the house's.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A reader and its name.
type Entry = (&'static str, fn(&[u8]));

/// What one input may take in an unoptimised build on a machine that does other things: a thousand times what they do take.
const LONG: Duration = Duration::from_secs(10);

/// Files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = listed.map(|entry| entry.expect("a folder can be read").path()).collect();
    files.sort();
    files
}

fn corpus(fuzz: &Path, entry: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a file of the corpus can be read");
        (path, bytes)
    };
    files(&fuzz.join("corpus").join(entry)).into_iter().map(read).collect()
}

fn in_time(what: &dyn Display, run: impl FnOnce()) {
    let start = Instant::now();
    run();
    assert!(start.elapsed() < LONG, "{what} took {:?}", start.elapsed());
}

/// Every reader has a target for the fuzzer and a folder in the corpus.
pub(crate) fn complete(fuzz: &Path, entries: &[Entry]) {
    for (name, _) in entries {
        let target = fuzz.join("fuzz_targets").join(name).with_extension("rs");
        assert!(target.is_file(), "{} is missing", target.display());
        assert!(!corpus(fuzz, name).is_empty(), "{name} has no corpus");
    }
}

/// Every file of the corpus through every reader, whoever it was found for.
pub(crate) fn every_file(fuzz: &Path, entries: &[Entry]) {
    let folders = files(&fuzz.join("corpus"));
    let names = folders.iter().map(|folder| folder.file_name().unwrap_or_default().to_string_lossy());
    let inputs: Vec<_> = names.flat_map(|name| corpus(fuzz, &name)).collect();
    for (name, read) in entries {
        for (path, bytes) in &inputs {
            in_time(&format_args!("{name} of {}", path.display()), || read(bytes));
        }
    }
}

/// A bounded number of mutations of every reader's own corpus.
pub(crate) fn mutations(fuzz: &Path, entries: &[Entry]) {
    for (name, read) in entries {
        let inputs = corpus(fuzz, name);
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        // Readers of bytes are fast; one that scans a root filesystem writes and reads files.
        let start = Instant::now();
        let mut count = 0;
        while count < 4000 && start.elapsed() < Duration::from_millis(700) || count < 20 {
            let (path, bytes) = &inputs[random.below(inputs.len())];
            let mutated = mutate(bytes, &mut random);
            in_time(&format_args!("{name} of mutation {count} of {}", path.display()), || read(&mutated));
            count += 1;
        }
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
        (self.next() % end.max(1) as u64) as usize
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
