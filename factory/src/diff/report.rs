//! What changed, for people.

use std::fmt::Write as _;

use super::changes::Changes;
use super::run::Diff;
use crate::layers::{Pull, bytes, made_by, short};
use crate::progress::counted;

/// The most changes of one kind that are shown; a machine reads all of them.
const MOST: usize = 50;

/// What changed from A to B.
#[must_use]
pub fn text(diff: &Diff) -> String {
    let (a, b) = (&diff.layers.a, &diff.layers.b);
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    for (label, image) in [("A", a), ("B", b)] {
        let platform = image.platform.as_deref().unwrap_or("unknown platform");
        let (digest, layers) = (short(&image.digest), total(image.layers.len(), image.size()));
        let _ = writeln!(text, "{label}  {} ({platform}) {digest}: {layers}", image.name);
    }
    if diff.is_nothing() {
        text.push_str("\nboth are the same image\n");
        return text;
    }
    match &diff.verdicts {
        Some(verdicts) => {
            let other = if verdicts.comparable { "" } else { " (by other tests)" };
            let _ = writeln!(text, "\nverdict   {} -> {}{other}", verdicts.product.from, verdicts.product.to);
            changes(&mut text, "test", &verdicts.tests);
        }
        None => text.push_str("\nverdict   not known: one of them has no record\n"),
    }
    named(&mut text, "fragment", diff.fragments.as_ref(), "one of them has no record");
    named(&mut text, "package", diff.packages.as_ref(), "one of them has no list of packages");
    named(&mut text, "config", Some(&diff.config), "");
    text.push('\n');
    for (sign, layers) in [('-', &diff.layers.only_a), ('+', &diff.layers.only_b)] {
        for layer in layers {
            let line = format!(
                "layer     {sign} {}  {:>9}  {}",
                short(&layer.digest),
                bytes(layer.size),
                made_by(layer)
            );
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    let _ = writeln!(text, "shared    {}", total(diff.layers.shared.len(), diff.layers.shared_bytes));
    for (label, wasted) in ["A", "B"].iter().zip(diff.duplicate_bytes) {
        if wasted > 0 {
            let _ =
                writeln!(text, "wasted    {} in {label}: layers that it has more than once", bytes(wasted));
        }
    }
    let _ = writeln!(text, "pull B    {}", pull(&diff.pull));
    let _ = writeln!(text, "update    {} where A is already", pull(&diff.update));
    text
}

/// `91.4 MB in 5 layers, 7.5 s`.
pub(crate) fn pull(pull: &Pull) -> String {
    let seconds = format!("{}.{} s", pull.milliseconds / 1000, pull.milliseconds % 1000 / 100);
    format!("{} in {}, about {seconds}", bytes(pull.bytes), counted(pull.layers, "layer"))
}

/// `5 layers, 91.4 MB`.
fn total(layers: usize, size: u64) -> String {
    format!("{}, {}", counted(layers, "layer"), bytes(size))
}

fn named(text: &mut String, label: &str, found: Option<&Changes>, why: &str) {
    match found {
        None => {
            let _ = writeln!(text, "\n{label:<9} not known: {why}");
        }
        Some(found) if found.is_empty() => {
            let _ = writeln!(text, "\n{label:<9} no change");
        }
        Some(found) => {
            text.push('\n');
            changes(text, label, found);
        }
    }
}

fn changes(text: &mut String, label: &str, found: &Changes) {
    let removed = found.removed.iter().map(|(name, value)| format!("- {name} {value}"));
    let changed = found.changed.iter().map(|one| format!("~ {} {} -> {}", one.name, one.from, one.to));
    let added = found.added.iter().map(|(name, value)| format!("+ {name} {value}"));
    let lines: Vec<String> = removed.chain(changed).chain(added).collect();
    for line in lines.iter().take(MOST) {
        let _ = writeln!(text, "{}", format!("{label:<9} {line}").trim_end());
    }
    if lines.len() > MOST {
        let _ = writeln!(text, "{label:<9} … and {} more; --json has all", lines.len() - MOST);
    }
}
