//! Probes: what fragments require and provide, looked up in what was built.

use serde::Serialize;

use super::about::{About, internal};
use super::exec::{EVIDENCE, evidence};
use super::helper::json;
use super::{LowerError, Lowering};
use crate::llb::{Access, Copy, FileOp, State};
use crate::model::{Bound, Contract};
use crate::plan::PlannedFragment;
use crate::plan::contracts::{ContractSide, PlannedProbe};

#[derive(Serialize)]
struct Probe<'a> {
    fragment: String,
    side: &'a str,
    contracts: Vec<ProbedContract<'a>>,
}

#[derive(Serialize)]
struct ProbedContract<'a> {
    text: String,
    kind: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    range: Vec<ProbedBound<'a>>,
}

#[derive(Serialize)]
struct ProbedBound<'a> {
    op: &'a str,
    version: &'a str,
}

impl<'a> From<&'a Contract> for ProbedContract<'a> {
    fn from(contract: &'a Contract) -> Self {
        let bound = |bound: &'a Bound| ProbedBound { op: bound.relation.as_str(), version: &bound.version };
        Self {
            text: contract.to_string(),
            kind: contract.kind().as_str(),
            name: contract.name(),
            range: contract.range().iter().map(bound).collect(),
        }
    }
}

impl Lowering<'_> {
    /// Looks up what the fragment requires in `below` and what it provides in `above`.
    pub(super) fn probe(
        &mut self,
        fragment: &PlannedFragment,
        below: &State,
        above: &State,
    ) -> Result<(), LowerError> {
        for probe in &fragment.probes {
            let root = match probe.side {
                ContractSide::Requires => below,
                ContractSide::Provides => above,
            };
            let result = self.probed(fragment, probe, root)?;
            self.probes.push(result);
        }
        Ok(())
    }

    fn probed(
        &self,
        fragment: &PlannedFragment,
        probe: &PlannedProbe,
        root: &State,
    ) -> Result<State, LowerError> {
        let side = probe.side.as_str();
        let contracts = probe.contracts.iter().map(Into::into).collect();
        let config = Probe { fragment: super::label(fragment), side, contracts };
        let exec = self.helper("probe", &fragment.name)?.env("FACTORY_PROBE", &json(&config));
        let exec = probe.env.iter().fold(exec, |exec, (name, value)| exec.env(name, value));
        let exec = exec.root(root).root_access(Access::ReadOnly).mount(evidence());
        let about = About::fragment(self.plan.request, fragment);
        Ok(exec.meta(about.at(&probe.places, &format!("check what it {side}"))).run().mount(EVIDENCE))
    }

    /// One filesystem that depends on every probe.
    pub(super) fn checks(&self) -> State {
        let copies = self.probes.iter().enumerate().map(|(at, probe)| {
            Copy::new(probe, "/probe.json", format!("/{at}.json")).timestamp(self.timestamp())
        });
        let op = copies.fold(FileOp::on(&State::scratch()), FileOp::copy);
        op.meta(internal(self.plan.request, "contracts")).state()
    }
}
