//! The mode `step`: one command of a build, wrapped.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use rustix::fs::{CWD, Mode, mkdirat};
use rustix::io::Errno;

use crate::apt::AptSettings;
use crate::capture::{KEPT, Output, Stream};
use crate::changes::Manifest;
use crate::child::{Command, Leads};
use crate::clamp::Clamp;
use crate::clean::CleanUp;
use crate::config::{AbsolutePath, Config, VARIABLE};
use crate::environment::Environment;
use crate::evidence::{CHANGES, Evidence, OUTPUT, STEP, StepReport, StreamReport};
use crate::fault::Fault;
use crate::mountinfo::Mounts;
use crate::reap::Outcome;
use crate::sys::signal::{self, Signals};
use crate::sys::{self, MILLISECOND, Nanos, SECOND};
use crate::user::Identity;
use crate::walk::Walk;
use crate::walk::lower::Lower;
use crate::walk::overlay;
use crate::walk::scope::Scope;
use crate::{ca, reap, tee};

/// Where the frontend mounts everything of its own.
pub(crate) const OWN_DIRECTORY: &[u8] = b"/.factory";
/// A difference between two clocks that is no accident of their granularity.
const CLOCK_WAS_SET: Nanos = 20 * MILLISECOND;

/// A step, ready to run.
struct Step {
    config: Config,
    argv: Vec<Vec<u8>>,
    env: Environment,
    evidence: Option<Evidence>,
    signals: Signals,
    started: Clocks,
}

/// The two clocks at one moment.
#[derive(Clone, Copy)]
struct Clocks {
    file: Nanos,
    steady: Nanos,
}

impl Clocks {
    fn now() -> Self {
        Self { file: sys::file_clock(), steady: sys::steady_clock() }
    }

    /// From when on a change time means that the step did it: earlier than the start if the clock was set back since.
    fn since(self) -> Nanos {
        let now = Self::now();
        let set_back = (now.steady - self.steady) - (now.file - self.file);
        if set_back > CLOCK_WAS_SET { self.file - set_back } else { self.file }
    }
}

/// Runs a step: the program arguments after the first are the command.
///
/// # Errors
/// Faults of the wrapper, and a command that cannot be started.
pub(crate) fn run(args: Vec<Vec<u8>>, mut env: Environment) -> Result<i32, Fault> {
    let started = Clocks::now();
    sys::occupy_standard_descriptors();
    let config = Config::parse(env.remove(VARIABLE).as_deref())?;
    let argv: Vec<_> = args.into_iter().skip(1).collect();
    if argv.is_empty() {
        return Err(Fault::own(
            "no command: expected the command and its arguments after the helper's own name",
        ));
    }
    let evidence = Evidence::open(&config)?;
    reap::adopt_orphans();
    let signals = Signals::receive().map_err(|errno| Fault::call("receive signals", errno))?;
    Step { config, argv, env, evidence, signals, started }.run()
}

impl Step {
    fn run(mut self) -> Result<i32, Fault> {
        let mut output = Output::keeping(KEPT);
        let mut report = StepReport {
            version: 1,
            exit_code: None,
            signal: None,
            fault: None,
            wall_ms: 0,
            overhead_us: 0,
            user_cpu_ms: 0,
            system_cpu_ms: 0,
            peak_rss_kib: 0,
            stdout: StreamReport::new(&output, Stream::Out),
            stderr: StreamReport::new(&output, Stream::Err),
        };
        let result = self.perform(&mut output, &mut report);
        report.stdout = StreamReport::new(&output, Stream::Out);
        report.stderr = StreamReport::new(&output, Stream::Err);
        if let Err(fault) = &result {
            report.fault = Some(fault.to_string());
            output.push(Stream::Err, format!("factory: {fault}\n").as_bytes());
        }
        self.write_evidence(&output, &mut report)?;
        result
    }

    /// Everything between the configuration and the report.
    fn perform(&mut self, output: &mut Output, report: &mut StepReport) -> Result<i32, Fault> {
        let mounts = Mounts::current();
        let lower = self.lower(&mounts)?;
        let user = self.config.user.as_deref().map(Identity::in_image).transpose()?;
        self.prepare_environment(user.as_ref())?;
        let _private = apt_settings(&self.config).apply(&mut self.env, &mounts)?;
        make_directory(self.config.cwd.as_ref())?;
        let clean_up = CleanUp::prepare(&self.config, &self.env)?;
        let cwd = self.config.cwd.as_ref().map(AbsolutePath::as_bytes);
        let (argv, env, user) = (&self.argv, &self.env, user.as_ref());
        let command = Command { argv, env, cwd, user, leads: Leads::Group };

        let begun = sys::steady_clock();
        let (outcome, usage) = tee::follow(command.start(&self.signals)?, &self.signals, output);
        let wall = sys::steady_clock() - begun;

        report.wall_ms = (wall / MILLISECOND) as u64;
        report.set_usage(&usage);
        let code = self.judge(outcome, output, report);
        if code == 0 {
            self.finish(&clean_up, &lower)?;
        }
        report.overhead_us = ((sys::steady_clock() - self.started.steady - wall) / 1000) as u64;
        Ok(code)
    }

    /// What is known about the root before the command; it has to be noted here where it is not mounted.
    fn lower(&self, mounts: &Mounts) -> Result<Lower, Fault> {
        if !self.config.changes || mounts.root_is_readonly() {
            return Ok(Lower::Unknown);
        }
        match (&self.config.lower, &self.evidence) {
            (Some(path), _) => Lower::mounted(path.as_bytes()),
            (None, Some(_)) => Lower::snapshot(&self.scope(mounts)),
            (None, None) => Ok(Lower::Unknown),
        }
    }

    fn scope(&self, mounts: &Mounts) -> Scope {
        let own = self.evidence.as_ref().map(Evidence::path).into_iter().chain([OWN_DIRECTORY]);
        let configured = self.config.exclude.iter().chain(&self.config.lower).map(AbsolutePath::as_bytes);
        Scope::new(mounts, own.chain(configured))
    }

    /// Adds what the configuration asks for; what the step's own environment says wins over what we only suggest.
    fn prepare_environment(&mut self, user: Option<&Identity>) -> Result<(), Fault> {
        let Self { config, env, .. } = self;
        if let Some(user) = user {
            user.move_in(env)?;
        }
        config.env_unset.iter().for_each(|name| drop(env.remove(name)));
        config.env.iter().for_each(|(name, value)| env.set(name, value.as_bytes()));
        if let Some(epoch) = config.epoch {
            env.set_default("SOURCE_DATE_EPOCH", format!("{epoch}").as_bytes());
        }
        ca::announce(config.ca(), env);
        Ok(())
    }

    /// The wrapper's exit code for an outcome, which is reported.
    fn judge(&self, outcome: Outcome, output: &mut Output, report: &mut StepReport) -> i32 {
        let say = |output: &mut Output, line: &str| {
            sys::complain(line);
            output.push(Stream::Err, format!("factory: {line}\n").as_bytes());
        };
        match outcome {
            Outcome::Code(code) => report.exit_code = Some(code),
            Outcome::Signal(signal) => {
                report.signal = Some(signal);
                say(output, &format!("the command was ended by {} (signal {signal})", signal::name(signal)));
            }
        }
        let code = outcome.exit_code();
        if self.config.valid_exit_codes.iter().any(|&valid| i32::from(valid) == code) {
            return 0;
        }
        if code == 0 {
            let valid = &self.config.valid_exit_codes;
            say(output, &format!("exit code 0 is not one of the valid exit codes {valid:?}"));
            return 1;
        }
        code
    }

    /// What makes the result of a successful command a good layer.
    fn finish(&self, clean_up: &CleanUp, lower: &Lower) -> Result<(), Fault> {
        let mounts = Mounts::current();
        if mounts.root_is_readonly() {
            return self.write_changes(&Manifest::new(&Default::default()));
        }
        clean_up.perform(&mounts)?;
        if self.config.epoch.is_none() && !lower.is_known() {
            return Ok(());
        }
        raise_file_limit();
        let since = overlay::first_change(self.started.since());
        let scope = self.scope(&mounts);
        let findings = Walk::new(&scope, lower, since).run()?;
        if let Some(epoch) = self.config.epoch {
            let epoch = Nanos::from(epoch) * SECOND;
            Clamp { epoch, since, scope: &scope }.apply(&findings.found)?;
        }
        if lower.is_known() { self.write_changes(&Manifest::new(&findings)) } else { Ok(()) }
    }

    fn write_changes(&self, manifest: &Manifest) -> Result<(), Fault> {
        match &self.evidence {
            Some(evidence) if self.config.changes => evidence.write_json(CHANGES, manifest),
            _ => Ok(()),
        }
    }

    fn write_evidence(&self, output: &Output, report: &mut StepReport) -> Result<(), Fault> {
        let Some(evidence) = &self.evidence else { return Ok(()) };
        evidence.write(OUTPUT, &output.text())?;
        evidence.write_json(STEP, report)
    }
}

fn apt_settings(config: &Config) -> AptSettings<'_> {
    let ca = Some(config.ca()).filter(|path| ca::has_file(path));
    AptSettings { ca, keep_packages: config.docker_clean }
}

/// Makes a directory with its parents, owned by root and open to all, as a Dockerfile's WORKDIR does.
fn make_directory(path: Option<&AbsolutePath>) -> Result<(), Fault> {
    let Some(path) = path.map(AbsolutePath::as_bytes) else { return Ok(()) };
    let ends = (1..=path.len()).filter(|&end| end == path.len() || path[end] == b'/');
    for part in ends.map(|end| &path[..end]) {
        match mkdirat(CWD, part, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(_) if rustix::fs::stat(part).is_ok() => {}
            Err(errno) => return Err(Fault::path("make the working directory", part, errno)),
        }
    }
    Ok(())
}

/// The walk has one directory open per level.
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_moves_the_start() {
        let now = Clocks::now();
        let honest = Clocks { file: now.file - SECOND, steady: now.steady - SECOND };
        assert_eq!(honest.since(), honest.file);
        let set_back = Clocks { file: now.file + 5 * SECOND, steady: now.steady - SECOND };
        assert!(set_back.since() <= now.file - SECOND + CLOCK_WAS_SET);
    }
}
