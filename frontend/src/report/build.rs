//! The target `report`: every platform's attempt, and one tree of all of them.

use futures_util::future::{join_all, try_join_all};
use llb_gen::llb::State;
use llb_gen::model::Platform;
use llb_gen::request::Naming;

use super::{Attempt, Reported, attempt, log_limit, result};
use crate::attesting::{Attested, attest};
use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::gateway::{BuildResult, Gateway};
use crate::identity::identify;
use crate::options::{Attest, Options};
use crate::own_files::{self, Named};
use crate::own_helper::Helper;
use crate::planning::PlannedPlatform;
use crate::result::refs_platforms;
use crate::status::Status;

/// What a report is made with.
#[derive(Debug, Clone, Copy)]
pub struct Workshop<'b> {
    /// What was asked for.
    pub options: &'b Options,
    /// The frontend's own image.
    pub own_image: Option<&'b State>,
    /// The helper in it.
    pub helper: &'b Helper,
    /// The catalogue.
    pub catalogue: &'b Catalogue,
    /// The daemon's own platform.
    pub own: &'b Platform,
}

impl Workshop<'_> {
    /// The report on a product on all its platforms.
    ///
    /// # Errors
    /// Files that steps name and that are not there, and what keeps BuildKit from giving any result. What becomes of the
    /// product is no error.
    pub async fn report<G: Gateway>(
        &self,
        gateway: &G,
        platforms: &[PlannedPlatform],
    ) -> Result<BuildResult, Failure> {
        let named: Vec<Named<'_>> = platforms.iter().flat_map(PlannedPlatform::named_files).collect();
        own_files::sound(gateway, self.options, self.catalogue, &named).await?;
        let reported = self.attempts(gateway, platforms).await?;
        let built = result(gateway, self.options, &reported, &[]).await?;
        Ok(self.attested(gateway, platforms, &reported, built).await?)
    }

    /// The result with what is attested of the product on its only platform: on several, the one filesystem is nobody's.
    async fn attested<G: Gateway>(
        &self,
        gateway: &G,
        platforms: &[PlannedPlatform],
        reported: &[Reported],
        mut built: BuildResult,
    ) -> Result<BuildResult, Status> {
        let ([planned], [one]) = (platforms, reported) else { return Ok(built) };
        if self.options.attest == Attest::Nothing || !planned.has_tests() {
            return Ok(built);
        }
        let evidence = String::from_utf8_lossy(&one.log);
        let attested = Attested {
            record: &one.record,
            manifest: &planned.manifest,
            evidence: &evidence,
            naming: Naming::Plain,
        };
        let attestations = attest(gateway, self.options, &attested).await?;
        built.attestations.insert(planned.platform.to_string(), attestations);
        let platforms = refs_platforms(std::iter::once(&planned.platform));
        built.metadata.insert("refs.platforms".to_owned(), platforms);
        Ok(built)
    }

    async fn attempts<G: Gateway>(
        &self,
        gateway: &G,
        platforms: &[PlannedPlatform],
    ) -> Result<Vec<Reported>, Failure> {
        let Self { options, own_image, helper, catalogue, own } = *self;
        let inputs = platforms.iter().map(|one| identify(gateway, options, catalogue, own, one, helper));
        let inputs = try_join_all(inputs).await?;
        let log_limit = log_limit(platforms.len());
        let attempts = platforms.iter().zip(&inputs).map(|(planned, inputs)| {
            let lowered = &planned.lowered;
            attempt(gateway, Attempt { options, own_image, lowered, inputs, log_limit })
        });
        Ok(join_all(attempts).await)
    }
}
