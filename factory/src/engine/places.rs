//! Where the files of managed engines lie.

use std::path::{Path, PathBuf};

use super::spec::{EngineName, Suite};

/// The folders of all managed engines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Caches and image stores, kept between runs: `FACTORY_STATE_DIR`, else `/var/lib/factory`.
    pub state: PathBuf,
    /// Sockets, state files and locks of running engines: `FACTORY_RUN_DIR`, else `/run/factory`.
    pub run: PathBuf,
}

impl Places {
    /// The folders that the environment names, or the usual ones.
    #[must_use]
    pub fn from_environment() -> Self {
        let place = |variable: &str, usual: &str| {
            std::env::var_os(variable).filter(|v| !v.is_empty()).map_or_else(|| usual.into(), PathBuf::from)
        };
        Self {
            state: place("FACTORY_STATE_DIR", "/var/lib/factory"),
            run: place("FACTORY_RUN_DIR", "/run/factory"),
        }
    }

    /// The cached Debian root of a suite, shared by all engines of that suite.
    #[must_use]
    pub fn root(&self, suite: Suite) -> PathBuf {
        self.state.join("roots").join(format!("{suite}-{}", std::env::consts::ARCH))
    }

    /// What is held while the state of the engines is changed. No engine can have this name.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.run.join(".lock")
    }

    /// The folders of one engine.
    #[must_use]
    pub fn engine(&self, name: &EngineName) -> EnginePlaces {
        EnginePlaces {
            state: self.state.join("engines").join(name.as_str()),
            run: self.run.join(name.as_str()),
        }
    }
}

/// The folders and files of one managed engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnginePlaces {
    /// Image store, registry storage, configuration, logs, client.
    pub state: PathBuf,
    /// Socket, state file, lock.
    pub run: PathBuf,
}

impl EnginePlaces {
    /// The Docker API's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.run.join("docker.sock")
    }

    /// What is known of the running engine.
    #[must_use]
    pub fn state_file(&self) -> PathBuf {
        self.run.join("engine.json")
    }

    /// The daemon's configuration.
    #[must_use]
    pub fn daemon_config(&self) -> PathBuf {
        self.state.join("daemon.json")
    }

    /// Images, build cache, containers.
    #[must_use]
    pub fn data_root(&self) -> PathBuf {
        self.state.join("docker")
    }

    /// The registry's configuration.
    #[must_use]
    pub fn registry_config(&self) -> PathBuf {
        self.state.join("registry.yml")
    }

    /// The daemon's log.
    #[must_use]
    pub fn daemon_log(&self) -> PathBuf {
        self.state.join("dockerd.log")
    }

    /// Programs for this engine's clients (`docker`), to be put first in `PATH`.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.state.join("client").join("bin")
    }

    /// `DOCKER_CONFIG` for this engine's clients.
    #[must_use]
    pub fn docker_config(&self) -> PathBuf {
        self.state.join("client").join("config")
    }
}

/// The file as text for a message or a configuration file; paths here are made of names we checked.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_paths_fit_a_socket_address() {
        let places = Places { state: "/var/lib/factory".into(), run: "/run/factory".into() };
        let name = "x".repeat(24).parse().unwrap();
        let longest = places.engine(&name).run.join("exec/containerd/containerd-debug.sock");
        assert!(text(&longest).len() < 108);
    }
}
