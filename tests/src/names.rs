//! Names that belong to one test alone.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Lab;

/// A word that no earlier test run and no other test has used: what it stands in is in no cache.
#[must_use]
pub fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("{time:x}-{:x}-{:x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A name for an image in the engine's store. The image goes when the name is dropped.
#[derive(Debug)]
pub struct ImageName(String);

impl ImageName {
    /// A name that only the holder knows, in a place that no registry answers for.
    #[must_use]
    pub fn local() -> Self {
        Self(format!("localhost/factory-tests/product:{}", unique()))
    }

    /// The name as clients take it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Drop for ImageName {
    fn drop(&mut self) {
        // It may never have been made; then there is nothing to remove.
        let _ = Lab::get().docker().args(["image", "rm", "--force", &self.0]).output();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_words_are_the_same() {
        assert_ne!(super::unique(), super::unique());
    }
}
