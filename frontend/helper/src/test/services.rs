//! Services of a test: servers that it needs beside itself, started and awaited before it and ended after it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Ref, RefCell};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process};
use serde::Deserialize;

use super::config::{Ready, no_command};
use super::run::{Process, Surroundings};
use super::server::{self, STOP_PATIENCE};
use super::verdict::{Kind, Trial};
use crate::capture::Output;
use crate::child::Leads;
use crate::fault::Fault;
use crate::sys::raw::Usage;
use crate::tee::Tee;
use crate::{reap, sys};

/// A service as it is configured.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    /// Its name: part of the names of files.
    pub(super) name: String,
    argv: Vec<String>,
    port: u16,
    #[serde(default)]
    ready: Ready,
}

impl Service {
    /// What makes no sense.
    pub(super) fn mistake(&self) -> Option<String> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.bytes().all(is_part) {
            return Some(format!("{:?} is no name of a service", self.name));
        }
        let mistake = no_command(&self.argv).or_else(|| (self.port == 0).then(|| "0 is no port".into()));
        mistake.map(|mistake| format!("service {:?}: {mistake}", self.name))
    }
}

/// A service that has been started, whether it has got ready or not.
pub(super) struct Started {
    pub(super) name: String,
    pub(super) pid: Pid,
    pub(super) tee: Tee,
    pub(super) output: Output,
    pub(super) is_ready: bool,
}

/// The services of one test while it runs. What they say is taken while its own programs are waited for.
#[derive(Default)]
pub(super) struct Services {
    started: RefCell<Vec<Started>>,
}

impl Services {
    /// Starts the services in their order, each when the one before is ready. Whether all are; if not, the test knows why.
    ///
    /// # Errors
    /// A signal that ends the helper.
    pub(super) fn start(
        &self,
        wanted: &[Service],
        surroundings: &Surroundings<'_>,
        trial: &mut Trial,
    ) -> Result<bool, Fault> {
        for service in wanted {
            if server::is_taken(service.port) {
                let Service { name, port, .. } = service;
                let reason = format!("port {port} is taken before the service {name} starts");
                trial.give_up(Kind::Error, reason);
                return Ok(false);
            }
            let Some(mut process) = Process::start(surroundings, &service.argv, Leads::Session, trial) else {
                return Ok(false);
            };
            let who = format!("the service {}", service.name);
            let asked = server::Asked { who: &who, port: service.port, ready: &service.ready };
            let is_ready = server::await_ready(&asked, surroundings, &mut process, trial)?;
            self.started.borrow_mut().push(process.in_background(&service.name, is_ready, trial));
            if !is_ready {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The sessions that they lead: what a program leaves behind is in none of them.
    pub(super) fn sessions(&self) -> Vec<i32> {
        self.started.borrow().iter().map(|service| service.pid.as_raw_pid()).collect()
    }

    /// The services, to wait for what they say.
    pub(super) fn listen(&self) -> Ref<'_, Vec<Started>> {
        self.started.borrow()
    }

    /// Takes what the services have said so far, so that none waits for room in its pipe.
    pub(super) fn take_output(&self) {
        for service in self.started.borrow_mut().iter_mut() {
            service.tee.pass_on([], Some(0), &mut service.output);
        }
    }

    /// Ends the services and everything else that is left, and hands over what they have said. One that had ended by itself
    /// fails the test: it may have missed something.
    pub(super) fn stop(&self, trial: &mut Trial) {
        let mut started = self.started.take();
        if started.is_empty() {
            return;
        }
        let mut usage = Usage::default();
        let mut ended = |pid: Pid| reap::reap(pid, &mut usage).is_some() || test_kill_process(pid).is_err();
        for service in &started {
            if service.is_ready && ended(service.pid) {
                trial.fail(format!("the service {} ended before the test did", service.name));
            }
            let _ = kill_process_group(service.pid, Signal::TERM);
        }
        let deadline = sys::steady_clock() + STOP_PATIENCE;
        while sys::steady_clock() < deadline && !started.iter().all(|service| ended(service.pid)) {
            for service in &mut started {
                service.tee.pass_on([], Some(sys::MILLISECOND), &mut service.output);
            }
        }
        reap::kill_leftovers(&mut usage);
        trial.usage.add(&usage);
        for mut service in started {
            service.tee.drain(&mut service.output);
            trial.services.push(service);
        }
    }
}
