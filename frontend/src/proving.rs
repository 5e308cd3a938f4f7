//! What is known of the products of a build once their tests have run, and what follows: the gate, and the attestations.

use futures_util::future::{try_join, try_join_all};
use llb_gen::model::Platform;

use crate::attesting::{Attested, attest};
use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::gateway::{Attestation, Gateway};
use crate::identity::identify;
use crate::judging::{self, Judged, gate::gate, shown};
use crate::options::{Attest, Gate, Options};
use crate::own_helper::Helper;
use crate::planning::PlannedPlatform;
use crate::platforms;
use crate::record::{RecordInputs, record};

/// What products are judged with.
#[derive(Debug, Clone, Copy)]
pub struct Prover<'b, G> {
    /// BuildKit.
    pub gateway: &'b G,
    /// What was asked for.
    pub options: &'b Options,
    /// Where fragments are from.
    pub catalogue: &'b Catalogue,
    /// The daemon's platform.
    pub own: &'b Platform,
    /// The helper that judges.
    pub helper: &'b Helper,
}

/// What is known of one platform's product.
#[derive(Debug)]
pub struct Proof {
    /// What its tests say.
    pub judged: Judged,
    /// Who it is, where that will be attested.
    identity: Option<RecordInputs>,
}

impl<G: Gateway> Prover<'_, G> {
    /// Runs the tests of all platforms and finds out meanwhile what will be attested.
    ///
    /// # Errors
    /// Where tests leave no verdicts, and BuildKit's own.
    pub async fn prove(&self, planned: &[PlannedPlatform]) -> Result<Vec<Proof>, Failure> {
        let lowered: Vec<_> = planned.iter().map(|one| &one.lowered).collect();
        let judged = async { Ok(judging::judge_all(self.gateway, self.options, &lowered).await?) };
        let identities = try_join_all(planned.iter().map(|one| self.identity(one)));
        let (judged, identities) = try_join(judged, identities).await?;
        let both = judged.into_iter().zip(identities);
        Ok(both.map(|(judged, identity)| Proof { judged, identity }).collect())
    }

    /// Who a product is: nothing for one without tests, and where nothing is attested anyway.
    async fn identity(&self, planned: &PlannedPlatform) -> Result<Option<RecordInputs>, Failure> {
        if self.options.attest == Attest::Nothing || self.options.target.is_some() || !planned.has_tests() {
            return Ok(None);
        }
        identify(self.gateway, self.options, self.catalogue, self.own, planned, self.helper).await.map(Some)
    }

    /// The attestations of each platform's image, after the gate has let them pass.
    ///
    /// # Errors
    /// [`Failure::Tests`] and [`Failure::Untested`], and BuildKit's own.
    pub async fn release(
        &self,
        planned: &[PlannedPlatform],
        proofs: &[Proof],
    ) -> Result<Vec<Vec<Attestation>>, Failure> {
        let both: Vec<_> = planned.iter().zip(proofs.iter().map(|proof| &proof.judged)).collect();
        match (gate(&both, planned.len() > 1), self.options.gate) {
            (Err(Failure::Tests(_)), Gate::Open) | (Ok(()), _) => {}
            (Err(refused), _) => return Err(refused),
        }
        let naming = platforms::naming(&planned.iter().map(|one| one.platform.clone()).collect::<Vec<_>>());
        let attested = planned.iter().zip(proofs).map(|(one, proof)| async move {
            let Some(identity) = &proof.identity else { return Ok(Vec::new()) };
            let record = record(identity, &proof.judged, proof.judged.verdict(identity.limits.as_ref()));
            let evidence = shown::log(&record.build_id, &proof.judged);
            let attested = Attested { record: &record, manifest: &one.manifest, evidence: &evidence, naming };
            attest(self.gateway, self.options, &attested).await
        });
        Ok(try_join_all(attested).await?)
    }
}
