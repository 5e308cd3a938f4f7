//! RPM packages, whatever form their database has.

use std::collections::BTreeSet;

use super::{Cataloger, say};
use crate::formats::rpm::{RpmPackage, manifest, packages};
use crate::formats::{Listing, Opened};
use crate::licence::Licence;
use crate::limits;
use crate::model::{Ecosystem, Inventory, OwnedFile, Package, Party, Requirement, Source};
use crate::purl;
use crate::root::{Problem, Root, join};

/// Reads rpm's database, or the list that distroless images keep instead.
#[derive(Debug)]
pub struct Rpm;

const NAME: &str = "rpm";
/// Where databases are: the old place, the new one, and that of systems which are replaced as a whole.
const FOLDERS: [&[u8]; 3] = [b"var/lib/rpm", b"usr/lib/sysimage/rpm", b"usr/share/rpm"];
/// The newest form first: where a system has changed forms, the old file is a left-over.
const FILES: [&[u8]; 3] = [b"rpmdb.sqlite", b"Packages.db", b"Packages"];
const MANIFEST: &[u8] = b"var/lib/rpmmanifest/container-manifest-2";

impl Cataloger for Rpm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn databases(&self, root: &Root, out: &mut Inventory) {
        let mut seen = BTreeSet::new();
        for folder in FOLDERS {
            // One of the places is mostly a link to another.
            if !root.canonical(folder).is_ok_and(|real| seen.insert(real)) {
                continue;
            }
            let found = FILES.iter().map(|file| join(folder, file)).find(|path| root.is_file(path));
            if let Some(path) = found {
                database(root, out, &path);
            }
        }
        if let Some(bytes) = out.read(root, NAME, MANIFEST, limits::METADATA) {
            add_all(out, MANIFEST, manifest::read(&bytes));
        }
    }
}

const MISSING: &str = "packages or parts of them are missing";

fn database(root: &Root, out: &mut Inventory, path: &[u8]) {
    let open = |path: &[u8]| -> Result<std::fs::File, Problem> {
        let file = root.file(path)?;
        let size = file.metadata().map_or(u64::MAX, |found| found.len());
        if size > limits::DATABASE { Err(Problem::TooBig { limit: limits::DATABASE }) } else { Ok(file) }
    };
    let file = match open(path) {
        Ok(file) => file,
        Err(problem) => {
            return out.warn(NAME, path, format!("cannot be read, so all packages are missing: {problem}"));
        }
    };
    let log_path = [path, b"-wal"].concat();
    let log = match open(&log_path) {
        Ok(log) => Some(log),
        Err(Problem::Missing) => None,
        Err(problem) => {
            out.warn(
                NAME,
                &log_path,
                format!("cannot be read, so the newest packages may be missing: {problem}"),
            );
            None
        }
    };
    let read = Opened::new(&file).and_then(|file| match log.as_ref().map(Opened::new).transpose()? {
        Some(log) => packages(&file, Some(&log)),
        None => packages(&file, None),
    });
    match read {
        Ok(read) => add_all(out, path, read),
        Err(fault) => {
            out.warn(NAME, path, format!("is no package database, so all packages are missing: {fault}"));
        }
    }
}

fn add_all(out: &mut Inventory, place: &[u8], read: Listing<RpmPackage>) {
    for fault in &read.broken {
        say(out, NAME, place, fault, MISSING);
    }
    if read.items.is_empty() && read.broken.is_empty() {
        out.warn(NAME, place, "lists no package at all");
    }
    // A package may need a file, whoever brings it: then that file is one of the names by which its owner is meant.
    let needed: BTreeSet<String> = read
        .items
        .iter()
        .flat_map(|rpm| &rpm.requires)
        .filter(|name| name.starts_with('/'))
        .cloned()
        .collect();
    for rpm in read.items {
        // Keys for signatures are stored like packages.
        if rpm.name != "gpg-pubkey" {
            add(out, place, rpm, &needed);
        }
    }
}

/// Who made the packages, in the words of package URLs.
fn vendor(out: &Inventory) -> String {
    match out.system.id.as_str() {
        "rhel" => "redhat".to_owned(),
        id if id.starts_with("opensuse") => "opensuse".to_owned(),
        id => id.to_owned(),
    }
}

fn add(out: &mut Inventory, place: &[u8], rpm: RpmPackage, needed: &BTreeSet<String>) {
    let vendor = vendor(out);
    let distro = out.system.distro().unwrap_or_default();
    let revision = |version: &str, release: &str| match release {
        "" => version.to_owned(),
        release => format!("{version}-{release}"),
    };
    let bare = revision(&rpm.version, &rpm.release);
    let epoch = rpm.epoch.map(|epoch| epoch.to_string()).unwrap_or_default();
    let arch = if rpm.arch == "(none)" { "" } else { rpm.arch.as_str() };
    let qualifiers = [("arch", arch), ("distro", &distro), ("epoch", &epoch), ("upstream", &rpm.source_rpm)];
    let purl = match purl::build("rpm", &vendor, &rpm.name, &bare, &qualifiers) {
        Ok(purl) => purl,
        Err(why) => return out.warn(NAME, place, format!("the package {} is left out: {why}", rpm.name)),
    };
    let version = if epoch.is_empty() { bare.clone() } else { format!("{epoch}:{bare}") };
    let mut package = Package::new(Ecosystem::Rpm, NAME, rpm.name, version, purl);
    package.evidence.push(place.to_vec());
    package.source = source(&rpm.source_rpm).and_then(|(name, version)| {
        // The source has the epoch of what is made of it, where the two are of one version.
        let epoch = if version == bare { epoch.as_str() } else { "" };
        let qualifiers = [("arch", "src"), ("distro", distro.as_str()), ("epoch", epoch)];
        let purl = purl::build("rpm", &vendor, name, version, &qualifiers).ok()?;
        let version = if epoch.is_empty() { version.to_owned() } else { format!("{epoch}:{version}") };
        Some(Source { name: name.to_owned(), version, purl })
    });
    package.provides = rpm.provides;
    package.requires = rpm.requires.into_iter().map(Requirement::of).collect();
    for file in rpm.files {
        let path = || format!("/{}", String::from_utf8_lossy(&file.path));
        if !needed.is_empty() && needed.contains(&path()) {
            package.provides.push(path());
        }
        package.files.push(OwnedFile { path: file.path, checksum: file.digest, config: file.config });
    }
    package.licence = Licence::of(&rpm.licence);
    let organisation = |name: &str| (!name.is_empty()).then(|| Party::organisation(name));
    package.supplier =
        organisation(&rpm.vendor).or_else(|| Party::parse(&rpm.packager)).or_else(|| organisation(&vendor));
    package.homepage = rpm.homepage.starts_with("http").then_some(rpm.homepage);
    package.summary = (!rpm.summary.is_empty()).then_some(rpm.summary);
    if !rpm.module.is_empty() {
        package.notes.push(format!("of the module stream {}", rpm.module));
    }
    out.add(package);
}

/// Name and version-release of `name-version-release.src.rpm`.
fn source(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let release = stem.rfind('-')?;
    let version = stem.get(..release)?.rfind('-')?;
    let (name, version) = (stem.get(..version)?, stem.get(version + 1..)?);
    (!name.is_empty()).then_some((name, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_packages_are_told_by_their_file() {
        assert_eq!(source("demo-lib-1.0~rc1-3.src.rpm"), Some(("demo-lib", "1.0~rc1-3")));
        assert_eq!(source("a-1-2.nosrc.rpm"), Some(("a", "1-2")));
        for odd in ["", "a.src.rpm", "-1-2.src.rpm", "a-1-2.rpm", "(none)"] {
            assert_eq!(source(odd), None, "{odd}");
        }
    }
}
