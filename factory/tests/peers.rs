//! Ours against theirs: cosign, oras, `@sigstore/verify` and `securesystemslib` find and check what we attach, and we what cosign
//! attaches. `factory/tests/peers/fetch.sh FOLDER` fetches them, and `FACTORY_PEERS=FOLDER` says where they are; without it there
//! is nobody to compare with, and the tests say so.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod mock_registry;
mod product;

use std::path::{Path, PathBuf};
use std::process::Command;

use factory::policy::Outcome;
use factory::signing::{KeyKind, PrivateKey, PublicKey, bundle, key_file};
use mock_registry::{Mock, Switches};
use product::{Product, RECORD, TEST_RESULT, peers, policy_json, predicates, refusals, refusing};
use serde_json::{Value, json};
use zeroize::Zeroizing;

const PASSWORD: &str = "s3cret";

/// A folder with a pair of keys of ours, encrypted.
struct Keys {
    folder: tempfile::TempDir,
    key: PrivateKey,
}

impl Keys {
    fn new(kind: KeyKind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = PrivateKey::generate(kind).unwrap();
        std::fs::write(
            folder.path().join("own.key"),
            key_file::write(&key, Some(PASSWORD)).unwrap().as_bytes(),
        )
        .unwrap();
        std::fs::write(folder.path().join("own.pub"), key.public().to_pem()).unwrap();
        Self { folder, key }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// Runs a program; its standard output, or what it said.
fn run(folder: &Path, program: &Path, words: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(words).current_dir(folder).env("COSIGN_PASSWORD", PASSWORD).env("HOME", folder);
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    let output = command.output().unwrap_or_else(|fault| panic!("{}: {fault}", program.display()));
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn names(product: &Product) -> Vec<String> {
    let tag = product.reference.to_string();
    let (repository, _) = tag.rsplit_once(':').unwrap();
    let digests = std::iter::once(&product.index).chain(&product.images);
    let pinned = digests.map(|found| format!("{repository}@{}", found.digest()));
    std::iter::once(tag.clone()).chain(pinned).collect()
}

#[test]
fn cosign_and_oras_find_and_check_ours() {
    let Some(peers) = peers() else { return };
    let (cosign, oras) = (peers.join("bin/cosign"), peers.join("bin/oras"));
    for switches in [Switches::default(), Switches::without_referrers()] {
        for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
            let mock = Mock::start(switches.clone());
            let (keys, other) = (Keys::new(kind), Keys::new(kind));
            let product = Product::push(&mock, predicates);
            product.sign(&keys.key);
            let run = |program: &Path, words: &[&str]| run(keys.folder.path(), program, words);
            let (own, others) = (keys.path("own.pub"), other.path("own.pub"));
            for name in names(&product) {
                let verify =
                    |key: &str| run(&cosign, &["verify", "--key", key, "--insecure-ignore-tlog=true", &name]);
                assert!(verify(&own).is_ok(), "{kind:?} {name}: {:?}", verify(&own));
                assert!(verify(&others).is_err(), "{name}: another key");
                for asked in ["spdxjson", TEST_RESULT, RECORD, product::PROVENANCE] {
                    let attested = |key: &str| {
                        run(
                            &cosign,
                            &[
                                "verify-attestation",
                                "--key",
                                key,
                                "--insecure-ignore-tlog=true",
                                "--type",
                                asked,
                                &name,
                            ],
                        )
                    };
                    let said = attested(&own);
                    assert!(
                        said.is_ok_and(|said| said.contains("payload")),
                        "{name} {asked}: {:?}",
                        attested(&own)
                    );
                    assert!(attested(&others).is_err(), "{name} {asked}: another key");
                }
            }
            let said =
                run(&oras, &["discover", "--plain-http", "--format", "json", &names(&product)[1]]).unwrap();
            let said: Value = serde_json::from_str(&said).unwrap();
            let referrers = said["referrers"].as_array().or_else(|| said["manifests"].as_array()).unwrap();
            assert_eq!(referrers.len(), 9, "{said}");
            assert!(referrers.iter().all(|one| one["artifactType"] == bundle::MEDIA_TYPE), "{said}");
            let kinds = |kind: &str| {
                referrers
                    .iter()
                    .filter(|one| one["annotations"]["dev.sigstore.bundle.predicateType"] == kind)
                    .count()
            };
            assert_eq!((kinds(RECORD), kinds(TEST_RESULT)), (2, 2), "{said}");
        }
    }
}

#[test]
fn what_cosign_attaches_is_checked_here() {
    let Some(peers) = peers() else { return };
    let cosign = peers.join("bin/cosign");
    for switches in [Switches::default(), Switches::without_referrers()] {
        for old in [false, true] {
            let mock = Mock::start(switches.clone());
            let product = Product::push(&mock, predicates);
            let folder = tempfile::tempdir().unwrap();
            let run =
                |words: &[&str]| run(folder.path(), &cosign, words).unwrap_or_else(|said| panic!("{said}"));
            run(&["generate-key-pair"]);
            let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
            let public = PublicKey::from_pem(&text("cosign.pub")).unwrap();
            let opened = key_file::read(&text("cosign.key"), || {
                Ok::<_, factory::signing::Fault>(Zeroizing::new(PASSWORD.to_owned()))
            });
            assert_eq!(opened.unwrap().public(), public, "a key of cosign's is read");
            std::fs::write(folder.path().join("note.json"), json!({"a": 1}).to_string()).unwrap();
            let config: &[&str] = match old {
                false => {
                    run(&[
                        "signing-config",
                        "create",
                        "--no-default-fulcio",
                        "--no-default-oidc",
                        "--no-default-rekor",
                        "--no-default-tsa",
                        "--out",
                        "sc.json",
                    ]);
                    &["--signing-config", "sc.json"]
                }
                true => &["--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false"],
            };
            let names = names(&product);
            for name in &names[1..] {
                run(&[&["sign", "-y", "--key", "cosign.key"], config, &[name.as_str()]].concat());
                run(&[
                    &[
                        "attest",
                        "-y",
                        "--key",
                        "cosign.key",
                        "--type",
                        "https://note.test/v1",
                        "--predicate",
                        "note.json",
                    ],
                    config,
                    &[name.as_str()],
                ]
                .concat());
            }
            let judged = product.judged(std::slice::from_ref(&public), &policy_json());
            assert_eq!(judged.outcome(), Outcome::Held, "old {old}: {:#?}", refusals(&judged));
            let evidence =
                product.evidence(std::slice::from_ref(&public), &product::policy_of(&policy_json())).unwrap();
            let noted = |look: &factory::policy::evidence::Look| {
                let of = look
                    .attestations
                    .iter()
                    .filter(|one| one.statement.predicate_type == "https://note.test/v1");
                of.filter(|one| one.signed_by == Some(public.id().into())).count()
            };
            assert_eq!(noted(&evidence.root), 1);
            assert!(evidence.looks.iter().all(|of| noted(&of.look) == 1 && of.look.signatures.len() == 1));
            assert!(
                refusing(&product.judged(&[product::key().public()], &policy_json())).contains(&"signature")
            );
        }
    }
}

#[test]
fn cosign_signs_with_a_key_of_ours() {
    let Some(peers) = peers() else { return };
    let cosign = peers.join("bin/cosign");
    for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
        let keys = Keys::new(kind);
        let run =
            |words: &[&str]| run(keys.folder.path(), &cosign, words).unwrap_or_else(|said| panic!("{said}"));
        assert_eq!(run(&["public-key", "--key", "own.key"]), keys.key.public().to_pem());
    }
}

#[test]
fn sigstores_and_in_totos_libraries_check_ours() {
    let Some(peers) = peers() else { return };
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let (python, node) = (peers.join("python/bin/python"), PathBuf::from("node"));
    for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
        let (keys, other) = (Keys::new(kind), Keys::new(kind));
        let mock = Mock::start(Switches::default());
        let product = Product::push(&mock, predicates);
        let signed = product.sign(&keys.key);
        for one in &signed.statements {
            let bytes = mock.stored().blobs[&one.bundle].clone();
            std::fs::write(keys.folder.path().join("bundle.json"), bytes).unwrap();
            let (file, own, others) = (keys.path("bundle.json"), keys.path("own.pub"), other.path("own.pub"));
            let programs = [(&python, here.join("verify.py")), (&node, peers.join("verify.mjs"))];
            for (program, script) in programs {
                let script = script.display().to_string();
                let check = |key: &str| run(&peers, program, &[&script, &file, key]);
                assert!(check(&own).is_ok(), "{kind:?}: {:?}", check(&own));
                assert!(check(&others).is_err(), "{kind:?} {script}: another key");
            }
        }
    }
}
