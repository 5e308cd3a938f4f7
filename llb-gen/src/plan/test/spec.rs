//! What the helper is told about tests: the variable `FACTORY_TESTS`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::model::Scope;
use crate::model::test::{Match, Matches, Pointed};

/// One test.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TestSpec {
    pub(crate) name: String,
    pub(crate) timeout_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cwd: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) env: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) services: Vec<ServiceSpec>,
    #[serde(flatten)]
    pub(crate) action: ActionSpec,
}

/// A server that runs beside it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ServiceSpec {
    pub(crate) name: String,
    pub(crate) argv: Vec<String>,
    pub(crate) port: u16,
    pub(crate) ready: ReadySpec,
}

/// What it does, under the action's name.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActionSpec {
    Run(RunSpec),
    Http(ServerSpec),
    Files(Vec<FileSpec>),
    Packages(PackagesSpec),
    Gpu(GpuSpec),
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct RunSpec {
    pub(crate) argv: Vec<String>,
    pub(crate) exit_codes: Vec<u8>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) stdout: Vec<MatchSpec>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) stderr: Vec<MatchSpec>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ServerSpec {
    pub(crate) argv: Vec<String>,
    pub(crate) port: u16,
    pub(crate) ready: ReadySpec,
    pub(crate) exchanges: Vec<ExchangeSpec>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReadySpec {
    pub(crate) path: String,
    /// Any below 500 where empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) status: Vec<u16>,
    pub(crate) attempts: u32,
    pub(crate) interval_ms: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ExchangeSpec {
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// Never empty.
    pub(crate) status: Vec<u16>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) expect_headers: BTreeMap<String, MatchSpec>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) expect_body: Vec<MatchSpec>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct FileSpec {
    pub(crate) path: String,
    pub(crate) exists: bool,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_size: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) content: Vec<MatchSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_setuid: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_world_writable: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) empty: bool,
}

/// Ranges in their one spelling: `*`, `>=8,<9`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct PackagesSpec {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) dpkg: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) pip: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) pip_check: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) dpkg_verify: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) dpkg_audit: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum GpuSpec {
    Devices { devices: Vec<String>, run: RunSpec },
    Driverless { driverless: bool },
}

/// What a text must be.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MatchSpec {
    Contains(String),
    Equals(String),
    Matches(String),
    Json(BTreeMap<String, serde_json::Value>),
}

impl MatchSpec {
    pub(super) fn of(one: &Match, scope: &Scope) -> Result<Self, Diagnostic> {
        Ok(match one {
            Match::Contains(text) => Self::Contains(text.get(scope)?),
            Match::Equals(text) => Self::Equals(text.get(scope)?),
            Match::Matches(expression) => Self::Matches(expression.get(scope)?.to_string()),
            Match::Json(values) => Self::values(values),
        })
    }

    pub(super) fn values(values: &[Pointed]) -> Self {
        let value = |one: &Pointed| (one.pointer.to_string(), one.value.get().clone());
        Self::Json(crate::ordered::ordered(values.iter().map(value)))
    }

    /// All of them on the scope's platform; none where the member is absent.
    pub(super) fn all(matches: &Matches, scope: &Scope) -> Result<Vec<Self>, Diagnostic> {
        let Some(matches) = matches else { return Ok(Vec::new()) };
        matches.get(scope)?.iter().map(|one| Self::of(one, scope)).collect()
    }
}
