//! Signed certificate timestamps (RFC 6962): a certificate log says that it has the certificate.

use sha2::{Digest as _, Sha256};
use x509_cert::der::Decode as _;
use x509_cert::der::Tag;
use x509_cert::der::asn1::{ObjectIdentifier, OctetStringRef};

use super::asn1;
use super::certificate::Leaf;
use super::refusal::{Check, Refusal};
use super::root::Log;

/// The extension with the list of them.
const EXTENSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");

/// One of them.
#[derive(Debug, PartialEq, Eq)]
struct Sct<'a> {
    log: &'a [u8],
    /// Milliseconds since 1970.
    time: u64,
    extensions: &'a [u8],
    signature: &'a [u8],
}

/// Checks that one log of the trusted root has the certificate. `issuer` is the key of who issued it.
pub(super) fn check(leaf: &Leaf, issuer: &[u8], logs: &[Log]) -> Result<(), Refusal> {
    let refuses = |why: &str| Check::Sct.refuses(why);
    let content = leaf.extension(EXTENSION).ok_or_else(|| refuses("the certificate has none"))?;
    let list = <&OctetStringRef>::from_der(content).ok().and_then(|list| parse(list.as_bytes()));
    let list = list.ok_or_else(|| refuses("the certificate's list of them is broken"))?;
    let logged =
        before(leaf.der()).ok_or_else(|| refuses("the certificate as it was logged cannot be made out"))?;
    let mut why = "no certificate log of the trusted root has given one";
    for sct in &list {
        for log in logs.iter().filter(|log| log.id == sct.log) {
            let Some(key) = &log.key else {
                why = "the certificate log's key is of a kind that is not known here";
                continue;
            };
            let Some(message) = message(sct, issuer, &logged) else { continue };
            if !key.verifies(&message, sct.signature) {
                why = "the certificate log has not signed it, or it was changed after that";
            } else if !log.window.has(i64::try_from(sct.time / 1000).unwrap_or(i64::MAX)) {
                why = "the certificate log was not trusted at its time";
            } else {
                return Ok(());
            }
        }
    }
    Err(refuses(why))
}

/// Takes a beginning off a text of bytes.
fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

/// Takes off what is as long as the two bytes before it say.
fn sized<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let [high, low] = *take(bytes, 2)? else { return None };
    take(bytes, usize::from(u16::from_be_bytes([high, low])))
}

/// The list; those of versions that nobody knows are left out.
fn parse(mut bytes: &[u8]) -> Option<Vec<Sct<'_>>> {
    let mut list = sized(&mut bytes)?;
    let mut found = Vec::new();
    while !list.is_empty() {
        let mut one = sized(&mut list)?;
        if take(&mut one, 1)? != [0] {
            continue;
        }
        let log = take(&mut one, 32)?;
        let time = u64::from_be_bytes(take(&mut one, 8)?.try_into().ok()?);
        let extensions = sized(&mut one)?;
        // Hash and kind of the signature: the key knows them itself.
        take(&mut one, 2)?;
        let signature = sized(&mut one)?;
        if !one.is_empty() {
            return None;
        }
        found.push(Sct { log, time, extensions, signature });
    }
    bytes.is_empty().then_some(found)
}

/// What the log has signed: version 1 of a timestamp, for a certificate before it was issued, and who was to issue it.
fn message(sct: &Sct<'_>, issuer: &[u8], logged: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0, 0];
    bytes.extend(sct.time.to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(Sha256::digest(issuer));
    bytes
        .extend(u32::try_from(logged.len()).ok().filter(|length| length >> 24 == 0)?.to_be_bytes().get(1..)?);
    bytes.extend(logged);
    bytes.extend(u16::try_from(sct.extensions.len()).ok()?.to_be_bytes());
    bytes.extend(sct.extensions);
    Some(bytes)
}

/// What is signed of a certificate, without the timestamps: that is what was logged.
fn before(certificate: &[u8]) -> Option<Vec<u8>> {
    let signed = *asn1::sequence(certificate)?.first()?;
    let mut content = Vec::new();
    for field in asn1::inside(signed, Tag::Sequence)? {
        let [extensions] = (match asn1::inside(field, asn1::context(3)) {
            Some(list) => list,
            None => {
                content.extend(asn1::whole(field)?);
                continue;
            }
        })[..] else {
            return None;
        };
        let mut kept = Vec::new();
        for one in asn1::inside(extensions, Tag::Sequence)? {
            let oid = *asn1::inside(one, Tag::Sequence)?.first()?;
            if !asn1::is_oid(oid, EXTENSION) {
                kept.extend(asn1::whole(one)?);
            }
        }
        let list = asn1::wrapped(Tag::Sequence, &kept)?;
        content.extend(asn1::wrapped(asn1::context(3), &list)?);
    }
    asn1::wrapped(Tag::Sequence, &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_whole_or_not_at_all() {
        let mut one = vec![0];
        one.extend([7; 32]);
        one.extend(5_u64.to_be_bytes());
        one.extend([0, 1, 9, 4, 3, 0, 2, 8, 8]);
        let framed = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
        let later = framed(&[1, 2, 3]);
        let list = framed(&[framed(&one), later].concat());
        let expected = Sct { log: &[7; 32], time: 5, extensions: &[9], signature: &[8, 8] };
        assert_eq!(parse(&list).unwrap(), [expected]);
        for end in 0..list.len() {
            assert_eq!(parse(&list[..end]), None, "{end}");
        }
        assert_eq!(parse(&[&list[..], &[0]].concat()), None);
    }
}
