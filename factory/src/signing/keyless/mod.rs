//! Keyless signatures: a key that lives for one signing, and others who say whose it was.
//!
//! ```text
//! identity token  ─ certificate authority (Fulcio) ─►  certificate  this key is X's, says issuer Y, for ten minutes
//! certificate     ─ certificate log (CT)           ─►  SCT          and everybody can see that it was issued
//! signature       ─ transparency log (Rekor)       ─►  entry        and that this was signed
//!                 ─ … or a time stamp authority    ─►  time         while the certificate was good
//! ```
//!
//! Checking needs no network: whom to believe stands in a file, sigstore's trusted root. Every check has to hold, and what cannot be
//! checked counts for nothing.

mod asn1;
mod body;
mod certificate;
mod checkpoint;
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod log;
pub mod material;
mod old;
mod refusal;
mod root;
mod sct;
mod services;
mod session;
mod timestamp;
pub mod token;
mod verifier;
mod verify;

pub use identity::{Identity, IdentityMatch};
pub use material::Material;
pub(super) use old::from_annotations;
pub use refusal::{Check, Refusal};
pub use root::TrustedRoot;
pub use services::Services;
pub(crate) use session::now;
pub use session::{Keyless, Session};
pub use verify::{Proven, Signed, Trust, verify};
