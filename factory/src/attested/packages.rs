//! What a list of what is in an image lists, in short.

use std::collections::BTreeSet;

use serde::Serialize;

use super::bill::{Bill, Item};
use crate::registry::Result;

/// A package of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Package {
    /// What kind of package, by its package URL: `deb`, `pypi`; empty where it has none.
    pub kind: String,
    /// Its name, with its group where there is one.
    pub name: String,
    /// Its version; empty where the list does not say.
    pub version: String,
}

/// The packages that a document of SPDX 2.x or CycloneDX lists, in order. What the document is about is no package of it.
///
/// # Errors
/// As [`Bill::parse`].
pub fn packages(bytes: &[u8], what: &str) -> Result<BTreeSet<Package>> {
    let package = |item: Item| Package { kind: item.kind, name: item.name, version: item.version };
    Ok(Bill::parse(bytes, what)?.items.into_iter().map(package).collect())
}
