//! A report as it lies in a folder: every document read and held against its schema, and every pointer followed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use factory_tests::{BuildOptions, BuildOutcome, Lab, Output, Project, sha256};
use serde_json::Value;

/// What `--target report` wrote into a folder.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) outcome: BuildOutcome,
    pub(crate) tree: Tree,
}

/// The documents of a report.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Every file by its path from the report's root.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// In the order of their names.
    pub(crate) records: Vec<Value>,
    /// In the order of their names.
    pub(crate) errors: Vec<Value>,
}

impl Report {
    /// Builds a report, which ends well whatever the verdict is.
    #[track_caller]
    pub(crate) fn of(project: &Project, options: &BuildOptions) -> Self {
        let options =
            BuildOptions { target: Some("report".into()), output: Output::Local, ..options.clone() };
        let outcome = project.build(&options).succeeded();
        let tree = Tree::read(&outcome.folder());
        Self { outcome, tree }
    }
}

impl Tree {
    /// Reads the report in a folder and checks that it is whole.
    #[track_caller]
    pub(crate) fn read(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        collect(folder, "", &mut files);
        let records = documents(&files, "records/", "record.schema.json");
        let errors = documents(&files, "errors/", "error.schema.json");
        let tree = Self { files, records, errors };
        tree.assert_whole();
        tree
    }

    /// Every record has its evidence, every failure its error record, and nothing else lies about.
    #[track_caller]
    fn assert_whole(&self) {
        let mut ids = BTreeSet::new();
        for record in &self.records {
            let id = record["build_id"].as_str().unwrap();
            assert!(ids.insert(id), "two records are called {id}");
            assert!(
                self.files.contains_key(&format!("records/{id}.json")),
                "the record {id} is called otherwise"
            );
            let evidence = self.evidence_of(record);
            assert!(
                evidence.starts_with(&format!("# Build ID: {id}\n")),
                "evidence of {id}:\n{evidence:.200}"
            );
            let failed = ["fail", "error"].contains(&record["result"]["status"].as_str().unwrap());
            let has_error = self.files.contains_key(&format!("errors/error-{id}.json"));
            assert_eq!(failed, has_error, "an error record of {record:#}");
        }
        // The last three are what `factory` has in a project beside reports.
        let folders = ["records/", "errors/", "evidence/", "sbom/", "inputs/", "plans/", ".lock"];
        let known = |path: &&String| {
            folders.iter().any(|folder| path.starts_with(folder))
                || ["summary.json", "summary.md"].contains(&path.as_str())
        };
        let strange: Vec<&String> = self.files.keys().filter(|path| !known(path)).collect();
        assert!(strange.is_empty(), "a report has no {strange:?}");
    }

    /// The evidence that a record names, which has the digest that it says. What steps and tests print need not be text.
    #[track_caller]
    pub(crate) fn evidence_of(&self, record: &Value) -> String {
        let path = record["evidence"]["path"].as_str().unwrap_or_else(|| panic!("no evidence: {record:#}"));
        let bytes = self.files.get(path).unwrap_or_else(|| panic!("{path} is not there"));
        if let Some(digest) = record["evidence"]["digest"].as_str() {
            assert_eq!(digest, sha256(bytes), "the digest of {path}");
        }
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// The record of a report that has one.
    #[track_caller]
    pub(crate) fn record(&self) -> &Value {
        assert_eq!(self.records.len(), 1, "records: {:?}", self.files.keys());
        &self.records[0]
    }

    /// The error record of a report that has one.
    #[track_caller]
    pub(crate) fn error(&self) -> &Value {
        assert_eq!(self.errors.len(), 1, "errors: {:?}", self.files.keys());
        &self.errors[0]
    }

    /// The evidence of a report that has one record.
    #[track_caller]
    pub(crate) fn evidence(&self) -> String {
        self.evidence_of(self.record())
    }

    /// The verdict of the one record.
    #[track_caller]
    pub(crate) fn status(&self) -> &str {
        self.record()["result"]["status"].as_str().unwrap()
    }

    /// What the one record says of a test.
    #[track_caller]
    pub(crate) fn test(&self, name: &str) -> &Value {
        test_of(self.record(), name)
    }

    /// A file of the full output, by the end of its path.
    #[track_caller]
    pub(crate) fn output(&self, end: &str) -> &[u8] {
        let found = self.files.iter().find(|(path, _)| path.starts_with("evidence/") && path.ends_with(end));
        found.unwrap_or_else(|| panic!("no {end} among {:#?}", self.files.keys())).1
    }
}

/// What a record says of a test.
#[track_caller]
pub(crate) fn test_of<'r>(record: &'r Value, name: &str) -> &'r Value {
    let found = record["tests"].as_array().unwrap().iter().find(|test| test["name"] == name);
    found.unwrap_or_else(|| panic!("no test is called {name}: {record:#}"))
}

/// All documents in a folder of the report, each valid.
#[track_caller]
fn documents(files: &BTreeMap<String, Vec<u8>>, folder: &str, schema: &str) -> Vec<Value> {
    let schema = std::fs::read(Lab::get().workspace().join("schemas").join(schema)).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_slice(&schema).unwrap()).unwrap();
    let documents = files.iter().filter(|(path, _)| path.starts_with(folder));
    let valid = documents.map(|(path, bytes)| {
        let document: Value = serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
        let objections: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path))
            .collect();
        assert!(objections.is_empty(), "{path} is not valid: {objections:#?}\n{document:#}");
        document
    });
    valid.collect()
}

pub(crate) fn collect(folder: &Path, path: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &path, files);
        } else {
            files.insert(path, std::fs::read(entry.path()).unwrap());
        }
    }
}
