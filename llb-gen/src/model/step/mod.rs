//! Steps: one typed action each.

mod apt;
mod files;
mod pip;
mod run;
mod user;

pub use apt::{Apt, AptKey, AptSource};
pub use files::{Add, AddSource, Copy, Mkdir, Origin, Remove, Symlink, WriteFile};
pub use pip::{Installer, Pip, PipLocation};
pub use run::{
    CacheMount, CdiName, Command, CpuSet, Device, HostIp, HostName, Limits, Mount, MountSource, Network,
    NumericOwner, Run, Secret, SecretTarget, Security, Sharing, Ssh, Ulimit, UlimitName,
};
pub use user::CreateUser;

use super::name::EnvName;
use super::value::Value;
use super::when::When;
use crate::text::{Located, Place};

/// One step of a fragment or stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What people see of the step while it runs, instead of a summary of the action.
    pub name: Option<Value<String>>,
    /// When it runs.
    pub when: When,
    /// What it does.
    pub action: Action,
    /// The step's object: what a failing step's source range is.
    pub place: Place,
}

impl Step {
    /// Where the step takes files from, as far as it says so: sources of copies, binds and filled caches.
    #[must_use]
    pub fn origins(&self) -> Vec<&Value<Origin>> {
        match &self.action {
            Action::Copy(copy) => vec![&copy.from],
            Action::Run(run) => {
                let binds = run.mounts.iter().filter_map(|mount| match &mount.source {
                    MountSource::Bind { from, .. } => Some(from),
                    MountSource::Tmpfs { .. } => None,
                });
                binds.chain(run.cache.iter().filter_map(|cache| cache.from.as_ref())).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Runs a command.
    Run(Box<Run>),
    /// Installs or upgrades Debian packages.
    Apt(Box<Apt>),
    /// Installs Python packages.
    Pip(Box<Pip>),
    /// Copies files in.
    Copy(Box<Copy>),
    /// Downloads a file or checks out a repository.
    Add(Box<Add>),
    /// Writes a small file.
    File(Box<WriteFile>),
    /// Makes folders.
    Mkdir(Box<Mkdir>),
    /// Makes a symbolic link.
    Symlink(Box<Symlink>),
    /// Removes files.
    Remove(Box<Remove>),
    /// Creates a user, a group or both.
    User(Box<CreateUser>),
}

impl Action {
    /// The member's name: `run`, `apt`, …
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Apt(_) => "apt",
            Self::Pip(_) => "pip",
            Self::Copy(_) => "copy",
            Self::Add(_) => "add",
            Self::File(_) => "file",
            Self::Mkdir(_) => "mkdir",
            Self::Symlink(_) => "symlink",
            Self::Remove(_) => "remove",
            Self::User(_) => "user",
        }
    }
}

/// Environment variables in the order in which they are written. Values may name each other: see
/// [`Evaluation`](crate::model::Evaluation).
pub type Env = Vec<EnvEntry>;

/// One environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvEntry {
    /// Its name.
    pub name: Located<EnvName>,
    /// Its value.
    pub value: Value<String>,
}
