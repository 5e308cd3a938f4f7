//! The tree that a build has exported, read and checked as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use llb_gen::model::Platform;
use llb_gen::record::{ErrorRecord, Pointer, Record};

use super::document::{self, Document, Fault};
use super::{ERRORS, EVIDENCE, RECORDS, evidence_path, sbom_path};
use crate::atomic;
use crate::registry::digest_of;

/// What a plan's build says of the plan as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The bytes of `summary.json`.
    pub json: Vec<u8>,
    /// The bytes of `summary.md`.
    pub markdown: Option<Vec<u8>>,
}

/// A tree that `--target report` has exported: nothing in it is relied on that has not been checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// The records, by the names of their builds.
    pub records: BTreeMap<String, Record>,
    /// Why builds failed, by their names.
    pub errors: BTreeMap<String, ErrorRecord>,
    /// The verdicts of a plan, where one was built.
    pub summary: Option<Summary>,
    /// Files as they are: their paths from the tree's root, and where they lie now.
    pub(super) files: BTreeMap<PathBuf, PathBuf>,
}

impl Exported {
    /// Reads the tree in `folder`. Where several platforms were built, buildx may have put each into a folder of its own
    /// (`linux_amd64`): then those are read together.
    ///
    /// # Errors
    /// A document that its type does not allow, one that is called after another build than it is of, evidence that is missing
    /// or another than the record says, a file that cannot be read.
    pub fn read(folder: &Path) -> Result<Self, Fault> {
        let mut tree = Self::default();
        for root in roots(folder)? {
            tree.take(&root)?;
        }
        Ok(tree)
    }

    fn take(&mut self, root: &Path) -> Result<(), Fault> {
        let records: BTreeMap<String, Record> = documents(&root.join(RECORDS))?;
        let errors: BTreeMap<String, ErrorRecord> = documents(&root.join(ERRORS))?;
        for build in records.keys().chain(errors.keys()) {
            self.take_files(root, &evidence_path(build))?;
            self.take_files(root, &Path::new(EVIDENCE).join(build))?;
        }
        for record in records.values() {
            for pointer in [&record.evidence, &record.sbom].into_iter().flatten() {
                self.take_pointed(root, record, pointer)?;
            }
        }
        self.records.extend(records);
        self.errors.extend(errors);
        let json = root.join("summary.json");
        if json.is_file() {
            let json = fs::read(&json).map_err(Fault::io(&json))?;
            self.summary = Some(Summary { json, markdown: fs::read(root.join("summary.md")).ok() });
        }
        Ok(())
    }

    /// Takes regular files at and below `path`. What programs have printed may be in there: links and pipes are passed over.
    fn take_files(&mut self, root: &Path, path: &Path) -> Result<(), Fault> {
        let full = root.join(path);
        let Ok(metadata) = fs::symlink_metadata(&full) else { return Ok(()) };
        if metadata.is_file() {
            self.files.insert(path.to_owned(), full);
        } else if metadata.is_dir() {
            for name in names(&full)? {
                self.take_files(root, &path.join(name))?;
            }
        }
        Ok(())
    }

    /// Takes what a record points to.
    fn take_pointed(&mut self, root: &Path, record: &Record, pointer: &Pointer) -> Result<(), Fault> {
        let full = root.join(&pointer.path);
        let path = Path::new(&pointer.path);
        let ours = [evidence_path(&record.build_id), sbom_path(&record.build_id)];
        if !ours.iter().any(|ours| ours == path) {
            return Err(Fault::document(&full, format!("the record {} has no such file", record.build_id)));
        }
        self.take_files(root, path)?;
        if !self.files.contains_key(path) {
            let what = format!("missing, and the record {} points to it", record.build_id);
            return Err(Fault::document(&full, what));
        }
        let Some(digest) = &pointer.digest else { return Ok(()) };
        let found = digest_of(&fs::read(&full).map_err(Fault::io(&full))?);
        if found == *digest {
            return Ok(());
        }
        Err(Fault::document(&full, format!("it is {found}, not the {digest} of its record")))
    }

    /// Says of which image each record is: `images` are the digests of the image manifests by their platforms. Records of a plan
    /// are of other images.
    pub fn of_images(&mut self, images: &BTreeMap<String, String>) {
        let platform = |text: &str| text.parse::<Platform>().ok();
        for record in self.records.values_mut().filter(|record| record.combination.is_none()) {
            let wanted = platform(&record.platform);
            let digest = images.iter().find(|(of, _)| wanted.is_some() && platform(of) == wanted);
            if let Some((_, digest)) = digest {
                record.result.image_digest = Some(digest.clone());
            }
        }
    }

    /// Says what is in the images: `sboms` are SPDX documents by the platforms of the images that they are of. They are kept in
    /// `folder` until the tree is merged.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn list<'s>(
        &mut self,
        sboms: impl IntoIterator<Item = (&'s str, &'s [u8])>,
        folder: &Path,
    ) -> Result<(), Fault> {
        let platform = |text: &str| text.parse::<Platform>().ok();
        for (of, document) in sboms {
            let fits = |record: &&mut Record| {
                record.combination.is_none()
                    && platform(of).is_some_and(|of| platform(&record.platform) == Some(of))
            };
            for record in self.records.values_mut().filter(fits) {
                let path = sbom_path(&record.build_id);
                let kept = folder.join(&path);
                atomic::put(&kept, |file| file.write_all(document)).map_err(Fault::io(&kept))?;
                record.sbom = Some(Pointer {
                    path: path.to_string_lossy().into_owned(),
                    digest: Some(digest_of(document)),
                });
                self.files.insert(path, kept);
            }
        }
        Ok(())
    }
}

/// The roots of the trees in `folder`: itself, or one per platform.
fn roots(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let is_tree = |root: &Path| [RECORDS, ERRORS].iter().any(|name| root.join(name).is_dir());
    if is_tree(folder) {
        return Ok(vec![folder.to_owned()]);
    }
    let below = names(folder)?.into_iter().map(|name| folder.join(name));
    Ok(below.filter(|root| is_tree(root)).collect())
}

/// The names in a folder, in order.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, Fault> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(fault) => return Err(Fault::io(folder)(fault)),
    };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

fn documents<D: Document>(folder: &Path) -> Result<BTreeMap<String, D>, Fault> {
    let files = names(folder)?.into_iter().filter(|name| name.ends_with(".json"));
    let one = |name: String| {
        let document: D = document::read(&folder.join(name))?;
        Ok((document.build_id().to_owned(), document))
    };
    files.map(one).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use llb_gen::record::{ErrorKind, Execution, FragmentEntry, Outcome, SCHEMA_VERSION, TestEntry, Verdict};

    use super::*;

    pub(crate) fn record(build_id: &str, status: Verdict) -> Record {
        let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
        Record {
            schema_version: SCHEMA_VERSION,
            build_id: build_id.into(),
            manifest_id: "app".into(),
            product_id: "r.io/app".into(),
            combination: None,
            template_id: None,
            template_version: None,
            base_digest: digest("b"),
            fragments: vec![FragmentEntry {
                name: "core".into(),
                version: "0.1.0".into(),
                digest: digest("c"),
            }],
            platform: "linux/amd64".into(),
            arch: "amd64".into(),
            execution: Execution::Native,
            accelerator: None,
            selection_key: digest("1"),
            test_hash: digest("2"),
            tests: vec![TestEntry {
                name: "core/python".into(),
                verdict: status,
                reason: (status != Verdict::Pass).then(|| "exit code 1, expected 0".into()),
                location: "fragments/core/0.1.0/fragment.json:12".into(),
                wall_ms: 12,
                cpu_ms: 9,
                peak_memory: 4096,
            }],
            limits: None,
            peaks: None,
            result: Outcome {
                status,
                tested_at: Some("2026-11-20T10:00:43Z".into()),
                image_digest: None,
                notes: None,
            },
            evidence: Some(Pointer { path: format!("evidence/{build_id}.log"), digest: None }),
            sbom: None,
            frontend_version: "0.1.0".into(),
            helper_version: "0.1.0".into(),
        }
    }

    pub(crate) fn error(build_id: &str, kind: ErrorKind) -> ErrorRecord {
        ErrorRecord {
            schema_version: SCHEMA_VERSION,
            build_id: build_id.into(),
            manifest_id: Some("app".into()),
            platform: Some("linux/amd64".into()),
            kind,
            reason: "core/python: exit code 1, expected 0".into(),
            fragment: Some("core".into()),
            version: Some("0.1.0".into()),
            step: Some("core/python".into()),
            location: Some("fragments/core/0.1.0/fragment.json:12".into()),
            exit_code: Some(1),
            log_excerpt: vec!["boom".into()],
        }
    }

    /// Writes a tree as builds export it.
    pub(crate) fn export(root: &Path, records: &[Record], errors: &[ErrorRecord]) {
        let write = |path: PathBuf, bytes: &[u8]| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        for record in records {
            let id = &record.build_id;
            write(root.join(super::super::record_path(id)), &document::bytes(record).unwrap());
            write(root.join(evidence_path(id)), format!("# Build ID: {id}\n").as_bytes());
            write(root.join(format!("evidence/{id}/core-python.stdout")), b"3.11\n");
        }
        for error in errors {
            let path = super::super::error_path(&error.build_id);
            write(root.join(path), &document::bytes(error).unwrap());
        }
    }

    #[test]
    fn a_tree_is_read_with_everything_that_belongs_to_its_builds() {
        let dir = tempfile::tempdir().unwrap();
        export(dir.path(), &[record("app-1", Verdict::Fail)], &[error("app-1", ErrorKind::Test)]);
        fs::write(dir.path().join("evidence/app-2.log"), "of nobody").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("evidence/app-1/link")).unwrap();
        let tree = Exported::read(dir.path()).unwrap();
        assert_eq!(tree.records.keys().collect::<Vec<_>>(), ["app-1"]);
        assert_eq!(tree.errors["app-1"].kind, ErrorKind::Test);
        let files: Vec<_> = tree.files.keys().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(files, ["evidence/app-1/core-python.stdout", "evidence/app-1.log"]);
    }

    #[test]
    fn folders_of_platforms_are_read_together() {
        let dir = tempfile::tempdir().unwrap();
        export(&dir.path().join("linux_amd64"), &[record("a", Verdict::Pass)], &[]);
        export(&dir.path().join("linux_arm64"), &[record("b", Verdict::Pass)], &[]);
        let tree = Exported::read(dir.path()).unwrap();
        assert_eq!(tree.records.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(Exported::read(&dir.path().join("nowhere")).unwrap(), Exported::default());
    }

    /// What a file of the tree must hold, or must be called, for the fault to be found.
    #[test]
    fn what_does_not_fit_its_type_is_refused_with_its_file() {
        let text = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut value = serde_json::to_value(record("a", Verdict::Pass)).unwrap();
            change(&mut value);
            value.to_string()
        };
        let error_document = serde_json::to_string(&error("a", ErrorKind::Step)).unwrap();
        let table: [(&str, String, &str); 7] = [
            ("records/a.json", text(&|v| v["image"] = "x".into()), "unknown field `image`"),
            ("records/a.json", text(&|v| v["schema_version"] = 2.into()), "schema_version 2"),
            ("records/b.json", text(&|_| {}), "of the build \"a\""),
            ("records/a.json", text(&|v| v["build_id"] = "../a".into()), "no name of a file"),
            (
                "records/a.json",
                text(&|v| v["base_digest"] = "debian:12".into()),
                "base_digest is `debian:12`",
            ),
            ("records/a.json", error_document, "unknown field"),
            ("records/a.json", text(&|v| v["evidence"]["path"] = "/etc/passwd".into()), "no such file"),
        ];
        for (name, text, said) in table {
            let dir = tempfile::tempdir().unwrap();
            export(dir.path(), &[record("a", Verdict::Pass)], &[]);
            fs::write(dir.path().join(name), text).unwrap();
            let fault = Exported::read(dir.path()).unwrap_err().to_string();
            assert!(fault.contains(said), "{fault} instead of {said}");
        }
    }

    #[test]
    fn evidence_is_there_and_what_the_record_says() {
        let dir = tempfile::tempdir().unwrap();
        let mut one = record("a", Verdict::Pass);
        one.evidence.as_mut().unwrap().digest = Some(digest_of(b"# Build ID: a\n"));
        export(dir.path(), std::slice::from_ref(&one), &[]);
        Exported::read(dir.path()).unwrap();
        fs::write(dir.path().join("evidence/a.log"), "other").unwrap();
        assert!(Exported::read(dir.path()).unwrap_err().to_string().contains("of its record"));
        one.evidence.as_mut().unwrap().digest = None;
        export(dir.path(), &[one], &[]);
        fs::remove_file(dir.path().join("evidence/a.log")).unwrap();
        assert!(Exported::read(dir.path()).unwrap_err().to_string().contains("missing"));
    }

    #[test]
    fn each_platform_has_its_own_list_of_what_is_in_its_image() {
        let (dir, kept, project) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut arm = record("b", Verdict::Pass);
        arm.platform = "linux/arm64".into();
        export(dir.path(), &[record("a", Verdict::Pass), arm], &[]);
        let mut tree = Exported::read(dir.path()).unwrap();
        tree.list([("linux/arm64/v8", b"{}".as_slice())], kept.path()).unwrap();
        assert_eq!(tree.records["a"].sbom, None);
        let pointer = tree.records["b"].sbom.clone().unwrap();
        assert_eq!(pointer.path, "sbom/b.spdx.json");
        tree.merge(project.path(), None).unwrap();
        assert_eq!(fs::read(project.path().join("sbom/b.spdx.json")).unwrap(), b"{}");
        // What was merged is a tree that can be read, and the list stays with a record of the same image that has none.
        let mut again = Exported::read(project.path()).unwrap();
        assert_eq!(again.records["b"].sbom, Some(pointer.clone()));
        let sbom = |project: &Path| document::read::<Record>(&project.join("records/b.json")).unwrap().sbom;
        again.records.get_mut("b").unwrap().sbom = None;
        again.files.clear();
        again.merge(project.path(), None).unwrap();
        assert_eq!(sbom(project.path()), Some(pointer));
        let image = format!("sha256:{}", "d".repeat(64));
        again.of_images(&BTreeMap::from([("linux/arm64".to_owned(), image)]));
        again.merge(project.path(), None).unwrap();
        assert_eq!(sbom(project.path()), None, "it is of another image");
        assert!(!project.path().join("sbom/b.spdx.json").exists());
    }

    #[test]
    fn each_platform_has_its_own_image() {
        let dir = tempfile::tempdir().unwrap();
        let mut arm = record("b", Verdict::Pass);
        arm.platform = "linux/arm64".into();
        export(dir.path(), &[record("a", Verdict::Pass), arm], &[]);
        let mut tree = Exported::read(dir.path()).unwrap();
        tree.of_images(&BTreeMap::from([("linux/arm64/v8".to_owned(), "sha256:d".to_owned())]));
        assert_eq!(tree.records["a"].result.image_digest, None);
        assert_eq!(tree.records["b"].result.image_digest.as_deref(), Some("sha256:d"));
    }
}
