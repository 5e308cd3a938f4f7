//! From combinations to products: a manifest with some of its members replaced is checked like any other.

use std::collections::{BTreeMap, BTreeSet};

use super::{AxisName, AxisValue, Combination, Plan};
use crate::check::{CatalogueEntry, FileState};
use crate::diagnostic::{Diagnostic, Diagnostics, Sink, Warnings, listed, nearest};
use crate::model::{ArgName, FragmentName, Platform, Product, Value, Version};
use crate::parse::RawManifest;
use crate::parse::raw::arg::RawArg;
use crate::parse::raw::manifest::RawSelections;
use crate::parse::raw::short::Scalar;
use crate::text::{Located, Place};

impl Combination {
    /// The manifest of this combination: what an axis names is as the plan says, and said to be written there.
    pub(super) fn over(&self, manifest: &RawManifest) -> RawManifest {
        let mut manifest = manifest.clone();
        for (name, value) in &self.values {
            replace(&mut manifest, name, value);
        }
        manifest
    }
}

fn replace(manifest: &mut RawManifest, name: &Located<AxisName>, value: &Located<AxisValue>) {
    let raw = &mut manifest.raw;
    match (name.value(), value.value()) {
        (AxisName::Slot(slot), AxisValue::Version(version)) => {
            let version = Located::new(version.clone(), value.place().clone());
            select(&mut raw.fragments, slot, version);
        }
        (_, AxisValue::Accelerator(accelerator)) => raw.accelerator.0 = *accelerator,
        (_, AxisValue::Base(base)) => raw.base = Value::literal(base.clone(), value.place().clone()),
        (AxisName::Arg(arg), AxisValue::Text(text)) => {
            let arg = Located::new(arg.clone(), name.place().clone());
            argument(manifest, arg, text, value.place());
        }
        // The platform is a matter of the request.
        _ => {}
    }
}

fn select(fragments: &mut RawSelections, slot: &FragmentName, version: Located<Version>) {
    let selected = match fragments {
        RawSelections::Slots(map, _) => {
            map.0.iter_mut().find(|(name, _)| name.value() == slot).map(|(_, version)| version)
        }
        RawSelections::Chain(list, _) => {
            list.iter_mut().find(|one| one.name.value() == slot).map(|one| &mut one.version)
        }
    };
    if let Some(selected) = selected {
        *selected = version;
    }
}

/// Gives an argument its value; what the manifest declares of it besides stays.
fn argument(manifest: &mut RawManifest, name: Located<ArgName>, text: &str, place: &Place) {
    let value = Scalar(Value::literal(text.to_owned(), place.clone()));
    let args = &mut manifest.raw.args.0.get_or_insert_default().0;
    match args.iter_mut().find(|(known, _)| known.value() == name.value()) {
        Some((_, RawArg::Declared(declared))) => declared.default = Some(value),
        Some((_, default)) => *default = RawArg::Default(value, place.clone()),
        None => args.push((name, RawArg::Default(value, place.clone()))),
    }
}

impl Plan {
    /// The files of the catalogue that any of the combinations needs, each once.
    #[must_use]
    pub fn catalogue(&self, manifest: &RawManifest) -> Vec<CatalogueEntry> {
        let mut seen = BTreeSet::new();
        let manifests = self.combinations.iter().map(|one| one.over(manifest));
        let entries = manifests.flat_map(|one| one.catalogue());
        entries.filter(|entry| seen.insert(entry.path.clone())).collect()
    }

    /// The products of the combinations, in their order.
    ///
    /// # Errors
    /// Axes that the manifest does not have, and every fault of every file that any combination needs.
    pub fn products(
        &self,
        manifest: &RawManifest,
        files: &BTreeMap<String, FileState>,
    ) -> Result<(Vec<Product>, Warnings), Diagnostics> {
        let mut sink = Sink::default();
        self.slots(manifest, &mut sink);
        self.supported(manifest, &mut sink);
        let mut products = Vec::with_capacity(self.combinations.len());
        for combination in &self.combinations {
            match Product::check(combination.over(manifest), files) {
                Ok((product, warnings)) => {
                    products.push(product);
                    warnings.into_iter().for_each(|warning| sink.push(warning));
                }
                Err(faults) => sink.extend(faults),
            }
        }
        if products.len() == self.combinations.len() {
            self.arguments(manifest, &products, &mut sink);
        }
        sink.finish(Some(products))
    }

    /// Reports axes that are no slots of the manifest.
    fn slots(&self, manifest: &RawManifest, sink: &mut Sink) {
        let slots = slots(manifest);
        for axis in &self.axes {
            let AxisName::Slot(name) = axis.value() else { continue };
            if !slots.contains(&name.as_str()) {
                let known = slots.iter().copied().chain(AxisName::RESERVED);
                sink.push(unknown(axis, manifest, known));
            }
        }
    }

    /// Reports arguments that neither the manifest nor anything that a combination selects knows.
    fn arguments(&self, manifest: &RawManifest, products: &[Product], sink: &mut Sink) {
        let own = manifest.raw.args.0.iter().flat_map(|args| args.0.iter().map(|(name, _)| name.as_str()));
        let templates = products.iter().filter_map(|product| product.template.as_ref());
        let declared = templates.flat_map(|template| &template.args).chain(
            products.iter().flat_map(|product| &product.fragments).flat_map(|fragment| &fragment.args),
        );
        let known: BTreeSet<String> = crate::ordered::ordered(
            own.chain(declared.map(|arg| arg.name.as_str())).map(|name| format!("args.{name}")),
        );
        for axis in &self.axes {
            if matches!(axis.value(), AxisName::Arg(_)) && !known.contains(&axis.value().to_string()) {
                sink.push(unknown(axis, manifest, known.iter().map(String::as_str)));
            }
        }
    }

    /// Reports platforms that the manifest does not support.
    fn supported(&self, manifest: &RawManifest, sink: &mut Sink) {
        let Some(supported) = &manifest.raw.platforms.0 else { return };
        let known = |platform: &Platform| supported.value().iter().any(|one| one.value() == platform);
        let names: Vec<String> = supported.value().iter().map(|one| one.value().to_string()).collect();
        let axis = self.combinations.iter().flat_map(|one| &one.values).filter_map(|(_, value)| match value
            .value()
        {
            AxisValue::Platform(platform) => Some((platform, value.place())),
            _ => None,
        });
        let member = self.platforms.iter().map(|one| (one.value(), one.place()));
        for (platform, place) in axis.chain(member).filter(|(platform, _)| !known(platform)) {
            let id = self.manifest.value();
            let message = format!("product `{id}` does not support platform `{platform}`");
            let fault = Diagnostic::error("unsupported-platform", place, message);
            sink.push(fault.expecting(listed(names.iter().map(String::as_str))));
        }
    }
}

fn slots(manifest: &RawManifest) -> Vec<&str> {
    match &manifest.raw.fragments {
        RawSelections::Slots(map, _) => map.0.iter().map(|(name, _)| name.as_str()).collect(),
        RawSelections::Chain(list, _) => list.iter().map(|one| one.name.as_str()).collect(),
    }
}

fn unknown<'k>(
    axis: &Located<AxisName>,
    manifest: &RawManifest,
    known: impl Iterator<Item = &'k str> + Clone,
) -> Diagnostic {
    let written = axis.value().to_string();
    let help = match nearest(&written, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", listed(known)),
    };
    let message =
        format!("manifest `{}` has nothing that axis `{written}` could vary", manifest.raw.id.value());
    Diagnostic::error("unknown-axis", axis.place(), message).help(help)
}
