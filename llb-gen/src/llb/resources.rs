//! Limits of a process's cgroup.

/// How much an exec may use (`pb.LinuxResources`, field 7 of `pb.OpMetadata`, since BuildKit 0.31). Zero and the empty
/// text mean that nothing is said. Not part of the op, so not of its digest or of a cache key.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Resources {
    /// Memory in bytes.
    #[prost(int64, tag = "1")]
    pub memory: i64,
    /// Memory and swap together in bytes; -1 for as much swap as there is.
    #[prost(int64, tag = "2")]
    pub memory_swap: i64,
    /// Weight against other processes; the kernel's own is 1024.
    #[prost(uint64, tag = "3")]
    pub cpu_shares: u64,
    /// In how many microseconds the quota may be used up; the kernel's own is 100000.
    #[prost(uint64, tag = "4")]
    pub cpu_period: u64,
    /// Microseconds of processor time in each period.
    #[prost(int64, tag = "5")]
    pub cpu_quota: i64,
    /// Which processors, `0-3,6`.
    #[prost(string, tag = "6")]
    pub cpuset_cpus: String,
    /// Which memory nodes, `0`.
    #[prost(string, tag = "7")]
    pub cpuset_mems: String,
}

/// The kernel's own period.
const PERIOD: u64 = 100_000;

impl Resources {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These limits, and those of `other` for what is not limited here. Memory and swap go together, quota and period
    /// too: half of one limit and half of another would be a third.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        let memory = if self.memory == 0 && self.memory_swap == 0 { other } else { &self };
        let time = if self.cpu_quota == 0 && self.cpu_period == 0 { other } else { &self };
        let text = |own: &str, other: &str| if own.is_empty() { other.to_owned() } else { own.to_owned() };
        Self {
            memory: memory.memory,
            memory_swap: memory.memory_swap,
            cpu_shares: if self.cpu_shares == 0 { other.cpu_shares } else { self.cpu_shares },
            cpu_period: time.cpu_period,
            cpu_quota: time.cpu_quota,
            cpuset_cpus: text(&self.cpuset_cpus, &other.cpuset_cpus),
            cpuset_mems: text(&self.cpuset_mems, &other.cpuset_mems),
        }
    }

    /// The more generous of two words about one process, as the daemon decides between two builds.
    pub(crate) fn relaxed(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return if self.is_empty() { other.clone() } else { self.clone() };
        }
        let unlimited = self.memory_swap == -1 || other.memory_swap == -1;
        let time = if self.time() >= other.time() { self } else { other };
        Self {
            memory: if self.memory == 0 || other.memory == 0 { 0 } else { self.memory.max(other.memory) },
            memory_swap: if unlimited { -1 } else { self.memory_swap.max(other.memory_swap) },
            cpu_shares: self.cpu_shares.max(other.cpu_shares),
            cpu_period: time.cpu_period,
            cpu_quota: time.cpu_quota,
            cpuset_cpus: same(&self.cpuset_cpus, &other.cpuset_cpus),
            cpuset_mems: same(&self.cpuset_mems, &other.cpuset_mems),
        }
    }

    /// Processor time in millionths of a processor.
    fn time(&self) -> u128 {
        let period = if self.cpu_period == 0 { PERIOD } else { self.cpu_period };
        match u128::try_from(self.cpu_quota) {
            Ok(quota) if quota > 0 => quota * 1_000_000 / u128::from(period),
            _ => u128::MAX,
        }
    }
}

/// A list that both have; any processor will do where they differ.
fn same(a: &str, b: &str) -> String {
    if a == b { a.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(memory: i64, memory_swap: i64) -> Resources {
        Resources { memory, memory_swap, ..Resources::default() }
    }

    fn time(cpu_quota: i64, cpu_period: u64) -> Resources {
        Resources { cpu_quota, cpu_period, ..Resources::default() }
    }

    #[test]
    fn what_goes_together_is_not_mixed() {
        let both = |memory: Resources, time: Resources| Resources {
            cpu_quota: time.cpu_quota,
            cpu_period: time.cpu_period,
            ..memory
        };
        assert_eq!(memory(5, 0).or(&both(memory(9, 10), time(1, 2))), both(memory(5, 0), time(1, 2)));
        assert_eq!(time(1, 0).or(&both(memory(9, 10), time(2, 3))), both(memory(9, 10), time(1, 0)));
    }

    #[test]
    fn the_more_generous_word_counts() {
        for (a, b, expected) in [
            (memory(5, 6), memory(7, -1), memory(7, -1)),
            (memory(5, 6), memory(0, 9), memory(0, 9)),
            (memory(5, 6), Resources::default(), memory(5, 6)),
            (time(50_000, 0), time(1_000, 1_000), time(1_000, 1_000)),
        ] {
            assert_eq!(a.relaxed(&b), expected);
            assert_eq!(b.relaxed(&a), expected);
        }
    }
}
