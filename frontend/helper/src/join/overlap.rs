//! What fragments that are built side by side did to the same paths: everything in one stream, sorted as a tree, so that
//! what is at a path and what is below it come together.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::distributions::Distributions;
use super::manifest::{Entry, Kind, Manifest};
use super::report::{Conflicts, Remedy};
use super::wins::Pattern;

/// What a fragment says about a path.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) path: &'a [u8],
    pub(super) fragment: usize,
    pub(super) what: What<'a>,
}

/// The three lists of a manifest.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    Entry(&'a Entry<'a>),
    Deleted,
    /// It is a directory above what the fragment changed.
    Parent(&'a Entry<'a>),
}

/// Everything that the manifests say, each directory before what is in it, and the same path in slot order.
pub(super) fn stream<'a>(manifests: &'a [Manifest<'a>]) -> Vec<Record<'a>> {
    let count =
        |manifest: &Manifest<'_>| manifest.entries.len() + manifest.deleted.len() + manifest.parents.len();
    let mut records = Vec::with_capacity(manifests.iter().map(count).sum());
    for (fragment, manifest) in manifests.iter().enumerate() {
        let record = |path, what| Record { path, fragment, what };
        records.extend(manifest.parents.iter().map(|entry| record(entry.path(), What::Parent(entry))));
        records.extend(manifest.entries.iter().map(|entry| record(entry.path(), What::Entry(entry))));
        records.extend(manifest.deleted.iter().map(|path| record(path.as_bytes(), What::Deleted)));
    }
    records.sort_by(|a, b| tree_order(a.path, b.path));
    records
}

/// The records of one path after the other.
pub(super) fn by_path<'r, 'a>(records: &'r [Record<'a>]) -> impl Iterator<Item = &'r [Record<'a>]> {
    records.chunk_by(|a, b| a.path == b.path)
}

/// The order of bytes, but with the slash before everything else: what is in a directory follows it directly.
fn tree_order(a: &[u8], b: &[u8]) -> Ordering {
    let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((&a, &b)) => rank(a).cmp(&rank(b)),
        None => a.len().cmp(&b.len()),
    }
}

/// What has to be known about the fragments.
pub(super) struct Rules<'a> {
    pub(super) labels: &'a [&'a str],
    pub(super) wins: &'a [Vec<Pattern>],
    /// Whether neither of two fragments, the earlier one first, is built on the other.
    pub(super) independent: &'a dyn Fn(usize, usize) -> bool,
    /// Whether what a fragment did to a shared file is known, so that it is reconciled.
    pub(super) reconciled: &'a dyn Fn(usize, &[u8]) -> bool,
    /// Distributions of which two versions were found: that says it all.
    pub(super) distributions: &'a Distributions,
}

/// Something at a path that rules out that another fragment has anything below.
struct Blocker<'a> {
    record: Record<'a>,
    /// Fragments that have, with the first such path and the number of them.
    hits: Vec<(usize, &'a [u8], usize)>,
}

/// Checks every independent pair.
pub(super) fn check(records: &[Record<'_>], rules: &Rules<'_>, conflicts: &mut Conflicts) {
    let mut above: Vec<Blocker<'_>> = Vec::new();
    for group in by_path(records) {
        let path = group[0].path;
        while let Some(gone) = above.pop_if(|blocker| !is_below(path, blocker.record.path)) {
            rules.tell_hits(gone, conflicts);
        }
        for record in group.iter().filter(|record| !matches!(record.what, What::Parent(_))) {
            rules.check_above(record, &mut above);
        }
        rules.check_same(group, conflicts);
        above.extend(
            group.iter().filter(|record| record.blocks()).map(|&record| Blocker { record, hits: Vec::new() }),
        );
    }
    while let Some(gone) = above.pop() {
        rules.tell_hits(gone, conflicts);
    }
}

fn is_below(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with(b"/"))
}

impl Record<'_> {
    fn blocks(&self) -> bool {
        match self.what {
            What::Entry(entry) => !entry.is_dir(),
            What::Deleted => true,
            What::Parent(_) => false,
        }
    }
}

impl Rules<'_> {
    fn is_pair(&self, a: usize, b: usize) -> bool {
        a != b && (self.independent)(a.min(b), a.max(b))
    }

    /// Counts a path against what is above it. A shared folder that is gone here and filled there is nothing that a merge
    /// cannot do.
    fn check_above<'a>(&self, record: &Record<'a>, above: &mut [Blocker<'a>]) {
        for blocker in above {
            if !self.is_pair(blocker.record.fragment, record.fragment) {
                continue;
            }
            let is_deletion = matches!(blocker.record.what, What::Deleted);
            let is_entry = matches!(record.what, What::Entry(_));
            if is_deletion && is_entry && (self.reconciled)(record.fragment, record.path) {
                continue;
            }
            match blocker.hits.iter_mut().find(|(fragment, ..)| *fragment == record.fragment) {
                Some((_, _, count)) => *count += 1,
                None => blocker.hits.push((record.fragment, record.path, 1)),
            }
        }
    }

    fn tell_hits(&self, blocker: Blocker<'_>, conflicts: &mut Conflicts) {
        let Blocker { record, hits } = blocker;
        for (fragment, path, count) in hits {
            if self.distributions.explain(record.fragment, fragment, record.path) {
                continue;
            }
            conflicts.add(record.fragment, fragment, Remedy::Order, &|| {
                let (at, path) = (record.path.escape_ascii(), path.escape_ascii());
                let more = if count > 1 { format!(" and {} more there", count - 1) } else { String::new() };
                format!("{at}: {}, but {:?} touches {path}{more}", self.said(&record), self.labels[fragment])
            });
        }
    }

    /// What a fragment has at a path, or has done to it.
    fn said(&self, record: &Record<'_>) -> String {
        let label = self.labels[record.fragment];
        match record.what {
            What::Entry(entry) | What::Parent(entry) => format!("{} in {label:?}", entry.kind.words()),
            What::Deleted => format!("deleted by {label:?}"),
        }
    }

    /// Compares what several fragments did to one path. All alike is what there is most of.
    fn check_same(&self, group: &[Record<'_>], conflicts: &mut Conflicts) {
        if group.len() < 2 || group.iter().all(|record| alike(record, &group[0])) {
            return;
        }
        for (at, later) in group.iter().enumerate() {
            for earlier in &group[..at] {
                if !alike(earlier, later) && self.is_pair(earlier.fragment, later.fragment) {
                    self.judge(earlier, later, conflicts);
                }
            }
        }
    }

    fn judge(&self, earlier: &Record<'_>, later: &Record<'_>, conflicts: &mut Conflicts) {
        let (i, j, path) = (earlier.fragment, later.fragment, earlier.path);
        let covered = |by: usize| self.wins[by].iter().any(|pattern| pattern.covers(path));
        let remedy = match (earlier.what, later.what) {
            // A folder that holds changes is nothing against an entry; against a deletion the changes are.
            (What::Parent(_), _) | (_, What::Parent(_)) => return,
            _ if (self.reconciled)(i, path) && (self.reconciled)(j, path) => return,
            _ if self.distributions.explain(i, j, path) => return,
            (What::Entry(_), What::Entry(_)) if covered(j) => return,
            (What::Entry(_), What::Entry(_)) if covered(i) => {
                Remedy::Said(format!("declare it in {:?}, or swap the two", self.labels[j]))
            }
            (What::Entry(_), What::Entry(_)) => Remedy::Wins,
            _ => Remedy::Order,
        };
        let is_declared = matches!(remedy, Remedy::Said(_));
        conflicts.add(i, j, remedy, &|| {
            let (first, second) = (self.labels[i], self.labels[j]);
            let what = match (earlier.what, later.what) {
                _ if is_declared => format!("declared to win in {first:?}, but {second:?} is laid over it"),
                (What::Entry(a), What::Entry(b)) if a.kind == b.kind => difference(a, b, first, second),
                _ => format!("{}, {}", self.said(earlier), self.said(later)),
            };
            format!("{}: {what}", path.escape_ascii())
        });
    }
}

/// Whether two records of one path need no comparison.
fn alike(a: &Record<'_>, b: &Record<'_>) -> bool {
    match (a.what, b.what) {
        (What::Entry(a), What::Entry(b)) => a.same(b),
        (What::Deleted, What::Deleted) | (What::Parent(_), What::Parent(_)) => true,
        _ => false,
    }
}

/// What differs between two entries of one type.
fn difference(a: &Entry<'_>, b: &Entry<'_>, first: &str, second: &str) -> String {
    let mut parts = Vec::new();
    if a.content != b.content {
        let (one, other) = (a.content.as_bytes().escape_ascii(), b.content.as_bytes().escape_ascii());
        parts.push(match a.kind {
            Kind::Symlink => format!("target {one} in {first:?}, {other} in {second:?}"),
            Kind::Char | Kind::Block => format!("device {one} in {first:?}, {other} in {second:?}"),
            _ => "different content".into(),
        });
    }
    if a.mode != b.mode {
        parts.push(format!("mode {:04o} in {first:?}, {:04o} in {second:?}", a.mode, b.mode));
    }
    if (a.uid, a.gid) != (b.uid, b.gid) {
        parts.push(format!("owner {}:{} in {first:?}, {}:{} in {second:?}", a.uid, a.gid, b.uid, b.gid));
    }
    if a.xattrs != b.xattrs {
        parts.push("different extended attributes".into());
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_directory_follows_it() {
        let sorted = ["/", "/a", "/a/b", "/a/b/c", "/a/b.c", "/a-b", "/a-b/c", "/a.b", "/a0", "/b"];
        for (at, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(tree_order(a.as_bytes(), b.as_bytes()), at.cmp(&other), "{a} {b}");
            }
        }
    }

    #[test]
    fn only_whole_components_are_above() {
        for (path, above, expected) in
            [("/a/b", "/a", true), ("/a", "/a", false), ("/ab", "/a", false), ("/a", "/a/b", false)]
        {
            assert_eq!(is_below(path.as_bytes(), above.as_bytes()), expected, "{path} {above}");
        }
    }
}
