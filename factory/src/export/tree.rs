//! The files of an export.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use llb_gen::model::Platform;
use llb_gen::policy::SbomFormat;
use llb_gen::record::{RECORD_PREDICATE_TYPE, TEST_RESULT_PREDICATE_TYPE};

use crate::atomic;
use crate::attested::{About, Origin, Said, Statement, kinds};
use crate::exit::{Error, Result};
use crate::registry::digest_of;
use crate::reports::{self, Turn, is_name};

/// Files by their paths from the tree's root.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<PathBuf, Vec<u8>>,
}

/// Where things of one manifest were put.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// What its files are called.
    pub(super) name: String,
    /// Lists of what is in it: paths and bytes.
    pub(super) lists: Vec<PathBuf>,
    /// Provenance: paths and predicate types.
    pub(super) provenance: Vec<(PathBuf, String)>,
    /// What the tests said.
    pub(super) test_results: Vec<PathBuf>,
    /// Every other statement.
    pub(super) others: Vec<(PathBuf, String)>,
    /// What came in envelopes with signatures, at which nobody has looked.
    pub(super) enveloped: BTreeSet<PathBuf>,
}

impl Tree {
    /// Adds what is said of one manifest. Without a record its files are called after `image`.
    pub(super) fn add(&mut self, image: &str, said: &Said) -> Places {
        for file in said.records.values() {
            let id = &file.record.build_id;
            self.files.insert(reports::record_path(id), file.bytes.clone());
            self.files.extend(file.error.clone().map(|error| (reports::error_path(id), error)));
            let evidence = reports::evidence_path(id);
            match (said.evidence.get(id), &file.log) {
                (Some(found), _) => {
                    for (path, bytes) in &found.outputs {
                        self.files.insert(evidence.with_extension("").join(path), bytes.clone());
                    }
                    self.files.insert(evidence, found.log.clone());
                }
                (None, Some(log)) => drop(self.files.insert(evidence, log.clone())),
                (None, None) => {}
            }
        }
        let mut places = Places { name: name(image, said), ..Places::default() };
        self.pointed(said);
        for statement in &said.statements {
            self.statement(statement, &mut places);
        }
        for (format, bytes) in &said.documents {
            self.list(bytes.clone(), *format, &mut places);
        }
        places
    }

    /// The lists that records point to, where they say.
    fn pointed(&mut self, said: &Said) {
        for file in said.records.values() {
            let wanted = file.record.sbom.as_ref().and_then(|pointer| pointer.digest.as_deref());
            let Some(wanted) = wanted else { continue };
            if let Some((_, bytes)) = said.lists().find(|(_, bytes)| digest_of(bytes) == wanted) {
                self.files.insert(reports::sbom_path(&file.record.build_id), bytes.to_vec());
            }
        }
    }

    fn statement(&mut self, statement: &Statement, places: &mut Places) {
        let kind = statement.predicate_type.as_str();
        if kind == RECORD_PREDICATE_TYPE {
            return; // it is a record by now
        }
        let path = match kinds::predicate::list(kind) {
            Some(format) => self.list(statement.predicate.get().as_bytes().to_vec(), format, places),
            None => self.whole(statement, places),
        };
        if statement.origin == Origin::Envelope {
            places.enveloped.insert(path);
        }
    }

    /// A statement as it stands.
    fn whole(&mut self, statement: &Statement, places: &mut Places) -> PathBuf {
        let kind = statement.predicate_type.as_str();
        let is_provenance = kind.starts_with(kinds::predicate::PROVENANCE);
        let folder = match kind {
            TEST_RESULT_PREDICATE_TYPE => "test-results",
            _ if is_provenance => "provenance",
            _ => "statements",
        };
        let path = self.put(folder, &places.name, "", "json", statement.bytes.clone());
        match kind {
            TEST_RESULT_PREDICATE_TYPE => places.test_results.push(path.clone()),
            _ if is_provenance => places.provenance.push((path.clone(), kind.to_owned())),
            _ => places.others.push((path.clone(), kind.to_owned())),
        }
        path
    }

    /// A list of what is in the image. The first one has the image's name, others theirs too.
    fn list(&mut self, bytes: Vec<u8>, format: SbomFormat, places: &mut Places) -> PathBuf {
        #[derive(serde::Deserialize)]
        struct Named {
            name: Option<String>,
        }
        let extension = match format {
            SbomFormat::Spdx => "spdx.json",
            SbomFormat::Cyclonedx => "cdx.json",
        };
        // The same may be attested and refer to the image.
        if let Some(known) = places.lists.iter().find(|path| self.files.get(*path) == Some(&bytes)) {
            return known.clone();
        }
        let first = !places.lists.iter().any(|path| path.to_string_lossy().ends_with(extension));
        let own =
            serde_json::from_slice::<Named>(&bytes).ok().and_then(|named| named.name).unwrap_or_default();
        let own = if first { String::new() } else { file_name(&own) };
        let path = self.put("sbom", &places.name, &own, extension, bytes);
        places.lists.push(path.clone());
        path
    }

    /// Puts a file where none of that name is with other contents.
    fn put(&mut self, folder: &str, name: &str, own: &str, extension: &str, bytes: Vec<u8>) -> PathBuf {
        let own = if own.is_empty() { String::new() } else { format!(".{own}") };
        let numbers = std::iter::once(String::new()).chain((2..).map(|number: u32| format!(".{number}")));
        for number in numbers {
            let path = Path::new(folder).join(format!("{name}{own}{number}.{extension}"));
            match self.files.get(&path) {
                Some(known) if *known != bytes => {}
                _ => {
                    self.files.insert(path.clone(), bytes);
                    return path;
                }
            }
        }
        unreachable!("there are more numbers than files")
    }

    /// Writes the files that are not there yet, each whole or not at all, and what a record points to before the record. Says how
    /// many were new.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(super) fn write(&self, folder: &Path) -> Result<usize> {
        let failed =
            |path: &Path, fault: &std::io::Error| Error::Usage(format!("{}: {fault}", path.display()));
        std::fs::create_dir_all(folder).map_err(|fault| failed(folder, &fault))?;
        let _turn = Turn::take(&folder.join(".lock"))?;
        let last = |path: &Path| path.starts_with("records") || path.starts_with("images");
        let (later, first): (Vec<_>, Vec<_>) = self.files.iter().partition(|(path, _)| last(path));
        let mut written = 0;
        for (path, bytes) in first.into_iter().chain(later) {
            let full = folder.join(path);
            if std::fs::read(&full).is_ok_and(|known| known == *bytes) {
                continue;
            }
            atomic::put(&full, |file| file.write_all(bytes)).map_err(|fault| failed(&full, &fault))?;
            written += 1;
        }
        Ok(written)
    }
}

/// What the files of a manifest are called: as its record that was tested last, else after the image.
fn name(image: &str, said: &Said) -> String {
    let newest =
        said.records.values().max_by_key(|file| (&file.record.result.tested_at, &file.record.build_id));
    if let Some(newest) = newest {
        return newest.record.build_id.clone();
    }
    let digits: String = said.about.digest().chars().skip_while(|c| *c != ':').skip(1).take(12).collect();
    let platform = match &said.about {
        About::Image { platform, .. } => platform.as_ref().map(parts).unwrap_or_default(),
        About::Index { .. } => "-index".to_owned(),
    };
    format!("{}{platform}-{digits}", file_name(image))
}

/// `-linux-arm-v7`.
fn parts(platform: &Platform) -> String {
    let parts = [Some(platform.os()), Some(platform.arch()), platform.variant()];
    parts.into_iter().flatten().fold(String::new(), |text, part| text + "-" + part)
}

/// A text as a part of a file's name.
pub(super) fn file_name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.+".contains(c) { c } else { '-' };
    let name: String = text.chars().map(plain).take(100).collect();
    let name = name.trim_matches(['-', '.']).to_owned();
    if is_name(&name) { name } else { digest_of(text.as_bytes())[7..19].to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_plain() {
        assert_eq!(file_name("registry.test/team/app:1.0"), "registry.test-team-app-1.0");
        assert_eq!(file_name("../../etc"), "etc");
        assert_eq!(file_name("…").len(), 12);
    }

    #[test]
    fn two_files_do_not_share_a_name() {
        let mut tree = Tree::default();
        let mut put = |bytes: &[u8]| tree.put("sbom", "a", "", "json", bytes.to_vec());
        assert_eq!(put(b"1"), Path::new("sbom/a.json"));
        assert_eq!(put(b"2"), Path::new("sbom/a.2.json"));
        assert_eq!(put(b"1"), Path::new("sbom/a.json"));
    }
}
