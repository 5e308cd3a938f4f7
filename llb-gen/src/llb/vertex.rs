//! One op of a graph, encoded and named.

use std::sync::Arc;

use bollard_buildkit_proto::pb;

use super::op::inputs::Inputs;
use super::{Meta, OpDigest, encode};

/// Which output of a vertex: an exec has one per writable mount whose result is wanted, every other op has one, 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutputIndex(pub(crate) u32);

impl OutputIndex {
    /// The first output; the root filesystem of an exec with a writable root.
    pub const ROOT: Self = Self(0);

    /// The index as BuildKit counts it, from 0.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// An output of a vertex, which other ops can take as input.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) vertex: Arc<Vertex>,
    pub(crate) output: OutputIndex,
}

impl Edge {
    pub(crate) fn to_pb(&self) -> pb::Input {
        pb::Input { digest: self.vertex.digest.to_string(), index: i64::from(self.output.0) }
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.output == other.output && self.vertex.digest == other.vertex.digest
    }
}

/// An op with its canonical bytes, its digest, what it depends on and what is said about it.
#[derive(Debug)]
pub struct Vertex {
    bytes: Vec<u8>,
    digest: OpDigest,
    /// Every edge that was named while the op was built; equal ones were one input.
    mentions: Vec<Edge>,
    meta: Meta,
}

impl Vertex {
    /// Encodes an op with these inputs.
    pub(crate) fn new(inputs: Inputs, op: pb::Op, meta: Meta) -> Arc<Self> {
        let op = pb::Op {
            inputs: inputs.edges().iter().map(Edge::to_pb).collect(),
            constraints: Some(pb::WorkerConstraints::default()),
            ..op
        };
        Self::from_bytes(encode::op(op), inputs.into_mentions(), meta)
    }

    /// A vertex of bytes that were encoded elsewhere.
    pub(crate) fn from_bytes(bytes: Vec<u8>, mentions: Vec<Edge>, meta: Meta) -> Arc<Self> {
        Arc::new(Self { digest: OpDigest::of(&bytes), bytes, mentions, meta })
    }

    /// The digest under which BuildKit knows this vertex.
    pub fn digest(&self) -> &OpDigest {
        &self.digest
    }

    /// The canonical bytes of the op.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is said about the op.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    pub(crate) fn mentions(&self) -> &[Edge] {
        &self.mentions
    }
}

impl Drop for Vertex {
    /// Takes a long chain apart in a loop: the compiler's own drop would recurse once per step of the graph.
    fn drop(&mut self) {
        let mut pending: Vec<Edge> = std::mem::take(&mut self.mentions);
        while let Some(edge) = pending.pop() {
            if let Some(mut vertex) = Arc::into_inner(edge.vertex) {
                pending.append(&mut vertex.mentions);
            }
        }
    }
}
