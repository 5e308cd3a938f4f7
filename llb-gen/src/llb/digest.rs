//! The digest that names an op.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Digest of an op's canonical bytes, `sha256:<64 lower-case hex digits>`: the name under which other ops refer to it
/// (`pb.Input.digest`) and under which BuildKit knows the vertex.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpDigest(String);

impl OpDigest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_hash(&Sha256::digest(bytes))
    }

    /// The digest whose bytes these are.
    pub(crate) fn of_hash(hash: &[u8]) -> Self {
        let mut text = String::with_capacity(71);
        text.push_str("sha256:");
        for byte in hash {
            for nibble in [byte >> 4, *byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).expect("a nibble is a hex digit"));
            }
        }
        Self(text)
    }

    /// The digest as text, with its `sha256:` prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OpDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OpDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
