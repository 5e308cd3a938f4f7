//! What is known of products, pushed to where their images are: records, evidence and lists of what is in them, as artifacts that
//! refer to the images. `docs/referrers.md` says what they look like.

mod artifacts;
mod run;

pub use artifacts::selection;
pub use run::{Choice, Published, publish};
