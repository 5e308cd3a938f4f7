//! Licences of Debian packages: `usr/share/doc/<package>/copyright`, in the machine-readable form or as prose.

use std::collections::BTreeMap;

use super::NAME;
use crate::catalog::stanza::{Stanza, stanzas, unfold};
use crate::licence::Licence;
use crate::limits;
use crate::model::{Inventory, Package};
use crate::root::Root;

/// Copyright lines of one package that a document holds.
const MOST_NOTICES: usize = 200;

/// `twins` are packages whose file holds for this one too, where it has none: its folder may be a link to theirs, and slim
/// images drop links.
pub(super) fn read(root: &Root, out: &mut Inventory, package: &mut Package, twins: &[String]) {
    let names = std::iter::once(&package.name).chain(twins);
    let paths: Vec<String> = names.map(|name| format!("usr/share/doc/{name}/copyright")).collect();
    let found = paths
        .into_iter()
        .find_map(|path| Some((out.read(root, NAME, path.as_bytes(), limits::LICENCE_TEXT)?, path)));
    let Some((bytes, path)) = found else { return };
    let text = String::from_utf8_lossy(&bytes);
    package.evidence.push(path.into_bytes());
    if is_machine_readable(&text) {
        machine_readable(&text, package);
    }
    if package.licence.expression.is_none() {
        package.licence = Licence::of_text(&text, &format!("{}-copyright", package.name));
        package.copyright = package.copyright.take().or_else(|| notices(&text));
    }
}

/// Its first stanza names the format. Some say it as `Format-Specification`, and some begin with a comment.
fn is_machine_readable(text: &str) -> bool {
    let Some(first) = stanzas(text).next() else { return false };
    let format = first.get("Format").or_else(|| first.get("Format-Specification"));
    format.is_some_and(|format| {
        format.contains("copyright-format") || format.to_ascii_lowercase().contains("dep5")
    }) || (first.get("Files").is_some() && first.get("License").is_some())
}

fn machine_readable(text: &str, package: &mut Package) {
    let all: Vec<Stanza<'_>> = stanzas(text).collect();
    // Texts by name: a stanza of a licence alone, or the lines after the name in a stanza of files.
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    let mut names: Vec<&str> = Vec::new();
    let mut copyright: Vec<String> = Vec::new();
    for (at, stanza) in all.iter().enumerate() {
        for value in stanza.all("License") {
            let (name, body) = value.split_once('\n').unwrap_or((value, ""));
            let name = name.trim();
            if !body.trim().is_empty() {
                texts.entry(name).or_insert_with(|| unfold(body));
            }
            if (at == 0 || stanza.get("Files").is_some()) && !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        if at == 0 || stanza.get("Files").is_some() {
            copyright.extend(
                stanza
                    .all("Copyright")
                    .flat_map(|value| unfold(value).lines().map(ToOwned::to_owned).collect::<Vec<_>>()),
            );
        }
    }
    let licences = names.iter().map(|name| {
        let mut licence = Licence::of(name);
        let text = texts.get(name).map(String::as_str);
        // A name of the packager's own over a text that is well known.
        if let Some(text) = text.filter(|_| !licence.is_known()) {
            let known = Licence::of_text(text, name);
            if known.is_known() && !name.contains(" with ") && !is_compound(name) {
                return known;
            }
            licence.give_text(text);
        }
        for reference in licence.references.values_mut().filter(|reference| reference.text.is_none()) {
            reference.text = texts.get(reference.name.as_str()).cloned();
        }
        licence
    });
    package.licence = Licence::all(licences);
    copyright.retain(|line| !line.is_empty());
    package.copyright = joined(copyright);
}

fn is_compound(name: &str) -> bool {
    name.split_whitespace().any(|word| matches!(word.to_ascii_lowercase().as_str(), "and" | "or"))
}

/// Lines of prose that are copyright notices.
fn notices(text: &str) -> Option<String> {
    let lines = text.lines().map(|line| line.trim().trim_start_matches(['*', '#', '|']).trim());
    let notices = lines.filter(|line| {
        let lower = line.to_ascii_lowercase();
        let marked = lower.starts_with("copyright") || lower.starts_with("(c)") || lower.starts_with('©');
        marked && lower.bytes().any(|byte| byte.is_ascii_digit())
    });
    joined(notices.map(ToOwned::to_owned).collect())
}

/// Each once, sorted, and not too many.
fn joined(mut lines: Vec<String>) -> Option<String> {
    lines.sort();
    lines.dedup();
    let rest = lines.len().saturating_sub(MOST_NOTICES);
    lines.truncate(MOST_NOTICES);
    if rest > 0 {
        lines.push(format!("and {rest} more"));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}
