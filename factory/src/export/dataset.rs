//! A dataset: one line of JSON for each record, and for each image without one.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use llb_gen::record::Record;
use serde::Serialize;
use serde_json::Value;

use crate::atomic;
use crate::exit::{Error, Result};

/// What is known of one image on one platform.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The version of this form, 1.
    pub schema_version: u32,
    /// How the image was asked for.
    pub image: String,
    /// The digest that this led to: of the index, or of the image's manifest.
    pub digest: String,
    /// The digest of the platform's image manifest.
    pub image_digest: String,
    /// The platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// How many layers it has.
    pub layers: usize,
    /// Their bytes, compressed.
    pub size: u64,
    /// The record, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
    /// What is in it.
    pub packages: Vec<crate::attested::Package>,
    /// The predicate types of everything that is said of it.
    pub statements: Vec<String>,
    /// Who has built it, by the provenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builder: Option<String>,
    /// The files of the export that hold more.
    pub files: Vec<String>,
}

/// Lines of other images stay, and lines of the same image and build are replaced. The same dataset has the same bytes.
///
/// # Errors
/// The file is no dataset, or cannot be written.
pub(super) fn add(file: &Path, lines: &[Line]) -> Result<()> {
    let failed = |fault: &dyn std::fmt::Display| Error::Usage(format!("{}: {fault}", file.display()));
    let before = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(fault) => return Err(failed(&fault)),
    };
    let mut all = BTreeMap::new();
    for (number, line) in (1..).zip(before.lines()) {
        let value: Value = serde_json::from_str(line).map_err(|fault| {
            Error::Usage(format!("{}:{number}: no line of a dataset: {fault}", file.display()))
        })?;
        all.insert(key(&value), line.to_owned());
    }
    for line in lines {
        let text = serde_json::to_string(line).map_err(|fault| failed(&fault))?;
        let value = serde_json::from_str(&text).map_err(|fault| failed(&fault))?;
        all.insert(key(&value), text);
    }
    let text: String = all.into_values().map(|line| line + "\n").collect();
    if text == before {
        return Ok(());
    }
    atomic::put(file, |file| file.write_all(text.as_bytes())).map_err(|fault| failed(&fault))
}

fn key(line: &Value) -> [String; 3] {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    [text(&line["image"]), text(&line["image_digest"]), text(&line["record"]["build_id"])]
}
