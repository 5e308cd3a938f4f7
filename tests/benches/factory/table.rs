//! Measurements as people read them.

use std::fmt;
use std::time::Duration;

/// Times of the variants of one thing, the first being what the others are compared with.
pub(crate) struct Table {
    title: &'static str,
    rows: Vec<(&'static str, Vec<Duration>)>,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: &'static str) -> Self {
        Self { title, rows: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn add(&mut self, variant: &'static str, time: Duration) {
        match self.rows.iter_mut().find(|(name, _)| *name == variant) {
            Some((_, times)) => times.push(time),
            None => self.rows.push((variant, vec![time])),
        }
    }

    pub(crate) fn note(&mut self, text: String) {
        self.notes.push(text);
    }
}

fn smallest_and_median(times: &[Duration]) -> (f64, f64) {
    let mut sorted: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1000.0).collect();
    sorted.sort_by(f64::total_cmp);
    (sorted[0], sorted[sorted.len() / 2])
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<52} {:>9} {:>9} {:>7} {:>7}", self.title, "min ms", "median", "x min", "x med")?;
        let Some((_, first)) = self.rows.first() else { return Ok(()) };
        let (first_min, first_median) = smallest_and_median(first);
        for (name, times) in &self.rows {
            let (min, median) = smallest_and_median(times);
            let (ratio, ratio_median) = (min / first_min, median / first_median);
            writeln!(f, "  {name:<50} {min:>9.2} {median:>9.2} {ratio:>7.2} {ratio_median:>7.2}")?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}
