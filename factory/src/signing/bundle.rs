//! Sigstore's bundles: a signed envelope with what is needed to check it, as JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dsse::Envelope;
use super::fault::Fault;
use super::key::{KeyId, PrivateKey, PublicKey};
use super::keyless::Material;

/// The bundle that we write, and the kind of artifact that bundles are in a registry.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// How the media types of all versions begin.
const MEDIA_TYPES: &str = "application/vnd.dev.sigstore.bundle";

/// Whether a media type is one of bundles, of whatever version.
#[must_use]
pub fn is_bundle(media_type: &str) -> bool {
    media_type.starts_with(MEDIA_TYPES)
}

/// A bundle with an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What is signed, and how.
    pub envelope: Envelope,
    /// What it says about who has signed.
    pub signed_with: SignedWith,
}

/// What a bundle says about its signer. It is a hint: what counts is whose key the signature is checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedWith {
    /// A key of a pair.
    Key,
    /// A key whose certificate is in the bundle: an identity vouches for it, and a log for the time.
    Certificate(Box<Material>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'b> {
    media_type: &'b str,
    verification_material: Value,
    dsse_envelope: &'b Envelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    media_type: String,
    verification_material: Option<Value>,
    dsse_envelope: Option<Envelope>,
    message_signature: Option<Value>,
}

impl Bundle {
    /// Signs a statement. The same statement and key give the same bundle.
    #[must_use]
    pub fn sign(statement: &[u8], key: &PrivateKey) -> Self {
        let envelope = Envelope::sign(statement, super::dsse::STATEMENT, key);
        Self { envelope, signed_with: SignedWith::Key }
    }

    /// As JSON. `key` is what the envelope is signed with.
    #[must_use]
    pub fn to_bytes(&self, key: KeyId) -> Vec<u8> {
        let verification_material = match &self.signed_with {
            SignedWith::Key => json!({"publicKey": {"hint": key.hint()}}),
            SignedWith::Certificate(material) => material.to_json(),
        };
        let written =
            Written { media_type: MEDIA_TYPE, verification_material, dsse_envelope: &self.envelope };
        serde_json::to_vec(&written).expect("a bundle holds only texts")
    }

    /// Reads a bundle of any version.
    ///
    /// # Errors
    /// It is none, or one without an envelope: a signature over bytes that are elsewhere.
    pub fn parse(json: &[u8]) -> Result<Self, Fault> {
        let malformed = |why: &str| Fault::malformed("bundle", why);
        let read: Read = serde_json::from_slice(json).map_err(|fault| Fault::malformed("bundle", fault))?;
        let Some(kind) = read.media_type.strip_prefix(MEDIA_TYPES) else {
            return Err(Fault::malformed("bundle", format!("its media type is {:?}", read.media_type)));
        };
        let envelope = match (read.dsse_envelope, read.message_signature) {
            (Some(envelope), None) => envelope.checked()?,
            (None, Some(_)) => return Err(malformed("it signs a file, not a statement")),
            _ => return Err(malformed("it has not exactly one content")),
        };
        let material =
            read.verification_material.ok_or_else(|| malformed("it does not say how to check it"))?;
        let has = |name: &str| material.get(name).is_some_and(|value| !value.is_null());
        let certificate = has("certificate") || has("x509CertificateChain");
        let signed_with = match (has("publicKey"), certificate) {
            (true, false) => SignedWith::Key,
            (false, true) => SignedWith::Certificate(Box::new(Material::parse(kind, &material)?)),
            _ => return Err(malformed("it has not exactly one way to check it")),
        };
        Ok(Self { envelope, signed_with })
    }

    /// The first of `keys` that has signed it.
    #[must_use]
    pub fn signer(&self, keys: &[PublicKey]) -> Option<KeyId> {
        self.envelope.signer(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::key::KeyKind;

    #[test]
    fn a_bundle_is_read_as_it_is_written() {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        let bundle = Bundle::sign(b"{}", &key);
        let bytes = bundle.to_bytes(key.public().id());
        let back = Bundle::parse(&bytes).unwrap();
        assert_eq!(back, bundle);
        assert_eq!(back.signer(&[key.public()]), Some(key.public().id()));
        let json: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["verificationMaterial"]["publicKey"]["hint"], key.public().id().hint());
        assert_eq!(json["dsseEnvelope"]["signatures"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn what_is_no_bundle_with_an_envelope_is_refused() {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        let good: Value =
            serde_json::from_slice(&Bundle::sign(b"{}", &key).to_bytes(key.public().id())).unwrap();
        let with = |change: &dyn Fn(&mut Value)| {
            let mut json = good.clone();
            change(&mut json);
            Bundle::parse(json.to_string().as_bytes())
        };
        assert!(with(&|_| {}).is_ok());
        assert!(
            with(&|json| json["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into())
                .is_ok()
        );
        let certificate = with(&|json| {
            json["verificationMaterial"] =
                serde_json::json!({"certificate": {"rawBytes": "Bw=="}, "tlogEntries": []});
        });
        let SignedWith::Certificate(material) = certificate.unwrap().signed_with else { panic!() };
        assert_eq!(material.leaf, [7]);
        for (what, changed) in [
            ("media type", with(&|json| json["mediaType"] = "application/json".into())),
            ("no envelope", with(&|json| json["dsseEnvelope"] = Value::Null)),
            (
                "a file's signature",
                with(&|json| {
                    json["dsseEnvelope"] = Value::Null;
                    json["messageSignature"] = serde_json::json!({});
                }),
            ),
            ("two contents", with(&|json| json["messageSignature"] = serde_json::json!({}))),
            ("no material", with(&|json| json["verificationMaterial"] = Value::Null)),
            ("empty material", with(&|json| json["verificationMaterial"] = serde_json::json!({}))),
            (
                "two materials",
                with(&|json| json["verificationMaterial"]["certificate"] = serde_json::json!({})),
            ),
            ("no signature", with(&|json| json["dsseEnvelope"]["signatures"] = serde_json::json!([]))),
        ] {
            assert!(changed.is_err(), "{what}");
        }
    }
}
