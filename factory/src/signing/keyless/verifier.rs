//! Public keys of certificates, logs and authorities: of more kinds than our own.

use sha2::{Digest as _, Sha256};
use x509_cert::der::Tag;

use super::asn1;

/// A public key that checks signatures: ECDSA over P-256 or P-384, Ed25519, RSA from 2048 bits, all with a hash of SHA-2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verifier {
    /// The `SubjectPublicKeyInfo` in DER.
    der: Vec<u8>,
    /// What kind of key: the content of its `AlgorithmIdentifier`.
    kind: Vec<u8>,
    /// The key itself.
    key: Vec<u8>,
}

impl Verifier {
    /// Reads a `SubjectPublicKeyInfo` in DER; nothing where it is none, or one of a kind that is not known here.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        let [kind, key] = asn1::sequence(der)?[..] else { return None };
        // The first byte of a bit string says how many bits of the last one are none of its.
        let (0, key) = key.value().split_first().filter(|_| asn1::is(key, Tag::BitString))? else {
            return None;
        };
        let found = Self { der: der.to_vec(), kind: kind.value().to_vec(), key: key.to_vec() };
        let known = found.algorithms().next().is_some();
        known.then_some(found)
    }

    fn algorithms(
        &self,
    ) -> impl Iterator<Item = &'static dyn rustls::pki_types::SignatureVerificationAlgorithm> {
        let all = webpki::ALL_VERIFICATION_ALGS.iter().copied();
        all.filter(|one| one.public_key_alg_id().as_ref() == self.kind)
    }

    /// Whether `signature` is this key's over `message`, with whatever hash of those that go with its kind.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.algorithms().any(|one| one.verify_signature(&self.key, message, signature).is_ok())
    }

    /// The `SubjectPublicKeyInfo` in DER.
    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    /// What logs are known by: the SHA-256 of their key.
    pub(super) fn id(&self) -> Vec<u8> {
        Sha256::digest(&self.der).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::{KeyKind, PrivateKey};

    #[test]
    fn the_keys_that_we_make_are_read() {
        for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
            let key = PrivateKey::generate(kind).unwrap();
            let read = Verifier::from_der(&key.public().to_der()).unwrap();
            assert!(read.verifies(b"abc", &key.sign(b"abc")) && !read.verifies(b"abd", &key.sign(b"abc")));
            assert!(!read.verifies(b"abc", b""));
        }
        assert_eq!(Verifier::from_der(b""), None);
        assert_eq!(Verifier::from_der(&[0x30, 4, 0x30, 0, 3, 0]), None);
    }
}
