//! Layers for people.

use std::fmt::Write as _;

use super::{Comparison, Image, Layer, Link, Pull, bytes, made_by, short};
use crate::progress::counted;

/// One image: each layer with its digest, size, share of the whole, and what made it.
#[must_use]
pub fn image_text(image: &Image, link: Link) -> String {
    let mut text = format!("image     {}\n", image.name);
    // Writing to a String cannot fail, here and below.
    if let Some(platform) = &image.platform {
        let _ = writeln!(text, "platform  {platform}");
    }
    let _ = writeln!(text, "digest    {}", image.digest);
    let _ = writeln!(text, "layers    {}", total(&image.layers));
    let wasted = image.duplicate_bytes();
    if wasted > 0 {
        let _ = writeln!(text, "wasted    {}: layers that it has more than once", bytes(wasted));
    }
    let _ = writeln!(text, "pull      {}", pulled(&Pull::of(&image.layers, link)));
    if !image.layers.is_empty() {
        let _ = writeln!(text, "\n{:<12}  {:>9}  {:>7}  MADE BY", "DIGEST", "SIZE", "SHARE");
    }
    for layer in &image.layers {
        let line =
            format!("{}  {:>7}  {}", digest_and_size(layer), share(layer.size, image.size()), made_by(layer));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// Two images: which layers both have, which only one of them, and what has to be pulled.
#[must_use]
pub fn comparison_text(compared: &Comparison, link: Link) -> String {
    let Comparison { a, b, .. } = compared;
    let mut text = String::new();
    for (label, image) in [("A", a), ("B", b)] {
        let platform = image.platform.as_deref().unwrap_or("unknown platform");
        let _ = writeln!(text, "{label}  {} ({platform}): {}", image.name, total(&image.layers));
    }
    for (label, layers) in
        [("both", &compared.shared), ("only A", &compared.only_a), ("only B", &compared.only_b)]
    {
        if !layers.is_empty() {
            text.push('\n');
        }
        for layer in layers {
            let line = format!("{label:<6}  {}  {}", digest_and_size(layer), made_by(layer));
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    let of_b = share(compared.shared_bytes, compared.shared_bytes + compared.pull_bytes);
    let _ = writeln!(text, "\nshared   {}, {of_b} of B", total(&compared.shared));
    let _ = writeln!(text, "to pull  {} for B where A is already", total(&compared.only_b));
    let _ = writeln!(text, "         {}", pulled(&Pull::of(&compared.only_b, link)));
    text
}

/// `about 7.5 s at 12.5 MB/s, 50 ms to begin, 3 layers at a time`.
fn pulled(pull: &Pull) -> String {
    let Link { bytes_per_second, latency_ms, parallel } = pull.link;
    let seconds = format!("{}.{} s", pull.milliseconds / 1000, pull.milliseconds % 1000 / 100);
    format!(
        "about {seconds} at {}/s, {latency_ms} ms to begin, {} at a time",
        bytes(bytes_per_second),
        counted(parallel, "layer")
    )
}

fn digest_and_size(layer: &Layer) -> String {
    format!("{:<12}  {:>9}", short(&layer.digest), bytes(layer.size))
}

fn total(layers: &[Layer]) -> String {
    let size = bytes(layers.iter().map(|layer| layer.size).sum());
    format!("{}, {size}", counted(layers.len(), "layer"))
}

/// A share of a whole in tenths of a per cent, rounded.
fn share(part: u64, whole: u64) -> String {
    let tenths =
        (u128::from(part) * 1000 + u128::from(whole) / 2).checked_div(u128::from(whole)).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::super::compare::tests::image;
    use super::*;

    #[test]
    fn one_image_lists_its_layers_with_their_shares() {
        let layers = [("0123456789abcdef", 2_000_000), ("core", 1_000_000), ("core", 1_000_000)];
        let text = image_text(&image("a", &layers), Link::default());
        assert_eq!(
            text,
            "image     a\nplatform  linux/amd64\ndigest    sha256:a\nlayers    3 layers, 4.00 MB\n\
             wasted    1.00 MB: layers that it has more than once\n\
             pull      about 0.3 s at 12.5 MB/s, 50 ms to begin, 3 layers at a time\n\n\
             DIGEST             SIZE    SHARE  MADE BY\n\
             0123456789ab    2.00 MB   50.0 %  made 0123456789abcdef\n\
             core            1.00 MB   25.0 %  made core\n\
             core            1.00 MB   25.0 %  made core\n"
        );
    }

    #[test]
    fn two_images_list_what_is_shared_and_what_is_to_be_pulled() {
        let a = image("a", &[("base", 3000), ("old", 500)]);
        let b = image("b", &[("base", 3000), ("new", 1000)]);
        assert_eq!(
            comparison_text(&Comparison::of(a, b), Link::default()),
            "A  a (linux/amd64): 2 layers, 3.50 kB\nB  b (linux/amd64): 2 layers, 4.00 kB\n\n\
             both    base            3.00 kB  made base\n\n\
             only A  old               500 B  made old\n\n\
             only B  new             1.00 kB  made new\n\n\
             shared   1 layer, 3.00 kB, 75.0 % of B\n\
             to pull  1 layer, 1.00 kB for B where A is already\n         \
             about 0.1 s at 12.5 MB/s, 50 ms to begin, 3 layers at a time\n"
        );
    }

    #[test]
    fn a_share_of_nothing_is_nothing() {
        assert_eq!((share(0, 0).as_str(), share(1, 1).as_str()), ("0.0 %", "100.0 %"));
    }
}
