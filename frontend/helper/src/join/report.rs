//! Conflicts, as they are told: by pair of fragments, with what to do about them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// How many lines of conflicts are kept, and about how many are printed, in all.
const MOST_LINES: usize = 40;
/// How many are printed of each pair at least.
const LEAST_LINES: usize = 3;

/// What helps against a conflict, besides building one fragment on the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remedy {
    /// `wins` in the later fragment.
    Wins,
    /// Nothing else.
    Order,
    /// What is said with the conflict itself.
    Said(String),
}

/// All conflicts that were found.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    /// Sorted.
    pairs: Vec<Pair>,
}

/// The conflicts of two fragments.
#[derive(Debug, Default)]
struct Pair {
    /// The indices of the fragments, the lower one first; the same twice where the base is the other party.
    fragments: (usize, usize),
    lines: Vec<String>,
    count: usize,
    wins_help: bool,
    order_helps: bool,
}

impl Conflicts {
    /// Notes a conflict; the text is only made if there is room for it.
    pub(super) fn add(&mut self, a: usize, b: usize, remedy: Remedy, text: &dyn Fn() -> String) {
        let fragments = (a.min(b), a.max(b));
        let at = self.pairs.partition_point(|pair| pair.fragments < fragments);
        if self.pairs.get(at).is_none_or(|pair| pair.fragments != fragments) {
            self.pairs.insert(at, Pair { fragments, ..Pair::default() });
        }
        let pair = &mut self.pairs[at];
        pair.count += 1;
        pair.wins_help |= remedy == Remedy::Wins;
        pair.order_helps |= !matches!(remedy, Remedy::Said(_));
        if pair.lines.len() < MOST_LINES {
            let text = text();
            pair.lines.push(if let Remedy::Said(help) = remedy { format!("{text}; {help}") } else { text });
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The lines to print.
    pub(super) fn lines(&self, labels: &[&str]) -> Vec<String> {
        let shown = (MOST_LINES / self.pairs.len().max(1)).max(LEAST_LINES);
        let mut lines = Vec::new();
        self.pairs.iter().for_each(|pair| pair.report(labels, shown, &mut lines));
        lines
    }
}

impl Pair {
    fn report(&self, labels: &[&str], shown: usize, lines: &mut Vec<String>) {
        let (low, high) = self.fragments;
        let label = |at: usize| labels.get(at).copied().unwrap_or("?");
        let (lower, upper) = (label(low), label(high));
        let times = if self.count == 1 { "one conflict".into() } else { format!("{} conflicts", self.count) };
        lines.push(if low == high {
            format!("{lower:?} was built on another base than this one: {times}")
        } else {
            format!(
                "{lower:?} and {upper:?} are built side by side and cannot be laid over one another: {times}"
            )
        });
        lines.extend(self.lines.iter().take(shown).map(|line| format!("  {line}")));
        let more = self.count - self.lines.len().min(shown);
        if more > 0 {
            lines.push(format!("  and {more} more"));
        }
        if self.order_helps {
            lines.push(if low == high {
                format!("  build {lower:?} again on this base")
            } else {
                self.advice(lower, upper)
            });
        }
    }

    fn advice(&self, lower: &str, upper: &str) -> String {
        let wins = if self.wins_help {
            format!(", name in \"wins\" of {upper:?} the paths where its own are right")
        } else {
            String::new()
        };
        format!(
            "  let {upper:?} build on {lower:?} (\"builds_on\": [{:?}, …] in its fragment.json){wins}, or make what both \
             need in a fragment that both build on",
            name(lower)
        )
    }
}

/// The name in a label, which is followed by the version.
fn name(label: &str) -> &str {
    label.split(' ').next().unwrap_or(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [&str; 3] = ["base-tools 1.0.0", "security 0.1.0", "core 0.1.0"];

    #[test]
    fn a_report_names_both_fragments_the_path_and_what_to_do() {
        let mut conflicts = Conflicts::default();
        assert!(conflicts.is_empty());
        conflicts.add(2, 1, Remedy::Wins, &|| "/etc/motd: content".into());
        conflicts.add(1, 2, Remedy::Order, &|| "/d: deleted".into());
        conflicts.add(1, 1, Remedy::Order, &|| "/p: other".into());
        conflicts.add(0, 2, Remedy::Said("do this".into()), &|| "/q: id".into());
        assert_eq!(
            conflicts.lines(&LABELS),
            [
                "\"base-tools 1.0.0\" and \"core 0.1.0\" are built side by side and cannot be laid over one another: one conflict",
                "  /q: id; do this",
                "\"security 0.1.0\" was built on another base than this one: one conflict",
                "  /p: other",
                "  build \"security 0.1.0\" again on this base",
                "\"security 0.1.0\" and \"core 0.1.0\" are built side by side and cannot be laid over one another: 2 conflicts",
                "  /etc/motd: content",
                "  /d: deleted",
                "  let \"core 0.1.0\" build on \"security 0.1.0\" (\"builds_on\": [\"security\", …] in its fragment.json), \
                 name in \"wins\" of \"core 0.1.0\" the paths where its own are right, or make what both need in a \
                 fragment that both build on",
            ]
        );
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let mut conflicts = Conflicts::default();
        for _ in 0..1000 {
            conflicts.add(0, 1, Remedy::Order, &|| "one".into());
        }
        let lines = conflicts.lines(&LABELS);
        assert_eq!((lines.len(), lines[41].as_str()), (43, "  and 960 more"));
        conflicts.add(1, 2, Remedy::Order, &|| "two".into());
        let lines = conflicts.lines(&LABELS);
        assert_eq!((lines.len(), lines[21].as_str()), (26, "  and 980 more"));
    }
}
