//! How long a pull takes, by a model that needs no pull: so many connections at a time share a bandwidth, and every layer begins
//! with a wait. Unpacking is left out, and so is what a registry does when many pull at once.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Layer;

/// What a pull goes through.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Link {
    /// Bytes in a second, of all connections together.
    pub bytes_per_second: u64,
    /// The wait before a layer begins, in milliseconds.
    pub latency_ms: u64,
    /// Layers at a time.
    pub parallel: usize,
}

impl Default for Link {
    /// 100 Mbit/s, 50 ms, and as many at a time as docker takes.
    fn default() -> Self {
        Self { bytes_per_second: 12_500_000, latency_ms: 50, parallel: 3 }
    }
}

/// What a pull comes to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pull {
    /// What it goes through.
    pub link: Link,
    /// The bytes that are fetched.
    pub bytes: u64,
    /// How many layers these are.
    pub layers: usize,
    /// How long it takes, in milliseconds.
    pub milliseconds: u64,
}

impl Pull {
    /// Of these layers, in their order. One that is there twice is fetched once.
    #[must_use]
    pub fn of(layers: &[Layer], link: Link) -> Self {
        let mut seen = BTreeSet::new();
        let sizes: Vec<u64> =
            layers.iter().filter(|layer| seen.insert(&layer.digest)).map(|layer| layer.size).collect();
        let milliseconds = duration(&sizes, link);
        Self { link, bytes: sizes.iter().sum(), layers: sizes.len(), milliseconds }
    }
}

/// A layer on its way: how long it still waits, in milliseconds, and how many bytes are to come.
struct Running {
    wait: f64,
    bytes: f64,
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a model"
)]
fn duration(sizes: &[u64], link: Link) -> u64 {
    // The manifest and the config come before the layers, one after the other.
    let mut now = if sizes.is_empty() { 0.0 } else { 2.0 * link.latency_ms as f64 };
    let rate = link.bytes_per_second.max(1) as f64 / 1000.0;
    let mut waiting = sizes.iter();
    let mut running: Vec<Running> = Vec::new();
    loop {
        while running.len() < link.parallel.max(1)
            && let Some(size) = waiting.next()
        {
            running.push(Running { wait: link.latency_ms as f64, bytes: *size as f64 });
        }
        if running.is_empty() {
            return now.round() as u64;
        }
        // Until the next layer begins or ends everybody's share stays as it is.
        let flowing = running.iter().filter(|one| one.wait <= 0.0).count();
        let share = rate / flowing.max(1) as f64;
        let next = |one: &Running| if one.wait > 0.0 { one.wait } else { one.bytes / share };
        let step = running.iter().map(next).fold(f64::INFINITY, f64::min);
        now += step;
        for one in &mut running {
            if one.wait > 0.0 {
                one.wait -= step;
            } else {
                one.bytes -= share * step;
            }
        }
        // What is left of rounding is less than a byte.
        running.retain(|one| one.wait > 1e-9 || one.bytes > 0.5);
        for one in &mut running {
            one.wait = if one.wait > 1e-9 { one.wait } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare::tests::image;
    use super::*;

    #[test]
    fn layers_share_the_link_and_wait_for_their_turn() {
        let link = |parallel| Link { bytes_per_second: 1000, latency_ms: 100, parallel };
        let pull = |layers: &[(&str, u64)], parallel| {
            Pull::of(&image("a", layers).layers, link(parallel)).milliseconds
        };
        assert_eq!(pull(&[], 3), 0);
        // Manifest and config 200, wait 100, bytes 1000.
        assert_eq!(pull(&[("a", 1000)], 1), 1300);
        assert_eq!(pull(&[("a", 1000), ("a", 1000)], 1), 1300, "one that is there twice comes once");
        assert_eq!(pull(&[("a", 1000), ("b", 1000)], 1), 2400);
        assert_eq!(pull(&[("a", 1000), ("b", 1000)], 2), 2300, "the wait is shared, the bytes are not");
        assert_eq!(pull(&[("a", 1000), ("b", 500)], 2), 1800);
        assert_eq!(pull(&[("a", 0), ("b", 0), ("c", 0)], 2), 400, "two turns");
    }
}
