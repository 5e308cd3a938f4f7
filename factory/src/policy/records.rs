//! Which records count: of each product, on the image's platform, the newest.

use llb_gen::record::{RECORD_PREDICATE_TYPE, Record, SCHEMA_VERSION, Verdict};
use serde::Deserialize;

use super::evidence::{Attestation, PlatformLook};
use super::time::seconds;

/// The predicate of our records, as far as policies ask: what else is in it is evidence.
#[derive(Deserialize)]
struct Predicate {
    record: Record,
}

/// The records of an image.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// The newest of each product: one in all but odd cases.
    pub(crate) current: Vec<Record>,
    /// Those that cannot be read or are about something else, and why. They refuse whatever asks for a record: what they would
    /// say, nobody knows.
    pub(crate) broken: Vec<String>,
}

impl Records {
    /// Those among `attestations`.
    pub(crate) fn of<'a>(of: &PlatformLook, attestations: impl Iterator<Item = &'a Attestation>) -> Self {
        let mut all: Vec<Record> = Vec::new();
        let mut broken = Vec::new();
        for one in attestations.filter(|one| one.statement.predicate_type == RECORD_PREDICATE_TYPE) {
            match read(one, of) {
                Ok(record) => all.push(record),
                Err(why) => broken.push(format!("the record in {} {why}", one.digest)),
            }
        }
        all.sort_by(|a, b| (&a.selection_key, age(a)).cmp(&(&b.selection_key, age(b))));
        let mut current: Vec<Record> = Vec::new();
        for record in all {
            match current.last_mut().filter(|last| last.selection_key == record.selection_key) {
                Some(last) => *last = record,
                None => current.push(record),
            }
        }
        Self { current, broken }
    }
}

/// Later is newer. A record without a time is older than any that passes and newer than any that does not: of two that nobody
/// can put in order, the one that refuses counts.
fn age(record: &Record) -> (i64, bool) {
    let passes = record.result.status == Verdict::Pass;
    let undated = if passes { i64::MIN } else { i64::MAX };
    (tested_at(record).unwrap_or(undated), !passes)
}

/// When the record's tests really ran, in seconds since 1970.
pub(crate) fn tested_at(record: &Record) -> Option<i64> {
    record.result.tested_at.as_deref().and_then(seconds)
}

fn read(attestation: &Attestation, of: &PlatformLook) -> Result<Record, String> {
    let predicate: Predicate = serde_json::from_str(attestation.statement.predicate.get())
        .map_err(|fault| format!("is not as its schema says: {fault}"))?;
    let record = predicate.record;
    if record.schema_version != SCHEMA_VERSION {
        return Err(format!("has the form {} instead of {SCHEMA_VERSION}", record.schema_version));
    }
    if record.platform.parse().ok().as_ref() != Some(&of.platform) {
        return Err(format!("is for {:?}, not for {}", record.platform, of.platform));
    }
    match &record.result.image_digest {
        Some(digest) if *digest != of.look.digest => Err(format!("is about the image {digest}")),
        _ => Ok(record),
    }
}
