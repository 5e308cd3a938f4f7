//! DSSE envelopes: a payload, what kind it is, and signatures over both.

use base64::Engine as _;
use base64::alphabet::{STANDARD as STANDARD_LETTERS, URL_SAFE as URL_LETTERS};
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::key::{KeyId, PrivateKey, PublicKey};

/// The kind of payload that in-toto statements are.
pub const STATEMENT: &str = "application/vnd.in-toto+json";
/// The most signatures of one envelope that are looked at.
const MOST_SIGNATURES: usize = 16;

/// An envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The payload, in base64.
    payload: String,
    /// What kind of payload it is.
    payload_type: String,
    /// Signatures over both. We write one: several readers refuse more.
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    /// Nobody relies on it, but some readers want it to be there.
    #[serde(default)]
    keyid: Option<String>,
    sig: String,
}

impl Envelope {
    /// Signs `payload`, which is of the kind `payload_type`. The same payload and key give the same envelope.
    #[must_use]
    pub fn sign(payload: &[u8], payload_type: &str, key: &PrivateKey) -> Self {
        let signature = key.sign(&signed_bytes(payload_type, payload));
        Self {
            payload: STANDARD.encode(payload),
            payload_type: payload_type.to_owned(),
            signatures: vec![Signature { keyid: Some(String::new()), sig: STANDARD.encode(signature) }],
        }
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(json: &[u8]) -> Result<Self, Fault> {
        let envelope: Self =
            serde_json::from_slice(json).map_err(|fault| Fault::malformed("envelope", fault))?;
        envelope.checked()
    }

    /// The envelope, if its form is right.
    pub(super) fn checked(self) -> Result<Self, Fault> {
        match self.signatures.len() {
            0 => Err(Fault::malformed("envelope", "it has no signature")),
            count if count > MOST_SIGNATURES => Err(Fault::malformed(
                "envelope",
                format!("it has {count} signatures, more than {MOST_SIGNATURES}"),
            )),
            _ => Ok(self),
        }
    }

    /// The payload, whoever has signed it.
    ///
    /// # Errors
    /// It is not in base64.
    pub fn payload(&self) -> Result<Vec<u8>, Fault> {
        decode(&self.payload).ok_or_else(|| Fault::malformed("envelope", "its payload is broken base64"))
    }

    /// What kind of payload it is.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// What is signed of it.
    ///
    /// # Errors
    /// Its payload is not in base64.
    pub fn message(&self) -> Result<Vec<u8>, Fault> {
        Ok(signed_bytes(&self.payload_type, &self.payload()?))
    }

    /// Its signature, where it has one.
    ///
    /// # Errors
    /// It has several, or one that is not in base64.
    pub fn signature(&self) -> Result<Vec<u8>, Fault> {
        match &self.signatures[..] {
            [one] => {
                decode(&one.sig).ok_or_else(|| Fault::malformed("envelope", "its signature is broken base64"))
            }
            all => Err(Fault::malformed("envelope", format!("it has {} signatures, not one", all.len()))),
        }
    }

    /// The first of `keys` that has signed it.
    #[must_use]
    pub fn signer(&self, keys: &[PublicKey]) -> Option<KeyId> {
        let payload = decode(&self.payload)?;
        let message = signed_bytes(&self.payload_type, &payload);
        let signatures: Vec<Vec<u8>> = self.signatures.iter().filter_map(|one| decode(&one.sig)).collect();
        let signed = |key: &&PublicKey| signatures.iter().any(|signature| key.verifies(&message, signature));
        keys.iter().find(signed).map(PublicKey::id)
    }
}

/// What is signed: DSSE's pre-authentication encoding, version 1.
fn signed_bytes(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// Standard or URL-safe letters, with or without padding: DSSE allows its readers no less.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let letters = if text.contains(['-', '_']) { URL_LETTERS } else { STANDARD_LETTERS };
    GeneralPurpose::new(&letters, lenient).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::key::KeyKind;

    #[test]
    fn the_encoding_is_dsses() {
        // The example of the DSSE specification.
        assert_eq!(
            signed_bytes("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn only_the_signer_has_signed() {
        let (ours, other) = (
            PrivateKey::generate(KeyKind::EcdsaP256).unwrap(),
            PrivateKey::generate(KeyKind::Ed25519).unwrap(),
        );
        let envelope = Envelope::sign(b"{}", STATEMENT, &ours);
        assert_eq!(envelope.signer(&[other.public(), ours.public()]), Some(ours.public().id()));
        assert_eq!(envelope.signer(&[other.public()]), None);
        assert_eq!(envelope.signer(&[]), None);
        assert_eq!(envelope.payload().unwrap(), b"{}");
        let json = serde_json::to_vec(&envelope).unwrap();
        assert_eq!(Envelope::parse(&json).unwrap(), envelope);
    }

    #[test]
    fn whatever_is_changed_is_signed_no_more() {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        let keys = [key.public()];
        let envelope = Envelope::sign(b"{\"a\":1}", STATEMENT, &key);
        let mut changed = vec![
            Envelope { payload: STANDARD.encode(b"{\"a\":2}"), ..envelope.clone() },
            Envelope { payload_type: "application/json".into(), ..envelope.clone() },
            Envelope { payload: "!".into(), ..envelope.clone() },
        ];
        // A signature over the payload alone, and one of another payload.
        let of = |bytes: &[u8]| {
            let sig = STANDARD.encode(key.sign(bytes));
            Envelope { signatures: vec![Signature { keyid: None, sig }], ..envelope.clone() }
        };
        changed.push(of(b"{\"a\":1}"));
        changed.push(Envelope {
            signatures: Envelope::sign(b"{}", STATEMENT, &key).signatures,
            ..envelope.clone()
        });
        assert!(changed.iter().all(|one| one.signer(&keys).is_none()), "{changed:#?}");
        // What the signature does not cover may change: who is said to have signed.
        let mut named = envelope;
        named.signatures[0].keyid = Some("somebody".into());
        assert!(named.signer(&keys).is_some());
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"payload": "", "payloadType": "", "signatures": []}"#,
            r#"{"payload": 1, "payloadType": "", "signatures": [{"sig": ""}]}"#,
            r#"{"payload": "", "payload": "", "payloadType": "", "signatures": [{"sig": ""}]}"#,
        ] {
            assert!(Envelope::parse(text.as_bytes()).is_err(), "{text}");
        }
        let many = format!(
            r#"{{"payload": "", "payloadType": "", "signatures": [{}]}}"#,
            vec![r#"{"sig": ""}"#; 17].join(",")
        );
        assert!(Envelope::parse(many.as_bytes()).is_err());
    }

    #[test]
    fn base64_is_read_in_both_alphabets() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(decode(text), Some(vec![0xfb, 0xff]), "{text}");
        }
        assert_eq!(decode("+_8="), None);
    }
}
