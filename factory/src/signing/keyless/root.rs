//! Sigstore's trusted root: the authorities and logs that are believed, each for its time.

use serde::Deserialize;

use super::material::{Bytes, ChainJson};
use super::verifier::Verifier;
use crate::policy::seconds;
use crate::registry::digest_of;
use crate::signing::Fault;

/// How the media types of all versions begin.
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot";

/// Whom to believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedRoot {
    /// The digest of its file.
    digest: String,
    pub(super) logs: Vec<Log>,
    pub(super) authorities: Vec<Authority>,
    pub(super) certificate_logs: Vec<Log>,
    pub(super) timestamp_authorities: Vec<Authority>,
}

/// A log with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) id: Vec<u8>,
    /// None where the key is of a kind that is not known here: then nothing is believed of this log.
    pub(super) key: Option<Verifier>,
    pub(super) window: Window,
}

/// An authority with its certificates, the one that issues first and the root last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) window: Window,
}

/// From when until when something is believed, both included, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    start: i64,
    end: Option<i64>,
}

impl Window {
    pub(super) fn has(self, time: i64) -> bool {
        self.start <= time && self.end.is_none_or(|end| time <= end)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RootJson {
    media_type: String,
    #[serde(default)]
    tlogs: Vec<LogJson>,
    #[serde(default)]
    certificate_authorities: Vec<AuthorityJson>,
    #[serde(default)]
    ctlogs: Vec<LogJson>,
    #[serde(default)]
    timestamp_authorities: Vec<AuthorityJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogJson {
    public_key: KeyJson,
    log_id: Option<IdJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyJson {
    raw_bytes: Bytes,
    valid_for: Option<WindowJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdJson {
    key_id: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorityJson {
    cert_chain: ChainJson,
    valid_for: Option<WindowJson>,
}

#[derive(Deserialize)]
struct WindowJson {
    start: Option<String>,
    end: Option<String>,
}

impl TrustedRoot {
    /// The longest file in bytes: the public one has some thousands.
    pub(crate) const LONGEST: u64 = 4 << 20;

    /// Reads `trusted_root.json`.
    ///
    /// # Errors
    /// It is none, or does not say from when on something is believed.
    pub fn parse(json: &[u8]) -> Result<Self, Fault> {
        let malformed = |why: String| Fault::malformed("trusted root of sigstore", why);
        let read: RootJson = serde_json::from_slice(json).map_err(|fault| malformed(fault.to_string()))?;
        if !read.media_type.starts_with(MEDIA_TYPE) {
            return Err(malformed(format!(
                "its media type is {:?}; expected \"{MEDIA_TYPE}+json;version=0.1\"",
                read.media_type
            )));
        }
        let logs = |of: &str, list: Vec<LogJson>| -> Result<Vec<Log>, Fault> {
            let one =
                |(at, one): (usize, LogJson)| log(one).map_err(|why| malformed(format!("{of}[{at}]: {why}")));
            list.into_iter().enumerate().map(one).collect()
        };
        let authorities = |of: &str, list: Vec<AuthorityJson>| -> Result<Vec<Authority>, Fault> {
            let one = |(at, one): (usize, AuthorityJson)| {
                authority(one).map_err(|why| malformed(format!("{of}[{at}]: {why}")))
            };
            list.into_iter().enumerate().map(one).collect()
        };
        Ok(Self {
            digest: digest_of(json),
            logs: logs("tlogs", read.tlogs)?,
            authorities: authorities("certificateAuthorities", read.certificate_authorities)?,
            certificate_logs: logs("ctlogs", read.ctlogs)?,
            timestamp_authorities: authorities("timestampAuthorities", read.timestamp_authorities)?,
        })
    }

    /// The SHA-256 of its file.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

fn log(read: LogJson) -> Result<Log, String> {
    let KeyJson { raw_bytes: Bytes(der), valid_for } = read.public_key;
    let key = Verifier::from_der(&der);
    let id = match (read.log_id, &key) {
        (Some(id), _) => id.key_id.0,
        (None, Some(key)) => key.id(),
        (None, None) => return Err("neither its id is said nor is its key of a known kind".to_owned()),
    };
    Ok(Log { id, key, window: window(valid_for)? })
}

fn authority(read: AuthorityJson) -> Result<Authority, String> {
    let chain: Vec<Vec<u8>> = read.cert_chain.certificates.into_iter().map(|one| one.raw_bytes.0).collect();
    match chain.is_empty() {
        true => Err("it has no certificate".to_owned()),
        false => Ok(Authority { chain, window: window(read.valid_for)? }),
    }
}

fn window(read: Option<WindowJson>) -> Result<Window, String> {
    let WindowJson { start, end } = read.unwrap_or(WindowJson { start: None, end: None });
    let time = |text: &str| seconds(text).ok_or_else(|| format!("{text:?} is no time in UTC"));
    let start = start.ok_or("it does not say from when on it is believed (`validFor.start`)")?;
    Ok(Window { start: time(&start)?, end: end.map(|end| time(&end)).transpose()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_include_their_ends() {
        let window = |text: &str| window(serde_json::from_str(text).unwrap());
        let both = window(r#"{"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:02.5Z"}"#).unwrap();
        let start = 1_767_225_600;
        assert_eq!(
            [start - 1, start, start + 2, start + 3].map(|time| both.has(time)),
            [false, true, true, false]
        );
        assert!(window(r#"{"start": "2026-01-01T00:00:00Z"}"#).unwrap().has(i64::MAX));
        assert!(window(r#"{"end": "2026-01-01T00:00:00Z"}"#).unwrap_err().contains("validFor.start"));
        assert!(window(r#"{"start": "yesterday"}"#).unwrap_err().contains("no time"));
    }

    #[test]
    fn what_is_no_trusted_root_is_refused() {
        for (text, said) in [
            ("", "EOF"),
            ("{}", "mediaType"),
            (r#"{"mediaType": "application/json"}"#, "application/json"),
            (
                r#"{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                    "tlogs": [{"publicKey": {"rawBytes": "AA==", "validFor": {"start": "2026-01-01T00:00:00Z"}}}]}"#,
                "tlogs[0]: neither its id",
            ),
            (
                r#"{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                    "certificateAuthorities": [{"certChain": {}, "validFor": {"start": "2026-01-01T00:00:00Z"}}]}"#,
                "certificateAuthorities[0]: it has no certificate",
            ),
        ] {
            let fault = TrustedRoot::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(fault.contains(said), "{text}: {fault}");
        }
    }
}
