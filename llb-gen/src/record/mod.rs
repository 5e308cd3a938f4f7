//! What is known about a product that was built and tested: its selection key, the hash of its tests, and the record.

mod canonical;
mod document;
mod hash;
mod selection;

pub(crate) use canonical::{canonical, canonical_text};
pub use document::{
    AcceleratorFacts, ErrorKind, ErrorRecord, Execution, FragmentEntry, Outcome, Pointer, Record,
    SCHEMA_VERSION, Verdict,
};
pub use hash::test_hash;
pub use selection::{Selected, Selection, TemplateEntry};
