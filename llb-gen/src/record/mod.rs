//! What is known about a product that was built and tested: its selection key, the hash of its tests, and the record.

mod canonical;
mod document;
mod hash;
mod selection;

pub(crate) use canonical::{canonical, canonical_text};
pub use document::{
    AcceleratorFacts, Budget, CombinationEntry, ErrorKind, ErrorRecord, Execution, FragmentEntry, Outcome,
    Pointer, RECORD_PREDICATE_TYPE, Record, SCHEMA_VERSION, TEST_RESULT_PREDICATE_TYPE, TestEntry, Verdict,
};
pub use hash::test_hash;
pub use selection::{Selected, Selection, TemplateEntry};
