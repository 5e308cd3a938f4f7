//! `factory keys`, `sign` and `verify` as people and scripts meet them: exit codes, output, files.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod mock_registry;
mod product;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use mock_registry::{Mock, Switches, Trouble};
use product::{Product, RECORD, policy_json, predicates};
use serde_json::{Value, json};

/// Runs `factory` in a folder, with a password in the environment where one is given.
fn factory(folder: &Path, password: Option<&str>, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factory"));
    command.args(words).current_dir(folder).env("HOME", folder).env("DOCKER_CONFIG", folder);
    for name in
        ["FACTORY_KEY_PASSWORD", "COSIGN_PASSWORD", "http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"]
    {
        command.env_remove(name);
    }
    if let Some(password) = password {
        command.env("FACTORY_KEY_PASSWORD", password);
    }
    command.stdin(std::process::Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn code(output: &Output, expected: i32) -> String {
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(expected), "{said}");
    said
}

#[test]
fn keys_are_made_read_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let said = code(&factory(folder.path(), Some("s3cret"), &["keys", "generate", "--output", "a"]), 0);
    let private = std::fs::read_to_string(path("a.key")).unwrap();
    assert!(private.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"));
    assert_eq!(path("a.key").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!said.contains("BEGIN") && !said.contains("s3cret"), "{said}");
    // What is there is left alone.
    assert!(
        code(&factory(folder.path(), Some("x"), &["keys", "generate", "--output", "a"]), 2)
            .contains("there already")
    );
    assert_eq!(std::fs::read_to_string(path("a.key")).unwrap(), private);
    // The public half, from either half, with the right password.
    let public = std::fs::read_to_string(path("a.pub")).unwrap();
    for key in ["a.key", "a.pub"] {
        assert!(
            code(&factory(folder.path(), Some("s3cret"), &["keys", "public", key]), 0).starts_with(&public)
        );
    }
    std::fs::write(path("password"), "s3cret\n").unwrap();
    code(&factory(folder.path(), None, &["keys", "public", "a.key", "--password-file", "password"]), 0);
    let said = code(&factory(folder.path(), Some("wr0ng"), &["keys", "public", "a.key"]), 2);
    assert!(
        said.contains("a.key: the private key cannot be opened: the password is wrong")
            && !said.contains("wr0ng"),
        "{said}"
    );
    assert!(
        code(&factory(folder.path(), None, &["keys", "public", "a.key"]), 2).contains("no terminal to ask")
    );
    // As it is, on demand only.
    assert!(
        code(&factory(folder.path(), None, &["keys", "generate", "--output", "b"]), 2)
            .contains("no terminal to ask")
    );
    assert!(!path("b.key").exists() && !path("b.pub").exists());
    code(
        &factory(
            folder.path(),
            None,
            &["keys", "generate", "--output", "b", "--no-password", "--kind", "ed25519"],
        ),
        0,
    );
    assert!(std::fs::read_to_string(path("b.key")).unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_eq!(path("b.key").metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

/// A folder with keys and a policy, and a product in a registry.
struct Scene {
    folder: tempfile::TempDir,
    mock: Mock,
    product: Product,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        code(&factory(folder.path(), None, &["keys", "generate", "--output", "a", "--no-password"]), 0);
        let mock = Mock::start(Switches::default());
        let product = Product::push(&mock, |platform| {
            let mut all = predicates(platform);
            // Times are this machine's here.
            all[3].1["record"]["result"]["tested_at"] = "2026-01-01T00:00:00Z".into();
            all
        });
        let scene = Self { folder, mock, product };
        scene.policy(|_| {});
        scene
    }

    fn policy(&self, change: impl FnOnce(&mut Value)) {
        let mut policy = policy_json();
        policy["signature"] = json!({"keys": ["a.pub"]});
        policy.as_object_mut().unwrap().remove("record");
        change(&mut policy);
        std::fs::write(self.folder.path().join("policy.json"), serde_json::to_vec_pretty(&policy).unwrap())
            .unwrap();
    }

    fn run(&self, words: &[&str]) -> Output {
        factory(self.folder.path(), None, words)
    }

    fn verify(&self, more: &[&str]) -> Output {
        let image = self.product.reference.to_string();
        self.run(&[&["verify", &image, "--policy", "policy.json"], more].concat())
    }
}

#[test]
fn an_image_is_signed_and_judged() {
    let scene = Scene::new();
    let image = scene.product.reference.to_string();
    // Nobody has signed it yet.
    let said = code(&scene.verify(&[]), 11);
    assert!(said.contains("has no signature by a key that is trusted [policy.json:"), "{said}");
    let said = code(&scene.run(&["sign", &image, "--key", "a.key"]), 0);
    assert!(said.contains(&format!("digest   {}", scene.product.index.digest())), "{said}");
    assert_eq!(said.matches("signed ").count(), 11, "{said}");
    assert_eq!(code(&scene.run(&["sign", &image, "--key", "a.key"]), 0).matches("known ").count(), 11);
    let said = code(&scene.verify(&[]), 0);
    assert!(said.starts_with("accepted  "), "{said}");
    let answer: Value = serde_json::from_slice(&scene.verify(&["--format", "json"]).stdout).unwrap();
    assert_eq!(
        (&answer["verdict"], &answer["digest"]),
        (&json!("accepted"), &json!(scene.product.index.digest()))
    );
    assert_eq!(answer["checks"].as_array().unwrap().len(), 2 + 2 * 7);
    let listed = answer["attestations"].as_array().unwrap();
    // Each twice: as the build has left it in the index, and as we have signed it.
    let records =
        listed.iter().filter(|one| one["predicate_type"] == RECORD && one["platform"] == "linux/arm64");
    let signed = records.clone().filter(|one| one["signed_by"] == answer["keys"][0]);
    assert_eq!((records.count(), signed.count()), (2, 1), "{answer:#}");

    // Another key on the command line is trusted instead of the policy's.
    code(&scene.run(&["keys", "generate", "--output", "b", "--no-password"]), 0);
    code(&scene.verify(&["--key", "b.pub"]), 11);
    code(&scene.verify(&["--key", "b.pub", "--key", "a.pub"]), 0);
    assert!(code(&scene.verify(&["--key", "a.key"]), 2).contains("a.key: this is a private key"));

    // A rule that refuses says so, with its place, for people and for programs.
    scene.policy(|policy| policy["fragments"] = json!({"deny": [{"name": "light", "reason": "no more"}]}));
    let output = scene.verify(&["--format", "json"]);
    let said = code(&output, 11);
    assert!(said.contains("is refused: 2 of 16 checks do not hold"), "{said}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let check = answer["checks"].as_array().unwrap().iter().find(|one| one["outcome"] == "refused").unwrap();
    assert_eq!(
        (&check["rule"], &check["digest"]),
        (&json!("fragments"), &json!(scene.product.images[0].digest()))
    );
    assert!(check["place"].as_str().unwrap().starts_with("policy.json:"), "{check}");
    assert_eq!(check["reasons"][0], "the fragment light 0.2.0 is denied (light): no more");
    scene.policy(|policy| policy["record"] = json!({"max_age_days": 7}));
    assert!(code(&scene.verify(&["--platform", "linux/arm64"]), 11).contains("days ago, more than 7"));
}

#[test]
fn each_way_to_fail_has_its_exit_code() {
    let scene = Scene::new();
    let image = scene.product.reference.to_string();
    code(&scene.run(&["sign", &image, "--key", "a.key"]), 0);
    code(&scene.verify(&[]), 0);
    // Bad policies: all faults, with their places.
    scene.policy(|policy| {
        policy["test"] = json!({});
        policy["sbom"] = json!({"formats": ["spdxx"]});
    });
    let said = code(&scene.verify(&[]), 2);
    assert!(
        said.contains("did you mean `tests`?")
            && said.contains("did you mean `spdx`?")
            && said.contains("policy.json:"),
        "{said}"
    );
    scene.policy(|policy| policy["signature"] = json!({"keys": ["nobody.pub"]}));
    assert!(code(&scene.verify(&[]), 2).contains("nobody.pub"));
    scene.policy(|policy| policy["signature"] = json!({}));
    assert!(code(&scene.verify(&[]), 2).contains("names no key and no identity, and there is no `--key`"));
    scene.policy(|_| {});
    // Nothing there.
    let missing = format!("{}/team/app:other", scene.mock.host());
    code(&scene.run(&["verify", &missing, "--policy", "policy.json"]), 7);
    code(&scene.verify(&["--platform", "linux/riscv64"]), 7);
    // Not allowed to look: at what hangs on it, and at the image.
    scene.mock.switch(|switches| {
        switches.troubles = vec![Trouble::new("GET /v2/team/app/referrers", usize::MAX, 403)];
    });
    let output = scene.verify(&["--format", "json"]);
    code(&output, 8);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["verdict"], "unknown");
    scene.mock.switch(|switches| {
        switches.troubles = vec![Trouble::new("GET /v2/team/app/manifests/dev", usize::MAX, 403)];
    });
    let output = scene.verify(&["--format", "json"]);
    assert!(code(&output, 8).contains("not allowed (403)"));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["verdict"], &answer["checks"][0]["rule"]), (&json!("unknown"), &json!("integrity")));
    scene.mock.switch(|switches| switches.troubles.clear());
    // Other bytes than the digest says.
    let at = ("team/app".to_owned(), scene.product.index.digest().to_owned());
    scene.mock.stored().manifests.get_mut(&at).unwrap().1.push(b' ');
    let pinned = format!("{}@{}", image, scene.product.index.digest());
    let output = scene.run(&["verify", &pinned, "--policy", "policy.json", "--format", "json"]);
    code(&output, 9);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["verdict"], "refused");
}
