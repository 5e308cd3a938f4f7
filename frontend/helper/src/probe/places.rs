//! Paths and variables.

use alloc::format;

use rustix::fs::CWD;

use super::Finding;
use super::contract::Contract;
use crate::changes::kind_name;
use crate::environment::Environment;
use crate::fault::Fault;
use crate::sys::file::Meta;

/// Looks for a path. What is found is its type. A path that ends with a slash is a directory, or a link to one.
///
/// # Errors
/// A directory above it that cannot be looked at.
pub(super) fn path(path: &str) -> Result<Finding, Fault> {
    let look = |path: &str| {
        Meta::of(CWD, path.as_bytes()).map_err(|errno| Fault::path("look at", path.as_bytes(), errno))
    };
    if let Some(meta) = look(path)? {
        return Ok(Finding::Met(kind_name(meta.kind).into()));
    }
    let plain = path.trim_end_matches('/');
    let why = match look(plain)? {
        Some(meta) => format!("{plain} is no directory (type {})", kind_name(meta.kind)),
        None => format!("there is no {plain}"),
    };
    Ok(Finding::Unmet(why))
}

/// Looks for a variable, and compares its value where one is wanted. The value is not part of what is found.
pub(super) fn variable(contract: &Contract, env: &Environment) -> Finding {
    let name = &contract.name;
    match env.get(name) {
        None => Finding::Unmet(format!("there is no variable {name}")),
        Some(b"") => Finding::Unmet(format!("the variable {name} is empty")),
        Some(value) if contract.range.iter().any(|bound| bound.version.as_bytes() != value) => {
            Finding::Unmet(format!("{name} is \"{}\"", value.escape_ascii()))
        }
        Some(_) => Finding::Met("set".into()),
    }
}
