//! The links of `/etc/alternatives`: they follow from the groups, as `update-alternatives` would set them.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;

use super::alternatives::{best, choices, followers, is_auto};
use super::merge::{Merge, items, node_items};
use super::table::{ALTERNATIVES, CHOICES, LINKS};
use super::threeway::Item;
use super::{Body, Node};

/// A group that some side touched.
pub(super) struct Group<'a> {
    path: &'a [u8],
    /// Its link in `/etc/alternatives`.
    link: Vec<u8>,
    /// Every link that follows in any state of the group: in `/etc/alternatives`, and in its own place.
    following: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<'a> Group<'a> {
    /// The group of a file, if the path is of one.
    pub(super) fn of(path: &'a [u8], merge: &Merge<'_>) -> Option<Self> {
        let link = in_links(path.strip_prefix(ALTERNATIVES)?);
        let trees = merge.sides.iter().flat_map(|side| [&side.lower, &side.upper]).chain([merge.base]);
        let mut following = Vec::new();
        for tree in trees {
            let items = items(tree, path, &CHOICES);
            for (name, place, _) in followers(&items, None) {
                let pair = (in_links(name), place.to_owned());
                if !following.contains(&pair) {
                    following.push(pair);
                }
            }
        }
        Some(Self { path, link, following })
    }

    /// The links in `/etc/alternatives` that this group decides on.
    pub(super) fn links(&self) -> impl Iterator<Item = &[u8]> {
        self.following.iter().map(|(link, _)| link).chain([&self.link]).map(Vec::as_slice)
    }

    /// Sets the links as the merged group demands.
    pub(super) fn follow(&self, merge: &mut Merge<'_>) {
        let Some(group) = merge.merged.get(self.path) else { return };
        let source = self.equal_view(merge, group);
        let items = node_items(group, &CHOICES);
        let choice = match source {
            _ if !is_auto(&items) => {
                self.manual(merge).filter(|choice| choices(&items).any(|known| known == *choice))
            }
            Some(view) => merge.view(view, &self.link).and_then(target),
            None => self.best(merge, &items),
        };
        let choice = choice.or(best(&items)).map(<[u8]>::to_vec);
        let Some(choice) = choice else { return };
        let source = self.choosing_view(merge, &choice);
        for (name, _, file) in followers(&items, Some(&choice)) {
            let link = in_links(name);
            // Whether the choice's file for it is there decides; who has made the choice before knows.
            let node = match (source, file) {
                (Some(view), Some(_)) => merge.view(view, &link).cloned(),
                (None, Some(file)) => Some(link_to(file)),
                (_, None) => None,
            };
            merge.merged.extend(node.map(|node| (link, node)));
        }
        merge.merged.insert(self.link.clone(), link_to(&choice));
    }

    /// The views from which a state can be taken over: the last side's first, the base's last.
    fn views(merge: &Merge<'_>) -> impl Iterator<Item = Option<usize>> + use<> {
        (0..merge.sides.len()).rev().map(Some).chain([None])
    }

    /// Who has the group as it is now.
    fn equal_view(&self, merge: &Merge<'_>, group: &Node) -> Option<Option<usize>> {
        Self::views(merge).find(|view| merge.view(*view, self.path) == Some(group))
    }

    /// Who has made that choice before.
    fn choosing_view(&self, merge: &Merge<'_>, choice: &[u8]) -> Option<Option<usize>> {
        Self::views(merge).find(|view| merge.view(*view, &self.link).and_then(target) == Some(choice))
    }

    /// The best choice. Of equal ones the one that was there first: of the base, then of the sides in order.
    fn best<'i>(&self, merge: &Merge<'_>, merged: &'i [Item]) -> Option<&'i [u8]> {
        let mut order: Vec<&Item> = Vec::new();
        let states: Vec<_> = Self::views(merge).filter_map(|view| merge.view(view, self.path)).collect();
        for state in states.into_iter().rev() {
            for item in node_items(state, &CHOICES) {
                let known = merged.iter().find(|known| known.key == item.key);
                order.extend(known.filter(|known| !order.contains(known)));
            }
        }
        let ordered: Vec<Item> = order.into_iter().cloned().collect();
        let path = best(&ordered)?;
        choices(merged).find(|choice| *choice == path)
    }

    /// The choice of the person who made one; two that differ are a conflict.
    fn manual<'m>(&self, merge: &mut Merge<'m>) -> Option<&'m [u8]> {
        let is_manual = |merge: &Merge<'_>, view| {
            let state = merge.view(view, self.path).map(|node| node_items(node, &CHOICES));
            state.is_some_and(|items| !is_auto(&items))
        };
        let before = is_manual(merge, None).then(|| merge.view(None, &self.link).and_then(target)).flatten();
        let mut made: Option<(usize, &[u8])> = None;
        for side in 0..merge.sides.len() {
            let choice = merge.view(Some(side), &self.link).and_then(target);
            let choice = choice.filter(|choice| is_manual(merge, Some(side)) && before != Some(*choice));
            match (made, choice) {
                (Some((earlier, one)), Some(other))
                    if one != other && !merge.sides[side].below.contains(&earlier) =>
                {
                    let what = format!("the choice is {} or {}", one.escape_ascii(), other.escape_ascii());
                    merge.report(self.path, (earlier, side), what, None);
                }
                (_, Some(choice)) => made = Some((side, choice)),
                _ => {}
            }
        }
        made.map(|(_, choice)| choice).or(before)
    }

    /// Links that a side or the base had and the merged tree must not have: where they are, and where they lead to.
    pub(super) fn abandoned(&self, merge: &Merge<'_>) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let gone = |(link, _): &&(Vec<u8>, Vec<u8>)| {
            let had = Self::views(merge).any(|view| merge.view(view, link).is_some());
            had && !merge.merged.contains_key(link)
        };
        self.following.iter().filter(gone).map(|(link, place)| (place.clone(), link.clone()))
    }
}

fn in_links(name: &[u8]) -> Vec<u8> {
    [LINKS, name].concat()
}

fn target(node: &Node) -> Option<&[u8]> {
    match &node.body {
        Body::Link(target) => Some(target),
        Body::File(_) => None,
    }
}

fn link_to(target: &[u8]) -> Node {
    Node { mode: 0o777, uid: 0, gid: 0, body: Body::Link(target.to_owned()) }
}
