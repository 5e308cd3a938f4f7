//! The `pip` step.

use crate::model::name::SecretId;
use crate::model::package::Requirement;
use crate::model::path::{FragmentPath, ImagePath};
use crate::model::source_url::HttpUrl;
use crate::model::value::{List, PerPlatform, Value};

/// `pip`: Python packages. At least one of `requirements` and `packages` is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pip {
    /// Requirements files of the fragment.
    pub requirements: List<FragmentPath>,
    /// Requirements written here.
    pub packages: List<Requirement>,
    /// Constraints files of the fragment.
    pub constraints: List<FragmentPath>,
    /// Where to install; the venv `/opt/venv` by default.
    pub location: PipLocation,
    /// The interpreter: a command on the `PATH` or a path; `python3` by default.
    pub python: Value<String>,
    /// The index instead of PyPI.
    pub index: Option<Value<HttpUrl>>,
    /// Indexes beside it.
    pub extra_indexes: List<HttpUrl>,
    /// A build secret that holds the index address with its credentials; seen by this step alone.
    pub index_secret: Option<Value<SecretId>>,
    /// Which program installs.
    pub installer: PerPlatform<Installer>,
    /// Whether modules are compiled to bytecode; off by default.
    pub compile: PerPlatform<bool>,
    /// Whether every requirement must carry hashes.
    pub require_hashes: PerPlatform<bool>,
    /// Whether dependencies are left out.
    pub no_deps: PerPlatform<bool>,
}

/// Where Python packages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PipLocation {
    /// A virtual environment, made if it is not there.
    Venv(Value<ImagePath>),
    /// The interpreter's own packages (`"system": true`).
    System,
    /// A folder (`pip install --target`).
    Target(Value<ImagePath>),
}

/// Which program installs Python packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Installer {
    /// pip.
    Pip,
    /// uv, pinned, from PyPI.
    Uv,
}
