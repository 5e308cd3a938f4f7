//! Which number is next.

/// Numbers from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// The smallest.
    pub(super) first: u32,
    /// The largest.
    pub(super) last: u32,
}

/// From which end of a range numbers are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// People: each number is above those that were given before.
    Up,
    /// System accounts: each is below.
    Down,
}

impl Range {
    /// The next free number: the one beyond all that are in use, so that none comes back that has been given up, and the
    /// nearest gap where the range ends there. None: every number is in use.
    pub(super) fn next(self, direction: Direction, used: &[u32]) -> Option<u32> {
        if self.first > self.last {
            return None;
        }
        let within = used.iter().filter(|id| (self.first..=self.last).contains(id));
        let beyond = match direction {
            Direction::Up => within.max().map_or(Some(self.first), |last| last.checked_add(1)),
            Direction::Down => within.min().map_or(Some(self.last), |first| first.checked_sub(1)),
        };
        beyond.filter(|id| (self.first..=self.last).contains(id)).or_else(|| self.gap(direction, used))
    }

    fn gap(self, direction: Direction, used: &[u32]) -> Option<u32> {
        let mut all = self.first..=self.last;
        let is_free = |id: &u32| !used.contains(id);
        match direction {
            Direction::Up => all.find(is_free),
            Direction::Down => all.rfind(is_free),
        }
    }
}

/// Blocks of subordinate numbers (subuid(5)): where they may lie and how long each is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocks {
    /// Where they may lie.
    pub(super) range: Range,
    /// The numbers in a block; zero: nobody gets one.
    pub(super) count: u32,
}

impl Blocks {
    /// The beginning of the first gap that a block fits into, given the beginnings and lengths of those in use.
    pub(super) fn next(self, used: &[(u32, u32)]) -> Option<u32> {
        let count = u64::from(self.count);
        let used =
            || used.iter().map(|(start, length)| (u64::from(*start), u64::from(*start) + u64::from(*length)));
        let mut low = u64::from(self.range.first);
        // Each block in the way moves the gap beyond its end, so this ends.
        while let Some((_, end)) = used().find(|(start, end)| *start < low + count && *end > low) {
            low = end;
        }
        let fits = low + count <= u64::from(self.range.last) + 1;
        u32::try_from(low).ok().filter(|_| fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Down, Up};

    #[test]
    fn numbers_are_those_that_useradd_chooses() {
        let (people, system) = (Range { first: 1000, last: 60000 }, Range { first: 101, last: 999 });
        for (range, direction, used, expected) in [
            (people, Up, &[0, 999, 65534][..], Some(1000)),
            (people, Up, &[1000], Some(1001)),
            (people, Up, &[1000, 1005], Some(1006)),
            (people, Up, &[60000], Some(1000)),
            (people, Up, &[1000, 1001, 60000], Some(1002)),
            (system, Down, &[0, 100, 1000], Some(999)),
            (system, Down, &[999], Some(998)),
            (system, Down, &[300, 999], Some(299)),
            (system, Down, &[101], Some(999)),
            (system, Down, &[101, 999], Some(998)),
            (Range { first: 5, last: 6 }, Up, &[5, 6], None),
            (Range { first: 5, last: 6 }, Down, &[5, 6], None),
            (Range { first: 6, last: 5 }, Up, &[], None),
        ] {
            let found = range.next(direction, used);
            assert_eq!(found, expected, "{range:?} {direction:?} {used:?}");
        }
    }

    #[test]
    fn blocks_go_to_the_first_gap_that_holds_them() {
        let blocks = |count| Blocks { range: Range { first: 100_000, last: 600_100_000 }, count };
        for (count, used, expected) in [
            (65536, &[][..], Some(100_000)),
            (65536, &[(100_000, 65536)], Some(165_536)),
            (65536, &[(300_000, 10), (100_000, 65536), (165_536, 65536)], Some(231_072)),
            (65536, &[(300_000, 10), (100_000, 65536), (165_536, 65536), (231_072, 65536)], Some(300_010)),
            (5, &[(100_000, 65536), (165_541, 10)], Some(165_536)),
            (5, &[(0, 100_003)], Some(100_003)),
            (65536, &[(100_000, 600_000_000)], None),
            (65536, &[(100_000, u32::MAX)], None),
        ] {
            assert_eq!(blocks(count).next(used), expected, "{count} {used:?}");
        }
    }
}
