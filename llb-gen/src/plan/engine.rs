//! What an engine must have learned for a step, and what is said where it is too old.
//!
//! Every op lists the capabilities that it needs, so no engine ignores one silently; but the daemon's own refusal names
//! neither the step nor a release.

use super::step::{PlannedAction, PlannedExec, PlannedFile, PlannedStep, Wrapper};
use crate::diagnostic::{Diagnostic, Sink};
use crate::llb::Cap;
use crate::model::Product;
use crate::request::Request;
use crate::text::Place;

/// Something that not every engine can do.
struct Need {
    cap: Cap,
    /// What it is: "cannot …".
    what: &'static str,
    /// The first release of BuildKit that can.
    since: &'static str,
}

const DEVICES: Need = Need { cap: Cap::EXEC_CDI, what: "give devices to steps", since: "0.20" };
const EXIT_CODES: Need = Need {
    cap: Cap::EXEC_VALID_EXIT_CODES,
    what: "take another exit code than 0 for success by itself, as a step with `pid1` asks it to",
    since: "0.17",
};
const SYMLINKS: Need = Need { cap: Cap::FILE_SYMLINK, what: "make symbolic links", since: "0.19" };

/// Reports what the engine cannot do for `step`, and limits that it does not enforce.
pub(super) fn judge(step: &PlannedStep, request: &Request, sink: &mut Sink) {
    let needs = match &step.action {
        PlannedAction::Exec(exec) => of_exec(exec),
        PlannedAction::Files(actions) => of_files(actions),
    };
    for need in needs.into_iter().filter(|need| !request.can(need.cap)) {
        let message = format!("this engine cannot {}", need.what);
        let fault = Diagnostic::error("engine-too-old", &step.place, message);
        sink.push(fault.expecting(format!("BuildKit {} or later", need.since)));
    }
    if let PlannedAction::Exec(exec) = &step.action
        && !exec.limits.is_empty()
    {
        enforced(request, &step.place, sink);
    }
}

/// Warns where the options limit all steps and the engine does not enforce that.
pub(super) fn judge_options(request: &Request, place: &Place, sink: &mut Sink) {
    if !request.sandbox.resources.is_empty() {
        enforced(request, place, sink);
    }
}

/// Says what becomes of fragments that stand apart on an engine that cannot merge, where the same files come out of a chain.
/// Moving to another base is not possible there.
pub(super) fn judge_merge(product: &Product, fragments: &[usize], request: &Request, sink: &mut Sink) {
    if request.can(Cap::MERGE) && request.can(Cap::DIFF) {
        return;
    }
    if request.built_on.is_some() {
        let message = "this engine cannot lay the layers of fragments over another base (`FACTORY_BUILT_ON`)";
        let fault = Diagnostic::error("engine-too-old", product.manifest.base.place(), message);
        sink.push(fault.expecting("BuildKit 0.10 or later with the containerd image store"));
    }
    if let Some(index) = fragments.iter().find(|index| !product.composition.is_link(**index)) {
        let place = product.fragments[*index].name.place();
        let message = "this engine cannot merge: fragments are built one on the other, and a change runs all above it again";
        let warning = Diagnostic::warning("no-merge", place, message);
        sink.push(warning.help("BuildKit 0.10 or later with the containerd image store can"));
    }
}

fn of_exec(exec: &PlannedExec) -> Vec<Need> {
    let codes =
        matches!(&exec.wrapper, Wrapper::None { valid_exit_codes, .. } if !valid_exit_codes.is_empty());
    let devices = (!exec.devices.is_empty()).then_some(DEVICES);
    devices.into_iter().chain(codes.then_some(EXIT_CODES)).collect()
}

fn of_files(actions: &[PlannedFile]) -> Vec<Need> {
    let links = actions.iter().any(|action| matches!(action, PlannedFile::Symlink { .. }));
    links.then_some(SYMLINKS).into_iter().collect()
}

fn enforced(request: &Request, place: &Place, sink: &mut Sink) {
    if !request.can(Cap::EXEC_LINUX_RESOURCES) {
        let warning =
            Diagnostic::warning("limits-not-enforced", place, "this engine does not enforce limits of steps");
        sink.push(warning.help("BuildKit 0.31 or later does"));
    }
}
