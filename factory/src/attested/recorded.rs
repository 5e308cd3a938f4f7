//! Records as they come from an image: as the build wrote them, or as the frontend has attested them.

use llb_gen::record::{ErrorRecord, Pointer, Record};
use serde::Deserialize;

use super::statement::{Statement, json};
use crate::registry::{Fault, Result, digest_of};
use crate::reports;

/// A record with the bytes of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFile {
    /// The record.
    pub record: Record,
    /// Its file: the bytes that the build wrote, or what it would have written.
    pub bytes: Vec<u8>,
    /// Why it is no pass, as the file of an error.
    pub error: Option<Vec<u8>>,
    /// The log that came with it.
    pub log: Option<Vec<u8>>,
    /// Whether the bytes are those that the build wrote.
    pub as_written: bool,
}

/// The predicate of our own type.
#[derive(Deserialize)]
struct RecordPredicate {
    record: Record,
    #[serde(default)]
    evidence: String,
}

impl RecordFile {
    /// The record in the file that a build wrote, with its error.
    ///
    /// # Errors
    /// They are none, or not of the same build.
    pub fn written(bytes: Vec<u8>, error: Option<Vec<u8>>, what: &str) -> Result<Self> {
        let record: Record = json(&bytes, what)?;
        reports::check(&record)
            .map_err(|fault| Fault::not_genuine(what, format!("is no record: {fault}")))?;
        if let Some(error) = &error {
            let of: ErrorRecord = json(error, what)?;
            if of.build_id != record.build_id {
                return Err(Fault::not_genuine(
                    what,
                    format!("has an error of another build, {:?}", of.build_id),
                ));
            }
        }
        Ok(Self { record, bytes, error, log: None, as_written: true })
    }

    /// The record that the frontend has attested of the image with this digest. What the build knows and the frontend does not is
    /// added: the image's digest, and where the log is.
    ///
    /// # Errors
    /// It is none, or of another image.
    pub fn attested(statement: &Statement, image: &str, what: &str) -> Result<Self> {
        let RecordPredicate { mut record, evidence } = statement.predicate(what)?;
        reports::check(&record)
            .map_err(|fault| Fault::not_genuine(what, format!("is no record: {fault}")))?;
        record.result.image_digest.get_or_insert_with(|| image.to_owned());
        let log = (!evidence.is_empty()).then(|| evidence.into_bytes());
        if record.evidence.is_none()
            && let Some(log) = &log
        {
            let path = reports::evidence_path(&record.build_id).to_string_lossy().into_owned();
            record.evidence = Some(Pointer { path, digest: Some(digest_of(log)) });
        }
        let bytes = reports::bytes(&record).map_err(|fault| Fault::not_genuine(what, fault.to_string()))?;
        let found = Self { record, bytes, error: None, log, as_written: false };
        found.is_of(&[image], what)?;
        Ok(found)
    }

    /// Makes sure that it is the record of one of these images.
    ///
    /// # Errors
    /// It is of another, or of none.
    pub fn is_of(&self, images: &[&str], what: &str) -> Result<()> {
        match self.record.result.image_digest.as_deref() {
            Some(digest) if images.contains(&digest) => Ok(()),
            Some(other) => Err(Fault::not_genuine(what, format!("is a record of the image {other}"))),
            None => Err(Fault::not_genuine(what, "is a record of no image")),
        }
    }
}
