//! Whose signatures count, and whose signature something has.

use std::fmt;

use super::bundle::SignedWith;
use super::dsse::{self, Envelope};
use super::key::{KeyId, PublicKey};
use super::keyless::{self, Material, Proven, Trust};
use super::simple;

/// Whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// A key's.
    Key(KeyId),
    /// Somebody's, with a key that nobody has any more.
    Identity(Proven),
}

/// The key's id, or the identity and who vouches for it.
impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::Identity(proven) => proven.identity.fmt(f),
        }
    }
}

impl From<KeyId> for Signer {
    fn from(id: KeyId) -> Self {
        Self::Key(id)
    }
}

/// Whose signatures count. Where it is nobody's, nothing has to be signed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trusted<'t> {
    /// Keys.
    pub keys: &'t [PublicKey],
    /// Identities, and who is believed about them.
    pub keyless: Option<&'t Trust>,
}

impl Trusted<'_> {
    /// Whether nothing has to be signed.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.keys.is_empty() && self.keyless.is_none()
    }

    /// Who has signed an envelope. `with` is what its bundle says.
    ///
    /// # Errors
    /// Nobody who is trusted, and why.
    pub fn of_envelope(&self, envelope: &Envelope, with: Option<&SignedWith>) -> Result<Signer, String> {
        if let Some(id) = envelope.signer(self.keys) {
            return Ok(id.into());
        }
        let Some(SignedWith::Certificate(material)) = with else { return Err(UNSIGNED.to_owned()) };
        let part = |fault: super::Fault| format!("is signed with a certificate: {fault}");
        let (message, payload) = (envelope.message().map_err(part)?, envelope.payload().map_err(part)?);
        let signature = envelope.signature().map_err(part)?;
        let signed = keyless::Signed { message: &message, payload: Some(&payload), signature: &signature };
        self.by_certificate(material, &signed)
    }

    /// Who has signed the bytes of an image's signature in the older form.
    ///
    /// # Errors
    /// Nobody who is trusted, and why.
    pub fn of_simple(
        &self,
        payload: &[u8],
        signature: &str,
        with: Option<&Material>,
    ) -> Result<Signer, String> {
        if let Some(id) = simple::signer(payload, signature, self.keys) {
            return Ok(id.into());
        }
        let Some(material) = with else { return Err(UNSIGNED.to_owned()) };
        let signature = dsse::decode(signature).ok_or("has a signature that is broken base64")?;
        self.by_certificate(
            material,
            &keyless::Signed { message: payload, payload: None, signature: &signature },
        )
    }

    fn by_certificate(&self, material: &Material, signed: &keyless::Signed<'_>) -> Result<Signer, String> {
        let Some(trust) = self.keyless else {
            return Err("is signed with a certificate (keyless), and no identity is trusted here".to_owned());
        };
        let proven = keyless::verify(material, signed, trust);
        proven
            .map(Signer::Identity)
            .map_err(|refusal| format!("is signed with a certificate that does not count: {refusal}"))
    }
}

const UNSIGNED: &str = "is signed by no key that is trusted, or was changed after that";
