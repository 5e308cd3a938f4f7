//! Bodies of log entries: which signature of what by which certificate the log has. It must be this one.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::material::Bytes;
use super::refusal::{Check, Refusal};
use super::verify::Signed;
use crate::engine::hex;
use crate::signing::dsse::decode;
use crate::signing::key_file;

/// The label of certificates in PEM.
const CERTIFICATE: &str = "CERTIFICATE";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'b> {
    kind: String,
    api_version: String,
    #[serde(borrow)]
    spec: &'b RawValue,
}

/// A hash by the name of its algorithm, in hexadecimal digits.
#[derive(Deserialize)]
struct Hash {
    algorithm: String,
    value: String,
}

impl Hash {
    fn is_of(&self, bytes: &[u8]) -> bool {
        hash(&self.algorithm, bytes).is_some_and(|own| hex(&own) == self.value)
    }
}

/// The same as the newer log has it.
#[derive(Deserialize)]
struct Digest {
    algorithm: String,
    digest: Bytes,
}

fn hash(algorithm: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        "sha256" | "SHA2_256" => Some(Sha256::digest(bytes).to_vec()),
        "sha384" | "SHA2_384" => Some(Sha384::digest(bytes).to_vec()),
        "sha512" | "SHA2_512" => Some(Sha512::digest(bytes).to_vec()),
        _ => None,
    }
}

/// `dsse` 0.0.1: an envelope.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dsse {
    payload_hash: Hash,
    signatures: Vec<DsseSignature>,
}

#[derive(Deserialize)]
struct DsseSignature {
    signature: Bytes,
    verifier: Bytes,
}

/// `intoto` 0.0.2: an envelope, earlier.
#[derive(Deserialize)]
struct InToto {
    content: InTotoContent,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InTotoContent {
    envelope: InTotoEnvelope,
    payload_hash: Hash,
}

#[derive(Deserialize)]
struct InTotoEnvelope {
    signatures: Vec<InTotoSignature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InTotoSignature {
    /// In base64 twice.
    sig: Bytes,
    public_key: Bytes,
}

/// `hashedrekord` 0.0.1: whatever bytes.
#[derive(Deserialize)]
struct HashedRekord {
    data: HashedRekordData,
    signature: HashedRekordSignature,
}

#[derive(Deserialize)]
struct HashedRekordData {
    hash: Hash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HashedRekordSignature {
    content: Bytes,
    public_key: HashedRekordKey,
}

#[derive(Deserialize)]
struct HashedRekordKey {
    content: Bytes,
}

/// Version 0.0.2 of both, in the newer log.
#[derive(Deserialize)]
enum Second {
    #[serde(rename = "dsseV002")]
    Dsse {
        #[serde(rename = "payloadHash")]
        payload_hash: Digest,
        signatures: Vec<SecondSignature>,
    },
    #[serde(rename = "hashedRekordV002")]
    HashedRekord { data: Digest, signature: SecondSignature },
}

#[derive(Deserialize)]
struct SecondSignature {
    content: Bytes,
    verifier: SecondVerifier,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecondVerifier {
    x509_certificate: Option<SecondCertificate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecondCertificate {
    raw_bytes: Bytes,
}

/// What an entry is about.
struct About {
    /// Whether what was signed is what the entry names.
    content: bool,
    /// Signatures, each with its certificate in DER where it has one.
    signatures: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// Checks that an entry is about this signature, by this certificate.
pub(super) fn check(body: &[u8], leaf: &[u8], signed: &Signed<'_>) -> Result<(), Refusal> {
    let refuses = |why: String| Check::Entry.refuses(why);
    let about = read(body, signed).map_err(refuses)?;
    if !about.content {
        return Err(refuses("it is about something else than what is signed here".to_owned()));
    }
    let mut same = about.signatures.iter().filter(|(signature, _)| signature == signed.signature).peekable();
    if same.peek().is_none() {
        return Err(refuses("it is about another signature".to_owned()));
    }
    match same.any(|(_, certificate)| certificate.as_deref() == Some(leaf)) {
        true => Ok(()),
        false => Err(refuses("it is about another certificate".to_owned())),
    }
}

fn read(body: &[u8], signed: &Signed<'_>) -> Result<About, String> {
    let broken = |fault: serde_json::Error| format!("its body cannot be read: {fault}");
    let body: Body<'_> = serde_json::from_slice(body).map_err(broken)?;
    let spec = body.spec.get();
    let payload = signed.payload.unwrap_or(signed.message);
    Ok(match (body.kind.as_str(), body.api_version.as_str()) {
        ("dsse", "0.0.1") => {
            let spec: Dsse = serde_json::from_str(spec).map_err(broken)?;
            let signatures = spec.signatures.into_iter().map(|one| (one.signature.0, der(&one.verifier)));
            About { content: spec.payload_hash.is_of(payload), signatures: signatures.collect() }
        }
        ("intoto", "0.0.2") => {
            let InToto { content } = serde_json::from_str(spec).map_err(broken)?;
            let one = |one: InTotoSignature| {
                let signature = std::str::from_utf8(&one.sig.0).ok().and_then(decode);
                (signature.unwrap_or_default(), der(&one.public_key))
            };
            let signatures = content.envelope.signatures.into_iter().map(one).collect();
            About { content: content.payload_hash.is_of(payload), signatures }
        }
        ("hashedrekord", "0.0.1") => {
            let HashedRekord { data, signature } = serde_json::from_str(spec).map_err(broken)?;
            let certificate = der(&signature.public_key.content);
            About {
                content: data.hash.is_of(signed.message),
                signatures: vec![(signature.content.0, certificate)],
            }
        }
        ("dsse" | "hashedrekord", "0.0.2") => match serde_json::from_str(spec).map_err(broken)? {
            Second::Dsse { payload_hash, signatures } => About {
                content: is_of(&payload_hash, payload),
                signatures: signatures.into_iter().map(second).collect(),
            },
            Second::HashedRekord { data, signature } => {
                About { content: is_of(&data, signed.message), signatures: vec![second(signature)] }
            }
        },
        (kind, version) => {
            return Err(format!(
                "entries of the kind {kind:?} {version:?} are not known here; expected dsse 0.0.1, intoto 0.0.2 or hashedrekord 0.0.1, \
                 or dsse and hashedrekord 0.0.2"
            ));
        }
    })
}

fn is_of(digest: &Digest, bytes: &[u8]) -> bool {
    hash(&digest.algorithm, bytes).is_some_and(|own| own == digest.digest.0)
}

fn second(one: SecondSignature) -> (Vec<u8>, Option<Vec<u8>>) {
    (one.content.0, one.verifier.x509_certificate.map(|one| one.raw_bytes.0))
}

/// A certificate in PEM, if it is one.
fn der(pem: &Bytes) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(&pem.0).ok()?;
    let (label, der) = key_file::pem(text.trim()).ok()?;
    (label == CERTIFICATE).then(|| der.to_vec())
}
