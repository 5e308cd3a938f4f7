//! The mode `probe`: whether a built root keeps what its fragment promises, or has what its fragment needs.
//!
//! It looks at the root itself and runs commands without a shell. Everything is looked at before it gives up, so that one
//! build tells all that is missing.

mod accounts;
mod attempt;
mod command;
mod contract;
mod places;
mod python;
mod version;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::config;
use crate::environment::Environment;
use crate::evidence::Evidence;
use crate::fault::Fault;
use crate::nearest::nearest;
use crate::sys::signal::Signals;
use crate::{reap, sys};
pub(crate) use command::find as find_command;
use contract::Probe;
pub(crate) use contract::{Bound, Contract, Kind, Op};
pub(crate) use python::look as look_for_distribution;
pub(crate) use version::Version;

/// The variable that carries the contracts.
const VARIABLE: &str = "FACTORY_PROBE";
/// The result, in the evidence directory; only if all contracts are met.
const RESULT: &str = "probe.json";
/// Exit code when one is not.
const UNMET: i32 = 1;

/// How a contract turned out.
pub(crate) enum Finding {
    /// It is met, by this: a version, or what there is to say about the rest.
    Met(String),
    /// It is not, for this reason.
    Unmet(String),
}

/// `probe.json`.
#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    contracts: Vec<Met<'a>>,
}

#[derive(Serialize)]
struct Met<'a> {
    text: &'a str,
    found: String,
}

/// Checks every contract. The root may be read-only.
///
/// # Errors
/// Contracts that make no sense, files that cannot be read, no place for the result. Unmet contracts are no faults: they are
/// printed, and the exit code is 1.
pub(crate) fn run(mut env: Environment) -> Result<i32, Fault> {
    sys::occupy_standard_descriptors();
    let probe: Probe = config::object(&mut env, VARIABLE)?;
    probe.contracts.iter().try_for_each(Contract::check)?;
    let evidence = Evidence::required(0)?;
    reap::adopt_orphans();
    let signals = Signals::receive().map_err(|errno| Fault::call("receive signals", errno))?;
    let mut contracts = Vec::new();
    let mut code = 0;
    for contract in &probe.contracts {
        match look(contract, &env, &signals)? {
            Finding::Met(found) => contracts.push(Met { text: &contract.text, found }),
            Finding::Unmet(why) => {
                let (fragment, side) = (&probe.fragment, probe.side.verb());
                sys::complain(&format!("{fragment} {side} {}, but {why}", contract.text));
                code = UNMET;
            }
        }
    }
    if code == 0 {
        evidence.write_json(RESULT, &Report { version: 1, contracts })?;
        evidence.close()?;
    }
    Ok(code)
}

fn look(contract: &Contract, env: &Environment, signals: &Signals) -> Result<Finding, Fault> {
    match contract.kind {
        Kind::Command => command::look(contract, env, signals),
        Kind::Python => Ok(python::look(contract, env)),
        Kind::User => accounts::user(&contract.name),
        Kind::Group => accounts::group(&contract.name),
        Kind::Path => places::path(&contract.name),
        Kind::Env => Ok(places::variable(contract, env)),
    }
}

/// `; did you mean "NAME"?`, where there is a name that is near enough.
fn suggestion<'a>(wanted: &[u8], known: impl Iterator<Item = &'a [u8]>) -> String {
    let near = nearest(wanted, known).map(|near| format!("; did you mean \"{}\"?", near.escape_ascii()));
    near.unwrap_or_default()
}
