//! Why a keyless signature does not count.

use std::fmt;

/// What is checked, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The form of what is needed for checking.
    Form,
    /// The signature itself, with the certificate's key.
    Signature,
    /// The transparency log's entry: that there is one, and that it is about this signature.
    Entry,
    /// The log's promise that it has the entry, and since when.
    Promise,
    /// The proof that the entry is in the log's tree.
    Proof,
    /// The log's signature of that tree.
    Checkpoint,
    /// A time stamp of an authority.
    Timestamp,
    /// When it was signed: inside everybody's time.
    Time,
    /// The certificate's chain.
    Certificate,
    /// The certificate log's word that it has the certificate.
    Sct,
    /// Who signed.
    Identity,
    /// Who says so.
    Issuer,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "form",
            Self::Signature => "signature",
            Self::Entry => "log entry",
            Self::Promise => "signed entry timestamp",
            Self::Proof => "inclusion proof",
            Self::Checkpoint => "checkpoint",
            Self::Timestamp => "time stamp",
            Self::Time => "time of signing",
            Self::Certificate => "certificate",
            Self::Sct => "SCT",
            Self::Identity => "identity",
            Self::Issuer => "issuer",
        })
    }
}

/// The first check that does not hold, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{check}: {why}")]
pub struct Refusal {
    /// Which.
    pub check: Check,
    /// Why not.
    pub why: String,
}

impl Check {
    /// A refusal by this check.
    pub(super) fn refuses(self, why: impl Into<String>) -> Refusal {
        Refusal { check: self, why: why.into() }
    }
}
