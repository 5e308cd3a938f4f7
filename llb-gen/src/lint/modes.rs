//! Modes of what file steps make.

use super::rules::WORLD_WRITABLE;
use crate::diagnostic::Diagnostic;
use crate::model::step::{Action, Step};
use crate::model::{FileMode, Value};

pub(super) fn check(step: &Step, found: &mut Vec<Diagnostic>) {
    let mode: Option<&Value<FileMode>> = match &step.action {
        Action::Copy(copy) => copy.chmod.as_ref(),
        Action::Add(add) => add.chmod.as_ref(),
        Action::File(file) => file.chmod.as_ref(),
        Action::Mkdir(mkdir) => mkdir.chmod.as_ref(),
        _ => None,
    };
    for (mode, place) in mode.iter().flat_map(|mode| mode.literals()).filter(|(mode, _)| is_open(mode.bits()))
    {
        let message = format!("with the mode {:04o} everybody may write it", mode.bits());
        found.push(WORLD_WRITABLE.at(place, message).help("give it to who writes it (`chown`)"));
    }
}

/// Whether others may write: in a folder like `/tmp` (sticky) only what is theirs.
pub(super) fn is_open(mode: u32) -> bool {
    mode & 0o002 != 0 && mode & 0o1000 == 0
}
