//! The life of a managed engine: up, found again, down.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::bootstrap::{engine_root, remove_tree};
use super::cli_tools::{self, Client};
use super::daemon_config::daemon_config;
use super::detect::socket_answers;
use super::handle::{EngineHandle, Origin};
use super::lock::Lock;
use super::places::{EnginePlaces, Places};
use super::spec::{EngineName, EngineSpec, ImageStore, Suite};
use super::state::{EngineState, write_whole};
use super::{base_supply, emulation, launch, network, registry};
use crate::exit::{Error, Result};
use crate::process::{capture, is_root};
use crate::progress::Progress;
use crate::site_ca;

/// A managed engine as `factory engine status` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its name.
    pub name: EngineName,
    /// What is known of it, when it runs.
    pub running: Option<EngineState>,
    /// Its API answers.
    pub answers: bool,
    /// Its folders.
    pub places: EnginePlaces,
}

/// Brings the engine up, as far as it is not.
pub(crate) fn ensure(spec: &EngineSpec, progress: &mut dyn Progress) -> Result<EngineHandle> {
    let places = spec.places.engine(&spec.name);
    if !is_root() {
        // A running engine is no use either: its socket belongs to root.
        return Err(Error::NeedsRoot(format!("no engine answers, and setting up the engine {}", spec.name)));
    }
    for folder in [&places.state, &places.run] {
        fs::create_dir_all(folder).map_err(|e| Error::io(format!("cannot make {}", folder.display()), e))?;
    }
    let _lock = Lock::take(&spec.places.lock(), progress)?;
    let state = match running(&places)? {
        Some(state) => already_up(spec, &places, state, progress)?,
        None => start(spec, &places, progress)?,
    };
    let handle = handle(spec, &places, &state)?;
    base_supply::ensure(&spec.places, &handle, progress)?;
    Ok(handle)
}

/// The engine's handle when it runs and answers.
pub(crate) fn find(spec: &EngineSpec) -> Result<Option<EngineHandle>> {
    let places = spec.places.engine(&spec.name);
    let state = running(&places)?.filter(|_| socket_answers(&places.socket()));
    Ok(state.map(|state| {
        let client = Client { docker: places.bin().join("docker"), config: Some(places.docker_config()) };
        managed_handle(spec, &places, &state, client)
    }))
}

/// The state of the engine if the very process that the state file names still runs.
fn running(places: &EnginePlaces) -> Result<Option<EngineState>> {
    Ok(EngineState::load(&places.state_file())?.filter(|state| state.init.is_alive()))
}

fn already_up(
    spec: &EngineSpec,
    places: &EnginePlaces,
    state: EngineState,
    progress: &mut dyn Progress,
) -> Result<EngineState> {
    if !socket_answers(&places.socket()) {
        let log = places.daemon_log();
        let what = format!("the engine {} runs but does not answer; see {}", spec.name, log.display());
        return Err(Error::engine(format!(
            "{what}, or end it with `factory engine down --name {}`",
            spec.name
        )));
    }
    if let Some(suite) = spec.suite.filter(|suite| *suite != state.suite) {
        progress.note(&format!("the engine {} was started from {}, not {suite}", spec.name, state.suite));
    }
    registry::ensure(places, &state)?;
    progress.note(&format!("the engine {} is already up (process {})", spec.name, state.init.pid));
    Ok(state)
}

fn start(spec: &EngineSpec, places: &EnginePlaces, progress: &mut dyn Progress) -> Result<EngineState> {
    let (suite, root) = engine_root(&spec.places, spec.suite.unwrap_or(Suite::DEFAULT), progress)?;
    clear_stale(spec, places, &root)?;
    progress.begin(&format!("start Docker Engine ({suite}) as {}", spec.name));
    let mtu = network::outward_mtu();
    let own_network = !spec.name.is_default();
    let link = if own_network { Some(network::free_link(&network::routes(), mtu)?) } else { None };
    let registry_port = registry::free_loopback_port()?;
    write_configuration(places, spec.image_store, registry_port, mtu)?;
    let starting = launch::start(places, &root, link.as_ref())?;
    let state = EngineState { init: starting.init.clone(), suite, registry_port, link };
    state.store(&places.state_file())?;
    starting.wait(places, || socket_answers(&places.socket()))?;
    if let Some(link) = &state.link {
        network::open_nat(link, &spec.name, &root)?;
    }
    registry::ensure(places, &state)?;
    let address = registry::address(registry_port);
    progress.done(&format!("ready, socket {}, registry {address}", places.socket().display()));
    Ok(state)
}

/// What an engine that was killed, or a reboot, left behind.
fn clear_stale(spec: &EngineSpec, places: &EnginePlaces, root: &Path) -> Result<()> {
    if let Some(EngineState { link: Some(link), .. }) = EngineState::load(&places.state_file())? {
        network::close_nat(&link, &spec.name, root);
    }
    remove_tree(&places.run)?;
    fs::create_dir_all(&places.run).map_err(|e| Error::io(format!("cannot make {}", places.run.display()), e))
}

fn write_configuration(places: &EnginePlaces, store: ImageStore, port: u16, mtu: u32) -> Result<()> {
    let daemon = daemon_config(places, store, &registry::address(port), mtu).to_string();
    write_whole(&places.daemon_config(), daemon.as_bytes(), 0o644)?;
    write_whole(&places.registry_config(), registry::config(places, port).as_bytes(), 0o644)?;
    write_whole(&places.state.join("resolv.conf"), network::resolv_conf().as_bytes(), 0o644)?;
    let bundle = site_ca::for_daemon().and_then(|path| fs::read(path).ok()).unwrap_or_default();
    write_whole(&places.state.join("ca-certificates.crt"), &bundle, 0o644)
}

fn handle(spec: &EngineSpec, places: &EnginePlaces, state: &EngineState) -> Result<EngineHandle> {
    let client = cli_tools::of_root(places, &client_root(&spec.places, state.suite))?;
    Ok(managed_handle(spec, places, state, client))
}

/// The root whose client is used: forky's where it is there, since trixie's buildx is too old for `factory build`.
fn client_root(places: &Places, suite: Suite) -> std::path::PathBuf {
    let newest = places.root(Suite::Forky);
    if newest.is_dir() { newest } else { places.root(suite) }
}

fn managed_handle(
    spec: &EngineSpec,
    places: &EnginePlaces,
    state: &EngineState,
    client: Client,
) -> EngineHandle {
    let select = [("DOCKER_HOST", format!("unix://{}", places.socket().display()))];
    let address = registry::address(state.registry_port);
    EngineHandle::new(Origin::Managed(spec.name.clone()), client, &select, Some(address))
}

/// Ends the engine and takes back what it changed outside its namespaces.
pub(crate) fn down(spec: &EngineSpec, purge: bool, progress: &mut dyn Progress) -> Result<()> {
    if !is_root() {
        return Err(Error::NeedsRoot(format!("ending the engine {}", spec.name)));
    }
    let places = spec.places.engine(&spec.name);
    fs::create_dir_all(&spec.places.run).map_err(|e| Error::io("cannot make the run folder", e))?;
    let _lock = Lock::take(&spec.places.lock(), progress)?;
    match EngineState::load(&places.state_file())? {
        Some(state) => end(spec, &places, &state, progress)?,
        None => progress.note(&format!("the engine {} is not running", spec.name)),
    }
    remove_tree(&places.run)?;
    if purge { purge_engine(spec, &places, progress) } else { Ok(()) }
}

fn end(
    spec: &EngineSpec,
    places: &EnginePlaces,
    state: &EngineState,
    progress: &mut dyn Progress,
) -> Result<()> {
    progress.begin(&format!("end the engine {}", spec.name));
    let was_running = state.init.is_alive();
    launch::stop(&state.init)?;
    let root = spec.places.root(state.suite);
    match &state.link {
        Some(link) => network::close_nat(link, &spec.name, &root),
        None if was_running => remove_default_bridge(&root),
        None => {}
    }
    let _ = fs::remove_file(places.state_file());
    if all(&spec.places)?.iter().all(|status| status.running.is_none()) {
        emulation::release();
    }
    progress.done(if was_running { "ended" } else { "it had ended before" });
    Ok(())
}

/// The daemon leaves its bridge behind. In the machine's own namespace that is one more thing that was not there before.
fn remove_default_bridge(root: &Path) {
    let mut command = Command::new("chroot");
    command.arg(root).args(["ip", "link", "delete", "docker0"]);
    // It may be gone already, and without it nothing else depends on this.
    let _ = capture(command, Duration::from_secs(10));
}

fn purge_engine(spec: &EngineSpec, places: &EnginePlaces, progress: &mut dyn Progress) -> Result<()> {
    progress.begin(&format!("remove the images and caches of {}", spec.name));
    remove_tree(&places.state)?;
    if all(&spec.places)?.is_empty() {
        for folder in ["roots", "bases", "debootstrap", "emulators", "client"] {
            remove_tree(&spec.places.state.join(folder))?;
        }
    }
    progress.done("removed");
    Ok(())
}

/// All engines that have a folder, by name.
pub(crate) fn all(places: &Places) -> Result<Vec<Status>> {
    let Ok(entries) = fs::read_dir(places.state.join("engines")) else { return Ok(vec![]) };
    let names = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse::<EngineName>().ok());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.into_iter().map(|name| status(places, name)).collect()
}

fn status(places: &Places, name: EngineName) -> Result<Status> {
    let places = places.engine(&name);
    let running = running(&places)?;
    let answers = running.is_some() && socket_answers(&places.socket());
    Ok(Status { name, running, answers, places })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ProcessIdentity;

    #[test]
    fn engines_are_listed_by_name_and_stale_ones_do_not_run() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places { state: dir.path().join("s"), run: dir.path().join("r") };
        assert!(all(&places).unwrap().is_empty());
        for name in ["second", "default", "Not-A-Name"] {
            fs::create_dir_all(places.state.join("engines").join(name)).unwrap();
        }
        let stale = EngineState {
            init: ProcessIdentity {
                pid: std::process::id(),
                start_ticks: 1,
                boot_id: "an earlier boot".into(),
            },
            suite: Suite::Forky,
            registry_port: 5000,
            link: None,
        };
        let second = places.engine(&"second".parse().unwrap());
        fs::create_dir_all(&second.run).unwrap();
        stale.store(&second.state_file()).unwrap();
        let found = all(&places).unwrap();
        let names: Vec<_> = found.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["default", "second"]);
        assert!(found.iter().all(|s| s.running.is_none() && !s.answers));
    }
}
