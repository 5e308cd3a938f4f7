//! The list of referrers that clients keep where the registry does not: an index under the tag `sha256-<hex>`.
//!
//! Anybody may overwrite it, and most registries compare nothing before they do (`If-Match` is sent all the same, for those that
//! do). So who adds an entry looks again after a while, and adds it again where somebody has written over it. Nobody writes what
//! was read longer ago than half of that while: then whoever was written over is still looking.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::document::{Descriptor, Found, media};
use super::fault::{Fault, Result, Why};
use super::manifests::{Outcome, Unless};
use super::name::Name;
use super::repository::Repository;
use super::transport::jittered;

/// How often a list is written before we say that it cannot be done: with many who write at once most are written over.
const ROUNDS: u32 = 200;

/// The list, as it was read.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// All of it, also what we do not know.
    index: Map<String, Value>,
    etag: Option<String>,
    read: Instant,
}

/// The tag under which the list of a manifest is kept: the digest with a `-`, each of its parts cut to what a tag may hold.
pub(crate) fn tag(subject: &str) -> String {
    let (algorithm, digits) = subject.split_once(':').unwrap_or((subject, ""));
    let cut = |text: &str, length: usize| text.chars().take(length).collect::<String>();
    format!("{}-{}", cut(algorithm, 32), cut(digits, 64))
}

impl Kept {
    /// The entries that can be read.
    pub(super) fn entries(&self) -> Vec<Descriptor> {
        let manifests = self.index.get("manifests").and_then(Value::as_array);
        let entries = manifests.into_iter().flatten();
        entries.filter_map(|entry| serde_json::from_value(entry.clone()).ok()).collect()
    }

    fn has(&self, digest: &str) -> bool {
        self.entries().iter().any(|entry| entry.digest == digest)
    }

    /// The list with more entries.
    fn with(&self, entries: &[Descriptor]) -> Result<Found> {
        let mut index = self.index.clone();
        let manifests = index.entry("manifests").or_insert_with(|| json!([]));
        let fault = |fault: String| Fault::not_genuine("the list of referrers", fault);
        let list = manifests
            .as_array_mut()
            .ok_or_else(|| fault("has a member `manifests` that is no list".into()))?;
        for entry in entries {
            list.push(serde_json::to_value(entry).map_err(|why| fault(why.to_string()))?);
        }
        let bytes = serde_json::to_vec(&index).map_err(|why| fault(why.to_string()))?;
        Ok(Found { descriptor: Descriptor::of(media::INDEX, &bytes), bytes })
    }
}

impl Repository {
    /// The list that clients keep of what refers to `subject`; nothing where there is none.
    ///
    /// # Errors
    /// Nobody could look, or what is there is no list.
    pub(super) fn fallback(&self, subject: &str) -> Result<Option<Kept>> {
        let read = Instant::now();
        let tag = tag(subject);
        let Some((found, etag)) = self.tagged(&Name::Tag(tag.clone()))? else { return Ok(None) };
        let fault = || Fault::not_genuine(self.called(&format!(":{tag}")), "is no list of referrers");
        let index: Map<String, Value> = serde_json::from_slice(&found.bytes).map_err(|_| fault())?;
        match index.get("manifests") {
            Some(Value::Array(_)) => Ok(Some(Kept { index, etag, read })),
            _ => Err(fault()),
        }
    }

    /// Makes sure that the list has these entries, and keeps them. Says which it did not have.
    ///
    /// # Errors
    /// The registry does not take it, nobody could ask, or others write faster than anybody can add.
    pub(super) fn keep_listed(&self, subject: &str, entries: &[Descriptor]) -> Result<BTreeSet<String>> {
        let settle = self.patience().settle;
        let mut added = BTreeSet::new();
        if entries.is_empty() {
            return Ok(added);
        }
        let name = Name::Tag(tag(subject));
        let mut written = false;
        for _ in 0..ROUNDS {
            let kept = self.fallback(subject)?.unwrap_or_else(empty);
            let missing: Vec<Descriptor> =
                entries.iter().filter(|entry| !kept.has(&entry.digest)).cloned().collect();
            if missing.is_empty() {
                if !written {
                    return Ok(added);
                }
                // Written, and seen: now it has to stay.
                written = false;
                std::thread::sleep(settle.saturating_add(jittered(settle / 8)));
                continue;
            }
            added.extend(missing.iter().map(|entry| entry.digest.clone()));
            let index = kept.with(&missing)?;
            if kept.read.elapsed() > settle / 2 {
                continue;
            }
            let unless = kept.etag.clone().map_or(Unless::Never, Unless::Changed);
            match self.put_unless(&name, &index, &unless)? {
                Outcome::Put(_) => written = true,
                Outcome::Overtaken => {}
            }
            // Those who write at once do not do so again.
            std::thread::sleep(jittered(settle / 16));
        }
        let why = Why::Broken(format!("others write over its list of referrers, {ROUNDS} times by now"));
        Err(Fault::could_not_look(self.called(&name.to_string()), why))
    }
}

fn empty() -> Kept {
    let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": []});
    let Value::Object(index) = index else { unreachable!("an object is written above") };
    Kept { index, etag: None, read: Instant::now() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_the_specifications() {
        assert_eq!(tag(&format!("sha256:{}", "a".repeat(64))), format!("sha256-{}", "a".repeat(64)));
        assert_eq!(tag(&format!("sha512:{}", "b".repeat(128))), format!("sha512-{}", "b".repeat(64)));
    }

    #[test]
    fn what_others_have_written_stays() {
        let index: Value =
            json!({"schemaVersion": 2, "x-theirs": 1, "manifests": [{"digest": "sha256:a", "theirs": true}]});
        let Value::Object(index) = index else { panic!() };
        let kept = Kept { index, etag: None, read: Instant::now() };
        let found = kept.with(&[Descriptor::of("text/plain", b"x")]).unwrap();
        let back: Value = serde_json::from_slice(&found.bytes).unwrap();
        assert_eq!((&back["x-theirs"], &back["manifests"][0]["theirs"]), (&json!(1), &json!(true)));
        assert_eq!(back["manifests"].as_array().unwrap().len(), 2);
    }
}
