//! The configuration of a step: the JSON object in the variable `FACTORY_STEP`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, de};

use crate::environment::Environment;
use crate::fault::Fault;
use crate::sys::{Nanos, SECOND};

/// The variable that carries the configuration.
pub(crate) const VARIABLE: &str = "FACTORY_STEP";
/// Where the evidence goes unless the configuration says otherwise, if there is such a directory.
pub(crate) const DEFAULT_EVIDENCE: &str = "/.factory/out";
/// The certificate bundle unless the configuration says otherwise, if there is such a file.
pub(crate) const DEFAULT_CA: &str = "/.factory/ca.crt";
/// The end of the year 9999, in seconds.
pub(crate) const LAST_EPOCH: u64 = 253_402_300_799;

/// What the wrapper does besides running the command. `docs/step-wrapper.md` explains each member.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Seconds: SOURCE_DATE_EPOCH, and the time of whatever the step changed.
    #[serde(default, deserialize_with = "epoch")]
    pub(crate) epoch: Option<u64>,
    /// `user[:group]`, by name or number, resolved in the image.
    pub(crate) user: Option<String>,
    /// The command's working directory; made if missing.
    pub(crate) cwd: Option<AbsolutePath>,
    /// Clean-ups after the command.
    #[serde(default)]
    pub(crate) clean: Vec<CleanSet>,
    /// Paths that are neither looked at nor changed, with everything below them.
    #[serde(default)]
    pub(crate) exclude: Vec<AbsolutePath>,
    /// Where the evidence goes.
    evidence: Option<AbsolutePath>,
    /// Where the root of before the step is mounted.
    pub(crate) lower: Option<AbsolutePath>,
    /// Whether the manifest of changes is wanted.
    #[serde(default = "yes")]
    pub(crate) changes: bool,
    /// A bundle of additional certificate authorities.
    ca: Option<AbsolutePath>,
    /// Exit codes of the command that count as success.
    #[serde(default = "only_zero")]
    pub(crate) valid_exit_codes: Vec<u8>,
    /// Keep Debian's `docker-clean` from emptying the cache of packages.
    #[serde(default)]
    pub(crate) docker_clean: bool,
    /// Variables for the command alone.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Variables that the command does not get.
    #[serde(default)]
    pub(crate) env_unset: Vec<String>,
}

impl Config {
    /// Reads the value of [`VARIABLE`]; an absent one is an empty object.
    ///
    /// # Errors
    /// Text that is not the JSON of such an object, with line and column.
    pub(crate) fn parse(text: Option<&[u8]>) -> Result<Self, Fault> {
        let text = text.unwrap_or(b"{}");
        let config: Self =
            serde_json::from_slice(text).map_err(|err| Fault::own(format!("{VARIABLE}: {err}")))?;
        let names = config.env.keys().chain(&config.env_unset);
        match names.into_iter().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
            Some(name) => Err(Fault::own(format!("{VARIABLE}: {name:?} is not the name of a variable"))),
            None => Ok(config),
        }
    }

    /// The evidence directory, and whether it must exist.
    pub(crate) fn evidence(&self) -> (&[u8], bool) {
        let wanted = self.evidence.as_ref();
        (wanted.map_or(DEFAULT_EVIDENCE.as_bytes(), AbsolutePath::as_bytes), wanted.is_some())
    }

    /// The certificate bundle, which need not exist.
    pub(crate) fn ca(&self) -> &[u8] {
        self.ca.as_ref().map_or(DEFAULT_CA.as_bytes(), AbsolutePath::as_bytes)
    }
}

fn yes() -> bool {
    true
}

fn only_zero() -> Vec<u8> {
    vec![0]
}

fn epoch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(Option::<Epoch>::deserialize(deserializer)?.map(|Epoch(seconds)| seconds))
}

/// A time before the year 10000, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

impl Epoch {
    /// The time in seconds.
    pub(crate) fn seconds(self) -> u64 {
        self.0
    }

    /// The time as files have it.
    pub(crate) fn nanos(self) -> Nanos {
        Nanos::from(self.0) * SECOND
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            epoch if epoch > LAST_EPOCH => {
                Err(de::Error::custom(format!("epoch {epoch} is after the year 9999")))
            }
            epoch => Ok(Self(epoch)),
        }
    }
}

/// Reads the JSON object that the variable `name` must hold.
///
/// # Errors
/// No such variable, or text that is not the JSON of such an object, with line and column.
pub(crate) fn object<T: de::DeserializeOwned>(env: &mut Environment, name: &str) -> Result<T, Fault> {
    let text = env.remove(name).ok_or_else(|| Fault::own(format!("{name}: the variable is not set")))?;
    serde_json::from_slice(&text).map_err(|err| Fault::own(format!("{name}: {err}")))
}

/// A named clean-up; each is a fixed set of paths, in [`crate::clean`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CleanSet {
    /// What apt and dpkg leave behind.
    Apt,
    /// What pip and uv leave behind.
    Pip,
    /// Log files that the step created.
    Logs,
    /// Temporary files that the step created.
    Tmp,
}

/// An absolute path without empty, `.` and `..` components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AbsolutePath(String);

impl AbsolutePath {
    /// The path as system calls take it.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl<'de> Deserialize<'de> for AbsolutePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_plain = |component: &str| !matches!(component, "" | "." | "..") && !component.contains('\0');
        let is_path = |rest: &str| rest.is_empty() || rest.split('/').all(is_plain);
        match text.strip_prefix('/') {
            Some(rest) if is_path(rest) => Ok(Self(text)),
            _ => Err(de::Error::custom(format!(
                "{text:?} is not an absolute path without empty, \".\" and \"..\" components"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, Fault> {
        Config::parse(Some(text.as_bytes()))
    }

    #[test]
    fn absent_members_have_the_documented_defaults() {
        let config = Config::parse(None).unwrap();
        assert_eq!(config.evidence(), (&b"/.factory/out"[..], false));
        assert_eq!(config.ca(), b"/.factory/ca.crt");
        assert_eq!(config.valid_exit_codes, [0]);
        assert!(config.changes && !config.docker_clean);
    }

    #[test]
    fn all_members_are_read() {
        let config = parse(
            r#"{"epoch":7,"user":"a:b","cwd":"/w","clean":["apt","pip","logs","tmp"],"exclude":["/x"],
            "evidence":"/e","lower":"/l","changes":false,"ca":"/c","valid_exit_codes":[0,3],"docker_clean":true,
            "env":{"A":"1"},"env_unset":["B"]}"#,
        )
        .unwrap();
        assert_eq!(config.epoch, Some(7));
        assert_eq!(config.clean, [CleanSet::Apt, CleanSet::Pip, CleanSet::Logs, CleanSet::Tmp]);
        assert_eq!(config.evidence(), (&b"/e"[..], true));
        assert_eq!(config.valid_exit_codes, [0, 3]);
    }

    #[test]
    fn faults_name_what_is_wrong() {
        for (text, phrase) in [
            ("", "EOF while parsing"),
            ("[]", "FACTORY_STEP: "),
            (r#"{"epock":1}"#, "unknown field `epock`, expected one of `epoch`, `user`"),
            (r#"{"epoch":1,"epoch":2}"#, "duplicate field `epoch`"),
            (r#"{"epoch":-1}"#, "invalid value: integer `-1`"),
            (r#"{"epoch":"1"}"#, "invalid type: string"),
            (r#"{"epoch":253402300800}"#, "after the year 9999"),
            (r#"{"cwd":"w"}"#, "\"w\" is not an absolute path"),
            (r#"{"cwd":"/a/../b"}"#, "\"/a/../b\" is not an absolute path"),
            (r#"{"cwd":"/a//b"}"#, "is not an absolute path"),
            (r#"{"cwd":"/a/"}"#, "is not an absolute path"),
            (r#"{"clean":["yum"]}"#, "unknown variant `yum`, expected one of `apt`, `pip`, `logs`, `tmp`"),
            (r#"{"valid_exit_codes":[256]}"#, "invalid value: integer `256`"),
            (r#"{"env":{"A=B":"1"}}"#, "\"A=B\" is not the name of a variable"),
            (r#"{"env_unset":[""]}"#, "\"\" is not the name of a variable"),
            ("{} {}", "trailing characters"),
        ] {
            let message = format!("{}", parse(text).unwrap_err());
            assert!(message.contains(phrase), "{text}: {message}");
        }
    }
}
