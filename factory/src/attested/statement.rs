//! In-toto statements: as they are, in an envelope, or in a bundle with a signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::registry::{Fault, Result, media};
pub use crate::signing::Subject;

/// How a statement came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Beside the image in its index, as it is.
    Index,
    /// In an envelope with signatures. They have not been looked at.
    Envelope,
}

/// A statement that is about the image it was found at.
#[derive(Debug, Clone)]
pub struct Statement {
    /// What kind of thing is said.
    pub predicate_type: String,
    /// What it is about; empty where only the place says that.
    pub subjects: Vec<Subject>,
    /// What is said, as it was written.
    pub predicate: Box<RawValue>,
    /// The whole statement, as it was written.
    pub bytes: Vec<u8>,
    /// How it came.
    pub origin: Origin,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvelopeJson {
    payload_type: String,
    payload: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BundleJson {
    dsse_envelope: Option<EnvelopeJson>,
}

impl Statement {
    /// Whether a blob of this media type is a statement.
    #[must_use]
    pub fn is_one(media_type: &str) -> bool {
        media_type == media::IN_TOTO || is_envelope(media_type)
    }

    /// The statement in a blob of an attestation manifest.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(bytes: Vec<u8>, media_type: &str, what: &str) -> Result<Self> {
        match is_envelope(media_type) {
            true => {
                let envelope: EnvelopeJson = json(&bytes, what)?;
                Self::opened(&envelope, what)?.ok_or_else(|| {
                    Fault::not_genuine(what, format!("holds {:?}, not a statement", envelope.payload_type))
                })
            }
            false => Self::of(bytes, Origin::Index, what),
        }
    }

    /// The statement in a bundle; nothing where the bundle signs something else.
    ///
    /// # Errors
    /// What is no bundle, or holds what is no statement though it says so.
    pub fn bundled(bytes: &[u8], what: &str) -> Result<Option<Self>> {
        let bundle: BundleJson = json(bytes, what)?;
        bundle.dsse_envelope.map_or(Ok(None), |envelope| Self::opened(&envelope, what))
    }

    fn opened(envelope: &EnvelopeJson, what: &str) -> Result<Option<Self>> {
        if envelope.payload_type != media::IN_TOTO {
            return Ok(None);
        }
        let payload = STANDARD.decode(&envelope.payload);
        let payload = payload.map_err(|fault| Fault::not_genuine(what, format!("is no base64: {fault}")))?;
        Self::of(payload, Origin::Envelope, what).map(Some)
    }

    fn of(bytes: Vec<u8>, origin: Origin, what: &str) -> Result<Self> {
        let read = crate::signing::Statement::parse(&bytes)
            .map_err(|fault| Fault::not_genuine(what, format!("cannot be read: {fault}")))?;
        let (subjects, predicate) = (read.subject, read.predicate);
        Ok(Self { predicate_type: read.predicate_type, subjects, predicate, bytes, origin })
    }

    /// Makes sure that it is about one of these digests. A statement without a subject is about what it was found at.
    ///
    /// # Errors
    /// It is about something else.
    pub fn is_about(&self, digests: &[&str], what: &str) -> Result<()> {
        let fits = |subject: &Subject| {
            let named = |(algorithm, digits): (&String, &String)| {
                digests.iter().any(|digest| digest.split_once(':') == Some((algorithm, digits)))
            };
            subject.digest.iter().any(named)
        };
        if self.subjects.is_empty() || self.subjects.iter().any(fits) {
            return Ok(());
        }
        let named = self.subjects.iter().flat_map(|subject| &subject.digest);
        let named: Vec<String> =
            named.take(3).map(|(algorithm, digits)| format!("{algorithm}:{digits}")).collect();
        Err(Fault::not_genuine(
            what,
            format!("is about {}, not about {}", named.join(", "), digests.join(" or ")),
        ))
    }

    /// What is said, as a value.
    ///
    /// # Errors
    /// It is another than `T`.
    pub fn predicate<'s, T: Deserialize<'s>>(&'s self, what: &str) -> Result<T> {
        json(self.predicate.get().as_bytes(), what)
    }
}

fn is_envelope(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.in-toto.") && media_type.ends_with("+dsse")
        || media_type == "application/vnd.dsse.envelope.v1+json"
}

pub(super) fn json<'j, T: Deserialize<'j>>(bytes: &'j [u8], what: &str) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|fault| Fault::not_genuine(what, format!("cannot be read: {fault}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DIGEST: &str = "sha256:aa";
    const TYPES: [&str; 2] = ["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"];

    fn statement(kind: &str, subject: &serde_json::Value) -> Vec<u8> {
        json!({"_type": kind, "predicateType": "x", "subject": subject, "predicate": {"b": 1, "a": 2}})
            .to_string()
            .into()
    }

    #[test]
    fn both_versions_are_read_and_held_against_the_image() {
        let right = json!([{"name": "pkg:docker/x", "digest": {"sha256": "aa"}}]);
        for kind in TYPES {
            for subject in [&right, &json!([]), &json!(null)] {
                let found = Statement::parse(statement(kind, subject), media::IN_TOTO, "it").unwrap();
                assert_eq!(found.origin, Origin::Index);
                found.is_about(&[DIGEST], "it").unwrap();
            }
        }
        let wrong = json!([{"digest": {"sha256": "bb", "sha512": "aa"}}]);
        let found = Statement::parse(statement(TYPES[1], &wrong), media::IN_TOTO, "it").unwrap();
        let fault = found.is_about(&[DIGEST], "it").unwrap_err();
        assert!(matches!(&fault, Fault::NotGenuine { .. }), "{fault}");
        assert!(Statement::parse(statement("https://x", &right), media::IN_TOTO, "it").is_err());
    }

    #[test]
    fn envelopes_and_bundles_are_opened() {
        let inner = statement(TYPES[1], &json!([]));
        let envelope =
            json!({"payloadType": media::IN_TOTO, "payload": STANDARD.encode(&inner), "signatures": []});
        for media_type in ["application/vnd.in-toto.spdx+dsse", "application/vnd.dsse.envelope.v1+json"] {
            assert!(Statement::is_one(media_type));
            let found = Statement::parse(envelope.to_string().into(), media_type, "it").unwrap();
            assert_eq!((found.bytes, found.origin), (inner.clone(), Origin::Envelope));
        }
        let bundle = json!({"mediaType": "b", "dsseEnvelope": envelope}).to_string();
        assert!(Statement::bundled(bundle.as_bytes(), "it").unwrap().is_some());
        assert!(Statement::bundled(br#"{"messageSignature": {}}"#, "it").unwrap().is_none());
        assert!(Statement::bundled(b"[]", "it").is_err());
    }
}
