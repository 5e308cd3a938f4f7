//! Why a build runs what it runs: what each fragment is made from, and what of it is another than before.
//!
//! [`Draft::inputs`](crate::draft::Draft::inputs) writes down everything that decides what a fragment becomes, as far as it
//! can be known without the engine. Two such lists, of the build before and of now, are what [`compare`] explains. The
//! shells read files ([`OwnWalk`] says which) and keep the lists; nothing here does.

mod compare;
mod gather;
mod inputs;
mod own_walk;

pub use compare::{Fate, FragmentFate, Reason, compare};
pub use gather::Outside;
pub use inputs::{FragmentInputs, ImageInput, InputsError, ProductInputs, SCHEMA_VERSION, short};
pub use own_walk::{ContentDigest, EntryKind, FolderEntry, Found, HashBudget, OwnWalk, by_size};
