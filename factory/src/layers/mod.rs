//! Layers of images: what they are, how large, what made them, and which of them two images share.

mod compare;
mod document;
mod pull;
mod read;
mod report;

use serde::Serialize;

pub use compare::Comparison;
pub use pull::{Link, Pull};
pub use read::read;
pub use report::{comparison_text, image_text};

pub(crate) use document::{platform_of, with_history};
pub(crate) use read::named;

/// One layer of an image as registries store it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Its digest.
    pub digest: String,
    /// Its size in bytes as stored: compressed, unless it was stored otherwise.
    pub size: u64,
    /// What made it, as the image's history has it; nothing where the history does not say.
    pub created_by: Option<String>,
}

/// One platform's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// How it was asked for.
    pub name: String,
    /// `os/arch[/variant]`; nothing where neither index nor config say.
    pub platform: Option<String>,
    /// Digest of its manifest.
    pub digest: String,
    /// Its layers from the base upwards.
    pub layers: Vec<Layer>,
}

impl Image {
    /// Bytes of all layers.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }

    /// Bytes of layers that it has already had when they come again.
    #[must_use]
    pub fn duplicate_bytes(&self) -> u64 {
        let mut seen = std::collections::BTreeSet::new();
        self.layers.iter().filter(|layer| !seen.insert(&layer.digest)).map(|layer| layer.size).sum()
    }
}

/// The first 12 hexadecimal digits of a digest, as docker shows them.
pub(crate) fn short(digest: &str) -> &str {
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    hex.get(..12).unwrap_or(hex)
}

/// A size with three significant digits in decimal units, as docker writes them.
pub(crate) fn bytes(size: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if size < 1000 {
        return format!("{size} B");
    }
    // Rounding to a double is far below what three digits show.
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = size as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// What made a layer, on one line of bearable length.
pub(crate) fn made_by(layer: &Layer) -> String {
    const LONGEST: usize = 80;
    let said = layer.created_by.as_deref().unwrap_or_default();
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        for (size, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (12_340, "12.3 kB"),
            (123_456, "123 kB"),
            (999_600, "1.00 MB"),
            (1_234_567_890, "1.23 GB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn what_made_a_layer_is_one_line() {
        let layer = |said: &str| Layer { digest: String::new(), size: 0, created_by: Some(said.into()) };
        assert_eq!(made_by(&layer("a  &&\n\tb")), "a && b");
        let long = made_by(&layer(&"ä".repeat(100)));
        assert_eq!((long.chars().count(), long.ends_with("ä…")), (81, true));
    }
}
