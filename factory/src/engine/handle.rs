//! What callers get: everything needed to talk to one engine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use super::cli_tools::Client;
use super::detect::Found;
use super::spec::EngineName;

/// Where an engine comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It was there; we never stop or change it.
    Found(Found),
    /// One of ours.
    Managed(EngineName),
}

/// An engine that answers, and how to talk to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineHandle {
    /// Where it comes from.
    pub origin: Origin,
    /// The docker command whose buildx is new enough.
    pub docker: PathBuf,
    /// Variables that a client of this engine needs: `DOCKER_HOST`, `DOCKER_CONFIG`, `BUILDX_BUILDER`, `PATH`, …
    pub env: BTreeMap<String, String>,
    /// The registry that the engine and its clients reach under this name (`host:port`), for managed engines.
    pub registry: Option<String>,
}

impl EngineHandle {
    /// A handle with the variables that select the engine and its client.
    pub(crate) fn new(
        origin: Origin,
        client: Client,
        select: &[(&str, String)],
        registry: Option<String>,
    ) -> Self {
        let mut env: BTreeMap<_, _> = select.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        if let Some(config) = &client.config {
            env.insert("DOCKER_CONFIG".into(), config.to_string_lossy().into_owned());
        }
        if let (Some(_), Some(bin)) = (&client.config, client.docker.parent()) {
            env.insert("PATH".into(), path_with(bin.into(), std::env::var_os("PATH")));
        }
        if let Some(registry) = &registry {
            env.insert("FACTORY_REGISTRY".into(), registry.clone());
        }
        Self { origin, docker: client.docker, env, registry }
    }

    /// A docker command for this engine, without arguments yet.
    #[must_use]
    pub fn docker(&self) -> Command {
        let mut command = Command::new(&self.docker);
        for variable in ["DOCKER_HOST", "DOCKER_CONTEXT", "BUILDX_BUILDER", "BUILDKIT_HOST"] {
            if matches!(self.origin, Origin::Managed(_)) {
                command.env_remove(variable);
            }
        }
        command.envs(&self.env);
        command
    }

    /// A `docker buildx` command for this engine.
    #[must_use]
    pub fn buildx(&self) -> Command {
        let mut command = self.docker();
        command.arg("buildx");
        command
    }

    /// Whether the engine is a Docker daemon that keeps images (rather than a bare BuildKit).
    #[must_use]
    pub fn keeps_images(&self) -> bool {
        !matches!(self.origin, Origin::Found(Found::BuildkitHost(_) | Found::Builder(_)))
    }

    /// The variables as lines for a POSIX shell.
    #[must_use]
    pub fn shell_exports(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.env {
            let quoted = value.replace('\'', r"'\''");
            // Writing to a String cannot fail.
            let _ = writeln!(text, "export {name}='{quoted}'");
        }
        text
    }
}

/// `PATH` with `first` in front, once.
fn path_with(first: PathBuf, path: Option<OsString>) -> String {
    let path = path.unwrap_or_default();
    let rest: Vec<_> = std::env::split_paths(&path).filter(|dir| *dir != first).collect();
    let joined = std::env::join_paths(std::iter::once(first).chain(rest)).unwrap_or(path);
    joined.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle() -> EngineHandle {
        let client = Client { docker: "/c/bin/docker".into(), config: Some("/c/config".into()) };
        let select = [("DOCKER_HOST", "unix:///it's".to_owned())];
        EngineHandle::new(
            Origin::Managed(EngineName::default()),
            client,
            &select,
            Some("127.0.0.1:5000".into()),
        )
    }

    #[test]
    fn exports_are_quoted() {
        let text = handle().shell_exports();
        assert!(text.contains(r"export DOCKER_HOST='unix:///it'\''s'"), "{text}");
        assert!(text.contains("export DOCKER_CONFIG='/c/config'\n"));
        assert!(text.contains("export PATH='/c/bin"));
        assert!(text.contains("export FACTORY_REGISTRY='127.0.0.1:5000'\n"));
    }

    #[test]
    fn the_path_holds_our_folder_once() {
        let twice = path_with("/c/bin".into(), Some("/usr/bin:/c/bin:/bin".into()));
        assert_eq!(twice, "/c/bin:/usr/bin:/bin");
    }
}
