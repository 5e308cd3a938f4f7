//! Sets of fragments that do this and that to files, and never in each other's way.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::model::{Node, Touch, Touches, View, compatible, is_below};
use crate::parts::Part;

/// Kinds of changes.
pub(super) const KINDS: [&str; 18] = [
    "new file",
    "new folder",
    "new link",
    "remove file",
    "remove folder",
    "file to folder",
    "file to link",
    "folder to file",
    "folder to link",
    "link to file",
    "link to folder",
    "metadata",
    "rewrite",
    "same bytes",
    "hard link",
    "hard link below",
    "move",
    "folder anew",
];
const MODES: [u32; 5] = [0o644, 0o600, 0o755, 0o4755, 0o2755];
/// No set-group-id: folders made below would take the group over, and then it does matter who came first.
const FOLDER_MODES: [u32; 4] = [0o755, 0o700, 0o750, 0o1777];
const OWNERS: [u32; 3] = [0, 33, 1000];

/// Numbers that follow from a seed.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        (!from.is_empty()).then(|| &from[self.below(from.len())])
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// Fragments in one folder.
#[derive(Debug)]
pub(super) struct FragmentSet {
    pub(super) seed: u64,
    /// The folder, without a slash in front.
    pub(super) folder: String,
    pub(super) parts: Vec<Part>,
    /// Kinds of all changes in it.
    pub(super) kinds: Vec<&'static str>,
    /// Names of files that have another name in a layer below, or had one.
    pub(super) across: BTreeSet<String>,
    /// What each fragment is built on, and what these are built on.
    closures: Vec<Vec<usize>>,
}

/// A change: what it does to the model, and how a step does it.
struct Change {
    kind: &'static str,
    touches: Vec<(String, Touch)>,
    /// Paths that it reads or changes in part: nobody beside may touch them at all.
    reads: Vec<String>,
    /// Names that share a file from here on.
    links: Vec<String>,
    shell: String,
    /// The same as a step without a shell, where there is one.
    typed: Option<Value>,
}

impl FragmentSet {
    pub(super) fn generate(random: &mut Random, folder: &str, seed: u64) -> Self {
        let mut set = Self {
            seed,
            folder: folder.to_owned(),
            parts: Vec::new(),
            kinds: Vec::new(),
            across: View::base(&format!("/{folder}")).linked,
            closures: Vec::new(),
        };
        let count = 2 + random.below(4);
        let mut done: Vec<(Touches, Vec<String>)> = Vec::new();
        for at in 0..count {
            let on: Vec<usize> = match random.below(5) {
                0 if at > 1 => (0..at).collect(),
                _ => (0..at).filter(|_| random.one_in(4)).collect(),
            };
            let closure = set.closure(&on);
            let beside: Vec<usize> = (0..at).filter(|one| !closure.contains(one)).collect();
            let view = set.view(&done, &closure);
            let mut author = Author {
                random,
                root: format!("/{folder}"),
                view,
                done: &done,
                beside,
                own: Touches::new(),
                reads: Vec::new(),
                scripted: BTreeSet::new(),
                across: &mut set.across,
            };
            let changes = author.changes();
            let (own, reads) = (author.own, author.reads);
            set.kinds.extend(changes.iter().map(|change| change.kind));
            let names: Vec<String> = on.iter().map(|one| format!("{folder}f{one}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            set.parts.push(Part::new(&format!("{folder}f{at}"), &names, steps(random, &changes)));
            set.closures.push(closure);
            done.push((own, reads));
        }
        set
    }

    fn closure(&self, on: &[usize]) -> Vec<usize> {
        let mut all: Vec<usize> =
            on.iter().flat_map(|one| self.closures[*one].clone()).chain(on.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn view(&self, done: &[(Touches, Vec<String>)], closure: &[usize]) -> View {
        let mut view = View::base(&format!("/{}", self.folder));
        for at in closure {
            // Deletions first: what replaces something was noted after it.
            let is_entry = |touch: &Touch| matches!(touch, Touch::Entry(_));
            let touches = &done[*at].0;
            touches
                .iter()
                .filter(|(_, touch)| !is_entry(touch))
                .for_each(|(path, touch)| view.apply(path, touch));
            touches
                .iter()
                .filter(|(_, touch)| is_entry(touch))
                .for_each(|(path, touch)| view.apply(path, touch));
            view.linked.extend(done[*at].1.iter().cloned());
        }
        view
    }

    /// Pairs of which neither is built on the other.
    pub(super) fn independent_pairs(&self) -> usize {
        self.closures.iter().enumerate().map(|(at, closure)| at - closure.len()).sum()
    }

    /// The fragments as a person reads them.
    pub(super) fn documents(&self) -> String {
        let one = |part: &Part| {
            format!(
                "  {} on {:?}: {}\n",
                part.name,
                part.builds_on.clone().unwrap_or_default(),
                part.members["steps"]
            )
        };
        self.parts.iter().map(one).collect()
    }
}

/// Whoever writes one fragment.
struct Author<'a> {
    random: &'a mut Random,
    root: String,
    view: View,
    done: &'a [(Touches, Vec<String>)],
    /// Fragments below that this one is not built on.
    beside: Vec<usize>,
    own: Touches,
    /// Paths that nobody beside may touch from here on.
    reads: Vec<String>,
    /// What its script has made, and nothing but its script: in one layer of a chain as well.
    scripted: BTreeSet<String>,
    across: &'a mut BTreeSet<String>,
}

impl Author<'_> {
    fn changes(&mut self) -> Vec<Change> {
        let wanted = 3 + self.random.below(6);
        let mut changes = Vec::new();
        for _ in 0..wanted * 6 {
            if changes.len() == wanted {
                break;
            }
            let kind = KINDS[self.random.below(KINDS.len())];
            if let Some(change) = self.change(kind).filter(|change| self.may(change)) {
                self.take(&change);
                changes.push(change);
            }
        }
        changes
    }

    /// Whether nobody beside is in the way.
    fn may(&self, change: &Change) -> bool {
        let others = self.beside.iter().map(|at| &self.done[*at]);
        let free = |path: &String, touches: &Touches| {
            touches.keys().all(|other| other != path && !is_below(path, other) && !is_below(other, path))
        };
        others.into_iter().all(|(touches, reads)| {
            let meets = |(path, touch): &(String, Touch)| {
                touches.iter().all(|(other, did)| compatible((path, touch), (other, did)))
                    && reads.iter().all(|read| read != path && !is_below(read, path))
            };
            change.touches.iter().all(meets) && change.reads.iter().all(|path| free(path, touches))
        })
    }

    fn take(&mut self, change: &Change) {
        for (path, touch) in &change.touches {
            if !matches!(touch, Touch::Entry(node) if node.is_folder()) {
                // What was below goes with it.
                self.own.retain(|other, _| !is_below(other, path));
                self.own.extend(self.view.below(path).into_iter().map(|other| (other, Touch::Gone)));
            }
            self.view.apply(path, touch);
            self.own.insert(path.clone(), touch.clone());
        }
        if change.typed.is_none() {
            self.scripted.extend(change.touches.iter().map(|(path, _)| path.clone()));
        }
        let is_across =
            change.kind == "hard link below" || change.links.iter().any(|name| self.across.contains(name));
        if is_across || change.kind == "move" {
            self.across.extend(change.links.iter().cloned());
        }
        self.view.linked.extend(change.links.iter().cloned());
        self.reads.extend(change.reads.iter().chain(&change.links).cloned());
    }

    fn some(&mut self, kind: impl Fn(&Node) -> bool) -> Option<String> {
        let paths = self.view.paths(&self.root, kind);
        self.random.pick(&paths).cloned()
    }

    /// A file that has one name only.
    fn single_file(&mut self) -> Option<String> {
        let mut paths = self.view.paths(&self.root, Node::is_file);
        paths.retain(|path| !self.view.linked.contains(path));
        self.random.pick(&paths).cloned()
    }

    /// A path in a folder that is there; the same names come up often, so that fragments meet.
    fn new_path(&mut self) -> Option<String> {
        let mut folders = self.view.paths(&self.root, Node::is_folder);
        folders.push(self.root.clone());
        let folder = self.random.pick(&folders).cloned()?;
        let path = format!("{folder}/n{}", self.random.below(6));
        (!self.view.nodes.contains_key(&path)).then_some(path)
    }

    fn file(&mut self) -> Node {
        let content = format!("content {}", self.random.below(3));
        let mode = MODES[self.random.below(MODES.len())];
        Node::File { content, mode, owner: OWNERS[self.random.below(OWNERS.len())] }
    }

    fn folder(&mut self) -> Node {
        let mode = FOLDER_MODES[self.random.below(FOLDER_MODES.len())];
        Node::Folder { mode, owner: OWNERS[self.random.below(OWNERS.len())] }
    }

    fn link(&mut self) -> Node {
        let targets = ["../lib/x", "lib/y", "/nowhere", "tool", "../../etc/passwd"];
        Node::Link { target: targets[self.random.below(targets.len())].to_owned() }
    }

    fn node(&mut self, kind: &str) -> Node {
        match kind {
            "folder" => self.folder(),
            "link" => self.link(),
            _ => self.file(),
        }
    }

    fn change(&mut self, kind: &'static str) -> Option<Change> {
        match kind {
            "new file" | "new folder" | "new link" => {
                let path = self.new_path()?;
                let node = self.node(kind.strip_prefix("new ")?);
                Some(self.put(kind, &path, node))
            }
            "remove file" => self.some(|node| !node.is_folder()).map(|path| remove(kind, &path)),
            "remove folder" => self.some(Node::is_folder).map(|path| remove(kind, &path)),
            "metadata" => self.metadata(kind),
            "rewrite" | "same bytes" => self.rewrite(kind),
            "hard link" | "hard link below" => self.hard_link(kind),
            "move" => self.moved(kind),
            "folder anew" => self.folder_anew(kind),
            _ => self.replace(kind),
        }
    }

    fn put(&mut self, kind: &'static str, path: &str, node: Node) -> Change {
        // Through a link to the folder, where there is one that nobody touches.
        let through = path.replacen(&format!("{}/lib/x/", self.root), &format!("{}/short/", self.root), 1);
        let short = format!("{}/short", self.root);
        let has_link = self.view.nodes.get(&short) == Some(&Node::Link { target: "lib/x".into() });
        let detour = through != path && has_link && self.random.one_in(2);
        let (written, reads) = if detour { (through, vec![short]) } else { (path.to_owned(), Vec::new()) };
        let typed = (!detour && !node.is_link()).then(|| typed(path, &node));
        let shell = make(&written, &node);
        Change {
            kind,
            touches: vec![(path.to_owned(), Touch::Entry(node))],
            reads,
            links: Vec::new(),
            shell,
            typed,
        }
    }

    /// `file to folder` and the like.
    fn replace(&mut self, kind: &'static str) -> Option<Change> {
        let (from, to) = kind.split_once(" to ")?;
        let path = match from {
            "file" => self.some(Node::is_file),
            "folder" => self.some(Node::is_folder),
            _ => self.some(Node::is_link),
        }?;
        let node = self.node(to);
        let mut shell = format!("rm -rf {path}; {}", make(&path, &node));
        let mut touches = vec![(path.clone(), Touch::Entry(node))];
        if to == "folder" {
            let (inner, file) = (format!("{path}/n{}", self.random.below(2)), self.file());
            shell = format!("{shell}; {}", make(&inner, &file));
            touches.push((inner, Touch::Entry(file)));
        }
        let reads = vec![path];
        Some(Change { kind, touches, reads, links: Vec::new(), shell, typed: None })
    }

    fn metadata(&mut self, kind: &'static str) -> Option<Change> {
        let linked = self.view.linked.clone();
        let mut paths = self.view.paths(&self.root, |node| !node.is_link());
        paths.retain(|path| !linked.contains(path));
        let path = self.random.pick(&paths).cloned()?;
        let node = match (self.view.nodes[&path].clone(), self.folder(), self.file()) {
            (Node::Folder { .. }, folder, _) => folder,
            (Node::File { content, .. }, _, Node::File { mode, owner, .. }) => {
                Node::File { content, mode, owner }
            }
            _ => return None,
        };
        let shell = own(&path, &node);
        let below_free = self.is_free_of_folders(&path);
        below_free.then(|| Change {
            kind,
            touches: vec![(path.clone(), Touch::Entry(node))],
            reads: Vec::new(),
            links: Vec::new(),
            shell,
            typed: None,
        })
    }

    /// Whether nobody beside has touched the path itself. (Whoever is beside may well have something below it.)
    fn is_free_of_folders(&self, path: &str) -> bool {
        self.beside.iter().all(|at| !self.done[*at].0.contains_key(path))
    }

    fn rewrite(&mut self, kind: &'static str) -> Option<Change> {
        let path = self.single_file()?;
        let Node::File { content, mode, owner } = self.view.nodes[&path].clone() else { return None };
        if kind == "same bytes" {
            let shell = format!("cp -p {path} {path}.t; cat {path}.t > {path}; rm {path}.t; touch {path}");
            return Some(Change {
                kind,
                touches: Vec::new(),
                reads: vec![path],
                links: Vec::new(),
                shell,
                typed: None,
            });
        }
        let node = Node::File { content: format!("{content}, longer"), mode, owner };
        let shell = format!("printf ', longer' >> {path}");
        let touches = vec![(path.clone(), Touch::Entry(node))];
        Some(Change { kind, touches, reads: vec![path], links: Vec::new(), shell, typed: None })
    }

    fn hard_link(&mut self, kind: &'static str) -> Option<Change> {
        let mut files = self.view.paths(&self.root, Node::is_file);
        files.retain(|path| {
            (self.scripted.contains(path) && !self.across.contains(path)) == (kind == "hard link")
        });
        let (from, to) = (self.random.pick(&files).cloned()?, self.new_path()?);
        let node = self.view.nodes[&from].clone();
        let shell = format!("ln {from} {to}");
        let touches = vec![(to.clone(), Touch::Entry(node))];
        let reads = vec![from.clone(), to.clone()];
        Some(Change { kind, touches, reads, links: vec![from, to], shell, typed: None })
    }

    fn moved(&mut self, kind: &'static str) -> Option<Change> {
        let (from, to) = (self.some(|_| true)?, self.new_path()?);
        if is_below(&to, &from) {
            return None;
        }
        let inside = self.view.below(&from);
        let mut touches: Vec<(String, Touch)> = vec![(from.clone(), Touch::Deleted)];
        for path in std::iter::once(&from).chain(&inside) {
            let new = path.replacen(&from, &to, 1);
            touches.push((new, Touch::Entry(self.view.nodes[path].clone())));
        }
        let links = self.view.linked.iter().filter(|path| **path == from || is_below(path, &from));
        let links = links.map(|path| path.replacen(&from, &to, 1)).collect();
        let shell = format!("mv {from} {to}");
        Some(Change { kind, touches, reads: vec![from, to], links, shell, typed: None })
    }

    /// The same folder, empty but for one new file.
    fn folder_anew(&mut self, kind: &'static str) -> Option<Change> {
        let path = self.some(Node::is_folder)?;
        let (node, file) = (self.view.nodes[&path].clone(), self.file());
        let inner = format!("{path}/anew");
        let is_direct = |one: &String| !one[path.len() + 1..].contains('/') && *one != inner;
        let direct = self.view.below(&path).into_iter().filter(is_direct);
        let mut touches: Vec<(String, Touch)> = direct.map(|one| (one, Touch::Deleted)).collect();
        touches.push((inner.clone(), Touch::Entry(file.clone())));
        let shell = format!("rm -rf {path}; {}; {}", make(&path, &node), make(&inner, &file));
        Some(Change { kind, touches, reads: vec![path], links: Vec::new(), shell, typed: None })
    }
}

fn remove(kind: &'static str, path: &str) -> Change {
    Change {
        kind,
        touches: vec![(path.to_owned(), Touch::Deleted)],
        reads: Vec::new(),
        links: Vec::new(),
        shell: format!("rm -rf {path}"),
        typed: Some(json!({"remove": {"path": path, "missing_ok": true}})),
    }
}

/// The line that makes an entry.
fn make(path: &str, node: &Node) -> String {
    match node {
        Node::Folder { .. } => format!("mkdir -p {path}; {}", own(path, node)),
        Node::File { content, .. } => format!("printf '%s' '{content}' > {path}; {}", own(path, node)),
        Node::Link { target } => format!("ln -sfn {target} {path}"),
    }
}

/// The line that gives it mode and owner; the owner first, because a change of owner drops set-user-id.
fn own(path: &str, node: &Node) -> String {
    match node {
        Node::Folder { mode, owner } | Node::File { mode, owner, .. } => {
            format!("chown {owner}:{owner} {path}; chmod {mode:04o} {path}")
        }
        Node::Link { .. } => String::new(),
    }
}

/// The step that makes an entry without a shell.
fn typed(path: &str, node: &Node) -> Value {
    match node {
        Node::Folder { mode, owner } => {
            json!({"mkdir": {"path": path, "chmod": format!("{mode:04o}"), "chown": owner.to_string()}})
        }
        Node::File { content, mode, owner } => {
            json!({"file": {"path": path, "content": content, "chmod": format!("{mode:04o}"), "chown": owner.to_string()}})
        }
        Node::Link { target } => json!({"symlink": {"path": path, "target": target}}),
    }
}

/// Steps of a fragment: one script of all changes, or file steps as far as the first change that needs a shell.
fn steps(random: &mut Random, changes: &[Change]) -> Value {
    let without_shell = match random.below(2) {
        0 => 0,
        _ => changes.iter().take(3).take_while(|change| change.typed.is_some()).count(),
    };
    let (typed, shell) = changes.split_at(without_shell);
    let mut steps: Vec<Value> = typed.iter().filter_map(|change| change.typed.clone()).collect();
    if !shell.is_empty() || steps.is_empty() {
        let lines: Vec<&str> = shell.iter().map(|change| change.shell.as_str()).chain(["true"]).collect();
        steps.push(json!({"run": lines}));
    }
    Value::Array(steps)
}
