//! What of a product is built: the value of `--target`.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, listed, nearest};
use crate::model::step::Origin;
use crate::model::{Fragment, Product, StageBase, StageName};

/// The name of [`Target::Report`].
pub const REPORT: &str = "report";
/// The name of [`Target::Prewarm`].
pub const PREWARM: &str = "prewarm";

/// What is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The product's image.
    Product,
    /// A report on the product, whatever comes of it: `report`. What is built and tested is the product.
    Report,
    /// What of the product seldom changes, for filling caches: `prewarm`. That is every fragment but those in slots that the
    /// template calls volatile, and what is built on them. Nothing is tested.
    Prewarm,
    /// A fragment on what it is built on: `fragment/<fragment>`.
    Fragment(usize),
    /// A build-only stage of a fragment: `stage/<fragment>/<stage>`.
    Stage {
        /// The fragment's index in the product.
        fragment: usize,
        /// The stage.
        stage: StageName,
    },
}

impl Target {
    /// The target of this name; the product where none is given.
    ///
    /// # Errors
    /// A name that is no target, with the ones there are.
    pub fn choose(product: &Product, name: Option<&str>) -> Result<Self, Diagnostic> {
        let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(Self::Product) };
        let named = Self::all(product).into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, target)| target).ok_or_else(|| unknown(product, name))
    }

    /// All targets that have a name, with their names.
    #[must_use]
    pub fn all(product: &Product) -> Vec<(String, Self)> {
        let fragments = product.fragments.iter().enumerate();
        let alone = fragments
            .clone()
            .map(|(index, fragment)| (format!("fragment/{}", fragment.name.value()), Self::Fragment(index)));
        let stages = fragments.flat_map(|(index, fragment)| {
            fragment.stages.iter().map(move |stage| {
                let name = format!("stage/{}/{}", fragment.name.value(), stage.name.value());
                (name, Self::Stage { fragment: index, stage: stage.name.value().clone() })
            })
        });
        let whole = [(REPORT.to_owned(), Self::Report), (PREWARM.to_owned(), Self::Prewarm)];
        whole.into_iter().chain(alone).chain(stages).collect()
    }

    /// The names of the stages that no step and no other stage takes anything from: the product is built without them.
    #[must_use]
    pub fn idle_stages(product: &Product) -> Vec<String> {
        let idle = product.fragments.iter().flat_map(|fragment| {
            let used = used_stages(fragment);
            let idle = fragment.stages.iter().filter(move |stage| !used.contains(stage.name.value()));
            idle.map(|stage| format!("stage/{}/{}", fragment.name.value(), stage.name.value()))
        });
        idle.collect()
    }

    /// The target that is built for this one: a report is about the product.
    #[must_use]
    pub fn built(self) -> Self {
        match self {
            Self::Report => Self::Product,
            other => other,
        }
    }

    /// The fragments that take part, from the base upwards. For [`Target::Prewarm`] those that are left out are among them: what
    /// the product transfers and how it is put together follows from all of them.
    #[must_use]
    pub fn fragments(&self, product: &Product) -> Vec<usize> {
        match self {
            Self::Product | Self::Report | Self::Prewarm => (0..product.fragments.len()).collect(),
            Self::Fragment(fragment) | Self::Stage { fragment, .. } => {
                let mut all = product.composition.below(*fragment);
                all.push(*fragment);
                all
            }
        }
    }

    /// The fragments that take part without being built.
    pub(crate) fn left_out(&self, product: &Product) -> BTreeSet<usize> {
        let mut left_out = BTreeSet::new();
        if *self != Self::Prewarm {
            return left_out;
        }
        for (index, fragment) in product.fragments.iter().enumerate() {
            let slots = product.template.iter().flat_map(|template| &template.slots);
            let volatile =
                slots.filter(|slot| slot.volatile).any(|slot| slot.name.as_str() == fragment.name.as_str());
            if volatile || left_out.iter().any(|lower| product.composition.builds_on(index, *lower)) {
                left_out.insert(index);
            }
        }
        left_out
    }

    /// Whether the target is a stage of this fragment, whose own steps then do not run.
    pub(crate) fn is_stage_of(&self, index: usize) -> bool {
        self.stage_of(index).is_some()
    }

    /// The stage of this fragment that is the target.
    pub(crate) fn stage_of(&self, index: usize) -> Option<&StageName> {
        match self {
            Self::Stage { fragment, stage } if *fragment == index => Some(stage),
            _ => None,
        }
    }
}

fn used_stages(fragment: &Fragment) -> BTreeSet<&StageName> {
    let mut used = BTreeSet::new();
    for stage in &fragment.stages {
        used.extend(stage.base.literals().filter_map(|(base, _)| match base {
            StageBase::Stage(name) => Some(name),
            _ => None,
        }));
    }
    let steps = fragment.stages.iter().flat_map(|stage| &stage.steps).chain(&fragment.steps);
    for origin in steps.flat_map(|step| step.origins()) {
        used.extend(origin.literals().filter_map(|(origin, _)| match origin {
            Origin::Stage(name) => Some(name),
            _ => None,
        }));
    }
    used
}

fn unknown(product: &Product, name: &str) -> Diagnostic {
    let known: Vec<String> = Target::all(product).into_iter().map(|(name, _)| name).collect();
    let known = known.iter().map(String::as_str);
    let help = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}; without a target the product is built", listed(known)),
    };
    let message = format!("product `{}` has no target `{name}`", product.manifest.id.value());
    Diagnostic::error("unknown-target", product.manifest.id.place(), message).help(help)
}
