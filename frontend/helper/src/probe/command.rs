//! Commands: whether they are in PATH, and which version they say they have.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::fs::{CWD, FileType};

use super::attempt::{self, Attempt};
use super::contract::Contract;
use super::version::{self, Version};
use super::{Finding, suggestion};
use crate::child::{Command, DEFAULT_PATH, Leads};
use crate::environment::Environment;
use crate::fault::Fault;
use crate::sys::file::{self, Meta};
use crate::sys::signal::Signals;
use crate::sys::{self, Nanos, SECOND};

/// How commands are asked for their version, in turn.
const QUESTIONS: [&[u8]; 3] = [b"--version", b"-V", b"version"];
/// How long a command may take to answer, all its answers together.
const PATIENCE: Nanos = 10 * SECOND;

/// Looks for a command. What is found is its version if that matters, else its path.
///
/// # Errors
/// A process that cannot be started for a reason of ours, and a signal that ends the build.
pub(super) fn look(contract: &Contract, env: &Environment, signals: &Signals) -> Result<Finding, Fault> {
    let name = contract.name.as_bytes();
    let path = match find(name, env) {
        Ok(path) => path,
        Err(why) => return Ok(Finding::Unmet(why)),
    };
    let shown = format!("{}", path.escape_ascii());
    if contract.range.is_empty() {
        return Ok(Finding::Met(shown));
    }
    Ok(match ask(&path, env, signals)? {
        Ok(found) if Version::parse(&found).is_some_and(|found| contract.allows(&found)) => {
            Finding::Met(found)
        }
        Ok(found) => Finding::Unmet(format!("{} is {found} ({shown})", contract.name)),
        Err(why) => Finding::Unmet(why),
    })
}

/// The directories that commands are looked for in.
fn directories(env: &Environment) -> impl Iterator<Item = &[u8]> {
    let path = env.get("PATH").unwrap_or(DEFAULT_PATH);
    path.split(|&byte| byte == b':').map(|dir| if dir.is_empty() { &b"."[..] } else { dir })
}

/// The path of a command, or why there is none.
pub(crate) fn find(name: &[u8], env: &Environment) -> Result<Vec<u8>, String> {
    let mut why = None;
    for dir in directories(env) {
        let path = [dir, name].join(&b'/');
        match rustix::fs::stat(path.as_slice()) {
            Ok(found) if !FileType::from_raw_mode(found.st_mode).is_file() => {}
            Ok(found) if found.st_mode & 0o111 != 0 => return Ok(path),
            Ok(_) => why = why.or(Some(format!("{} is not executable", path.escape_ascii()))),
            Err(_) if matches!(Meta::of(CWD, &path), Ok(Some(_))) => {
                why = why.or(Some(format!("{} is a link to nothing", path.escape_ascii())));
            }
            Err(_) => {}
        }
    }
    Err(why.unwrap_or_else(|| absent(name, env)))
}

fn absent(name: &[u8], env: &Environment) -> String {
    let path = env.get("PATH").unwrap_or(DEFAULT_PATH).escape_ascii();
    let known: Vec<_> = directories(env).flat_map(file::names_at).collect();
    let near = suggestion(name, known.iter().map(Vec::as_slice));
    format!("there is no {} in PATH ({path}){near}", name.escape_ascii())
}

/// The version that a command says it has, or why it does not. An answer of a command that did not understand the question
/// counts only if there is no better one.
fn ask(path: &[u8], env: &Environment, signals: &Signals) -> Result<Result<String, String>, Fault> {
    let deadline = sys::steady_clock() + PATIENCE;
    let shown = path.escape_ascii();
    let mut spare = None;
    let mut why = format!("{shown} says no version (asked with --version, -V and version)");
    for question in QUESTIONS {
        let argv = [path.to_vec(), question.to_vec()];
        let command = Command { argv: &argv, env, cwd: None, user: None, leads: Leads::Group };
        match attempt::run(&command, signals, deadline) {
            Ok(Attempt::Ended { succeeded, output }) => {
                let text = String::from_utf8_lossy(&output);
                match version::find(&text) {
                    Some(found) if succeeded => return Ok(Ok(found.into())),
                    found => spare = spare.or(found.map(String::from)),
                }
            }
            Ok(Attempt::TimedOut) => {
                why = format!("{shown} {} does not end within 10 s", question.escape_ascii());
                break;
            }
            Err(fault) if fault.is_of_command() => return Ok(Err(format!("{fault}"))),
            Err(fault) => return Err(fault),
        }
    }
    Ok(spare.ok_or(why))
}
