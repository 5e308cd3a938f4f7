//! Who somebody is, as a certificate says it, and whom a policy trusts.

use std::fmt;

use llb_gen::policy::Glob;
use serde::Serialize;

use super::refusal::{Check, Refusal};

/// Who has signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Identity {
    /// An address of mail or of a workflow, or a name.
    pub identity: String,
    /// Who says so: the address of the provider that gave the token.
    pub issuer: String,
}

/// `IDENTITY (ISSUER)`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.identity, self.issuer)
    }
}

/// Who is trusted: whoever both patterns fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityMatch {
    /// For the identity.
    pub identity: Glob,
    /// For who says so.
    pub issuer: Glob,
}

/// `IDENTITY (ISSUER)`.
impl fmt::Display for IdentityMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.identity.as_str(), self.issuer.as_str())
    }
}

/// Whether one of `wanted` fits somebody.
pub(super) fn trusted(who: &Identity, wanted: &[IdentityMatch]) -> Result<(), Refusal> {
    let of_issuer: Vec<&IdentityMatch> = wanted.iter().filter(|one| one.issuer.fits(&who.issuer)).collect();
    if of_issuer.is_empty() {
        return Err(Check::Issuer.refuses(format!("{:?} is none that is trusted", who.issuer)));
    }
    match of_issuer.iter().any(|one| one.identity.fits(&who.identity)) {
        true => Ok(()),
        false => Err(Check::Identity
            .refuses(format!("{:?} is none that is trusted where {:?} says so", who.identity, who.issuer))),
    }
}
