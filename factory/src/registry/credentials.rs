//! Logins, from where docker keeps them: its configuration file and its credential helpers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

use super::fault::{Fault, Result, Why};
use crate::process::capture_fed;

/// How long a credential helper may take; some ask a person.
const HELPER_LIMIT: Duration = Duration::from_secs(60);

/// What a registry is logged in to with.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// A name and a password.
    Password(String, String),
    /// A token for which others are given out.
    Identity(String),
    /// A token as it is shown to the registry.
    Registry(String),
}

/// Never what they are.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Password(..) => "Password",
            Self::Identity(_) => "Identity",
            Self::Registry(_) => "Registry",
        })
    }
}

/// Docker's configuration file.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config {
    #[serde(default)]
    auths: BTreeMap<String, AuthJson>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
struct AuthJson {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
    #[serde(default)]
    registrytoken: String,
}

#[derive(Deserialize)]
struct HelperJson {
    #[serde(rename = "Username", default)]
    username: String,
    #[serde(rename = "Secret", default)]
    secret: String,
}

/// The login for a registry, where there is one.
///
/// # Errors
/// The configuration file is none, or a credential helper fails: whether there is a login is then not known.
pub(super) fn of(config: &Path, registry: &str) -> Result<Option<Credentials>> {
    let text = match fs::read(config) {
        Ok(text) => text,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(Fault::Usage(format!("{}: {fault}", config.display()))),
    };
    let json = Config::parse(&text, config)?;
    let helper = at(&json.cred_helpers, registry).or(json.creds_store.as_ref());
    if let Some(helper) = helper.filter(|name| !name.is_empty())
        && let Some(found) = helped(helper, &key(registry))?
    {
        return Ok(Some(found));
    }
    json.stored(config, registry)
}

impl Config {
    /// Reads the file, which lies at `path`.
    pub(super) fn parse(text: &[u8], path: &Path) -> Result<Self> {
        serde_json::from_slice(text).map_err(|fault| Fault::Usage(format!("{}: {fault}", path.display())))
    }

    /// The login that stands in the file itself.
    pub(super) fn stored(&self, path: &Path, registry: &str) -> Result<Option<Credentials>> {
        at(&self.auths, registry).map_or(Ok(None), |entry| stored(entry, path, registry))
    }
}

/// What a table of registries says of this one, however it is written there.
fn at<'t, T>(table: &'t BTreeMap<String, T>, registry: &str) -> Option<&'t T> {
    let host = key(registry);
    table.iter().find(|(name, _)| host_of(name) == host_of(&host)).map(|(_, found)| found)
}

fn stored(entry: &AuthJson, config: &Path, registry: &str) -> Result<Option<Credentials>> {
    let AuthJson { auth, username, password, identitytoken, registrytoken } = entry;
    if !identitytoken.is_empty() {
        return Ok(Some(Credentials::Identity(identitytoken.clone())));
    }
    if !registrytoken.is_empty() {
        return Ok(Some(Credentials::Registry(registrytoken.clone())));
    }
    if !username.is_empty() {
        return Ok(Some(Credentials::Password(username.clone(), password.clone())));
    }
    if auth.is_empty() {
        return Ok(None);
    }
    let broken = || {
        Fault::Usage(format!("{}: the login for {registry} is not name:password in base64", config.display()))
    };
    let bytes = STANDARD.decode(auth).or_else(|_| STANDARD_NO_PAD.decode(auth)).map_err(|_| broken())?;
    let text = String::from_utf8(bytes).map_err(|_| broken())?;
    let (name, password) = text.split_once(':').ok_or_else(broken)?;
    Ok(Some(Credentials::Password(name.to_owned(), password.trim_end_matches('\0').to_owned())))
}

/// Asks a credential helper (`docker-credential-NAME get`, the registry on its standard input).
fn helped(name: &str, registry: &str) -> Result<Option<Credentials>> {
    let program = format!("docker-credential-{name}");
    let failed = |why: String| {
        Fault::could_not_look(
            format!("the login for {registry}"),
            Why::Unauthorized(format!("{program} {why}")),
        )
    };
    let mut command = Command::new(&program);
    command.arg("get");
    let out = capture_fed(command, registry.as_bytes(), HELPER_LIMIT)
        .map_err(|fault| failed(fault.full_message()))?;
    if !out.ok {
        let said = format!("{}{}", out.stdout, out.stderr);
        // What all helpers say who know of no login.
        return if said.contains("credentials not found") {
            Ok(None)
        } else {
            Err(failed(said.trim().to_owned()))
        };
    }
    let json: HelperJson =
        serde_json::from_str(&out.stdout).map_err(|fault| failed(format!("answers no JSON: {fault}")))?;
    Ok(match json.username.as_str() {
        "<token>" => Some(Credentials::Identity(json.secret)),
        "" => None,
        _ => Some(Credentials::Password(json.username, json.secret)),
    })
}

/// What docker calls a registry in its configuration.
fn key(registry: &str) -> String {
    if registry == "docker.io" { "https://index.docker.io/v1/".to_owned() } else { registry.to_owned() }
}

/// The host of a name in docker's configuration, which may be an address.
fn host_of(name: &str) -> &str {
    let bare = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(name);
    match bare.split('/').next().unwrap_or(bare) {
        "docker.io" | "registry-1.docker.io" => "index.docker.io",
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(json: &str, registry: &str) -> Result<Option<Credentials>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        fs::write(&file, json).unwrap();
        of(&file, registry)
    }

    fn password(name: &str, word: &str) -> Option<Credentials> {
        Some(Credentials::Password(name.into(), word.into()))
    }

    #[test]
    fn logins_are_found_as_docker_writes_them() {
        let json = r#"{"auths": {"reg.test:5000": {"auth": "bWU6cDp3"}, "https://index.docker.io/v1/": {"auth": "aHViOng="},
            "id.test": {"identitytoken": "t"}, "https://old.test/v2/": {"username": "u", "password": "p"}, "none.test": {}}}"#;
        assert_eq!(login(json, "reg.test:5000").unwrap(), password("me", "p:w"));
        assert_eq!(login(json, "docker.io").unwrap(), password("hub", "x"));
        assert_eq!(login(json, "id.test").unwrap(), Some(Credentials::Identity("t".into())));
        assert_eq!(login(json, "old.test").unwrap(), password("u", "p"));
        assert_eq!(login(json, "none.test").unwrap(), None);
        assert_eq!(login(json, "reg.test").unwrap(), None);
        assert!(matches!(login(r#"{"auths": {"x": {"auth": "?"}}}"#, "x"), Err(Fault::Usage(_))));
        assert!(matches!(login("{", "x"), Err(Fault::Usage(_))));
        assert_eq!(of(Path::new("/nowhere/config.json"), "x").unwrap(), None);
    }

    #[test]
    fn a_helper_that_fails_leaves_the_question_open() {
        let json = r#"{"credHelpers": {"x": "factory-no-such-helper"}}"#;
        let fault = login(json, "x").unwrap_err();
        assert!(
            fault.is_could_not_look()
                && fault.to_string().contains("docker-credential-factory-no-such-helper")
        );
        assert_eq!(login(json, "y").unwrap(), None);
    }

    #[test]
    fn nothing_secret_is_shown() {
        let shown = format!("{:?}", Credentials::Password("me".into(), "secret".into()));
        assert!(!shown.contains("secret"));
    }
}
