//! Signing: keys, signed statements and the bundles they travel in, in the forms that cosign and the rest of sigstore have.
//!
//! ```text
//! statement   what holds for the image with this digest        in-toto, version 1
//! envelope    the statement's bytes and one signature          DSSE
//! bundle      the envelope and the signer's key by its digest  sigstore, version 0.3
//! referrer    the bundle as an artifact that refers to the image, beside it in its repository
//! ```
//!
//! A signature with a pair of keys says who, and that nothing has changed since. It says neither when, nor that the key is still
//! good: no log and no authority is asked. A keyless one ([`keyless`]) says that too: its bundle has a certificate in the place of the
//! key's digest, and a log's word.

pub mod attached;
pub mod bundle;
pub mod dsse;
mod fault;
pub mod image;
pub mod key;
pub mod key_file;
pub mod keyless;
mod sign;
pub mod simple;
pub mod statement;
mod trusted;

pub use bundle::Bundle;
pub use fault::Fault;
pub use key::{KeyId, KeyKind, PrivateKey, PublicKey};
pub use sign::{Signed, SignedStatement, SignsWith, sign};
pub use statement::{Statement, Subject};
pub use trusted::{Signer, Trusted};
