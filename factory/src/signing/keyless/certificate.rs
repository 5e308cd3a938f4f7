//! The signer's certificate: its chain to an authority that is trusted, and whom it names.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, Utf8StringRef};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::identity::Identity;
use super::refusal::{Check, Refusal};
use super::root::Authority;
use super::verifier::Verifier;

/// The use "code signing" of certificates, 1.3.6.1.5.5.7.3.3, in DER without tag and length.
const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];
/// The issuer of the token, as a UTF-8 string in DER.
const ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8");
/// The same as it was before, as the bytes of the text.
const OLD_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.1");
/// A name that is neither an address nor mail.
const OTHER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");

/// The certificate of a signer.
pub(super) struct Leaf {
    der: Vec<u8>,
    certificate: Certificate,
    key: Verifier,
}

impl Leaf {
    /// Reads a certificate in DER.
    pub(super) fn parse(der: &[u8]) -> Result<Self, Refusal> {
        let certificate = Certificate::from_der(der)
            .map_err(|fault| Check::Form.refuses(format!("the certificate is none: {fault}")))?;
        let key = certificate.tbs_certificate().subject_public_key_info().to_der().ok();
        let key = key.and_then(|der| Verifier::from_der(&der)).ok_or_else(|| {
            Check::Certificate.refuses(
                "its key is of a kind that is not known here (expected ECDSA P-256 or P-384, Ed25519, RSA)",
            )
        })?;
        Ok(Self { der: der.to_vec(), certificate, key })
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(super) fn key(&self) -> &Verifier {
        &self.key
    }

    /// Whether it is good at a time.
    pub(super) fn lives(&self, time: i64) -> bool {
        let life = self.certificate.tbs_certificate().validity();
        let [from, until] = [life.not_before, life.not_after]
            .map(|time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX));
        (from..=until).contains(&time)
    }

    /// The content of an extension; nothing where it is not there, or more than once.
    pub(super) fn extension(&self, oid: ObjectIdentifier) -> Option<&[u8]> {
        let mut all = self.certificate.tbs_certificate().extensions().into_iter().flatten();
        let found = all.by_ref().find(|one| one.extn_id == oid)?;
        all.all(|one| one.extn_id != oid).then(|| found.extn_value.as_bytes())
    }

    /// Whom it names.
    pub(super) fn identity(&self) -> Result<Identity, Refusal> {
        let names = self.certificate.tbs_certificate().get_extension::<SubjectAltName>();
        let names = match names {
            Ok(Some((_, SubjectAltName(names)))) => names,
            _ => return Err(Check::Identity.refuses("the certificate names nobody")),
        };
        let identity = match &names[..] {
            [GeneralName::UniformResourceIdentifier(address)] => address.to_string(),
            [GeneralName::Rfc822Name(mail)] => mail.to_string(),
            [GeneralName::OtherName(other)] if other.type_id == OTHER_NAME => {
                let name = other.value.decode_as::<Utf8StringRef<'_>>();
                name.map_err(|_| Check::Identity.refuses("the name in the certificate is no text"))?
                    .to_string()
            }
            [_] => {
                return Err(Check::Identity
                    .refuses("the certificate names something other than an address, mail or a name"));
            }
            _ => {
                return Err(
                    Check::Identity.refuses(format!("the certificate has {} names, not one", names.len()))
                );
            }
        };
        let issuer = match (self.extension(ISSUER), self.extension(OLD_ISSUER)) {
            (Some(der), _) => Utf8StringRef::from_der(der).ok().map(|text| text.to_string()),
            (None, Some(bytes)) => String::from_utf8(bytes.to_vec()).ok(),
            (None, None) => None,
        };
        let issuer = issuer.ok_or_else(|| {
            Check::Issuer.refuses("the certificate does not say who vouches for the identity")
        })?;
        Ok(Identity { identity, issuer })
    }

    /// Checks its chain as it was at a time of signing. Gives the key of whoever issued it.
    pub(super) fn issuer(
        &self,
        beside: &[Vec<u8>],
        authorities: &[Authority],
        time: i64,
    ) -> Result<Vec<u8>, Refusal> {
        for one in beside {
            let certificate = Certificate::from_der(one).map_err(|fault| {
                Check::Form.refuses(format!("a certificate of the chain is none: {fault}"))
            })?;
            if is_root(&certificate) {
                return Err(
                    Check::Certificate.refuses("the chain holds a root, which nobody may bring along")
                );
            }
        }
        issuer(&self.der, beside, authorities, time, CODE_SIGNING)
            .map_err(|why| Check::Certificate.refuses(why))
    }
}

/// Whether a certificate says that it was issued by itself.
pub(super) fn is_root(certificate: &Certificate) -> bool {
    let of = certificate.tbs_certificate();
    of.issuer() == of.subject()
}

/// The key of whoever issued a certificate for a use, if its chain leads to one of the authorities at a time. `beside` may help to find
/// the way, and is not believed.
pub(super) fn issuer(
    der: &[u8],
    beside: &[Vec<u8>],
    authorities: &[Authority],
    time: i64,
    usage: &'static [u8],
) -> Result<Vec<u8>, String> {
    let der = CertificateDer::from(der);
    let leaf = EndEntityCert::try_from(&der).map_err(|fault| format!("it cannot be read: {fault}"))?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(time).unwrap_or_default()));
    let mut whys = Vec::new();
    for authority in authorities.iter().filter(|one| one.window.has(time)) {
        let Some((root, others)) = authority.chain.split_last() else { continue };
        let root = CertificateDer::from(root.as_slice());
        let anchor = match anchor_from_trusted_cert(&root) {
            Ok(anchor) => [anchor],
            Err(fault) => {
                whys.push(format!("an authority of the trusted root cannot be read: {fault}"));
                continue;
            }
        };
        let others: Vec<CertificateDer<'_>> =
            others.iter().chain(beside).map(|one| CertificateDer::from(one.as_slice())).collect();
        let path = leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchor,
            &others,
            at,
            KeyUsage::required(usage),
            None,
            None,
        );
        match path {
            Ok(path) => return Ok(path.issuer_spki().as_ref().to_vec()),
            Err(fault) => whys.push(fault.to_string()),
        }
    }
    whys.sort();
    whys.dedup();
    Err(match whys.is_empty() {
        true => "no authority of the trusted root is for that time".to_owned(),
        false => format!("it does not lead to an authority of the trusted root: {}", whys.join(", ")),
    })
}
