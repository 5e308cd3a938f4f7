//! The mode `databases`: the shared files of the base, which a product's fragments are reconciled over.

use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use serde::Deserialize;

use super::shared::{Copies, Side};
use crate::config::{self, Epoch};
use crate::databases::is_shared;
use crate::environment::Environment;
use crate::evidence::Evidence;
use crate::fault::Fault;
use crate::mountinfo::Mounts;
use crate::step::OWN_DIRECTORY;
use crate::sys;
use crate::sys::file::{self, Meta};
use crate::walk::lower::relative;
use crate::walk::scope::Scope;
use crate::walk::{absolute, push};

/// The variable that carries the configuration.
const VARIABLE: &str = "FACTORY_DATABASES";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    epoch: Epoch,
}

/// Copies every shared file of the root, which may be read-only.
///
/// # Errors
/// A configuration that makes no sense, files that cannot be read, no place for the copies.
pub(crate) fn run(mut env: Environment) -> Result<i32, Fault> {
    sys::occupy_standard_descriptors();
    let settings: Settings = config::object(&mut env, VARIABLE)?;
    let evidence = Evidence::required(settings.epoch.seconds())?;
    let scope = Scope::new(&Mounts::current(), [OWN_DIRECTORY].into_iter());
    let root = super::open_root(b"/", "root")?;
    let mut path = Vec::new();
    let shared = shared(&root, &scope, &mut path);
    let shared = shared.map_err(|errno| Fault::path("look for shared files at", absolute(&path), errno))?;
    let mut copies = Copies::begin(&evidence, settings.epoch.nanos(), &[Side::Upper])?;
    shared.iter().try_for_each(|path| copies.add(Side::Upper, &root, path, &[&root]))?;
    copies.finish(&evidence)?;
    evidence.close()?;
    Ok(0)
}

/// The shared files of a root, sorted. `path` says where it was when it failed.
fn shared(root: &OwnedFd, scope: &Scope, path: &mut Vec<u8>) -> Result<Vec<Vec<u8>>, Errno> {
    let mut found = Vec::new();
    let mut pending = Vec::from([Vec::new()]);
    while let Some(at) = pending.pop() {
        path.clone_from(&at);
        let dir = file::open_dir(root, relative(&at))?;
        for name in file::names(&dir)? {
            let mut full = at.clone();
            push(&mut full, &name);
            let meta = if scope.excludes(&full) { None } else { Meta::of(&dir, &name)? };
            match meta.filter(|meta| !meta.is_mount) {
                Some(meta) if meta.kind.is_dir() => pending.push(full),
                Some(_) if is_shared(&full) => found.push(full),
                _ => {}
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}
