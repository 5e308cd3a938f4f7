//! What `apt-get check` would say of a set of packages, from `/var/lib/dpkg/status` alone.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use super::order::sorted;
use super::stanzas::field;
use super::threeway::Item;
use super::versions::compare;

/// A relation that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fault {
    /// The key of the package that states it.
    pub(super) package: Vec<u8>,
    /// `depends on`, `conflicts with`, `breaks`, `must have the version of`.
    pub(super) verb: &'static str,
    /// The relation as it is in the file: `libfoo (>= 1.2) | bar`.
    pub(super) relation: Vec<u8>,
}

/// A name that packages can be asked for by: their own or one that they provide.
#[derive(Clone, Copy)]
struct Offer<'a> {
    name: &'a [u8],
    /// The place of the package.
    package: usize,
    /// None: any relation to a version fails.
    version: Option<&'a [u8]>,
}

struct Packages<'a> {
    installed: Vec<&'a Item>,
    /// By name.
    offers: Vec<Offer<'a>>,
    native: &'a [u8],
}

/// One of the alternatives of a relation.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a [u8],
    architecture: Option<&'a [u8]>,
    version: Option<(&'a [u8], &'a [u8])>,
}

/// Every relation that does not hold, sorted.
pub(super) fn faults(status: &[Item]) -> Vec<Fault> {
    let packages = Packages::new(status);
    let mut faults = Vec::new();
    for (at, item) in packages.installed.iter().enumerate() {
        let fields = [
            ("Pre-Depends", "depends on", false),
            ("Depends", "depends on", false),
            ("Conflicts", "conflicts with", true),
            ("Breaks", "breaks", true),
        ];
        for (name, verb, negative) in fields {
            let failing = relations(field(&item.value, name).unwrap_or_default())
                .filter(|relation| packages.any(at, relation, negative) == negative);
            let fault =
                |relation: &[u8]| Fault { package: item.key.clone(), verb, relation: relation.to_owned() };
            faults.extend(failing.map(fault));
        }
    }
    faults.extend(uneven(&packages));
    sorted(&faults, Ord::cmp)
}

/// Packages that may be there for several architectures, but then in one version (`Multi-Arch: same`).
fn uneven(packages: &Packages<'_>) -> Vec<Fault> {
    let mut same = sorted(&packages.installed, |a, b| a.key.cmp(&b.key));
    same.retain(|item| field(&item.value, "Multi-Arch") == Some(b"same"));
    let is_uneven = |pair: &&[&Item]| {
        let [left, right] = [pair[0], pair[1]].map(|item| field(&item.value, "Version"));
        name(&pair[0].key) == name(&pair[1].key) && left != right
    };
    let fault = |pair: &[&Item]| Fault {
        package: pair[1].key.clone(),
        verb: "must have the version of",
        relation: pair[0].key.iter().map(|&byte| if byte == 0 { b':' } else { byte }).collect(),
    };
    same.windows(2).filter(is_uneven).map(fault).collect()
}

/// Whether a stanza is of a package whose files are there and set up.
pub(super) fn is_installed(stanza: &[u8]) -> bool {
    let status = field(stanza, "Status").unwrap_or_default();
    status.ends_with(b" installed")
        || status.ends_with(b" triggers-awaited")
        || status.ends_with(b" triggers-pending")
}

/// The parts of a field between commas.
fn relations(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    field.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|relation| !relation.is_empty())
}

/// The alternatives of a relation.
pub(super) fn alternatives(relation: &[u8]) -> impl Iterator<Item = Wanted<'_>> {
    relation.split(|&byte| byte == b'|').map(Wanted::parse)
}

impl<'a> Wanted<'a> {
    /// `name[:architecture] [(operator version)]`.
    fn parse(text: &'a [u8]) -> Self {
        let (name, version) = match text.iter().position(|&byte| byte == b'(') {
            Some(open) => (&text[..open], text[open + 1..].split(|&byte| byte == b')').next()),
            None => (text, None),
        };
        let name = name.trim_ascii();
        let (name, architecture) = match name.iter().position(|&byte| byte == b':') {
            Some(colon) => (&name[..colon], Some(&name[colon + 1..])),
            None => (name, None),
        };
        let split = |text: &'a [u8]| {
            let text = text.trim_ascii();
            let end = text.iter().position(|byte| !b"<>=".contains(byte)).unwrap_or(text.len());
            (&text[..end], text[end..].trim_ascii())
        };
        Self { name, architecture, version: version.map(split) }
    }

    /// Whether a key is of a package with that name, and of that architecture if one is named.
    pub(super) fn names(&self, key: &[u8]) -> bool {
        let architecture = self.architecture.filter(|&architecture| architecture != b"any");
        name(key) == self.name && architecture.is_none_or(|architecture| key.ends_with(architecture))
    }

    fn accepts(&self, version: Option<&[u8]>) -> bool {
        let Some((operator, bound)) = self.version else { return true };
        let Some(order) = version.map(|version| compare(version, bound)) else { return false };
        match operator {
            b"<<" => order.is_lt(),
            b"<=" | b"<" => order.is_le(),
            b">=" | b">" => order.is_ge(),
            b">>" => order.is_gt(),
            _ => order.is_eq(),
        }
    }
}

/// The name in a key.
pub(super) fn name(key: &[u8]) -> &[u8] {
    key.split(|&byte| byte == 0).next().unwrap_or_default()
}

impl<'a> Packages<'a> {
    fn new(status: &'a [Item]) -> Self {
        let installed: Vec<_> = status.iter().filter(|item| is_installed(&item.value)).collect();
        let mut offers = Vec::new();
        for (package, item) in installed.iter().enumerate() {
            let version = field(&item.value, "Version");
            offers.push(Offer { name: name(&item.key), package, version });
            for provided in relations(field(&item.value, "Provides").unwrap_or_default()).map(Wanted::parse) {
                let version = provided.version.map(|(_, version)| version);
                offers.push(Offer { name: provided.name, package, version });
            }
        }
        let dpkg = installed.iter().find(|item| name(&item.key) == b"dpkg");
        let native = dpkg.and_then(|item| field(&item.value, "Architecture")).unwrap_or_default();
        let offers = sorted(&offers, |a, b| a.name.cmp(b.name));
        Self { installed, offers, native }
    }

    /// Whether one of the alternatives is there. A package does not conflict with itself, nor with the same of another
    /// architecture.
    fn any(&self, package: usize, relation: &[u8], negative: bool) -> bool {
        let own = name(&self.installed[package].key);
        alternatives(relation).any(|wanted| {
            let first = self.offers.partition_point(|offer| offer.name < wanted.name);
            self.offers[first..].iter().take_while(|offer| offer.name == wanted.name).any(|offer| {
                let is_itself = negative && name(&self.installed[offer.package].key) == own;
                !is_itself
                    && wanted.accepts(offer.version)
                    && self.suits(package, offer.package, &wanted, negative)
            })
        })
    }

    /// Whether a package is of an architecture that counts for the relation of another one.
    fn suits(&self, package: usize, other: usize, wanted: &Wanted<'_>, negative: bool) -> bool {
        let is_foreign = field(&self.installed[other].value, "Multi-Arch") == Some(b"foreign");
        match wanted.architecture {
            Some(b"any") => true,
            None if negative || is_foreign => true,
            None => self.architecture(other) == self.architecture(package),
            Some(b"native") => self.architecture(other) == self.native,
            Some(exact) => self.architecture(other) == exact,
        }
    }

    fn architecture(&self, package: usize) -> &'a [u8] {
        match field(&self.installed[package].value, "Architecture").unwrap_or(b"all") {
            b"all" => self.native,
            architecture => architecture,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::stanzas::parse_packages;

    /// Stanzas of installed packages from `name version [field]`, fields between semicolons.
    fn status(packages: &[&str]) -> Vec<Item> {
        let stanza = |package: &&str| {
            let mut parts = package.split("; ");
            let (name, version) = parts.next().unwrap().split_once(' ').unwrap();
            let (name, architecture) = name.split_once(':').unwrap_or((name, "amd64"));
            let fields: String = parts.map(|field| format!("{field}\n")).collect();
            format!(
                "Package: {name}\nStatus: install ok installed\nArchitecture: {architecture}\nVersion: {version}\n{fields}\n"
            )
        };
        let dpkg = stanza(&"dpkg 1.21");
        let text: String = packages.iter().map(stanza).chain([dpkg]).collect();
        parse_packages(text.as_bytes()).unwrap()
    }

    #[test]
    fn relations_hold_or_are_named() {
        for (packages, expected) in [
            (&["a 1; Depends: b", "b 1"][..], &[][..]),
            (&["a 1; Depends: b"], &["a depends on b"]),
            (&["a 1; Pre-Depends: b (>= 2), c | d", "b 1", "d 1"], &["a depends on b (>= 2)"]),
            (&["a 1; Depends: b (>= 2)", "b 1:1"], &[]),
            (&["a 1; Depends: b (<< 2~)", "b 2~rc1"], &["a depends on b (<< 2~)"]),
            (&["a 1; Depends: b (= 2)", "b 2"], &[]),
            (&["a 1; Depends: b (>> 2)", "b 2"], &["a depends on b (>> 2)"]),
            (&["a 1; Depends: b (<= 2)", "b 2"], &[]),
            (&["a 1; Depends: mta", "b 1; Provides: x, mta"], &[]),
            (&["a 1; Depends: mta (>= 1)", "b 1; Provides: mta"], &["a depends on mta (>= 1)"]),
            (&["a 1; Depends: mta (>= 1)", "b 1; Provides: mta (= 1.5)"], &[]),
            (&["a 1; Depends: py:any", "py 3; Multi-Arch: allowed"], &[]),
            (&["a:i386 1; Depends: b", "b 1"], &["a depends on b"]),
            (&["a:i386 1; Depends: b", "b 1; Multi-Arch: foreign"], &[]),
            (&["a:i386 1; Depends: b:amd64", "b 1"], &[]),
            (&["a:all 1; Depends: b", "b 1"], &[]),
            (&["a 1; Depends: b", "b:all 1"], &[]),
            (&["a 1; Depends: b", "b:i386 1"], &["a depends on b"]),
            (&["a 1; Conflicts: b", "b 1"], &["a conflicts with b"]),
            (&["a 1; Conflicts: b (<< 1)", "b 1"], &[]),
            (&["a 1; Breaks: b (<< 2)", "b:i386 1"], &["a breaks b (<< 2)"]),
            (&["a 1; Conflicts: mta; Provides: mta"], &[]),
            (&["a 1; Conflicts: mta; Provides: mta", "b 1; Provides: mta"], &["a conflicts with mta"]),
            (&["a:i386 1; Breaks: a (<< 2)", "a 1"], &[]),
            (
                &["a:i386 1; Multi-Arch: same", "a 2; Multi-Arch: same"],
                &["a must have the version of a:amd64"],
            ),
            (&["a:i386 1; Multi-Arch: same", "a 1; Multi-Arch: same", "b 2; Multi-Arch: same"], &[]),
        ] {
            let show = |fault: Fault| {
                let [name, relation] = [name(&fault.package), &fault.relation].map(String::from_utf8_lossy);
                format!("{name} {} {relation}", fault.verb)
            };
            let found: Vec<_> = faults(&status(packages)).into_iter().map(show).collect();
            assert_eq!(found, expected, "{packages:?}");
        }
    }

    #[test]
    fn only_installed_packages_count() {
        let text = b"Package: a\nStatus: install ok installed\nDepends: b\n\nPackage: b\nStatus: deinstall ok config-files\n\n\
            Package: c\nStatus: purge ok not-installed\nDepends: x\n\nPackage: d\nStatus: install ok triggers-pending\nDepends: y\n\n";
        let faults = faults(&parse_packages(text).unwrap());
        let found: Vec<_> = faults.iter().map(|fault| fault.relation.as_slice()).collect();
        assert_eq!(found, [b"b", b"y"]);
    }

    #[test]
    fn hostile_relations_end() {
        for relation in ["(", ")", "a (", "a (>=", "a ()", ":", "|", "a:(=1)", " , ,| ,", "a (>= \u{fffd})"] {
            let package = format!("p 1; Depends: {relation}; Provides: {relation}; Breaks: {relation}");
            let _ = faults(&status(&[&package]));
        }
    }
}
