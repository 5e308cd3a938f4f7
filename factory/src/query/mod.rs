//! What is known of the products of a repository: records that refer to its images, that stand beside them, and that refer to
//! combinations without an image.

mod filter;
mod run;

pub use filter::{Filter, Named};
pub use run::{Hit, query, text};
