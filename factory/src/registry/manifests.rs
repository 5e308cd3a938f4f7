//! Manifests and tags.

use ureq::http::Method;

use super::document::{Descriptor, Document, Found, media};
use super::fault::{Fault, Result};
use super::name::{Name, checked, digest_of, is_digest};
use super::pages;
use super::repository::{Repository, refused, unexpected};
use super::transport::{Request, Text, header};

/// What registries take as a manifest, and more than any needs.
pub(super) const LONGEST_MANIFEST: u64 = 4 << 20;
/// What a page of tags may come to.
const LONGEST_TAGS: u64 = 4 << 20;

/// What became of a manifest that was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// The registry says (`OCI-Subject`) that it lists the manifest among the referrers of its subject.
    pub subject_seen: bool,
}

/// On which condition a tag is given to another manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unless {
    /// On none.
    Never,
    /// It is another than the one with this entity tag by now.
    Changed(String),
}

/// What became of a push on a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is there.
    Put(Put),
    /// Somebody else was faster.
    Overtaken,
}

impl Repository {
    /// A manifest or an index by its tag or its digest, its bytes checked against the digest; nothing where there is none.
    ///
    /// # Errors
    /// Nobody could look, or what came is not what it is said to be.
    pub fn manifest(&self, name: &Name) -> Result<Option<Found>> {
        Ok(self.tagged(name)?.map(|(found, _)| found))
    }

    /// The manifest with its entity tag, where the registry gives one.
    pub(super) fn tagged(&self, name: &Name) -> Result<Option<(Found, Option<String>)>> {
        let what = self.called(&name.to_string());
        if let Name::Digest(digest) = name
            && !is_digest(digest)
        {
            return Err(Fault::not_genuine(what, "is called by what is no digest that can be checked"));
        }
        let url = self.path(&format!("manifests/{}", name.as_str()));
        let text = self.ask(Method::GET, url, vec![("Accept", accepted())], &what, LONGEST_MANIFEST)?;
        match text.status {
            200 => {
                let etag = header(&text.headers, "etag").map(str::to_owned);
                Ok(Some((found(text, name, &what)?, etag)))
            }
            404 => Ok(None),
            status => Err(unexpected(&what, status, &text.bytes)),
        }
    }

    /// What a tag or a digest leads to, without its bytes; nothing where there is none. Of a tag this is what the registry says.
    ///
    /// # Errors
    /// Nobody could look, or what came is not what it is said to be.
    pub fn head(&self, name: &Name) -> Result<Option<Descriptor>> {
        let what = self.called(&name.to_string());
        let url = self.path(&format!("manifests/{}", name.as_str()));
        let text = self.ask(Method::HEAD, url, vec![("Accept", accepted())], &what, LONGEST_MANIFEST)?;
        let described =
            header(&text.headers, "docker-content-digest").zip(header(&text.headers, "content-length"));
        match (text.status, described) {
            (404, _) => Ok(None),
            (200, Some((digest, length))) if is_digest(digest) => {
                if let Name::Digest(wanted) = name
                    && wanted != digest
                {
                    return Err(Fault::not_genuine(what, format!("has the digest {digest}")));
                }
                let size = length.parse().unwrap_or(0);
                let media_type = media_type(&text.headers);
                Ok(Some(Descriptor { media_type, digest: digest.to_owned(), size, ..Descriptor::default() }))
            }
            // Not all registries answer this question, or say the digest with it.
            _ => Ok(self.manifest(name)?.map(|found| found.descriptor)),
        }
    }

    /// Puts a manifest under its digest, or under a tag.
    ///
    /// # Errors
    /// The registry does not take it, or nobody could ask.
    pub fn put_manifest(&self, name: &Name, manifest: &Found) -> Result<Put> {
        match self.put_unless(name, manifest, &Unless::Never)? {
            Outcome::Put(put) => Ok(put),
            Outcome::Overtaken => Err(refused(&self.called(&name.to_string()), 412, b"")),
        }
    }

    /// The same on a condition, which registries that do not know it pass over.
    pub(super) fn put_unless(&self, name: &Name, manifest: &Found, unless: &Unless) -> Result<Outcome> {
        let what = self.called(&name.to_string());
        let scope = self.push();
        let mut headers = vec![("Content-Type", manifest.descriptor.media_type.clone())];
        if let Unless::Changed(etag) = unless {
            headers.push(("If-Match", etag.clone()));
        }
        let request = Request {
            method: Method::PUT,
            url: self.path(&format!("manifests/{}", name.as_str())),
            headers,
            body: Some(&manifest.bytes),
            scope: &scope,
            what: &what,
            // The same bytes under the same name: twice is once.
            again: true,
        };
        let text = self.transport.fetch(&request, LONGEST_MANIFEST)?;
        match text.status {
            200..300 => {
                let seen = header(&text.headers, "oci-subject").is_some();
                Ok(Outcome::Put(Put { subject_seen: seen }))
            }
            412 => Ok(Outcome::Overtaken),
            status => Err(refused(&what, status, &text.bytes)),
        }
    }

    /// All tags, in order; nothing where there is no such repository.
    ///
    /// # Errors
    /// Nobody could look.
    pub fn tags(&self) -> Result<Option<Vec<String>>> {
        #[derive(serde::Deserialize)]
        struct TagsJson {
            #[serde(default)]
            tags: Option<Vec<String>>,
        }
        let what = self.called(" (its tags)");
        let mut tags = Vec::new();
        let there = pages::each(self, self.path("tags/list?n=1000"), &what, LONGEST_TAGS, |text| {
            let json: TagsJson = serde_json::from_slice(&text.bytes)
                .map_err(|fault| Fault::not_genuine(what.as_str(), format!("are no list: {fault}")))?;
            tags.extend(json.tags.unwrap_or_default());
            Ok(true)
        })?;
        tags.sort();
        tags.dedup();
        Ok(there.then_some(tags))
    }
}

fn accepted() -> String {
    [media::INDEX, media::MANIFEST, media::DOCKER_LIST, media::DOCKER_MANIFEST].join(", ")
}

fn media_type(headers: &ureq::http::HeaderMap) -> String {
    let said = header(headers, "content-type").unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim().to_owned()
}

fn found(text: Text, name: &Name, what: &str) -> Result<Found> {
    let said = header(&text.headers, "docker-content-digest").map(str::to_owned);
    let digest = match (name, said) {
        (Name::Digest(wanted), _) => wanted.clone(),
        (Name::Tag(_), Some(said)) if is_digest(&said) => said,
        (Name::Tag(_), _) => digest_of(&text.bytes),
    };
    let said = media_type(&text.headers);
    described(checked(text.bytes, &digest, what)?, digest, &said)
}

/// A manifest with its media type: what it says of itself, which its digest covers, else what it was sent as.
pub(crate) fn described(bytes: Vec<u8>, digest: String, said: &str) -> Result<Found> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Itself {
        media_type: Option<String>,
    }
    let itself = serde_json::from_slice::<Itself>(&bytes).ok().and_then(|itself| itself.media_type);
    let known = [media::INDEX, media::MANIFEST, media::DOCKER_LIST, media::DOCKER_MANIFEST].contains(&said);
    let media_type = match (itself, Document::parse(&bytes)) {
        (Some(itself), _) => itself,
        (None, _) if known => said.to_owned(),
        (None, Ok(Document::Index(_))) => media::INDEX.to_owned(),
        (None, _) => media::MANIFEST.to_owned(),
    };
    let size = bytes.len() as u64;
    Ok(Found { descriptor: Descriptor { media_type, digest, size, ..Descriptor::default() }, bytes })
}
