//! What the client asked for: options from the environment, checked once.
//!
//! `docs/frontend.md` has the table of every option and what becomes of it. An option is followed, refused with
//! a reason, or ignored because BuildKit itself acts on it; one that nobody knows is reported as a warning.

mod context;
mod epoch;
mod git;
mod reader;
mod sbom;
mod value;

use std::collections::BTreeMap;
use std::ffi::OsString;

use llb_gen::lint::Asked;
use llb_gen::llb::source::ResolveMode;
use llb_gen::llb::{Network, Proxies, Resources};
use llb_gen::model::{ImageRef, Platform};
use llb_gen::ordered::ordered;
use llb_gen::request::{NoCache, Sandbox};
use serde::Deserialize;

pub use context::{Contexts, MainContext, NamedContext};
pub use epoch::EpochSource;
pub use git::GitContext;
pub use reader::{OptionError, OptionErrors, Unknown};
pub use sbom::{Sbom, ScannedStages};

use crate::gateway::CacheImport;
use reader::Reader;
use value::{boolean, bytes, cpuset, extra_hosts, list, positive, positive_or_unlimited, ulimits};

/// Frontend capabilities that a client may demand and that this frontend has.
pub const FRONTEND_CAPS: [&str; 4] = [
    "moby.buildkit.frontend.inputs",
    "moby.buildkit.frontend.subrequests",
    "moby.buildkit.frontend.contexts",
    "moby.buildkit.frontend.gitquerystring",
];

/// The checked request of one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The client's session.
    pub session: String,
    /// The frontend's own image, as the client names it.
    pub source: Option<String>,
    /// The subrequest, when it is not a build.
    pub request: Option<String>,
    /// The manifest's path in the definition's local source.
    pub filename: String,
    /// The target; the product itself when absent.
    pub target: Option<String>,
    /// The platforms asked for, normalised, each once, in the client's order; empty when it did not say.
    pub platforms: Vec<Platform>,
    /// Whether the client insists on a map-shaped result, or on the other.
    pub multi_platform: Option<bool>,
    /// The user's build arguments.
    pub build_args: BTreeMap<String, String>,
    /// Labels that win over the manifest's.
    pub labels: BTreeMap<String, String>,
    /// Which steps do not use the cache.
    pub no_cache: NoCache,
    /// How images are looked up.
    pub resolve_mode: ResolveMode,
    /// Remote caches.
    pub cache_imports: Vec<CacheImport>,
    /// What every step's sandbox is given.
    pub sandbox: Sandbox,
    /// What stands before the ids of cache mounts.
    pub cache_namespace: String,
    /// The contexts.
    pub contexts: Contexts,
    /// `FACTORY_BUILT_ON`: the base that fragments were built on before the product's moved.
    pub built_on: Option<ImageRef>,
    /// `FACTORY_GATE`: whether a failing test keeps the image back.
    pub gate: Gate,
    /// `FACTORY_ATTESTATIONS`: where the verdicts of tests are attested.
    pub attest: Attest,
    /// `attest:sbom`: which scanner looks at what.
    pub sbom: Option<Sbom>,
    /// `FACTORY_STEP_LOGS`: whether a report has what steps printed.
    pub step_logs: Option<StepLogs>,
    /// `FACTORY_FORMAT`: the shape of an answer.
    pub format: Format,
    /// `FACTORY_LOCKED`: how the lock beside the manifest is followed.
    pub locked: Locked,
    /// `FACTORY_LOCK_UPDATE`: whether `lock` resolves everything anew.
    pub lock_update: bool,
    /// `BUILDKIT_DOCKERFILE_CHECK`: what is done about what rules find.
    pub check: Asked,
    /// `SOURCE_DATE_EPOCH`, in seconds.
    pub epoch: Option<u64>,
    /// What the epoch is to be taken from, where `SOURCE_DATE_EPOCH` is a name.
    pub epoch_source: Option<EpochSource>,
    /// Options that have no effect here.
    pub unknown: Vec<Unknown>,
    /// Those of the build arguments that are called as if they meant something to BuildKit or to us, by their bare names: unless
    /// the product declares them they have no effect either.
    pub unknown_args: Vec<Unknown>,
}

/// Whether a failing test keeps the image back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gate {
    /// It does.
    #[default]
    Shut,
    /// The image goes out, with what is attested of it.
    Open,
}

/// Whether a report has what the steps of a product printed. It is an output of their own, which BuildKit caches apart from the
/// filesystem: a step whose filesystem alone is in the cache runs again for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepLogs {
    /// It has, and steps run again where they must.
    Fetched,
    /// It has not.
    LeftOut,
}

/// How the lock beside the manifest is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Locked {
    /// Where there is one; what it does not have is resolved anew, with a warning.
    #[default]
    WhereThere,
    /// There must be one, and it must have everything.
    Always,
    /// As if there were none.
    Never,
}

/// The shape of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Text and JSON as for any other question.
    #[default]
    Standard,
    /// The combinations of `plan` as the matrix of a GitHub workflow.
    GitHub,
    /// The graph for Graphviz.
    Dot,
    /// The graph for Mermaid.
    Mermaid,
}

impl Format {
    /// Its name as the value of `FACTORY_FORMAT`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "text",
            Self::GitHub => "github",
            Self::Dot => "dot",
            Self::Mermaid => "mermaid",
        }
    }
}

/// Where the verdicts of a product's tests are attested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attest {
    /// In images: pushed, and in the engine's store.
    #[default]
    Images,
    /// In whatever is exported, archives and folders too.
    Everywhere,
    /// Nowhere.
    Nothing,
}

impl Options {
    /// Reads `BUILDKIT_FRONTEND_OPT_*` and `BUILDKIT_SESSION_ID` from an environment.
    ///
    /// # Errors
    /// Every option that cannot be followed, each by its name.
    pub fn from_env(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, OptionErrors> {
        let mut session = String::new();
        let mut options = BTreeMap::new();
        for (name, text) in vars {
            let (name, text) = (name.to_string_lossy(), text.to_string_lossy());
            if name.starts_with("BUILDKIT_FRONTEND_OPT_") {
                let (option, value) = text.split_once('=').unwrap_or((&text, ""));
                options.insert(option.to_owned(), value.to_owned());
            } else if name == "BUILDKIT_SESSION_ID" {
                session = text.into_owned();
            }
        }
        Self::read(session, options)
    }

    /// Reads options that are already taken apart.
    ///
    /// # Errors
    /// Every option that cannot be followed, each by its name.
    pub fn read(session: String, options: BTreeMap<String, String>) -> Result<Self, OptionErrors> {
        let mut options = Reader::new(options);
        let source = options.filled("source");
        let sbom = sbom::read(&mut options);
        leave_to_buildkit(&mut options);
        refuse_unsupported(&mut options);
        check_frontend_caps(&mut options);
        let platforms = options.value("platform", platforms).unwrap_or_default();
        let value = Self {
            session,
            source,
            request: options.filled("requestid"),
            filename: options.value("filename", filename).unwrap_or_else(|| "Dockerfile".to_owned()),
            target: options.filled("target"),
            multi_platform: multi_platform(&mut options, platforms.len()),
            platforms,
            no_cache: no_cache(&mut options),
            resolve_mode: options.value("image-resolve-mode", resolve_mode).unwrap_or_default(),
            cache_imports: cache_imports(&mut options),
            contexts: Contexts::read(&mut options),
            built_on: options.value("build-arg:FACTORY_BUILT_ON", str::parse),
            gate: options.value("build-arg:FACTORY_GATE", gate).unwrap_or_default(),
            format: options.value("build-arg:FACTORY_FORMAT", format).unwrap_or_default(),
            check: options
                .value("build-arg:BUILDKIT_DOCKERFILE_CHECK", |text| Asked::read(text, boolean))
                .unwrap_or_default(),
            attest: options.value("build-arg:FACTORY_ATTESTATIONS", attest).unwrap_or_default(),
            sbom,
            step_logs: options.value("build-arg:FACTORY_STEP_LOGS", step_logs),
            locked: options.value("build-arg:FACTORY_LOCKED", locked).unwrap_or_default(),
            lock_update: options.value("build-arg:FACTORY_LOCK_UPDATE", boolean).unwrap_or_default(),
            epoch: None,
            epoch_source: options.value("build-arg:SOURCE_DATE_EPOCH", EpochSource::parse),
            sandbox: sandbox(&mut options),
            cache_namespace: options.filled("build-arg:BUILDKIT_CACHE_MOUNT_NS").unwrap_or_default(),
            labels: options.group("label:"),
            build_args: options.group("build-arg:"),
            unknown: Vec::new(),
            unknown_args: Vec::new(),
        };
        let (epoch, epoch_source) = match value.epoch_source {
            Some(EpochSource::Seconds(seconds)) => (Some(seconds), None),
            other => (None, other),
        };
        let unknown_args = unknown_args(&options, &value.build_args);
        let value = Self { epoch, epoch_source, unknown_args, ..value };
        options.finish(value).map(|(value, unknown)| Self { unknown, ..value })
    }

    /// Whether a report has what steps printed. Remote caches most likely hold filesystems alone, so there they are left out
    /// unless they are asked for.
    pub fn step_logs(&self) -> StepLogs {
        let usual = if self.cache_imports.is_empty() { StepLogs::Fetched } else { StepLogs::LeftOut };
        self.step_logs.unwrap_or(usual)
    }

    /// The session that holds the local source `name`.
    pub fn session_of(&self, name: &str) -> &str {
        self.contexts.sessions.get(name).unwrap_or(&self.session)
    }
}

/// Arguments that look as if BuildKit or this frontend acted on them, and of which neither knows.
fn unknown_args(options: &Reader, args: &BTreeMap<String, String>) -> Vec<Unknown> {
    const PREFIX: &str = "build-arg:";
    let reserved = args.keys().filter(|name| name.starts_with("BUILDKIT_") || name.starts_with("FACTORY_"));
    let unknown = reserved.map(|name| options.unknown(format!("{PREFIX}{name}")));
    let bare = |name: String| name.trim_start_matches(PREFIX).to_owned();
    unknown.map(|one| Unknown { option: bare(one.option), near: one.near.map(bare) }).collect()
}

/// Options on which the daemon or the client acts.
fn leave_to_buildkit(options: &mut Reader) {
    const DAEMONS: [&str; 7] = [
        "cmdline",
        "attest:provenance",
        "build-arg:BUILDKIT_ATTEST_PROVENANCE",
        "build-arg:BUILDKIT_SYNTAX",
        "build-arg:BUILDKIT_INLINE_CACHE",
        "build-arg:BUILDKIT_INLINE_BUILDINFO_ATTRS",
        "build-arg:BUILDKIT_BUILD_NAME",
    ];
    DAEMONS.iter().for_each(|option| options.ignore(option));
    options.group("vcs:");
    options.group("input:");
}

/// Options that would change the build in a way that is not there: better an error than another build.
fn refuse_unsupported(options: &mut Reader) {
    options.refuse("override-copy-image", "removed from BuildKit");
    refuse_true(options, "build-arg:BUILDKIT_DISABLE_FILEOP", "removed from BuildKit");
    for prefix in ["attest:", "build-arg:BUILDKIT_ATTEST_"] {
        for kind in options.group(prefix).into_keys() {
            let reason = "there is no attestation of this kind; known are `sbom` and `provenance`";
            options.fail(&format!("{prefix}{kind}"), reason);
        }
    }
}

fn refuse_true(options: &mut Reader, option: &str, reason: &str) {
    if options.filled(option).is_some_and(|text| boolean(&text) != Ok(false)) {
        options.fail(option, reason);
    }
}

fn check_frontend_caps(options: &mut Reader) {
    for cap in list(&options.text("frontend.caps").unwrap_or_default()) {
        let name = cap.split('+').next().unwrap_or_default();
        if !FRONTEND_CAPS.contains(&name) {
            options.lack("frontend.caps", name);
        }
    }
}

fn filename(text: &str) -> Result<String, String> {
    let leaves = text.split('/').any(|part| part == "..");
    match leaves || text.starts_with('/') {
        true => Err(format!("`{text}` is not a path inside the definition's directory")),
        false => Ok(text.trim_start_matches("./").to_owned()),
    }
}

fn platforms(text: &str) -> Result<Vec<Platform>, String> {
    let mut platforms = Vec::new();
    for written in list(text) {
        let platform = platform(&written)?;
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    Ok(platforms)
}

/// A platform; an architecture alone means Linux on it.
fn platform(written: &str) -> Result<Platform, String> {
    const LINUX: [&str; 12] = [
        "amd64", "x86_64", "arm64", "aarch64", "arm", "armhf", "armel", "386", "i386", "riscv64", "ppc64le",
        "s390x",
    ];
    let whole = if LINUX.contains(&written) { format!("linux/{written}") } else { written.to_owned() };
    whole.parse().map_err(|fault| format!("{fault}; a platform is `os/arch` or `os/arch/variant`"))
}

fn multi_platform(options: &mut Reader, count: usize) -> Option<bool> {
    let plain = options.value("multi-platform", boolean);
    let wanted = options.value("build-arg:BUILDKIT_MULTI_PLATFORM", boolean).or(plain);
    if wanted == Some(false) && count > 1 {
        options.fail("multi-platform", format!("false does not go with {count} platforms"));
    }
    wanted
}

fn no_cache(options: &mut Reader) -> NoCache {
    match options.text("no-cache") {
        None => NoCache::Nothing,
        Some(text) if text.is_empty() => NoCache::Everything,
        Some(text) => NoCache::Of(list(&text)),
    }
}

fn resolve_mode(text: &str) -> Result<ResolveMode, String> {
    match text {
        "default" => Ok(ResolveMode::Default),
        "pull" => Ok(ResolveMode::ForcePull),
        "local" | "preferlocal" => Ok(ResolveMode::PreferLocal),
        other => Err(format!("`{other}` is not one of `default`, `pull` and `local`")),
    }
}

fn gate(text: &str) -> Result<Gate, String> {
    match text {
        "on" => Ok(Gate::Shut),
        "off" => Ok(Gate::Open),
        other => Err(format!("`{other}` is neither `on` nor `off`")),
    }
}

fn locked(text: &str) -> Result<Locked, String> {
    match (text, boolean(text)) {
        ("on", _) | (_, Ok(true)) => Ok(Locked::Always),
        ("off", _) | (_, Ok(false)) => Ok(Locked::Never),
        _ => Err(format!("`{text}` is neither `1` (or `on`) nor `0` (or `off`)")),
    }
}

fn step_logs(text: &str) -> Result<StepLogs, String> {
    match text {
        "on" => Ok(StepLogs::Fetched),
        "off" => Ok(StepLogs::LeftOut),
        other => Err(format!("`{other}` is neither `on` nor `off`")),
    }
}

fn attest(text: &str) -> Result<Attest, String> {
    match text {
        "on" => Ok(Attest::Images),
        "all" => Ok(Attest::Everywhere),
        "off" => Ok(Attest::Nothing),
        other => Err(format!("`{other}` is not one of `on`, `all` and `off`")),
    }
}

fn format(text: &str) -> Result<Format, String> {
    let known = [Format::Standard, Format::GitHub, Format::Dot, Format::Mermaid];
    known.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
        let names = llb_gen::diagnostic::listed(known.map(Format::as_str));
        format!("`{text}` is not one of {names}")
    })
}

#[derive(Deserialize)]
struct CacheImportJson {
    #[serde(rename = "Type", alias = "type")]
    kind: String,
    #[serde(rename = "Attrs", alias = "attrs", default)]
    attrs: Option<BTreeMap<String, String>>,
}

fn cache_imports(options: &mut Reader) -> Vec<CacheImport> {
    let parse = |text: &str| serde_json::from_str::<Vec<CacheImportJson>>(text);
    let mut imports: Vec<CacheImport> = options
        .value("cache-imports", parse)
        .unwrap_or_default()
        .into_iter()
        .map(|import| CacheImport { kind: import.kind, attrs: import.attrs.unwrap_or_default() })
        .collect();
    let legacy = list(&options.text("cache-from").unwrap_or_default());
    imports.extend(legacy.into_iter().map(|reference| CacheImport {
        kind: "registry".to_owned(),
        attrs: ordered([("ref".to_owned(), reference)]),
    }));
    imports
}

fn sandbox(options: &mut Reader) -> Sandbox {
    let plain = options.filled("hostname");
    Sandbox {
        extra_hosts: options.value("add-hosts", extra_hosts).unwrap_or_default(),
        network: options.value("force-network-mode", network).unwrap_or_default(),
        hostname: options.filled("build-arg:BUILDKIT_SANDBOX_HOSTNAME").or(plain),
        cgroup_parent: options.filled("cgroup-parent"),
        shm_size: options.value("shm-size", bytes).filter(|size| *size > 0),
        ulimits: options.value("ulimit", ulimits).unwrap_or_default(),
        resources: resources(options),
        proxies: proxies(options),
    }
}

/// What each step may use, by itself.
fn resources(options: &mut Reader) -> Resources {
    Resources {
        memory: options.value("memory", positive).unwrap_or_default(),
        memory_swap: options.value("memswap", positive_or_unlimited).unwrap_or_default(),
        cpu_shares: options.value("cpushares", positive).unwrap_or_default(),
        cpu_period: options.value("cpuperiod", positive).unwrap_or_default(),
        cpu_quota: options.value("cpuquota", positive).unwrap_or_default(),
        cpuset_cpus: options.value("cpusetcpus", cpuset).unwrap_or_default(),
        cpuset_mems: options.value("cpusetmems", cpuset).unwrap_or_default(),
    }
}

fn network(text: &str) -> Result<Network, String> {
    match text {
        "none" => Ok(Network::None),
        "host" => Ok(Network::Host),
        "sandbox" | "default" => Ok(Network::Sandbox),
        other => Err(format!("`{other}` is not one of `none`, `host` and `sandbox`")),
    }
}

fn proxies(options: &mut Reader) -> Proxies {
    Proxies {
        http: proxy(options, "HTTP_PROXY"),
        https: proxy(options, "HTTPS_PROXY"),
        ftp: proxy(options, "FTP_PROXY"),
        no: proxy(options, "NO_PROXY"),
        all: proxy(options, "ALL_PROXY"),
    }
}

/// One proxy, its name in any spelling; the upper-case one wins.
fn proxy(options: &mut Reader, name: &str) -> String {
    options.text_in_any_case(&format!("build-arg:{name}")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
