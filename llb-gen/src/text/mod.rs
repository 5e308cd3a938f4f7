//! Source text: files as the user knows them, byte ranges in them, and values that remember where they were written.
//!
//! Every value of the model can say which file and which lines it came from, so an error found much later (while
//! lowering, or by a failing step on a daemon) still points at the author's own line.

mod located;
mod source;

pub use located::{Located, Place};
pub(crate) use source::BOM;
pub use source::{LineRange, Location, SourceFile, Span};
