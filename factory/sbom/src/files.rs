//! The files of a root with their digests: a second walk, after it is known who owns what.

use std::fs::File;
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::limits;
use crate::model::Warning;
use crate::root::{Kind, Root, Wish};
use crate::settle::Settled;

/// Which files a document lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listing {
    /// None: packages only.
    #[default]
    None,
    /// Those that belong to a package.
    Owned,
    /// All.
    All,
}

impl Listing {
    /// The word for it, as a parameter has it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "none" | "false" | "0" => Some(Self::None),
            "owned" => Some(Self::Owned),
            "all" | "true" | "1" | "" => Some(Self::All),
            _ => None,
        }
    }
}

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Below the root.
    pub path: Vec<u8>,
    /// Its SHA-1, which SPDX 2.3 wants.
    pub sha1: [u8; 20],
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// Packages that own it, as places in [`Settled::packages`].
    pub owners: Vec<usize>,
    /// What it begins with: enough to tell a program from a text.
    pub kind: Content,
}

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A program or library.
    Binary,
    /// A script.
    Script,
    /// Text as far as it was looked at.
    Text,
    /// Something else.
    Other,
}

/// The files that a document lists.
#[derive(Debug, Default)]
pub struct Files {
    /// Sorted by path, as the walk meets them.
    pub records: Vec<Record>,
    /// Some that were asked for are left out: no package may claim that all of its files are here.
    pub incomplete: bool,
    /// Why.
    pub warnings: Vec<Warning>,
}

const NAME: &str = "files";
/// Files that go to a worker at a time.
const BATCH: usize = 32;

struct Job {
    at: usize,
    path: Vec<u8>,
}

struct Done {
    at: usize,
    outcome: Result<([u8; 20], [u8; 32], Content), String>,
}

/// Lists and hashes files, on as many processors as there are. What a root `below` has as well is not
/// listed unless a package owns it.
#[must_use]
pub fn list(root: &Root, settled: &Settled, listing: Listing, below: &[Root]) -> Files {
    let mut files = Files::default();
    if listing == Listing::None {
        return files;
    }
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let (give, take) = sync_channel::<Vec<Job>>(workers * 4);
    let take = Mutex::new(take);
    let total = AtomicU64::new(0);
    let outcomes = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(|| work(root, &take, &total))).collect();
        collect(root, settled, (listing, below), &mut files, &give);
        drop(give);
        handles.into_iter().flat_map(|handle| handle.join().unwrap_or_default()).collect::<Vec<Done>>()
    });
    let mut failed = Vec::new();
    let mut seen = vec![false; files.records.len()];
    for done in outcomes {
        let Some(record) = files.records.get_mut(done.at) else { continue };
        match done.outcome {
            Ok((sha1, sha256, kind)) => {
                (record.sha1, record.sha256, record.kind) = (sha1, sha256, kind);
                if let Some(slot) = seen.get_mut(done.at) {
                    *slot = true;
                }
            }
            Err(why) => failed.push((record.path.clone(), why)),
        }
    }
    failed.sort();
    let left_out = failed.len();
    for (path, why) in failed.into_iter().take(20) {
        warn(&mut files, &path, format!("is not listed: {why}"));
    }
    if left_out > 20 {
        warn(&mut files, b"", format!("{left_out} files are not listed; the first 20 are named"));
    }
    let mut seen = seen.into_iter();
    files.records.retain(|_| seen.next().unwrap_or_default());
    files.incomplete |= left_out > 0;
    files
}

fn warn(files: &mut Files, path: &[u8], message: String) {
    let path = String::from_utf8_lossy(path).into_owned();
    files.warnings.push(Warning { path, cataloger: NAME, message });
}

/// Walks, and hands every file that is asked for to the workers.
fn collect(
    root: &Root,
    settled: &Settled,
    (listing, below): (Listing, &[Root]),
    files: &mut Files,
    give: &SyncSender<Vec<Job>>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut cut = false;
    let records = &mut files.records;
    let seen = root.walk(
        &mut |place| match place.kind() {
            Kind::Directory => Wish::yes_if(listing == Listing::All || owned_below(settled, place.path())),
            Kind::File => Wish::yes_if(listing == Listing::All || is_owned(settled, place.path())),
            Kind::Symlink => Wish::No,
        },
        &mut |entry| {
            if !entry.is_file() {
                return true;
            }
            let owners = owners_of(settled, entry.path());
            if owners.is_empty()
                && (listing != Listing::All || below.iter().any(|below| entry.is_as_in(below)))
            {
                return true;
            }
            if records.len() >= limits::FILES {
                cut = true;
                return false;
            }
            let path = entry.path().to_vec();
            batch.push(Job { at: records.len(), path: path.clone() });
            records.push(Record { path, sha1: [0; 20], sha256: [0; 32], owners, kind: Content::Other });
            if batch.len() == BATCH {
                // The workers live as long as this end does.
                let _ = give.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
            }
            true
        },
        // The first walk has said it.
        &mut |_| {},
    );
    let _ = give.send(batch);
    if cut || seen.cut {
        files.incomplete = true;
        warn(files, b"", format!("more than {} files: those from here on are not listed", limits::FILES));
    }
}

fn owners_of(settled: &Settled, path: &[u8]) -> Vec<usize> {
    let owners = from(settled, path).iter().take_while(|(known, _)| known == path);
    owners.map(|(_, package)| *package).collect()
}

fn is_owned(settled: &Settled, path: &[u8]) -> bool {
    from(settled, path).first().is_some_and(|(known, _)| known == path)
}

/// Whether a package owns something below this directory.
fn owned_below(settled: &Settled, directory: &[u8]) -> bool {
    let inside = [directory, b"/"].concat();
    from(settled, &inside).first().is_some_and(|(known, _)| known.starts_with(&inside))
}

/// What is owned, from this path on.
fn from<'a>(settled: &'a Settled, path: &[u8]) -> &'a [(Vec<u8>, usize)] {
    let first = settled.owners.partition_point(|(known, _)| known.as_slice() < path);
    settled.owners.get(first..).unwrap_or_default()
}

fn work(root: &Root, take: &Mutex<Receiver<Vec<Job>>>, total: &AtomicU64) -> Vec<Done> {
    let mut done = Vec::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let batch = match take.lock() {
            Ok(take) => take.recv(),
            Err(_) => return done,
        };
        let Ok(batch) = batch else { return done };
        for job in batch {
            let outcome = match root.plain_file(&job.path) {
                Ok(file) => hash(file, &mut buffer, total),
                Err(problem) => Err(problem.to_string()),
            };
            done.push(Done { at: job.at, outcome });
        }
    }
}

fn hash(
    mut file: File,
    buffer: &mut [u8],
    total: &AtomicU64,
) -> Result<([u8; 20], [u8; 32], Content), String> {
    let (mut sha1, mut sha256) = (Sha1::new(), Sha256::new());
    let mut kind = None;
    let mut length = 0_u64;
    loop {
        let read = match file.read(buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(fault) if fault.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(fault) => return Err(fault.to_string()),
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        kind.get_or_insert_with(|| content(bytes));
        length += read as u64;
        if length > limits::HASHED {
            return Err(format!("it has more than {} bytes", limits::HASHED));
        }
        if total.fetch_add(read as u64, Ordering::Relaxed) > limits::HASHED_ALL {
            return Err(format!("all files together have more than {} bytes", limits::HASHED_ALL));
        }
        sha1.update(bytes);
        sha256.update(bytes);
    }
    Ok((sha1.finalize().into(), sha256.finalize().into(), kind.unwrap_or(Content::Text)))
}

fn content(bytes: &[u8]) -> Content {
    let head = bytes.get(..bytes.len().min(1024)).unwrap_or_default();
    if head.starts_with(b"\x7fELF") || head.starts_with(b"MZ") || head.starts_with(b"!<arch>\n") {
        return Content::Binary;
    }
    if head.starts_with(b"#!") {
        return Content::Script;
    }
    if head.contains(&0) { Content::Other } else { Content::Text }
}
