//! The memory that the processes of a test have together, and whether the kernel has killed one for it.

use alloc::collections::BTreeSet;

use rustix::process::getpid;

use crate::reap::{self, Process};
use crate::sys::{MILLISECOND, Nanos, file};

/// How often the memory is looked at.
const INTERVAL: Nanos = 20 * MILLISECOND;
/// Where a limit of the container is, and where kills are counted: control groups of version 2, then of version 1.
const CGROUP_LIMITS: [&[u8]; 2] =
    [b"/sys/fs/cgroup/memory.max", b"/sys/fs/cgroup/memory/memory.limit_in_bytes"];
const CGROUP_EVENTS: [&[u8]; 2] =
    [b"/sys/fs/cgroup/memory.events", b"/sys/fs/cgroup/memory/memory.oom_control"];
/// In the auxiliary vector: the size of a page (getauxval(3)).
const AT_PAGESZ: u64 = 6;

/// Watches the memory of a test's processes.
#[derive(Debug)]
pub(super) struct Memory {
    /// In bytes; None: there is no limit, or the kernel enforces it.
    limit: Option<u64>,
    page: u64,
    kills: u64,
}

impl Memory {
    /// Begins to watch. `wanted`, in bytes, is left to the kernel where the container itself may have no more.
    pub(super) fn watch(wanted: Option<u64>) -> Self {
        let has_own = |wanted: &u64| container_limit().is_some_and(|limit| limit <= *wanted);
        Self { limit: wanted.filter(|wanted| !has_own(wanted)), page: page_size(), kills: kills() }
    }

    /// How long may be waited until the next look.
    pub(super) fn patience(&self) -> Option<Nanos> {
        self.limit.map(|_| INTERVAL)
    }

    /// What the test's processes have, in bytes, if that is too much.
    pub(super) fn excess(&self) -> Option<(u64, u64)> {
        let limit = self.limit?;
        let used = resident_pages(&reap::processes(), getpid().as_raw_pid()) * self.page;
        (used > limit).then_some((used, limit))
    }

    /// Whether the kernel has killed a process since, because there was no memory left.
    pub(super) fn has_killed(&self) -> bool {
        kills() > self.kills
    }
}

/// The pages of all descendants of `own`. Memory that processes share counts for each of them.
fn resident_pages(processes: &[Process], own: i32) -> u64 {
    let mut family = BTreeSet::from([own]);
    let mut known = 0;
    while family.len() > known {
        known = family.len();
        let children = processes.iter().filter(|process| family.contains(&process.parent));
        let children: BTreeSet<_> = children.map(|process| process.pid).collect();
        family.extend(children);
    }
    let of_family = processes.iter().filter(|process| process.pid != own && family.contains(&process.pid));
    of_family.map(|process| process.resident_pages).sum()
}

fn container_limit() -> Option<u64> {
    let text = CGROUP_LIMITS.into_iter().find_map(|path| file::read(path).ok())?;
    number(text.trim_ascii())
}

/// How many processes of the container the kernel has killed so far.
fn kills() -> u64 {
    let text = CGROUP_EVENTS.into_iter().find_map(|path| file::read(path).ok()).unwrap_or_default();
    let lines = text.split(|&byte| byte == b'\n');
    lines.filter_map(|line| line.strip_prefix(b"oom_kill ")).find_map(number).unwrap_or(0)
}

fn number(digits: &[u8]) -> Option<u64> {
    core::str::from_utf8(digits).ok()?.parse().ok()
}

fn page_size() -> u64 {
    let vector = file::read(b"/proc/self/auxv").unwrap_or_default();
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    let mut pairs = vector.chunks_exact(16).map(|pair| (word(&pair[..8]), word(&pair[8..])));
    pairs.find(|(key, _)| *key == AT_PAGESZ).map_or(4096, |(_, size)| size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_family_counts_and_nobody_else() {
        let process = |pid, parent, resident_pages| Process { pid, parent, session: 0, resident_pages };
        let processes =
            [process(9, 7, 100), process(7, 5, 10), process(5, 1, 1), process(6, 1, 1000), process(1, 0, 1)];
        assert_eq!(resident_pages(&processes, 5), 110);
        assert_eq!(resident_pages(&processes, 1), 1111);
        assert_eq!(resident_pages(&processes, 4), 0);
    }

    #[test]
    fn pages_have_the_size_of_the_machine() {
        assert!([4096, 16384, 65536].contains(&page_size()));
    }
}
