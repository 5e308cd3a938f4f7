//! Ordered maps and sets from items in any order.

/// A map or a set of `items`, put in one after the other; of two with the same key the later one counts.
///
/// `collect` gives the same. But it sorts first, and each type brings a sort of its own, 6 kB of the frontend.
#[must_use]
pub fn ordered<C: Default + Extend<T>, T>(items: impl IntoIterator<Item = T>) -> C {
    let mut collection = C::default();
    collection.extend(items);
    collection
}
