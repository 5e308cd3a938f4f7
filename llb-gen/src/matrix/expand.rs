//! From axes to rows: the product, what is left out, what is added.

use std::collections::BTreeSet;

use super::pairwise::{self, Entangled};
use super::partial::{Mask, Partial, Universe};
use super::{AxisName, AxisValue, Combination, Strategy};
use crate::diagnostic::{Diagnostic, Sink};
use crate::llb::OpDigest;
use crate::text::{Located, Place};

/// How many combinations a plan may try.
pub(super) const MOST_COMBINATIONS: usize = 1000;
/// How many combinations a matrix may have before anything is left out.
const MOST_ROWS: usize = 100_000;
/// How many pairs of values a pairwise matrix may have.
const MOST_PAIRS: usize = 200_000;
/// The longest name of a combination: it becomes part of file names and tags.
const LONGEST_SLUG: usize = 120;

/// What rows are made from.
pub(super) struct Expansion<'e> {
    pub(super) universe: &'e Universe,
    /// The values of the matrix, by axis.
    pub(super) matrix: &'e [Vec<usize>],
    pub(super) exclude: &'e [Mask],
    /// Entries to add, each with its place.
    pub(super) include: &'e [Partial],
    pub(super) strategy: Strategy,
    /// Where the matrix is written.
    pub(super) place: &'e Place,
}

impl Expansion<'_> {
    /// The combinations, sorted. What keeps them from being made is reported.
    pub(super) fn combinations(&self, sink: &mut Sink) -> Option<Vec<Combination>> {
        let mut rows: BTreeSet<Vec<usize>> = BTreeSet::new();
        rows.extend(sink.ok(self.rows())?);
        for entry in self.include {
            self.add(entry, &mut rows, sink);
        }
        if rows.is_empty() {
            sink.push(
                Diagnostic::error("empty-plan", self.place, "no combination is left to try")
                    .help("`exclude` leaves out every combination of the matrix"),
            );
            return None;
        }
        if rows.len() > MOST_COMBINATIONS {
            sink.push(too_many(self.place, &rows.len().to_string(), MOST_COMBINATIONS));
            return None;
        }
        let combinations: Vec<Combination> = rows.into_iter().map(|row| self.combination(row)).collect();
        self.distinct_slugs(&combinations, sink);
        Some(combinations)
    }

    fn rows(&self) -> Result<Vec<Vec<usize>>, Diagnostic> {
        if self.strategy == Strategy::Pairwise && self.matrix.len() > 1 {
            return self.pairwise();
        }
        let size = self.matrix.iter().fold(1usize, |size, axis| size.saturating_mul(axis.len()));
        if size > MOST_ROWS {
            return Err(too_many(self.place, &size.to_string(), MOST_COMBINATIONS));
        }
        let rows = product(self.matrix).into_iter();
        Ok(rows.filter(|row| !self.exclude.iter().any(|mask| mask.matches(row))).collect())
    }

    fn pairwise(&self) -> Result<Vec<Vec<usize>>, Diagnostic> {
        let pairs = pairwise::count(self.matrix);
        if pairs > MOST_PAIRS {
            let message = format!("the matrix has {pairs} pairs of values, more than {MOST_PAIRS}");
            return Err(Diagnostic::error("too-many", self.place, message));
        }
        pairwise::rows(self.matrix, self.exclude).map_err(|Entangled| {
            let message =
                "which pairs of values `exclude` leaves possible cannot be found out in bearable time";
            Diagnostic::error("entangled-exclusions", self.place, message)
                .help("exclude fewer combinations of three and more axes, or use the strategy `all`")
        })
    }

    /// Adds the rows of an `include` entry; axes that it does not name take every value of the matrix.
    fn add(&self, entry: &Partial, rows: &mut BTreeSet<Vec<usize>>, sink: &mut Sink) {
        let mut axes: Vec<Vec<usize>> = self.matrix.to_vec();
        for (name, values) in &entry.axes {
            let Some(axis) = self.universe.axis(name.value()) else { continue };
            axes[axis] = values.iter().filter_map(|one| self.universe.index(axis, one.value())).collect();
        }
        let size = axes.iter().fold(1usize, |size, axis| size.saturating_mul(axis.len()));
        if size > MOST_ROWS {
            sink.push(too_many(&entry.place, &size.to_string(), MOST_COMBINATIONS));
            return;
        }
        let before = rows.len();
        rows.extend(product(&axes));
        if rows.len() == before {
            let message = "`include` adds nothing: its combinations are there already";
            sink.push(Diagnostic::error("repeated-combination", &entry.place, message));
        }
    }

    fn combination(&self, row: Vec<usize>) -> Combination {
        let axes = self.universe.axes.iter().zip(&self.universe.values).zip(&row);
        let values: Vec<(Located<AxisName>, Located<AxisValue>)> =
            axes.map(|((name, values), at)| (name.clone(), values[*at].clone())).collect();
        Combination { slug: slug(&values), values, indices: row }
    }

    /// Different values may look alike once `/` and `:` are replaced.
    fn distinct_slugs(&self, combinations: &[Combination], sink: &mut Sink) {
        let mut seen = BTreeSet::new();
        if let Some(twice) = combinations.iter().find(|one| !seen.insert(one.slug.as_str())) {
            let message = format!("two combinations would both be called `{}`", twice.slug);
            let place = twice.values.last().map_or(self.place, |(_, value)| value.place());
            sink.push(
                Diagnostic::error("ambiguous-name", place, message)
                    .help("choose values that differ in more than `/`, `:` and `-`"),
            );
        }
    }
}

/// Every choice of one index of each axis, the last axis fastest.
pub(super) fn product(axes: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let longer = |rows: Vec<Vec<usize>>, axis: &Vec<usize>| {
        let each = |row: Vec<usize>| {
            axis.iter().map(move |at| row.iter().copied().chain([*at]).collect()).collect::<Vec<Vec<usize>>>()
        };
        rows.into_iter().flat_map(each).collect()
    };
    axes.iter().fold(vec![Vec::new()], longer)
}

fn too_many(place: &Place, count: &str, most: usize) -> Diagnostic {
    let message = format!("the plan has {count} combinations, more than {most}");
    Diagnostic::error("too-many", place, message)
        .help("`\"strategy\": \"pairwise\"` tries every pair of values with far fewer")
}

/// `core-0.1.0_light-0.2.0`: `/`, `:` and `@` become `-`. What holds other characters, or is long, ends with a digest of
/// what is written.
fn slug(values: &[(Located<AxisName>, Located<AxisValue>)]) -> String {
    let parts: Vec<String> =
        values.iter().map(|(name, value)| format!("{}-{}", name.value(), value.value())).collect();
    let whole = parts.join("_");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let kept: String = whole.chars().map(|c| if plain(c) { c } else { '-' }).collect();
    let odd = whole.chars().any(|c| !plain(c) && !matches!(c, '/' | ':' | '@'));
    if !odd && kept.len() <= LONGEST_SLUG {
        return kept;
    }
    let digest = OpDigest::of(whole.as_bytes()).to_string();
    let digest: String = digest.chars().skip("sha256:".len()).take(8).collect();
    format!("{}-{digest}", kept.chars().take(LONGEST_SLUG - 9).collect::<String>())
}
