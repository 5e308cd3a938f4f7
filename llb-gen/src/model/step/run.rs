//! The `run` step.

use core::net::IpAddr;
use std::fmt;

use super::{Env, Origin};
use crate::model::name::{CacheId, EnvName, SecretId, SshId};
use crate::model::owner::{FileMode, Owner};
use crate::model::path::{FragmentPath, ImagePath, SourcePath};
use crate::model::quantity::ByteSize;
use crate::model::text_value::{Invalid, TextValue, checked_text, quoted, text_value};
use crate::model::value::{List, PerPlatform, Value};
use crate::text::{Located, Place};

/// `run`: a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What to run.
    pub command: PerPlatform<Command>,
    /// Environment for this step alone.
    pub env: Env,
    /// Who runs it; root by default.
    pub user: Option<Value<Owner>>,
    /// Where it runs; the fragment's workdir by default.
    pub workdir: Option<Value<ImagePath>>,
    /// The shell for text; the template's by default. Empty where not given.
    pub shell: List<String>,
    /// The network.
    pub network: PerPlatform<Network>,
    /// Privileges.
    pub security: PerPlatform<Security>,
    /// Cache mounts.
    pub cache: Vec<CacheMount>,
    /// Secret mounts and variables.
    pub secrets: Vec<Secret>,
    /// SSH agent sockets.
    pub ssh: Vec<Ssh>,
    /// Bind and tmpfs mounts.
    pub mounts: Vec<Mount>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Limits; outside the cache key.
    pub limits: Limits,
    /// Resource limits of the process, in the order written.
    pub ulimits: Vec<(Located<UlimitName>, Value<Ulimit>)>,
    /// Further lines of `/etc/hosts`, in the order written.
    pub extra_hosts: Vec<(Located<HostName>, Value<HostIp>)>,
    /// Exit codes that count as success; 0 alone where not given.
    pub valid_exit_codes: Vec<u8>,
    /// The command must be process 1: it runs without the step wrapper and loses what that gives.
    pub pid1: PerPlatform<bool>,
}

/// What `run` runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Text for the shell, one line of it each; never expanded (the shell does that). Stops at the first failure.
    Shell(Vec<Located<String>>),
    /// A file of the fragment, mounted and run with arguments.
    Script {
        /// The file.
        script: Value<FragmentPath>,
        /// Its arguments.
        args: Vec<Value<String>>,
    },
    /// A program with its arguments, without a shell; never empty.
    Exec(Vec<Value<String>>),
}

/// The network of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Network {
    /// What the daemon gives by default.
    Default,
    /// None but loopback.
    None,
    /// The host's (needs an entitlement).
    Host,
}

/// The privileges of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Security {
    /// As usual.
    Sandbox,
    /// Without confinement (needs an entitlement).
    Insecure,
}

/// How a cache mount is used by steps at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sharing {
    /// All at once.
    Shared,
    /// Each its own.
    Private,
    /// One after the other.
    Locked,
}

/// A folder that outlives the step and is in no layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheMount {
    /// Where; always a folder.
    pub path: Value<ImagePath>,
    /// What it is known by; its path by default.
    pub id: Option<Value<CacheId>>,
    /// How it is shared; `shared` by default.
    pub sharing: PerPlatform<Sharing>,
    /// Mode of the folder when it is made; 0755 by default.
    pub chmod: Option<Value<FileMode>>,
    /// Owner of the folder when it is made; root by default.
    pub chown: Option<Value<NumericOwner>>,
    /// What it holds at first; empty by default.
    pub from: Option<Value<Origin>>,
    /// The folder inside `from`.
    pub source: Option<Value<SourcePath>>,
    /// The whole item.
    pub place: Place,
}

/// A build secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its id.
    pub id: Value<SecretId>,
    /// Where the step finds it.
    pub target: SecretTarget,
    /// Whether the build fails without it; yes by default.
    pub required: PerPlatform<bool>,
    /// The whole item.
    pub place: Place,
}

/// Where a step finds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretTarget {
    /// In a file.
    File {
        /// Where; `/run/secrets/ID` where absent.
        path: Option<Value<ImagePath>>,
        /// Mode; 0400 by default.
        chmod: Option<Value<FileMode>>,
        /// Owner; root by default.
        chown: Option<Value<NumericOwner>>,
    },
    /// In an environment variable.
    Env(Value<EnvName>),
}

/// An SSH agent socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    /// Its id; `default` where absent.
    pub id: Option<Value<SshId>>,
    /// Where; `/run/buildkit/ssh_agent.N` where absent. `SSH_AUTH_SOCK` names the first one.
    pub path: Option<Value<ImagePath>>,
    /// Whether the build fails without it; yes by default.
    pub required: PerPlatform<bool>,
    /// Mode; 0600 by default.
    pub chmod: Option<Value<FileMode>>,
    /// Owner; root by default.
    pub chown: Option<Value<NumericOwner>>,
    /// The whole item.
    pub place: Place,
}

/// A mount of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where.
    pub path: Value<ImagePath>,
    /// What.
    pub source: MountSource,
    /// The whole item.
    pub place: Place,
}

/// What a mount holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// Files from somewhere. What a step writes there is thrown away.
    Bind {
        /// Where from; the fragment's own folder by default.
        from: Value<Origin>,
        /// The file or folder inside it; all of it by default.
        source: Option<Value<SourcePath>>,
        /// Whether writing fails; yes by default.
        readonly: PerPlatform<bool>,
    },
    /// Memory.
    Tmpfs {
        /// Its largest size; the kernel's default where absent.
        size: Option<Value<ByteSize>>,
    },
}

/// A device by its CDI name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The name.
    pub name: Value<CdiName>,
    /// Whether the build fails without it; yes by default.
    pub required: PerPlatform<bool>,
}

/// Limits of a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Memory.
    pub memory: Option<Value<ByteSize>>,
    /// Swap beside the memory; none of it where only `memory` is given is the daemon's choice.
    pub swap: Option<Value<ByteSize>>,
    /// Processors in thousandths: 1500 is one and a half.
    pub milli_cpus: Option<PerPlatform<u32>>,
    /// Relative weight against other steps; 1024 is the usual one.
    pub cpu_shares: Option<PerPlatform<u32>>,
    /// Which processors, such as `0-3,6`.
    pub cpuset_cpus: Option<Value<CpuSet>>,
    /// Which memory nodes, such as `0`.
    pub cpuset_mems: Option<Value<CpuSet>>,
}

checked_text!(
    /// A list of processors or memory nodes: `0-3,6`.
    CpuSet
);

impl TextValue for CpuSet {
    const WHAT: &'static str = "a processor list";
    const FORM: &'static str = "numbers and ranges such as \"0-3,6\"";
    const PATTERN: &'static str = r"^\d+(-\d+)?(,\d+(-\d+)?)*$";
    const EXAMPLES: &'static [&'static str] = &["0-3,6"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let number =
            |text: &str| text.parse::<u16>().ok().filter(|_| text.chars().all(|c| c.is_ascii_digit()));
        let fits = text.split(',').all(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            matches!((number(first), number(last)), (Some(first), Some(last)) if first <= last)
        });
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(format!("{} is not a processor list", quoted(text))))
        }
    }
}

/// Owner of a mount, by numbers: a mount exists before the image's account files can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NumericOwner {
    /// User.
    pub uid: u32,
    /// Group; the user's number where none is written.
    pub gid: u32,
}

text_value!(NumericOwner);

impl TextValue for NumericOwner {
    const WHAT: &'static str = "an owner by numbers";
    const FORM: &'static str = "`uid` or `uid:gid` (names cannot be resolved for a mount)";
    const PATTERN: &'static str = r"^\d+(:\d+)?$";
    const EXAMPLES: &'static [&'static str] = &["1000", "1000:1000"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let (uid, gid) = text.split_once(':').unwrap_or((text, text));
        let number = |text: &str| text.parse::<u32>().ok().filter(|_| !text.starts_with('+'));
        match (number(uid), number(gid)) {
            (Some(uid), Some(gid)) => Ok(Self { uid, gid }),
            _ => Err(Invalid::new(format!("{} is not an owner by numbers", quoted(text)))),
        }
    }
}

checked_text!(
    /// The name of a device: `vendor/class=name`, or `vendor/class` for any of that class.
    CdiName
);

impl TextValue for CdiName {
    const WHAT: &'static str = "a CDI device name";
    const FORM: &'static str = "`vendor/class` or `vendor/class=name`, such as \"nvidia.com/gpu=all\"";
    const PATTERN: &'static str =
        r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*(=[A-Za-z0-9][A-Za-z0-9._:-]*)?$";
    const EXAMPLES: &'static [&'static str] = &["nvidia.com/gpu=all"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let (kind, name) = text.split_once('=').map_or((text, None), |(kind, name)| (kind, Some(name)));
        let word = |text: &str, also: &str| {
            let edge = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
            edge && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
        };
        let kind_fits =
            kind.split_once('/').is_some_and(|(vendor, class)| word(vendor, "._-") && word(class, "._-"));
        match kind_fits && name.is_none_or(|name| word(name, "._:-")) {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(format!("{} is not a CDI device name", quoted(text)))),
        }
    }
}

/// Names of the process limits that Linux has.
const ULIMITS: [&str; 16] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
    "as",
];

checked_text!(
    /// The name of a process limit, such as `nofile`.
    UlimitName
);

impl TextValue for UlimitName {
    const WHAT: &'static str = "a process limit";
    const FORM: &'static str = "a name such as \"nofile\"";
    const EXAMPLES: &'static [&'static str] = &["nofile", "nproc"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        if ULIMITS.contains(&text) {
            return Ok(Self(text.to_owned()));
        }
        let near = crate::diagnostic::nearest(text, ULIMITS).map(|near| format!("; did you mean `{near}`?"));
        Err(Invalid::new(format!("{} is not a process limit{}", quoted(text), near.unwrap_or_default())))
    }
}

/// A process limit: soft and hard value, -1 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ulimit {
    /// The limit that holds.
    pub soft: i64,
    /// How far the process may raise it.
    pub hard: i64,
}

text_value!(Ulimit);

impl TextValue for Ulimit {
    const WHAT: &'static str = "a limit";
    const FORM: &'static str = "`soft` or `soft:hard`, -1 for none, such as \"1024:2048\"";
    const PATTERN: &'static str = r"^(-1|\d+)(:(-1|\d+))?$";
    const EXAMPLES: &'static [&'static str] = &["1024:2048"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let (soft, hard) = text.split_once(':').unwrap_or((text, text));
        let number = |text: &str| text.parse::<i64>().ok().filter(|n| *n >= -1 && !text.starts_with('+'));
        let (Some(soft), Some(hard)) = (number(soft), number(hard)) else {
            return Err(Invalid::new(format!("{} is not a limit", quoted(text))));
        };
        match hard == -1 || (soft != -1 && soft <= hard) {
            true => Ok(Self { soft, hard }),
            false => Err(Invalid::new(format!("the soft limit of {} is above its hard one", quoted(text)))),
        }
    }
}

checked_text!(
    /// The name of a host; kept in lower case.
    HostName
);

impl TextValue for HostName {
    const WHAT: &'static str = "a host name";
    const FORM: &'static str = "letters, digits, `-` and `_` between dots";
    const PATTERN: &'static str = "^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$";
    const EXAMPLES: &'static [&'static str] = &["mirror.local"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let label = |label: &str| {
            let fits = label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
            !label.is_empty() && fits && !label.starts_with('-') && !label.ends_with('-')
        };
        match text.len() <= 253 && text.split('.').all(label) {
            true => Ok(Self(text.to_ascii_lowercase())),
            false => Err(Invalid::new(format!("{} is not a host name", quoted(text)))),
        }
    }
}

/// An address for `/etc/hosts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostIp(pub IpAddr);

text_value!(HostIp);

impl TextValue for HostIp {
    const WHAT: &'static str = "an IP address";
    const FORM: &'static str = "an IPv4 or IPv6 address";
    const EXAMPLES: &'static [&'static str] = &["10.0.0.2", "fd00::2"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        text.parse().map(Self).map_err(|_| Invalid::new(format!("{} is not an IP address", quoted(text))))
    }
}

impl fmt::Display for HostIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
