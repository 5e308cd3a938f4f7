//! Ours against sigstore's own: the bundles of its conformance suite are judged as the suite says, and its library for JavaScript
//! checks what we sign keyless. `factory/tests/peers/fetch.sh FOLDER` fetches both, and `FACTORY_PEERS=FOLDER` says where they are;
//! without it there is nobody to compare with, and the tests say so.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factory::signing::keyless::{IdentityMatch, Material, Signed, Trust, TrustedRoot, verify};
use factory::signing::{Bundle, Signer, Statement, Trusted};
use llb_gen::policy::Glob;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The identity that the suite's bundles are of, where no file beside one says another.
const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
/// Bundles with a pair of keys and a log's entry over a file: we sign statements, so these are none of ours.
const OF_KEYS: &str = "managed-key";

fn peers() -> Option<PathBuf> {
    let folder = std::env::var_os("FACTORY_PEERS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!(
            "SKIPPED: there is nobody to compare with; run factory/tests/peers/fetch.sh, and set FACTORY_PEERS"
        );
    }
    folder
}

fn text(folder: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(folder.join(name)).ok()
}

/// Judges one of the suite's bundles.
fn judged(folder: &Path, public: &Path) -> Result<(), String> {
    let root = text(folder, "trusted_root.json").unwrap_or_else(|| std::fs::read_to_string(public).unwrap());
    let root = TrustedRoot::parse(root.as_bytes()).map_err(|fault| fault.to_string())?;
    let glob = |name: &str, other: &str| -> Glob {
        text(folder, name).map_or(other.to_owned(), |text| text.trim().to_owned()).parse().unwrap()
    };
    let identities =
        vec![IdentityMatch { identity: glob("identity", IDENTITY), issuer: glob("issuer", ISSUER) }];
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let trust = Trust { root, identities, now: i64::try_from(now).unwrap() };
    let artifact = std::fs::read(folder.join("artifact"))
        .unwrap_or_else(|_| std::fs::read(folder.parent().unwrap().join("a.txt")).unwrap());
    let bytes = std::fs::read(folder.join("bundle.sigstore.json")).unwrap();
    let json: Value = serde_json::from_slice(&bytes).map_err(|fault| fault.to_string())?;
    if json.get("dsseEnvelope").is_some() {
        let bundle = Bundle::parse(&bytes).map_err(|fault| fault.to_string())?;
        let trusted = Trusted { keys: &[], keyless: Some(&trust) };
        let signer = trusted.of_envelope(&bundle.envelope, Some(&bundle.signed_with))?;
        assert!(matches!(signer, Signer::Identity(_)));
        let statement =
            Statement::parse(&bundle.envelope.payload().unwrap()).map_err(|fault| fault.to_string())?;
        let digest = format!("sha256:{}", hex(&Sha256::digest(&artifact)));
        return statement.is_about(&digest).then_some(()).ok_or_else(|| "about something else".to_owned());
    }
    // A file's signature, which we have no command for: its certificate is checked in the same way.
    let kind =
        json["mediaType"].as_str().unwrap().strip_prefix("application/vnd.dev.sigstore.bundle").unwrap();
    let material = Material::parse(kind, &json["verificationMaterial"]).map_err(|fault| fault.to_string())?;
    let of = &json["messageSignature"];
    let decoded = |value: &Value| STANDARD.decode(value.as_str().unwrap()).map_err(|fault| fault.to_string());
    if let Some(digest) = of.get("messageDigest")
        && decoded(&digest["digest"])? != Sha256::digest(&artifact).to_vec()
    {
        return Err("the digest of another file".to_owned());
    }
    let signature = decoded(&of["signature"])?;
    let signed = Signed { message: &artifact, payload: None, signature: &signature };
    verify(&material, &signed, &trust).map(|_| ()).map_err(|refusal| refusal.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bundles_of_the_conformance_suite_are_judged_as_it_says() {
    let Some(peers) = peers() else { return };
    let (suite, public) = (peers.join("conformance/bundle-verify"), peers.join("trusted_root.json"));
    let mut folders: Vec<PathBuf> = suite.read_dir().unwrap().map(|one| one.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with(OF_KEYS) {
            continue;
        }
        count += 1;
        let judged = judged(&folder, &public);
        println!("{name}: {}", judged.as_ref().err().map_or("holds", String::as_str));
        if judged.is_err() != name.ends_with("_fail") {
            wrong.push(format!("{name}: {judged:?}"));
        }
    }
    assert!(count > 50 && wrong.is_empty(), "{count} bundles; judged otherwise: {wrong:#?}");
}
