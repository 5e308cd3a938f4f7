//! A row of a plan: a combination on a platform, and what became of it.

use bollard_buildkit_proto::pb;
use llb_gen::llb::{OpDigest, State};
use llb_gen::matrix::{Combination, Plan, SummaryRow};
use llb_gen::model::Platform;
use llb_gen::record::{CombinationEntry, ErrorKind, ErrorRecord, SCHEMA_VERSION};

use crate::catalogue::Catalogue;
use crate::gateway::Gateway;
use crate::identity::identify;
use crate::options::Options;
use crate::own_helper::Helper;
use crate::planning::PlannedPlatform;
use crate::report::{Attempt, Reported, attempt};
use crate::status::Status;

/// The longest log of one row, in bytes.
const LONGEST_LOG: u64 = 256 << 10;
/// The logs of all rows together, in bytes: they travel in one message.
const ALL_LOGS: u64 = 2 << 20;

/// A combination on a platform.
#[derive(Debug)]
pub(super) struct Row {
    combination: Combination,
    platform: Platform,
    planned: Result<Box<PlannedPlatform>, Status>,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Tried {
    /// It was built, or it was tried to.
    Reported(Box<Reported>),
    /// It did not come to that: an image that could not be found, files that could not be read.
    Broken(Box<ErrorRecord>),
}

/// What a row is tried with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means<'b> {
    pub(super) options: &'b Options,
    pub(super) own_image: Option<&'b State>,
    pub(super) helper: &'b Helper,
    pub(super) catalogue: &'b Catalogue,
    pub(super) own: &'b Platform,
    /// The plan's id.
    pub(super) plan: &'b str,
    /// How many rows the plan has.
    pub(super) count: usize,
}

impl Row {
    /// A row that can be built.
    pub(super) fn planned_as(combination: Combination, platform: Platform, planned: PlannedPlatform) -> Self {
        Self { combination, platform, planned: Ok(Box::new(planned)) }
    }

    /// A row that needs an image that cannot be found.
    pub(super) fn unresolved(combination: Combination, platform: Platform, status: Status) -> Self {
        Self { combination, platform, planned: Err(status) }
    }

    /// The product, where it could be planned.
    pub(super) fn planned(&self) -> Option<&PlannedPlatform> {
        self.planned.as_deref().ok()
    }

    /// The product, or why it could not be planned.
    pub(super) fn planned_or_why(&self) -> Result<&PlannedPlatform, Status> {
        self.planned.as_deref().map_err(Clone::clone)
    }

    /// The combination's name.
    pub(super) fn slug(&self) -> &str {
        self.combination.slug()
    }

    /// Everything that its attempt solves.
    pub(super) fn definitions(&self) -> impl Iterator<Item = pb::Definition> {
        let lowered = self.planned().map(|planned| &planned.lowered);
        lowered.into_iter().flat_map(|lowered| {
            let tests = lowered.tests.iter().map(|group| &group.evidence);
            let graphs = [&lowered.graph, &lowered.checks].into_iter().chain(tests);
            graphs.filter(|graph| !graph.is_empty()).map(|graph| graph.marshal())
        })
    }

    /// Builds and tests it.
    pub(super) async fn attempt<G: Gateway>(&self, gateway: &G, means: Means<'_>) -> Tried {
        let planned = match &self.planned {
            Ok(planned) => planned,
            Err(status) => return self.broken(means.plan, status.message()),
        };
        let Means { options, own_image, helper, catalogue, own, .. } = means;
        let mut inputs = match identify(gateway, options, catalogue, own, planned, helper).await {
            Ok(inputs) => inputs,
            Err(failure) => return self.broken(means.plan, failure.into_status().message()),
        };
        let slug = self.slug().to_owned();
        inputs.combination = Some(CombinationEntry { plan: means.plan.to_owned(), slug });
        let log_limit = LONGEST_LOG.min(ALL_LOGS / means.count.max(1) as u64);
        let own = Attempt { options, own_image, lowered: &planned.lowered, inputs: &inputs, log_limit };
        Tried::Reported(Box::new(attempt(gateway, own).await))
    }

    /// Its line of the summary.
    pub(super) fn summary(&self, plan: &Plan, tried: &Tried, started: &str) -> SummaryRow {
        let expected = plan.expected(&self.combination, &self.platform);
        let platform = self.platform.to_string();
        let row = |id: &str| SummaryRow::new(&self.combination, &platform, expected, id);
        match tried {
            Tried::Broken(error) => row(&error.build_id).failed(error),
            Tried::Reported(one) => {
                let told = row(&one.record.build_id).recorded(&one.record, started);
                one.error.iter().fold(told, SummaryRow::failed)
            }
        }
    }

    /// What there is to say of a row that did not come to an attempt. Its name ends with a digest of the reason.
    fn broken(&self, plan: &str, reason: &str) -> Tried {
        let platform = self.platform.to_string().replace('/', "-");
        let digest = OpDigest::of(reason.as_bytes());
        let digits = &digest.as_str().trim_start_matches("sha256:")[..12];
        Tried::Broken(Box::new(ErrorRecord {
            schema_version: SCHEMA_VERSION,
            build_id: format!("{plan}-{}-{platform}-{digits}", self.slug()),
            manifest_id: None,
            platform: Some(self.platform.to_string()),
            kind: ErrorKind::Infrastructure,
            reason: reason.to_owned(),
            fragment: None,
            version: None,
            step: None,
            location: None,
            exit_code: None,
            log_excerpt: Vec::new(),
        }))
    }
}
