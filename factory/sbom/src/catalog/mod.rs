//! Catalogers: each reads one package manager's or format's traces and adds what it finds to the inventory.
//!
//! There are two ways to be called, and a cataloger may use both. [`Cataloger::databases`] is called once, before the
//! walk, and reads what lies at fixed places. Then the root is walked *once*, and every entry is
//! offered to every cataloger: [`Cataloger::wants`] answers from the name, in no order (it is called for each of millions of
//! entries, so it allocates nothing and asks the system nothing). What is wanted comes to [`Cataloger::found`], in the order of
//! names, to be read.
//!
//! Catalogers hold no state; what must be compared over several packages is done in `settle` after the walk.
//!
//! Rules: read only through [`Root`] and [`Entry`]; give every read a limit; what is broken is said with
//! [`Inventory::warn`] and the rest is read on; never panic, never loop on the input's say-so.

mod apk;
mod binaries;
mod conda;
mod documents;
mod dpkg;
mod gem;
mod java;
mod models;
mod npm;
mod nvidia;
mod os_release;
mod party;
mod python;
mod rpm;
pub mod stanza;

pub use apk::Apk;
pub use binaries::Binaries;
pub use conda::Conda;
pub use documents::Documents;
pub use dpkg::Dpkg;
pub use gem::Gems;
pub use java::Java;
pub use models::Models;
pub use npm::Npm;
pub use nvidia::Nvidia;
pub use os_release::OsRelease;
pub use python::Python;
pub use rpm::Rpm;

use crate::formats::Broken;
use crate::limits;
use crate::model::Inventory;
use crate::root::{Entry, Place, Root, Wish};

/// One way of finding packages.
pub trait Cataloger {
    /// Its name in warnings and in `sourceInfo`, like `dpkg`.
    fn name(&self) -> &'static str;

    /// Reads what lies at fixed places.
    fn databases(&self, root: &Root, out: &mut Inventory) {
        let _ = (root, out);
    }

    /// Whether what lies at this place is to be read. Directories are offered as well, and gone into whatever is said.
    fn wants(&self, place: Place<'_>) -> Wish {
        let _ = place;
        Wish::No
    }

    /// Reads an entry that was wanted.
    fn found(&self, root: &Root, entry: &Entry<'_>, out: &mut Inventory) {
        let _ = (root, entry, out);
    }
}

/// Every cataloger, in the order in which they run: the operating system first, then package managers, then the rest.
#[must_use]
pub fn all() -> Vec<Box<dyn Cataloger>> {
    vec![
        Box::new(OsRelease),
        Box::new(Dpkg),
        Box::new(Apk),
        Box::new(Rpm),
        Box::new(Python),
        Box::new(Conda),
        Box::new(Npm),
        Box::new(Gems),
        Box::new(Binaries),
        Box::new(Java),
        Box::new(Nvidia),
        Box::new(Models),
        Box::new(Documents),
    ]
}

/// What `read` makes of a file with metadata. One that cannot be read or is broken is said, with what it costs.
fn parsed<T>(
    out: &mut Inventory,
    cataloger: &'static str,
    entry: &Entry<'_>,
    so: &str,
    read: impl FnOnce(&[u8]) -> Result<T, Broken>,
) -> Option<T> {
    match entry.read(limits::METADATA) {
        Ok(bytes) => read(&bytes).map_err(|fault| say(out, cataloger, entry.path(), &fault, so)).ok(),
        Err(problem) => {
            out.warn(cataloger, entry.path(), format!("cannot be read, so {so}: {problem}"));
            None
        }
    }
}

/// Puts a fault of a file into the document, with what it costs.
fn say(out: &mut Inventory, cataloger: &'static str, place: &[u8], fault: &Broken, so: &str) {
    out.warn(cataloger, place, format!("is broken, so {so}: {fault}"));
}
