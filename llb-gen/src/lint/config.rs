//! What fragments say about the image and each other's environment.

use super::rules::{CLASHING_CONFIG, ENV_CLOBBERED};
use crate::diagnostic::Diagnostic;
use crate::model::step::EnvEntry;
use crate::model::{CommandLine, Config, Fragment, Healthcheck, PerPlatform, Product, Value};
use crate::text::Place;

pub(super) fn check(product: &Product, taking_part: &[usize], found: &mut Vec<Diagnostic>) {
    let fragments: Vec<&Fragment> = taking_part.iter().map(|index| &product.fragments[*index]).collect();
    clashes(&fragments, found);
    clobbered(&fragments, found);
}

/// A member of the config that the upper fragment takes over from the lower one, where both say different things.
struct Said {
    member: &'static str,
    /// What is said, for comparing.
    value: String,
    place: Place,
}

fn clashes(fragments: &[&Fragment], found: &mut Vec<Diagnostic>) {
    let mut below: Vec<(Said, &Fragment)> = Vec::new();
    for fragment in fragments {
        for said in said(&fragment.config) {
            let earlier = below.iter().position(|(other, _)| other.member == said.member);
            if let Some((other, lower)) = earlier.map(|at| &below[at])
                && other.value != said.value
                && !fragment.config.overrides
            {
                let message = format!(
                    "fragments `{}` and `{}` set `{}` to different values: that of `{1}` wins",
                    lower.name.value(),
                    fragment.name.value(),
                    said.member
                );
                let finding = CLASHING_CONFIG.at(&said.place, message);
                let finding = finding.label(&other.place, format!("the one of `{}`", lower.name.value()));
                found.push(finding.help("write `\"override\": true` beside the one that shall win"));
            }
            match earlier {
                Some(at) => below[at] = (said, fragment),
                None => below.push((said, fragment)),
            }
        }
        // An entrypoint clears the command below it.
        if fragment.config.entrypoint.is_some() && fragment.config.cmd.is_none() {
            below.retain(|(said, _)| said.member != "cmd");
        }
    }
}

fn said(config: &Config) -> Vec<Said> {
    let mut all = Vec::new();
    let mut say = |member, value: Option<String>, place: Option<&Place>| {
        all.extend(value.zip(place).map(|(value, place)| Said { member, value, place: place.clone() }));
    };
    say("user", config.user.as_ref().map(text), config.user.as_ref().map(Value::place));
    let signal = config.stop_signal.as_ref();
    say("stop_signal", signal.map(text), signal.map(Value::place));
    let cmd = config.cmd.as_ref().filter(|_| config.entrypoint.is_none());
    say("cmd", cmd.map(command), cmd.map(PerPlatform::place));
    if let Some(Healthcheck::Check(check)) = &config.healthcheck {
        let (value, place) = match &check.command {
            CommandLine::Shell(line) => (text(line), Some(line.place())),
            CommandLine::Exec(words) => {
                (words.iter().map(text).collect::<Vec<_>>().join("\0"), words.first().map(Value::place))
            }
        };
        say("healthcheck", Some(value), place);
    }
    all
}

/// What a value says, whatever it stands for.
fn text<T: std::fmt::Debug>(value: &Value<T>) -> String {
    let literals: Vec<String> = value.literals().map(|(literal, _)| format!("{literal:?}")).collect();
    let texts: Vec<String> = value.uses().map(|used| format!("${{{}}}", used.name)).collect();
    [literals, texts].concat().join("\0")
}

fn command(command: &PerPlatform<CommandLine>) -> String {
    let line = |line: &CommandLine| match line {
        CommandLine::Shell(line) => text(line),
        CommandLine::Exec(words) => words.iter().map(text).collect::<Vec<_>>().join("\0"),
    };
    command.values().map(line).collect::<Vec<_>>().join("\n")
}

/// A variable that means something to a fragment below is replaced. (`PATH` has a rule of its own.)
fn clobbered(fragments: &[&Fragment], found: &mut Vec<Diagnostic>) {
    let mut below: Vec<(&EnvEntry, &Fragment)> = Vec::new();
    for fragment in fragments {
        for entry in fragment.env.iter().filter(|entry| entry.name.as_str() != "PATH") {
            let name = entry.name.as_str();
            let extends = entry.value.uses().any(|used| used.name == name);
            let earlier = below.iter().position(|(other, _)| other.name.as_str() == name);
            if let Some((other, lower)) = earlier.map(|at| below[at])
                && !extends
                && text(&other.value) != text(&entry.value)
            {
                let message = format!(
                    "fragment `{}` sets `{name}` to something else than `{}` below it",
                    fragment.name.value(),
                    lower.name.value()
                );
                let finding = ENV_CLOBBERED.at(entry.value.place(), message);
                let finding =
                    finding.label(other.value.place(), format!("the one of `{}`", lower.name.value()));
                found.push(
                    finding
                        .help(format!("let `${{{name}}}` stand in it, or leave it to the manifest's `env`")),
                );
            }
            match earlier {
                Some(at) => below[at] = (entry, fragment),
                None => below.push((entry, fragment)),
            }
        }
    }
}
