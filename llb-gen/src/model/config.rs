//! Image configuration.

use super::name::LabelKey;
use super::owner::Owner;
use super::path::ImagePath;
use super::quantity::{Duration, Port, Signal};
use super::value::{List, PerPlatform, Value};
use crate::text::{Located, Place};

/// The `config` member of a manifest, template or fragment. What is absent leaves what is below as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// Who runs the container.
    pub user: Option<Value<Owner>>,
    /// Where it starts; also where relative paths of the fragment's own steps begin.
    pub workdir: Option<Value<ImagePath>>,
    /// What it runs. Setting it clears a `cmd` from below.
    pub entrypoint: Option<PerPlatform<CommandLine>>,
    /// The entrypoint's default arguments.
    pub cmd: Option<PerPlatform<CommandLine>>,
    /// Ports, added to those below.
    pub expose: List<Port>,
    /// Volumes, added to those below.
    pub volumes: List<ImagePath>,
    /// Labels, by key over those below.
    pub labels: Vec<(Located<LabelKey>, Value<String>)>,
    /// Annotations of the image's manifest, by key over those below.
    pub annotations: Vec<(Located<LabelKey>, Value<String>)>,
    /// The signal that stops the container.
    pub stop_signal: Option<Value<Signal>>,
    /// How to see whether it is healthy.
    pub healthcheck: Option<Healthcheck>,
    /// The shell: of shell-form commands, and of `run` text from here upwards. Empty where not given.
    pub shell: List<String>,
    /// This fragment may replace the entrypoint or command that one below it set.
    pub overrides: bool,
    /// The member's object; nothing where the member is absent.
    pub place: Option<Place>,
}

/// A command of the image config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandLine {
    /// A list: the program and its arguments as they are. Empty clears what is below.
    Exec(Vec<Value<String>>),
    /// A text, run by the shell.
    Shell(Value<String>),
}

/// How to see whether a container is healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Healthcheck {
    /// No check, whatever is below.
    Disabled,
    /// A command.
    Check(Box<Check>),
}

/// A health check's command and rhythm; Docker's own defaults hold for what is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The command.
    pub command: CommandLine,
    /// Between two checks.
    pub interval: Option<Value<Duration>>,
    /// How long one may take.
    pub timeout: Option<Value<Duration>>,
    /// How long failures do not count at first.
    pub start_period: Option<Value<Duration>>,
    /// Between two checks during that time.
    pub start_interval: Option<Value<Duration>>,
    /// Failures in a row that make it unhealthy.
    pub retries: Option<PerPlatform<u32>>,
}
