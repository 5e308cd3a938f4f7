//! Diff: what one filesystem has over another.

use bollard_buildkit_proto::pb;

use super::inputs::Inputs;
use crate::llb::vertex::{Edge, OutputIndex, Vertex};
use crate::llb::{Cap, Meta, State};

/// What `upper` adds, changes and removes with respect to `lower`. Equal states differ in nothing: scratch; against a
/// scratch lower the whole upper is the difference, which the daemon keeps as its own layers. Needs [`Cap::DIFF`].
pub fn diff(lower: &State, upper: &State, meta: Meta) -> State {
    if lower == upper {
        return State::scratch();
    }
    let mut inputs = Inputs::default();
    let op = pb::DiffOp {
        lower: Some(pb::LowerDiffInput { input: inputs.index_of(lower).to_pb() }),
        upper: Some(pb::UpperDiffInput { input: inputs.index_of(upper).to_pb() }),
    };
    let op = pb::Op { op: Some(pb::op::Op::Diff(op)), ..pb::Op::default() };
    let vertex = Vertex::new(inputs, op, meta.with_caps([Cap::DIFF]));
    State::of(Edge { vertex, output: OutputIndex::ROOT })
}
