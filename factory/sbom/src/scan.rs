//! One root filesystem into one document.

use std::path::PathBuf;

use crate::catalog;
use crate::files::{self, Listing};
use crate::fragment::{self, Fragment};
use crate::limits;
use crate::model::Inventory;
use crate::root::{Kind, Root, Wish};
use crate::settle::{Settled, settle};
use crate::write::{About, Document, date};

/// What a scan is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// What the root is.
    pub about: About,
    /// Only what this fragment brought.
    pub fragment: Option<Fragment>,
    /// A folder with the documents of fragments, by which packages are told who brought them.
    pub fragments: Option<PathBuf>,
    /// Which files the document lists.
    pub files: Listing,
    /// Seconds since 1970 that the document is of (`SOURCE_DATE_EPOCH`). Without it: the newest modification of what was read,
    /// so that the same root gives the same bytes.
    pub epoch: Option<i64>,
}

/// Scans a root.
///
/// # Errors
/// A root that a fragment was built on cannot be opened.
pub fn scan(root: &Root, options: &Options) -> Result<Document, String> {
    let mut about = options.about.clone();
    let mut found = inventory(root);
    let mut below = Vec::new();
    let mut notes = Vec::new();
    if let Some(fragment) = &options.fragment {
        for path in &fragment.below {
            let open = Root::open(path);
            below.push(open.map_err(|e| format!("cannot open the root below, {}: {e}", path.display()))?);
        }
        let before: Vec<Inventory> = below.iter().map(inventory).collect();
        notes = fragment::subtract(&mut found, &before, &fragment.name);
        let (name, version) = fragment.parts();
        about = About {
            name: name.to_owned(),
            version: Some(version).filter(|version| !version.is_empty()).map(ToOwned::to_owned),
            fragment: Some(fragment.name.clone()),
            ..about
        };
    }
    let mut settled = settle(root, found);
    settled.notes = notes;
    if let Some(folder) = &options.fragments {
        let (attributions, warnings) = fragment::attributions(folder);
        fragment::attribute(&mut settled, &attributions);
        settled.warnings.extend(warnings);
    }
    let files = files::list(root, &settled, options.files, &below);
    let created = date(options.epoch.unwrap_or_else(|| newest(root, &settled)));
    Ok(Document { about, settled, files, created, texts: true })
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
        &mut |place| {
            if place.kind() == Kind::Directory {
                return Wish::Yes;
            }
            let wishes = catalogers.iter().map(|cataloger| cataloger.wants(place));
            wishes.max().unwrap_or(Wish::No)
        },
        &mut |entry| {
            for cataloger in &catalogers {
                let wanted = match cataloger.wants(entry.place()) {
                    Wish::No => false,
                    Wish::IfExecutable => entry.executable(),
                    Wish::Yes => true,
                };
                if wanted {
                    cataloger.found(root, entry, &mut out);
                }
            }
            true
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
