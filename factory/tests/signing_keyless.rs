//! `factory sign` and `factory verify` without a key: an image, its certificate authority, its logs and its policy together.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod mock_registry;
mod product;
mod sigstore;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use factory::policy::Outcome;
use factory::registry::{Found, Name};
use factory::signing::keyless::{IdentityMatch, Trust, TrustedRoot};
use factory::signing::{KeyKind, PrivateKey, Trusted, simple};
use mock_registry::{Mock, Switches};
use product::{PLATFORMS, Product, policy_json, predicates, refusals, statement};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sigstore::server::{Services, token};
use sigstore::{IDENTITY, ISSUER, Sigstore, Wanted, base64, dsse_body, encoding, hex, now, pem};

/// A folder with a token, a trusted root and a policy; a product in a registry; and the services.
struct Scene {
    folder: tempfile::TempDir,
    mock: Mock,
    product: Product,
    services: Services,
    token: String,
}

impl Scene {
    fn new() -> Self {
        let (folder, mock, services) =
            (tempfile::tempdir().unwrap(), Mock::start(Switches::default()), Services::start());
        let product = Product::push(&mock, predicates);
        let token = token(&json!({"sub": "job-7", "exp": now() + 600}));
        let scene = Self { folder, mock, product, services, token };
        scene.write("token", &scene.token);
        scene.write("trusted_root.json", &scene.services.state().sigstore.trusted_root().to_string());
        scene.policy(
            &json!({"identities": [{"issuer": ISSUER, "identity": "https://git.test/team/*@refs/heads/main"}],
            "trusted_root": "trusted_root.json"}),
        );
        scene
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn policy(&self, signature: &Value) {
        let mut policy = policy_json();
        policy["signature"] = signature.clone();
        // Their time is this machine's.
        policy.as_object_mut().unwrap().remove("record");
        self.write("policy.json", &policy.to_string());
    }

    fn factory(&self, words: &[&str], variables: &[(&str, &str)]) -> Output {
        factory(self.folder.path(), words, variables)
    }

    fn sign(&self, more: &[&str]) -> Output {
        let (image, url) = (self.product.reference.to_string(), self.services.url());
        let words = ["sign", &image, "--fulcio-url", &url, "--rekor-url", &url];
        self.factory(&[&words[..], more].concat(), &[])
    }

    fn verify(&self, more: &[&str]) -> Output {
        let image = self.product.reference.to_string();
        self.factory(&[&["verify", &image, "--policy", "policy.json"], more].concat(), &[])
    }

    fn bundles(&self) -> usize {
        self.mock.asked("PUT /v2/team/app/manifests/sha256:")
    }
}

fn factory(folder: &Path, words: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factory"));
    command.args(words).current_dir(folder).env("HOME", folder).env("DOCKER_CONFIG", folder);
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
        "SIGSTORE_ID_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    ] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn code(output: &Output, expected: i32) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(expected), "{said}");
    said
}

#[test]
fn an_image_is_signed_and_judged_without_a_key() {
    let scene = Scene::new();
    assert!(
        code(&scene.verify(&[]), 11).contains("has no signature by a key or an identity that is trusted")
    );
    let said = code(&scene.sign(&["--identity-token", "token", "--trusted-root", "trusted_root.json"]), 0);
    assert!(said.contains(&format!("identity {IDENTITY} ({ISSUER})")), "{said}");
    assert_eq!(said.matches("signed ").count(), 11, "{said}");
    // One certificate, and an entry for each signature.
    assert_eq!(scene.services.asked("POST /api/v2/signingCert"), 1);
    assert_eq!(scene.services.asked("POST /api/v1/log/entries"), 11);

    let output = scene.verify(&["--format", "json"]);
    code(&output, 0);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["verdict"], &answer["keys"]), (&json!("accepted"), &json!([])));
    assert_eq!(answer["identities"][0]["issuer"], ISSUER);
    assert!(answer["trusted_root"].as_str().unwrap().starts_with("sha256:"));
    let signed = answer["attestations"].as_array().unwrap().iter().filter(|one| one["signed_by"] == IDENTITY);
    let signed: Vec<&Value> = signed.collect();
    assert_eq!(signed.len(), 2 * 8, "each at its platform and at the index: {answer:#}");
    assert!(signed.iter().all(|one| one["issuer"] == ISSUER && one["signed_at"].is_string()));

    // Whoever the command line names is trusted instead.
    let others = |identity: &str, issuer: &str, root: &str| {
        code(&scene.verify(&["--identity", identity, "--issuer", issuer, "--trusted-root", root]), 11)
    };
    let said = others("https://git.test/other/*", ISSUER, "trusted_root.json");
    assert!(
        said.contains(&format!("does not count: identity: {IDENTITY:?} is none that is trusted")),
        "{said}"
    );
    let said = others(IDENTITY, "https://other.test", "trusted_root.json");
    assert!(said.contains(&format!("does not count: issuer: {ISSUER:?} is none that is trusted")), "{said}");
    scene.write("other.json", &Sigstore::new().trusted_root().to_string());
    let said = others(IDENTITY, ISSUER, "other.json");
    assert!(said.contains("does not count: log entry: it is of no log of the trusted root"), "{said}");
    let words = ["--identity", IDENTITY, "--issuer", "https://ci.*"];
    code(&scene.verify(&words), 0);

    // Beside a pair of keys either will do; keys alone do not know identities.
    code(&scene.factory(&["keys", "generate", "--output", "a", "--no-password"], &[]), 0);
    let said = code(&scene.verify(&["--key", "a.pub"]), 11);
    assert!(
        said.contains("is signed with a certificate (keyless), and no identity is trusted here"),
        "{said}"
    );
    code(&scene.verify(&["--key", "a.pub", "--identity", IDENTITY, "--issuer", ISSUER]), 0);
}

#[test]
fn what_is_asked_for_has_to_make_sense() {
    let scene = Scene::new();
    let said = |output: &Output| code(output, 2);
    assert!(said(&scene.sign(&[])).contains("--key"));
    assert!(said(&scene.sign(&["--keyless"])).contains("SIGSTORE_ID_TOKEN"));
    assert!(said(&scene.sign(&["--keyless", "--key", "a.key"])).contains("cannot be used with"));
    assert!(said(&scene.sign(&["--identity-token", "nowhere"])).contains("nowhere: "));
    scene.write("old", &token(&json!({"sub": "job-7", "exp": 60})));
    assert!(said(&scene.sign(&["--identity-token", "old"])).contains("was good until 1970-01-01T00:01:00Z"));
    let url = ["--identity-token", "token", "--trusted-root", "token"];
    assert!(said(&scene.sign(&url)).contains("this is no trusted root of sigstore"));
    let image = scene.product.reference.to_string();
    let plain = ["sign", &image, "--identity-token", "token", "--fulcio-url", "http://fulcio.test"];
    assert!(said(&scene.factory(&plain, &[])).contains("would be asked without TLS"));
    assert_eq!(scene.bundles(), scene.product.images.len() * 2, "nothing was attached");

    assert!(said(&scene.verify(&["--identity", "x"])).contains("--issuer"));
    assert!(said(&scene.verify(&["--identity", "*", "--issuer", "**"])).contains("fit everybody"));
    scene.policy(&json!({"identities": [{"issuer": ISSUER, "identity": IDENTITY}]}));
    assert!(said(&scene.verify(&[])).contains("nobody to say who is who"));
    code(&scene.verify(&["--trusted-root", "trusted_root.json"]), 11);
    scene.policy(&json!({"identities": [{"issuer": "*", "identity": "*"}], "trusted_root": "nowhere"}));
    assert!(said(&scene.verify(&[])).contains("both patterns fit everybody"));
    scene.policy(&json!({"identities": [{"issuer": ISSUER}], "trusted_root": "nowhere"}));
    assert!(said(&scene.verify(&[])).contains("identity"));
    scene.policy(
        &json!({"identities": [{"issuer": ISSUER, "identity": IDENTITY}], "trusted_root": "nowhere"}),
    );
    let said = said(&scene.verify(&[]));
    assert!(said.contains("policy.json:1:") && said.contains("nowhere: No such file"), "{said}");
}

#[test]
fn who_says_no_and_who_does_not_answer_are_told_apart() {
    let scene = Scene::new();
    let before = scene.bundles();
    let sign = || scene.sign(&["--identity-token", "token", "--trusted-root", "trusted_root.json"]);
    let trouble = |begin: &str, times, status, body: &str| {
        scene.services.state().troubles = vec![(begin.to_owned(), times, status, body.to_owned())];
    };
    for (begin, status, expected, why) in [
        ("POST /api/v2/signingCert", 401, 10, "the certificate authority does not take the request"),
        ("POST /api/v2/signingCert", 400, 10, "does not take the request for a certificate (400)"),
        ("POST /api/v1/log/entries", 400, 10, "the transparency log does not take the entry (400)"),
    ] {
        // What it says may repeat the token; we do not.
        trouble(begin, 99, status, &format!("no: {}", scene.token));
        let said = code(&sign(), expected);
        assert!(said.contains(why) && !said.contains(&scene.token), "{said}");
    }
    trouble("POST /api/v2/signingCert", 99, 200, "{}");
    assert!(code(&sign(), 9).contains("does not hold the word of a certificate log (SCT)"));
    trouble("POST /api/v1/log/entries", 99, 200, "{}");
    assert!(code(&sign(), 9).contains("no entry with its proof"));
    scene.services.state().troubles.clear();
    // A certificate for somebody else's key; an entry about something else; a log that nobody vouches for.
    let other = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    scene.services.state().other_key = Some(other.public().to_der());
    assert!(code(&sign(), 9).contains("the certificate is for another key"));
    scene.services.state().other_key = None;
    scene.services.state().logs_other = true;
    assert!(code(&sign(), 9).contains("does not hold: log entry: it is about something else"));
    scene.services.state().logs_other = false;
    scene.write("other.json", &Sigstore::new().trusted_root().to_string());
    let said = code(&scene.sign(&["--identity-token", "token", "--trusted-root", "other.json"]), 9);
    assert!(said.contains("does not hold: log entry: it is of no log of the trusted root"), "{said}");
    // Nobody is there.
    let image = scene.product.reference.to_string();
    let nobody = ["sign", &image, "--identity-token", "token", "--fulcio-url", "https://127.0.0.1:1"];
    let said = code(&scene.factory(&nobody, &[]), 8);
    assert!(
        said.contains("the certificate authority cannot be reached with the request for a certificate"),
        "{said}"
    );
    assert_eq!(scene.bundles(), before, "nothing was attached");
    // What is tried again and was there already is that; a moment's trouble is waited for.
    trouble("POST /api/v1/log/entries", 1, 503, "");
    scene.services.state().loses = true;
    code(&sign(), 0);
    assert_eq!(scene.services.asked("GET /api/v1/log/entries/"), 1);
    code(&scene.verify(&[]), 0);
}

#[test]
fn a_job_of_githubs_gets_its_token() {
    let scene = Scene::new();
    let (image, url) = (scene.product.reference.to_string(), scene.services.url());
    let address = format!("{url}/github?a=b");
    let words = ["sign", &image, "--keyless", "--fulcio-url", &url, "--rekor-url", &url];
    let variables = |shown| {
        [("ACTIONS_ID_TOKEN_REQUEST_URL", address.as_str()), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", shown)]
    };
    let said = code(&scene.factory(&words, &variables("s3cret")), 10);
    assert!(
        said.contains("GitHub does not take the request for an identity token") && !said.contains("s3cret"),
        "{said}"
    );
    code(&scene.factory(&words, &variables("sh0wn")), 0);
    code(&scene.verify(&[]), 0);
    // A token in the environment comes first.
    let variables = [&variables("s3cret")[..], &[("SIGSTORE_ID_TOKEN", scene.token.as_str())]].concat();
    code(&scene.factory(&words, &variables), 0);
}

/// What cosign wrote before bundles: tags of the image's digest, with everything else in annotations.
#[test]
fn the_older_form_is_checked_too() {
    let mock = Mock::start(Switches::default());
    let product = Product::push(&mock, |_| Vec::new());
    let mut sigstore = Sigstore::new();
    let annotations = |entry: &Value, certificate: &[u8], chain: &[Vec<u8>], signature: &str| {
        let bundle = json!({"SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"], "Payload": {
            "body": entry["canonicalizedBody"], "logID": hex(&sigstore_id(entry)),
            "integratedTime": entry["integratedTime"].as_str().unwrap().parse::<u64>().unwrap(),
            "logIndex": entry["logIndex"].as_str().unwrap().parse::<u64>().unwrap()}});
        let chain: Vec<String> = chain.iter().map(|one| pem(one)).collect();
        json!({simple::SIGNATURE: signature, "dev.sigstore.cosign/certificate": pem(certificate),
            "dev.sigstore.cosign/chain": chain.join("\n"), "dev.sigstore.cosign/bundle": bundle.to_string()})
    };
    for subject in std::iter::once(&product.index).chain(&product.images) {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        let certificate = sigstore.certificate(&key.public().to_der(), &Wanted::default());
        let chain = sigstore.chain();
        let payload = json!({"critical": {"identity": {"docker-reference": "app"}, "type": "cosign container image signature",
            "image": {"docker-manifest-digest": subject.digest()}}, "optional": null});
        let payload = payload.to_string().into_bytes();
        let signature = key.sign(&payload);
        let body = json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hex(&Sha256::digest(&payload))}},
            "signature": {"content": base64(&signature), "publicKey": {"content": base64(pem(&certificate).as_bytes())}}}});
        let entry = sigstore.append(&body, now());
        let noted = annotations(&entry, &certificate, &chain, &base64(&signature));
        put(&product, subject, "sig", vec![(simple::MEDIA_TYPE, payload, noted)]);
        let Some(at) = product.images.iter().position(|image| image.digest() == subject.digest()) else {
            continue;
        };
        let layers = predicates(PLATFORMS[at]).into_iter().map(|(kind, predicate)| {
            let bytes = statement(subject.digest(), kind, &predicate).to_string().into_bytes();
            let signature = key.sign(&encoding(&bytes));
            let envelope = json!({"payload": base64(&bytes), "payloadType": "application/vnd.in-toto+json",
                "signatures": [{"keyid": "", "sig": base64(&signature)}]});
            let entry = sigstore.append(&dsse_body(&bytes, &signature, &certificate), now());
            let noted = annotations(&entry, &certificate, &chain, "");
            ("application/vnd.dsse.envelope.v1+json", envelope.to_string().into_bytes(), noted)
        });
        put(&product, subject, "att", layers.collect());
    }
    let judged = |root: TrustedRoot, identity: &str| {
        let identities =
            vec![IdentityMatch { identity: identity.parse().unwrap(), issuer: ISSUER.parse().unwrap() }];
        let trust = Trust { root, identities, now: now() };
        product.judged_by(Trusted { keys: &[], keyless: Some(&trust) }, &policy_json())
    };
    let held = judged(sigstore.root(), IDENTITY);
    assert_eq!(held.outcome(), Outcome::Held, "{:#?}", refusals(&held));
    assert_eq!(judged(sigstore.root(), "https://git.test/other").outcome(), Outcome::Refused);
    assert_eq!(judged(Sigstore::new().root(), IDENTITY).outcome(), Outcome::Refused);
}

fn sigstore_id(entry: &Value) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(entry["logId"]["keyId"].as_str().unwrap()).unwrap()
}

fn put(product: &Product, subject: &Found, end: &str, layers: Vec<(&str, Vec<u8>, Value)>) {
    let tag = Name::Tag(format!("{}.{end}", subject.digest().replacen(':', "-", 1)));
    product::put_layers(product, &tag, layers);
}
