//! From a manifest and its fragments to LLB.
//!
//! Pure: no I/O, no clock, no async, no gRPC. What a build needs to know from outside (files, image configs) goes in as
//! values, what it needs to have done comes out as values.

pub mod llb;
