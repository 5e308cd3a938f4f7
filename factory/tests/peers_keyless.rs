//! Ours against sigstore's own: the bundles of its conformance suite are judged as the suite says, and cosign and the library for
//! JavaScript check what we sign keyless. `factory/tests/peers/fetch.sh FOLDER` fetches both, and `FACTORY_PEERS=FOLDER` says where they are;
//! without it there is nobody to compare with, and the tests say so.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod mock_registry;
mod product;
mod sigstore;

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factory::signing::keyless::token::Token;
use factory::signing::keyless::{self, IdentityMatch, Keyless, Material, Signed, Trust, TrustedRoot, verify};
use factory::signing::{Bundle, Signer, Statement, Trusted, sign};
use llb_gen::policy::Glob;
use mock_registry::{Mock, Switches};
use product::{Product, RECORD, peers, predicates};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sigstore::server::{Services, token};
use sigstore::{hex, now};

/// The identity that the suite's bundles are of, where no file beside one says another.
const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
/// Bundles with a pair of keys and a log's entry over a file: we sign statements, so these are none of ours.
const OF_KEYS: &str = "managed-key";

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
    let trust = Trust { root, identities, now: now() };
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

#[test]
fn the_bundles_of_the_conformance_suite_are_judged_as_it_says() {
    let Some(peers) = peers() else { return };
    if !peers.join("conformance").is_dir() {
        eprintln!("SKIPPED: the conformance suite could not be fetched");
        return;
    }
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

#[test]
fn cosign_and_sigstores_library_check_what_we_sign_keyless() {
    let Some(peers) = peers() else { return };
    let (mock, services) = (Mock::start(Switches::default()), Services::start());
    let product = Product::push(&mock, predicates);
    let root = services.state().sigstore.trusted_root().to_string();
    let keyless = Keyless {
        services: keyless::Services { fulcio: services.url(), rekor: services.url() },
        token: Token::parse(&token(&json!({"sub": "job-7"}))).unwrap(),
        access: product::access(),
        root: Some(TrustedRoot::parse(root.as_bytes()).unwrap()),
    };
    let signed = sign(product.store().as_ref(), &product.repository, &keyless).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        folder.path().join(name).display().to_string()
    };
    let root = write("root.json", root.as_bytes());
    let run = |program: &Path, words: &[&str]| {
        let mut command = Command::new(program);
        command.args(words).current_dir(&peers).env("HOME", folder.path());
        for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(said) }
    };
    let (node, script) = (PathBuf::from("node"), peers.join("verify_keyless.mjs").display().to_string());
    for one in &signed.statements {
        let file = write("bundle.json", &mock.stored().blobs[&one.bundle].clone());
        let check = |identity: &str, issuer: &str| run(&node, &[&script, &file, &root, identity, issuer]);
        assert!(
            check(sigstore::IDENTITY, sigstore::ISSUER).is_ok(),
            "{:?}",
            check(sigstore::IDENTITY, sigstore::ISSUER)
        );
        assert!(check("https://git.test/other", sigstore::ISSUER).is_err());
        assert!(check(sigstore::IDENTITY, "https://other.test").is_err());
    }
    let cosign = peers.join("bin/cosign");
    let tag = product.reference.to_string();
    let image = format!("{}@{}", tag.rsplit_once(':').unwrap().0, product.images[0].digest());
    for name in [&tag, &image] {
        let verify = |words: &[&str], identity: &str| {
            let whom = [
                "--trusted-root",
                &root,
                "--certificate-identity",
                identity,
                "--certificate-oidc-issuer",
                sigstore::ISSUER,
            ];
            run(&cosign, &[words, &whom, &[name]].concat())
        };
        for words in [&["verify"][..], &["verify-attestation", "--type", RECORD]] {
            let judged = verify(words, sigstore::IDENTITY);
            assert!(judged.is_ok(), "{words:?} {name}: {judged:?}");
            assert!(verify(words, "https://git.test/other").is_err());
        }
    }
}
