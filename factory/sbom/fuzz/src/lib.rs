//! What the fuzz targets call.

pub mod entries;
pub mod house;
pub mod shared;
