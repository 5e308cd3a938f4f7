//! Requirements that nothing in the product is known to meet. What an image brings shows only when it is looked at, which the
//! build does.

use super::rules::UNPROVIDED_REQUIREMENT;
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Base, Contract, ContractKind, Product};

pub(super) fn check(product: &Product, taking_part: &[usize], found: &mut Vec<Diagnostic>) {
    let base = &product.manifest.base;
    let nothing_below =
        base.texts().next().is_none() && base.literals().all(|(base, _)| *base == Base::Scratch);
    for &index in taking_part {
        let below = product.composition.below(index);
        let promises =
            || below.iter().flat_map(|lower| &product.fragments[*lower].provides).map(|one| one.value());
        let fragment = &product.fragments[index];
        for required in fragment.requires.iter().filter(|one| looked_for(one.value())) {
            let wanted = required.value();
            if promises().any(|promise| wanted.is_about_the_same(promise)) {
                continue;
            }
            let kind = wanted.kind();
            let same_kind = promises().filter(|promise| promise.kind() == kind).map(Contract::name);
            let near = nearest(wanted.name(), same_kind);
            if near.is_none() && !nothing_below {
                continue;
            }
            let message =
                format!("`{}` requires {wanted}, which nothing below it provides", fragment.name.value());
            let finding = UNPROVIDED_REQUIREMENT.at(required.place(), message);
            found.push(match near {
                Some(near) => finding.help(format!("did you mean `{}:{near}`?", kind.as_str())),
                None => finding.help("let the fragment that brings it say so in its `provides`"),
            });
        }
    }
}

/// Variables and ports are found in `env` and `config` without a promise.
fn looked_for(contract: &Contract) -> bool {
    !matches!(contract.kind(), ContractKind::Env | ContractKind::Port)
}
