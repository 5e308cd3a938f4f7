//! The image config as each fragment finds it: that of the base and of what the fragment is built on, whatever else is in
//! the product.

use std::collections::BTreeMap;

use super::config::{self, ConfigChange};
use crate::diagnostic::Sink;
use crate::image::ImageConfig;
use crate::model::{Environments, Level, Product};
use crate::target::Target;

/// An image config, and the shell of `run` text.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) image: ImageConfig,
    pub(super) shell: Vec<String>,
}

/// Views of the fragments of a product, from the base upwards.
pub(super) struct Views<'p> {
    product: &'p Product,
    pub(super) levels: &'p Environments,
    base: View,
    /// Over all fragments so far: what becomes the image.
    image: View,
    /// After each fragment, as those that are built on it find it; where no fragment stands apart nobody asks.
    after: BTreeMap<usize, View>,
}

/// One fragment's views.
pub(super) struct Step {
    /// What it finds.
    pub(super) below: View,
    /// With its own config.
    pub(super) own: View,
    /// What it changes in the image.
    pub(super) change: ConfigChange,
}

impl<'p> Views<'p> {
    pub(super) fn new(product: &'p Product, levels: &'p Environments, base: View) -> Self {
        Self { product, levels, image: base.clone(), base, after: BTreeMap::new() }
    }

    /// Goes on to the fragment `index`; those that it is built on have been gone through.
    pub(super) fn climb(&mut self, index: usize, sink: &mut Sink) -> Step {
        let product = self.product;
        let link = product.composition.is_link(index);
        let below = if link { self.image.clone() } else { self.below(index, sink) };
        let change = change(product, index, &self.levels.fragments[index], &mut self.image, sink);
        if link {
            if product.composition.isolates(product.fragments.len()) {
                self.after.insert(index, self.image.clone());
            }
            return Step { below, own: self.image.clone(), change };
        }
        let mut own = below.clone();
        self::change(product, index, self.levels.of_steps(index), &mut own, sink);
        self.after.insert(index, own.clone());
        Step { below, own, change }
    }

    /// What a fragment finds that does not find everything.
    fn below(&self, index: usize, sink: &mut Sink) -> View {
        let below = self.product.composition.below(index);
        let Some((last, rest)) = below.split_last() else { return self.base.clone() };
        if self.product.composition.below(*last) == rest
            && let Some(view) = self.after.get(last)
        {
            return view.clone();
        }
        let mut view = self.base.clone();
        for &one in &below {
            change(self.product, one, self.levels.of_steps(one), &mut view, sink);
        }
        // Each of them was evaluated by itself; a variable that several extend (`PATH`) holds what all of them add.
        for (name, value) in self.levels.apart.get(&index).iter().flat_map(|apart| &apart.below) {
            view.image.set_env(name, value);
        }
        view
    }

    /// The config of what is built: of everything, or of one fragment with what it is built on.
    pub(super) fn finish(mut self, target: &Target) -> View {
        match target {
            Target::Fragment(index) => self.after.remove(index).unwrap_or(self.image),
            Target::Product | Target::Report | Target::Prewarm | Target::Stage { .. } => self.image,
        }
    }
}

fn change(product: &Product, index: usize, level: &Level, view: &mut View, sink: &mut Sink) -> ConfigChange {
    let fragment = &product.fragments[index];
    if let Some(own) = sink.ok(config::own_shell(&fragment.config, level)).flatten() {
        view.shell = own;
    }
    config::apply(&fragment.config, level, &view.shell, &mut view.image, sink)
}
