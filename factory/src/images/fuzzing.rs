//! Readers of layouts, for the fuzzer alone.

use super::layout::Layout;
use super::store::Store;

/// The layout that a tar stream holds.
#[must_use]
pub fn layout(tar: &[u8]) -> Option<Box<dyn Store>> {
    Layout::of_tar(tar).ok().map(|layout| Box::new(layout) as Box<dyn Store>)
}
