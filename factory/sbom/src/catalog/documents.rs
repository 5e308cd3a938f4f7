//! SBOMs that somebody put into the image: Bitnami's, apko's, those in Python wheels (PEP 770), `usr/share/sbom`.

use std::collections::BTreeSet;
use std::str::FromStr;

use packageurl::PackageUrl;

use super::{Cataloger, parsed};
use crate::formats::documents::{self, Listed};
use crate::licence::Licence;
use crate::model::{Ecosystem, Inventory, Package, Party, Purpose, Requirement};
use crate::purl;
use crate::root::{Entry, Place, Root, Wish, name};

/// Reads SPDX and CycloneDX documents at the places where images have them.
#[derive(Debug)]
pub struct Documents;

const NAME: &str = "sbom";

impl Cataloger for Documents {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self, place: Place<'_>) -> Wish {
        Wish::yes_if(place.is_file() && is_place(place.path()))
    }

    fn found(&self, _root: &Root, entry: &Entry<'_>, out: &mut Inventory) {
        if let Some(document) = parsed(out, NAME, entry, "what it lists is missing", documents::read) {
            add_all(out, entry.path(), &document.packages);
        }
    }
}

fn is_place(path: &[u8]) -> bool {
    let file = name(path);
    if path.starts_with(b"opt/bitnami/") {
        return file.starts_with(b".spdx-") && file.ends_with(b".spdx");
    }
    let json = file.ends_with(b".json") || file.ends_with(b".spdx");
    let folders = [&b"usr/share/sbom/"[..], b"usr/lib/sbom/", b"var/lib/db/sbom/"];
    json && (folders.iter().any(|folder| path.starts_with(folder)) || in_wheel(path))
}

/// `…/name.dist-info/sboms/….json`.
fn in_wheel(path: &[u8]) -> bool {
    let mut parts = path.rsplit(|b| *b == b'/').skip(1);
    parts.any(|part| part == b"sboms") && parts.next().is_some_and(|part| part.ends_with(b".dist-info"))
}

fn add_all(out: &mut Inventory, place: &[u8], listed: &[Listed]) {
    let known: BTreeSet<(Ecosystem, String, String)> = out
        .packages()
        .iter()
        .filter(|package| package.ecosystem.is_system())
        .map(|package| (package.ecosystem, package.name.clone(), package.version.clone()))
        .collect();
    for package in listed {
        if package.other {
            continue;
        }
        if let Some(found) = convert(out, place, package, listed)
            && !known.contains(&(found.ecosystem, found.name.clone(), found.version.clone()))
        {
            out.add(found);
        }
    }
}

fn key(package: &Listed) -> String {
    format!("{}@{}", package.name, package.version)
}

/// None where it is an image or nothing that can be named.
fn convert(out: &mut Inventory, place: &[u8], listed: &Listed, all: &[Listed]) -> Option<Package> {
    let (ecosystem, purl) = if listed.purl.is_empty() {
        match purl::build("generic", "", &listed.name, &listed.version, &[]) {
            Ok(purl) => (Ecosystem::Generic, purl),
            Err(_) => return None,
        }
    } else {
        let Ok(purl) = PackageUrl::from_str(&listed.purl) else {
            out.warn(
                NAME,
                place,
                format!("lists {}, which is left out: {:?} is no package URL", listed.name, listed.purl),
            );
            return None;
        };
        let ecosystem = match purl.ty() {
            "oci" | "docker" => return None,
            "deb" => Ecosystem::Deb,
            "apk" => Ecosystem::Apk,
            "rpm" => Ecosystem::Rpm,
            "pypi" => Ecosystem::PyPi,
            "npm" => Ecosystem::Npm,
            "gem" => Ecosystem::Gem,
            "golang" => Ecosystem::Golang,
            "cargo" => Ecosystem::Cargo,
            "maven" => Ecosystem::Maven,
            "conda" => Ecosystem::Conda,
            "huggingface" => Ecosystem::Model,
            _ => Ecosystem::Generic,
        };
        (ecosystem, purl.to_string())
    };
    let mut package = Package::new(ecosystem, NAME, listed.name.as_str(), listed.version.as_str(), purl);
    package.evidence.push(place.to_vec());
    package.scope = place.to_vec();
    package.provides.push(key(listed));
    package.requires =
        listed.needs.iter().filter_map(|index| all.get(*index)).map(key).map(Requirement::of).collect();
    package.licence = Licence::of(&listed.licence);
    package.supplier = Party::parse(&listed.supplier);
    package.homepage = listed.homepage.starts_with("http").then(|| listed.homepage.clone());
    package.checksums.clone_from(&listed.checksums);
    if listed.subject {
        package.purpose = Purpose::Application;
    }
    package.notes.push("an SBOM in the image says so".to_owned());
    Some(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_by_their_places() {
        for path in [
            "opt/bitnami/redis/.spdx-redis.spdx",
            "var/lib/db/sbom/busybox-1.spdx.json",
            "usr/share/sbom/a.cdx.json",
            "venv/lib/x.dist-info/sboms/auditwheel.cdx.json",
        ] {
            assert!(is_place(path.as_bytes()), "{path}");
        }
        for path in
            ["opt/bitnami/redis/a.json", "usr/share/sbom/a.txt", "a/sboms/b.json", "x.dist-info/RECORD.json"]
        {
            assert!(!is_place(path.as_bytes()), "{path}");
        }
    }
}
