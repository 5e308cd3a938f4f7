//! Keys: ECDSA P-256 as cosign makes them, and Ed25519.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use p256::ecdsa::signature::Verifier as _;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::fault::Fault;
use crate::engine::hex;

/// The kind of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyKind {
    /// ECDSA over P-256 with SHA-256: what cosign makes.
    #[default]
    EcdsaP256,
    /// Ed25519.
    Ed25519,
}

/// What a key is known by: the SHA-256 of its public half (the `SubjectPublicKeyInfo` in DER).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId([u8; 32]);

impl KeyId {
    /// As sigstore's bundles name a key: in base64.
    #[must_use]
    pub fn hint(&self) -> String {
        STANDARD.encode(self.0)
    }
}

/// `sha256:` and 64 digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The half of a key that checks signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Public);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    EcdsaP256(p256::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

/// The label of public keys in PEM.
const PUBLIC_KEY: &str = "PUBLIC KEY";

impl PublicKey {
    /// Reads a PEM text.
    ///
    /// # Errors
    /// It is no PEM, or holds no public key of the kinds that are known here.
    pub fn from_pem(text: &str) -> Result<Self, Fault> {
        let pem = text.trim();
        let label = pem_rfc7468::decode_label(pem.as_bytes()).map_err(|_| Fault::NoPem("a public key"))?;
        if label != PUBLIC_KEY {
            let what =
                if label.contains("PRIVATE") { "a private key".to_owned() } else { format!("`{label}`") };
            return Err(Fault::OtherPem {
                found: what,
                expected: "a public key (`-----BEGIN PUBLIC KEY-----`)",
            });
        }
        let (_, der) = super::key_file::pem(pem)?;
        Self::from_der(&der)
    }

    /// Reads a `SubjectPublicKeyInfo` in DER.
    ///
    /// # Errors
    /// It is none of the kinds that are known here.
    pub fn from_der(der: &[u8]) -> Result<Self, Fault> {
        if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(der) {
            return Ok(Self(Public::EcdsaP256(key)));
        }
        match ed25519_dalek::VerifyingKey::from_public_key_der(der) {
            Ok(key) if !key.is_weak() => Ok(Self(Public::Ed25519(key))),
            _ => Err(Fault::OtherKind),
        }
    }

    /// The `SubjectPublicKeyInfo` in DER.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let der = match &self.0 {
            Public::EcdsaP256(key) => key.to_public_key_der(),
            Public::Ed25519(key) => key.to_public_key_der(),
        };
        der.expect("a key of fixed length has a DER form").into_vec()
    }

    /// As a PEM text, with a line break at its end.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem_rfc7468::encode_string(PUBLIC_KEY, pem_rfc7468::LineEnding::LF, &self.to_der())
            .expect("a key of fixed length has a PEM form")
    }

    /// What it is known by.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(Sha256::digest(self.to_der()).into())
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match self.0 {
            Public::EcdsaP256(_) => KeyKind::EcdsaP256,
            Public::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// Whether `signature` is this key's over `message`. ECDSA signatures are in ASN.1, Ed25519's are their 64 bytes.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Public::EcdsaP256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Public::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}

/// The half of a key that signs. It is wiped from memory when it is dropped, and nothing prints it.
pub struct PrivateKey(Private);

enum Private {
    EcdsaP256(p256::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

/// The public half alone.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public().id())
    }
}

impl PrivateKey {
    /// A new key, from the operating system's randomness.
    ///
    /// # Errors
    /// The system gives none.
    pub fn generate(kind: KeyKind) -> Result<Self, Fault> {
        match kind {
            KeyKind::EcdsaP256 => {
                let mut random = Zeroizing::new([0_u8; 32]);
                // All but one in 2^32 of random texts are a key.
                for _ in 0..8 {
                    getrandom::fill(&mut *random).map_err(|fault| Fault::NoRandomness(fault.to_string()))?;
                    if let Ok(key) = p256::ecdsa::SigningKey::from_slice(&*random) {
                        return Ok(Self(Private::EcdsaP256(key)));
                    }
                }
                Err(Fault::NoRandomness("it gives the same thing again and again".to_owned()))
            }
            KeyKind::Ed25519 => {
                let mut random = Zeroizing::new([0_u8; 32]);
                getrandom::fill(&mut *random).map_err(|fault| Fault::NoRandomness(fault.to_string()))?;
                Ok(Self(Private::Ed25519(ed25519_dalek::SigningKey::from_bytes(&random))))
            }
        }
    }

    /// Reads PKCS#8 in DER.
    ///
    /// # Errors
    /// It is none, or no key of the kinds that are known here.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, Fault> {
        if let Ok(key) = p256::ecdsa::SigningKey::from_pkcs8_der(der) {
            return Ok(Self(Private::EcdsaP256(key)));
        }
        let key = ed25519_dalek::SigningKey::from_pkcs8_der(der).map_err(|_| Fault::OtherKind)?;
        Ok(Self(Private::Ed25519(key)))
    }

    /// Reads SEC 1 in DER, the older form that OpenSSL writes.
    ///
    /// # Errors
    /// It is none, or of another curve than P-256.
    pub fn from_sec1(der: &[u8]) -> Result<Self, Fault> {
        let key = p256::SecretKey::from_sec1_der(der).map_err(|_| Fault::OtherKind)?;
        Ok(Self(Private::EcdsaP256(key.into())))
    }

    /// PKCS#8 in DER.
    #[must_use]
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let der = match &self.0 {
            Private::EcdsaP256(key) => key.to_pkcs8_der(),
            // Version 1, without the public half, is what every reader takes.
            Private::Ed25519(key) => {
                let pair =
                    ed25519_dalek::pkcs8::KeypairBytes { secret_key: key.to_bytes(), public_key: None };
                pair.to_pkcs8_der()
            }
        };
        der.expect("a key of fixed length has a DER form").to_bytes()
    }

    /// The half that checks.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(match &self.0 {
            Private::EcdsaP256(key) => Public::EcdsaP256(*key.verifying_key()),
            Private::Ed25519(key) => Public::Ed25519(key.verifying_key()),
        })
    }

    /// The signature of `message`. The same message has the same signature (RFC 6979, RFC 8032).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0 {
            Private::EcdsaP256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Private::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_signs_and_checks_its_own() {
        for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
            let key = PrivateKey::generate(kind).unwrap();
            let (public, signature) = (key.public(), key.sign(b"abc"));
            assert_eq!(public.kind(), kind);
            assert!(public.verifies(b"abc", &signature));
            assert!(!public.verifies(b"abd", &signature));
            assert!(!public.verifies(b"abc", b""));
            for at in 0..signature.len() {
                let mut other = signature.clone();
                other[at] ^= 1;
                assert!(!public.verifies(b"abc", &other), "{kind:?}: byte {at}");
            }
            assert_eq!(key.sign(b"abc"), signature, "signing again changes nothing");
            let other = PrivateKey::generate(kind).unwrap();
            assert!(!other.public().verifies(b"abc", &signature));
            assert_ne!(other.public().id(), public.id());
        }
    }

    #[test]
    fn keys_are_read_as_they_are_written() {
        for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
            let key = PrivateKey::generate(kind).unwrap();
            let back = PrivateKey::from_pkcs8(&key.to_pkcs8()).unwrap();
            assert_eq!(back.public(), key.public());
            assert_eq!(PublicKey::from_pem(&key.public().to_pem()).unwrap(), key.public());
        }
    }

    /// RFC 8032, 7.1, test 2: key, message and signature.
    #[test]
    fn ed25519_is_the_standards() {
        let bytes = |text: &str| -> Vec<u8> {
            (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
        };
        let secret = bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let key =
            PrivateKey(Private::Ed25519(ed25519_dalek::SigningKey::from_bytes(&secret.try_into().unwrap())));
        let expected = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        assert_eq!(key.sign(&bytes("72")), bytes(expected));
    }

    /// RFC 6979, A.2.5, with SHA-256 and the message `sample`.
    #[test]
    fn ecdsa_is_the_standards() {
        let bytes = |text: &str| -> Vec<u8> {
            (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
        };
        let secret = bytes("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
        let key = PrivateKey(Private::EcdsaP256(p256::ecdsa::SigningKey::from_slice(&secret).unwrap()));
        let both = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8";
        let signature = p256::ecdsa::Signature::from_slice(&bytes(both)).unwrap();
        assert_eq!(key.sign(b"sample"), signature.to_der().as_bytes());
    }

    #[test]
    fn nothing_prints_a_private_key() {
        let key = PrivateKey::generate(KeyKind::Ed25519).unwrap();
        let Private::Ed25519(inner) = &key.0 else { panic!() };
        let shown = format!("{key:?}");
        assert!(!shown.contains(&hex(&inner.to_bytes())) && shown.contains("sha256:"), "{shown}");
    }

    #[test]
    fn other_texts_are_told_apart() {
        let private =
            super::super::key_file::write(&PrivateKey::generate(KeyKind::EcdsaP256).unwrap(), None).unwrap();
        for (text, said) in [
            ("", "PEM"),
            ("sha256:abc", "PEM"),
            (private.as_str(), "a private key"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "`CERTIFICATE`"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "P-256 or Ed25519"),
        ] {
            let fault = PublicKey::from_pem(text).unwrap_err().to_string();
            assert!(fault.contains(said), "{text}: {fault}");
            assert!(!fault.contains("MIGH"), "no fault repeats a key");
        }
    }
}
