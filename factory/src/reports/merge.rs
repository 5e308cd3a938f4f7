//! Merging an exported tree into the project's.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use llb_gen::record::Record;

use super::document::{self, Fault, is_name};
use super::exported::{Exported, Summary};
use super::{PLANS, error_path, record_path, sbom_path};
use crate::atomic;

/// What was merged, by paths from the project's tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// The records.
    pub records: Vec<PathBuf>,
    /// The error records.
    pub errors: Vec<PathBuf>,
    /// The summary of a plan.
    pub summary: Option<PathBuf>,
}

impl Exported {
    /// Merges the tree into the one in `folder`, which is made where it is missing. Every file is there whole or not at all, and
    /// what a document points to is there before it. A tree that is merged twice changes nothing but the time of its records,
    /// which says when a verdict was last confirmed; a record without an image's digest keeps the one it had, and one of the same image
    /// without a list of what is in it the list.
    ///
    /// `plan` is the id of the plan that was built, where it was one.
    ///
    /// # Errors
    /// A file that cannot be written; what was merged before it stays.
    pub fn merge(&self, folder: &Path, plan: Option<&str>) -> Result<Merged, Fault> {
        fs::create_dir_all(folder).map_err(Fault::io(folder))?;
        let _turn = Turn::take(&folder.join(".lock"))?;
        for (path, from) in &self.files {
            put(&folder.join(path), |file| io::copy(&mut File::open(from)?, file).map(drop))?;
        }
        let mut merged = Merged::default();
        for (build, error) in &self.errors {
            merged.errors.push(error_path(build));
            put_bytes(&folder.join(error_path(build)), document::bytes(error))?;
        }
        for (build, record) in &self.records {
            merged.records.push(record_path(build));
            if put_record(&folder.join(record_path(build)), record)?.sbom.is_none() {
                forget(&folder.join(sbom_path(build)))?;
            }
            if !self.errors.contains_key(build) {
                forget(&folder.join(error_path(build)))?;
            }
        }
        if let (Some(summary), Some(plan)) = (&self.summary, plan) {
            merged.summary = Some(put_summary(folder, summary, plan)?);
        }
        Ok(merged)
    }
}

/// Says what was written.
fn put_record(path: &Path, record: &Record) -> Result<Record, Fault> {
    let mut record = record.clone();
    // The same build was recorded when its image was made, or when what is in it was listed; what cannot be read is replaced.
    if let Ok(before) = document::read::<Record>(path) {
        record.result.image_digest = record.result.image_digest.or(before.result.image_digest.clone());
        let is_same = record.result.image_digest == before.result.image_digest;
        record.sbom = record.sbom.or(before.sbom.filter(|_| is_same));
    }
    put_bytes(path, document::bytes(&record))?;
    Ok(record)
}

/// Removes what is no longer so: the error of an earlier attempt (a build in which no test runs has the same name when it has worked
/// in the end), or a list of what was in another image.
fn forget(file: &Path) -> Result<(), Fault> {
    match fs::remove_file(file) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(Fault::io(file)(fault)),
        _ => Ok(()),
    }
}

/// Plans have a folder each, so that one does not take another's place.
fn put_summary(folder: &Path, summary: &Summary, plan: &str) -> Result<PathBuf, Fault> {
    if !is_name(plan) {
        return Err(Fault::document(folder, format!("the plan {plan:?} is no name of a folder")));
    }
    let path = Path::new(PLANS).join(plan).join("summary.json");
    if let Some(markdown) = &summary.markdown {
        put_bytes(&folder.join(path.with_extension("md")), Ok(markdown.clone()))?;
    }
    put_bytes(&folder.join(&path), Ok(summary.json.clone()))?;
    Ok(path)
}

fn put_bytes(path: &Path, bytes: io::Result<Vec<u8>>) -> Result<(), Fault> {
    let bytes = bytes.map_err(Fault::io(path))?;
    put(path, |file| file.write_all(&bytes))
}

fn put(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), Fault> {
    atomic::put(path, write).map_err(Fault::io(path))
}

/// Held while a tree is merged: a record is read before it is replaced. The kernel releases it with the process.
pub(crate) struct Turn {
    _file: File,
}

impl Turn {
    pub(crate) fn take(path: &Path) -> Result<Self, Fault> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
        let file = file.map_err(Fault::io(path))?;
        file.lock().map_err(Fault::io(path))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use llb_gen::record::{ErrorKind, Verdict};

    use super::super::exported::tests::{error, export, record};
    use super::*;

    fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open = vec![folder.to_owned()];
        while let Some(at) = open.pop() {
            for entry in fs::read_dir(at).unwrap().flatten() {
                match entry.path() {
                    path if path.is_dir() => open.push(path),
                    path => {
                        let bytes = fs::read(&path).unwrap();
                        found.insert(path.strip_prefix(folder).unwrap().to_owned(), bytes);
                    }
                }
            }
        }
        found
    }

    fn tree(records: &[Record]) -> (tempfile::TempDir, Exported) {
        let dir = tempfile::tempdir().unwrap();
        export(dir.path(), records, &[]);
        let tree = Exported::read(dir.path()).unwrap();
        (dir, tree)
    }

    #[test]
    fn a_tree_is_merged_once_however_often() {
        let from = tempfile::tempdir().unwrap();
        export(from.path(), &[record("a", Verdict::Fail)], &[error("a", ErrorKind::Test)]);
        fs::write(from.path().join("summary.json"), "{}").unwrap();
        let tree = Exported::read(from.path()).unwrap();
        let into = tempfile::tempdir().unwrap();
        let folder = into.path().join(".factory");
        let merged = tree.merge(&folder, Some("core_light")).unwrap();
        assert_eq!(merged.records, [Path::new("records/a.json")]);
        let first = files(&folder);
        let names: Vec<_> = first.keys().map(|path| path.to_str().unwrap()).collect();
        let expected = [
            ".lock",
            "errors/error-a.json",
            "evidence/a/core-python.stdout",
            "evidence/a.log",
            "plans/core_light/summary.json",
            "records/a.json",
        ];
        assert_eq!(names, expected);
        tree.merge(&folder, Some("core_light")).unwrap();
        assert_eq!(files(&folder), first);
    }

    #[test]
    fn an_error_goes_when_the_same_build_has_worked() {
        let (from, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        export(from.path(), &[record("a", Verdict::Fail)], &[error("a", ErrorKind::Step)]);
        Exported::read(from.path()).unwrap().merge(into.path(), None).unwrap();
        let (_dir, tree) = tree(&[record("a", Verdict::Pass)]);
        tree.merge(into.path(), None).unwrap();
        let merged = Exported::read(into.path()).unwrap();
        assert_eq!((merged.records["a"].result.status, merged.errors.len()), (Verdict::Pass, 0));
    }

    #[test]
    fn an_image_that_was_recorded_stays_recorded() {
        let into = tempfile::tempdir().unwrap();
        let digest = format!("sha256:{}", "d".repeat(64));
        let (_dir, mut tree) = tree(&[record("a", Verdict::Pass)]);
        let without = tree.clone();
        tree.of_images(&BTreeMap::from([("linux/amd64".to_owned(), digest.clone())]));
        tree.merge(into.path(), None).unwrap();
        without.merge(into.path(), None).unwrap();
        let back: Record = document::read(&into.path().join("records/a.json")).unwrap();
        assert_eq!(back.result.image_digest, Some(digest));
    }

    #[test]
    fn builds_at_the_same_time_do_not_harm_each_other() {
        let into = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..8).map(|number| format!("build-{number}")).collect();
        std::thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| {
                    let both = [record(name, Verdict::Pass), record("shared", Verdict::Pass)];
                    let (_dir, tree) = tree(&both);
                    tree.merge(into.path(), None).unwrap();
                });
            }
        });
        let merged = Exported::read(into.path()).unwrap();
        assert_eq!(merged.records.len(), names.len() + 1);
        assert!(files(into.path()).keys().all(|path| !path.to_str().unwrap().contains(atomic::UNFINISHED)));
    }
}
