//! What a plan's build returns: the report, or what is not as expected.

use llb_gen::llb::Graph;
use llb_gen::matrix::{Summary, SummaryRow};

use super::row::Tried;
use crate::failure::Failure;
use crate::gateway::{BuildResult, Gateway};
use crate::options::Options;
use crate::report::tree::{File, document, error_path, log_path, tree};
use crate::report::{self, Reported};

/// The largest definition of a report with whole outputs, in bytes. BuildKit 0.13 takes messages of 4 MiB, later ones of 16.
const LARGEST: usize = 3 << 20;
/// Rows that are named one by one in an error.
const MOST_NAMED: usize = 50;

/// The report: records, evidence, errors and the summary.
///
/// # Errors
/// BuildKit's own.
pub(super) async fn result<G: Gateway>(
    gateway: &G,
    options: &Options,
    mut summary: Summary,
    tried: Vec<Tried>,
) -> Result<BuildResult, Failure> {
    let mut more: Vec<File> = Vec::new();
    let mut reported: Vec<Reported> = Vec::new();
    for one in tried {
        match one {
            Tried::Reported(one) => reported.push(*one),
            Tried::Broken(error) => {
                let log = format!("# Build ID: {}\n\n== error: {}\n", error.build_id, error.reason);
                more.push(File { path: log_path(&error.build_id), bytes: log.into_bytes() });
                more.push(File { path: error_path(&error.build_id), bytes: document(&error) });
            }
        }
    }
    if size(&Graph::of(&tree(&reported, &more, options.epoch))) > LARGEST {
        reported.iter_mut().for_each(|one| one.raw.clear());
        summary.notes.push(
            "The whole outputs of steps and tests are left out: the report would be larger than a message may be. \
             The logs in `evidence/` have their beginnings and ends."
                .to_owned(),
        );
    }
    more.push(File { path: "summary.json".to_owned(), bytes: summary.json() });
    more.push(File { path: "summary.md".to_owned(), bytes: summary.markdown().into_bytes() });
    Ok(report::result(gateway, options, &reported, &more).await?)
}

/// The bytes of a graph's ops and of what is said about them.
fn size(graph: &Graph) -> usize {
    prost::Message::encoded_len(&graph.marshal())
}

/// Which rows are not as expected, and the table of all.
pub(super) fn unexpected(summary: &Summary) -> Failure {
    let mut lines: Vec<String> = summary.unexpected().take(MOST_NAMED).map(line).collect();
    let rest = summary.counts.unexpected.saturating_sub(MOST_NAMED);
    if rest > 0 {
        lines.push(format!("and {rest} more"));
    }
    Failure::refused(format!(
        "{}\n{}\n`--target report` gives records and evidence of all of them",
        lines.join("\n"),
        summary.text()
    ))
}

/// `core-0.1.0 on linux/amd64: expected pass, got fail: pip install … (fragments/…:7): reason`.
fn line(row: &SummaryRow) -> String {
    let failure = row.failure.as_ref();
    let step = failure.and_then(|one| one.step.as_deref()).map(|step| format!(": {step}"));
    let place = failure.and_then(|one| one.location.as_deref()).map(|place| format!(" ({place})"));
    let reason = failure.map(|one| format!(": {}", one.reason.lines().next().unwrap_or_default()));
    let parts = [step, place, reason].into_iter().flatten().collect::<String>();
    let (expected, actual) = (row.expected.as_str(), row.actual.as_str());
    format!("{} on {}: expected {expected}, got {actual}{parts}", row.slug, row.platform)
}
