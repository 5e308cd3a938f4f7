//! Mode and owner of directories in the merged tree. A delta carries the directories above its changes as they were in
//! its own root, so laying it over the others may take back what another fragment did to such a directory.

use alloc::vec::Vec;

use super::manifest::{Attributes, Entry, Manifest};
use super::overlap::{Record, What, by_path};
use super::sides::Seen;

/// A directory of which nothing is known.
const DEFAULT_MODE: u32 = 0o755;

/// What a directory is like.
#[derive(Clone, Copy)]
pub(super) struct Folder<'a> {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) xattrs: Option<&'a Attributes<'a>>,
}

/// Everything that is known about directories.
pub(super) struct Folders<'a> {
    pub(super) manifests: &'a [Manifest<'a>],
    /// Those above the copies of shared files.
    pub(super) seen: &'a Seen,
}

impl<'a> Folders<'a> {
    /// What a directory must be like: as the last fragment that changed it wanted it, otherwise as it was found.
    pub(super) fn of(&self, path: &[u8]) -> Folder<'a> {
        let last = |list: fn(&'a Manifest<'a>) -> &'a [Entry<'a>]| {
            let find = |manifest: &'a Manifest<'a>| {
                let entries = list(manifest);
                let at = entries.binary_search_by(|entry| entry.path().cmp(path)).ok()?;
                entries.get(at).filter(|entry| entry.is_dir())
            };
            self.manifests.iter().rev().find_map(find)
        };
        if let Some(entry) = last(|manifest| &manifest.entries).or_else(|| last(|manifest| &manifest.parents))
        {
            let xattrs = Some(&entry.xattrs);
            return Folder { mode: entry.mode.into(), uid: entry.uid, gid: entry.gid, xattrs };
        }
        let seen = self.seen.iter().rev().find(|(seen, _)| seen == path);
        let (mode, uid, gid) = seen.map_or((DEFAULT_MODE, 0, 0), |(_, found)| *found);
        Folder { mode, uid, gid, xattrs: None }
    }
}

/// The directories whose metadata the plain merge gets wrong: the last fragment that changed one is not the last that has
/// it, and that has it otherwise.
pub(super) fn taken_back<'a>(
    records: &[Record<'a>],
    fragments: usize,
    independent: &dyn Fn(usize, usize) -> bool,
) -> Vec<&'a [u8]> {
    let is_wrong = |group: &&[Record<'a>]| {
        let change = group.iter().rev().find(|record| !matches!(record.what, What::Parent(_)));
        let Some(&Record { what: What::Entry(right), fragment, path }) = change else { return false };
        if !right.is_dir() {
            return false;
        }
        if path == b"/" {
            // Every delta has the root, and no manifest says how.
            return (fragment + 1..fragments).any(|later| independent(fragment, later));
        }
        matches!(group.last(), Some(Record { what: What::Parent(last), .. }) if !last.same_metadata(right))
    };
    by_path(records).filter(is_wrong).map(|group| group[0].path).collect()
}

#[cfg(test)]
mod tests {
    use super::super::overlap::stream;
    use super::*;
    use alloc::format;
    use alloc::string::String;

    fn dir(path: &str, mode: &str) -> String {
        format!(r#"{{"path":"{path}","type":"dir","mode":"{mode}","uid":5,"gid":6}}"#)
    }

    fn manifest(entries: &[String], parents: &[String]) -> String {
        let (entries, parents) = (entries.join(","), parents.join(","));
        format!(r#"{{"version":1,"entries":[{entries}],"deleted":[],"parents":[{parents}]}}"#)
    }

    fn parse(texts: &[String]) -> Vec<Manifest<'_>> {
        texts.iter().map(|text| Manifest::parse(text.as_bytes()).unwrap()).collect()
    }

    #[test]
    fn what_the_last_change_says_is_asserted_again() {
        let (secret, open) = (dir("/d", "0700"), dir("/d", "0755"));
        for (entries, parents, expected) in [
            // (of each fragment, in slot order)
            ([Some(&secret), None], [None, Some(&open)], true),
            ([Some(&secret), None], [None, Some(&secret)], false),
            ([None, Some(&secret)], [Some(&open), None], false),
            ([Some(&open), Some(&secret)], [None, None], false),
            ([None, None], [Some(&secret), Some(&open)], false),
        ] {
            let list = |entry: Option<&String>| entry.cloned().into_iter().collect::<Vec<_>>();
            let texts = [0, 1].map(|at| manifest(&list(entries[at]), &list(parents[at])));
            let manifests = parse(&texts);
            let found = taken_back(&stream(&manifests), 2, &|_, _| true);
            let wanted: &[&[u8]] = if expected { &[b"/d"] } else { &[] };
            assert_eq!(found, wanted, "{entries:?} {parents:?}");
        }
    }

    #[test]
    fn the_root_is_asserted_if_something_beside_comes_later() {
        for (position, independent, expected) in [(0, true, 1), (0, false, 0), (1, true, 0)] {
            let mut texts = [manifest(&[], &[]), manifest(&[], &[])];
            texts[position] = manifest(&[dir("/", "0700")], &[]);
            let manifests = parse(&texts);
            let found = taken_back(&stream(&manifests), 2, &|_, _| independent);
            assert_eq!(found.len(), expected, "{position} {independent}");
        }
    }

    #[test]
    fn changes_count_before_parents_and_parents_before_copies() {
        let texts = [
            manifest(&[dir("/a", "0700"), dir("/b", "0701")], &[]),
            manifest(&[dir("/a", "0711")], &[dir("/b", "0755"), dir("/c", "0705")]),
            manifest(&[], &[dir("/a", "0755"), dir("/c", "0710")]),
        ];
        let manifests = parse(&texts);
        let seen = Seen::from([
            (b"/c".to_vec(), (0o777, 1, 1)),
            (b"/d".to_vec(), (0o700, 1, 1)),
            (b"/d".to_vec(), (0o770, 2, 3)),
        ]);
        let folders = Folders { manifests: &manifests, seen: &seen };
        for (path, expected) in [
            ("/a", (0o711, 5, 6)),
            ("/b", (0o701, 5, 6)),
            ("/c", (0o710, 5, 6)),
            ("/d", (0o770, 2, 3)),
            ("/e", (0o755, 0, 0)),
        ] {
            let found = folders.of(path.as_bytes());
            assert_eq!((found.mode, found.uid, found.gid), expected, "{path}");
        }
    }
}
