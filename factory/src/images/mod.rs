//! Images wherever they are: in a registry, in an OCI layout, in the engine's own store. Every command takes them by the same
//! names ([`Source`]), and reads them through the same door ([`Store`]).

mod engine;
#[doc(hidden)]
pub mod fuzzing;
mod layout;
mod platforms;
mod source;
mod store;

pub use platforms::{PlatformImage, Platforms, for_platform};
pub use source::Source;
pub use store::{ATTESTED, Places, SIGNED, Store};

#[cfg(test)]
pub(crate) use layout::tests::{Blobs, layout};
