//! Engines that are already there.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::cli_tools::{self, Client};
use crate::exit::{Error, Result};
use crate::process::{capture, find_program};

/// Where docker clients look when nothing tells them otherwise.
const USUAL_SOCKET: &str = "/var/run/docker.sock";

/// How long another engine may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// How an engine that we did not start was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// `DOCKER_HOST` names it.
    DockerHost(String),
    /// `BUILDKIT_HOST` names a bare BuildKit.
    BuildkitHost(String),
    /// `BUILDX_BUILDER`, or `docker buildx use`, selects it.
    Builder(String),
    /// The docker client's context reaches it.
    Context(String),
    /// It listens on the usual socket and the machine has no docker client.
    UsualSocket,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DockerHost(host) => write!(f, "Docker engine at {host} (DOCKER_HOST)"),
            Self::BuildkitHost(host) => write!(f, "BuildKit at {host} (BUILDKIT_HOST)"),
            Self::Builder(name) => write!(f, "buildx builder {name}"),
            Self::Context(name) => write!(f, "Docker engine of the context {name}"),
            Self::UsualSocket => write!(f, "Docker engine at {USUAL_SOCKET}"),
        }
    }
}

/// The variables that name an engine, read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named {
    docker_host: Option<String>,
    buildkit_host: Option<String>,
    builder: Option<String>,
}

impl Named {
    /// What the environment names.
    #[must_use]
    pub(crate) fn by_environment() -> Self {
        let read = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
        Self {
            docker_host: read("DOCKER_HOST"),
            buildkit_host: read("BUILDKIT_HOST"),
            builder: read("BUILDX_BUILDER").filter(|name| name != "default"),
        }
    }

    /// The engine that was asked for by name, most specific first.
    fn explicit(&self) -> Option<Found> {
        let builder = self.builder.clone().map(Found::Builder);
        let docker = || self.docker_host.clone().map(Found::DockerHost);
        builder.or_else(docker).or_else(|| self.buildkit_host.clone().map(Found::BuildkitHost))
    }
}

/// The engine that is there, where there is one. One that is asked for by name must answer.
///
/// # Errors
/// An engine that a variable names does not answer.
pub(crate) fn find(named: &Named, machine: Option<&Client>) -> Result<Option<Found>> {
    if let Some(found) = named.explicit() {
        check_answers(&found, machine)?;
        return Ok(Some(found));
    }
    if find_program("docker").is_some() {
        return Ok(context().or_else(|| selected_builder(machine?)));
    }
    let usual = socket_answers(Path::new(USUAL_SOCKET));
    Ok(usual.then_some(Found::UsualSocket))
}

fn check_answers(found: &Found, machine: Option<&Client>) -> Result<()> {
    let answers = match found {
        Found::DockerHost(host) => match host.strip_prefix("unix://") {
            Some(path) => socket_answers(Path::new(path)),
            // Without a client of the machine's own the brought one will say what is wrong.
            None => find_program("docker").is_none() || docker_answers(),
        },
        Found::Builder(name) => machine.is_none_or(|client| builder_runs(client, Some(name)).is_some()),
        _ => true,
    };
    if answers { Ok(()) } else { Err(Error::engine(format!("{found} does not answer"))) }
}

/// Whether a Docker engine answers on the socket (`GET /_ping`).
#[must_use]
pub(crate) fn socket_answers(path: &Path) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")?;
        let mut reply = [0; 64];
        let length = stream.read(&mut reply)?;
        Ok(reply[..length].starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

fn docker_answers() -> bool {
    docker_line(&["version", "--format", "{{.Server.Version}}"]).is_some()
}

/// The first line that docker prints, when it succeeds.
fn docker_line(args: &[&str]) -> Option<String> {
    let mut command = Command::new("docker");
    command.args(args);
    let out = capture(command, ANSWER_LIMIT).ok().filter(|o| o.ok)?;
    out.stdout.lines().next().map(str::to_owned).filter(|line| !line.is_empty())
}

fn context() -> Option<Found> {
    docker_answers()
        .then(|| Found::Context(docker_line(&["context", "show"]).unwrap_or_else(|| "default".into())))
}

fn selected_builder(client: &Client) -> Option<Found> {
    builder_runs(client, None).map(Found::Builder)
}

/// The builder's name when it runs and is not merely a docker daemon.
fn builder_runs(client: &Client, name: Option<&str>) -> Option<String> {
    let mut command = Command::new(&client.docker);
    command.args(["buildx", "inspect"]).args(name);
    let out = capture(command, ANSWER_LIMIT).ok().filter(|o| o.ok)?;
    running_builder(&out.stdout)
}

fn running_builder(text: &str) -> Option<String> {
    let value = |key: &str| text.lines().find_map(|l| l.strip_prefix(key)).map(str::trim);
    let runs = value("Status:") == Some("running") && value("Driver:") != Some("docker");
    runs.then(|| value("Name:").map(str::to_owned)).flatten()
}

/// The machine's own client, or none where it has no docker or its buildx is too old.
pub(crate) fn machine_client() -> Option<Client> {
    cli_tools::of_machine()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_name_wins() {
        let some = |t: &str| Some(t.to_owned());
        let mut named =
            Named { docker_host: some("unix:///a"), buildkit_host: some("tcp://b"), builder: some("c") };
        assert_eq!(named.explicit(), Some(Found::Builder("c".into())));
        named.builder = None;
        assert_eq!(named.explicit(), Some(Found::DockerHost("unix:///a".into())));
        named.docker_host = None;
        assert_eq!(named.explicit(), Some(Found::BuildkitHost("tcp://b".into())));
        assert_eq!(Named::default().explicit(), None);
    }

    #[test]
    fn a_named_engine_that_is_silent_is_an_error() {
        let named = Named { docker_host: Some("unix:///nowhere/docker.sock".into()), ..Named::default() };
        let error = find(&named, None).unwrap_err();
        let expected = "Docker engine at unix:///nowhere/docker.sock (DOCKER_HOST) does not answer";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn only_running_builders_of_other_drivers_count() {
        let text = |driver: &str, status: &str| {
            format!(
                "Name:          far\nDriver:        {driver}\n\nNodes:\nName:     far0\nStatus:   {status}\n"
            )
        };
        assert_eq!(running_builder(&text("remote", "running")), Some("far".into()));
        assert_eq!(running_builder(&text("docker", "running")), None);
        assert_eq!(running_builder(&text("docker-container", "stopped")), None);
    }
}
