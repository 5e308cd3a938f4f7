//! From a manifest and its fragments to LLB.
//!
//! Pure: no I/O, no clock, no async, no gRPC. What a build needs to know from outside (files, image configs) goes in as
//! values, what it needs to have done comes out as values.

pub mod chart;
pub mod check;
pub mod diagnostic;
pub mod draft;
pub mod explain;
pub mod glob;
pub mod image;
pub mod lint;
pub mod llb;
pub mod lock;
pub mod lower;
pub mod matrix;
pub mod model;
pub mod ordered;
pub mod parse;
pub mod plan;
pub mod policy;
pub mod record;
pub mod request;
#[cfg(feature = "schema")]
pub mod schema;
pub mod target;
pub mod text;
