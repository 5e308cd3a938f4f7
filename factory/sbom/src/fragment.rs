//! What one fragment of an image brought: a root with what it was built on taken away, and the other way round, a whole
//! root whose packages are told by the fragments' documents who brought them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::limits;
use crate::model::{Inventory, Package, Warning};
use crate::settle::Settled;
use crate::write::{FRAGMENT_NOTE, id_of};

/// A fragment whose share of a root is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fragment {
    /// `core@0.1.0`.
    pub name: String,
    /// Roots that it was built on: what they have is not its own.
    pub below: Vec<PathBuf>,
}

impl Fragment {
    /// Its name and its version.
    #[must_use]
    pub fn parts(&self) -> (&str, &str) {
        self.name.rsplit_once('@').unwrap_or((&self.name, ""))
    }
}

/// A package and the place that it was found in: a second copy elsewhere is something that a fragment brought.
type Identity = (String, Vec<u8>);

fn identity(package: &Package) -> Identity {
    (package.purl.clone(), package.evidence.first().cloned().unwrap_or_default())
}

/// Takes the packages of `below` away from `inventory`; the rest are the fragment's. Returns sentences on what is gone: that
/// it was removed or replaced is also the fragment's doing.
pub fn subtract(inventory: &mut Inventory, below: &[Inventory], fragment: &str) -> Vec<String> {
    let known: BTreeSet<Identity> =
        below.iter().flat_map(|one| one.packages().iter().map(identity)).collect();
    let now: BTreeSet<Identity> = inventory.packages().iter().map(identity).collect();
    let gone: BTreeSet<&str> =
        known.iter().filter(|package| !now.contains(*package)).map(|(purl, _)| purl.as_str()).collect();
    inventory.packages_mut().retain(|package| !known.contains(&identity(package)));
    for package in inventory.packages_mut() {
        package.fragments = vec![fragment.to_owned()];
    }
    gone.into_iter().map(|purl| format!("the fragment {fragment} removed or replaced {purl}")).collect()
}

/// Who brought which package, by the identifiers of packages in the documents below a folder: one folder for each fragment,
/// as its scan left it.
#[must_use]
pub fn attributions(folder: &Path) -> (BTreeMap<String, BTreeSet<String>>, Vec<Warning>) {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut warnings = Vec::new();
    let mut warn = |path: &Path, why: String| {
        let message = format!("packages of this fragment are not told from others: {why}");
        warnings.push(Warning { path: path.display().to_string(), cataloger: "fragments", message });
    };
    let mut documents = Vec::new();
    match listed(folder) {
        Ok(folders) => {
            for one in folders.into_iter().filter(|path| path.is_dir()) {
                match listed(&one) {
                    Ok(files) => documents.extend(files),
                    Err(why) => warn(&one, why),
                }
            }
        }
        Err(why) => warn(folder, why),
    }
    for path in documents.iter().filter(|path| path.to_string_lossy().ends_with(".spdx.json")) {
        match read(path) {
            Ok(pairs) => {
                for (id, fragment) in pairs {
                    found.entry(id).or_default().insert(fragment);
                }
            }
            Err(why) => warn(path, why),
        }
    }
    (found, warnings)
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| e.to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>();
    if let Ok(paths) = &mut paths {
        paths.sort();
    }
    paths.map_err(|e| e.to_string())
}

/// Identifiers of packages and the fragments that their annotations name.
fn read(path: &Path) -> Result<Vec<(String, String)>, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > limits::STATEMENT as u64 {
        return Err(format!("it has more than {} bytes", limits::STATEMENT));
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
    let document = value.get("predicate").unwrap_or(&value);
    let packages = document.get("packages").and_then(Value::as_array).ok_or("it is no SPDX document")?;
    let mut pairs = Vec::new();
    for package in packages {
        let id = package.get("SPDXID").and_then(Value::as_str).unwrap_or_default();
        for annotation in package.get("annotations").and_then(Value::as_array).into_iter().flatten() {
            let comment = annotation.get("comment").and_then(Value::as_str).unwrap_or_default();
            if let Some(fragment) = comment.strip_prefix(FRAGMENT_NOTE) {
                pairs.push((id.to_owned(), fragment.to_owned()));
            }
        }
    }
    Ok(pairs)
}

/// Says of every package which fragments brought it.
pub fn attribute(settled: &mut Settled, attributions: &BTreeMap<String, BTreeSet<String>>) {
    for package in &mut settled.packages {
        if let Some(fragments) = attributions.get(&id_of(package)) {
            package.fragments = fragments.iter().cloned().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::files::Listing;
    use crate::root::Root;
    use crate::scan::{Options, scan};
    use crate::write::{spdx, statement};

    fn status(packages: &[(&str, &str)]) -> String {
        packages
            .iter()
            .map(|(name, version)| {
                format!(
                    "Package: {name}\nStatus: install ok installed\nArchitecture: all\nVersion: {version}\n\n"
                )
            })
            .collect()
    }

    fn root(at: &Path, packages: &[(&str, &str)], files: &[(&str, &str)]) {
        let mut files: Vec<(String, String)> =
            files.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        files.push(("var/lib/dpkg/status".into(), status(packages)));
        files.push(("etc/os-release".into(), "ID=debian\nVERSION_ID=12\n".into()));
        for (path, text) in files {
            let path = at.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let file = fs::File::options().append(true).open(&path).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        }
    }

    #[test]
    fn a_fragment_is_what_was_not_there_before_and_the_whole_knows_it() {
        let dir = tempfile::tempdir().unwrap();
        let (below, above) = (dir.path().join("below"), dir.path().join("above"));
        root(&below, &[("a", "1"), ("b", "1"), ("c", "1")], &[("same", "x"), ("other", "x")]);
        let idna = ("opt/v/idna.dist-info/METADATA", "Name: idna\nVersion: 3\n");
        root(
            &above,
            &[("a", "1"), ("b", "2"), ("d", "1")],
            &[("same", "x"), ("other", "xx"), ("new", "x"), idna],
        );
        let options = Options {
            fragment: Some(Fragment { name: "core@0.1.0".into(), below: vec![below] }),
            files: Listing::All,
            ..Options::default()
        };
        let document = scan(&Root::open(&above).unwrap(), &options).unwrap();
        let names: Vec<&str> =
            document.settled.packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["b", "d", "idna"]);
        let files: Vec<_> = document
            .files
            .records
            .iter()
            .map(|one| String::from_utf8_lossy(&one.path).into_owned())
            .collect();
        assert_eq!(files, ["new", "opt/v/idna.dist-info/METADATA", "other", "var/lib/dpkg/status"]);
        let value: Value = serde_json::from_slice(&spdx(&document).unwrap()).unwrap();
        let named = &value["packages"][0];
        assert_eq!((&named["name"], &named["versionInfo"]), (&"core".into(), &"0.1.0".into()));
        let notes: Vec<&str> = named["annotations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["comment"].as_str().unwrap())
            .collect();
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].ends_with("pkg:deb/debian/b@1?arch=all&distro=debian-12"), "{notes:?}");
        assert!(!value.to_string().contains("OPERATING_SYSTEM"), "the system was there before");

        let parts = dir.path().join("parts/core-0.1.0");
        fs::create_dir_all(&parts).unwrap();
        fs::write(parts.join("core-0.1.0.spdx.json"), statement(&document, "t").unwrap()).unwrap();
        fs::write(parts.join("broken.spdx.json"), "{").unwrap();
        let options = Options { fragments: Some(dir.path().join("parts")), ..Options::default() };
        let document = scan(&Root::open(&above).unwrap(), &options).unwrap();
        let brought: Vec<(&str, usize)> = document
            .settled
            .packages
            .iter()
            .map(|package| (package.name.as_str(), package.fragments.len()))
            .collect();
        assert_eq!(brought, [("a", 0), ("b", 1), ("d", 1), ("idna", 1)]);
        assert!(document.warnings()[0].path.ends_with("broken.spdx.json"));
    }
}
