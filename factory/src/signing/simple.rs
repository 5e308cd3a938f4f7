//! Simple signing: the signatures of images that cosign wrote before bundles. The signed bytes name the image by its digest, and
//! the signature is an annotation beside them.

use serde::Deserialize;

use super::dsse;
use super::fault::Fault;
use super::key::{KeyId, PublicKey};

/// The media type of the signed bytes.
pub const MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation with the signature, in base64.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// What the signed bytes say they are.
const KINDS: [&str; 2] = ["cosign container image signature", "atomic container signature"];

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// The first of `keys` that has signed the bytes, in base64 as the annotation has the signature.
#[must_use]
pub fn signer(payload: &[u8], signature: &str, keys: &[PublicKey]) -> Option<KeyId> {
    let signature = dsse::decode(signature)?;
    keys.iter().find(|key| key.verifies(payload, &signature)).map(PublicKey::id)
}

/// The digest of the image that the bytes are about.
///
/// # Errors
/// They are no payload of simple signing.
pub fn digest(payload: &[u8]) -> Result<String, Fault> {
    let malformed = |why: String| Fault::malformed("image signature", why);
    let payload: Payload = serde_json::from_slice(payload).map_err(|fault| malformed(fault.to_string()))?;
    let Critical { image, kind } = payload.critical;
    if !KINDS.contains(&kind.as_str()) {
        return Err(malformed(format!("its type is {kind:?}")));
    }
    Ok(image.digest)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;
    use crate::signing::key::{KeyKind, PrivateKey};

    #[test]
    fn an_image_signature_names_its_image() {
        let payload = br#"{"critical":{"identity":{"docker-reference":"a"},"image":{"docker-manifest-digest":"sha256:ab"},"type":"cosign container image signature"},"optional":null}"#;
        assert_eq!(digest(payload).unwrap(), "sha256:ab");
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        let signature = base64::engine::general_purpose::STANDARD.encode(key.sign(payload));
        assert_eq!(signer(payload, &signature, &[key.public()]), Some(key.public().id()));
        assert_eq!(signer(b"{}", &signature, &[key.public()]), None);
        for wrong in ["", "{}", r#"{"critical":{"image":{"docker-manifest-digest":"sha256:ab"},"type":"x"}}"#]
        {
            assert!(digest(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
