//! A filesystem that a graph produces.

use super::vertex::{Edge, OutputIndex, Vertex};

/// A filesystem that some op would produce, or scratch: the empty one.
///
/// A state never changes; operations on it give other states. Cloning copies a pointer.
#[derive(Clone, Debug, Default)]
pub struct State(Option<Edge>);

impl State {
    /// The empty filesystem.
    pub fn scratch() -> Self {
        Self(None)
    }

    pub(crate) fn of(edge: Edge) -> Self {
        Self(Some(edge))
    }

    pub(crate) fn edge(&self) -> Option<&Edge> {
        self.0.as_ref()
    }

    /// Whether this is the empty filesystem.
    pub fn is_scratch(&self) -> bool {
        self.0.is_none()
    }

    /// The vertex that produces it; none for scratch.
    pub fn vertex(&self) -> Option<&Vertex> {
        self.0.as_ref().map(|edge| edge.vertex.as_ref())
    }

    /// Which of that vertex's outputs it is.
    pub fn output(&self) -> Option<OutputIndex> {
        self.0.as_ref().map(|edge| edge.output)
    }
}

impl PartialEq for State {
    /// Two states are equal when they are the same output of the same op; what is said about the op does not matter.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(a), Some(b)) => a.same_as(b),
            _ => false,
        }
    }
}

impl Eq for State {}
