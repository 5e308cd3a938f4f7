//! Two images: what they share, and what one costs where the other is already.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Image, Layer};

/// The layers of two images, each listed once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The first image.
    pub a: Image,
    /// The second image.
    pub b: Image,
    /// Layers that both have, in the order of `b`.
    pub shared: Vec<Layer>,
    /// Layers that only `a` has.
    pub only_a: Vec<Layer>,
    /// Layers that only `b` has.
    pub only_b: Vec<Layer>,
    /// Bytes of the shared layers.
    pub shared_bytes: u64,
    /// Bytes of layers to pull for `b` where `a` is already.
    pub pull_bytes: u64,
}

impl Comparison {
    /// Compares by digest.
    #[must_use]
    pub fn of(a: Image, b: Image) -> Self {
        let digests = |image: &Image| -> BTreeSet<String> {
            image.layers.iter().map(|layer| layer.digest.clone()).collect()
        };
        let (in_a, in_b) = (digests(&a), digests(&b));
        let shared = once(&b, |digest| in_a.contains(digest));
        let only_a = once(&a, |digest| !in_b.contains(digest));
        let only_b = once(&b, |digest| !in_a.contains(digest));
        let sum = |layers: &[Layer]| layers.iter().map(|layer| layer.size).sum();
        let (shared_bytes, pull_bytes) = (sum(&shared), sum(&only_b));
        Self { a, b, shared, only_a, only_b, shared_bytes, pull_bytes }
    }
}

/// The layers that are wanted. One that an image has twice is stored and pulled once.
fn once(image: &Image, wanted: impl Fn(&str) -> bool) -> Vec<Layer> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let layers = image.layers.iter().filter(|layer| wanted(&layer.digest) && seen.insert(&layer.digest));
    layers.cloned().collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn image(name: &str, layers: &[(&str, u64)]) -> Image {
        let layer = |(hex, size): &(&str, u64)| Layer {
            digest: format!("sha256:{hex}"),
            size: *size,
            created_by: Some(format!("made {hex}")),
        };
        Image {
            name: name.into(),
            platform: Some("linux/amd64".into()),
            digest: format!("sha256:{name}"),
            layers: layers.iter().map(layer).collect(),
        }
    }

    #[test]
    fn layers_are_shared_by_digest_and_counted_once() {
        let a = image("a", &[("base", 100), ("core", 20), ("old", 5)]);
        let b = image("b", &[("base", 100), ("core", 20), ("new", 7), ("new", 7)]);
        let compared = Comparison::of(a, b);
        let names = |layers: &[Layer]| layers.iter().map(|one| one.digest.clone()).collect::<Vec<_>>();
        assert_eq!(names(&compared.shared), ["sha256:base", "sha256:core"]);
        assert_eq!(names(&compared.only_a), ["sha256:old"]);
        assert_eq!(names(&compared.only_b), ["sha256:new"]);
        assert_eq!((compared.shared_bytes, compared.pull_bytes), (120, 7));
    }
}
