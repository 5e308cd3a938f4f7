//! What the tests of a product say: their execs are solved, and what the helper wrote about them is read.
//!
//! A verdict, whatever it is, is a result. An error is that there is none: the engine, the network or the helper broke.

pub mod evidence;
pub mod gate;
mod outcome;
pub mod shown;
mod verdicts;

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use llb_gen::llb::OpDigest;
use llb_gen::lower::{Lowered, TestGroup};
use llb_gen::ordered::ordered;
use llb_gen::record::Verdict;

pub(crate) use outcome::location;
#[cfg(test)]
pub(crate) use outcome::tests as fixture;
pub use outcome::{Judged, JudgedGroup, JudgedTest};
pub use verdicts::{Assertion, Device, Exchange, Said};

use crate::gateway::{Gateway, SolveRequest};
use crate::options::Options;
use crate::status::Status;

/// Where the helper writes its verdicts.
const VERDICTS: &str = "verdicts.json";
/// The largest file of verdicts that is read, in bytes: some hundred requests of one test have 64 KiB each.
const MAX_VERDICTS: u64 = 64 << 20;

/// What the tests of one platform's product say.
///
/// # Errors
/// As [`judge_all`].
pub async fn judge<G: Gateway>(gateway: &G, options: &Options, lowered: &Lowered) -> Result<Judged, Status> {
    let judged = judge_all(gateway, options, &[lowered]).await?;
    Ok(judged.into_iter().next().unwrap_or_default())
}

/// What the tests of several platforms' products say, in their order. Groups of tests are solved side by side, as many at once
/// as the machine has processors, but from 2 to 8: more only wait for each other.
///
/// # Errors
/// Where there are no verdicts: a step of the product failed, the engine or the network did, or the helper broke. The message
/// names the tests. Where it was a step, the product's own solve has more to say about it.
pub async fn judge_all<G: Gateway>(
    gateway: &G,
    options: &Options,
    lowered: &[&Lowered],
) -> Result<Vec<Judged>, Status> {
    let groups = lowered.iter().flat_map(|one| &one.tests).enumerate();
    let judged = groups.map(|(number, group)| async move {
        Ok::<_, Status>((number, judge_group(gateway, options, group).await?))
    });
    // In the order in which they end: a long one holds up no others.
    let judged: Vec<(usize, JudgedGroup)> =
        stream::iter(judged).buffer_unordered(at_once()).try_collect().await?;
    let mut judged = ordered::<BTreeMap<_, _>, _>(judged).into_values();
    let of = |one: &&Lowered| Judged {
        groups: judged.by_ref().take(one.tests.len()).collect(),
        skipped: one.skipped.clone(),
    };
    Ok(lowered.iter().map(of).collect())
}

/// How many groups are solved at once.
fn at_once() -> usize {
    std::thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 8))
}

/// The verdicts on a group. Where a test could not be run, the group is solved once more, past the cache: what broke may be
/// whole again, and a verdict that is none must not stay.
async fn judge_group<G: Gateway>(
    gateway: &G,
    options: &Options,
    group: &TestGroup,
) -> Result<JudgedGroup, Status> {
    let definition = group.evidence.marshal();
    let judged = verdicts_of(gateway, options, group, definition.clone()).await?;
    if !judged.tests.iter().any(|test| test.verdict == Verdict::Error) {
        return Ok(judged);
    }
    verdicts_of(gateway, options, group, past_the_cache(definition)).await
}

async fn verdicts_of<G: Gateway>(
    gateway: &G,
    options: &Options,
    group: &TestGroup,
    definition: pb::Definition,
) -> Result<JudgedGroup, Status> {
    let request = SolveRequest {
        definition,
        resources: group.evidence.resources(),
        cache_imports: options.cache_imports.clone(),
        evaluate: true,
    };
    let solved = gateway.solve(request).await.map_err(|status| status.context(&broke(group)))?;
    let reference = solved.ok_or_else(|| unusable(group, "BuildKit kept no result"))?;
    let bytes = evidence::read(gateway, &reference, VERDICTS, MAX_VERDICTS).await;
    let bytes = bytes.map_err(|error| unusable(group, &error.to_string()))?;
    let names = group.tests.iter().map(|test| test.name.as_str());
    let verdicts = verdicts::parse(&bytes, names)
        .map_err(|reason| unusable(group, &format!("`{VERDICTS}` is of no use: {reason}")))?;
    Ok(JudgedGroup::of(reference, group, verdicts))
}

/// The definition with its last op, the exec, marked not to be taken from the cache. The terminal op comes after it.
fn past_the_cache(mut definition: pb::Definition) -> pb::Definition {
    let exec = definition.def.iter().rev().nth(1).map(|op| OpDigest::of(op).to_string());
    if let Some(metadata) = exec.and_then(|exec| definition.metadata.get_mut(&exec)) {
        metadata.ignore_cache = true;
    }
    definition
}

/// What the message about missing verdicts begins with.
fn broke(group: &TestGroup) -> String {
    format!("{}: the tests could not be run", group.name)
}

fn unusable(group: &TestGroup, reason: &str) -> Status {
    Status::new(format!("{}: {reason}", broke(group)))
}
