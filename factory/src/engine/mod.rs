//! The engine that builds: one that is already there, or a Docker Engine from Debian packages in a root of its own.
//!
//! [`Engine::ensure`] is the door for everything that needs an engine; `docs/engine.md` tells people the same story.

mod base_image;
mod base_supply;
mod bootstrap;
mod cli_tools;
mod daemon_config;
mod detect;
mod emulation;
mod handle;
mod launch;
mod lock;
mod managed;
mod network;
mod oci_layout;
mod package_file;
mod places;
mod registry;
mod spec;
mod state;

use std::path::PathBuf;

pub use base_image::BaseImage;
pub use cli_tools::OLDEST_BUILDX;
pub use detect::Found;
pub use emulation::Architecture;
pub use handle::{EngineHandle, Origin};
pub use managed::Status;
pub(crate) use oci_layout::hex;
pub use places::{EnginePlaces, Places};
pub use spec::{EngineName, EngineSpec, ImageStore, Suite};
pub use state::{EngineState, LinkState, ProcessIdentity};

use crate::exit::{Error, Result};
use crate::process::{capture, is_root};
use crate::progress::Progress;
use cli_tools::Client;
use detect::Named;

/// The engines of this machine.
#[derive(Debug)]
pub struct Engine;

impl Engine {
    /// An engine that answers: the one that is there, unless `spec` wants a managed one; else a managed one, set up as
    /// far as needed. Doing it twice changes nothing.
    ///
    /// # Errors
    /// An engine that the environment names does not answer; or none is there and none can be set up (no root
    /// rights, no network, …).
    pub fn ensure(spec: &EngineSpec, progress: &mut dyn Progress) -> Result<EngineHandle> {
        let machine = detect::machine_client();
        if let Some(found) = Self::found(spec, machine.as_ref())? {
            return use_found(spec, found, machine, progress);
        }
        managed::ensure(&spec.resolved(), progress)
    }

    /// The engine that [`Engine::ensure`] would give, if it is there now. Starts and writes nothing.
    ///
    /// # Errors
    /// An engine that the environment names does not answer.
    pub fn find(spec: &EngineSpec) -> Result<Option<EngineHandle>> {
        let machine = detect::machine_client();
        if let Some(found) = Self::found(spec, machine.as_ref())? {
            let client = machine.or_else(|| present_client(spec));
            return Ok(client.map(|client| found_handle(found, client)));
        }
        managed::find(&spec.resolved())
    }

    /// Makes sure that this engine runs programs of `architecture`, by emulation where it is another one than the machine's.
    /// Doing it twice changes nothing.
    ///
    /// # Errors
    /// No root rights, no emulator to be had, or an engine on another machine.
    pub fn emulate(
        spec: &EngineSpec,
        handle: &EngineHandle,
        architecture: Architecture,
        progress: &mut dyn Progress,
    ) -> Result<()> {
        emulation::ensure(&spec.places, handle, architecture, progress)
    }

    /// Ends the managed engine of that name; with `purge` its images, caches and (for the last engine) the Debian
    /// roots go too. Engines that we did not start are never touched.
    ///
    /// # Errors
    /// No root rights, or the engine cannot be ended.
    pub fn down(spec: &EngineSpec, purge: bool, progress: &mut dyn Progress) -> Result<()> {
        managed::down(&spec.resolved(), purge, progress)
    }

    /// All managed engines that have left a trace, running or not.
    ///
    /// # Errors
    /// A state file cannot be read.
    pub fn managed(places: &Places) -> Result<Vec<Status>> {
        managed::all(places)
    }

    fn found(spec: &EngineSpec, machine: Option<&Client>) -> Result<Option<Found>> {
        if spec.is_managed() {
            return Ok(None);
        }
        detect::find(&Named::by_environment(), machine)
    }
}

impl EngineSpec {
    /// The name of the managed engine whose socket `DOCKER_HOST` names, as after `eval "$(factory engine env)"`.
    fn exported(&self) -> Option<EngineName> {
        let host = std::env::var("DOCKER_HOST").ok()?;
        let below = PathBuf::from(host.strip_prefix("unix://")?);
        let name = below.parent()?.strip_prefix(&self.places.run).ok()?.to_str()?.parse().ok()?;
        (self.places.engine(&name).socket() == below).then_some(name)
    }

    fn is_managed(&self) -> bool {
        self.managed_only || !self.name.is_default() || self.exported().is_some()
    }

    /// The same, with the name of the engine that the environment exports where none was asked for.
    fn resolved(&self) -> Self {
        let mut spec = self.clone();
        if !self.managed_only
            && self.name.is_default()
            && let Some(name) = self.exported()
        {
            spec.name = name;
        }
        spec
    }
}

/// A found engine with a client that can talk to it, brought where the machine's own is missing or too old.
fn use_found(
    spec: &EngineSpec,
    found: Found,
    machine: Option<Client>,
    progress: &mut dyn Progress,
) -> Result<EngineHandle> {
    let client = match machine {
        Some(client) => client,
        None => bring_client(spec, progress)?,
    };
    progress.note(&format!("using the {found}"));
    let handle = found_handle(found, client);
    if let Origin::Found(Found::BuildkitHost(address)) = &handle.origin {
        create_remote_builder(&handle, address)?;
    }
    Ok(handle)
}

/// The client in a place of its own: it belongs to no managed engine.
fn client_places(spec: &EngineSpec) -> EnginePlaces {
    EnginePlaces { state: spec.places.state.clone(), run: spec.places.run.clone() }
}

fn present_client(spec: &EngineSpec) -> Option<Client> {
    let places = client_places(spec);
    let client = Client { docker: places.bin().join("docker"), config: Some(places.docker_config()) };
    client.docker.is_file().then_some(client)
}

fn bring_client(spec: &EngineSpec, progress: &mut dyn Progress) -> Result<Client> {
    let root = spec.places.root(Suite::DEFAULT);
    if !root.is_dir() && !is_root() {
        let (major, minor) = OLDEST_BUILDX;
        let what = format!("bringing a docker client (there is none with buildx {major}.{minor} or later)");
        return Err(Error::NeedsRoot(what));
    }
    let (_, root) = bootstrap::engine_root(&spec.places, Suite::DEFAULT, progress)?;
    cli_tools::of_root(&client_places(spec), &root)
}

/// The name of the buildx builder that stands for `BUILDKIT_HOST`.
const REMOTE_BUILDER: &str = "factory-buildkit-host";

fn found_handle(found: Found, client: Client) -> EngineHandle {
    let select = match &found {
        Found::DockerHost(host) => vec![("DOCKER_HOST", host.clone())],
        Found::BuildkitHost(_) => vec![("BUILDX_BUILDER", REMOTE_BUILDER.to_owned())],
        Found::Builder(name) => vec![("BUILDX_BUILDER", name.clone())],
        Found::Context(name) => vec![("DOCKER_CONTEXT", name.clone())],
        Found::UsualSocket => vec![],
    };
    EngineHandle::new(Origin::Found(found), client, &select, None)
}

/// buildx does not read `BUILDKIT_HOST` itself: a builder of the driver `remote` is how it reaches one.
fn create_remote_builder(handle: &EngineHandle, address: &str) -> Result<()> {
    let limit = std::time::Duration::from_secs(30);
    let mut remove = handle.buildx();
    remove.args(["rm", "--force", REMOTE_BUILDER]);
    capture(remove, limit)?; // one from earlier may name another address
    let mut create = handle.buildx();
    create.env_remove("BUILDX_BUILDER");
    create.args(["create", "--name", REMOTE_BUILDER, "--driver", "remote", "--bootstrap", address]);
    let out = capture(create, limit)?;
    if out.ok { Ok(()) } else { Err(Error::engine(format!("BuildKit at {address}: {}", out.stderr.trim()))) }
}
