//! Registries by the OCI distribution specification 1.1: manifests, blobs, tags and referrers, read and written.
//!
//! [`Repository`] is one repository of one registry. What it reads is checked against its digest before anybody sees it, and a
//! question has three answers: it is there, it is not there (`Ok(None)`), or nobody could look ([`Fault::CouldNotLook`]). The
//! third is never the second.
//!
//! ```no_run
//! use factory::registry::{Access, Name, Repository};
//!
//! # fn main() -> Result<(), factory::registry::Fault> {
//! let image = "127.0.0.1:5000/app:dev".parse().expect("a reference");
//! let repository = Repository::open(&image, &Access::from_environment())?;
//! if let Some(found) = repository.manifest(&Name::of(&image))? {
//!     for referrer in repository.referrers(found.digest(), None)? {
//!         println!("{}", referrer.descriptor.digest);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod access;
mod auth;
mod blobs;
mod challenge;
mod connections;
mod credentials;
mod document;
mod fallback;
mod fault;
#[doc(hidden)]
pub mod fuzzing;
mod manifests;
mod name;
mod pages;
mod proxies;
mod referrers;
mod repository;
pub(crate) mod service;
mod tls;
mod transport;
mod upload;

pub use access::{Access, Patience};
pub use document::{
    Artifact, Descriptor, Document, EMPTY_CONFIG, Entry, Found, Index, Manifest, PlatformParts, media,
};
pub use fault::{Fault, Result, Why};
pub use manifests::Put;
pub use name::{Name, digest_of, is_digest};
pub use proxies::Proxies;
pub use referrers::{Attached, Referrer};
pub use repository::Repository;

pub(crate) use fallback::tag as fallback_tag;
pub(crate) use manifests::described;
pub(crate) use name::checked;
