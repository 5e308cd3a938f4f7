//! What is found in a root filesystem.

mod inventory;
mod package;

pub use inventory::{Inventory, System, Warning};
pub use package::{Checksum, Ecosystem, OwnedFile, Package, Party, Purpose, Requirement, Source};
