//! What is said of an image: the statements that stand beside it in its index, and what refers to it.
//!
//! Of everything that is read here the bytes are checked against their digest, and what they are about against the image. Who has
//! said it is another question, which signatures answer.

mod bill;
mod cyclonedx;
mod files;
#[doc(hidden)]
pub mod fuzzing;
mod gather;
pub mod kinds;
mod packages;
mod purl;
mod recorded;
mod spdx;
mod statement;

pub use bill::{Bill, Item};
pub use files::{Evidence, unpacked};
pub(crate) use files::{packed, packed_files};
pub(crate) use gather::PREDICATE_TYPES;
pub use gather::{About, Interest, Said, gather};
pub use packages::{Package, packages};
pub(crate) use purl::Purl;
pub use recorded::RecordFile;
pub use statement::{Origin, Statement, Subject};
