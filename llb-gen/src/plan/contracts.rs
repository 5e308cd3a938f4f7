//! Contracts of fragments: what the image config answers at once, and what has to be looked up in what was built.

use crate::diagnostic::{Diagnostic, Sink, listed, nearest};
use crate::image::ImageConfig;
use crate::model::{Bound, Contract, ContractKind, Fragment};
use crate::text::{Located, Place};

/// Contracts that are looked up in a built root, all of one fragment's side at once.
#[derive(Clone, Debug)]
pub(crate) struct PlannedProbe {
    pub(crate) side: ContractSide,
    /// The environment that commands are looked for, and asked for their version, in.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) contracts: Vec<Contract>,
    /// Where they are written.
    pub(crate) places: Vec<Place>,
}

/// Which end of a contract a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ContractSide {
    /// It needs it: before its steps.
    Requires,
    /// It promises it: after its steps.
    Provides,
}

impl ContractSide {
    /// The member that holds it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Requires => "requires",
            Self::Provides => "provides",
        }
    }
}

/// Judges what the image config of the moment says, and plans the probe for the rest.
pub(super) fn plan(
    fragment: &Fragment,
    side: ContractSide,
    image: &ImageConfig,
    sink: &mut Sink,
) -> Option<PlannedProbe> {
    let all = match side {
        ContractSide::Requires => &fragment.requires,
        ContractSide::Provides => &fragment.provides,
    };
    let (said, built): (Vec<_>, Vec<_>) =
        all.iter().partition(|one| matches!(one.value().kind(), ContractKind::Env | ContractKind::Port));
    for contract in said {
        let fault = match contract.value().kind() {
            ContractKind::Env => variable(contract.value(), image),
            _ => port(contract.value(), image),
        };
        sink.ok(fault.map_err(|reason| unmet(fragment, side, contract, reason)));
    }
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    (!built.is_empty()).then(|| PlannedProbe {
        side,
        env: image.environment().map(owned).collect(),
        contracts: built.iter().map(|one| one.value().clone()).collect(),
        places: built.iter().map(|one| one.place().clone()).collect(),
    })
}

/// Why a contract does not hold, and what may have been meant.
type Reason = (String, Option<String>);

fn variable(contract: &Contract, image: &ImageConfig) -> Result<(), Reason> {
    let wanted = contract.range().first().map(|Bound { version, .. }| version.as_str());
    match (image.env(contract.name()), wanted) {
        (None, _) => {
            let near = nearest(contract.name(), image.environment().map(|(name, _)| name));
            Err(("the image does not set it".to_owned(), near.map(str::to_owned)))
        }
        (Some(value), Some(wanted)) if value != wanted => Err((format!("it is `{value}`"), None)),
        _ => Ok(()),
    }
}

fn port(contract: &Contract, image: &ImageConfig) -> Result<(), Reason> {
    let wanted = contract.name().parse::<crate::model::Port>();
    let wanted: Vec<String> = wanted.map(|port| port.each().collect()).unwrap_or_default();
    match wanted.iter().find(|port| !image.exposes(port)) {
        None => Ok(()),
        Some(_) if image.ports().next().is_none() => Err(("the image exposes no port".to_owned(), None)),
        Some(_) => Err((format!("the image exposes {}", listed(image.ports())), None)),
    }
}

fn unmet(
    fragment: &Fragment,
    side: ContractSide,
    contract: &Located<Contract>,
    (reason, near): Reason,
) -> Diagnostic {
    let rule = match side {
        ContractSide::Requires => "unmet-requirement",
        ContractSide::Provides => "broken-promise",
    };
    let name = fragment.name.value();
    let message = format!("`{name}` {} {}, but {reason}", side.as_str(), contract.value());
    let fault = Diagnostic::error(rule, contract.place(), message);
    fault.maybe_help(near.map(|near| format!("did you mean `{near}`?")))
}
