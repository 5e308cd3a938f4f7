//! What a template, a fragment or a manifest says about the image, applied to the image config.

use crate::diagnostic::{Diagnostic, Sink};
use crate::image::{Healthcheck as ImageHealthcheck, ImageConfig};
use crate::model::{Check, CommandLine, Config, Given, Healthcheck, Level, Scope, Value};

/// What a document changed in the image config, for people who read the history; and the annotations it asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConfigChange {
    /// In Dockerfile's words, since these are what tools and people know: `USER llmuser`.
    pub(crate) said: Vec<String>,
    /// Annotations of the image's manifest.
    pub(crate) annotations: Vec<(String, String)>,
}

/// The shell that a fragment sets from here upwards.
pub(super) fn own_shell(config: &Config, level: &Level) -> Result<Option<Vec<String>>, Diagnostic> {
    let shell = config.shell.get(&level.scope)?;
    Ok((!shell.is_empty()).then_some(shell))
}

/// Applies one document: its environment first, then its config. `shell` wraps commands that are given as text.
pub(super) fn apply(
    config: &Config,
    level: &Level,
    shell: &[String],
    image: &mut ImageConfig,
    sink: &mut Sink,
) -> ConfigChange {
    let mut applier = Applier { scope: &level.scope, shell, image, sink, change: ConfigChange::default() };
    applier.env(&level.set);
    applier.who_and_where(config);
    applier.commands(config);
    applier.lists(config);
    applier.labels(config);
    applier.health(config.healthcheck.as_ref());
    applier.change
}

struct Applier<'a> {
    scope: &'a Scope,
    shell: &'a [String],
    image: &'a mut ImageConfig,
    sink: &'a mut Sink,
    change: ConfigChange,
}

impl Applier<'_> {
    fn say(&mut self, what: String) {
        self.change.said.push(what);
    }

    fn env(&mut self, set: &[(String, String)]) {
        for (name, value) in set {
            self.image.set_env(name, value);
            self.say(format!("ENV {name}={value}"));
        }
    }

    fn who_and_where(&mut self, config: &Config) {
        if let Some(user) = self.given(&config.user) {
            self.image.set_user(&user.to_string());
            self.say(format!("USER {user}"));
        }
        if let Some(workdir) = self.given(&config.workdir) {
            let absolute = workdir.absolute(self.image.workdir());
            self.image.set_workdir(&absolute);
            self.say(format!("WORKDIR {absolute}"));
        }
        if let Some(signal) = self.given(&config.stop_signal) {
            self.image.set_stop_signal(signal.as_str());
            self.say(format!("STOPSIGNAL {}", signal.as_str()));
        }
        let shell = config.shell.get(self.scope);
        if let Some(shell) = self.sink.ok(shell).filter(|shell| !shell.is_empty()) {
            self.say(format!("SHELL {}", json(&shell)));
            self.image.set_shell(shell);
        }
    }

    fn commands(&mut self, config: &Config) {
        if let Some(argv) =
            config.entrypoint.as_ref().and_then(|line| self.branch(line)).and_then(|l| self.argv(&l))
        {
            self.say(format!("ENTRYPOINT {}", json(&argv)));
            self.image.set_entrypoint(argv);
        }
        if let Some(argv) = config.cmd.as_ref().and_then(|line| self.branch(line)).and_then(|l| self.argv(&l))
        {
            self.say(format!("CMD {}", json(&argv)));
            self.image.set_cmd(argv);
        }
    }

    fn lists(&mut self, config: &Config) {
        let ports = config.expose.get(self.scope);
        for port in self.sink.ok(ports).unwrap_or_default() {
            for one in port.each() {
                self.image.expose(&one);
                self.say(format!("EXPOSE {one}"));
            }
        }
        let volumes = config.volumes.get(self.scope);
        for volume in self.sink.ok(volumes).unwrap_or_default() {
            let path = volume.absolute(self.image.workdir());
            self.image.add_volume(&path);
            self.say(format!("VOLUME {path}"));
        }
    }

    fn labels(&mut self, config: &Config) {
        for (key, value) in &config.labels {
            if let Some(value) = self.value(value) {
                self.image.set_label(key.as_str(), &value);
                self.say(format!("LABEL {}={value}", key.as_str()));
            }
        }
        for (key, value) in &config.annotations {
            let value = self.value(value);
            self.change.annotations.extend(value.map(|value| (key.as_str().to_owned(), value)));
        }
    }

    fn health(&mut self, check: Option<&Healthcheck>) {
        let healthcheck = match check {
            None => return,
            Some(Healthcheck::Disabled) => {
                self.say("HEALTHCHECK NONE".to_owned());
                ImageHealthcheck { test: vec!["NONE".to_owned()], ..ImageHealthcheck::default() }
            }
            Some(Healthcheck::Check(check)) => {
                let Some(healthcheck) = self.check(check) else { return };
                self.say(format!("HEALTHCHECK {}", json(&healthcheck.test)));
                healthcheck
            }
        };
        self.image.set_healthcheck(healthcheck);
    }

    fn check(&mut self, check: &Check) -> Option<ImageHealthcheck> {
        let test = match &check.command {
            CommandLine::Shell(text) => vec!["CMD-SHELL".to_owned(), self.value(text)?],
            CommandLine::Exec(_) => {
                let argv = self.argv(&check.command)?;
                ["CMD".to_owned()].into_iter().chain(argv).collect()
            }
        };
        let mut time = |value: &Option<Value<crate::model::Duration>>| {
            self.given(value).map_or(0, crate::model::Duration::nanoseconds)
        };
        let (interval, timeout) = (time(&check.interval), time(&check.timeout));
        let (start_period, start_interval) = (time(&check.start_period), time(&check.start_interval));
        let retries = check.retries.given(self.scope);
        let retries = self.sink.ok(retries).flatten().map_or(0, u64::from);
        Some(ImageHealthcheck { test, interval, timeout, start_period, start_interval, retries })
    }

    /// A command as the image config holds it: text goes to the shell, as in a Dockerfile.
    fn argv(&mut self, line: &CommandLine) -> Option<Vec<String>> {
        match line {
            CommandLine::Exec(words) => words.iter().map(|word| self.value(word)).collect(),
            CommandLine::Shell(text) => {
                let text = self.value(text)?;
                Some(self.shell.iter().cloned().chain([text]).collect())
            }
        }
    }

    fn value<T: Clone>(&mut self, value: &Value<T>) -> Option<T> {
        let value = value.get(self.scope);
        self.sink.ok(value)
    }

    fn given<T: Clone>(&mut self, value: &Option<Value<T>>) -> Option<T> {
        let value = value.given(self.scope);
        self.sink.ok(value).flatten()
    }

    fn branch<T: Clone>(&mut self, value: &crate::model::PerPlatform<T>) -> Option<T> {
        let value = value.get(self.scope).cloned();
        self.sink.ok(value)
    }
}

fn json(argv: &[String]) -> String {
    serde_json::to_string(argv).expect("a list of strings always serialises")
}
