//! Tests: which members go together.

mod files;
mod http;
mod needs;

use std::collections::BTreeMap;

use super::config::env;
use super::run::command_is_there;
use super::step::when;
use super::unexpected;
use crate::diagnostic::{Diagnostic, Sink};
use crate::model::step::Command;
use crate::model::test::{
    GpuTest, Match, Matches, Outcome, PackagesTest, Pointed, RunTest, Test, TestAction,
};
use crate::model::{Duration, PerPlatform, Value};
use crate::parse::decode::Tolerant;
use crate::parse::raw::test::{
    RawGpu, RawMatches, RawOutcome, RawPackages, RawPointed, RawTest, RawTestAction, pointed,
};
use crate::text::{Located, Place};

/// How many tests a document may have.
const MOST_TESTS: usize = 1000;

/// Whose tests they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// A fragment, which has files of its own.
    Fragment,
    /// A template or a manifest.
    Product,
}

/// Checks the tests of a document.
pub(super) fn tests(raw: Option<Tolerant<RawTest>>, owner: Owner, sink: &mut Sink) -> Vec<Test> {
    let raw = raw.map(|list| list.0).unwrap_or_default();
    let mut names: BTreeMap<String, Place> = BTreeMap::new();
    for test in &raw {
        if let Some(first) = names.get(test.name.as_str()) {
            let message = format!("two tests are called `{}`", test.name.value());
            sink.push(
                Diagnostic::error("repeated-name", test.name.place(), message).label(first, "first here"),
            );
        }
        names.entry(test.name.to_string()).or_insert_with(|| test.name.place().clone());
    }
    if let Some(test) = raw.get(MOST_TESTS) {
        let message = format!("a document has at most {MOST_TESTS} tests");
        sink.push(Diagnostic::error("too-many", test.name.place(), message));
    }
    raw.into_iter().filter_map(|raw| test(raw, owner, sink)).collect()
}

fn test(raw: RawTest, owner: Owner, sink: &mut Sink) -> Option<Test> {
    let action = match raw.action {
        RawTestAction::Run(command, expect) => {
            run(*command, expect, owner, sink).map(|run| TestAction::Run(Box::new(run)))
        }
        RawTestAction::Http(raw) => http::http(*raw, sink).map(|http| TestAction::Http(Box::new(http))),
        RawTestAction::Files(raw) => files::files(*raw, sink).map(TestAction::Files),
        RawTestAction::Packages(raw) => {
            packages(*raw, sink).map(|packages| TestAction::Packages(Box::new(packages)))
        }
        RawTestAction::Gpu(raw) => gpu(*raw, owner, sink).map(|gpu| TestAction::Gpu(Box::new(gpu))),
    };
    positive("timeout", raw.timeout.as_ref(), sink);
    let needs = raw.needs.and_then(|raw| needs::needs(raw, owner, sink));
    let when = raw.when.map(|raw| when(raw, "test", sink)).unwrap_or_default();
    Some(Test {
        name: raw.name,
        description: raw.description,
        when,
        action: action?,
        timeout: raw.timeout,
        memory: raw.memory,
        network: raw.network,
        user: raw.user,
        workdir: raw.workdir,
        env: env(raw.env),
        needs,
        isolated: raw.isolated.unwrap_or(false),
        place: raw.place,
    })
}

/// A time in which nothing can happen.
pub(super) fn positive(member: &str, time: Option<&Value<Duration>>, sink: &mut Sink) {
    for (_, place) in time.iter().flat_map(|time| time.literals()).filter(|(time, _)| time.nanoseconds() == 0)
    {
        let message = format!("invalid `{member}`: it leaves no time at all");
        sink.push(Diagnostic::error("invalid-value", place, message).expecting("a time such as \"30s\""));
    }
}

fn run(
    command: PerPlatform<Command>,
    expect: Option<RawOutcome>,
    owner: Owner,
    sink: &mut Sink,
) -> Option<RunTest> {
    for one in command.values() {
        command_is_there(one, command.place(), sink);
        if let (Command::Script { script, .. }, Owner::Product) = (one, owner) {
            let message = "a script is a file of a fragment, and this is the test of none";
            let fault = Diagnostic::error("script-without-fragment", script.place(), message);
            sink.push(
                fault.help("write its lines here, or put the test into the fragment that has the file"),
            );
        }
    }
    Some(RunTest { command, expect: expect.map(|raw| outcome(raw, sink)).unwrap_or_default() })
}

fn outcome(raw: RawOutcome, sink: &mut Sink) -> Outcome {
    if let Some(codes) = raw.exit_code.as_ref().filter(|codes| codes.0.is_empty()) {
        let message = "`exit_code` is empty: no run could pass";
        sink.push(Diagnostic::error("empty-value", codes.place(), message));
    }
    Outcome {
        exit_codes: raw.exit_code.map(|codes| codes.into_value().0).unwrap_or_default(),
        stdout: matches("stdout", raw.stdout, sink),
        stderr: matches("stderr", raw.stderr, sink),
    }
}

/// One match or several.
fn matches(member: &str, raw: RawMatches, sink: &mut Sink) -> Matches {
    let raw = raw?;
    if raw.values().any(|list| list.0.is_empty()) {
        sink.push(Diagnostic::error("empty-value", raw.place(), format!("`{member}` is empty")));
    }
    for one in raw.values().flat_map(|list| &list.0) {
        if let Match::Json(values) = &one.0 {
            some_values(values, raw.place(), sink);
        }
    }
    Some(raw.filter_map(|list| Some(list.0.into_iter().map(|one| one.0).collect())))
}

/// Values that a JSON document must hold.
fn json(raw: Option<RawPointed>, sink: &mut Sink) -> Vec<Pointed> {
    let Some(raw) = raw else { return Vec::new() };
    let place = raw.place().clone();
    let values = pointed(raw);
    some_values(&values, &place, sink);
    values
}

fn some_values(values: &[Pointed], place: &Place, sink: &mut Sink) {
    if values.is_empty() {
        let fault = Diagnostic::error("empty-value", place, "`json` is empty");
        sink.push(fault.expecting("values by their places, such as `{\"/status\": \"ok\"}`"));
    }
}

fn packages(raw: RawPackages, sink: &mut Sink) -> Option<PackagesTest> {
    let packages = PackagesTest {
        dpkg: raw.dpkg.unwrap_or_default().0,
        pip: raw.pip.unwrap_or_default().0,
        pip_check: raw.pip_check.unwrap_or(false),
        dpkg_verify: raw.dpkg_verify.unwrap_or(false),
        dpkg_audit: raw.dpkg_audit.unwrap_or(false),
    };
    if packages == PackagesTest::default() {
        let fault = Diagnostic::error("nothing-to-do", &raw.place, "`packages` asks for nothing");
        sink.push(fault.expecting("`dpkg`, `pip`, `pip_check`, `dpkg_verify` or `dpkg_audit`"));
        return None;
    }
    Some(packages)
}

fn gpu(raw: RawGpu, owner: Owner, sink: &mut Sink) -> Option<GpuTest> {
    let driverless = raw.driverless.as_ref().filter(|flag| *flag.value()).map(Located::place);
    let run = raw.run.as_ref().map(PerPlatform::place);
    match (driverless, run) {
        (Some(_), None) => {
            let expect = raw.expect.as_ref().map(|expect| &expect.place);
            for (member, place) in [("devices", raw.devices.place()), ("expect", expect)] {
                if let Some(place) = place {
                    unexpected(member, place, "nothing is run (`driverless`)", sink);
                }
            }
            Some(GpuTest::Driverless)
        }
        (None, Some(_)) => {
            super::given_list(&raw.devices, "devices", &raw.place, sink)?;
            let run = self::run(raw.run?, raw.expect, owner, sink)?;
            Some(GpuTest::Devices { devices: raw.devices, run })
        }
        (driverless, _) => {
            let place = driverless.unwrap_or(&raw.place);
            let message = if run.is_some() {
                "`gpu` with both `run` and `driverless`"
            } else {
                "`gpu` asks for nothing"
            };
            let fault = Diagnostic::error("gpu-test", place, message);
            sink.push(fault.expecting("either `devices` with `run`, or `\"driverless\": true`"));
            None
        }
    }
}
