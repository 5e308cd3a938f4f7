//! Sorting, in one small function for all: each use of the standard library's costs several kilobytes.

use alloc::vec::Vec;
use core::cmp::Ordering;

/// The items in order, equal ones as they were.
pub(super) fn sorted<T: Clone>(items: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    order(items.len(), &|a, b| compare(&items[a], &items[b]))
        .into_iter()
        .map(|at| items[at].clone())
        .collect()
}

/// The places of so many things in order, equal ones as they were: merge sort from below.
fn order(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut runs: Vec<usize> = (0..count).collect();
    let mut length = 1;
    while length < count {
        let mut longer = Vec::with_capacity(count);
        for pair in runs.chunks(2 * length) {
            let (mut left, mut right) = pair.split_at(length.min(pair.len()));
            while let (Some(&a), Some(&b)) = (left.first(), right.first()) {
                let is_right = compare(a, b).is_gt();
                longer.push(if is_right { b } else { a });
                let taken = if is_right { &mut right } else { &mut left };
                *taken = &taken[1..];
            }
            longer.extend_from_slice(left);
            longer.extend_from_slice(right);
        }
        runs = longer;
        length *= 2;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_a_stable_sort() {
        for count in 0..70u32 {
            let items: Vec<(u32, u32)> = (0..count).map(|at| (at * 7919 % 13, at)).collect();
            let mut expected = items.clone();
            expected.sort_by_key(|item| item.0);
            assert_eq!(sorted(&items, |a, b| a.0.cmp(&b.0)), expected);
        }
    }
}
