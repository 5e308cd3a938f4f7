//! What can be wrong with keys, envelopes and bundles.

/// Why something signed, or something to sign with, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A text that is no PEM.
    #[error("this is no PEM text; expected {0}")]
    NoPem(&'static str),
    /// A PEM text of something else.
    #[error("this is {found}; expected {expected}")]
    OtherPem {
        /// What it is.
        found: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A key of another kind.
    #[error("this is no key that is known here; expected ECDSA P-256 or Ed25519")]
    OtherKind,
    /// An encrypted key that cannot be opened.
    #[error("the private key cannot be opened: {0}")]
    Encrypted(&'static str),
    /// A key file that is encrypted in a way which is not known here.
    #[error("the private key is encrypted in a way that is not known here: {0}")]
    OtherEncryption(String),
    /// The operating system has no randomness.
    #[error("the operating system gives no randomness: {0}")]
    NoRandomness(String),
    /// Something that is no envelope, no bundle, or no statement.
    #[error("this is no {what}: {why}")]
    Malformed {
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Fault {
    pub(super) fn malformed(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Malformed { what, why: why.to_string() }
    }
}

impl From<Fault> for crate::exit::Error {
    fn from(fault: Fault) -> Self {
        Self::Usage(fault.to_string())
    }
}
