//! The artifacts: the same documents always make the same bytes, so that whoever pushes them again changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use llb_gen::record::{FragmentEntry, Record, SCHEMA_VERSION};
use serde::Serialize;

use crate::attested::kinds;
use crate::exit::{Error, Result};
use crate::registry::{Artifact, Descriptor};
use crate::reports;

/// What is pushed of one build, before it is said what it refers to.
#[derive(Debug, Clone)]
pub(super) struct Documents {
    pub(super) record: Record,
    artifacts: Vec<(&'static str, Artifact)>,
}

impl Documents {
    /// Reads what the reports in `folder` have of a build. The record goes as the bytes of its file.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn read(folder: &Path, record: &Record) -> Result<Self> {
        let id = &record.build_id;
        let read = |path: PathBuf| -> Result<Option<Vec<u8>>> {
            let full = folder.join(path);
            match fs::read(&full) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(fault) => Err(Error::Usage(format!("{}: {fault}", full.display()))),
            }
        };
        let path = reports::record_path(id);
        let bytes = read(path.clone())?
            .ok_or_else(|| Error::Usage(format!("{} is gone", folder.join(&path).display())))?;
        let mut files = vec![titled(kinds::RECORD, &path, bytes)];
        let error = reports::error_path(id);
        files.extend(read(error.clone())?.map(|bytes| titled(kinds::ERROR, &error, bytes)));
        let mut artifacts = vec![("record", artifact(kinds::RECORD, record, files))];
        let log = reports::evidence_path(id);
        if let Some(bytes) = read(log.clone())? {
            let packed = |fault: std::io::Error| Error::Internal(format!("the log of {id}: {fault}"));
            let mut files = vec![titled(kinds::LOG, &log, crate::attested::packed(&bytes).map_err(packed)?)];
            let outputs = below(&folder.join(log.with_extension("")))?;
            if !outputs.is_empty() {
                let bytes = crate::attested::packed_files(&outputs).map_err(packed)?;
                files.push(titled(kinds::OUTPUTS, &log.with_extension(""), bytes));
            }
            artifacts.push(("evidence", artifact(kinds::EVIDENCE, record, files)));
        }
        let sbom = reports::sbom_path(id);
        if let Some(bytes) = read(sbom.clone())? {
            artifacts.push(("sbom", artifact(kinds::SPDX, record, vec![titled(kinds::SPDX, &sbom, bytes)])));
        }
        Ok(Self { record: record.clone(), artifacts })
    }

    /// The artifacts as they refer to `subject`.
    pub(super) fn about(&self, subject: &Descriptor) -> Vec<(&'static str, Artifact)> {
        let about = |(kind, artifact): &(&'static str, Artifact)| {
            (*kind, Artifact { subject: Some(subject.clone()), ..artifact.clone() })
        };
        self.artifacts.iter().map(about).collect()
    }
}

fn titled(media_type: &str, path: &Path, bytes: Vec<u8>) -> (Descriptor, Vec<u8>) {
    (Descriptor::of(media_type, &bytes).annotated(kinds::TITLE, path.to_string_lossy()), bytes)
}

fn artifact(kind: &str, record: &Record, files: Vec<(Descriptor, Vec<u8>)>) -> Artifact {
    Artifact { artifact_type: kind.to_owned(), files, subject: None, annotations: annotations(record) }
}

/// What a listing says of a record, so that people see which it is.
fn annotations(record: &Record) -> BTreeMap<String, String> {
    let fragment = |one: &FragmentEntry| format!("{}@{}", one.name, one.version);
    let fragments: Vec<String> = record.fragments.iter().map(fragment).collect();
    let mut annotations = BTreeMap::from([
        (kinds::BUILD_ID, record.build_id.clone()),
        (kinds::MANIFEST_ID, record.manifest_id.clone()),
        (kinds::PRODUCT_ID, record.product_id.clone()),
        (kinds::PLATFORM, record.platform.clone()),
        (kinds::VERDICT, record.result.status.as_str().to_owned()),
        (kinds::FRAGMENTS, fragments.join(" ")),
        (kinds::SELECTION_KEY, record.selection_key.clone()),
    ]);
    if let Some(tested) = &record.result.tested_at {
        annotations.insert(kinds::CREATED, tested.clone());
    }
    annotations.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The files below a folder, by their paths from there; what is no plain file is passed over.
fn below(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let failed = |path: &Path, fault: &std::io::Error| Error::Usage(format!("{}: {fault}", path.display()));
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        let entries = match fs::read_dir(&at) {
            Ok(entries) => entries,
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => continue,
            Err(fault) => return Err(failed(&at, &fault)),
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file()
                && let Ok(inside) = path.strip_prefix(folder)
            {
                found.insert(inside.to_owned(), fs::read(&path).map_err(|fault| failed(&path, &fault))?);
            }
        }
    }
    Ok(found)
}

/// What a product is made of.
#[derive(Serialize)]
struct SelectionJson<'a> {
    schema_version: u32,
    selection_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_version: Option<&'a str>,
    base_digest: &'a str,
    fragments: &'a [FragmentEntry],
    platform: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    accelerator: Option<&'a str>,
}

/// The artifact that records of a combination refer to where there is no image of it, and the tag that it is found by. It holds
/// what the selection key stands for and nothing else: whoever tries the same combination makes the same artifact.
///
/// # Errors
/// None that anybody has seen.
pub fn selection(record: &Record) -> Result<(String, Artifact)> {
    let json = SelectionJson {
        schema_version: SCHEMA_VERSION,
        selection_key: &record.selection_key,
        template_id: record.template_id.as_deref(),
        template_version: record.template_version.as_deref(),
        base_digest: &record.base_digest,
        fragments: &record.fragments,
        platform: &record.platform,
        accelerator: record.accelerator.as_ref().map(|one| one.name.as_str()),
    };
    let bytes =
        serde_json::to_vec(&json).map_err(|fault| Error::Internal(format!("a selection: {fault}")))?;
    let annotations = annotations(record);
    let kept = [kinds::PLATFORM, kinds::FRAGMENTS, kinds::SELECTION_KEY];
    let artifact = Artifact {
        artifact_type: kinds::SELECTION.to_owned(),
        files: vec![titled(kinds::SELECTION, Path::new("selection.json"), bytes)],
        subject: None,
        annotations: annotations.into_iter().filter(|(key, _)| kept.contains(&key.as_str())).collect(),
    };
    let digits = record.selection_key.trim_start_matches("sha256:");
    Ok((format!("{}{digits}", kinds::SELECTION_TAG), artifact))
}
