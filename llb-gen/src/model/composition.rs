//! Which fragments a fragment is built on, and so how a product is put together.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use super::fragment::Fragment;
use super::name::FragmentName;
use crate::ordered::ordered;

/// What every fragment of a product is built on, all the way down. Fragments are named by their index in slot order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Composition {
    below: Vec<Below>,
}

/// What is below one fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Below {
    /// Everything before it: a link of the chain.
    Everything,
    /// These fragments alone.
    Only(BTreeSet<usize>),
}

impl Composition {
    /// The composition of fragments in slot order. Names in `builds_on` that are not below a fragment count for nothing
    /// (the check refuses them).
    #[must_use]
    pub fn of<F: Borrow<Fragment>>(fragments: &[F]) -> Self {
        let mut composition = Self::default();
        let by_name: BTreeMap<&FragmentName, usize> =
            ordered(fragments.iter().enumerate().map(|(index, one)| (one.borrow().name.value(), index)));
        for (index, fragment) in fragments.iter().map(Borrow::borrow).enumerate() {
            let below = match &fragment.builds_on {
                None => Below::Everything,
                Some(names) => {
                    let named = names.iter().filter_map(|name| by_name.get(name.value()).copied());
                    composition.closure(index, named.filter(|below| *below < index))
                }
            };
            composition.below.push(below);
        }
        composition
    }

    fn closure(&self, index: usize, named: impl Iterator<Item = usize>) -> Below {
        let mut all = BTreeSet::new();
        for one in named {
            all.insert(one);
            match &self.below[one] {
                Below::Everything => all.extend(0..one),
                Below::Only(below) => all.extend(below),
            }
        }
        if all.len() == index { Below::Everything } else { Below::Only(all) }
    }

    /// The fragments that this one is built on, in slot order.
    #[must_use]
    pub fn below(&self, index: usize) -> Vec<usize> {
        match self.below.get(index) {
            Some(Below::Only(below)) => below.iter().copied().collect(),
            Some(Below::Everything) | None => (0..index).collect(),
        }
    }

    /// Whether `index` is built on everything before it.
    #[must_use]
    pub fn is_link(&self, index: usize) -> bool {
        !matches!(self.below.get(index), Some(Below::Only(_)))
    }

    /// Whether `upper` is built on `lower`.
    #[must_use]
    pub fn builds_on(&self, upper: usize, lower: usize) -> bool {
        match self.below.get(upper) {
            Some(Below::Only(below)) => below.contains(&lower),
            Some(Below::Everything) => lower < upper,
            None => false,
        }
    }

    /// Whether one of the first `count` fragments is not built on everything before it.
    #[must_use]
    pub fn isolates(&self, count: usize) -> bool {
        (0..count.min(self.below.len())).any(|index| !self.is_link(index))
    }

    /// Whether each of these fragments (in slot order) is built on all those before it, so that the last one's result holds
    /// them all and nothing has to be merged.
    #[must_use]
    pub fn is_chain(&self, fragments: &[usize]) -> bool {
        let ordered_set: BTreeSet<usize> = ordered(fragments.iter().copied());
        fragments.iter().enumerate().all(|(at, &fragment)| match &self.below[fragment] {
            Below::Only(below) => below.len() == at && below.is_subset(&ordered_set),
            Below::Everything => fragment == at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composition(below: &[Option<&[usize]>]) -> Composition {
        let mut composition = Composition::default();
        for (index, one) in below.iter().enumerate() {
            let next = match one {
                None => Below::Everything,
                Some(named) => composition.closure(index, named.iter().copied()),
            };
            composition.below.push(next);
        }
        composition
    }

    #[test]
    fn what_is_below_is_all_that_is_named_and_what_that_is_built_on() {
        // 0 ← 1 ← 3, 2 apart, 4 on 2, 5 a link.
        let all = composition(&[Some(&[]), Some(&[0]), Some(&[]), Some(&[1]), Some(&[2]), None]);
        assert_eq!(all.below(3), [0, 1]);
        assert_eq!(all.below(4), [2]);
        assert_eq!(all.below(5), [0, 1, 2, 3, 4]);
        assert!(all.builds_on(3, 0) && !all.builds_on(4, 0) && all.builds_on(5, 4));
        assert!(all.isolates(3) && !all.isolates(2), "two fragments that are one on the other are a chain");
    }

    #[test]
    fn a_chain_needs_no_merge() {
        let all = composition(&[Some(&[]), Some(&[0]), Some(&[]), Some(&[0, 1]), Some(&[2])]);
        assert!(all.is_chain(&[]) && all.is_chain(&[0, 1]) && all.is_chain(&[2]) && all.is_chain(&[2, 4]));
        assert!(all.is_chain(&[0, 1, 3]));
        assert!(!all.is_chain(&[0, 2]) && !all.is_chain(&[0, 1, 2]));
        let links = composition(&[None, None, None]);
        assert!(links.is_chain(&[0, 1, 2]) && !links.isolates(3));
    }
}
