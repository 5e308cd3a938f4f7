//! Reading a project's reports back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use llb_gen::model::{Platform, Version};
use llb_gen::record::{ErrorRecord, Record};

use super::document::{self, Document, Fault};
use super::exported::names;
use super::{ERRORS, RECORDS, evidence_path};

/// A record with the time at which it was last merged: when its verdict was last confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The record.
    pub record: Record,
    /// When a build last came to it. A verdict from the cache keeps its own `tested_at`.
    pub confirmed: SystemTime,
}

/// The reports of a project, as they were when they were opened.
#[derive(Debug, Default)]
pub struct Reports {
    folder: PathBuf,
    /// From the first confirmed to the last.
    records: Vec<Recorded>,
    errors: BTreeMap<String, ErrorRecord>,
    faults: Vec<Fault>,
}

impl Reports {
    /// Opens the reports in `folder`; where there is no such folder there are none. What is no document of a report is no
    /// answer to anything, and is listed among [`Reports::faults`].
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn open(folder: &Path) -> Result<Self, Fault> {
        let mut reports = Self { folder: folder.to_owned(), ..Self::default() };
        for (record, confirmed) in documents::<Record>(&folder.join(RECORDS), &mut reports.faults)? {
            reports.records.push(Recorded { record, confirmed });
        }
        reports.records.sort_by(|a, b| order(a).cmp(&order(b)));
        let errors = documents::<ErrorRecord>(&folder.join(ERRORS), &mut reports.faults)?;
        reports.errors = errors.into_iter().map(|(error, _)| (error.build_id.clone(), error)).collect();
        Ok(reports)
    }

    /// All records, from the first confirmed to the last.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Recorded> {
        self.records.iter()
    }

    /// Files that are no documents of a report.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The record of a build. Why a build failed is another question: [`Reports::error`].
    #[must_use]
    pub fn by_build(&self, build_id: &str) -> Option<&Record> {
        self.all().find(|record| record.build_id == build_id)
    }

    /// The records of a product, by its manifest's id or the name under which it is published, from the first confirmed to the
    /// last.
    pub fn by_product<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r Record> {
        self.all().filter(move |record| record.manifest_id == name || record.product_id == name)
    }

    /// The records of an image, by the digest of its manifest.
    pub fn by_digest<'r>(&'r self, digest: &'r str) -> impl Iterator<Item = &'r Record> {
        self.all().filter(move |record| record.result.image_digest.as_deref() == Some(digest))
    }

    /// What the last build of a product on a platform came to. Combinations of plans are no builds of the product.
    #[must_use]
    pub fn newest(&self, manifest_id: &str, platform: &Platform) -> Option<&Record> {
        let product = |record: &&Record| record.combination.is_none() && record.manifest_id == manifest_id;
        self.all().rev().filter(product).find(|record| is_of(record, platform))
    }

    /// What the last build of a combination of a plan on a platform came to.
    #[must_use]
    pub fn newest_of_plan(&self, plan: &str, slug: &str, platform: &Platform) -> Option<&Record> {
        let combination = |record: &&Record| {
            record.combination.as_ref().is_some_and(|one| one.plan == plan && one.slug == slug)
        };
        self.all().rev().filter(combination).find(|record| is_of(record, platform))
    }

    /// Why a build failed.
    #[must_use]
    pub fn error(&self, build_id: &str) -> Option<&ErrorRecord> {
        self.errors.get(build_id)
    }

    /// The log of a build, where it is there.
    #[must_use]
    pub fn evidence(&self, build_id: &str) -> Option<PathBuf> {
        let path = self.folder.join(evidence_path(build_id));
        (document::is_name(build_id) && path.is_file()).then_some(path)
    }

    /// The versions of a fragment that there are records of, the oldest first: `0.9.0` before `0.10.0`.
    #[must_use]
    pub fn versions(&self, fragment: &str) -> Vec<Version> {
        let selected = self.all().flat_map(|record| &record.fragments).filter(|one| one.name == fragment);
        let mut versions: Vec<Version> = selected.filter_map(|one| one.version.parse().ok()).collect();
        versions.sort();
        versions.dedup();
        versions
    }

    fn all(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter().map(|recorded| &recorded.record)
    }
}

/// The last confirmed comes last. Where a file system is too coarse to tell, the verdict's own time does.
fn order(one: &Recorded) -> (SystemTime, Option<&str>, &str) {
    (one.confirmed, one.record.result.tested_at.as_deref(), &one.record.build_id)
}

fn is_of(record: &Record, platform: &Platform) -> bool {
    record.platform.parse().ok().as_ref() == Some(platform)
}

fn documents<D: Document>(folder: &Path, faults: &mut Vec<Fault>) -> Result<Vec<(D, SystemTime)>, Fault> {
    let mut found = Vec::new();
    for name in names(folder)?.into_iter().filter(|name| name.ends_with(".json") && !name.starts_with('.')) {
        let path = folder.join(name);
        let time = fs::metadata(&path).and_then(|metadata| metadata.modified()).map_err(Fault::io(&path));
        match time.and_then(|time| Ok((document::read(&path)?, time))) {
            Ok(one) => found.push(one),
            Err(fault) => faults.push(fault),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use llb_gen::record::{CombinationEntry, ErrorKind, Verdict};

    use super::super::exported::tests::{error, export, record};
    use super::*;

    fn confirmed(folder: &Path, build: &str, seconds: u64) {
        let file = fs::File::open(folder.join(format!("records/{build}.json"))).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    fn amd64() -> Platform {
        "linux/amd64".parse().unwrap()
    }

    #[test]
    fn the_last_build_is_the_answer_not_the_last_pass() {
        let dir = tempfile::tempdir().unwrap();
        let mut arm = record("c-arm", Verdict::Pass);
        arm.platform = "linux/arm64".into();
        let mut combination = record("d-plan", Verdict::Error);
        combination.combination = Some(CombinationEntry { plan: "p".into(), slug: "core-0.1.0".into() });
        let mut failed = record("b-fail", Verdict::Fail);
        failed.result.tested_at = None; // a step failed: no test ran
        export(dir.path(), &[record("a-pass", Verdict::Pass), failed, arm, combination], &[]);
        for (build, seconds) in [("a-pass", 1), ("b-fail", 2), ("c-arm", 3), ("d-plan", 4)] {
            confirmed(dir.path(), build, seconds);
        }
        let reports = Reports::open(dir.path()).unwrap();
        assert_eq!(reports.newest("app", &amd64()).unwrap().build_id, "b-fail");
        assert_eq!(reports.newest("app", &"linux/arm64/v8".parse().unwrap()).unwrap().build_id, "c-arm");
        assert_eq!(reports.newest_of_plan("p", "core-0.1.0", &amd64()).unwrap().build_id, "d-plan");
        assert_eq!(reports.newest_of_plan("p", "core-0.2.0", &amd64()), None);
        assert_eq!(reports.by_product("r.io/app").count(), 4);
        confirmed(dir.path(), "a-pass", 5);
        let reports = Reports::open(dir.path()).unwrap();
        assert_eq!(reports.newest("app", &amd64()).unwrap().build_id, "a-pass", "found again in the cache");
    }

    #[test]
    fn errors_and_what_is_no_document_answer_for_no_record() {
        let dir = tempfile::tempdir().unwrap();
        export(dir.path(), &[record("a", Verdict::Pass)], &[error("b", ErrorKind::Input)]);
        // Where the prototype has kept them, under the name that it gave them.
        let stray = dir.path().join("records/error-b.json");
        fs::copy(dir.path().join("errors/error-b.json"), &stray).unwrap();
        fs::write(dir.path().join("records/broken.json"), "{").unwrap();
        fs::write(dir.path().join("records/.new-1.json"), "{").unwrap();
        let reports = Reports::open(dir.path()).unwrap();
        assert_eq!(reports.by_build("b"), None);
        assert_eq!(reports.error("b").unwrap().kind, ErrorKind::Input);
        assert_eq!(reports.records().count(), 1);
        let said: Vec<String> = reports.faults().iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("broken.json") && said[1].contains("error-b.json"), "{said:?}");
    }

    #[test]
    fn images_builds_and_versions_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let digest = format!("sha256:{}", "d".repeat(64));
        let with = |build: &str, version: &str| {
            let mut one = record(build, Verdict::Pass);
            one.fragments[0].version = version.into();
            one.result.image_digest = (version == "0.10.0").then(|| digest.clone());
            one
        };
        export(dir.path(), &[with("a", "0.10.0"), with("b", "0.9.0"), with("c", "0.9.0")], &[]);
        let reports = Reports::open(dir.path()).unwrap();
        let versions: Vec<String> = reports.versions("core").iter().map(ToString::to_string).collect();
        assert_eq!(versions, ["0.9.0", "0.10.0"]);
        assert_eq!(reports.by_digest(&digest).map(|one| one.build_id.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(reports.by_build("b").unwrap().fragments[0].version, "0.9.0");
        assert_eq!(reports.evidence("a"), Some(dir.path().join("evidence/a.log")));
        assert_eq!(reports.evidence("../records/a"), None);
        assert_eq!(Reports::open(&dir.path().join("none")).unwrap().records().count(), 0);
    }
}
