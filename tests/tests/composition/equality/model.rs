//! What a generator has to know of files: what is there, and which changes get into each other's way.

use std::collections::{BTreeMap, BTreeSet};

/// An entry of a tree, without its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Folder { mode: u32, owner: u32 },
    File { content: String, mode: u32, owner: u32 },
    Link { target: String },
}

/// What a fragment did to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Touch {
    /// This is there now.
    Entry(Node),
    /// It is gone, and what was below.
    Deleted,
    /// It went with a folder above, of which there is a note of its own.
    Gone,
}

/// What each fragment of a set did, by path.
pub(super) type Touches = BTreeMap<String, Touch>;

/// The files that a fragment sees, by absolute path.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    pub(super) nodes: BTreeMap<String, Node>,
    /// Names that share a file with another name: whoever writes one writes the other.
    pub(super) linked: BTreeSet<String>,
}

/// Paths of the base below a set's folder: folders end with a slash, links hold an arrow.
const BASE: [&str; 22] = [
    "bin/",
    "bin/alias>tool",
    "bin/other",
    "bin/tool",
    "etc/",
    "etc/a",
    "etc/b",
    "etc/c",
    "lib/",
    "lib/x/",
    "lib/x/1",
    "lib/x/2",
    "lib/x/sub/",
    "lib/x/sub/3",
    "lib/y/",
    "lib/y/1",
    "lib/y/2",
    "short>lib/x",
    "var/",
    "var/log/",
    "var/log/one",
    "var/spool/",
];

/// The lines that make the base's files below `root`.
pub(super) fn base_script(root: &str) -> Vec<String> {
    let line = |path: &str| match (path.strip_suffix('/'), path.split_once('>')) {
        (Some(folder), _) => format!("mkdir -p {root}/{folder}"),
        (_, Some((link, target))) => format!("ln -s {target} {root}/{link}"),
        _ => format!("printf '%s' 'base {path}' > {root}/{path}"),
    };
    let mut lines = vec![format!("mkdir {root}")];
    lines.extend(BASE.iter().map(|path| line(path)));
    lines.push(format!("printf '%s' 'base twins' > {root}/etc/twin1; ln {root}/etc/twin1 {root}/etc/twin2"));
    lines
}

impl View {
    /// What [`base_script`] makes.
    pub(super) fn base(root: &str) -> Self {
        let mut view = Self::default();
        let file = |content: String| Node::File { content, mode: 0o644, owner: 0 };
        let folder = Node::Folder { mode: 0o755, owner: 0 };
        view.nodes.insert(root.to_owned(), folder.clone());
        for path in BASE {
            let (path, node) = match (path.strip_suffix('/'), path.split_once('>')) {
                (Some(path), _) => (path, folder.clone()),
                (_, Some((path, target))) => (path, Node::Link { target: target.to_owned() }),
                _ => (path, file(format!("base {path}"))),
            };
            view.nodes.insert(format!("{root}/{path}"), node);
        }
        for name in ["etc/twin1", "etc/twin2"] {
            view.nodes.insert(format!("{root}/{name}"), file("base twins".into()));
            view.linked.insert(format!("{root}/{name}"));
        }
        view
    }

    /// Takes in what a fragment did.
    pub(super) fn apply(&mut self, path: &str, touch: &Touch) {
        match touch {
            Touch::Deleted | Touch::Gone => self.remove(path),
            Touch::Entry(node @ Node::Folder { .. })
                if matches!(self.nodes.get(path), Some(Node::Folder { .. })) =>
            {
                self.nodes.insert(path.to_owned(), node.clone());
            }
            Touch::Entry(node) => {
                self.remove(path);
                self.nodes.insert(path.to_owned(), node.clone());
            }
        }
    }

    fn remove(&mut self, path: &str) {
        let gone = |other: &String| other == path || is_below(other, path);
        self.nodes.retain(|other, _| !gone(other));
        self.linked.retain(|other| !gone(other));
    }

    /// Paths of this kind, the set's own folder left out.
    pub(super) fn paths(&self, root: &str, kind: impl Fn(&Node) -> bool) -> Vec<String> {
        let paths = self.nodes.iter().filter(|(path, node)| *path != root && kind(node));
        paths.map(|(path, _)| path.clone()).collect()
    }

    pub(super) fn below(&self, folder: &str) -> Vec<String> {
        self.nodes.keys().filter(|path| is_below(path, folder)).cloned().collect()
    }
}

impl Node {
    pub(super) fn is_folder(&self) -> bool {
        matches!(self, Self::Folder { .. })
    }

    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    pub(super) fn is_link(&self) -> bool {
        matches!(self, Self::Link { .. })
    }
}

/// Whether `path` lies below `folder`.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether two fragments that stand beside each other may both do this.
pub(super) fn compatible((one, did): (&str, &Touch), (other, did_too): (&str, &Touch)) -> bool {
    let is_folder = |touch: &Touch| matches!(touch, Touch::Entry(node) if node.is_folder());
    // What merely went with something is in the way of nothing that the something is not in the way of.
    let may_be_below = |above: &Touch, below: &Touch| is_folder(above) || *below == Touch::Gone;
    if one == other {
        return did == did_too;
    }
    (!is_below(other, one) || may_be_below(did, did_too))
        && (!is_below(one, other) || may_be_below(did_too, did))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gets_into_each_other_s_way_is_known() {
        let folder = || Touch::Entry(Node::Folder { mode: 0o755, owner: 0 });
        let file =
            |content: &str| Touch::Entry(Node::File { content: content.into(), mode: 0o644, owner: 0 });
        for (one, other, fine) in [
            (("/a", file("1")), ("/a", file("1")), true),
            (("/a", file("1")), ("/a", file("2")), false),
            (("/a", file("1")), ("/b", file("2")), true),
            (("/a", folder()), ("/a/b", file("2")), true),
            (("/a/b", file("2")), ("/a", folder()), true),
            (("/a", file("1")), ("/a/b", file("2")), false),
            (("/a/b", file("2")), ("/a", Touch::Deleted), false),
            (("/a", Touch::Deleted), ("/a", Touch::Deleted), true),
            (("/a", Touch::Deleted), ("/ab", file("1")), true),
        ] {
            assert_eq!(compatible((one.0, &one.1), (other.0, &other.1)), fine, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_removed_folder_takes_what_is_below() {
        let mut view = View::base("/s");
        view.apply("/s/lib", &Touch::Deleted);
        assert!(view.below("/s/lib").is_empty() && view.nodes.contains_key("/s/etc/a"));
    }
}
