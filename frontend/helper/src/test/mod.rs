//! The mode `test`: tests of a finished root, one after the other, and a verdict on each.
//!
//! Only the verdicts say how the tests turned out: the exit code is 0 whatever they are, because a failure of the exec would
//! hide them. They are written last.

mod config;
mod elf;
mod files;
mod gpu;
mod http;
mod limits;
mod matches;
mod packages;
mod pattern;
mod run;
mod server;
mod services;
mod time;
mod tree;
mod verdict;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::ca;
use crate::capture::Stream;
use crate::config::DEFAULT_CA;
use crate::environment::Environment;
use crate::evidence::Evidence;
use crate::fault::Fault;
use crate::gpu_probe::{Accelerator, Found};
use crate::sys::MILLISECOND;
use crate::sys::signal::Signals;
use crate::user::Identity;
use crate::{reap, sys};
use config::{Action, Suite, Test};
use limits::Memory;
use run::Surroundings;
use services::Services;
use verdict::{Kind, Trial, Verdict};

/// The result, in the evidence directory.
const RESULT: &str = "verdicts.json";

/// `verdicts.json`.
#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    /// When the last of them ended, in UTC.
    tested_at: String,
    /// What tests of devices ran with.
    #[serde(skip_serializing_if = "Option::is_none")]
    accelerator: Option<Accelerator>,
    tests: Vec<Verdict<'a>>,
}

/// Runs every test.
///
/// # Errors
/// Tests that make no sense, no place for the result, and a signal that ends the helper.
pub(crate) fn run(mut env: Environment) -> Result<i32, Fault> {
    sys::occupy_standard_descriptors();
    let suite = Suite::take(&mut env)?;
    let evidence = Evidence::unstamped()?;
    reap::adopt_orphans();
    let signals = Signals::receive().map_err(|errno| Fault::call("receive signals", errno))?;
    let mut tests = Vec::new();
    for (number, test) in suite.tests.iter().enumerate() {
        let begun = sys::steady_clock();
        let trial = perform(&suite, test, &env, &signals)?;
        let wall_ms = ((sys::steady_clock() - begun) / MILLISECOND) as u64;
        leave_output(&evidence, number, &trial)?;
        sys::write_all(sys::stdout(), trial.line(&test.name, wall_ms).as_bytes());
        tests.push(trial.verdict(&test.name, wall_ms));
    }
    let tested_at = time::rfc3339(sys::file_clock());
    let accelerator = suite.has_device().then(Found::read).and_then(Result::ok).and_then(Found::accelerator);
    evidence.write_json(RESULT, &Report { version: 1, tested_at, accelerator, tests })?;
    Ok(0)
}

/// Runs one test.
fn perform(suite: &Suite, test: &Test, env: &Environment, signals: &Signals) -> Result<Trial, Fault> {
    let mut trial = Trial::new(suite.keep);
    let services = Services::default();
    let surroundings = match surroundings(suite, test, env, signals, &services) {
        Ok(surroundings) => surroundings,
        Err(fault) => {
            trial.give_up(Kind::Error, format!("{fault}"));
            return Ok(trial);
        }
    };
    if services.start(&test.services, &surroundings, &mut trial)? {
        act(test, surroundings, &mut trial)?;
    }
    services.stop(&mut trial);
    match signals.next_forwarded() {
        Some(signal) => Err(run::interrupted(signal)),
        None => Ok(trial),
    }
}

/// Does what a test does.
fn act(test: &Test, surroundings: Surroundings<'_>, trial: &mut Trial) -> Result<(), Fault> {
    match test.action() {
        Some(Action::Run(run)) => run::test(run, &surroundings, trial)?,
        Some(Action::Http(http)) => server::test(http, &surroundings, trial)?,
        Some(Action::Files(checks)) => files::test(checks, &surroundings, trial),
        Some(Action::Packages(packages)) => packages::test(packages, surroundings, trial)?,
        Some(Action::Gpu(gpu)) => gpu::test(gpu, &surroundings, trial)?,
        // Not reached: such a test is refused at the start.
        None => {}
    }
    Ok(())
}

/// What the programs of a test are run with; its time begins now.
fn surroundings<'a>(
    suite: &'a Suite,
    test: &'a Test,
    env: &Environment,
    signals: &'a Signals,
    services: &'a Services,
) -> Result<Surroundings<'a>, Fault> {
    let user = suite.user(test).map(Identity::in_image).transpose()?;
    let mut env = env.clone();
    if let Some(user) = &user {
        user.move_in(&mut env)?;
    }
    test.env.iter().for_each(|(name, value)| env.set(name, value.as_bytes()));
    ca::announce(DEFAULT_CA.as_bytes(), &mut env);
    Ok(Surroundings {
        signals,
        env,
        cwd: suite.cwd(test),
        user,
        timeout_ms: test.timeout_ms,
        deadline: sys::steady_clock() + run::nanos(test.timeout_ms),
        memory: Memory::watch(test.memory),
        keep: suite.keep,
        services,
    })
}

/// Writes what the programs of a test said.
fn leave_output(evidence: &Evidence, number: usize, trial: &Trial) -> Result<(), Fault> {
    for stream in [Stream::Out, Stream::Err] {
        let name = stream.name();
        evidence.write(&format!("{number}.{name}"), &trial.output.text_of(stream))?;
        if let Some(server) = &trial.server {
            evidence.write(&format!("{number}.server.{name}"), &server.text_of(stream))?;
        }
        for service in &trial.services {
            let file = format!("{number}.service.{}.{name}", service.name);
            evidence.write(&file, &service.output.text_of(stream))?;
        }
    }
    Ok(())
}
