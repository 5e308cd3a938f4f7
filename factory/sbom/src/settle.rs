//! What only the whole inventory shows: the same package met twice, packages that are part of others, who depends on whom,
//! and an order that does not depend on where things lie on the disk.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::licence::Reference;
use crate::model::{Ecosystem, Inventory, Package, System, Warning};
use crate::root::{Canonical, Root, parent};

/// An inventory in its final order.
#[derive(Debug, Default)]
pub struct Settled {
    /// The operating system.
    pub system: System,
    /// Packages by ecosystem, name, version, URL.
    pub packages: Vec<Package>,
    /// For every `LicenseRef-…` of any expression: its name and text.
    pub references: BTreeMap<String, Reference>,
    /// Who needs whom, as places in `packages`; the last says whether it is optional. Sorted.
    pub edges: Vec<(usize, usize, bool)>,
    /// Packages that are part of another: the part, then the whole.
    pub parts: Vec<(usize, usize)>,
    /// Files and who owns them, sorted by path, as the walk meets them.
    pub owners: Vec<(Vec<u8>, usize)>,
    /// What could not be read; sorted.
    pub warnings: Vec<Warning>,
    /// How many warnings were not kept.
    pub unsaid: usize,
    /// What else is to be said of the whole.
    pub notes: Vec<String>,
}

/// Settles an inventory.
#[must_use]
pub fn settle(root: &Root, mut inventory: Inventory) -> Settled {
    let mut packages = std::mem::take(inventory.packages_mut());
    let mut canonical = Canonical::new(root);
    for package in &mut packages {
        for file in &mut package.files {
            file.path = canonical.path(&file.path);
        }
    }
    drop(canonical);
    flag_parts(&mut packages);
    let mut references = separate_references(&mut packages);
    packages.sort_by(|a, b| key(a).cmp(&key(b)));
    // Requirements are resolved before copies are merged: each copy sees its own neighbours.
    let edges = resolve(&packages);
    let (packages, moved) = merge(packages);
    let mut edges: Vec<_> = edges
        .into_iter()
        .filter_map(|(from, to, optional)| {
            let (from, to) = (*moved.get(from)?, *moved.get(to)?);
            (from != to).then_some((from, to, optional))
        })
        .collect();
    edges.sort_unstable();
    edges.dedup_by_key(|(from, to, _)| (*from, *to));
    name_references(&packages, &mut references);
    let parts = parts(&packages);
    let owners = owners(&packages);
    let mut warnings = inventory.warnings().to_vec();
    warnings.sort();
    warnings.dedup();
    Settled {
        system: inventory.system.clone(),
        packages,
        references,
        edges,
        parts,
        owners,
        warnings,
        unsaid: inventory.unsaid(),
        notes: Vec::new(),
    }
}

type Key<'a> = (Ecosystem, &'a str, &'a str, &'a str, Option<&'a str>, Option<&'a [u8]>);

fn key(package: &Package) -> Key<'_> {
    let place = package.evidence.first().map(Vec::as_slice);
    (package.ecosystem, &package.name, &package.version, &package.purl, package.owned_by.as_deref(), place)
}

/// Packages whose metadata a system's package manager installed are parts of that package.
fn flag_parts(packages: &mut [Package]) {
    let mut owned: Vec<(&[u8], usize)> = Vec::new();
    for (at, package) in packages.iter().enumerate().filter(|(_, package)| package.ecosystem.is_system()) {
        owned.extend(package.files.iter().map(|file| (file.path.as_slice(), at)));
    }
    owned.sort_unstable();
    let owner = |package: &Package| {
        let place = package.evidence.first()?;
        let at = owned.binary_search_by(|(path, _)| (*path).cmp(place.as_slice())).ok()?;
        owned.get(at).map(|(_, owner)| *owner)
    };
    let found: Vec<Option<usize>> = packages
        .iter()
        .map(|package| if package.ecosystem.is_system() { None } else { owner(package) })
        .collect();
    let wholes: Vec<Option<String>> = found
        .into_iter()
        .map(|owner| owner.and_then(|at| packages.get(at)).map(|package| package.purl.clone()))
        .collect();
    for (package, whole) in packages.iter_mut().zip(wholes) {
        package.owned_by = whole;
    }
}

/// The same purl, part of the same whole, is one package that was found in several places. Returns where each went.
fn merge(packages: Vec<Package>) -> (Vec<Package>, Vec<usize>) {
    let mut kept: Vec<Package> = Vec::with_capacity(packages.len());
    let mut moved = Vec::with_capacity(packages.len());
    // Equal ones are neighbours but for their names' case, so a map it is.
    let mut known: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
    for package in packages {
        let at = *known.entry((package.purl.clone(), package.owned_by.clone())).or_insert(kept.len());
        moved.push(at);
        match kept.get_mut(at) {
            None => kept.push(package),
            Some(first) => absorb(first, package),
        }
    }
    (kept, moved)
}

fn absorb(first: &mut Package, again: Package) {
    first.evidence.extend(again.evidence);
    first.evidence.sort();
    first.evidence.dedup();
    first.files.extend(again.files);
    first.files.sort();
    first.files.dedup();
    first.notes.extend(again.notes);
    first.notes.sort();
    first.notes.dedup();
    first.checksums.extend(again.checksums);
    first.checksums.sort();
    first.checksums.dedup();
    if first.licence.expression.is_none() {
        first.licence = again.licence;
    }
    macro_rules! fill {
        ($($field:ident),*) => { $(if first.$field.is_none() { first.$field = again.$field; })* };
    }
    fill!(source, copyright, supplier, originator, homepage, download, summary);
}

/// Looks every requirement up where its package would.
fn resolve(packages: &[Package]) -> Vec<(usize, usize, bool)> {
    let mut index: BTreeMap<(Ecosystem, &[u8], &str), usize> = BTreeMap::new();
    for (at, package) in packages.iter().enumerate() {
        for name in std::iter::once(&package.name).chain(&package.provides) {
            // A package's own name comes before what others provide.
            let slot = index.entry((package.ecosystem, &package.scope, name)).or_insert(at);
            if *name == package.name && packages.get(*slot).is_some_and(|known| known.name != *name) {
                *slot = at;
            }
        }
    }
    let mut edges = Vec::new();
    for (at, package) in packages.iter().enumerate() {
        for requirement in &package.requires {
            let found = requirement.names.iter().find_map(|name| look_up(&index, package, name));
            edges.extend(found.map(|to| (at, to, requirement.optional)));
        }
    }
    edges
}

fn look_up(
    index: &BTreeMap<(Ecosystem, &[u8], &str), usize>,
    package: &Package,
    name: &str,
) -> Option<usize> {
    let at = |scope: &[u8]| index.get(&(package.ecosystem, scope, name)).copied();
    if package.ecosystem != Ecosystem::Npm {
        return at(&package.scope);
    }
    // Node looks into the module's own `node_modules`, then into those of the folders above it.
    let own = package.evidence.first().map(|place| crate::root::join(parent(place), b"node_modules"));
    if let Some(found) = own.as_deref().and_then(at) {
        return Some(found);
    }
    let mut folder = package.scope.as_slice();
    for _ in 0..crate::limits::DEPTH {
        if let Some(found) = at(folder) {
            return Some(found);
        }
        folder = loop {
            if folder.is_empty() {
                return at(b"usr/share/nodejs");
            }
            folder = parent(folder);
            if folder.ends_with(b"node_modules") {
                break folder;
            }
        };
    }
    None
}

/// Two packages may call different texts by one name: the later one gets a name of its own.
fn separate_references(packages: &mut [Package]) -> BTreeMap<String, Reference> {
    let mut all: BTreeMap<String, Reference> = BTreeMap::new();
    for package in packages.iter_mut() {
        let mine = std::mem::take(&mut package.licence.references);
        for (id, reference) in mine {
            let clash = match all.get(&id) {
                None => false,
                Some(known) => matches!((&known.text, &reference.text), (Some(a), Some(b)) if a != b),
            };
            if clash {
                let digest = Sha256::digest(reference.text.as_deref().unwrap_or_default().as_bytes());
                let other = format!("{id}-{}", hex(digest.get(..4).unwrap_or_default()));
                if let Some(expression) = &mut package.licence.expression {
                    *expression = renamed(expression, &id, &other);
                }
                all.insert(other, reference);
            } else {
                let known = all.entry(id).or_insert_with(|| reference.clone());
                if known.text.is_none() {
                    known.text = reference.text;
                }
            }
        }
    }
    all
}

/// The expression with one identifier replaced; longer ones that begin with it stay.
fn renamed(expression: &str, from: &str, to: &str) -> String {
    let parts = expression.split_inclusive([' ', '(', ')']);
    parts
        .map(|part| {
            let word = part.trim_end_matches([' ', '(', ')']);
            if word == from {
                format!("{to}{}", part.get(word.len()..).unwrap_or_default())
            } else {
                part.to_owned()
            }
        })
        .collect()
}

/// Every `LicenseRef-…` of an expression must be explained in the document, and nothing else.
fn name_references(packages: &[Package], references: &mut BTreeMap<String, Reference>) {
    let mut used: BTreeMap<String, Reference> = BTreeMap::new();
    for expression in packages.iter().filter_map(|package| package.licence.expression.as_deref()) {
        for word in expression.split([' ', '(', ')']).filter(|word| word.starts_with("LicenseRef-")) {
            if !used.contains_key(word) {
                let name =
                    || Reference { name: word.trim_start_matches("LicenseRef-").to_owned(), text: None };
                used.insert(word.to_owned(), references.remove(word).unwrap_or_else(name));
            }
        }
    }
    *references = used;
}

fn parts(packages: &[Package]) -> Vec<(usize, usize)> {
    let wholes: BTreeMap<&str, usize> =
        packages.iter().enumerate().map(|(at, package)| (package.purl.as_str(), at)).collect();
    let parts = packages.iter().enumerate();
    parts.filter_map(|(at, package)| Some((at, *wholes.get(package.owned_by.as_deref()?)?))).collect()
}

fn owners(packages: &[Package]) -> Vec<(Vec<u8>, usize)> {
    let mut owners = Vec::new();
    for (at, package) in packages.iter().enumerate().filter(|(_, package)| package.owned_by.is_none()) {
        owners.extend(package.files.iter().map(|file| (file.path.clone(), at)));
    }
    owners.sort();
    owners.dedup();
    owners
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(*DIGITS.get(usize::from(digit)).unwrap_or(&b'0')));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::licence::Licence;
    use crate::model::{OwnedFile, Requirement};

    fn package(ecosystem: Ecosystem, name: &str, place: &str, scope: &str) -> Package {
        let mut package = Package::new(ecosystem, "t", name, "1", format!("pkg:x/{name}@1"));
        package.evidence.push(place.as_bytes().to_vec());
        package.scope = scope.as_bytes().to_vec();
        package
    }

    fn settled(packages: Vec<Package>) -> Settled {
        let dir = tempfile::tempdir().unwrap();
        let mut inventory = Inventory::default();
        packages.into_iter().for_each(|package| inventory.add(package));
        settle(&Root::open(dir.path()).unwrap(), inventory)
    }

    fn edges(found: &Settled) -> Vec<String> {
        let name = |at: usize| found.packages[at].name.clone();
        found.edges.iter().map(|(from, to, _)| format!("{} {}", name(*from), name(*to))).collect()
    }

    #[test]
    fn a_part_is_flagged_and_a_copy_is_merged() {
        let mut deb = package(Ecosystem::Deb, "python3-idna", "var/lib/dpkg/status", "");
        deb.files.push(OwnedFile::new("usr/lib/python3/dist-packages/idna.egg-info/PKG-INFO"));
        let part = package(
            Ecosystem::PyPi,
            "idna",
            "usr/lib/python3/dist-packages/idna.egg-info/PKG-INFO",
            "usr/lib",
        );
        let one = package(Ecosystem::PyPi, "idna", "opt/a/idna.dist-info/METADATA", "opt/a");
        let two = package(Ecosystem::PyPi, "idna", "opt/b/idna.dist-info/METADATA", "opt/b");
        let found = settled(vec![two, part, deb, one]);
        assert_eq!(found.packages.len(), 3);
        let merged = found.packages.iter().find(|package| package.evidence.len() == 2).unwrap();
        assert_eq!(merged.owned_by, None);
        let (part, whole) = found.parts[0];
        assert_eq!(found.packages[part].owned_by.as_deref(), Some("pkg:x/python3-idna@1"));
        assert_eq!(found.packages[whole].name, "python3-idna");
    }

    #[test]
    fn node_looks_upwards_and_python_beside() {
        let mut app = package(Ecosystem::Npm, "app", "app/package.json", "app/node_modules");
        app.requires.push(Requirement::of("a"));
        let mut a = package(Ecosystem::Npm, "a", "app/node_modules/a/package.json", "app/node_modules");
        a.requires.extend([Requirement::of("b"), Requirement::of("c"), Requirement::of("gone")]);
        let b = package(
            Ecosystem::Npm,
            "b",
            "app/node_modules/a/node_modules/b/package.json",
            "app/node_modules/a/node_modules",
        );
        let mut c = package(Ecosystem::Npm, "c", "app/node_modules/c/package.json", "app/node_modules");
        c.requires.push(Requirement::of("b"));
        let mut p = package(Ecosystem::PyPi, "p", "one/p", "one");
        p.requires.push(Requirement::of("q"));
        let q = package(Ecosystem::PyPi, "q", "two/q", "two");
        assert_eq!(edges(&settled(vec![q, p, c, b, a, app])), ["a b", "a c", "app a"]);
    }

    #[test]
    fn a_name_is_found_before_what_others_provide() {
        let mut a = package(Ecosystem::Deb, "a", "s", "");
        a.provides.push("z".into());
        let mut b = package(Ecosystem::Deb, "b", "s", "");
        b.requires.push(Requirement { names: vec!["gone".into(), "z".into()], optional: false });
        assert_eq!(edges(&settled(vec![a.clone(), b.clone()])), ["b a"]);
        assert_eq!(edges(&settled(vec![a, b, package(Ecosystem::Deb, "z", "s", "")])), ["b z"]);
    }

    #[test]
    fn one_name_for_two_texts() {
        let mut a = package(Ecosystem::Deb, "a", "s", "");
        a.licence = Licence::reference("own", Some("one"));
        let mut b = package(Ecosystem::Deb, "b", "s", "");
        b.licence = Licence::of("MIT").and(Licence::reference("own", Some("two")));
        let found = settled(vec![a, b]);
        let ids: Vec<&String> = found.references.keys().collect();
        assert_eq!(ids, ["LicenseRef-own", "LicenseRef-own-3fc4ccfe"]);
        assert_eq!(found.packages[1].licence.expression.as_deref(), Some("LicenseRef-own-3fc4ccfe AND MIT"));
    }
}
