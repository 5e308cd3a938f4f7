//! Java archives, and those inside of them.

use super::{Cataloger, say};
use crate::formats::java::{self, JavaPackage};
use crate::formats::{Opened, ReadAt, zip};
use crate::licence::Licence;
use crate::model::{Ecosystem, Inventory, Package, Purpose, Requirement};
use crate::purl;
use crate::root::{Entry, Place, Root, Wish};

/// Looks into jars, wars, ears.
#[derive(Debug)]
pub struct Java;

const NAME: &str = "java";

impl Cataloger for Java {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self, place: Place<'_>) -> Wish {
        Wish::yes_if(place.is_file() && java::is_archive(place.name()))
    }

    fn found(&self, _root: &Root, entry: &Entry<'_>, out: &mut Inventory) {
        let place = entry.path();
        let file = match entry.file() {
            Ok(file) => file,
            Err(problem) => {
                return out.warn(
                    NAME,
                    place,
                    format!("cannot be read, so what is in it is missing: {problem}"),
                );
            }
        };
        let Ok(file) = Opened::new(file) else { return };
        let begins = file.up_to(0, 4).is_ok_and(|start| zip::is_one(&start));
        let name = entry.name().to_ascii_lowercase();
        let ours = [&b".jar"[..], b".war", b".ear"].into_iter().any(|ending| name.ends_with(ending));
        // The other endings are used for other things as well.
        if file.length() == 0 || !begins && !ours {
            return;
        }
        let read = java::packages(&file, &String::from_utf8_lossy(entry.name()));
        for fault in &read.broken {
            say(out, NAME, place, fault, "what is in it may be missing");
        }
        let inner: Vec<String> = read.items.iter().filter(|java| !is_whole(java)).map(key).collect();
        for java in &read.items {
            add(out, place, java, &inner);
        }
    }
}

/// What the file itself is.
fn is_whole(java: &JavaPackage) -> bool {
    java.main && java.place.is_empty()
}

fn key(java: &JavaPackage) -> String {
    format!("{}:{}:{}", java.group, java.artifact, java.version)
}

fn add(out: &mut Inventory, place: &[u8], java: &JavaPackage, inner: &[String]) {
    // Maven knows nothing without a group.
    let kind = if java.group.is_empty() { "generic" } else { "maven" };
    let purl = match purl::build(kind, &java.group, &java.artifact, &java.version, &[]) {
        Ok(purl) => purl,
        Err(why) => return out.warn(NAME, place, format!("a package in it is left out: {why}")),
    };
    let mut package =
        Package::new(Ecosystem::Maven, NAME, java.artifact.as_str(), java.version.as_str(), purl);
    package.evidence.push(place.to_vec());
    package.scope = place.to_vec();
    package.provides.push(key(java));
    if is_whole(java) {
        package.requires = inner.iter().map(Requirement::of).collect();
        if !inner.is_empty() && java.guessed {
            package.purpose = Purpose::Application;
        }
    }
    package.licence = Licence::all(java.licences.iter().map(|words| licence(words)));
    package.homepage = java.homepage.starts_with("http").then(|| java.homepage.clone());
    if !java.place.is_empty() {
        package.notes.push(format!("inside of {}", java.place.join(" in ")));
    }
    if java.guessed {
        package.notes.push("what it is, is guessed from its manifest and the name of its file".to_owned());
    }
    out.add(package);
}

/// Java states licences by name or by address.
fn licence(words: &str) -> Licence {
    let address = words.strip_prefix("https://").or_else(|| words.strip_prefix("http://"));
    let Some(address) = address else { return Licence::of(words) };
    let address = address.strip_prefix("www.").unwrap_or(address).to_ascii_lowercase();
    let stem = address
        .trim_end_matches('/')
        .trim_end_matches(".html")
        .trim_end_matches(".txt")
        .trim_end_matches(".php");
    match stem {
        "apache.org/licenses/license-2.0" => Licence::of("Apache-2.0"),
        "opensource.org/licenses/mit"
        | "opensource.org/licenses/mit-license"
        | "opensource.org/license/mit" => Licence::of("MIT"),
        "opensource.org/licenses/bsd-3-clause" => Licence::of("BSD-3-Clause"),
        "opensource.org/licenses/bsd-2-clause" => Licence::of("BSD-2-Clause"),
        "eclipse.org/legal/epl-v10" | "eclipse.org/org/documents/epl-v10" => Licence::of("EPL-1.0"),
        "eclipse.org/legal/epl-2.0" | "eclipse.org/legal/epl-v20" => Licence::of("EPL-2.0"),
        "gnu.org/licenses/lgpl-2.1" | "gnu.org/licenses/old-licenses/lgpl-2.1" => {
            Licence::of("LGPL-2.1-only")
        }
        "gnu.org/licenses/gpl-2.0" => Licence::of("GPL-2.0-only"),
        "mozilla.org/mpl/2.0" | "mozilla.org/en-us/mpl/2.0" => Licence::of("MPL-2.0"),
        "creativecommons.org/publicdomain/zero/1.0" => Licence::of("CC0-1.0"),
        _ => Licence::reference(words, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_by_address() {
        for (words, expression) in [
            ("http://www.apache.org/licenses/LICENSE-2.0.txt", "Apache-2.0"),
            ("https://opensource.org/licenses/MIT", "MIT"),
            ("https://www.eclipse.org/legal/epl-2.0/", "EPL-2.0"),
        ] {
            assert_eq!(licence(words).expression.as_deref(), Some(expression), "{words}");
        }
        let other = licence("https://example.org/ours").expression.unwrap();
        assert!(other.starts_with("LicenseRef-"), "{other}");
    }
}
