//! Logins from credential helpers, as the command line finds them: in the search path, by docker's configuration.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod mock_registry;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use factory::registry::{Access, Descriptor, Found, Name, Repository, media};
use mock_registry::{Mock, Switches};
use serde_json::{Value, json};

/// What the helpers answer, by their names: what they print, and their exit code. All of them note what they were asked for.
const HELPERS: [(&str, &str, i32); 4] = [
    ("right", r#"{"ServerURL": "x", "Username": "me", "Secret": "pw"}"#, 0),
    ("identity", r#"{"ServerURL": "x", "Username": "<token>", "Secret": "refresh"}"#, 0),
    ("empty", "credentials not found in native keychain", 1),
    ("broken", "the keychain is locked", 1),
];
/// What a registry wants to be shown that is logged in to with name and password: `me`, `pw`.
const PASSWORD: (&str, &str) = ("Basic bWU6cHc=", "Basic realm=\"x\"");

/// Puts the helpers into a folder.
fn helpers(folder: &Path) {
    for (name, says, code) in HELPERS {
        let path = folder.join(format!("docker-credential-{name}"));
        let asked = folder.join("asked");
        let text = format!(
            "#!/bin/sh\n[ \"$1\" = get ] || exit 9\n{{ echo {name}; cat; echo; }} >> {}\necho '{says}'\nexit {code}\n",
            asked.display()
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// A registry with an image, and a folder with helpers and a configuration.
struct Lab {
    mock: Mock,
    folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let (mock, folder) = (Mock::start(Switches::default()), tempfile::tempdir().unwrap());
        helpers(folder.path());
        let name = format!("{}/app:dev", mock.host()).parse().unwrap();
        let repository = Repository::open(&name, &Access::anonymous()).unwrap();
        let config = json!({"os": "linux", "architecture": "amd64"}).to_string();
        let config =
            repository.put_blob("application/vnd.oci.image.config.v1+json", config.as_bytes()).unwrap();
        let json = json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": config, "layers": []});
        let bytes = json.to_string().into_bytes();
        let found = Found { descriptor: Descriptor::of(media::MANIFEST, &bytes), bytes };
        repository.put_manifest(&Name::Tag("dev".into()), &found).unwrap();
        Self { mock, folder }
    }

    /// Lets in who shows this, and says that to the others.
    fn wants(&self, (login, challenge): (&str, &str)) {
        self.mock.switch(|one| (one.login, one.challenge) = (Some(login.into()), challenge.into()));
    }

    /// Asks for the image with this configuration: the exit code, what is said, and what the helpers were asked for.
    fn asked(&self, config: &Value) -> (i32, String, String) {
        let folder = self.folder.path();
        fs::write(folder.join("config.json"), config.to_string()).unwrap();
        let _ = fs::remove_file(folder.join("asked"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_factory"));
        command.args(["layers", &format!("registry:{}/app:dev", self.mock.host())]);
        command.args(["--platform", "linux/amd64"]);
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let out = command.env("DOCKER_CONFIG", folder).env("PATH", path).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        let asked = fs::read_to_string(folder.join("asked")).unwrap_or_default();
        (out.status.code().unwrap(), said, asked)
    }
}

#[test]
fn the_helper_that_is_meant_is_asked_for_the_registry() {
    let lab = Lab::new();
    lab.wants(PASSWORD);
    let host = lab.mock.host();
    for config in [
        json!({"credHelpers": {host.clone(): "right"}}),
        json!({"credsStore": "right"}),
        json!({"credsStore": "right", "auths": {host.clone(): {}}}),
        json!({"credHelpers": {host.clone(): "right", "other.test": "broken"}, "credsStore": "broken"}),
    ] {
        let (code, said, asked) = lab.asked(&config);
        assert_eq!((code, asked), (0, format!("right\n{host}\n")), "{config} {said}");
    }
}

#[test]
fn an_identity_token_is_shown_to_who_gives_out_tokens() {
    let lab = Lab::new();
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"reg\"", lab.mock.host());
    lab.wants(("Bearer t0ken", &realm));
    let (code, said, _) = lab.asked(&json!({"credsStore": "identity"}));
    assert_eq!(code, 0, "{said}");
    let tokens = std::mem::take(&mut lab.mock.stored().tokens);
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert!(tokens[0].starts_with("POST - "), "{tokens:?}");
    for part in
        ["grant_type=refresh_token", "refresh_token=refresh", "service=reg", "scope=repository%3Aapp%3Apull"]
    {
        assert!(tokens[0].contains(part), "{part} in {tokens:?}");
    }
    // With a name and a password it is asked for otherwise.
    assert_eq!(lab.asked(&json!({"credsStore": "right"})).0, 0);
    assert_eq!(lab.mock.stored().tokens, ["GET Basic bWU6cHc= repository:app:pull"]);
}

#[test]
fn without_a_login_nobody_says_who_asks() {
    let lab = Lab::new();
    let host = lab.mock.host();
    // A helper that knows of none leaves it to the configuration, and that to nobody.
    lab.wants(PASSWORD);
    let (code, said, asked) =
        lab.asked(&json!({"credsStore": "empty", "auths": {host.clone(): {"auth": "bWU6cHc="}}}));
    assert_eq!((code, asked), (0, format!("empty\n{host}\n")), "{said}");
    let (code, said, _) = lab.asked(&json!({"credsStore": "empty"}));
    assert!(code == 8 && said.contains("not logged in (401)"), "{code} {said}");
    // Who gives out tokens gives one to anybody.
    let realm = format!("Bearer realm=\"http://{host}/token\"");
    lab.wants(("Bearer t0ken", &realm));
    let (code, said, _) = lab.asked(&json!({"credsStore": "empty"}));
    assert_eq!(code, 0, "{said}");
    assert_eq!(lab.mock.stored().tokens, ["GET - repository:app:pull"]);
    // A helper that fails is no helper that knows of none: nobody is asked as nobody then.
    let (code, said, _) = lab.asked(&json!({"credsStore": "broken"}));
    assert!(code == 8 && said.contains("docker-credential-broken the keychain is locked"), "{code} {said}");
    // And a registry that asks for no login is shown none.
    lab.mock.switch(|one| one.login = None);
    let (code, said, asked) = lab.asked(&json!({"credsStore": "broken"}));
    assert_eq!((code, asked.as_str()), (0, ""), "{said}");
}
