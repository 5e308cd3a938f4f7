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
mod tree;
mod verdict;

use alloc::format;
use alloc::vec::Vec;

use serde::Serialize;

use crate::capture::Stream;
use crate::environment::Environment;
use crate::evidence::Evidence;
use crate::fault::Fault;
use crate::sys::MILLISECOND;
use crate::sys::signal::Signals;
use crate::user::Identity;
use crate::{reap, sys};
use config::{Action, Suite, Test};
use limits::Memory;
use run::Surroundings;
use verdict::{Kind, Trial, Verdict};

/// The result, in the evidence directory.
const RESULT: &str = "verdicts.json";

/// `verdicts.json`.
#[derive(Serialize)]
struct Report<'a> {
    version: u32,
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
    evidence.write_json(RESULT, &Report { version: 1, tests })?;
    Ok(0)
}

/// Runs one test.
fn perform(suite: &Suite, test: &Test, env: &Environment, signals: &Signals) -> Result<Trial, Fault> {
    let mut trial = Trial::new(suite.keep);
    let surroundings = match surroundings(suite, test, env, signals) {
        Ok(surroundings) => surroundings,
        Err(fault) => {
            trial.give_up(Kind::Error, format!("{fault}"));
            return Ok(trial);
        }
    };
    match test.action() {
        Some(Action::Run(run)) => run::test(run, &surroundings, &mut trial)?,
        Some(Action::Http(http)) => server::test(http, &surroundings, &mut trial)?,
        Some(Action::Files(checks)) => files::test(checks, &surroundings, &mut trial),
        Some(Action::Packages(packages)) => packages::test(packages, surroundings, &mut trial)?,
        Some(Action::Gpu(gpu)) => gpu::test(gpu, &surroundings, &mut trial)?,
        // Not reached: such a test is refused at the start.
        None => {}
    }
    match signals.next_forwarded() {
        Some(signal) => Err(run::interrupted(signal)),
        None => Ok(trial),
    }
}

/// What the programs of a test are run with; its time begins now.
fn surroundings<'a>(
    suite: &'a Suite,
    test: &'a Test,
    env: &Environment,
    signals: &'a Signals,
) -> Result<Surroundings<'a>, Fault> {
    let user = suite.user(test).map(Identity::in_image).transpose()?;
    let mut env = env.clone();
    if let Some(user) = &user {
        user.move_in(&mut env)?;
    }
    test.env.iter().for_each(|(name, value)| env.set(name, value.as_bytes()));
    Ok(Surroundings {
        signals,
        env,
        cwd: suite.cwd(test),
        user,
        timeout_ms: test.timeout_ms,
        deadline: sys::steady_clock() + run::nanos(test.timeout_ms),
        memory: Memory::watch(test.memory),
        keep: suite.keep,
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
    }
    Ok(())
}
