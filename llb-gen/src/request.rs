//! What a build is asked for: the options of one solve, on one platform, as values.

use std::collections::{BTreeMap, BTreeSet};

use crate::llb::{Cap, HostIp, Network, Proxies, Resources, State, Ulimit};
use crate::lock::LockInput;
use crate::model::{ImageRef, Platform};

/// The time that steps see and that what they change gets where no `SOURCE_DATE_EPOCH` is given: the start of 1980, in
/// seconds. Earlier times do not fit into zip archives, which Python packages are.
pub const DEFAULT_EPOCH: u64 = 315_532_800;

/// The options of a build on one platform.
#[derive(Clone, Debug)]
pub struct Request {
    /// The platform to build for.
    pub platform: Platform,
    /// The platform that the daemon runs on.
    pub build_platform: Platform,
    /// The LLB capabilities that the daemon has.
    pub caps: BTreeSet<String>,
    /// Whether several platforms are built at once, so that names must say which.
    pub naming: Naming,
    /// `--target`; the product where not given.
    pub target: Option<String>,
    /// `--build-arg`, without the ones that have a meaning of their own to BuildKit.
    pub build_args: BTreeMap<String, String>,
    /// `--label`: over the manifest's.
    pub labels: BTreeMap<String, String>,
    /// `--no-cache` and `--no-cache-filter`.
    pub no_cache: NoCache,
    /// `SOURCE_DATE_EPOCH`, in seconds.
    pub epoch: Option<u64>,
    /// `FACTORY_BUILT_ON`: the base that fragments are built on where that is not the product's: the one that it had
    /// before, so that their layers stay what they are and are laid over the new base.
    pub built_on: Option<ImageRef>,
    /// What every step gets from the options.
    pub sandbox: Sandbox,
    /// `BUILDKIT_CACHE_MOUNT_NS`: put before the ids of cache mounts.
    pub cache_namespace: String,
    /// The build context.
    pub context: Tree,
    /// The catalogue: what `fragments/` is a folder of.
    pub catalogue: Tree,
    /// Named contexts that are no images, by name.
    pub named_contexts: BTreeMap<String, Tree>,
    /// What names resolved to before, and how strictly that holds.
    pub lock: LockInput,
    /// The frontend's own image, which holds the step wrapper as `/helper`; nothing on daemons that do not say.
    pub own_image: Option<State>,
}

impl Request {
    /// Whether the daemon has this capability.
    #[must_use]
    pub fn can(&self, cap: Cap) -> bool {
        self.caps.contains(cap.id())
    }
}

/// Whether names of vertices say which platform they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// One platform: they need not.
    #[default]
    Plain,
    /// Several: they must.
    WithPlatform,
}

/// What may not come from the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NoCache {
    /// Everything may.
    #[default]
    Nothing,
    /// Nothing may.
    Everything,
    /// These fragments or stages may not: `core`, `core/build`. Case does not matter, as in a Dockerfile.
    Of(Vec<String>),
}

impl NoCache {
    /// Whether a fragment's steps, or a stage's, run whatever is known.
    #[must_use]
    pub fn holds_for(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Of(names) => names.iter().any(|one| one.eq_ignore_ascii_case(name)),
        }
    }
}

/// What the options give to every step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// `force-network-mode`: the network of steps that do not choose one.
    pub network: Network,
    /// `add-hosts`.
    pub extra_hosts: Vec<HostIp>,
    /// `ulimit`.
    pub ulimits: Vec<Ulimit>,
    /// `memory`, `memswap`, `cpushares` and their kin: for what a step does not limit itself.
    pub resources: Resources,
    /// `shm-size` in bytes.
    pub shm_size: Option<i64>,
    /// `cgroup-parent`.
    pub cgroup_parent: Option<String>,
    /// `hostname`.
    pub hostname: Option<String>,
    /// `HTTP_PROXY` and its kin.
    pub proxies: Proxies,
}

/// Files that steps copy from or mount.
#[derive(Clone, Debug)]
pub enum Tree {
    /// A folder of the client; only what steps name is transferred.
    Local {
        /// The client's name for it: `context`.
        name: String,
        /// The session that serves it.
        session: String,
        /// What tells this transfer from others of the same folder, for the daemon's delta.
        hint: String,
        /// Patterns of `.dockerignore`.
        exclude: Vec<String>,
        /// Name of the transfer in the progress.
        title: String,
        /// Paths to send besides those that steps name: builds of one conversation that take different files of a folder then
        /// share one transfer, and with it the vertices of what they have in common.
        also: BTreeSet<String>,
    },
    /// A filesystem that is there already: a repository, an archive, another target.
    State(State),
}
