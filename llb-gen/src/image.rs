//! The image config: what an image says about itself, and how it is made from its base's.
//!
//! The document is the OCI image config (image-spec, `config.md`) with Docker's additions (`moby/docker-image-spec`:
//! `Healthcheck`, `OnBuild`, `Shell`). Members that this module does not know are kept as they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Platform;

/// What the kernel is given for a search path where an image says nothing (BuildKit's `system.DefaultPathEnvUnix`).
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Comment of the history entries that a build adds.
pub const HISTORY_COMMENT: &str = "factory.fragment.v1";

/// An image config under construction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageConfig {
    architecture: String,
    os: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    variant: String,
    #[serde(default)]
    config: Config,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    history: Vec<History>,
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

/// The part that a container is started from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    #[serde(skip_serializing_if = "String::is_empty")]
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    exposed_ports: Option<BTreeMap<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmd: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    volumes: Option<BTreeMap<String, Value>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    working_dir: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    stop_signal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<Healthcheck>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shell: Option<Vec<String>>,
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

/// How a container's health is asked for. Times are in nanoseconds; 0 inherits the engine's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", text]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// Between two checks.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: u64,
    /// For one check.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: u64,
    /// During which failures do not count.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: u64,
    /// Between two checks during the start period.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: u64,
    /// Failures in a row that make a container unhealthy.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// An entry of the image's history. There is exactly one that is not `empty_layer` for each layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct History {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    created_by: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    author: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    comment: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    empty_layer: bool,
}

/// Whether a step of the history made a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// It did.
    Made,
    /// It changed the config alone.
    None,
}

impl ImageConfig {
    /// The config of an image on no base: nothing but its platform, a search path and `/` to start in.
    pub fn scratch(platform: &Platform) -> Self {
        let mut config = Self {
            architecture: String::new(),
            os: String::new(),
            variant: String::new(),
            config: Config { working_dir: "/".to_owned(), ..Config::default() },
            history: Vec::new(),
            other: BTreeMap::from([(
                "rootfs".to_owned(),
                serde_json::json!({"type": "layers", "diff_ids": []}),
            )]),
        };
        config.set_platform(platform);
        config.ensure_path();
        config
    }

    /// The config that an image built on `base` starts from: the base's, without the time it was made and without the
    /// triggers that are meant for whoever builds on it next, since that is this build.
    ///
    /// # Errors
    /// Where the bytes are no image config.
    pub fn on_base(base: &[u8], platform: &Platform) -> Result<Self, serde_json::Error> {
        let mut config: Self = serde_json::from_slice(base)?;
        config.other.remove("created");
        config.config.other.remove("OnBuild");
        config.set_platform(platform);
        config.ensure_path();
        Ok(config)
    }

    fn set_platform(&mut self, platform: &Platform) {
        let moved = self.os != platform.os() || self.architecture != platform.arch();
        platform.os().clone_into(&mut self.os);
        platform.arch().clone_into(&mut self.architecture);
        match platform.variant() {
            Some(variant) => variant.clone_into(&mut self.variant),
            None if moved => self.variant.clear(),
            None => {}
        }
        if self.architecture == "arm64" && self.variant == "v8" {
            self.variant.clear();
        }
    }

    fn ensure_path(&mut self) {
        if self.os != "windows" && self.env("PATH").is_none() {
            self.set_env("PATH", DEFAULT_PATH);
        }
    }

    /// The environment, in order.
    pub fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.config.env.iter().flatten().map(|entry| entry.split_once('=').unwrap_or((entry, "")))
    }

    /// The value of a variable.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.environment().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Sets a variable, in place where it is there already.
    pub fn set_env(&mut self, name: &str, value: &str) {
        let entries = self.config.env.get_or_insert_default();
        let entry = format!("{name}={value}");
        let known = entries.iter().position(|entry| entry.split('=').next() == Some(name));
        match known {
            Some(at) => entries[at] = entry,
            None => entries.push(entry),
        }
    }

    /// The user that a container runs as; empty means root.
    pub fn user(&self) -> &str {
        &self.config.user
    }

    /// Sets the user, `user[:group]`.
    pub fn set_user(&mut self, user: &str) {
        user.clone_into(&mut self.config.user);
    }

    /// The folder that a container starts in.
    pub fn workdir(&self) -> &str {
        if self.config.working_dir.is_empty() { "/" } else { &self.config.working_dir }
    }

    /// Sets the folder, absolute.
    pub fn set_workdir(&mut self, path: &str) {
        path.clone_into(&mut self.config.working_dir);
    }

    /// Sets the entrypoint. The arguments that went with the one before mean nothing to it and are dropped, as in a
    /// Dockerfile; [`ImageConfig::set_cmd`] afterwards gives new ones.
    pub fn set_entrypoint(&mut self, argv: Vec<String>) {
        self.config.entrypoint = Some(argv);
        self.config.cmd = None;
    }

    /// Sets the default arguments.
    pub fn set_cmd(&mut self, argv: Vec<String>) {
        self.config.cmd = Some(argv);
    }

    /// What a container of the image runs: its entrypoint with its default arguments.
    pub fn command(&self) -> Vec<String> {
        let parts = [&self.config.entrypoint, &self.config.cmd];
        parts.into_iter().flatten().flatten().cloned().collect()
    }

    /// Whether a container of the image knows what to run.
    pub fn has_command(&self) -> bool {
        let given = |argv: &Option<Vec<String>>| argv.as_ref().is_some_and(|argv| !argv.is_empty());
        given(&self.config.entrypoint) || given(&self.config.cmd)
    }

    /// Adds a port, `8080/tcp`.
    pub fn expose(&mut self, port: &str) {
        self.config.exposed_ports.get_or_insert_default().insert(port.to_owned(), empty_object());
    }

    /// The ports, `8080/tcp`.
    pub fn ports(&self) -> impl Iterator<Item = &str> {
        self.config.exposed_ports.iter().flat_map(BTreeMap::keys).map(String::as_str)
    }

    /// Whether it exposes this port.
    pub fn exposes(&self, port: &str) -> bool {
        self.ports().any(|known| known == port)
    }

    /// Adds a volume by its path.
    pub fn add_volume(&mut self, path: &str) {
        self.config.volumes.get_or_insert_default().insert(path.to_owned(), empty_object());
    }

    /// Sets a label.
    pub fn set_label(&mut self, name: &str, value: &str) {
        self.config.labels.get_or_insert_default().insert(name.to_owned(), value.to_owned());
    }

    /// Sets the signal that asks a container to stop.
    pub fn set_stop_signal(&mut self, signal: &str) {
        signal.clone_into(&mut self.config.stop_signal);
    }

    /// Sets the health check, in place of the base's.
    pub fn set_healthcheck(&mut self, check: Healthcheck) {
        self.config.healthcheck = Some(check);
    }

    /// The shell that steps run under where the base says so.
    pub fn shell(&self) -> Option<&[String]> {
        self.config.shell.as_deref()
    }

    /// Sets the shell.
    pub fn set_shell(&mut self, argv: Vec<String>) {
        self.config.shell = Some(argv);
    }

    /// Adds an entry to the history. `created` is an RFC 3339 time or nothing, for the exporter to fill in.
    pub fn push_history(&mut self, created_by: &str, layer: Layer, created: Option<&str>) {
        self.history.push(History {
            created: created.map(str::to_owned),
            created_by: created_by.to_owned(),
            author: String::new(),
            comment: HISTORY_COMMENT.to_owned(),
            empty_layer: layer == Layer::None,
        });
    }

    /// How many layers the history speaks of.
    pub fn layers(&self) -> usize {
        self.history.iter().filter(|entry| !entry.empty_layer).count()
    }

    /// The document. Same config, same bytes: all maps are ordered.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings, numbers and maps with string keys always serialise")
    }
}

fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    fn base() -> ImageConfig {
        let json = br#"{"architecture":"arm64","os":"linux","variant":"v8","created":"2024-01-01T00:00:00Z","x":{"y":1},
            "config":{"Env":["A=1","PATH=/bin"],"Cmd":["sh"],"OnBuild":["RUN x"],"Labels":{"a":"b"},"ArgsEscaped":true},
            "rootfs":{"type":"layers","diff_ids":["sha256:1"]},
            "history":[{"created":"2024-01-01T00:00:00Z","created_by":"base"},{"created_by":"ENV","empty_layer":true}]}"#;
        ImageConfig::on_base(json, &platform("linux/arm64")).unwrap()
    }

    #[test]
    fn a_base_loses_its_time_and_triggers_and_keeps_the_rest() {
        let document: Value = serde_json::from_slice(&base().to_json()).unwrap();
        assert_eq!(document.get("created"), None);
        assert_eq!(document["config"].get("OnBuild"), None);
        assert_eq!(document.get("variant"), None, "arm64/v8 is arm64");
        assert_eq!(document["x"]["y"], 1);
        assert_eq!(document["config"]["ArgsEscaped"], true);
        assert_eq!(document["history"][0]["created_by"], "base");
        assert_eq!(base().layers(), 1);
    }

    #[test]
    fn the_environment_keeps_its_order() {
        let mut config = base();
        config.set_env("B", "2");
        config.set_env("A", "3");
        let all: Vec<_> = config.environment().collect();
        assert_eq!(all, [("A", "3"), ("PATH", "/bin"), ("B", "2")]);
    }

    #[test]
    fn an_entrypoint_drops_the_arguments_of_the_one_before() {
        let mut config = base();
        assert!(config.has_command());
        config.set_entrypoint(vec!["/app".into()]);
        let document: Value = serde_json::from_slice(&config.to_json()).unwrap();
        assert_eq!(document["config"].get("Cmd"), None);
        assert_eq!(document["config"]["Entrypoint"][0], "/app");
    }

    #[test]
    fn another_platform_takes_its_own_variant() {
        let json = base().to_json();
        let config = ImageConfig::on_base(&json, &platform("linux/arm/v7")).unwrap();
        let document: Value = serde_json::from_slice(&config.to_json()).unwrap();
        assert_eq!((&document["architecture"], &document["variant"]), (&"arm".into(), &"v7".into()));
    }

    #[test]
    fn scratch_has_a_path_and_a_place_to_start() {
        let config = ImageConfig::scratch(&platform("linux/amd64"));
        assert_eq!(config.env("PATH"), Some(DEFAULT_PATH));
        assert_eq!((config.workdir(), config.layers()), ("/", 0));
        assert!(!config.has_command());
    }
}
