//! Plans: a matrix over a manifest, expanded here or built by the frontend as one solve.

mod file;
mod run;

pub use file::PlanFile;
pub use run::{Outcome, run, words};

#[cfg(test)]
pub(crate) use file::tests;
