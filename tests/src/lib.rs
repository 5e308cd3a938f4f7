//! The harness of the end-to-end tests.
//!
//! [`Lab`] has an engine with the frontend image; a [`Project`] is a folder with manifests and fragments that the real
//! client builds; a [`BuildOutcome`] is everything that came out; an [`oci::OciImage`] is what an image really holds.
//! [`control::ControlClient`] builds without any client program, through BuildKit's control API.
//!
//! Nothing here returns errors: what goes wrong in a harness is a failed test, so it panics and says what it was doing.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod build;
mod container;
pub mod control;
mod digest;
mod lab;
mod names;
pub mod oci;
mod other_engine;
mod process;
mod progress;
mod project;
mod pushed;
pub mod tree;

pub use build::{BuildOptions, BuildOutcome, Output};
pub use container::Container;
pub use digest::sha256;
pub use lab::Lab;
pub use names::{ImageName, unique};
pub use other_engine::OtherEngine;
pub use process::{Finished, run, run_fed, run_within};
pub use progress::{Progress, Transfer, Vertex};
pub use project::{Project, on_debian, on_scratch};
pub use pushed::{Blob, Layer, Pushed, Repository};
