//! All vertices that a state needs, checked and marshalled.

use crate::ordered::ordered;
use std::collections::BTreeMap;
use std::sync::Arc;

use bollard_buildkit_proto::pb;
use prost::Message as _;

use super::vertex::{Edge, Vertex};
use super::{Cap, Meta, OpDigest, Resources, SourceInfo, State, encode};

/// A vertex of a graph with what all mentions of its op say about it.
#[derive(Debug)]
struct Node {
    vertex: Arc<Vertex>,
    meta: Meta,
}

/// What a state needs: every vertex once, inputs before users, and which output is the result.
#[derive(Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    result: Option<Edge>,
}

/// What is wrong with a graph. None of it can come from this library's own builders; spliced definitions and changes to the
/// library are what [`Graph::verify`] guards against.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GraphFault {
    /// The bytes of a vertex are not its digest's.
    #[error("the bytes of op {0} have another digest")]
    Digest(OpDigest),
    /// The bytes of a vertex are no op.
    #[error("the bytes of op {0} are no op")]
    Decode(OpDigest),
    /// The bytes of a vertex are not in the canonical encoding, so that the daemon would know it by another digest.
    #[error("op {0} is not canonically encoded")]
    NotCanonical(OpDigest),
    /// A vertex appears twice.
    #[error("op {0} appears twice")]
    Duplicate(OpDigest),
    /// A vertex comes before one of its inputs, or the input is missing.
    #[error("op {op} comes before its input {input}")]
    Order {
        /// The vertex.
        op: OpDigest,
        /// The input.
        input: String,
    },
    /// A number in an op points outside what it counts.
    #[error("op {op}: {what} is {value}, expected {expected}")]
    Index {
        /// The vertex.
        op: OpDigest,
        /// What the number is.
        what: &'static str,
        /// The number.
        value: i64,
        /// What it may be.
        expected: String,
    },
    /// An exec has no command, no metadata or no root mount.
    #[error("exec {op} has {what}")]
    Exec {
        /// The vertex.
        op: OpDigest,
        /// What is missing or doubled.
        what: &'static str,
    },
    /// A vertex that the result does not need.
    #[error("op {0} is not needed by the result")]
    Orphan(OpDigest),
}

impl Graph {
    /// Collects what a state needs. One op made twice becomes one node that keeps what both mentions say.
    pub fn of(state: &State) -> Self {
        let mut collector = Collector::default();
        if let Some(edge) = state.edge() {
            collector.collect(&edge.vertex);
        }
        Self { nodes: collector.nodes, result: state.edge().cloned() }
    }

    /// The state that was collected, to build on.
    #[must_use]
    pub fn state(&self) -> State {
        self.result.clone().map_or_else(State::scratch, State::of)
    }

    /// Number of vertices, the terminal one not counted.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the result is scratch.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The vertices, inputs before users.
    pub fn vertices(&self) -> impl Iterator<Item = (&Vertex, &Meta)> {
        self.nodes.iter().map(|node| (node.vertex.as_ref(), &node.meta))
    }

    /// What these ops need that a daemon cannot do: each capability once, with the metadata of the first op that needs it.
    pub fn lacking(&self, can: impl Fn(Cap) -> bool) -> Vec<(Cap, &Meta)> {
        let mut lacking: BTreeMap<Cap, &Meta> = BTreeMap::new();
        for node in &self.nodes {
            node.meta.needs(|cap| {
                if !can(cap) {
                    lacking.entry(cap).or_insert(&node.meta);
                }
            });
        }
        lacking.into_iter().collect()
    }

    /// Checks what must hold: digests and canonical encoding, inputs before users, indexes in range, each op once, no
    /// orphan, execs and file ops well formed.
    ///
    /// # Errors
    /// The first [`GraphFault`] in graph order.
    pub fn verify(&self) -> Result<(), GraphFault> {
        let mut outputs: BTreeMap<String, i64> = BTreeMap::new();
        for node in &self.nodes {
            let op = checked_op(&node.vertex)?;
            check_inputs(&node.vertex, &op, &outputs)?;
            let count = check_payload(&node.vertex, &op)?;
            if outputs.insert(node.vertex.digest().to_string(), count).is_some() {
                return Err(GraphFault::Duplicate(node.vertex.digest().clone()));
            }
        }
        self.check_orphans()
    }

    /// The definition: ops in order with the terminal one last, metadata for each, source maps. Empty where the result is
    /// scratch, which must not be solved.
    pub fn marshal(&self) -> pb::Definition {
        let Some(result) = &self.result else { return pb::Definition::default() };
        let terminal = terminal(result);
        let mut metadata: BTreeMap<String, pb::OpMetadata> =
            ordered(self.nodes.iter().map(|node| (node.vertex.digest().to_string(), node.meta.to_pb())));
        metadata.insert(OpDigest::of(&terminal).to_string(), self.terminal_metadata());
        let mut def: Vec<Vec<u8>> = self.nodes.iter().map(|node| node.vertex.bytes().to_vec()).collect();
        def.push(terminal);
        pb::Definition { def, metadata, source: self.source_map() }
    }

    /// The limits of execs that have any, by the digests of their ops: what [`super::encode_definition`] adds to the marshalled
    /// definition.
    pub fn resources(&self) -> BTreeMap<String, Resources> {
        let limited = self.nodes.iter().filter(|node| !node.meta.limits().is_empty());
        ordered(limited.map(|node| (node.vertex.digest().to_string(), node.meta.limits().clone())))
    }

    /// The digest of the whole definition: the terminal op's, which names everything below it.
    pub fn digest(&self) -> Option<OpDigest> {
        self.result.as_ref().map(|result| OpDigest::of(&terminal(result)))
    }

    fn terminal_metadata(&self) -> pb::OpMetadata {
        let used = self.nodes.iter().flat_map(|node| node.meta.graph_caps());
        let caps = [Cap::CONSTRAINTS, Cap::PLATFORM].into_iter().chain(used);
        pb::OpMetadata {
            caps: ordered(caps.map(|cap| (cap.id().to_owned(), true))),
            ..pb::OpMetadata::default()
        }
    }

    /// Files sorted by name and content, the places of an op in the order that makes clients show the first one first.
    fn source_map(&self) -> Option<pb::Source> {
        let located = || self.nodes.iter().filter(|node| !node.meta.locations().is_empty());
        // Most steps of a file share it: comparing addresses first spares comparing contents.
        let mentions =
            located().flat_map(|node| node.meta.locations()).map(|one| (Arc::as_ptr(&one.file), &one.file));
        let mentions: BTreeMap<*const SourceInfo, &Arc<SourceInfo>> = ordered(mentions);
        let mut files: Vec<&SourceInfo> = mentions.values().map(|file| file.as_ref()).collect();
        files.sort_unstable();
        files.dedup();
        if files.is_empty() {
            return None;
        }
        let index = mentions.iter().map(|(address, file)| {
            let at = files.binary_search(&file.as_ref()).expect("every file was listed above");
            (*address, i32::try_from(at).expect("fewer files than i32 counts"))
        });
        let index: BTreeMap<*const SourceInfo, i32> = ordered(index);
        let locations = located().map(|node| {
            // A client prints what is last first.
            let locations = node.meta.locations().iter().rev().map(|location| pb::Location {
                source_index: index[&Arc::as_ptr(&location.file)],
                ranges: vec![location.lines.to_pb()],
            });
            (node.vertex.digest().to_string(), pb::Locations { locations: locations.collect() })
        });
        let locations = ordered(locations);
        Some(pb::Source { locations, infos: files.into_iter().map(SourceInfo::to_pb).collect() })
    }

    fn check_orphans(&self) -> Result<(), GraphFault> {
        let mut needed: Vec<&str> = self.result.iter().map(|edge| edge.vertex.digest().as_str()).collect();
        let mut reached: BTreeMap<&str, bool> =
            self.nodes.iter().map(|node| (node.vertex.digest().as_str(), false)).collect();
        let inputs: BTreeMap<&str, &Vertex> =
            self.nodes.iter().map(|node| (node.vertex.digest().as_str(), node.vertex.as_ref())).collect();
        while let Some(digest) = needed.pop() {
            if let Some(seen @ false) = reached.get_mut(digest) {
                *seen = true;
                needed.extend(inputs[digest].mentions().iter().map(|edge| edge.vertex.digest().as_str()));
            }
        }
        let orphan = self.nodes.iter().find(|node| !reached[node.vertex.digest().as_str()]);
        orphan.map_or(Ok(()), |node| Err(GraphFault::Orphan(node.vertex.digest().clone())))
    }
}

/// The last op of a definition, which says what its result is.
fn terminal(result: &Edge) -> Vec<u8> {
    encode::op(pb::Op { inputs: vec![result.to_pb()], ..pb::Op::default() })
}

#[derive(Default)]
struct Collector {
    nodes: Vec<Node>,
    at: BTreeMap<OpDigest, usize>,
    /// Mentions already looked at, by address: a vertex reached over many paths is walked once.
    seen: std::collections::BTreeSet<*const Vertex>,
}

impl Collector {
    /// Depth first, inputs in order, in a loop: graphs are deeper than stacks.
    fn collect(&mut self, vertex: &Arc<Vertex>) {
        let mut pending = vec![(Arc::clone(vertex), 0)];
        while let Some((vertex, next)) = pending.pop() {
            if next == 0 && !self.seen.insert(Arc::as_ptr(&vertex)) {
                continue;
            }
            if let Some(edge) = vertex.mentions().get(next) {
                let input = Arc::clone(&edge.vertex);
                pending.push((vertex, next + 1));
                pending.push((input, 0));
            } else {
                self.add(vertex);
            }
        }
    }

    fn add(&mut self, vertex: Arc<Vertex>) {
        match self.at.get(vertex.digest()) {
            Some(at) => self.nodes[*at].meta.absorb(vertex.meta()),
            None => {
                self.at.insert(vertex.digest().clone(), self.nodes.len());
                self.nodes.push(Node { meta: vertex.meta().clone(), vertex });
            }
        }
    }
}

fn checked_op(vertex: &Vertex) -> Result<pb::Op, GraphFault> {
    let digest = || vertex.digest().clone();
    if OpDigest::of(vertex.bytes()) != *vertex.digest() {
        return Err(GraphFault::Digest(digest()));
    }
    let op = pb::Op::decode(vertex.bytes()).map_err(|_| GraphFault::Decode(digest()))?;
    if encode::op(op.clone()) != vertex.bytes() {
        return Err(GraphFault::NotCanonical(digest()));
    }
    Ok(op)
}

fn check_inputs(vertex: &Vertex, op: &pb::Op, outputs: &BTreeMap<String, i64>) -> Result<(), GraphFault> {
    for input in &op.inputs {
        let Some(count) = outputs.get(&input.digest) else {
            return Err(GraphFault::Order { op: vertex.digest().clone(), input: input.digest.clone() });
        };
        within(vertex, "output index of an input", input.index, 0, *count)?;
    }
    Ok(())
}

fn within(vertex: &Vertex, what: &'static str, value: i64, from: i64, to: i64) -> Result<(), GraphFault> {
    if (from..to).contains(&value) {
        return Ok(());
    }
    let expected = format!("{from} to {}", to - 1);
    Err(GraphFault::Index { op: vertex.digest().clone(), what, value, expected })
}

/// Checks the op itself and says how many outputs it has.
fn check_payload(vertex: &Vertex, op: &pb::Op) -> Result<i64, GraphFault> {
    let inputs = i64::try_from(op.inputs.len()).unwrap_or(i64::MAX);
    match &op.op {
        Some(pb::op::Op::Exec(exec)) => check_exec(vertex, exec, inputs),
        Some(pb::op::Op::File(file)) => check_file(vertex, file, inputs).map(|()| 1),
        Some(pb::op::Op::Merge(merge)) => {
            let indexes = merge.inputs.iter().map(|input| input.input);
            indexes.into_iter().try_for_each(|at| within(vertex, "merge input", at, 0, inputs)).map(|()| 1)
        }
        Some(pb::op::Op::Diff(diff)) => {
            let lower = diff.lower.as_ref().map_or(-2, |lower| lower.input);
            let upper = diff.upper.as_ref().map_or(-2, |upper| upper.input);
            within(vertex, "lower of a diff", lower, -1, inputs)?;
            within(vertex, "upper of a diff", upper, -1, inputs).map(|()| 1)
        }
        Some(pb::op::Op::Source(_) | pb::op::Op::Build(_)) => Ok(1),
        None => Err(GraphFault::Decode(vertex.digest().clone())),
    }
}

fn check_exec(vertex: &Vertex, exec: &pb::ExecOp, inputs: i64) -> Result<i64, GraphFault> {
    let fault = |what| Err(GraphFault::Exec { op: vertex.digest().clone(), what });
    match &exec.meta {
        None => return fault("no metadata"),
        Some(meta) if meta.args.is_empty() => return fault("no command"),
        Some(_) => {}
    }
    if exec.mounts.iter().filter(|mount| mount.dest == "/").count() != 1 {
        return fault("not exactly one root mount");
    }
    let mut next = 0;
    for mount in &exec.mounts {
        within(vertex, "input of a mount", mount.input, -1, inputs)?;
        if mount.mount_type == pb::MountType::Bind as i32 && mount.output != -1 {
            within(vertex, "output of a mount", mount.output, next, next + 1)?;
            next += 1;
        }
    }
    Ok(next)
}

fn check_file(vertex: &Vertex, file: &pb::FileOp, inputs: i64) -> Result<(), GraphFault> {
    for (known, action) in (inputs..).zip(&file.actions) {
        within(vertex, "input of an action", action.input, -1, known)?;
        within(vertex, "second input of an action", action.secondary_input, -1, known)?;
    }
    let last = file.actions.last().map_or(-1, |action| action.output);
    within(vertex, "output of the last action", last, 0, 1)
}
