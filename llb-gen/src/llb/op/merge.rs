//! Merge: filesystems laid over one another.

use bollard_buildkit_proto::pb;

use super::inputs::Inputs;
use crate::llb::vertex::{Edge, OutputIndex, Vertex};
use crate::llb::{Cap, Meta, State};

/// The states laid over one another, later ones on top; each keeps its own layers.
///
/// Scratch inputs are dropped; nothing left is scratch, one state left is that state itself, as in the Go client
/// (`client/llb/merge.go`). Needs [`Cap::MERGE`].
pub fn merge<'a>(states: impl IntoIterator<Item = &'a State>, meta: Meta) -> State {
    let states: Vec<&State> = states.into_iter().filter(|state| !state.is_scratch()).collect();
    match states.as_slice() {
        [] => State::scratch(),
        [only] => (*only).clone(),
        several => merge_op(several, meta),
    }
}

fn merge_op(states: &[&State], meta: Meta) -> State {
    let mut inputs = Inputs::default();
    let merged =
        states.iter().map(|state| pb::MergeInput { input: inputs.index_of(state).to_pb() }).collect();
    let op = pb::Op { op: Some(pb::op::Op::Merge(pb::MergeOp { inputs: merged })), ..pb::Op::default() };
    let vertex = Vertex::new(inputs, op, meta.with_caps([Cap::MERGE]));
    State::of(Edge { vertex, output: OutputIndex::ROOT })
}
