//! Two versions of one Python distribution: both records of installation would be there, `pip check` would find nothing
//! wrong, and the files of the later one would lie among what is left of the other.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::manifest::Manifest;
use super::report::{Conflicts, Remedy};

/// Distributions (folder and normalised name, sorted) with pairs of fragments, the earlier one first, of which each brings
/// another version.
#[derive(Debug, Default)]
pub(super) struct Distributions(Vec<(Vec<u8>, usize, usize)>);

/// A version of a distribution, and who brings it.
struct Record<'a> {
    fragment: usize,
    version: &'a [u8],
}

/// Looks for two versions of one distribution in one folder.
pub(super) fn check(
    manifests: &[Manifest<'_>],
    independent: &dyn Fn(usize, usize) -> bool,
    labels: &[&str],
    conflicts: &mut Conflicts,
) -> Distributions {
    let found = collect(manifests);
    let mut clashing = Distributions::default();
    let mut records = Vec::new();
    let mut last: &[u8] = b"";
    for item in &found {
        let Some((key, record)) = decode(item) else { continue };
        if key != last {
            records.clear();
            last = key;
        }
        for earlier in &records {
            let Record { fragment: i, version } = *earlier;
            let j = record.fragment;
            let differ = i != j && version != record.version && independent(i, j);
            if differ && !clashing.has(key, i, j) {
                conflicts.add(i, j, Remedy::Order, &|| tell(key, earlier, &record, labels));
                clashing.0.push((key.to_vec(), i, j));
            }
        }
        add(&mut records, record);
    }
    clashing
}

/// All distributions, sorted, each as its key, a zero, two bytes of the fragment's index and the version.
fn collect(manifests: &[Manifest<'_>]) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    for (fragment, manifest) in (0_u16..).zip(manifests) {
        for entry in &manifest.entries {
            if let Some((key, version)) = installed(entry.path()) {
                found.insert([&key, &[0][..], &fragment.to_be_bytes(), version].concat());
            }
        }
    }
    found
}

fn decode(item: &[u8]) -> Option<(&[u8], Record<'_>)> {
    let (key, rest) = item.split_at(item.iter().position(|&byte| byte == 0)?);
    let (fragment, version) = rest.get(1..)?.split_first_chunk()?;
    Some((key, Record { fragment: u16::from_be_bytes(*fragment).into(), version }))
}

/// Of one fragment two versions are enough: whatever another brings, one of them differs.
fn add<'a>(records: &mut Vec<Record<'a>>, record: Record<'a>) {
    let of_same = || records.iter().rev().take(2).filter(|other| other.fragment == record.fragment);
    if of_same().count() < 2 && of_same().all(|other| other.version != record.version) {
        records.push(record);
    }
}

fn tell(key: &[u8], earlier: &Record<'_>, later: &Record<'_>, labels: &[&str]) -> String {
    let (folder, name) = split(key);
    let at =
        |record: &Record<'_>| format!("{} in {:?}", record.version.escape_ascii(), labels[record.fragment]);
    format!(
        "{}: two versions of the Python distribution {}, {} and {}",
        folder.escape_ascii(),
        name.escape_ascii(),
        at(earlier),
        at(later)
    )
}

impl Distributions {
    fn has(&self, key: &[u8], i: usize, j: usize) -> bool {
        let from = self.0.partition_point(|(other, ..)| other.as_slice() < key);
        self.0[from..].iter().take_while(|(other, ..)| other == key).any(|&(_, a, b)| (a, b) == (i, j))
    }

    /// Whether a path is in the package folder of a distribution of which the two fragments bring two versions.
    pub(super) fn explain(&self, a: usize, b: usize, path: &[u8]) -> bool {
        !self.0.is_empty()
            && folder_end(path).is_some_and(|end| {
                let name = path[end + 1..].split(|&byte| byte == b'/').next().unwrap_or_default();
                let key = [&path[..end], b"/", &normalised(name)].concat();
                self.has(&key, a.min(b), a.max(b))
            })
    }
}

/// Where the first folder of distributions in a path ends, if something is in it.
fn folder_end(path: &[u8]) -> Option<usize> {
    let mut start = 1;
    loop {
        let end = start + path.get(start..)?.iter().position(|&byte| byte == b'/')?;
        if matches!(&path[start..end], b"site-packages" | b"dist-packages") {
            return Some(end);
        }
        start = end + 1;
    }
}

/// Folder and normalised name, and the version, if the path is a record of installation.
fn installed(path: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let stem = path.strip_suffix(b".dist-info").or_else(|| path.strip_suffix(b".egg-info"))?;
    let (folder, stem) = split(stem);
    if !folder.ends_with(b"/site-packages") && !folder.ends_with(b"/dist-packages") {
        return None;
    }
    // Installers replace the hyphens of a name, but not all always did. Eggs add the version of Python.
    let is_before_digit = |&at: &usize| stem[at] == b'-' && stem.get(at + 1).is_some_and(u8::is_ascii_digit);
    let at = (0..stem.len()).find(is_before_digit)?;
    let version = stem[at + 1..].split(|&byte| byte == b'-').next()?;
    Some(([folder, b"/", &normalised(&stem[..at])].concat(), version))
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let at = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    (&path[..at], path.get(at + 1..).unwrap_or_default())
}

/// A name in lower case, with one hyphen for every run of hyphens, underscores and dots (PEP 503).
fn normalised(name: &[u8]) -> Vec<u8> {
    let mut normal: Vec<u8> = Vec::with_capacity(name.len());
    for &byte in name {
        match byte {
            b'-' | b'_' | b'.' if normal.last() == Some(&b'-') => {}
            b'-' | b'_' | b'.' => normal.push(b'-'),
            _ => normal.push(byte.to_ascii_lowercase()),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_installation_are_recognised() {
        for (path, expected) in [
            ("/v/site-packages/Flask_Login-1.0.dist-info", Some(("/v/site-packages/flask-login", "1.0"))),
            ("/v/dist-packages/a.-_b-2-py3.11.egg-info", Some(("/v/dist-packages/a-b", "2"))),
            (
                "/v/site-packages/ruamel.yaml-clib-0.2.dist-info",
                Some(("/v/site-packages/ruamel-yaml-clib", "0.2")),
            ),
            ("/v/site-packages/a.egg-info", None),
            ("/v/site-packages/a-b.dist-info", None),
            ("/v/site-packages/a-1.dist-info/RECORD", None),
            ("/v/packages/a-1.dist-info", None),
            ("a-1.dist-info", None),
        ] {
            let found = installed(path.as_bytes());
            let expected = expected.map(|(key, version)| (key.as_bytes().to_vec(), version.as_bytes()));
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn of_one_fragment_two_versions_are_kept() {
        let mut records = Vec::new();
        for (fragment, version) in [(0, "1"), (0, "1"), (0, "2"), (0, "3"), (1, "1"), (1, "1"), (1, "4")] {
            add(&mut records, Record { fragment, version: version.as_bytes() });
        }
        let kept: Vec<_> = records.iter().map(|record| (record.fragment, record.version)).collect();
        assert_eq!(kept, [(0, &b"1"[..]), (0, b"2"), (1, b"1"), (1, b"4")]);
    }

    #[test]
    fn two_versions_explain_what_is_in_the_package_folder() {
        let clash = (b"/v/site-packages/flask-login".to_vec(), 0, 2);
        let distributions = Distributions([clash].to_vec());
        for (a, b, path, expected) in [
            (0, 2, "/v/site-packages/flask_login/a.py", true),
            (2, 0, "/v/site-packages/flask_login/a.py", true),
            (0, 1, "/v/site-packages/flask_login/a.py", false),
            (0, 2, "/v/site-packages/flask/a.py", false),
            (0, 2, "/v/site-packages", false),
            (0, 2, "/w/site-packages/flask_login/a.py", false),
        ] {
            assert_eq!(distributions.explain(a, b, path.as_bytes()), expected, "{a} {b} {path}");
        }
    }
}
