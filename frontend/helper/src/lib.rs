//! What the helper does: it runs inside a build's containers, as their first process, from a file of its own that the
//! frontend mounts at `/.factory/run`.
//!
//! `docs/step-wrapper.md` is the reference for its configuration and for the evidence it writes. The library needs no
//! C library and no file of the image it runs in.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod account;
mod apt;
mod ca;
mod capture;
mod changes;
mod child;
mod clamp;
mod clean;
mod config;
mod databases;
mod diagnose;
mod environment;
mod evidence;
mod fault;
mod gpu_probe;
mod join;
mod mountinfo;
mod nearest;
mod owners;
mod private;
mod probe;
mod reap;
mod remove;
mod settle;
mod show;
mod step;
mod sys;
mod tee;
mod test;
mod user;
mod walk;

use alloc::format;
use alloc::vec::Vec;

use environment::Environment;
use fault::Fault;

/// Names the mode of the helper; absent means `step`.
const MODE_VARIABLE: &str = "FACTORY_MODE";

/// Runs the helper with the given program arguments (the first is the helper's own name) and environment (`NAME=value`
/// each), and returns its exit code.
///
/// Exit code 125 is the helper's own fault, 126 and 127 a command that cannot be executed or found, 128+n a command
/// that died of signal n; everything else is the command's.
pub fn run(args: Vec<Vec<u8>>, env: Vec<Vec<u8>>) -> i32 {
    match dispatch(args, Environment::new(env)) {
        Ok(code) => code,
        Err(fault) => {
            sys::complain(&format!("{fault}"));
            fault.exit_code()
        }
    }
}

/// Ends the process.
pub fn exit(code: i32) -> ! {
    sys::raw::exit(code)
}

/// Says what went wrong and ends the process with exit code 125: the panic handler of the program without std.
pub fn abort(reason: &dyn core::fmt::Display) -> ! {
    sys::complain(&format!("{reason}"));
    exit(fault::OWN_FAULT)
}

/// Chooses the mode. New modes are added here.
fn dispatch(args: Vec<Vec<u8>>, mut env: Environment) -> Result<i32, Fault> {
    let mode = env.remove(MODE_VARIABLE);
    match mode.as_deref() {
        None | Some(b"step") => step::run(args, env),
        Some(b"account") => account::run(&env),
        Some(b"owners") => owners::run(&args),
        Some(b"join") => join::run(&env),
        Some(b"probe") => probe::run(env),
        Some(b"test") => test::run(env),
        Some(b"settle") => settle::run(env),
        Some(b"gpu-probe") => gpu_probe::run(env),
        Some(b"databases") => settle::base::run(env),
        Some(b"show") => show::run(&env),
        // A gate: all that counts is that it ran on this root.
        Some(b"nothing") => Ok(0),
        Some(other) => Err(Fault::own(format!(
            "{MODE_VARIABLE}: unknown mode \"{}\", expected one of \"step\", \"account\", \"owners\", \
            \"join\", \"probe\", \"settle\", \"databases\", \"test\", \"gpu-probe\", \"show\", \"nothing\"",
            other.escape_ascii()
        ))),
    }
}
