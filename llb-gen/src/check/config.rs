//! Image configuration.

use super::{empty_list, unexpected};
use crate::diagnostic::{Diagnostic, Sink};
use crate::model::step::{Env, EnvEntry};
use crate::model::{Check, CommandLine, Config, Healthcheck, LabelKey, PerPlatform, Value};
use crate::parse::raw::config::{RawConfig, RawHealthcheck};
use crate::parse::raw::{RawEnv, RawLabels};
use crate::text::Located;

/// Checks the `env` of a document or step.
pub(super) fn env(raw: Option<RawEnv>) -> Env {
    let entries = raw.map(|map| map.0).unwrap_or_default();
    entries.into_iter().map(|(name, value)| EnvEntry { name, value }).collect()
}

/// Labels or annotations in the order written.
pub(super) fn labels(raw: Option<RawLabels>) -> Vec<(Located<LabelKey>, Value<String>)> {
    raw.map(|map| map.0).unwrap_or_default()
}

/// Checks the `config` of a document; only a fragment's may have `override`.
pub(super) fn config(raw: Option<RawConfig>, in_fragment: bool, sink: &mut Sink) -> Config {
    let Some(raw) = raw else { return Config::default() };
    if let Some(overrides) = raw.overrides.as_ref().filter(|_| !in_fragment) {
        unexpected("override", overrides.place(), "only a fragment's config has it", sink);
    }
    empty_list(&raw.shell, "shell", sink);
    let healthcheck = raw.healthcheck.and_then(|raw| healthcheck(raw, sink));
    Config {
        user: raw.user,
        workdir: raw.workdir,
        entrypoint: raw.entrypoint,
        cmd: raw.cmd,
        expose: raw.expose,
        volumes: raw.volumes,
        labels: labels(raw.labels),
        annotations: labels(raw.annotations),
        stop_signal: raw.stop_signal,
        healthcheck,
        shell: raw.shell,
        overrides: raw.overrides.is_some_and(Located::into_value),
        place: Some(raw.place),
    }
}

fn healthcheck(raw: RawHealthcheck, sink: &mut Sink) -> Option<Healthcheck> {
    let disabled = raw.disable.as_ref().is_some_and(|disable| *disable.value());
    let rhythm = [&raw.interval, &raw.timeout, &raw.start_period, &raw.start_interval];
    let rhythm =
        rhythm.into_iter().flatten().map(Value::place).chain(raw.retries.as_ref().map(PerPlatform::place));
    for place in rhythm.filter(|_| disabled) {
        sink.push(Diagnostic::error(
            "unexpected-member",
            place,
            "a health check that is disabled has no rhythm",
        ));
    }
    let fault = |message: &str| {
        Diagnostic::error("healthcheck", &raw.place, message)
            .expecting("one of `exec`, `shell` and `\"disable\": true`")
    };
    let command = match (raw.exec, raw.shell, disabled) {
        (None, None, true) => return Some(Healthcheck::Disabled),
        (Some(exec), None, false) if exec.is_empty() => {
            sink.push(
                Diagnostic::error("empty-value", exec.place(), "`exec` is empty").expecting("a program"),
            );
            return None;
        }
        (Some(exec), None, false) => CommandLine::Exec(exec.into_value()),
        (None, Some(text), false) => CommandLine::Shell(text),
        (None, None, false) => {
            sink.push(fault("a health check without a command"));
            return None;
        }
        _ => {
            sink.push(fault("a health check that says several things"));
            return None;
        }
    };
    Some(Healthcheck::Check(Box::new(Check {
        command,
        interval: raw.interval,
        timeout: raw.timeout,
        start_period: raw.start_period,
        start_interval: raw.start_interval,
        retries: raw.retries,
    })))
}
