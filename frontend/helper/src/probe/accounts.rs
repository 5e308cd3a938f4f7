//! Users and groups.

use alloc::format;

use super::{Finding, suggestion};
use crate::fault::Fault;
use crate::user::{self, Record};

/// Looks for a user.
pub(super) fn user(name: &str) -> Result<Finding, Fault> {
    look("user", name, user::PASSWD)
}

/// Looks for a group.
pub(super) fn group(name: &str) -> Result<Finding, Fault> {
    look("group", name, user::GROUP)
}

/// What is found of an account is its number.
fn look(what: &str, name: &str, path: &[u8]) -> Result<Finding, Fault> {
    let database = user::database(path)?;
    let known = || user::records(&database);
    let found = known().find(|record: &Record<'_>| record.name() == name.as_bytes());
    Ok(match found.and_then(|record| record.id()) {
        Some(id) => Finding::Met(format!("{id}")),
        None => {
            let near = suggestion(name.as_bytes(), known().map(|record| record.name()));
            Finding::Unmet(format!("there is no {what} {name} in {}{near}", path.escape_ascii()))
        }
    })
}
