//! Alpine's packages, and those of its relatives Wolfi and Chainguard.

use super::{Cataloger, say};
use crate::formats::apk::{ApkPackage, installed};
use crate::licence::Licence;
use crate::limits;
use crate::model::{Ecosystem, Inventory, Package, Party, Requirement, Source};
use crate::purl;
use crate::root::Root;

/// Reads apk's database, at its old and at its new place.
#[derive(Debug)]
pub struct Apk;

const NAME: &str = "apk";
const PLACES: [&[u8]; 2] = [b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];

impl Cataloger for Apk {
    fn name(&self) -> &'static str {
        NAME
    }

    fn databases(&self, root: &Root, out: &mut Inventory) {
        let mut seen: Option<Vec<u8>> = None;
        for place in PLACES {
            // Where `lib` leads to `usr/lib`, the two are one.
            let real = root.canonical(place).ok();
            if real.is_none() || real == seen {
                continue;
            }
            seen = real;
            let Some(bytes) = out.read(root, NAME, place, limits::DATABASE) else { continue };
            let read = installed(&bytes);
            for fault in &read.broken {
                say(out, NAME, place, fault, "a package or a part of it is missing");
            }
            if read.items.is_empty() && !bytes.is_empty() && read.broken.is_empty() {
                out.warn(NAME, place, "lists no package at all");
            }
            for package in read.items {
                add(out, place, package);
            }
        }
    }
}

/// Who made the packages; Alpine's format is used by others, too.
fn vendor(out: &Inventory) -> String {
    let id = out.system.id.as_str();
    if id.is_empty() { "alpine".to_owned() } else { id.to_owned() }
}

fn add(out: &mut Inventory, place: &[u8], apk: ApkPackage) {
    let vendor = vendor(out);
    let distro = out.system.distro().unwrap_or_default();
    let upstream = if apk.origin == apk.name { "" } else { apk.origin.as_str() };
    let qualifiers = [("arch", apk.arch.as_str()), ("distro", &distro), ("upstream", upstream)];
    let purl = match purl::build("apk", &vendor, &apk.name, &apk.version, &qualifiers) {
        Ok(purl) => purl,
        Err(why) => return out.warn(NAME, place, format!("the package {} is left out: {why}", apk.name)),
    };
    let mut package = Package::new(Ecosystem::Apk, NAME, apk.name, apk.version, purl);
    package.evidence.push(place.to_vec());
    if !apk.origin.is_empty() {
        let qualifiers = [("arch", "source"), ("distro", distro.as_str())];
        let purl = purl::build("apk", &vendor, &apk.origin, &package.version, &qualifiers);
        let source = |purl| Source { name: apk.origin.clone(), version: package.version.clone(), purl };
        package.source = purl.ok().map(source);
    }
    package.provides = apk.provides;
    package.requires = apk.depends.into_iter().map(Requirement::of).collect();
    package.files = apk.files;
    package.licence = Licence::of(&apk.licence);
    package.supplier = match Party::parse(&apk.maintainer) {
        Some(maintainer) => Some(maintainer),
        None => (!out.system.id.is_empty()).then(|| Party::organisation(&vendor)),
    };
    package.homepage = apk.homepage.starts_with("http").then_some(apk.homepage);
    package.summary = (!apk.summary.is_empty()).then_some(apk.summary);
    package.checksums.extend(apk.checksum.filter(|sum| sum.algorithm != "MD5"));
    out.add(package);
}
