//! One root filesystem into one document.

use crate::catalog;
use crate::files::{self, Listing};
use crate::limits;
use crate::model::Inventory;
use crate::root::{Kind, Root};
use crate::settle::{Settled, settle};
use crate::write::{About, Document, date};

/// What a scan is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// What the root is.
    pub about: About,
    /// Which files the document lists.
    pub files: Listing,
    /// Seconds since 1970 that the document is of (`SOURCE_DATE_EPOCH`). Without it: the newest modification of what was read,
    /// so that the same root gives the same bytes.
    pub epoch: Option<i64>,
}

/// Scans a root.
#[must_use]
pub fn scan(root: &Root, options: &Options) -> Document {
    let settled = settle(root, inventory(root));
    let files = files::list(root, &settled, options.files);
    let created = date(options.epoch.unwrap_or_else(|| newest(root, &settled)));
    Document { about: options.about.clone(), settled, files, created, texts: true }
}

/// What the catalogers find: databases first, then everything on one walk.
#[must_use]
pub fn inventory(root: &Root) -> Inventory {
    let catalogers = catalog::all();
    let mut out = Inventory::default();
    for cataloger in &catalogers {
        cataloger.databases(root, &mut out);
    }
    let mut problems = Vec::new();
    let seen = root.walk(
        &mut |entry| {
            for cataloger in catalogers.iter().filter(|cataloger| cataloger.wants(entry)) {
                cataloger.found(root, entry, &mut out);
            }
            entry.kind() == Kind::Directory
        },
        &mut |problem| {
            if problems.len() < limits::WARNINGS {
                problems.push((problem.path.to_vec(), problem.message));
            }
        },
    );
    for (path, message) in problems {
        out.warn("walk", &path, message);
    }
    if seen.cut {
        let message =
            format!("has more than {} entries: those from here on are not looked at", limits::ENTRIES);
        out.warn("walk", b"", message);
    }
    out
}

fn newest(root: &Root, settled: &Settled) -> i64 {
    let mut places: Vec<&[u8]> =
        settled.packages.iter().flat_map(|package| &package.evidence).map(Vec::as_slice).collect();
    places.sort_unstable();
    places.dedup();
    places.into_iter().filter_map(|place| root.modified(place)).max().unwrap_or(0)
}
