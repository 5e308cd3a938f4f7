//! DER, written byte by byte: certificates and time stamps as their standards say, so that nothing is checked by what has made it.

use factory::signing::PrivateKey;

/// ECDSA with SHA-256.
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
pub const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
pub const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
pub const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
pub const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];
pub const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];
/// 1.3.6.1.4.1.57264.1, and what follows it.
pub const FULCIO: &[u8] = &[0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1];
pub const SCTS: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
const TIMESTAMP: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 4];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];

pub fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match content.len() {
        length @ 0..=127 => bytes.push(length as u8),
        length @ 128..=255 => bytes.extend([0x81, length as u8]),
        length => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend(content);
    bytes
}

pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    value(0x30, &parts.concat())
}

pub fn oid(bytes: &[u8]) -> Vec<u8> {
    value(6, bytes)
}

fn name(text: &str) -> Vec<u8> {
    let one = sequence(&[oid(COMMON_NAME), value(0x0c, text.as_bytes())]);
    sequence(&[value(0x31, &one)])
}

/// Digits of a time, in UTC.
fn digits(time: i64) -> String {
    llb_gen::lower::rfc3339(time as u64).chars().filter(char::is_ascii_digit).collect()
}

pub fn extension(id: &[u8], critical: bool, content: &[u8]) -> Vec<u8> {
    let critical = if critical { value(1, &[0xff]) } else { Vec::new() };
    sequence(&[oid(id), critical, value(4, content)])
}

/// That it is an authority.
pub fn authority() -> Vec<u8> {
    extension(BASIC_CONSTRAINTS, true, &sequence(&[value(1, &[0xff])]))
}

pub fn usage(id: &[u8]) -> Vec<u8> {
    extension(EXTENDED_KEY_USAGE, false, &sequence(&[oid(id)]))
}

/// What a certificate says.
#[derive(Clone)]
pub struct Certificate {
    pub serial: u8,
    pub issuer: &'static str,
    pub subject: &'static str,
    pub from: i64,
    pub until: i64,
    pub key: Vec<u8>,
    pub extensions: Vec<Vec<u8>>,
}

impl Certificate {
    /// What is signed of it.
    pub fn body(&self) -> Vec<u8> {
        let time = |time| value(0x17, format!("{}Z", &digits(time)[2..]).as_bytes());
        sequence(&[
            value(0xa0, &value(2, &[2])),
            value(2, &[self.serial]),
            sequence(&[oid(ECDSA_SHA256)]),
            name(self.issuer),
            sequence(&[time(self.from), time(self.until)]),
            if self.subject.is_empty() { sequence(&[]) } else { name(self.subject) },
            self.key.clone(),
            value(0xa3, &sequence(&self.extensions)),
        ])
    }

    pub fn signed(&self, by: &PrivateKey) -> Vec<u8> {
        let body = self.body();
        let signature = by.sign(&body);
        sequence(&[body, sequence(&[oid(ECDSA_SHA256)]), value(3, &[&[0], &signature[..]].concat())])
    }
}

/// An answer of a time stamp authority (RFC 3161) about a signature.
pub fn timestamp(of: &[u8], time: i64, key: &PrivateKey, embedded: &[Vec<u8>]) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    let hash = |bytes: &[u8]| value(4, &Sha256::digest(bytes));
    let algorithm = || sequence(&[oid(SHA256)]);
    let info = sequence(&[
        value(2, &[1]),
        oid(&[0x2a, 3]),
        sequence(&[algorithm(), hash(of)]),
        value(2, &[9]),
        value(0x18, format!("{}Z", digits(time)).as_bytes()),
    ]);
    let attribute = |id: &[u8], content: Vec<u8>| sequence(&[oid(id), value(0x31, &content)]);
    let attributes =
        [attribute(CONTENT_TYPE, oid(TIMESTAMP)), attribute(MESSAGE_DIGEST, hash(&info))].concat();
    let signer = sequence(&[
        value(2, &[1]),
        sequence(&[name("nobody looks"), value(2, &[1])]),
        algorithm(),
        value(0xa0, &attributes),
        sequence(&[oid(ECDSA_SHA256)]),
        value(4, &key.sign(&value(0x31, &attributes))),
    ]);
    let certificates = if embedded.is_empty() { Vec::new() } else { value(0xa0, &embedded.concat()) };
    let data = sequence(&[
        value(2, &[3]),
        value(0x31, &algorithm()),
        sequence(&[oid(TIMESTAMP), value(0xa0, &value(4, &info))]),
        certificates,
        value(0x31, &signer),
    ]);
    sequence(&[sequence(&[value(2, &[0])]), sequence(&[oid(SIGNED_DATA), value(0xa0, &data)])])
}
