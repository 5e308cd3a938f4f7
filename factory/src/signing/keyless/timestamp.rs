//! Time stamps of authorities (RFC 3161): somebody with a clock has seen a signature.

use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_cert::der::Tag;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier};

use super::asn1::{self, context, inside, is, is_oid};
use super::certificate;
use super::refusal::{Check, Refusal};
use super::root::Authority;
use super::verifier::Verifier;
use crate::policy::seconds;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TIMESTAMP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
/// The use "time stamping" of certificates, 1.3.6.1.5.5.7.3.8, in DER without tag and length.
const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];

/// What is signed, and how.
struct Token<'t> {
    /// The statement about the time, in DER.
    info: &'t [u8],
    /// Certificates that came with it.
    certificates: Vec<Vec<u8>>,
    digest: AnyRef<'t>,
    /// What the authority says beside it; this is what it signs.
    attributes: AnyRef<'t>,
    signature: &'t [u8],
}

/// The time, in seconds since 1970, of an answer that is about `signature` and that one of the authorities has signed.
pub(super) fn check(answer: &[u8], signature: &[u8], authorities: &[Authority]) -> Result<i64, Refusal> {
    let refuses = |why: String| Check::Timestamp.refuses(why);
    let broken = || refuses("it cannot be read".to_owned());
    let token = token(answer).ok_or_else(broken)?;
    let attribute = |oid| attribute(token.attributes, oid);
    if attribute(CONTENT_TYPE).is_none_or(|value| !is_oid(value, TIMESTAMP)) {
        return Err(refuses("it is signed as something else".to_owned()));
    }
    let own =
        hash(token.digest, token.info).ok_or_else(|| refuses("its hash is not known here".to_owned()))?;
    if attribute(MESSAGE_DIGEST).is_none_or(|value| !is(value, Tag::OctetString) || value.value() != own) {
        return Err(refuses("it was changed after it was signed".to_owned()));
    }
    let (imprint, time) = statement(token.info).ok_or_else(broken)?;
    let [algorithm, digest] = imprint[..] else { return Err(broken()) };
    if hash(algorithm, signature).is_none_or(|own| own != digest.value()) {
        return Err(refuses("it is of another signature".to_owned()));
    }
    signed(&token, authorities, time).map_err(refuses)?;
    Ok(time)
}

/// Checks that an authority has signed a token, with a certificate that was good at that time.
fn signed(token: &Token<'_>, authorities: &[Authority], time: i64) -> Result<(), String> {
    // They are signed as the set that they are, whatever tag they have here.
    let attributes = asn1::wrapped(Tag::Set, token.attributes.value()).ok_or("it cannot be read")?;
    let mut why = "no time stamp authority of the trusted root is for that time".to_owned();
    for authority in authorities.iter().filter(|one| one.window.has(time)) {
        why = "no time stamp authority of the trusted root has signed it".to_owned();
        for certificate in authority.chain.iter().chain(&token.certificates) {
            let key = key(certificate);
            if key.is_none_or(|key| !key.verifies(&attributes, token.signature)) {
                continue;
            }
            let own = std::slice::from_ref(authority);
            match certificate::issuer(certificate, &token.certificates, own, time, TIME_STAMPING) {
                Ok(_) => return Ok(()),
                Err(fault) => why = format!("the authority's certificate: {fault}"),
            }
        }
    }
    Err(why)
}

/// The key of a certificate in DER.
fn key(certificate: &[u8]) -> Option<Verifier> {
    let signed = *asn1::sequence(certificate)?.first()?;
    let fields = inside(signed, Tag::Sequence)?;
    // The version may be left out; serial number, algorithm, issuer, life and subject come before the key.
    let first = usize::from(fields.first().is_some_and(|one| is(*one, context(0))));
    Verifier::from_der(&asn1::whole(*fields.get(first + 5)?)?)
}

fn hash(algorithm: AnyRef<'_>, bytes: &[u8]) -> Option<Vec<u8>> {
    let oid = *inside(algorithm, Tag::Sequence)?.first()?;
    match oid {
        oid if is_oid(oid, SHA256) => Some(Sha256::digest(bytes).to_vec()),
        oid if is_oid(oid, SHA384) => Some(Sha384::digest(bytes).to_vec()),
        oid if is_oid(oid, SHA512) => Some(Sha512::digest(bytes).to_vec()),
        _ => None,
    }
}

/// The one value of an attribute that is there once.
fn attribute(attributes: AnyRef<'_>, oid: ObjectIdentifier) -> Option<AnyRef<'_>> {
    let mut found = None;
    for one in asn1::items(attributes.value())? {
        let [kind, values] = inside(one, Tag::Sequence)?[..] else { return None };
        if is_oid(kind, oid) {
            let [value] = inside(values, Tag::Set)?[..] else { return None };
            if found.replace(value).is_some() {
                return None;
            }
        }
    }
    found
}

/// The token in an authority's answer, if the answer is one that was granted.
fn token(answer: &[u8]) -> Option<Token<'_>> {
    let [status, token] = asn1::sequence(answer)?[..] else { return None };
    let status = *inside(status, Tag::Sequence)?.first()?;
    // 0: granted; 1: granted, not quite as asked for.
    if !is(status, Tag::Integer) || !matches!(status.value(), [0 | 1]) {
        return None;
    }
    let [kind, content] = inside(token, Tag::Sequence)?[..] else { return None };
    let [data] = inside(content, context(0))?[..] else { return None };
    if !is_oid(kind, SIGNED_DATA) {
        return None;
    }
    let fields = inside(data, Tag::Sequence)?;
    let (content, signers) = (fields.get(2)?, fields.last()?);
    let [kind, content] = inside(*content, Tag::Sequence)?[..] else { return None };
    let [info] = inside(content, context(0))?[..] else { return None };
    if !is_oid(kind, TIMESTAMP) || !is(info, Tag::OctetString) {
        return None;
    }
    let certificates = fields.iter().skip(3).find(|one| is(**one, context(0)));
    let certificates = certificates.map_or(Some(Vec::new()), |list| asn1::items(list.value()))?;
    let [signer] = inside(*signers, Tag::Set)?[..] else { return None };
    let signer = inside(signer, Tag::Sequence)?;
    let [_version, _who, digest, attributes, _kind, signature, ..] = signer[..] else { return None };
    (is(attributes, context(0)) && is(signature, Tag::OctetString)).then(|| Token {
        info: info.value(),
        certificates: certificates.into_iter().filter_map(asn1::whole).collect(),
        digest,
        attributes,
        signature: signature.value(),
    })
}

/// What a token says: what was seen (its hash), and when.
fn statement(info: &[u8]) -> Option<(Vec<AnyRef<'_>>, i64)> {
    let fields = asn1::sequence(info)?;
    let [version, _policy, imprint, _serial, time, ..] = fields[..] else { return None };
    if version.value() != [1] || !is(time, Tag::GeneralizedTime) {
        return None;
    }
    Some((inside(imprint, Tag::Sequence)?, general(std::str::from_utf8(time.value()).ok()?)?))
}

/// Seconds since 1970 of `YYYYMMDDhhmmss[.f]Z`.
fn general(text: &str) -> Option<i64> {
    let (digits, rest) = text.split_at_checked(14)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let [year, month, day, hour, minute, second] =
        [(0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14)].map(|(from, to)| &digits[from..to]);
    seconds(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}{rest}"))
}

/// Reads an answer whoever has signed it.
pub(super) fn fuzz(answer: &[u8]) {
    if let Some(token) = token(answer) {
        std::hint::black_box((
            statement(token.info).is_some(),
            attribute(token.attributes, CONTENT_TYPE).is_some(),
        ));
        std::hint::black_box(token.certificates.iter().filter_map(|one| key(one)).count());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(general("20260101000000Z"), Some(1_767_225_600));
        assert_eq!(general("20260101000000.5Z"), Some(1_767_225_600));
        for wrong in [
            "",
            "20260101000000",
            "2026010100000Z",
            "20261301000000Z",
            "20260101000000+0100",
            "é0260101000000Z",
        ] {
            assert_eq!(general(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for wrong in [&b""[..], b"\x30\x00", b"\x30\x05\x30\x03\x02\x01\x02", &[0x30; 64]] {
            let fault = check(wrong, b"", &[]).unwrap_err();
            assert_eq!(fault.to_string(), "time stamp: it cannot be read");
        }
    }
}
