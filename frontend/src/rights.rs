//! Rights that steps need beyond the usual (the machine's network, no confinement, devices), and what a daemon says that does
//! not give them: neither which step it was, nor what the client has to say.

use llb_gen::lower::{Privileged, Right};

use crate::excerpt::Excerpt;
use crate::planning::PlannedPlatform;
use crate::status::Status;

/// The daemon's words: `network.host is not allowed`, `device … is requested by the build but not allowed`.
const REFUSALS: [&str; 2] = ["is not allowed", "but not allowed"];

/// Whether any step needs rights: then the build is solved before the process ends, or nobody could say which.
pub fn are_needed(planned: &[PlannedPlatform]) -> bool {
    planned.iter().any(|one| !one.lowered.privileged().is_empty())
}

/// The status, with the steps that need the right that was refused, their lines, and what grants it. Any other as it is.
#[must_use]
pub fn explained(status: Status, planned: &[PlannedPlatform]) -> Status {
    if !REFUSALS.iter().any(|words| status.message().contains(words)) {
        return status;
    }
    let mut steps: Vec<(Privileged, Right)> = Vec::new();
    for step in planned.iter().flat_map(|one| one.lowered.privileged()) {
        let refused = step.rights.iter().find(|right| is_about(status.message(), right)).cloned();
        if let Some(right) = refused.filter(|right| !steps.contains(&(step.clone(), right.clone()))) {
            steps.push((step, right));
        }
    }
    if steps.is_empty() {
        return status;
    }
    let told: Vec<String> = steps.iter().map(|(step, right)| told(step, right)).collect();
    let status = status.context(&told.join("\n"));
    let places = steps.iter().filter_map(|(step, _)| step.place.as_ref());
    places
        .take(MAX_EXCERPTS)
        .fold(status, |status, place| status.with_json_detail("errdefs.Source", &Excerpt::of(place)))
}

/// Steps shown with their lines.
const MAX_EXCERPTS: usize = 10;

/// Whether a refusal may be about this right. Devices are named as the daemon knows them, which may be by another name.
fn is_about(message: &str, right: &Right) -> bool {
    match right {
        Right::Device(_) => message.contains("device"),
        other => message.contains(&other.entitlement()),
    }
}

fn told(step: &Privileged, right: &Right) -> String {
    let place = step.place.as_ref().map_or_else(String::new, |place| format!("{place}: "));
    format!(
        "{place}step `{}` {}, which this build may not: grant it with `--allow {}`, on an engine that permits that",
        step.name,
        right.what(),
        right.entitlement(),
    )
}
