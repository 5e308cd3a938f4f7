//! A manifest with everything it selects, checked as a whole.

use super::composition::Composition;
use super::fragment::Fragment;
use super::manifest::{Manifest, Template};

/// A product: a manifest, its template, and its fragments in build order. Every reference between them holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The manifest.
    pub manifest: Manifest,
    /// Its template, where it has one.
    pub template: Option<Template>,
    /// Its fragments from the base upwards, in slot order.
    pub fragments: Vec<Fragment>,
    /// Which of them are built on which.
    pub composition: Composition,
}
