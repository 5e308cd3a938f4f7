//! The list of an op's inputs while it is being built.

use std::sync::Arc;

use crate::llb::State;
use crate::llb::vertex::Edge;

/// Position in an op's `inputs`, or -1 for the empty filesystem, as the wire has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InputIndex(i64);

impl InputIndex {
    /// No input: the empty filesystem.
    pub(crate) const EMPTY: Self = Self(-1);

    pub(crate) fn to_pb(self) -> i64 {
        self.0
    }
}

/// Inputs in order of first use; one that is used twice is listed once, as the Go client does.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    edges: Vec<Edge>,
    aliases: Vec<Edge>,
}

impl Inputs {
    /// The index of a state, added if it is new.
    pub(crate) fn index_of(&mut self, state: &State) -> InputIndex {
        let Some(edge) = state.edge() else { return InputIndex::EMPTY };
        let known = self.edges.iter().position(|known| known.same_as(edge));
        if known.is_some_and(|at| !Arc::ptr_eq(&self.edges[at].vertex, &edge.vertex)) {
            self.aliases.push(edge.clone());
        }
        let at = known.unwrap_or_else(|| {
            self.edges.push(edge.clone());
            self.edges.len() - 1
        });
        InputIndex(i64::try_from(at).expect("fewer inputs than i64 holds"))
    }

    pub(crate) fn len(&self) -> usize {
        self.edges.len()
    }

    /// The inputs as the wire lists them.
    pub(crate) fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The inputs, and after them the other mentions of the same ops: not on the wire, but what they say counts.
    pub(crate) fn into_mentions(self) -> Vec<Edge> {
        self.edges.into_iter().chain(self.aliases).collect()
    }
}
