//! Debian packages: dpkg's database, and the one file a package of distroless images.

mod copyright;
mod files;

use super::Cataloger;
use super::stanza::{Stanza, stanzas};
use crate::limits;
use crate::model::{Ecosystem, Inventory, Package, Party, Requirement, Source};
use crate::purl;
use crate::root::{Root, join};

/// Reads `var/lib/dpkg`.
#[derive(Debug)]
pub struct Dpkg;

const NAME: &str = "dpkg";
const STATUS: &[u8] = b"var/lib/dpkg/status";
const STATUS_D: &[u8] = b"var/lib/dpkg/status.d";
const INFO: &[u8] = b"var/lib/dpkg/info";

impl Cataloger for Dpkg {
    fn name(&self) -> &'static str {
        NAME
    }

    fn databases(&self, root: &Root, out: &mut Inventory) {
        let info = files::Info::list(root, out);
        let mut known = Vec::new();
        if let Some(bytes) = out.read(root, NAME, STATUS, limits::DATABASE) {
            database(root, out, &bytes, STATUS, &info, &mut known);
        }
        let parts = match root.names(STATUS_D) {
            Ok(names) => names,
            Err(crate::root::Problem::Missing) => Vec::new(),
            Err(problem) => {
                out.warn(NAME, STATUS_D, format!("cannot be read, so its packages are missing: {problem}"));
                Vec::new()
            }
        };
        for name in parts.iter().filter(|name| !name.ends_with(b".md5sums")) {
            let path = join(STATUS_D, name);
            if let Some(bytes) = out.read(root, NAME, &path, limits::METADATA) {
                database(root, out, &bytes, &path, &info, &mut known);
            }
        }
        info.orphans(&known, out);
    }
}

/// All packages of one status file. `known` gets the names under which dpkg keeps files of theirs.
fn database(
    root: &Root,
    out: &mut Inventory,
    bytes: &[u8],
    path: &[u8],
    info: &files::Info,
    known: &mut Vec<String>,
) {
    let text = String::from_utf8_lossy(bytes);
    let mut count = 0;
    for stanza in stanzas(&text) {
        if let Some(line) = stanza.broken {
            out.warn(
                NAME,
                path,
                format!("line {line} is no field: the package of line {} may be incomplete", stanza.line),
            );
        }
        let Some(name) = stanza.line_of("Package") else {
            out.warn(
                NAME,
                path,
                format!("the stanza of line {} names no package, so it is left out", stanza.line),
            );
            continue;
        };
        count += 1;
        let architecture = stanza.line_of("Architecture").unwrap_or_default();
        known.push(name.to_owned());
        known.push(format!("{name}:{architecture}"));
        match State::of(&stanza) {
            State::Absent => {}
            State::Present(note) => {
                let files = Files { info, architecture, beside: path != STATUS };
                package(root, out, &stanza, path, name, note, &files);
            }
        }
    }
    if count == 0 {
        let what = if bytes.is_empty() { "is empty" } else { "names no package at all" };
        out.warn(NAME, path, format!("{what}: packages of this system may be missing"));
    }
}

/// Whether there is something of a package on the disk.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Present(Option<String>),
    Absent,
}

impl State {
    fn of(stanza: &Stanza<'_>) -> Self {
        let Some(status) = stanza.line_of("Status") else { return Self::Present(None) };
        // "install ok installed": what is wanted, whether there was an error, what is.
        let word = status.split_whitespace().nth(2).unwrap_or_default();
        match word {
            "installed" => Self::Present(None),
            "not-installed" | "config-files" => Self::Absent,
            "" => Self::Present(Some(format!("dpkg's state of it cannot be read: {status:?}"))),
            odd => Self::Present(Some(format!(
                "dpkg calls it {odd}: its files are on the disk, but it may not be set up"
            ))),
        }
    }
}

/// Where lists of files lie.
struct Files<'a> {
    info: &'a files::Info,
    architecture: &'a str,
    /// A package of `status.d`: its digests lie beside its stanza.
    beside: bool,
}

fn package(
    root: &Root,
    out: &mut Inventory,
    stanza: &Stanza<'_>,
    path: &[u8],
    name: &str,
    note: Option<String>,
    lists: &Files<'_>,
) {
    let version = stanza.line_of("Version").unwrap_or_default();
    if version.is_empty() {
        out.warn(
            NAME,
            path,
            format!("{name} (line {}) has no version: the file may be cut off", stanza.line),
        );
    }
    let architecture = lists.architecture;
    let source = source(stanza, name, version);
    let upstream = upstream(&source, name, version);
    let vendor = vendor(out);
    let distro = out.system.distro().unwrap_or_default();
    let made = purl::build(
        "deb",
        &vendor,
        name,
        version,
        &[("arch", architecture), ("distro", &distro), ("upstream", &upstream)],
    );
    let purl = match made {
        Ok(purl) => purl,
        Err(why) => {
            out.warn(NAME, path, format!("the package of line {} is left out: {why}", stanza.line));
            return;
        }
    };
    let mut package = Package::new(Ecosystem::Deb, NAME, name, version, purl);
    package.evidence.push(path.to_vec());
    package.notes.extend(note);
    package.provides.push(format!("{name}:{architecture}"));
    package.provides.extend(names(stanza.get("Provides").unwrap_or_default()).into_iter().flatten());
    for field in ["Pre-Depends", "Depends"] {
        package.requires.extend(requirements(stanza.get(field).unwrap_or_default()));
    }
    package.requires.truncate(limits::REQUIREMENTS);
    let source_purl =
        purl::build("deb", &vendor, &source.0, &source.1, &[("arch", "source"), ("distro", &distro)]);
    package.source = source_purl.ok().map(|purl| Source { name: source.0, version: source.1, purl });
    package.supplier = stanza.line_of("Maintainer").and_then(Party::parse);
    package.originator = stanza.line_of("Original-Maintainer").and_then(Party::parse);
    package.homepage = stanza.line_of("Homepage").map(ToOwned::to_owned);
    package.summary = stanza.line_of("Description").map(ToOwned::to_owned);
    package.files = if lists.beside {
        files::beside(root, out, path)
    } else {
        lists.info.files(root, out, name, architecture, stanza.get("Conffiles").unwrap_or_default())
    };
    let twins = twins(stanza, version);
    copyright::read(root, out, &mut package, &twins);
    out.add(package);
}

/// The namespace of package URLs: the distribution, `debian` where nothing says it.
fn vendor(out: &Inventory) -> String {
    if out.system.id.is_empty() { "debian".to_owned() } else { out.system.id.clone() }
}

/// Name and version of the source package: `Source: glibc (2.36-9)`, or the package's own.
fn source(stanza: &Stanza<'_>, name: &str, version: &str) -> (String, String) {
    let Some(field) = stanza.line_of("Source") else { return (name.to_owned(), without_rebuild(version)) };
    let (source, rest) = field.split_once(' ').unwrap_or((field, ""));
    let stated = rest.trim().trim_start_matches('(').trim_end_matches(')').trim();
    let version = if stated.is_empty() { without_rebuild(version) } else { stated.to_owned() };
    (source.to_owned(), version)
}

/// A binary that was built again has its source's version and `+b1`.
fn without_rebuild(version: &str) -> String {
    let bare =
        version.rsplit_once("+b").filter(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    bare.map_or(version, |(bare, _)| bare).to_owned()
}

/// The `upstream` qualifier, by which scanners find advisories of the source package: its name, with its version where
/// that is another. Empty where the package is named like its source.
fn upstream(source: &(String, String), name: &str, version: &str) -> String {
    match (source.0 == name, source.1 == version) {
        (true, true) => String::new(),
        (false, true) => source.0.clone(),
        (_, false) => format!("{}@{}", source.0, source.1),
    }
}

/// `a (>= 1) | b, c:any` as requirements.
fn requirements(field: &str) -> Vec<Requirement> {
    names(field).into_iter().map(|names| Requirement { names, optional: false }).collect()
}

/// Packages of the same source that this one needs in its own version: only theirs may hold its documentation.
fn twins(stanza: &Stanza<'_>, version: &str) -> Vec<String> {
    let exact = format!("(= {version})");
    let relations =
        stanza.get("Depends").unwrap_or_default().split(',').filter(|relation| relation.contains(&exact));
    relations.flat_map(|relation| names(relation).into_iter().flatten()).collect()
}

/// Names in a list of relations, alternatives together.
fn names(field: &str) -> Vec<Vec<String>> {
    let relations = field.split(',').map(|relation| {
        let names = relation.split('|').filter_map(|name| {
            let name = name.split(['(', '[', '<']).next()?.split_whitespace().next()?;
            Some(name.strip_suffix(":any").unwrap_or(name).to_owned())
        });
        names.collect::<Vec<_>>()
    });
    relations.filter(|names| !names.is_empty()).collect()
}

#[cfg(test)]
mod tests;
