//! Which files of a fragment's folder its steps name: a walk whose folders somebody else lists.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::glob;
use crate::llb::OpDigest;
use crate::ordered::ordered;

/// How many links one path may go through, as in the Linux kernel.
const MAX_LINKS: usize = 40;

/// The definition of a fragment, which is an input by itself.
const DEFINITION: &str = "fragment.json";

/// What an entry of a folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file of this many bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A symbolic link, with where it points as written.
    Link(String),
    /// A pipe, a socket, a device: never opened.
    Special,
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderEntry {
    /// Its name in the folder.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// Walks the folder of one fragment along the paths that steps name, through folders, wildcards and links. Paths are
/// relative to the folder; the folder itself is `""`.
///
/// ```
/// # use llb_gen::explain::{EntryKind, FolderEntry, OwnWalk};
/// let mut walk = OwnWalk::along(["*.txt"]);
/// assert_eq!(walk.wanted(), [""]);
/// walk.listed("", vec![FolderEntry { name: "a.txt".into(), kind: EntryKind::File(3) }]);
/// assert!(walk.wanted().is_empty());
/// assert_eq!(walk.found().files["a.txt"], 3);
/// ```
#[derive(Clone, Debug, Default)]
pub struct OwnWalk {
    paths: BTreeSet<String>,
    folders: BTreeMap<String, Vec<FolderEntry>>,
}

/// What lies along the paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Regular files with their sizes in bytes.
    pub files: BTreeMap<String, u64>,
    /// Symbolic links with where they point.
    pub links: BTreeMap<String, String>,
    /// Folders that must be listed to know more.
    unlisted: BTreeSet<String>,
}

/// A way that is still to be gone.
type Way = (Vec<String>, Vec<String>, usize);

impl OwnWalk {
    /// A walk along these paths, perhaps with wildcards.
    pub fn along<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self { paths: ordered(paths.into_iter().map(Into::into)), folders: BTreeMap::new() }
    }

    /// The folders to be listed next; none when everything is known.
    #[must_use]
    pub fn wanted(&self) -> Vec<String> {
        self.found().unlisted.into_iter().collect()
    }

    /// Notes what is in a folder; nothing for one that is not there.
    pub fn listed(&mut self, folder: &str, entries: Vec<FolderEntry>) {
        self.folders.insert(folder.to_owned(), entries);
    }

    /// What is known to lie along the paths.
    #[must_use]
    pub fn found(&self) -> Found {
        let mut found = Found::default();
        let mut gone: BTreeSet<(Vec<String>, Vec<String>)> = BTreeSet::new();
        let mut ways: Vec<Way> =
            self.paths.iter().map(|path| (Vec::new(), parts(path).collect(), 0)).collect();
        while let Some(way) = ways.pop() {
            if gone.insert((way.0.clone(), way.1.clone())) {
                ways.extend(self.next(way, &mut found));
            }
        }
        found.files.remove(DEFINITION);
        found
    }

    /// One part further along a way. Ways that lead out end; the check of the build tells of them.
    fn next(&self, (mut at, rest, links): Way, found: &mut Found) -> Vec<Way> {
        let (part, rest) = match rest.split_first() {
            Some((part, rest)) if part == ".." => {
                return at.pop().map(|_| (at, rest.to_vec(), links)).into_iter().collect();
            }
            Some((part, rest)) => (part.as_str(), rest),
            None => ("**", &[][..]),
        };
        let folder = at.join("/");
        let Some(entries) = self.folders.get(&folder) else {
            found.unlisted.insert(folder);
            return Vec::new();
        };
        // `a**` and the like are rare, and taken for everything below.
        let deep = part.contains("**");
        let after = if part == "**" { rest } else { &[][..] };
        let mut ways = Vec::new();
        if deep && !after.is_empty() {
            ways.push((at.clone(), after.to_vec(), links));
        }
        for entry in entries.iter().filter(|entry| deep || is_named(part, &entry.name)) {
            let mut path = at.clone();
            path.push(entry.name.clone());
            let rest: Vec<String> = match (deep, after) {
                (false, _) => rest.to_vec(),
                (true, []) => Vec::new(),
                (true, after) => [part.to_owned()].into_iter().chain(after.iter().cloned()).collect(),
            };
            match &entry.kind {
                EntryKind::Folder => ways.push((path, rest, links)),
                EntryKind::File(size) if rest.is_empty() => {
                    found.files.insert(path.join("/"), *size);
                }
                EntryKind::Link(target) if !deep || after.is_empty() => {
                    found.links.insert(path.join("/"), target.clone());
                    ways.extend(followed(&at, target, &rest, links));
                }
                EntryKind::Link(_) | EntryKind::File(_) | EntryKind::Special => {}
            }
        }
        ways
    }
}

fn parts(path: &str) -> impl Iterator<Item = String> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned)
}

fn is_named(part: &str, name: &str) -> bool {
    if glob::is_pattern(part) { glob::matches(part, name) } else { part == name }
}

fn followed(at: &[String], target: &str, rest: &[String], links: usize) -> Option<Way> {
    let follows = !target.starts_with('/') && links < MAX_LINKS;
    follows.then(|| (at.to_vec(), parts(target).chain(rest.iter().cloned()).collect(), links + 1))
}

/// How many bytes of files are hashed to see whether they changed. What does not fit any more is compared by its size.
#[derive(Clone, Copy, Debug)]
pub struct HashBudget {
    left: u64,
}

impl HashBudget {
    /// 64 MiB for the own files of a product on one platform.
    pub const BYTES: u64 = 64 << 20;

    /// Whether a file of this size is still hashed. Asked in the order of folders and paths, it answers the same wherever the
    /// same files lie.
    pub fn takes(&mut self, size: u64) -> bool {
        let fits = size <= self.left;
        if fits {
            self.left -= size;
        }
        fits
    }
}

impl Default for HashBudget {
    fn default() -> Self {
        Self { left: Self::BYTES }
    }
}

/// What stands for a file that is not hashed.
#[must_use]
pub fn by_size(size: u64) -> String {
    format!("size:{size}")
}

/// The digest of a file's content, taken piece by piece.
#[derive(Clone, Debug, Default)]
pub struct ContentDigest(Sha256);

impl ContentDigest {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// `sha256:` and 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn finish(self) -> String {
        OpDigest::of_hash(&self.0.finalize()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks a tree of paths: files hold as many bytes as their content is long, `->` makes a link.
    fn walk(tree: &[(&str, &str)], paths: &[&str]) -> Found {
        let mut walk = OwnWalk::along(paths.iter().copied());
        for _ in 0..20 {
            let wanted = walk.wanted();
            if wanted.is_empty() {
                return walk.found();
            }
            for folder in wanted {
                let entries = entries(tree, &folder);
                walk.listed(&folder, entries);
            }
        }
        panic!("it does not end: {walk:?}")
    }

    fn entries(tree: &[(&str, &str)], folder: &str) -> Vec<FolderEntry> {
        let mut entries: BTreeMap<String, EntryKind> = BTreeMap::new();
        for (path, content) in tree {
            let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
            let Some(rest) = path.strip_prefix(&prefix) else { continue };
            let (name, kind) = match (rest.split_once('/'), content.strip_prefix("->")) {
                (Some((name, _)), _) => (name, EntryKind::Folder),
                (None, Some(target)) => (rest, EntryKind::Link(target.to_owned())),
                (None, None) => (rest, EntryKind::File(content.len() as u64)),
            };
            entries.insert(name.to_owned(), kind);
        }
        entries.into_iter().map(|(name, kind)| FolderEntry { name, kind }).collect()
    }

    const TREE: [(&str, &str); 8] = [
        ("fragment.json", "{}"),
        ("a.txt", "1"),
        ("b.txt", "22"),
        ("app/main.py", "333"),
        ("app/lib/x.py", "4444"),
        ("app/link", "->../a.txt"),
        ("current", "->app"),
        ("out", "->../../secret"),
    ];

    #[test]
    fn paths_lead_to_files_folders_and_what_wildcards_match() {
        let table: [(&str, &[&str]); 9] = [
            ("a.txt", &["a.txt"]),
            ("./a.txt", &["a.txt"]),
            ("*.txt", &["a.txt", "b.txt"]),
            ("app/lib", &["app/lib/x.py"]),
            ("app/*.py", &["app/main.py"]),
            ("app/**/*.py", &["app/lib/x.py", "app/main.py"]),
            ("app/**", &["a.txt", "app/lib/x.py", "app/main.py"]),
            ("gone", &[]),
            ("a.txt/below", &[]),
        ];
        for (path, expected) in table {
            let found = walk(&TREE, &[path]);
            assert_eq!(found.files.keys().collect::<Vec<_>>(), expected, "{path}");
        }
        let all = walk(&TREE, &["."]);
        assert_eq!(all.files.len(), 4, "all but the definition: {all:?}");
        assert_eq!(all.files["app/lib/x.py"], 4);
    }

    #[test]
    fn links_are_noted_and_followed_inside() {
        let found = walk(&TREE, &["current/main.py", "app/link", "out"]);
        assert_eq!(found.files.keys().collect::<Vec<_>>(), ["a.txt", "app/main.py"]);
        assert_eq!(found.links["current"], "app");
        assert_eq!(found.links["out"], "../../secret", "noted, and never left by");
        let found = walk(&[("x", "->y"), ("y", "->x")], &["x"]);
        assert_eq!(found.links.len(), 2);
    }

    #[test]
    fn only_so_much_is_hashed() {
        let mut budget = HashBudget::default();
        assert!(budget.takes(HashBudget::BYTES - 1));
        assert!(!budget.takes(2));
        assert!(budget.takes(1), "a smaller one still fits");
        let mut digest = ContentDigest::default();
        digest.update(b"a");
        digest.update(b"b");
        assert_eq!(digest.finish(), OpDigest::of(b"ab").to_string());
    }
}
