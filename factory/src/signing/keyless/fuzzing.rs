//! Readers of what keyless signatures are made of, for the fuzzer alone: a signature that does not hold keeps their bytes from them.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::body;
use super::certificate::Leaf;
use super::checkpoint;
use super::sct;
use super::timestamp;
use super::verifier::Verifier;
use super::verify::Signed;
use super::{TrustedRoot, token::Token};

/// An Ed25519 key that is as good as any.
const KEY: [u8; 44] = {
    let mut der = [0x66; 44];
    let begin = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0, 0x58];
    let mut at = 0;
    while at < begin.len() {
        der[at] = begin[at];
        at += 1;
    }
    der
};

/// A root that trusts nobody but one certificate, for everything and for ever.
fn root(certificate: &[u8]) -> Option<TrustedRoot> {
    let authority = json!([{"certChain": {"certificates": [{"rawBytes": STANDARD.encode(certificate)}]}, "validFor": {}}]);
    let log = json!([{"publicKey": {"rawBytes": STANDARD.encode(KEY), "validFor": {}}}]);
    let json = json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "certificateAuthorities": authority, "timestampAuthorities": authority, "ctlogs": log, "tlogs": log
    });
    TrustedRoot::parse(json.to_string().as_bytes()).ok()
}

/// A certificate in DER, with whom it names, its chain and the timestamps of certificate logs in it. It is the only authority that is
/// trusted.
pub fn certificate(der: &[u8]) {
    let (Ok(leaf), Some(root)) = (Leaf::parse(der), root(der)) else { return };
    black_box((leaf.identity().is_ok(), leaf.lives(0)));
    black_box(leaf.issuer(&[der.to_vec()], &root.authorities, 1_800_000_000)).ok();
    black_box(sct::check(&leaf, leaf.der(), &root.certificate_logs)).ok();
}

/// What a time stamp authority answers.
pub fn time_stamp(answer: &[u8]) {
    black_box(timestamp::check(answer, b"signature", &[])).ok();
    timestamp::fuzz(answer);
}

/// What a log has of a signature.
pub fn entry(bytes: &[u8]) {
    let signed = Signed { message: b"message", payload: Some(b"payload"), signature: b"signature" };
    black_box(body::check(bytes, b"certificate", &signed)).ok();
}

/// A checkpoint, and the way from an entry to a root: the hashes are the bytes themselves.
pub fn note(bytes: &[u8]) {
    if let Some(key) = Verifier::from_der(&KEY) {
        black_box(checkpoint::signed_tree(&String::from_utf8_lossy(bytes), &[0; 32], &key)).ok();
    }
    let hashes: Vec<Vec<u8>> = bytes.chunks(32).map(<[u8]>::to_vec).collect();
    let number = |at: usize| bytes.get(at).map_or(0, |byte| u64::from(*byte));
    black_box(checkpoint::root(bytes, number(0), number(1), &hashes));
    black_box(checkpoint::root(bytes, u64::MAX - number(0), u64::MAX, &hashes));
}

/// An identity token.
pub fn identity_token(text: &str) {
    black_box(Token::parse(text)).ok();
}
