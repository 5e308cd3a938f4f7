//! Engines beside the lab's.

use std::net::IpAddr;
use std::process::Command;

use factory::engine::{Engine, EngineHandle, EngineSpec, EngineState, ImageStore, Origin, Places, Suite};
use factory::frontend_image::{self, Platform};
use factory::progress::Silent;

use crate::{BuildOptions, BuildOutcome, Lab, Project, run};

/// An engine that has the frontend image and nothing in its cache. It goes, with all that it has, when this is dropped.
#[derive(Debug)]
pub struct OtherEngine {
    handle: EngineHandle,
    /// The last to be dropped: it ends the engine.
    _running: Running,
}

#[derive(Debug)]
struct Running(EngineSpec);

impl OtherEngine {
    /// Brings one up, from the packages of this Debian suite. `name` is no other test's.
    #[must_use]
    pub fn up(name: &str, suite: Suite) -> Self {
        Self::of(EngineSpec::named(name.parse().unwrap(), suite))
    }

    /// Brings one up that keeps its images as Docker did before containerd: it cannot merge.
    #[must_use]
    pub fn without_containerd(name: &str) -> Self {
        let image_store = ImageStore::GraphDriver;
        Self::of(EngineSpec { image_store, ..EngineSpec::named(name.parse().unwrap(), Suite::Forky) })
    }

    fn of(spec: EngineSpec) -> Self {
        let running = Running(spec);
        let handle = Engine::ensure(&running.0, &mut Silent).unwrap();
        let workspace = Lab::get().workspace();
        frontend_image::ensure(&handle, workspace, Platform::host(), &mut Silent).unwrap();
        Self { handle, _running: running }
    }

    /// A docker command for it.
    #[must_use]
    pub fn docker(&self) -> Command {
        self.handle.docker()
    }

    /// A `docker buildx` command for it.
    #[must_use]
    pub fn buildx(&self) -> Command {
        self.handle.buildx()
    }

    /// The version of its daemon.
    #[must_use]
    pub fn version(&self) -> String {
        server_version(self.docker())
    }

    /// The registry that it and its clients reach under this name, where there is one.
    #[must_use]
    pub fn registry(&self) -> Option<&str> {
        self.handle.registry.as_deref()
    }

    /// This machine as the engine and its containers see it.
    #[must_use]
    pub fn host_address(&self) -> IpAddr {
        host_address(&self.handle)
    }

    /// Builds a project.
    #[must_use]
    pub fn build(&self, project: &Project, options: &BuildOptions) -> BuildOutcome {
        BuildOutcome::of(self.buildx(), &project.path(""), options)
    }
}

/// This machine as an engine and its containers see it: its end of the engine's own network, else of Docker's bridge.
pub(crate) fn host_address(handle: &EngineHandle) -> IpAddr {
    if let Origin::Managed(name) = &handle.origin {
        let file = Places::from_environment().engine(name).state_file();
        if let Some(EngineState { link: Some(link), .. }) = EngineState::load(&file).unwrap() {
            return link.outside().parse().unwrap();
        }
    }
    let format = "{{(index .IPAM.Config 0).Gateway}}";
    let finished = run(handle.docker().args(["network", "inspect", "bridge", "--format", format]));
    finished.expect("docker network inspect bridge").trim().parse().unwrap()
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Engine::down(&self.0, true, &mut Silent); // what stays is found by the next `engine down`
    }
}

/// The version of the daemon that this docker command talks to.
pub(crate) fn server_version(mut docker: Command) -> String {
    let finished = run(docker.args(["version", "--format", "{{.Server.Version}}"]));
    finished.expect("docker version").trim().to_owned()
}
