//! Steps with nothing left to decide: every `${…}` expanded, every branch chosen.

use std::collections::BTreeMap;

use crate::draft::ImageLookup;
use crate::llb::{HostIp, Network, Owner, Resources, SecretEnv, Security, Sharing, Timestamp, Ulimit};
use crate::lock::{Installer, StepPath};
use crate::model::StageName;
use crate::text::Place;

/// A step.
#[derive(Clone, Debug)]
pub(crate) struct PlannedStep {
    /// What people see: `pip install -r requirements.txt`.
    pub(crate) title: String,
    /// Where it is written.
    pub(crate) place: Place,
    /// What it does.
    pub(crate) action: PlannedAction,
    /// What a lock has to do with it; nothing for a step that names nothing that could be locked.
    pub(crate) lock: Option<PlannedLock>,
}

/// A step whose names a lock resolves.
#[derive(Clone, Debug)]
pub(crate) struct PlannedLock {
    /// Which step of its fragment it is.
    pub(crate) path: StepPath,
    /// What it asks for.
    pub(crate) asked: Vec<String>,
    /// What finds out what it would install, and leaves that in [`RESOLVED`](super::exec::RESOLVED): where the lock does not
    /// have it, and that is asked.
    pub(crate) resolver: Option<Resolver>,
}

/// How it is found out what a step would install.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    /// Whose words it will leave.
    pub(crate) installer: Installer,
    /// The process.
    pub(crate) exec: Box<PlannedExec>,
    /// The requirements files that the step names, by their paths in the fragment's folder.
    pub(crate) requirements: Vec<String>,
}

/// What a step does, by what it becomes.
#[derive(Clone, Debug)]
pub(crate) enum PlannedAction {
    /// An exec.
    Exec(Box<PlannedExec>),
    /// A file op.
    Files(Vec<PlannedFile>),
}

/// Where files come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Files {
    /// The catalogue; paths begin at its root.
    Catalogue,
    /// The build context.
    Context,
    /// A named context that is no image.
    Named(String),
    /// An image, or a named context in its place.
    Image(ImageLookup),
    /// A stage of the same fragment.
    Stage(StageName),
}

/// A process under the step wrapper, or without it.
#[derive(Clone, Debug)]
pub(crate) struct PlannedExec {
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) wrapper: Wrapper,
    pub(crate) mounts: Vec<PlannedMount>,
    pub(crate) secret_env: Vec<SecretEnv>,
    pub(crate) network: Option<Network>,
    pub(crate) security: Security,
    pub(crate) devices: Vec<(String, bool)>,
    pub(crate) limits: Resources,
    pub(crate) ulimits: Vec<Ulimit>,
    pub(crate) extra_hosts: Vec<HostIp>,
}

/// How a process is run.
#[derive(Clone, Debug)]
pub(crate) enum Wrapper {
    /// Under the step wrapper, with its configuration and modes.
    Step(WrapperSpec),
    /// As process 1 of its own: no clean-up, no clamped times, no evidence.
    None {
        /// The user of the process.
        user: Option<String>,
        /// Where it starts.
        cwd: String,
        /// Exit codes that count as success.
        valid_exit_codes: Vec<u8>,
    },
}

/// The step wrapper's configuration, the variable `FACTORY_STEP`. Its members are explained in `docs/step-wrapper.md`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct WrapperSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cwd: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) clean: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lower: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) valid_exit_codes: Vec<u8>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) docker_clean: bool,
    /// Whether the manifest of changes is made; the wrapper's default is that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) changes: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) env_unset: Vec<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) env: BTreeMap<String, String>,
}

/// A mount of an exec.
#[derive(Clone, Debug)]
pub(crate) enum PlannedMount {
    /// Files, read-only or writable without consequence.
    Bind { dest: String, from: Files, path: Option<String>, writable: bool },
    /// Files of the catalogue copied together first: content alone decides on the cache, and modes are ours to say.
    Collected { dest: String, copies: Vec<PlannedCopy> },
    /// A folder that persists.
    Cache {
        dest: String,
        id: String,
        sharing: Sharing,
        from: Option<Files>,
        path: Option<String>,
        folder: Option<CacheFolder>,
        without_cache: WithoutCache,
    },
    /// A small file, read-only.
    Text { dest: String, content: String },
    /// An empty folder that is an output of its own.
    Output { dest: String },
    /// Memory.
    Tmpfs { dest: String, size: Option<i64> },
    /// A secret as a file.
    Secret { dest: String, id: String, uid: u32, gid: u32, mode: u32, optional: bool },
    /// An agent's socket.
    Ssh { dest: String, id: String, uid: u32, gid: u32, mode: u32, optional: bool },
}

/// What becomes of a cache folder when its step runs without cache (`--no-cache`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WithoutCache {
    /// It begins empty, as with a Dockerfile: what is in it is the author's matter, and may be what is wrong.
    Emptied,
    /// It stays: its owner checks what it takes from there.
    Kept,
}

/// Owner and mode of a cache folder when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CacheFolder {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mode: u32,
}

/// An action of a file op.
#[derive(Clone, Debug)]
pub(crate) enum PlannedFile {
    Copy(PlannedCopy),
    File {
        path: String,
        content: Vec<u8>,
        mode: u32,
        owner: Option<Owner>,
    },
    Folder {
        path: String,
        mode: Option<u32>,
        owner: Option<Owner>,
    },
    /// A folder that something is put into: made where it is missing, left alone where it is not.
    Parents {
        path: String,
        /// Of the folders that are made.
        owner: Option<Owner>,
    },
    Symlink {
        path: String,
        target: String,
        owner: Option<Owner>,
    },
    Remove {
        path: String,
        missing_ok: bool,
        wildcard: bool,
    },
    Http {
        url: String,
        checksum: String,
        name: String,
        dest: String,
        mode: Option<u32>,
        owner: Option<Owner>,
        unpack: bool,
    },
    Git {
        url: String,
        commit: String,
        subdir: Option<String>,
        keep_git_dir: bool,
        dest: String,
        include: Vec<String>,
        exclude: Vec<String>,
        mode: Option<u32>,
        owner: Option<Owner>,
    },
}

/// A copy.
#[derive(Clone, Debug)]
pub(crate) struct PlannedCopy {
    pub(crate) from: Files,
    /// Absolute in `from`.
    pub(crate) src: String,
    /// Absolute in the image, with a slash at its end where it is a folder.
    pub(crate) dest: String,
    pub(crate) owner: Option<Owner>,
    pub(crate) mode: Option<u32>,
    pub(crate) include: Vec<String>,
    pub(crate) exclude: Vec<String>,
    pub(crate) unpack: bool,
    pub(crate) timestamp: Timestamp,
}
