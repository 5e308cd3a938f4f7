//! Shows warnings at their lines.

use futures_util::future::join_all;
use llb_gen::diagnostic::Diagnostic;
use llb_gen::lint::Rule;

use crate::excerpt::{range, source_info};
use crate::gateway::{Gateway, Warning};
use crate::status::Status;

/// Warnings are for reading; a flood of them is cut.
const MAX_SHOWN: usize = 50;

/// Sends every warning once, all at the same time, pinned to the vertex that loaded the manifest.
///
/// # Errors
/// BuildKit's own.
pub async fn show<G: Gateway>(gateway: &G, vertex: &str, warnings: &[Diagnostic]) -> Result<(), Status> {
    let mut once: Vec<&Diagnostic> = Vec::new();
    for one in warnings {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    let calls = once.into_iter().take(MAX_SHOWN).map(|one| gateway.warn(warning(vertex, one)));
    join_all(calls).await.into_iter().collect()
}

fn warning(vertex: &str, one: &Diagnostic) -> Warning {
    let place = one.place();
    let notes = one.expected().map(|expected| format!("expected {expected}"));
    Warning {
        vertex: vertex.to_owned(),
        short: format!("{}: {} ({}:{})", one.rule(), one.message(), place.file().path(), place.start().line),
        detail: notes.into_iter().chain(one.advice().map(str::to_owned)).collect(),
        url: Rule::named(one.rule()).map(Rule::url).unwrap_or_default(),
        info: Some(source_info(place.file())),
        ranges: vec![range(place)],
    }
}
