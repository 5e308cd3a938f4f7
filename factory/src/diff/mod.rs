//! What changed from one image to another, by what is said of them: no layer is pulled.

mod changes;
mod config;
mod report;
mod run;

pub use changes::{Change, Changes};
pub use report::text;
pub use run::{Diff, Verdicts, diff};
