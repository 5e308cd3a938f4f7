//! The engine and the frontend image, once for each test process.

use std::fs::File;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};

use factory::engine::{Architecture, Engine, EngineHandle, EngineSpec, Origin};
use factory::frontend_image::{self, DEV_IMAGE, Platform, SCANNER};
use factory::progress::for_terminal;
use factory::site_ca;

use crate::other_engine::{host_address, server_version};
use crate::process::run;

/// Builds that run at the same time. More would only wait for one another on a small machine.
const SLOTS: usize = 3;
/// Build cache that may stay on an engine of ours between test runs.
const KEPT_CACHE: &str = "15gb";

/// An engine that answers and has the frontend image.
#[derive(Debug)]
pub struct Lab {
    handle: EngineHandle,
    workspace: PathBuf,
    turns: Mutex<Turns>,
    changed: Condvar,
}

/// Who builds now.
#[derive(Debug, Default)]
struct Turns {
    running: usize,
    /// Tests that wait to build alone: no other build starts before them.
    waiting: usize,
    alone: Option<ThreadId>,
}

impl Lab {
    /// The lab of this process. The first call brings everything up, which takes minutes on a fresh machine.
    #[must_use]
    pub fn get() -> &'static Self {
        static LAB: OnceLock<Result<Lab, String>> = OnceLock::new();
        let lab = LAB.get_or_init(Self::open);
        lab.as_ref().unwrap_or_else(|reason| panic!("the tests have no engine: {reason}"))
    }

    fn open() -> Result<Self, String> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let _lock = process_lock();
        let mut progress = for_terminal();
        let spec = EngineSpec::from_environment().map_err(|error| error.full_message())?;
        let handle = Engine::ensure(&spec, progress.as_mut()).map_err(|error| error.full_message())?;
        frontend_image::ensure(&handle, &workspace, Platform::host(), progress.as_mut())
            .map_err(|error| error.full_message())?;
        let lab = Self { handle, workspace, turns: Mutex::default(), changed: Condvar::new() };
        lab.prune();
        Ok(lab)
    }

    /// Keeps the build cache of an engine of ours at a size. What others made on their own engines is theirs.
    fn prune(&self) {
        if matches!(self.handle.origin, Origin::Managed(_)) {
            let mut command = self.buildx();
            command.args(["prune", "--force", "--max-used-space", KEPT_CACHE]);
            let _ = run(command.args(["--filter", "type=regular"])); // only a matter of disk space
        }
    }

    /// A docker command for the engine, without arguments yet.
    #[must_use]
    pub fn docker(&self) -> Command {
        self.handle.docker()
    }

    /// A `docker buildx` command for the engine.
    #[must_use]
    pub fn buildx(&self) -> Command {
        self.handle.buildx()
    }

    /// The registry that the engine and its clients reach under this name, where there is one.
    #[must_use]
    pub fn registry(&self) -> Option<&str> {
        self.handle.registry.as_deref()
    }

    /// The version of the engine's daemon.
    #[must_use]
    pub fn version(&self) -> String {
        server_version(self.docker())
    }

    /// This machine as the engine and its containers see it.
    #[must_use]
    pub fn host_address(&self) -> IpAddr {
        host_address(&self.handle)
    }

    /// Makes sure that the engine runs programs of another architecture, too.
    pub fn emulate(&self, architecture: Architecture) {
        let spec = EngineSpec::from_environment().unwrap();
        Engine::emulate(&spec, &self.handle, architecture, for_terminal().as_mut())
            .unwrap_or_else(|error| panic!("{}", error.full_message()));
    }

    /// The checkout that is tested.
    #[must_use]
    pub fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// The frontend image that is tested.
    #[must_use]
    pub fn frontend(&self) -> &'static str {
        DEV_IMAGE
    }

    /// The SBOM generator that is tested. The first call compiles it and gives it to the engine.
    ///
    /// # Panics
    /// It does not compile, or the engine does not take it.
    #[must_use]
    pub fn scanner(&self) -> &'static str {
        static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
        let loaded = LOADED.get_or_init(|| {
            let _lock = process_lock();
            let mut progress = for_terminal();
            let outcome = SCANNER.ensure(&self.handle, &self.workspace, Platform::host(), progress.as_mut());
            outcome.map(drop).map_err(|error| error.full_message())
        });
        if let Err(reason) = loaded {
            panic!("the tests have no SBOM generator: {reason}");
        }
        SCANNER.reference
    }

    /// The secret that build steps need where a proxy with a certificate authority of its own stands before the
    /// internet, as buildx takes it.
    #[must_use]
    pub fn site_ca_secret(&self) -> Option<String> {
        site_ca::named_by_environment()
            .map(|file| format!("id={},src={}", site_ca::SECRET_ID, file.display()))
    }

    /// The words by which a build gets that secret; none where nothing needs it.
    #[must_use]
    pub fn site_ca_words(&self) -> Vec<String> {
        self.site_ca_secret().into_iter().flat_map(|secret| ["--secret".to_owned(), secret]).collect()
    }

    /// Waits until a build may start; it may until the slot is dropped.
    #[must_use]
    pub fn slot(&self) -> Slot<'_> {
        let mine = Some(thread::current().id());
        let busy = |turns: &mut Turns| {
            turns.alone != mine && (turns.running == SLOTS || turns.waiting > 0 || turns.alone.is_some())
        };
        let mut turns = self.changed.wait_while(self.turns(), busy).unwrap_or_else(PoisonError::into_inner);
        turns.running += 1;
        Slot(self)
    }

    /// Waits until no other test builds; none does until this is dropped, but for this thread.
    ///
    /// The daemon merges equal steps of builds that run at the same time, and then says of neither whether it was cached:
    /// who counts what ran builds alone.
    #[must_use]
    pub fn alone(&self) -> Alone<'_> {
        let mut turns = self.turns();
        turns.waiting += 1;
        let busy = |turns: &mut Turns| turns.running > 0 || turns.alone.is_some();
        let mut turns = self.changed.wait_while(turns, busy).unwrap_or_else(PoisonError::into_inner);
        turns.waiting -= 1;
        turns.alone = Some(thread::current().id());
        Alone(self)
    }

    /// A test that failed elsewhere must not take the turns with it.
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to run one build.
#[derive(Debug)]
pub struct Slot<'l>(&'l Lab);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.turns().running -= 1;
        self.0.changed.notify_all();
    }
}

/// The right to be the only test that builds.
#[derive(Debug)]
pub struct Alone<'l>(&'l Lab);

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.turns().alone = None;
        self.0.changed.notify_all();
    }
}

/// Test binaries that run at the same time bring the engine up one after another. The lock ends with the file.
fn process_lock() -> File {
    let path = std::env::temp_dir().join("factory-tests.lock");
    let file = File::options().create(true).append(true).open(&path).unwrap();
    file.lock().unwrap();
    file
}
