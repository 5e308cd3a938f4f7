//! `check`: which rules are skipped and which end the build. Whether they are rules is said with what rules find: a document
//! may be of another age than the frontend.

use crate::diagnostic::{Diagnostic, Sink};
use crate::model::{Checks, Fail, RuleName, Skip};
use crate::parse::decode::Map;
use crate::parse::raw::checks::{RawChecks, RawFail, RawOwnChecks, RawSkips};
use crate::text::Located;

/// A manifest's.
pub(super) fn of_product(raw: Option<RawChecks>, sink: &mut Sink) -> Checks {
    let Some(raw) = raw else { return Checks::default() };
    let skip = match raw.skip {
        None => Vec::new(),
        Some(RawSkips::Names(rules)) => rules.into_iter().map(|rule| Skip { rule, reason: None }).collect(),
        Some(RawSkips::Reasons(reasons)) => with_reasons(reasons, sink),
    };
    let error = match raw.error {
        None | Some(RawFail::Flag(false)) => Fail::Nothing,
        Some(RawFail::Flag(true)) => Fail::Everything,
        Some(RawFail::Names(rules)) => Fail::Of(rules),
    };
    Checks { skip, error }
}

/// A fragment's or a template's.
pub(super) fn own(raw: Option<RawOwnChecks>, sink: &mut Sink) -> Checks {
    let skip = raw.map(|raw| with_reasons(raw.skip, sink)).unwrap_or_default();
    Checks { skip, error: Fail::Nothing }
}

fn with_reasons(reasons: Map<RuleName, Located<String>>, sink: &mut Sink) -> Vec<Skip> {
    let skip = |(rule, reason): (Located<RuleName>, Located<String>)| {
        if reason.trim().is_empty() {
            let message = format!("`{}` is skipped without a reason", rule.value());
            sink.push(Diagnostic::error("empty-value", reason.place(), message).expecting("the reason"));
        }
        Skip { rule, reason: Some(reason.into_value()) }
    };
    reasons.0.into_iter().map(skip).collect()
}
