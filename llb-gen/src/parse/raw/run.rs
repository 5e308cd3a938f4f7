//! `run` as written.

use jsonc_parser::ast::Value as Json;

use super::RawEnv;
use super::mounts::{CacheItem, DeviceItem, RawMount, SecretItem, SshItem};
use super::when::RawWhen;
use crate::model::step::{Command, CpuSet, HostIp, HostName, Network, Security, Ulimit, UlimitName};
use crate::model::{ByteSize, FragmentPath, ImagePath, Invalid, List, Owner, PerPlatform, Value};
use crate::parse::decode::{Decode, Map, keywords};
use crate::parse::node::{Context, Node};
use crate::parse::object::object;
use crate::text::Located;

object! {
    /// Runs a command.
    RawRunStep {
        /// What people see while the step runs.
        "name" name: Option<Value<String>>,
        /// When the step runs.
        "when" when: Option<RawWhen>,
        /// What to run: a text for the shell, a list of lines (one script that stops at the first failure),
        /// `{"script": "file.sh", "args": […]}` or `{"exec": […]}`.
        "run" run: PerPlatform<Command>,
        /// Environment of this step alone.
        "env" env: Option<RawEnv>,
        /// The user (and group) that runs it; root by default.
        "user" user: Option<Value<Owner>>,
        /// The folder in which it runs; the fragment's workdir by default.
        "workdir" workdir: Option<Value<ImagePath>>,
        /// The shell with its options, for text.
        "shell" shell: List<String>,
        /// The network; the daemon's default by default.
        "network" network: Option<PerPlatform<Network>>,
        /// The privileges; `sandbox` by default.
        "security" security: Option<PerPlatform<Security>>,
        /// Folders that outlive the step: paths, or objects that say more.
        "cache" cache: Option<Vec<CacheItem>>,
        /// Build secrets: ids, or objects that say more.
        "secrets" secrets: Option<Vec<SecretItem>>,
        /// SSH agent sockets: ids, or objects that say more.
        "ssh" ssh: Option<Vec<SshItem>>,
        /// Files and memory for this step alone.
        "mounts" mounts: Option<Vec<RawMount>>,
        /// Devices by CDI name.
        "devices" devices: Option<Vec<DeviceItem>>,
        /// Limits of the step. They do not change its cache key.
        "limits" limits: Option<RawLimits>,
        /// Limits of its processes: `{"nofile": 1024}` or `{"nofile": "1024:2048"}` (soft and hard).
        "ulimits" ulimits: Option<Map<UlimitName, RawUlimit>>,
        /// Further hosts by name: `{"mirror.local": "10.0.0.2"}`.
        "extra_hosts" extra_hosts: Option<Map<HostName, Value<HostIp>>>,
        /// Exit codes that count as success; 0 alone by default.
        "valid_exit_codes" valid_exit_codes: Option<Located<Vec<u8>>>,
        /// The command must be process 1: it runs without the step wrapper, so its changes keep their times, and nothing is
        /// cleaned up after it.
        "pid1" pid1: Option<PerPlatform<bool>>,
    }
}

object! {
    /// Limits of a step.
    RawLimits {
        /// Memory, such as `512m`.
        "memory" memory: Option<Value<ByteSize>>,
        /// Swap beside the memory, such as `1g`.
        "swap" swap: Option<Value<ByteSize>>,
        /// Processors, such as 1.5.
        "cpus" cpus: Option<PerPlatform<Cpus>>,
        /// Weight against other steps; 1024 is the usual one.
        "cpu_shares" cpu_shares: Option<PerPlatform<u32>>,
        /// Which processors, such as `0-3`.
        "cpuset_cpus" cpuset_cpus: Option<Value<CpuSet>>,
        /// Which memory nodes, such as `0`.
        "cpuset_mems" cpuset_mems: Option<Value<CpuSet>>,
    }
}

object! {
    /// A file of the fragment that is mounted and run.
    RawScript {
        /// The file. Its first line (`#!…`) says what runs it.
        "script" script: Value<FragmentPath>,
        /// Its arguments.
        "args" args: Option<Vec<Value<String>>>,
    }
}

object! {
    /// A program with its arguments, run without a shell.
    RawExec {
        /// The program and its arguments.
        "exec" exec: Located<Vec<Value<String>>>,
    }
}

impl Decode for Command {
    const FORM: &'static str = "a text, an array of lines, or an object with `script` or `exec`";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        match node {
            Json::StringLit(_) => Located::decode(node, cx).map(|text| Self::Shell(vec![text])),
            Json::Array(_) => Vec::decode(node, cx).map(Self::Shell),
            Json::Object(object) if object.get("exec").is_some() => exec(RawExec::decode(node, cx)?, cx),
            Json::Object(_) => {
                let raw = RawScript::decode(node, cx)?;
                Some(Self::Script { script: raw.script, args: raw.args.unwrap_or_default() })
            }
            _ => cx.wrong_type(node, Self::FORM),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (script, exec) = (RawScript::schema(generator), RawExec::schema(generator));
        let text = crate::schema::one_or_list(crate::schema::plain_text::<String>(generator));
        crate::schema::any_of([text, script, exec])
    }
}

fn exec(raw: RawExec, cx: &mut Context<'_>) -> Option<Command> {
    if raw.exec.is_empty() {
        let fault = crate::diagnostic::Diagnostic::error("empty-value", raw.exec.place(), "`exec` is empty");
        return cx.refuse(fault.expecting("a program and its arguments"));
    }
    Some(Command::Exec(raw.exec.into_value()))
}

/// Processors in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cpus(pub(crate) u32);

impl Decode for Cpus {
    const FORM: &'static str = "a number of processors from 0.01, such as 1.5";

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let Json::NumberLit(number) = node else { return cx.wrong_type(node, Self::FORM) };
        let (whole, fraction) = number.value.split_once('.').unwrap_or((number.value, ""));
        let thousandths =
            if fraction.len() <= 3 { format!("{whole}{fraction:0<3}").parse::<u32>().ok() } else { None };
        match thousandths.filter(|milli| *milli >= 10) {
            Some(milli) => Some(Self(milli)),
            None => cx.invalid(node, Invalid::new("no such number of processors"), Self::FORM),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "minimum": 0.01, "examples": [1.5] })
    }
}

/// A process limit: a number, or `soft:hard`.
#[derive(Debug, Clone)]
pub(crate) struct RawUlimit(pub(crate) Value<Ulimit>);

impl Decode for RawUlimit {
    const FORM: &'static str = "a number from -1, or a string such as \"1024:2048\"";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let Json::NumberLit(number) = node else { return Value::decode(node, cx).map(Self) };
        match number.value.parse::<i64>().ok().filter(|limit| *limit >= -1) {
            Some(limit) => Some(Self(Value::literal(Ulimit { soft: limit, hard: limit }, cx.place(node)))),
            None => cx.invalid(node, Invalid::new("no such limit"), Self::FORM),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let number = schemars::json_schema!({ "type": "integer", "minimum": -1 });
        crate::schema::any_of([number, <Value<Ulimit> as Decode>::schema(generator)])
    }
}

keywords!(Network, "`default`, `none` or `host`" {
    /// What the daemon gives by default.
    "default" => Network::Default,
    /// No network but loopback.
    "none" => Network::None,
    /// The host's own network; needs the entitlement `network.host`.
    "host" => Network::Host,
});

keywords!(Security, "`sandbox` or `insecure`" {
    /// Confined as usual.
    "sandbox" => Security::Sandbox,
    /// With all privileges; needs the entitlement `security.insecure`.
    "insecure" => Security::Insecure,
});
