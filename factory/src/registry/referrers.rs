//! What refers to a manifest: listed, and added to.
//!
//! A list is never believed. Whatever it says of an entry, the entry's own manifest is fetched, checked against its digest, and
//! counts if it names the subject: registries, and clients that keep the list themselves, get kinds and annotations wrong.

use std::collections::BTreeSet;

use super::document::{Artifact, Descriptor, Document, Found, media};
use super::fault::{Fault, Result};
use super::name::{Name, is_digest};
use super::pages;
use super::repository::Repository;
use super::transport::header;

/// What a page of a list may come to.
const LONGEST_PAGE: u64 = 8 << 20;
/// More entries than anybody looks through.
const MOST: usize = 20_000;

/// Something that refers to a manifest, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Media type, digest, size, with the kind and the annotations of the manifest itself.
    pub descriptor: Descriptor,
    /// Its manifest.
    pub manifest: super::document::Manifest,
}

impl Referrer {
    /// What kind of artifact it is.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.manifest.kind()
    }

    /// A found manifest as a referrer of `subject`, where it is one.
    pub(crate) fn of(found: &Found, subject: &str) -> Result<Option<Self>> {
        let document = found.document()?;
        if document.subject().is_none_or(|about| about.digest != subject) {
            return Ok(None);
        }
        let descriptor = Descriptor {
            artifact_type: document.kind().map(str::to_owned),
            annotations: document.annotations().clone(),
            ..found.descriptor.clone()
        };
        let manifest = match document {
            Document::Manifest(manifest) => manifest,
            Document::Index(index) => super::document::Manifest {
                artifact_type: index.artifact_type,
                subject: index.subject,
                annotations: index.annotations,
                ..super::document::Manifest::default()
            },
        };
        Ok(Some(Self { descriptor, manifest }))
    }
}

/// What became of an artifact that was attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Its manifest.
    pub descriptor: Descriptor,
    /// It was there and listed already.
    pub known: bool,
}

impl Repository {
    /// What refers to the manifest with the digest `subject`, of one kind or of all, by what the referrers themselves say. From the
    /// registry's own list, and from the index that clients keep where it has none.
    ///
    /// # Errors
    /// Nobody could look: at the lists, or at one of the entries.
    pub fn referrers(&self, subject: &str, kind: Option<&str>) -> Result<Vec<Referrer>> {
        let mut digests = BTreeSet::new();
        let listed = self.listed(subject, kind)?;
        let kept = self.fallback(subject)?;
        for entry in listed.into_iter().flatten().chain(kept.map(|kept| kept.entries()).unwrap_or_default()) {
            if is_digest(&entry.digest) {
                digests.insert(entry.digest);
            }
        }
        if digests.len() > MOST {
            return Err(Fault::not_genuine(
                self.called(&format!("@{subject}")),
                format!("has {} referrers, more than {MOST}", digests.len()),
            ));
        }
        let mut found = Vec::new();
        for digest in digests {
            // An entry whose manifest has been deleted is an entry of nothing.
            let Some(manifest) = self.manifest(&Name::Digest(digest))? else { continue };
            if let Some(referrer) = Referrer::of(&manifest, subject)?
                && kind.is_none_or(|kind| referrer.kind() == kind)
            {
                found.push(referrer);
            }
        }
        Ok(found)
    }

    /// The registry's own list; nothing where it has none.
    pub(super) fn listed(&self, subject: &str, kind: Option<&str>) -> Result<Option<Vec<Descriptor>>> {
        let what = self.called(&format!("@{subject} (its referrers)"));
        if !is_digest(subject) {
            return Err(Fault::not_genuine(what, "are of what is no digest that can be checked"));
        }
        let filter = kind.map(|kind| format!("?artifactType={}", encoded(kind))).unwrap_or_default();
        let url = self.path(&format!("referrers/{subject}{filter}"));
        let mut entries = Vec::new();
        let there = pages::each(self, url, &what, LONGEST_PAGE, |text| {
            let said = header(&text.headers, "content-type").unwrap_or_default();
            match Document::parse(&text.bytes) {
                Ok(Document::Index(index)) => entries.extend(index.manifests),
                // A web page for every address is how some servers say that they do not know it.
                _ if !said.starts_with(media::INDEX) => return Ok(false),
                _ => return Err(Fault::not_genuine(what.as_str(), "are no list")),
            }
            Ok(true)
        })?;
        Ok(there.then_some(entries))
    }

    /// Pushes an artifact and makes sure that it is found among the referrers of its subject, also where the registry does not do
    /// that itself, and while others attach theirs. What is there already is left as it is.
    ///
    /// # Errors
    /// The registry does not take it, or nobody could ask.
    pub fn attach(&self, artifact: &Artifact) -> Result<Attached> {
        let mut attached = self.attach_all(std::slice::from_ref(artifact))?;
        attached.pop().ok_or_else(|| Fault::Missing("artifact to attach".to_owned()))
    }

    /// The same for several; entries of one subject are added to its list in one go.
    ///
    /// # Errors
    /// As [`Repository::attach`]; those before the one that failed are pushed, and a second try completes the rest.
    pub fn attach_all(&self, artifacts: &[Artifact]) -> Result<Vec<Attached>> {
        let mut attached = Vec::new();
        let mut unlisted: Vec<(String, Vec<Descriptor>)> = Vec::new();
        for artifact in artifacts {
            let found = artifact.manifest();
            let name = Name::Digest(found.digest().to_owned());
            let known = self.head(&name)?.is_some();
            let mut seen = false;
            if !known {
                self.put_blob(media::EMPTY, super::document::EMPTY_CONFIG)?;
                for (descriptor, bytes) in &artifact.files {
                    self.put_blob(&descriptor.media_type, bytes)?;
                }
            }
            if !known || artifact.subject.is_some() {
                // Also of one that is there: whether the registry lists it is what the answer says.
                seen = self.put_manifest(&name, &found)?.subject_seen;
            }
            let descriptor = Descriptor {
                artifact_type: Some(artifact.artifact_type.clone()),
                annotations: artifact.annotations.clone(),
                ..found.descriptor
            };
            if let Some(subject) = artifact.subject.as_ref().filter(|_| !seen) {
                match unlisted.iter_mut().find(|(of, _)| *of == subject.digest) {
                    Some((_, entries)) => entries.push(descriptor.clone()),
                    None => unlisted.push((subject.digest.clone(), vec![descriptor.clone()])),
                }
            }
            attached.push(Attached { descriptor, known });
        }
        for (subject, entries) in unlisted {
            let listed = self.listed(&subject, None)?.unwrap_or_default();
            let missing: Vec<Descriptor> = entries
                .into_iter()
                .filter(|entry| !listed.iter().any(|one| one.digest == entry.digest))
                .collect();
            let added = self.keep_listed(&subject, &missing)?;
            for one in attached.iter_mut().filter(|one| added.contains(&one.descriptor.digest)) {
                one.known = false;
            }
        }
        Ok(attached)
    }
}

/// A media type as a part of a query.
fn encoded(kind: &str) -> String {
    let mut text = String::new();
    for byte in kind.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_into_queries() {
        assert_eq!(encoded("application/spdx+json"), "application%2Fspdx%2Bjson");
    }
}
