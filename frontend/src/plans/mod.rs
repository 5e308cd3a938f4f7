//! A plan file instead of a manifest: every combination is built and tested in one conversation, and all are told of.
//!
//! What is wrong with any file stops the plan before anything is built. After that every combination is tried, however the
//! others end; only then is it seen whether each has the verdict that was expected.

mod clock;
mod load;
mod naming;
mod outcome;
mod row;
mod transfers;

use futures_util::future::join;
use futures_util::stream::{StreamExt as _, iter};
use llb_gen::llb::State;
use llb_gen::matrix::Summary;
use llb_gen::target::REPORT;

use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::gateway::{BuildResult, Gateway};
use crate::opening::Opening;
use crate::options::Options;
use crate::own_files::{self, Named};
use crate::own_helper::Helper;
use crate::planning::PlannedPlatform;
use crate::warnings;
pub use load::{LoadedPlan, load};
use naming::{Names, Prefixing};
use row::{Row, Tried};

/// What a plan is tried with.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'b> {
    /// What was asked for.
    pub options: &'b Options,
    /// The frontend's own image.
    pub own_image: Option<&'b State>,
    /// The helper in it.
    pub helper: &'b Helper,
}

impl Trial<'_> {
    /// Builds and tests all combinations. The result is the report on them.
    ///
    /// # Errors
    /// Faults of files; and without the target `report`, combinations whose verdict is not the one that was expected.
    pub async fn build<G: Gateway>(&self, gateway: &G, opening: Opening) -> Result<BuildResult, Failure> {
        let started = clock::now();
        let report = wants_report(self.options)?;
        let mut loaded = load(gateway, self.options, opening).await?;
        let rows = loaded.rows(gateway, self.options, self.own_image).await?;
        let warnings = loaded.doubts(gateway, self.options, &rows).await?;
        let named: Vec<Named<'_>> =
            rows.iter().filter_map(Row::planned).flat_map(PlannedPlatform::named_files).collect();
        let (sound, shown) = join(
            own_files::sound(gateway, self.options, &loaded.catalogue, &named),
            warnings::show(gateway, &loaded.opening.vertex, &warnings),
        )
        .await;
        shown?;
        sound?;
        drop(named);
        let tried = self.attempts(gateway, &loaded, &rows).await;
        let summary_rows =
            rows.iter().zip(&tried).map(|(row, tried)| row.summary(&loaded.plan, tried, &started));
        let summary = Summary::new(&loaded.plan, summary_rows.collect());
        if !report && !summary.as_expected {
            return Err(outcome::unexpected(&summary));
        }
        outcome::result(gateway, self.options, summary, tried).await
    }

    /// Every row's attempt, as many at the same time as the plan allows.
    async fn attempts<G: Gateway>(
        &self,
        gateway: &G,
        loaded: &LoadedPlan<'_, G>,
        rows: &[Row],
    ) -> Vec<Tried> {
        let names = Names::of(rows);
        let attempt = async |(at, row): (usize, &Row)| {
            let gateway = Prefixing::new(gateway, &names, row.slug());
            (at, self.attempt(&gateway, loaded, &loaded.catalogue, row, rows.len()).await)
        };
        let at_once = usize::from(loaded.plan.concurrency);
        let attempts = iter(rows.iter().enumerate()).map(attempt).buffer_unordered(at_once);
        let mut tried: Vec<(usize, Tried)> = attempts.collect().await;
        tried.sort_by_key(|(at, _)| *at);
        tried.into_iter().map(|(_, tried)| tried).collect()
    }

    async fn attempt<G: Gateway, L>(
        &self,
        gateway: &G,
        loaded: &LoadedPlan<'_, L>,
        catalogue: &Catalogue,
        row: &Row,
        count: usize,
    ) -> Tried {
        let Self { options, own_image, helper } = *self;
        let plan = loaded.plan.id.as_str();
        row.attempt(
            gateway,
            row::Means { options, own_image, helper, catalogue, own: &loaded.own, plan, count },
        )
        .await
    }
}

/// Whether the whole report is wanted whatever it says.
fn wants_report(options: &Options) -> Result<bool, Failure> {
    match options.target.as_deref() {
        None | Some("") => Ok(false),
        Some(target) if target.eq_ignore_ascii_case(REPORT) => Ok(true),
        Some(other) => Err(Failure::refused(format!(
            "a plan has no target `{other}`; it has `report`, and without a target it fails when a verdict is not the expected one"
        ))),
    }
}
