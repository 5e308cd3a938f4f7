//! Exec: a process run on a root filesystem.

use std::collections::BTreeMap;
use std::mem::take;
use std::sync::Arc;

use bollard_buildkit_proto::pb;

use super::inputs::Inputs;
use super::mount::{Access, ContentCache, Mount};
use crate::llb::vertex::{Edge, OutputIndex, Vertex};
use crate::llb::{Cap, Meta, Platform, State};

/// Network of an exec (`pb.NetMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// A network of its own, connected to the outside.
    #[default]
    Sandbox,
    /// The host's; needs the entitlement `network.host`.
    Host,
    /// Loopback alone.
    None,
}

/// Privileges of an exec (`pb.SecurityMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// The engine's usual confinement.
    #[default]
    Sandbox,
    /// None; needs the entitlement `security.insecure`.
    Insecure,
}

/// An entry of `/etc/hosts`. The address is not part of the cache key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostIp {
    /// Host name.
    pub host: String,
    /// Address, v4 or v6.
    pub ip: String,
}

/// A resource limit of the process, `ulimit` (`-1`: unlimited).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// Name in lower case, `nofile`.
    pub name: String,
    /// Soft limit.
    pub soft: i64,
    /// Hard limit.
    pub hard: i64,
}

/// A secret of the client as an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretEnv {
    /// The client's name for the secret.
    pub id: String,
    /// The variable.
    pub name: String,
    /// Whether the exec runs without it; the variable is then empty.
    pub optional: bool,
}

/// Proxy settings: visible to the process, neither in the image nor in the cache key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// `HTTP_PROXY`.
    pub http: String,
    /// `HTTPS_PROXY`.
    pub https: String,
    /// `FTP_PROXY`.
    pub ftp: String,
    /// `NO_PROXY`.
    pub no: String,
    /// `ALL_PROXY`.
    pub all: String,
}

impl Proxies {
    fn into_pb(self) -> pb::ProxyEnv {
        pb::ProxyEnv {
            http_proxy: self.http,
            https_proxy: self.https,
            ftp_proxy: self.ftp,
            no_proxy: self.no,
            all_proxy: self.all,
        }
    }
}

/// A process to run: argv, environment, mounts, network. [`Exec::run`] makes the op.
#[derive(Clone, Debug)]
pub struct Exec {
    meta: pb::Meta,
    platform: Option<Platform>,
    root: State,
    root_access: Access,
    root_content_cache: ContentCache,
    mounts: BTreeMap<String, Mount>,
    network: Network,
    security: Security,
    secret_env: Vec<SecretEnv>,
    devices: Vec<(String, bool)>,
    about: Meta,
}

impl Exec {
    /// A process by its argv. No shell is implied.
    pub fn new<S: Into<String>>(args: impl IntoIterator<Item = S>) -> Self {
        let meta = pb::Meta {
            args: args.into_iter().map(Into::into).collect(),
            cwd: "/".to_owned(),
            remove_mount_stubs_recursive: true,
            ..pb::Meta::default()
        };
        Self {
            meta,
            platform: None,
            root: State::scratch(),
            root_access: Access::Output,
            root_content_cache: ContentCache::Default,
            mounts: BTreeMap::new(),
            network: Network::Sandbox,
            security: Security::Sandbox,
            secret_env: Vec::new(),
            devices: Vec::new(),
            about: Meta::default(),
        }
    }

    /// The root filesystem; writable and an output unless [`Exec::root_access`] says otherwise.
    #[must_use]
    pub fn root(mut self, root: &State) -> Self {
        self.root = root.clone();
        self
    }

    /// What the process may do with its root. [`Access::Discard`] is taken as [`Access::Output`]: engines up to 28.5 mount
    /// a root without output as an immutable one on which no process can start.
    #[must_use]
    pub fn root_access(mut self, access: Access) -> Self {
        self.root_access = if access == Access::Discard { Access::Output } else { access };
        self
    }

    /// How the root takes part in the cache key.
    #[must_use]
    pub fn root_content_cache(mut self, mode: ContentCache) -> Self {
        self.root_content_cache = mode;
        self
    }

    /// Adds a mount. A second one at the same place replaces the first; order does not matter.
    #[must_use]
    pub fn mount(mut self, mount: Mount) -> Self {
        self.mounts.insert(mount.dest().to_owned(), mount);
        self
    }

    /// Adds an environment variable. Order is kept and is part of the cache key.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.meta.env.push(format!("{name}={value}"));
        self
    }

    /// The working directory, absolute.
    #[must_use]
    pub fn cwd(mut self, path: impl Into<String>) -> Self {
        self.meta.cwd = path.into();
        self
    }

    /// The user, `name|uid[:group|gid]`; root if not said.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.meta.user = user.into();
        self
    }

    /// The platform of the root filesystem.
    #[must_use]
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    /// The network.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// The privileges.
    #[must_use]
    pub fn security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// Adds a secret as a variable.
    #[must_use]
    pub fn secret_env(mut self, secret: SecretEnv) -> Self {
        self.secret_env.push(secret);
        self
    }

    /// Adds a CDI device by name (`vendor/class=name`).
    #[must_use]
    pub fn device(mut self, name: impl Into<String>, optional: bool) -> Self {
        self.devices.push((name.into(), optional));
        self
    }

    /// Adds an entry to `/etc/hosts`.
    #[must_use]
    pub fn extra_host(mut self, host: HostIp) -> Self {
        self.meta.extra_hosts.push(pb::HostIp { host: host.host, ip: host.ip });
        self
    }

    /// The sandbox's host name.
    #[must_use]
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.meta.hostname = name.into();
        self
    }

    /// Adds a resource limit.
    #[must_use]
    pub fn ulimit(mut self, limit: Ulimit) -> Self {
        self.meta.ulimit.push(pb::Ulimit { name: limit.name, soft: limit.soft, hard: limit.hard });
        self
    }

    /// The parent cgroup.
    #[must_use]
    pub fn cgroup_parent(mut self, path: impl Into<String>) -> Self {
        self.meta.cgroup_parent = path.into();
        self
    }

    /// Proxy settings.
    #[must_use]
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.meta.proxy_env = if proxies == Proxies::default() { None } else { Some(proxies.into_pb()) };
        self
    }

    /// Exit codes that count as success, instead of 0 alone. Engines before BuildKit 0.17 refuse the op.
    #[must_use]
    pub fn valid_exit_codes(mut self, codes: impl IntoIterator<Item = u8>) -> Self {
        self.meta.valid_exit_codes = codes.into_iter().map(i32::from).collect();
        self.meta.valid_exit_codes.sort_unstable();
        self.meta.valid_exit_codes.dedup();
        self
    }

    /// What is said about the op.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.about = meta;
        self
    }

    /// Makes the op.
    pub fn run(mut self) -> ExecResult {
        let mounts = self.take_mounts();
        let mut inputs = Inputs::default();
        let mut outputs = BTreeMap::new();
        let mut wire = Vec::with_capacity(mounts.len());
        for mount in &mounts {
            let mut output = -1;
            if mount.has_output() {
                let index = u32::try_from(outputs.len()).expect("fewer mounts than u32 counts");
                outputs.insert(mount.dest().to_owned(), OutputIndex(index));
                output = i64::from(index);
            }
            wire.push(mount.to_pb(&mut inputs, output));
        }
        let caps = self.caps(&mounts);
        let op = self.take_op(wire);
        let vertex = Vertex::new(inputs, op, self.about.with_caps(caps));
        let dests = mounts.iter().map(|mount| mount.dest().to_owned()).collect();
        ExecResult { vertex, outputs, dests }
    }

    /// The mounts with the root among them, in wire order: outputs are numbered along it.
    fn take_mounts(&mut self) -> Vec<Mount> {
        let root = Mount::bind("/", &self.root, self.root_access).content(self.root_content_cache);
        let mut mounts: Vec<Mount> = take(&mut self.mounts).into_values().chain([root]).collect();
        mounts.sort_by(|a, b| a.order().cmp(&b.order()));
        mounts
    }

    fn caps(&self, mounts: &[Mount]) -> Vec<Cap> {
        let mut caps = vec![Cap::EXEC];
        caps.extend(mounts.iter().flat_map(Mount::caps));
        let needs = [
            (self.meta.proxy_env.is_some(), Cap::EXEC_PROXY),
            (self.network != Network::Sandbox, Cap::EXEC_NETWORK),
            (self.security != Security::Sandbox, Cap::EXEC_SECURITY),
            (!self.meta.ulimit.is_empty(), Cap::EXEC_ULIMIT),
            (!self.meta.cgroup_parent.is_empty(), Cap::EXEC_CGROUP_PARENT),
            (!self.meta.valid_exit_codes.is_empty(), Cap::EXEC_VALID_EXIT_CODES),
            (!self.devices.is_empty(), Cap::EXEC_CDI),
            (!self.secret_env.is_empty(), Cap::SECRET_ENV),
            (self.platform.is_some(), Cap::PLATFORM),
        ];
        caps.extend(needs.into_iter().filter_map(|(needed, cap)| needed.then_some(cap)));
        caps
    }

    /// The op; what it takes is no longer in `self`.
    fn take_op(&mut self, mounts: Vec<pb::Mount>) -> pb::Op {
        let secretenv = take(&mut self.secret_env).into_iter().map(|secret| pb::SecretEnv {
            id: secret.id,
            name: secret.name,
            optional: secret.optional,
        });
        let cdi_devices =
            take(&mut self.devices).into_iter().map(|(name, optional)| pb::CdiDevice { name, optional });
        let exec = pb::ExecOp {
            meta: Some(take(&mut self.meta)),
            mounts,
            network: match self.network {
                Network::Sandbox => pb::NetMode::Unset,
                Network::Host => pb::NetMode::Host,
                Network::None => pb::NetMode::None,
            } as i32,
            security: match self.security {
                Security::Sandbox => pb::SecurityMode::Sandbox,
                Security::Insecure => pb::SecurityMode::Insecure,
            } as i32,
            secretenv: secretenv.collect(),
            cdi_devices: cdi_devices.collect(),
        };
        pb::Op {
            op: Some(pb::op::Op::Exec(exec)),
            platform: self.platform.as_ref().map(Platform::to_pb),
            ..pb::Op::default()
        }
    }
}

/// What an exec leaves behind.
#[derive(Clone, Debug)]
pub struct ExecResult {
    vertex: Arc<Vertex>,
    outputs: BTreeMap<String, OutputIndex>,
    /// Where its mounts are, in wire order.
    dests: Vec<String>,
}

impl ExecResult {
    /// The index of the mount at that place among the exec's mounts, the root among them (`pb.ExecOp.mounts`).
    pub fn mount_index(&self, dest: &str) -> Option<usize> {
        self.dests.iter().position(|one| one == dest)
    }

    /// The root filesystem afterwards; scratch where the root was read-only.
    pub fn root(&self) -> State {
        self.mount("/")
    }

    /// What an output mount holds afterwards; scratch where there is no output mount at that place.
    pub fn mount(&self, dest: &str) -> State {
        self.outputs.get(dest).map_or_else(State::scratch, |output| {
            State::of(Edge { vertex: Arc::clone(&self.vertex), output: *output })
        })
    }

    /// The op.
    pub fn vertex(&self) -> &Vertex {
        &self.vertex
    }
}
