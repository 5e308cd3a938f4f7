//! Names and digests of what a repository holds.

use std::fmt;

use llb_gen::model::ImageRef;
use sha2::{Digest as _, Sha256, Sha512};

use super::fault::{Fault, Result};

/// What a manifest is asked for by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// A tag, which may lead somewhere else tomorrow.
    Tag(String),
    /// A digest, `sha256:…` or `sha512:…`.
    Digest(String),
}

impl Name {
    /// What a reference names: its digest where it has one, else its tag.
    #[must_use]
    pub fn of(reference: &ImageRef) -> Self {
        match (reference.digest(), reference.tag()) {
            (Some(digest), _) => Self::Digest(digest.to_string()),
            (None, tag) => Self::Tag(tag.unwrap_or("latest").to_owned()),
        }
    }

    /// As it stands in the path of a request.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(name) | Self::Digest(name) => name,
        }
    }
}

/// With the sign that goes before it in a reference.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, ":{tag}"),
            Self::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

/// The SHA-256 of `bytes`: `sha256:` and 64 lower-case digits.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    llb_gen::llb::OpDigest::of(bytes).to_string()
}

/// Whether `text` is a digest that can be checked here: SHA-256 or SHA-512 in lower-case digits.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    Hasher::for_digest(text).is_some()
}

/// Bytes on their way to the digest that they are said to have.
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// The hasher for a digest; nothing where that is none.
    pub(crate) fn for_digest(digest: &str) -> Option<Self> {
        let (algorithm, digits) = digest.split_once(':')?;
        let hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match (algorithm, digits.len(), hex) {
            ("sha256", 64, true) => Some(Self::Sha256(Sha256::new())),
            ("sha512", 128, true) => Some(Self::Sha512(Sha512::new())),
            _ => None,
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of all that came.
    pub(crate) fn digest(self) -> String {
        use crate::engine::hex;
        match self {
            Self::Sha256(hasher) => format!("sha256:{}", hex(&hasher.finalize())),
            Self::Sha512(hasher) => format!("sha512:{}", hex(&hasher.finalize())),
        }
    }
}

/// The bytes, if they have the digest. `what` is said of them where they have not.
///
/// # Errors
/// They have another, or it is none.
pub(crate) fn checked(bytes: Vec<u8>, digest: &str, what: &str) -> Result<Vec<u8>> {
    let Some(mut hasher) = Hasher::for_digest(digest) else {
        return Err(Fault::not_genuine(
            what,
            format!("is called {digest:?}, which is no digest that can be checked"),
        ));
    };
    hasher.update(&bytes);
    let found = hasher.digest();
    if found == digest {
        return Ok(bytes);
    }
    Err(Fault::not_genuine(what, format!("has the digest {found} instead of {digest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_checked_by_their_algorithm() {
        let sha512 = {
            let mut hasher = Hasher::for_digest(&format!("sha512:{}", "0".repeat(128))).unwrap();
            hasher.update(b"abc");
            hasher.digest()
        };
        // FIPS 180-2, C.1.
        assert!(sha512.starts_with("sha512:ddaf35a193617abacc417349ae204131"), "{sha512}");
        assert!(checked(b"abc".to_vec(), &sha512, "x").is_ok());
        assert!(checked(b"abc".to_vec(), &digest_of(b"abc"), "x").is_ok());
        let wrong = checked(b"abd".to_vec(), &digest_of(b"abc"), "the blob").unwrap_err();
        assert!(matches!(&wrong, Fault::NotGenuine { .. }), "{wrong}");
        for text in ["sha256:ab", "md5:00", "", "sha256", "sha256:../../../../etc/passwd"] {
            assert!(!is_digest(text), "{text}");
        }
    }
}
