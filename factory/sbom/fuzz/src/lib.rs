//! What the fuzz targets call.

#[cfg(feature = "scanner")]
pub mod entries;
#[cfg(feature = "house")]
pub mod house;
#[cfg(feature = "house")]
pub mod shared;
