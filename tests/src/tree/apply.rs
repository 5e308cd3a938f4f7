//! Layers one over the other, as the OCI image specification says ("Applying Changesets").

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Kind, LayerEntry};

/// Paths and what is there. Names of one file share its number.
#[derive(Debug, Clone, Default)]
pub(super) struct Files {
    paths: BTreeMap<String, usize>,
    inodes: Vec<Entry>,
    names: BTreeMap<usize, BTreeSet<String>>,
}

impl Files {
    pub(super) fn paths(&self) -> impl Iterator<Item = &String> {
        self.paths.keys()
    }

    pub(super) fn get(&self, path: &str) -> Option<Entry> {
        let number = self.paths.get(path)?;
        let mut entry = self.inodes[*number].clone();
        entry.hard_links = self.names[number].iter().filter(|name| *name != path).cloned().collect();
        Some(entry)
    }

    /// Whiteouts hide what lies below, wherever in the archive they stand; then the layer's own entries come.
    pub(super) fn apply(&mut self, layer: Vec<LayerEntry>) {
        for entry in &layer {
            match entry {
                LayerEntry::Whiteout(path) => self.remove(path),
                LayerEntry::OpaqueWhiteout(folder) => self.clear(folder),
                _ => {}
            }
        }
        for entry in layer {
            match entry {
                LayerEntry::Present(path, entry) => self.put(path, entry),
                LayerEntry::HardLink { path, target } => self.link(path, &target),
                _ => {}
            }
        }
    }

    fn put(&mut self, path: String, entry: Entry) {
        let is_folder = |entry: &Entry| entry.kind == Kind::Directory;
        let both_folders = is_folder(&entry) && self.get(&path).is_some_and(|old| is_folder(&old));
        if both_folders {
            self.forget(&path);
        } else {
            self.remove(&path);
        }
        self.inodes.push(entry);
        self.name(path, self.inodes.len() - 1);
    }

    fn link(&mut self, path: String, target: &str) {
        let number = *self
            .paths
            .get(target)
            .unwrap_or_else(|| panic!("{path} is a link to {target}, which is not there"));
        self.remove(&path);
        self.name(path, number);
    }

    fn name(&mut self, path: String, number: usize) {
        self.names.entry(number).or_default().insert(path.clone());
        self.paths.insert(path, number);
    }

    /// Takes one name away.
    fn forget(&mut self, path: &str) {
        if let Some(number) = self.paths.remove(path) {
            self.names.entry(number).or_default().remove(path);
        }
    }

    /// Takes a path away, with everything below it.
    fn remove(&mut self, path: &str) {
        self.clear(path);
        self.forget(path);
    }

    /// Takes everything below a path away.
    fn clear(&mut self, folder: &str) {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let below = self.paths.range(prefix.clone()..).map(|(path, _)| path);
        let below: Vec<String> = below.take_while(|path| path.starts_with(&prefix)).cloned().collect();
        for path in below {
            self.forget(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Tree;
    use super::super::layer::{file, folder};
    use super::*;

    fn tree(layers: Vec<Vec<LayerEntry>>) -> Tree {
        let mut tree = Tree::default();
        layers.into_iter().for_each(|layer| tree.apply(layer));
        tree
    }

    fn paths(layers: Vec<Vec<LayerEntry>>) -> Vec<String> {
        tree(layers).paths().collect()
    }

    fn base() -> Vec<LayerEntry> {
        vec![
            folder("d"),
            file("d/a", "1"),
            file("d/b", "1"),
            folder("d/e"),
            file("d/e/f", "1"),
            file("d.txt", "1"),
        ]
    }

    #[test]
    fn whiteouts_hide_what_lies_below_and_nothing_of_their_own_layer() {
        let gone = |path: &str| LayerEntry::Whiteout(path.into());
        assert_eq!(paths(vec![base(), vec![gone("d/e")]]), ["d", "d.txt", "d/a", "d/b"]);
        assert_eq!(paths(vec![base(), vec![gone("d")]]), ["d.txt"]);
        let again = vec![folder("d"), file("d/a", "2"), gone("d/a")];
        assert_eq!(tree(vec![base(), again]).at("d/a").sha256(), Some(crate::sha256(b"2").as_str()));
    }

    #[test]
    fn opaque_whiteouts_hide_what_lies_below_the_folder_in_any_order() {
        let opaque = || LayerEntry::OpaqueWhiteout("d".into());
        let expected = ["d", "d.txt", "d/new"];
        assert_eq!(paths(vec![base(), vec![folder("d"), opaque(), file("d/new", "")]]), expected);
        assert_eq!(paths(vec![base(), vec![folder("d"), file("d/new", ""), opaque()]]), expected);
    }

    #[test]
    fn a_folder_over_a_folder_keeps_what_is_in_it_and_a_file_does_not() {
        assert_eq!(paths(vec![base(), vec![folder("d")]]).len(), base().len());
        assert_eq!(paths(vec![base(), vec![file("d", "")]]), ["d", "d.txt"]);
        assert_eq!(paths(vec![base(), vec![file("d", "")], vec![folder("d")]]), ["d", "d.txt"]);
    }

    #[test]
    fn names_of_one_file_know_one_another_until_one_is_replaced() {
        let link = LayerEntry::HardLink { path: "x".into(), target: "d/a".into() };
        let linked = tree(vec![base(), vec![link.clone()]]);
        assert_eq!(linked.at("x").sha256(), linked.at("d/a").sha256());
        assert_eq!(linked.at("x").hard_links, BTreeSet::from(["d/a".to_owned()]));
        let replaced = tree(vec![base(), vec![link], vec![file("d/a", "2")]]);
        assert!(replaced.at("x").hard_links.is_empty() && replaced.at("d/a").hard_links.is_empty());
    }
}
