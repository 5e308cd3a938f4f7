//! Pairwise reduction: few rows in which every two values of different axes meet.
//!
//! Greedy and deterministic. The first pair that no row has yet begins a row; the other axes take, one after the other, the
//! value that meets the most such pairs. Where an exclusion is in the way the search goes back; a pair that no allowed row
//! holds is left out.

use std::collections::BTreeSet;

use super::partial::Mask;

/// Steps that the search for one row may take before it gives up. Without exclusions it takes one for each axis.
const MOST_STEPS: usize = 20_000;

/// Why there are no rows: exclusions contradict each other in ways that take too long to see through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entangled;

/// A value of an axis: which axis, and which of its values.
type At = (usize, usize);

/// The rows, in the order in which they were found.
///
/// # Errors
/// [`Entangled`].
pub(super) fn rows(axes: &[Vec<usize>], excluded: &[Mask]) -> Result<Vec<Vec<usize>>, Entangled> {
    let mut left = pairs(axes);
    let mut rows = Vec::new();
    while let Some(pair) = left.first().copied() {
        let mut search = Search { axes, excluded, left: &left, steps: 0 };
        match search.row(pair)? {
            Some(row) => {
                cover(&row, &mut left);
                rows.push(row);
            }
            None => {
                left.remove(&pair);
            }
        }
    }
    Ok(rows)
}

/// How many pairs the axes have.
pub(super) fn count(axes: &[Vec<usize>]) -> usize {
    let sizes: Vec<usize> = axes.iter().map(Vec::len).collect();
    let after = |at: usize| sizes[at + 1..].iter().sum::<usize>();
    sizes.iter().enumerate().fold(0, |sum, (at, size)| sum.saturating_add(size.saturating_mul(after(at))))
}

fn pairs(axes: &[Vec<usize>]) -> BTreeSet<(At, At)> {
    let mut pairs = BTreeSet::new();
    for (first, values) in axes.iter().enumerate() {
        for (second, others) in axes.iter().enumerate().skip(first + 1) {
            for value in values {
                pairs.extend(others.iter().map(|other| ((first, *value), (second, *other))));
            }
        }
    }
    pairs
}

fn cover(row: &[usize], left: &mut BTreeSet<(At, At)>) {
    for (first, value) in row.iter().enumerate() {
        for (second, other) in row.iter().enumerate().skip(first + 1) {
            left.remove(&((first, *value), (second, *other)));
        }
    }
}

struct Search<'s> {
    axes: &'s [Vec<usize>],
    excluded: &'s [Mask],
    left: &'s BTreeSet<(At, At)>,
    steps: usize,
}

impl Search<'_> {
    /// A row that holds `pair`, where one is allowed.
    fn row(&mut self, pair: (At, At)) -> Result<Option<Vec<usize>>, Entangled> {
        let mut row = vec![None; self.axes.len()];
        for (axis, value) in [pair.0, pair.1] {
            row[axis] = Some(value);
        }
        match self.allowed(&row) && self.complete(&mut row)? {
            true => Ok(Some(row.into_iter().flatten().collect())),
            false => Ok(None),
        }
    }

    /// Gives every open axis a value; whether that was possible.
    fn complete(&mut self, row: &mut [Option<usize>]) -> Result<bool, Entangled> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(Entangled);
        }
        let Some(axis) = row.iter().position(Option::is_none) else { return Ok(true) };
        let mut candidates: Vec<(usize, usize)> =
            self.axes[axis].iter().map(|value| (self.gain(row, (axis, *value)), *value)).collect();
        candidates.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        for (_, value) in candidates {
            row[axis] = Some(value);
            if self.allowed(row) && self.complete(row)? {
                return Ok(true);
            }
        }
        row[axis] = None;
        Ok(false)
    }

    /// How many new pairs a value makes with those that are chosen.
    fn gain(&self, row: &[Option<usize>], at: At) -> usize {
        let chosen = row.iter().enumerate().filter_map(|(axis, value)| Some((axis, (*value)?)));
        chosen.filter(|other| self.left.contains(&(at.min(*other), at.max(*other)))).count()
    }

    fn allowed(&self, row: &[Option<usize>]) -> bool {
        !self.excluded.iter().any(|mask| mask.matches_partly(row))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn axes(sizes: &[usize]) -> Vec<Vec<usize>> {
        sizes.iter().map(|size| (0..*size).collect()).collect()
    }

    #[test]
    fn ten_thousand_combinations_become_few() {
        let rows = rows(&axes(&[10, 10, 10, 10]), &[]).unwrap();
        assert!((100..=200).contains(&rows.len()), "{} rows", rows.len());
    }

    #[test]
    fn a_pair_that_is_excluded_does_not_come_back() {
        let axes = axes(&[2, 2, 2]);
        let excluded = [Mask(vec![Some(vec![0]), Some(vec![0]), None])];
        let rows = rows(&axes, &excluded).unwrap();
        assert!(rows.iter().all(|row| !(row[0] == 0 && row[1] == 0)), "{rows:?}");
        let mut left = pairs(&axes);
        rows.iter().for_each(|row| cover(row, &mut left));
        assert_eq!(left, BTreeSet::from([((0, 0), (1, 0))]));
    }

    proptest! {
        #[test]
        fn every_pair_is_in_a_row_and_never_more_rows_than_combinations(
            sizes in prop::collection::vec(1usize..6, 2..6)
        ) {
            let axes = axes(&sizes);
            let rows = rows(&axes, &[]).unwrap();
            let mut left = pairs(&axes);
            rows.iter().for_each(|row| cover(row, &mut left));
            prop_assert!(left.is_empty(), "{left:?}");
            prop_assert!(rows.len() <= sizes.iter().product());
            prop_assert_eq!(super::rows(&axes, &[]).unwrap(), rows);
        }

        #[test]
        fn what_exclusions_leave_possible_is_met(
            sizes in prop::collection::vec(1usize..4, 2..5),
            picks in prop::collection::vec((0usize..4, 0usize..4, 0usize..4, 0usize..4), 0..4)
        ) {
            let axes = axes(&sizes);
            let mask = |(a, x, b, y): &(usize, usize, usize, usize)| {
                let mut mask = Mask(vec![None; sizes.len()]);
                mask.0[a % sizes.len()] = Some(vec![x % sizes[a % sizes.len()]]);
                mask.0[b % sizes.len()] = Some(vec![y % sizes[b % sizes.len()]]);
                mask
            };
            let excluded: Vec<Mask> = picks.iter().map(mask).collect();
            let found = rows(&axes, &excluded).unwrap();
            prop_assert!(found.iter().all(|row| !excluded.iter().any(|mask| mask.matches(row))));
            let mut left = pairs(&axes);
            found.iter().for_each(|row| cover(row, &mut left));
            let all = crate::matrix::expand::product(&axes);
            let allowed = all.iter().filter(|row| !excluded.iter().any(|mask| mask.matches(row)));
            let mut possible = BTreeSet::new();
            for row in allowed {
                let mut own = pairs(&axes);
                cover(row, &mut own);
                possible.extend(pairs(&axes).difference(&own).copied());
            }
            prop_assert!(left.is_disjoint(&possible), "{left:?}");
        }
    }
}
