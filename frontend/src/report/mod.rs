//! Reports: what became of a product, whatever that is, as records, evidence and errors.
//!
//! An [`attempt`] builds and tests one product on one platform and cannot fail: a step that fails, a test that says no and an
//! engine that breaks are all told in its [`Reported`]. [`tree`] makes the files of it.

mod build;
pub mod error;
pub mod failed_step;
pub mod log;
pub mod outputs;
pub mod tree;

use std::collections::BTreeMap;

use futures_util::future::try_join;
use llb_gen::llb::{Graph, OpDigest, State};
use llb_gen::lower::{Lowered, StepRun};
use llb_gen::record::{ErrorRecord, Pointer, Record, Verdict};

use crate::gateway::{BuildResult, Gateway, Ref, ResultRefs, SolveRequest};
use crate::judging::{self, Judged};
use crate::options::Options;
use crate::record::{RecordInputs, record};
use crate::status::Status;
pub use build::Workshop;
use error::Fault;
use failed_step::FailedStep;
use log::{Output, Section};
use outputs::Outputs;
use tree::{File, Raw, log_path};

/// The longest log of all builds of a report together, in bytes. It travels in a message, of which the oldest daemons take no
/// more than 4 MiB, with all the graphs; whole outputs never pass through here.
const LOGS: u64 = 2 << 20;

/// One product on one platform, planned.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// What was asked for.
    pub options: &'a Options,
    /// The frontend's own image, on which the helper shows what a failed step has left.
    pub own_image: Option<&'a State>,
    /// The graphs.
    pub lowered: &'a Lowered,
    /// What the record says whatever comes of it.
    pub inputs: &'a RecordInputs,
    /// The longest log, in bytes.
    pub log_limit: u64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// The record; its log's digest is in it.
    pub record: Record,
    /// Why it has not passed.
    pub error: Option<ErrorRecord>,
    /// The evidence log.
    pub log: Vec<u8>,
    /// Whole outputs of steps and tests.
    pub raw: Vec<Raw>,
    /// The product's filesystem, where it was built and is not empty.
    pub reference: Option<Ref>,
}

/// The longest log of each build in a report on `count` of them, in bytes.
pub fn log_limit(count: usize) -> u64 {
    LOGS / count.max(1) as u64
}

/// Builds and tests a product, and tells what came of it.
pub async fn attempt<G: Gateway>(gateway: &G, attempt: Attempt<'_>) -> Reported {
    let Attempt { options, own_image, lowered, .. } = attempt;
    match build(gateway, options, lowered).await {
        Ok(reference) => Reported { reference, ..attempt.tested(gateway).await },
        Err(status) => {
            let step = failed_step::find(gateway, own_image, lowered, &status).await;
            attempt.broken(gateway, &status, step).await
        }
    }
}

/// The product's filesystem, built, with everything that is looked up in it.
async fn build<G: Gateway>(gateway: &G, options: &Options, lowered: &Lowered) -> Result<Option<Ref>, Status> {
    let solve = async |graph: &Graph| {
        if graph.is_empty() {
            return Ok(None);
        }
        let (definition, resources) = (graph.marshal(), graph.resources());
        let cache_imports = options.cache_imports.clone();
        gateway.solve(SolveRequest { definition, resources, cache_imports, evaluate: true }).await
    };
    let (reference, _) = try_join(solve(&lowered.graph), solve(&lowered.checks)).await?;
    Ok(reference)
}

/// What an attempt came to, before it is written down.
struct Outcome {
    judged: Judged,
    verdict: Verdict,
    fault: Option<Fault>,
}

impl Attempt<'_> {
    /// A product that was built.
    async fn tested<G: Gateway>(&self, gateway: &G) -> Reported {
        let steps: Vec<(usize, &StepRun)> = self.steps().collect();
        match judging::judge(gateway, self.options, self.lowered).await {
            Ok(judged) => {
                let (verdict, why) = judged.verdict(self.lowered.budget.as_ref());
                let failed = verdict != Verdict::Pass;
                let fault = failed.then(|| Fault::of_tests(&judged, verdict, why.as_deref()));
                self.told(gateway, Outcome { judged, verdict, fault }, &steps, None).await
            }
            Err(status) => {
                // A test may need something that cannot be put into its root: that says nothing about the product.
                let step = failed_step::find(gateway, self.own_image, self.lowered, &status).await;
                let step = step.map(|step| FailedStep { is_its_own: false, ..step });
                let outcome = self.untested(Verdict::Error, Fault::of_build(&status, step.as_ref()));
                self.told(gateway, outcome, &steps, step.map(failed)).await
            }
        }
    }

    /// A product that could not be built. What the failed step stands on has been done.
    async fn broken<G: Gateway>(&self, gateway: &G, status: &Status, step: Option<FailedStep>) -> Reported {
        let own = step.as_ref().is_some_and(|step| step.is_its_own);
        let verdict = if own { Verdict::Fail } else { Verdict::Error };
        let outcome = self.untested(verdict, Fault::of_build(status, step.as_ref()));
        let vertex = crate::failed_solve::FailedSolve::of(status).vertex.unwrap_or_default();
        let done = failed_step::below(self.lowered, &vertex);
        let steps: Vec<_> = self.steps().filter(|(_, step)| done.contains(step.vertex.as_str())).collect();
        self.told(gateway, outcome, &steps, step.map(failed)).await
    }

    /// The steps with their numbers, from 1.
    fn steps(&self) -> impl Iterator<Item = (usize, &StepRun)> {
        (1..).zip(&self.lowered.steps)
    }

    fn untested(&self, verdict: Verdict, fault: Fault) -> Outcome {
        let judged = Judged { groups: Vec::new(), skipped: self.lowered.skipped.clone() };
        Outcome { judged, verdict, fault: Some(fault) }
    }

    /// The record, the log and the error. `last` comes after the steps.
    async fn told<G: Gateway>(
        &self,
        gateway: &G,
        outcome: Outcome,
        steps: &[(usize, &StepRun)],
        last: Option<Section>,
    ) -> Reported {
        let Outcome { judged, verdict, fault } = outcome;
        let notes = fault.as_ref().map(|fault| fault.reason().to_owned());
        let mut record = record(self.inputs, &judged, (verdict, notes));
        let id = record.build_id.clone();
        let of_steps = outputs::of_steps(gateway, self.options, &id, steps).await;
        let of_tests = outputs::of_tests(gateway, &id, self.lowered, &judged).await;
        let Outputs { mut sections, mut raw } = of_steps;
        sections.extend(last);
        sections.extend(of_tests.sections);
        sections.extend(fault.as_ref().map(|fault| ended(verdict, fault.reason())));
        raw.extend(of_tests.raw);
        let log = log::compose(gateway, &id, &sections, self.log_limit).await;
        let digest = Some(OpDigest::of(&log).to_string());
        record.evidence = Some(Pointer { path: log_path(&id), digest });
        let error = fault.map(|fault| fault.into_record(&record));
        Reported { record, error, log, raw, reference: None }
    }
}

/// `step [core 0.1.0 2/3] make: failed, exit code 2`.
fn failed(step: FailedStep) -> Section {
    let code = step.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
    let output = Output { label: None, source: step.output, file: None };
    Section { title: format!("step {}: failed{code}", step.title), outputs: vec![output] }
}

/// The last words of a log.
fn ended(verdict: Verdict, reason: &str) -> Section {
    Section { title: format!("{}: {reason}", verdict.as_str()), outputs: Vec::new() }
}

/// The result of a build that asks for a report: one filesystem with all of it, whichever platforms it is about. `more` are
/// files beside those of the builds.
///
/// # Errors
/// BuildKit's own.
pub async fn result<G: Gateway>(
    gateway: &G,
    options: &Options,
    reported: &[Reported],
    more: &[File],
) -> Result<BuildResult, Status> {
    let graph = Graph::of(&tree::tree(reported, more, options.epoch));
    let request = SolveRequest {
        definition: graph.marshal(),
        resources: graph.resources(),
        cache_imports: Vec::new(),
        evaluate: false,
    };
    let reference = gateway.solve(request).await?;
    Ok(BuildResult {
        refs: ResultRefs::Single(reference),
        metadata: BTreeMap::new(),
        attestations: BTreeMap::new(),
    })
}
