//! The mode `settle`: what a fragment did to the root it was built on, whichever way it did it, and times that do not tell
//! when.
//!
//! It runs on the finished root of a fragment, which becomes what the fragment's delta is taken from. The delta's manifest
//! and its copies of shared files are all that joining fragments needs: nobody has to unpack the delta for that.

pub(crate) mod base;
mod compare;
mod parents;
mod shared;
mod times;

use rustix::fd::OwnedFd;
use rustix::fs::CWD;
use serde::Deserialize;

use crate::changes::Manifest;
use crate::config::{self, AbsolutePath, Epoch};
use crate::environment::Environment;
use crate::evidence::{CHANGES, Evidence};
use crate::fault::Fault;
use crate::mountinfo::Mounts;
use crate::step::{OWN_DIRECTORY, raise_file_limit};
use crate::sys::{self, file};
use crate::walk::scope::Scope;
use compare::{Comparison, Difference};
use shared::{Copies, Side};

/// The variable that carries the configuration.
const VARIABLE: &str = "FACTORY_SETTLE";

/// `docs/step-wrapper.md` explains each member.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    epoch: Epoch,
    lower: AbsolutePath,
}

/// Settles the root.
///
/// # Errors
/// A configuration that makes no sense, a root that cannot be written, files that cannot be read, no place for the result.
pub(crate) fn run(mut env: Environment) -> Result<i32, Fault> {
    sys::occupy_standard_descriptors();
    let settings: Settings = config::object(&mut env, VARIABLE)?;
    let mounts = Mounts::current();
    if mounts.root_is_readonly() {
        return Err(Fault::own("cannot set times: the root of the fragment is read-only"));
    }
    raise_file_limit();
    let evidence = Evidence::required(settings.epoch.seconds())?;
    let lower_path = settings.lower.as_bytes();
    let (root, lower) = (open_root(b"/", "root")?, open_root(lower_path, "lower root")?);
    let scope = Scope::new(&mounts, [OWN_DIRECTORY, lower_path].into_iter());
    let difference = Comparison::new(&scope).run(&root, &lower)?;
    times::set(&difference.findings, &lower, settings.epoch.nanos())?;
    write(&difference, &root, &lower, settings.epoch, &evidence)?;
    evidence.close()?;
    Ok(0)
}

fn open_root(path: &[u8], what: &str) -> Result<OwnedFd, Fault> {
    file::open_dir(CWD, path).map_err(|errno| Fault::path(&alloc::format!("open the {what}"), path, errno))
}

/// The manifest comes last: where it is, the copies are complete.
fn write(
    difference: &Difference,
    root: &OwnedFd,
    lower: &OwnedFd,
    epoch: Epoch,
    evidence: &Evidence,
) -> Result<(), Fault> {
    let mut copies = Copies::begin(evidence, epoch.nanos(), &[Side::Upper, Side::Lower])?;
    for path in &difference.shared {
        copies.add(Side::Upper, root, path, &[root])?;
        copies.add(Side::Lower, lower, path, &[root, lower])?;
    }
    copies.finish(evidence)?;
    let parents = parents::of(&difference.findings, root)?;
    evidence.write_json(CHANGES, &Manifest::new(&difference.findings).with_parents(parents))
}
