//! What the fuzz targets call.

pub mod entries;
#[cfg(feature = "house")]
pub mod house;
#[cfg(feature = "house")]
pub mod shared;
