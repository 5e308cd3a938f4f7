//! What is said of an image, written to files: the tree of a report, and lines of a dataset.

mod cached;
mod dataset;
mod run;
mod tree;

pub use dataset::Line;
pub use run::{Export, export};
