//! How two trees differ.

use std::collections::BTreeSet;
use std::fmt;

use super::{Entry, Tree};

/// One thing in which two trees differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub path: String,
    /// What of it: `kind`, `mode`, `owner`, `xattrs`, `hard links`, `mtime`, or `presence`.
    pub what: &'static str,
    /// How it is in the first tree.
    pub first: String,
    /// How it is in the second tree.
    pub second: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {} | {}", self.path, self.what, self.first, self.second)
    }
}

/// What a comparison leaves out.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    mtimes: bool,
    paths: Vec<String>,
}

impl Ignore {
    /// Nothing: trees have to be the same in everything.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Times of changes, which differ between two runs of the same Dockerfile.
    #[must_use]
    pub fn mtimes() -> Self {
        Self { mtimes: true, paths: Vec::new() }
    }

    /// Also this path and everything below it.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.paths.push(path.to_owned());
        self
    }

    fn covers(&self, path: &str) -> bool {
        let below =
            |ignored: &String| path.strip_prefix(ignored.as_str()).is_some_and(|rest| rest.starts_with('/'));
        self.paths.iter().any(|ignored| ignored == path || below(ignored))
    }
}

impl Tree {
    /// Everything in which `other` differs, in order of the paths; nothing when the two are the same.
    #[must_use]
    pub fn diff(&self, other: &Self, ignore: &Ignore) -> Vec<Difference> {
        let paths: BTreeSet<String> = self.paths().chain(other.paths()).collect();
        let paths = paths.into_iter().filter(|path| !ignore.covers(path));
        paths
            .flat_map(|path| at(&path, self.get(&path).as_ref(), other.get(&path).as_ref(), ignore))
            .collect()
    }

    /// Checks that `other` is the same.
    #[track_caller]
    pub fn assert_same(&self, other: &Self, ignore: &Ignore) {
        let differences = self.diff(other, ignore);
        let shown: Vec<String> = differences.iter().take(50).map(ToString::to_string).collect();
        assert!(
            differences.is_empty(),
            "{} differences (first | second):\n{}",
            differences.len(),
            shown.join("\n")
        );
    }
}

fn at(path: &str, first: Option<&Entry>, second: Option<&Entry>, ignore: &Ignore) -> Vec<Difference> {
    let difference = |what, first, second| Difference { path: path.to_owned(), what, first, second };
    let (Some(one), Some(two)) = (first, second) else {
        let presence = |entry: Option<&Entry>| entry.map_or("missing".into(), |entry| entry.kind.to_string());
        return vec![difference("presence", presence(first), presence(second))];
    };
    let facts = facts(one, ignore).into_iter().zip(facts(two, ignore));
    let differing = facts.filter(|((_, one), (_, two))| one != two);
    differing.map(|((what, one), (_, two))| difference(what, one, two)).collect()
}

/// What is compared, each as text.
fn facts(entry: &Entry, ignore: &Ignore) -> Vec<(&'static str, String)> {
    let xattr = |(name, value): (&String, &Vec<u8>)| format!("{name}={}", value.escape_ascii());
    let xattrs: Vec<String> = entry.xattrs.iter().map(xattr).collect();
    let links: Vec<&String> = entry.hard_links.iter().filter(|path| !ignore.covers(path)).collect();
    let mut facts = vec![
        ("kind", entry.kind.to_string()),
        ("mode", format!("{:04o}", entry.mode)),
        ("owner", format!("{}:{}", entry.uid, entry.gid)),
        ("xattrs", xattrs.join(" ")),
        ("hard links", format!("{links:?}")),
    ];
    if !ignore.mtimes {
        let (seconds, rest) = (entry.mtime.div_euclid(1_000_000_000), entry.mtime.rem_euclid(1_000_000_000));
        facts.push(("mtime", format!("{seconds}.{rest:09}")));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::super::layer::{file, folder};
    use super::super::{Kind, LayerEntry};
    use super::*;

    fn tree(entries: Vec<LayerEntry>) -> Tree {
        let mut tree = Tree::default();
        tree.apply(entries);
        tree
    }

    fn changed(change: impl Fn(&mut Entry)) -> LayerEntry {
        let LayerEntry::Present(path, mut entry) = file("d/f", "1") else { panic!("a file") };
        change(&mut entry);
        LayerEntry::Present(path, entry)
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let base = tree(vec![folder("d"), file("d/f", "1")]);
        let cases: [(&str, LayerEntry); 6] = [
            ("kind", file("d/f", "2")),
            ("kind", changed(|entry| entry.kind = Kind::Symlink("x".into()))),
            ("mode", changed(|entry| entry.mode = 0o600)),
            ("owner", changed(|entry| entry.gid = 7)),
            ("xattrs", changed(|entry| drop(entry.xattrs.insert("user.a".into(), vec![0xff])))),
            ("mtime", changed(|entry| entry.mtime = 1)),
        ];
        for (what, entry) in cases {
            let differences = base.diff(&tree(vec![folder("d"), entry]), &Ignore::nothing());
            let named: Vec<_> = differences.iter().map(|one| (one.path.as_str(), one.what)).collect();
            assert_eq!(named, [("d/f", what)]);
        }
    }

    #[test]
    fn what_is_missing_is_named_on_either_side() {
        let (with, without) = (tree(vec![folder("d"), file("d/f", "")]), tree(vec![folder("d")]));
        assert_eq!(with.diff(&without, &Ignore::nothing())[0].second, "missing");
        assert_eq!(without.diff(&with, &Ignore::nothing())[0].first, "missing");
    }

    #[test]
    fn what_is_ignored_is_not_compared() {
        let (first, second) = (tree(vec![folder("d"), file("d/f", "1")]), tree(vec![folder("d")]));
        first.assert_same(&second, &Ignore::nothing().path("d"));
        first.assert_same(&second, &Ignore::nothing().path("d/f"));
        assert_eq!(first.diff(&second, &Ignore::nothing().path("d/")).len(), 1, "`d/` is not a path here");
        let later = tree(vec![folder("d"), changed(|entry| entry.mtime = 1)]);
        first.assert_same(&later, &Ignore::mtimes());
    }
}
