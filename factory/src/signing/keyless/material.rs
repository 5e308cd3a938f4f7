//! What is needed to check a keyless signature, as bundles have it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::signing::dsse::decode;
use crate::signing::fault::Fault;

/// Bytes, in base64.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        writer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = String::deserialize(reader)?;
        decode(&text).map(Self).ok_or_else(|| de::Error::custom("broken base64"))
    }
}

/// A number that is not negative. In JSON it is a text, because it may be longer than numbers are there; both are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Number(pub u64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        writer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number that is not negative")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        reader.deserialize_any(Either)
    }
}

/// What a bundle's signature is checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// Whether the log has to prove that it has the entry: its promise is enough in the oldest form alone.
    pub needs_proof: bool,
    /// The signer's certificate in DER.
    pub leaf: Vec<u8>,
    /// Further certificates of its chain. They are believed only as far as they lead to a trusted root.
    pub chain: Vec<Vec<u8>>,
    /// Entries of transparency logs.
    pub entries: Vec<Entry>,
    /// Answers of time stamp authorities (RFC 3161) in DER.
    pub timestamps: Vec<Vec<u8>>,
}

/// An entry of a transparency log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its place in the whole log.
    #[serde(default)]
    pub log_index: Number,
    /// Which log.
    pub log_id: LogId,
    /// What kind of entry. Not relied on: the body says it too.
    pub kind_version: Option<KindVersion>,
    /// Seconds since 1970; 0 where the log has no clock of its own.
    #[serde(default)]
    pub integrated_time: Number,
    /// The log's promise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inclusion_promise: Option<Promise>,
    /// The proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inclusion_proof: Option<Proof>,
    /// What the log has: which signature of what, by which certificate.
    pub canonicalized_body: Bytes,
}

/// A log by the hash of its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogId {
    /// The hash.
    pub key_id: Bytes,
}

/// What kind of entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindVersion {
    /// `dsse`, `hashedrekord`, …
    pub kind: String,
    /// `0.0.1`, …
    pub version: String,
}

/// The promise of a log that it has an entry since a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promise {
    /// The log's signature of body, time, id and place.
    pub signed_entry_timestamp: Bytes,
}

/// The proof that an entry is in the tree of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// Its place in that tree.
    #[serde(default)]
    pub log_index: Number,
    /// The tree's root.
    #[serde(default)]
    pub root_hash: Bytes,
    /// How many entries the tree has.
    #[serde(default)]
    pub tree_size: Number,
    /// The hashes between the entry and the root.
    #[serde(default)]
    pub hashes: Vec<Bytes>,
    /// The log's signature of the tree.
    pub checkpoint: Option<Checkpoint>,
}

/// A signed tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// As a signed note.
    #[serde(default)]
    pub envelope: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    certificate: Option<CertificateJson>,
    x509_certificate_chain: Option<ChainJson>,
    #[serde(default)]
    tlog_entries: Vec<Entry>,
    timestamp_verification_data: Option<TimestampsJson>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'m> {
    certificate: CertificateJson,
    tlog_entries: &'m [Entry],
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CertificateJson {
    pub(super) raw_bytes: Bytes,
}

#[derive(Deserialize)]
pub(super) struct ChainJson {
    #[serde(default)]
    pub(super) certificates: Vec<CertificateJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimestampsJson {
    #[serde(default)]
    rfc3161_timestamps: Vec<TimestampJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimestampJson {
    signed_timestamp: Bytes,
}

/// The versions of bundles that are known here, by the ends of their media types, and whether the log has to prove what it says.
const VERSIONS: [(&str, bool); 4] = [
    ("+json;version=0.1", false),
    ("+json;version=0.2", true),
    ("+json;version=0.3", true),
    (".v0.3+json", true),
];

impl Material {
    /// Reads a bundle's `verificationMaterial` that has a certificate. `kind` is the bundle's media type without its beginning, which
    /// all versions have.
    ///
    /// # Errors
    /// It is none, or of a version that is not known here.
    pub fn parse(kind: &str, json: &serde_json::Value) -> Result<Self, Fault> {
        let malformed = |why: &str| Fault::malformed("bundle", why);
        let Some((_, needs_proof)) = VERSIONS.iter().find(|(end, _)| *end == kind) else {
            return Err(malformed(&format!("its version is not known here: {kind:?}")));
        };
        let read = Read::deserialize(json).map_err(|fault| Fault::malformed("bundle", fault))?;
        let chain = read.x509_certificate_chain.map(|chain| chain.certificates);
        let all = read.certificate.into_iter().chain(chain.into_iter().flatten());
        let mut all = all.map(|one| one.raw_bytes.0);
        let leaf = all.next().ok_or_else(|| malformed("it has no certificate"))?;
        let timestamps = read.timestamp_verification_data.map(|data| data.rfc3161_timestamps);
        Ok(Self {
            needs_proof: *needs_proof,
            leaf,
            chain: all.collect(),
            entries: read.tlog_entries,
            timestamps: timestamps.into_iter().flatten().map(|one| one.signed_timestamp.0).collect(),
        })
    }

    /// As a bundle of version 0.3 has it: the certificate and the entries.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let certificate = CertificateJson { raw_bytes: Bytes(self.leaf.clone()) };
        serde_json::to_value(Written { certificate, tlog_entries: &self.entries })
            .expect("texts and numbers are JSON")
    }
}

/// The bytes that hexadecimal digits stand for.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    rest.is_empty().then(|| bytes.collect()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_in_both_forms_and_written_as_text() {
        for text in ["\"7\"", "7"] {
            assert_eq!(serde_json::from_str::<Number>(text).unwrap(), Number(7));
        }
        assert_eq!(serde_json::to_string(&Number(7)).unwrap(), "\"7\"");
        for wrong in ["-1", "\"-1\"", "\"\"", "1.5", "null"] {
            assert!(serde_json::from_str::<Number>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hexadecimal_digits_come_in_pairs() {
        assert_eq!(unhex("00fFa0"), Some(vec![0, 255, 160]));
        assert_eq!([unhex("0"), unhex("0g"), unhex("+1")], [None, None, None]);
    }

    #[test]
    fn material_is_read_as_it_is_written() {
        let body = json!({"certificate": {"rawBytes": "AQI="}, "tlogEntries": [{
            "logIndex": "5", "logId": {"keyId": "AA=="}, "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": "9", "inclusionPromise": {"signedEntryTimestamp": "AQ=="},
            "inclusionProof": {"logIndex": "1", "rootHash": "AA==", "treeSize": "2", "hashes": ["AA=="], "checkpoint": {"envelope": "x"}},
            "canonicalizedBody": "e30="}]});
        let material = Material::parse(".v0.3+json", &body).unwrap();
        assert_eq!((material.leaf.as_slice(), material.needs_proof), (&[1, 2][..], true));
        assert_eq!(material.to_json(), body);
        assert!(!Material::parse("+json;version=0.1", &body).unwrap().needs_proof);
        for (kind, changed) in [
            (".v0.9+json", body),
            (".v0.3+json", json!({"x509CertificateChain": {"certificates": []}})),
            (".v0.3+json", json!({"certificate": {"rawBytes": "!"}})),
            (
                ".v0.3+json",
                json!({"certificate": {"rawBytes": "AA=="}, "tlogEntries": [{"logIndex": "-1", "logId": {"keyId": ""}, "canonicalizedBody": ""}]}),
            ),
        ] {
            assert!(Material::parse(kind, &changed).is_err(), "{kind} {changed}");
        }
    }
}
