//! Files that several packages write, each of them whole: after a merge of file trees the last one alone would be
//! there, so they are reconciled by what they say.

mod accounts;
mod alternatives;
mod certificates;
mod dependencies;
mod format;
mod lines;
mod links;
mod loader_cache;
mod merge;
mod order;
mod overrides;
mod stanzas;
mod table;
mod threeway;
mod verdict;
mod versions;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

pub(crate) use stanzas::field as package_field;
pub(crate) use versions::compare as compare_versions;

use links::Group;
use merge::Merge;
use order::sorted;
use threeway::Index;

/// Files by absolute path.
pub(crate) type Tree = BTreeMap<Vec<u8>, Node>;

/// A regular file or a symbolic link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) body: Body,
}

/// What a file holds, or where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Its bytes.
    File(Vec<u8>),
    /// Its target.
    Link(Vec<u8>),
}

/// How one fragment changed shared files. A path in neither tree was not touched by it.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    /// `core 0.1.0`.
    pub(crate) label: String,
    /// The sides that it is built on, all the way down.
    pub(crate) below: Vec<usize>,
    /// The files before.
    pub(crate) lower: Tree,
    /// The files after.
    pub(crate) upper: Tree,
}

/// What two fragments did to a shared file that no merge can satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) path: Vec<u8>,
    /// Indices of sides; the same twice where the base is the other party.
    pub(crate) between: (usize, usize),
    pub(crate) what: String,
    pub(crate) help: Option<String>,
}

impl Body {
    /// A file's bytes or a link's target.
    fn bytes(&self) -> &[u8] {
        match self {
            Self::File(bytes) | Self::Link(bytes) => bytes,
        }
    }
}

/// Whether a path is a shared file.
pub(crate) fn is_shared(path: &[u8]) -> bool {
    table::treatment(path).is_some()
}

/// Every touched shared file as it must be in the merged tree. A touched path that is absent must not exist.
///
/// # Errors
/// Everything that cannot be merged, by path.
pub(crate) fn reconcile(base: &Tree, sides: &[Side]) -> Result<Tree, Vec<Conflict>> {
    let mut merge = Merge::new(base, sides);
    let touched = merge.touched();
    let groups: Vec<_> = touched.iter().filter_map(|path| Group::of(path, &merge)).collect();
    let mut followed = Index::new();
    for link in groups.iter().flat_map(Group::links) {
        followed.insert(link, 0);
    }
    for path in touched.iter().filter(|path| !followed.contains_key(*path)) {
        merge.path(path);
        merge.rivals(path);
    }
    groups.iter().for_each(|group| group.follow(&mut merge));
    verdict::settle_marks(&mut merge);
    verdict::check_dependencies(&mut merge);
    let Merge { merged, conflicts, .. } = merge;
    let conflicts = sorted(&conflicts, |a, b| a.path.cmp(&b.path));
    if conflicts.is_empty() { Ok(merged) } else { Err(conflicts) }
}

/// Links of alternatives outside `/etc/alternatives` that a plain merge leaves though what they lead to is gone, such as
/// that of a manual page which the chosen program does not have: where each is, and its target. Whatever is there and
/// leads elsewhere is none of them.
pub(crate) fn abandoned_links(base: &Tree, sides: &[Side], merged: &Tree) -> Vec<(Vec<u8>, Vec<u8>)> {
    let merge = Merge { merged: merged.clone(), ..Merge::new(base, sides) };
    let groups = merge.touched().into_iter().filter_map(|path| Group::of(path, &merge));
    groups.flat_map(|group| group.abandoned(&merge).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests;
