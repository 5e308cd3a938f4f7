//! What the fuzz targets call.

// The helper's modules are written for a program without a standard library.
#[cfg(feature = "house")]
extern crate alloc;

#[cfg(feature = "scanner")]
pub mod entries;
#[cfg(feature = "house")]
pub mod house;
#[cfg(feature = "house")]
pub mod shared;
#[cfg(feature = "side")]
pub mod side;
