//! The older form: what is needed for checking stands in annotations beside the signature.

use std::collections::BTreeMap;

use serde::Deserialize;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::certificate::is_root;
use super::material::{Bytes, Entry, LogId, Material, Number, Promise, unhex};
use crate::signing::fault::Fault;
use crate::signing::key_file;

/// The certificate in PEM.
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
/// The rest of its chain in PEM.
const CHAIN: &str = "dev.sigstore.cosign/chain";
/// The log's promise.
const BUNDLE: &str = "dev.sigstore.cosign/bundle";
/// A time stamp.
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";
const END: &str = "-----END CERTIFICATE-----";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BundleJson {
    signed_entry_timestamp: Bytes,
    payload: PayloadJson,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PayloadJson {
    body: Bytes,
    integrated_time: Number,
    log_index: Number,
    #[serde(rename = "logID")]
    log_id: String,
}

#[derive(Deserialize)]
struct TimestampJson {
    #[serde(rename = "SignedRFC3161Timestamp")]
    signed: Bytes,
}

/// What the annotations of a layer say of a certificate; nothing where they have none.
///
/// # Errors
/// They have one, and cannot be read.
pub(in crate::signing) fn from_annotations(
    annotations: &BTreeMap<String, String>,
) -> Result<Option<Material>, Fault> {
    let text = |name: &str| annotations.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let Some(certificate) = text(CERTIFICATE) else { return Ok(None) };
    let broken = |what: &str, fault: serde_json::Error| {
        Fault::malformed("keyless signature", format!("`{what}`: {fault}"))
    };
    let mut certificates = certificates(certificate)?.into_iter();
    let leaf =
        certificates.next().ok_or_else(|| Fault::malformed("keyless signature", "it has no certificate"))?;
    let mut chain: Vec<Vec<u8>> = certificates.collect();
    for one in text(CHAIN).map(self::certificates).transpose()?.unwrap_or_default() {
        // Others put the root there as well. It is not believed for that.
        if !Certificate::from_der(&one).is_ok_and(|one| is_root(&one)) {
            chain.push(one);
        }
    }
    let entry = text(BUNDLE).map(|json| entry(json).map_err(|fault| broken(BUNDLE, fault))).transpose()?;
    let stamp = text(TIMESTAMP).map(serde_json::from_str::<TimestampJson>).transpose();
    let stamp = stamp.map_err(|fault| broken(TIMESTAMP, fault))?;
    Ok(Some(Material {
        needs_proof: false,
        leaf,
        chain,
        entries: entry.into_iter().collect(),
        timestamps: stamp.into_iter().map(|one| one.signed.0).collect(),
    }))
}

fn entry(json: &str) -> Result<Entry, serde_json::Error> {
    let BundleJson { signed_entry_timestamp, payload } = serde_json::from_str(json)?;
    let id = unhex(&payload.log_id)
        .ok_or_else(|| serde::de::Error::custom("`logID` has no hexadecimal digits"))?;
    Ok(Entry {
        log_index: payload.log_index,
        log_id: LogId { key_id: Bytes(id) },
        kind_version: None,
        integrated_time: payload.integrated_time,
        inclusion_promise: Some(Promise { signed_entry_timestamp }),
        inclusion_proof: None,
        canonicalized_body: payload.body,
    })
}

/// All certificates of a PEM text, in DER.
pub(super) fn certificates(text: &str) -> Result<Vec<Vec<u8>>, Fault> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while let Some(end) = rest.find(END) {
        let (one, after) = rest.split_at(end + END.len());
        let (_, der) = key_file::pem(one)?;
        found.push(der.to_vec());
        rest = after.trim();
    }
    match rest.is_empty() {
        true => Ok(found),
        false => Err(Fault::NoPem("a certificate")),
    }
}
