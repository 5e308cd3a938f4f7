//! Carries what each side did to the shared files over to the base, one path after the other.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::format::{Format, Rivals};
use super::table::{Treatment, treatment};
use super::threeway::{self, Index, Item, index, value};
use super::{Body, Conflict, Node, Side, Tree};

/// The merge of shared files as far as it has come.
pub(super) struct Merge<'a> {
    pub(super) base: &'a Tree,
    pub(super) sides: &'a [Side],
    /// The touched paths that are there.
    pub(super) merged: Tree,
    pub(super) conflicts: Vec<Conflict>,
}

/// What a side did to one path, and what was there before its turn.
struct Turn<'a> {
    path: &'a [u8],
    side: usize,
    now: Option<&'a Node>,
    before: Option<&'a Node>,
    after: Option<&'a Node>,
}

impl<'a> Merge<'a> {
    pub(super) fn new(base: &'a Tree, sides: &'a [Side]) -> Self {
        Self { base, sides, merged: Tree::new(), conflicts: Vec::new() }
    }

    /// The paths that any side touched, sorted.
    pub(super) fn touched(&self) -> Vec<&'a [u8]> {
        let mut touched = Index::new();
        for path in self.sides.iter().flat_map(|side| side.lower.keys().chain(side.upper.keys())) {
            touched.insert(path, 0);
        }
        touched.into_keys().collect()
    }

    /// Merges one path.
    pub(super) fn path(&mut self, path: &[u8]) {
        let mut now = self.base.get(path).cloned();
        for (side, trees) in self.sides.iter().enumerate() {
            let (before, after) = (trees.lower.get(path), trees.upper.get(path));
            if before == after || now.as_ref() == after {
                continue;
            }
            if now.as_ref() == before {
                now = after.cloned();
                continue;
            }
            now = self.reconcile(&Turn { path, side, now: now.as_ref(), before, after });
            if now.is_none() {
                // A conflict; what later sides did to the file would only be measured against nothing.
                return;
            }
        }
        if let Some(node) = now {
            self.merged.insert(path.to_vec(), node);
        }
    }

    /// A path that was changed since the side saw it, in another way.
    fn reconcile(&mut self, turn: &Turn<'_>) -> Option<Node> {
        match treatment(turn.path) {
            Some(Treatment::Latest) => turn.after.or(turn.now).cloned(),
            Some(Treatment::Items(format)) => match (turn.now, turn.after) {
                (Some(now), Some(after)) => self.nodes(format, turn, now, after),
                _ => self.refuse(turn, "is there in one state and deleted in the other"),
            },
            _ => self.refuse(turn, &format!("{} or {}", kind(turn.now), kind(turn.after))),
        }
    }

    /// Two files with items.
    fn nodes(&mut self, format: &Format, turn: &Turn<'_>, now: &Node, after: &Node) -> Option<Node> {
        let before = turn.before.map(|node| &node.body);
        let (Body::File(now_bytes), Body::File(after_bytes), None | Some(Body::File(_))) =
            (&now.body, &after.body, before)
        else {
            return self.refuse(turn, "is a symbolic link in one state and a file in the other");
        };
        let Some([mode, uid, gid]) = merge_owner(now, turn.before, after) else {
            return self.refuse(turn, &format!("{} or {}", owner(now), owner(after)));
        };
        let bytes = match after_bytes == now_bytes {
            true => now_bytes.clone(),
            false => self.bytes(format, turn, [now_bytes, before.map_or(&[], Body::bytes), after_bytes])?,
        };
        Some(Node { mode, uid, gid, body: Body::File(bytes) })
    }

    fn bytes(
        &mut self,
        format: &Format,
        turn: &Turn<'_>,
        [now, before, after]: [&[u8]; 3],
    ) -> Option<Vec<u8>> {
        let [Some(now_items), Some(before_items), Some(after_items)] = [now, before, after]
            .map(|bytes| if bytes.is_empty() { Some(Vec::new()) } else { (format.parse)(bytes) })
        else {
            return self.refuse(turn, "cannot be read as the file that it should be, so it cannot be merged");
        };
        match threeway::merge(&now_items, &before_items, &after_items, format.order, format.combine) {
            Ok(items) => {
                let mut bytes = (format.render)(&items);
                // A text whose last line never ended stays like that.
                let ended = [now, after].iter().any(|text| text.is_empty() || text.ends_with(b"\n"));
                bytes.truncate(bytes.len() - usize::from(!ended && bytes.ends_with(b"\n")));
                Some(bytes)
            }
            Err(keys) => {
                let setters = self.setters(turn.path, &keys, format, turn.side);
                for (key, setter) in keys.iter().zip(setters) {
                    let values = [&now_items, &before_items, &after_items].map(|items| value(items, key));
                    self.clash(format, turn, key, setter, values);
                }
                None
            }
        }
    }

    /// An item that two sides changed, or that the base has otherwise than the side found it.
    fn clash(
        &mut self,
        format: &Format,
        turn: &Turn<'_>,
        key: &[u8],
        earlier: Option<usize>,
        values: [Option<&[u8]>; 3],
    ) {
        let [now, before, after] = values.map(|value| format.describe(value));
        let item = format!("{} {}", format.noun, title(key));
        let own = &self.sides[turn.side].label;
        let what = match earlier {
            Some(earlier) => format!("{item}: {now} in {}, {after} in {own}", self.sides[earlier].label),
            None => format!("{item}: {now} in the base, but {own} found it {before} and left it {after}"),
        };
        self.report(turn.path, (earlier.unwrap_or(turn.side), turn.side), what, None);
    }

    /// Reports that two states of a path cannot be reconciled as a whole.
    fn refuse<T>(&mut self, turn: &Turn<'_>, what: &str) -> Option<T> {
        let changed = |side: &Side| side.lower.get(turn.path) != side.upper.get(turn.path);
        let earlier = self.sides[..turn.side].iter().rposition(changed);
        let help = earlier.is_none().then(|| "build the fragment again on the base that is used now".into());
        self.report(turn.path, (earlier.unwrap_or(turn.side), turn.side), what.into(), help);
        None
    }

    pub(super) fn report(
        &mut self,
        path: &[u8],
        between: (usize, usize),
        what: String,
        help: Option<String>,
    ) {
        self.conflicts.push(Conflict { path: path.to_vec(), between, what, help });
    }

    /// For each item the last side before `end` that changed it; None: nobody but the base.
    pub(super) fn setters(
        &self,
        path: &[u8],
        keys: &[Vec<u8>],
        format: &Format,
        end: usize,
    ) -> Vec<Option<usize>> {
        let mut setters = alloc::vec![None; keys.len()];
        for (number, side) in self.sides[..end].iter().enumerate() {
            let [before, after] = [&side.lower, &side.upper].map(|tree| items(tree, path, format));
            let [before_index, after_index] = [index(&before), index(&after)];
            for (key, setter) in keys.iter().zip(&mut setters) {
                let before = before_index.get(key.as_slice()).map(|&at| &before[at].value);
                let after = after_index.get(key.as_slice()).map(|&at| &after[at].value);
                *setter = if before == after { *setter } else { Some(number) };
            }
        }
        setters
    }

    /// Reports pairs of items that are together now and were in no tree before.
    pub(super) fn rivals(&mut self, path: &[u8]) {
        let Some(Treatment::Items(format)) = treatment(path) else { return };
        let merged = items(&self.merged, path, format);
        let pairs = (format.rivals)(&merged);
        if pairs.is_empty() {
            return;
        }
        let trees = self.sides.iter().map(|side| &side.upper).chain([self.base]);
        let seen: Vec<_> = trees.map(|tree| items(tree, path, format)).collect();
        let seen: Vec<_> = seen.iter().map(|items| (index(items), items)).collect();
        for Rivals { at, what, help } in pairs {
            let [left, right] = at.map(|at| &merged[at]);
            if seen.iter().any(|(index, items)| has(index, items, left) && has(index, items, right)) {
                continue;
            }
            let keys = [left.key.clone(), right.key.clone()];
            let setters = self.setters(path, &keys, format, self.sides.len());
            self.report(path, between(setters[0], setters[1]), what, Some(help.into()));
        }
    }

    /// A path as a side sees it (None: the base): its own, that of what it builds on, or that of the base.
    pub(super) fn view(&self, side: Option<usize>, path: &[u8]) -> Option<&'a Node> {
        let below = side.and_then(|side| self.sides.get(side)).map_or(&[][..], |side| &side.below);
        let counts = |number: usize| side == Some(number) || below.contains(&number);
        for (_, side) in self.sides.iter().enumerate().rev().filter(|(number, _)| counts(*number)) {
            if side.upper.contains_key(path) || side.lower.contains_key(path) {
                return side.upper.get(path);
            }
        }
        self.base.get(path)
    }
}

/// Both sides in order, or one twice where the base is the other party.
pub(super) fn between(one: Option<usize>, other: Option<usize>) -> (usize, usize) {
    match (one, other) {
        (Some(one), Some(other)) => (one.min(other), one.max(other)),
        (one, other) => one.or(other).map(|side| (side, side)).unwrap_or_default(),
    }
}

/// Whether a file has an item just so.
fn has(index: &Index<'_>, items: &[Item], item: &Item) -> bool {
    index.get(item.key.as_slice()).is_some_and(|&at| items[at].value == item.value)
}

/// The items of a file in a tree; none if it is not there or is something else.
pub(super) fn items(tree: &Tree, path: &[u8], format: &Format) -> Vec<Item> {
    tree.get(path).map(|node| node_items(node, format)).unwrap_or_default()
}

/// The items of one file.
pub(super) fn node_items(node: &Node, format: &Format) -> Vec<Item> {
    (format.parse)(node.body.bytes()).unwrap_or_default()
}

/// Mode, user and group, each as whoever changed it left it.
fn merge_owner(now: &Node, before: Option<&Node>, after: &Node) -> Option<[u32; 3]> {
    let numbers = |node: &Node| [node.mode, node.uid, node.gid];
    let (now, before, after) = (numbers(now), before.map(numbers), numbers(after));
    let one = |at: usize| match before.map(|before| before[at]) {
        _ if now[at] == after[at] => Some(now[at]),
        Some(before) if before == now[at] => Some(after[at]),
        Some(before) if before == after[at] => Some(now[at]),
        _ => None,
    };
    Some([one(0)?, one(1)?, one(2)?])
}

fn owner(node: &Node) -> String {
    format!("mode {:04o} of {}:{}", node.mode, node.uid, node.gid)
}

/// A key as people read it: what it is made of, between colons.
fn title(key: &[u8]) -> String {
    let parts = key.split(|&byte| byte == 0).filter(|part| !part.is_empty());
    let parts: Vec<_> = parts.map(|part| format!("{}", part.escape_ascii())).collect();
    format!("\"{}\"", parts.join(":"))
}

fn kind(node: Option<&Node>) -> String {
    match node.map(|node| &node.body) {
        None => "absent".into(),
        Some(Body::File(_)) => "a file".into(),
        Some(Body::Link(target)) => format!("a link to {}", target.escape_ascii()),
    }
}
