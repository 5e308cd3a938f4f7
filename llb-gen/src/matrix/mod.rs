//! Plans: a matrix of choices over a manifest, expanded to combinations, with what is expected of each.
//!
//! ```text
//! RawPlan -> check -> Plan (its combinations expanded) -> a manifest for each combination -> its product
//! ```
//!
//! A combination is a manifest with some of its members replaced, so everything after it (checks, drafts, graphs, keys) is
//! that of any other product, and fragments that two combinations share are the same vertices.

mod axis;
pub(crate) mod check;
mod expand;
mod listing;
mod pairwise;
mod partial;
mod select;
mod summary;
mod table;

pub use axis::{AxisName, AxisValue};
pub use listing::{Listing, ListingRow};
pub use summary::{Counts, FailureEntry, Summary, SummaryRow};

use crate::model::{ManifestId, PlanId, Platform};
use crate::record::Verdict;
use crate::text::{Located, SourceFile};
use partial::Mask;

/// Which combinations of a matrix are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Every one.
    #[default]
    All,
    /// So many that every two values of different axes meet at least once.
    Pairwise,
}

impl Strategy {
    /// `all` or `pairwise`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Pairwise => "pairwise",
        }
    }
}

/// How many combinations are built at the same time where a plan does not say.
pub const DEFAULT_CONCURRENCY: u8 = 4;

/// A checked plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its id; equals the stem of its file.
    pub id: Located<PlanId>,
    /// For people.
    pub description: Option<String>,
    /// The manifest that is varied.
    pub manifest: Located<ManifestId>,
    /// Which combinations are tried.
    pub strategy: Strategy,
    /// How many combinations are built at the same time, 1 to 16.
    pub concurrency: u8,
    /// The platforms that every combination is tried on; empty for those of a plain build.
    pub platforms: Vec<Located<Platform>>,
    /// Its file.
    pub file: SourceFile,
    /// The axes, sorted by name.
    axes: Vec<Located<AxisName>>,
    combinations: Vec<Combination>,
    expectations: Vec<Expectation>,
}

/// One choice on every axis of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combination {
    slug: String,
    values: Vec<(Located<AxisName>, Located<AxisValue>)>,
    /// Which value of each axis it is, among all that the plan names.
    indices: Vec<usize>,
}

/// What is expected of the combinations that fit.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    mask: Mask,
    /// The platforms that it is about, where `platform` is no axis; empty for all.
    platforms: Vec<Platform>,
    verdict: Verdict,
}

impl Plan {
    /// Whether `file` is meant as a plan: JSON with a member `matrix` at its top. What is wrong with it besides does not
    /// matter here.
    #[must_use]
    pub fn is_plan(file: &SourceFile) -> bool {
        let text = crate::parse::json::text(file);
        let tree = text.and_then(|text| {
            let tree = crate::parse::json::tree(file, &text)?;
            Ok(matches!(tree, jsonc_parser::ast::Value::Object(object) if object.get("matrix").is_some()))
        });
        tree.unwrap_or(false)
    }

    /// The manifest's path from the catalogue's root.
    #[must_use]
    pub fn manifest_path(&self) -> String {
        format!("manifests/{}.json", self.manifest.value())
    }

    /// The axes, sorted by name.
    #[must_use]
    pub fn axes(&self) -> &[Located<AxisName>] {
        &self.axes
    }

    /// The combinations, sorted by their values: versions as versions (`0.9.0` before `0.10.0`), others as they are
    /// written.
    #[must_use]
    pub fn combinations(&self) -> &[Combination] {
        &self.combinations
    }

    /// The verdict that is expected of a combination on a platform: that of the last expectation that fits, or a pass.
    #[must_use]
    pub fn expected(&self, combination: &Combination, platform: &Platform) -> Verdict {
        let fits = |one: &&Expectation| one.fits(&combination.indices, Some(platform));
        self.expectations.iter().rev().find(fits).map_or(Verdict::Pass, |one| one.verdict)
    }
}

impl Expectation {
    /// Whether it is about a row, on a platform where that is known.
    fn fits(&self, row: &[usize], platform: Option<&Platform>) -> bool {
        let platforms = &self.platforms;
        self.mask.matches(row) && platform.is_none_or(|one| platforms.is_empty() || platforms.contains(one))
    }
}

impl Combination {
    /// Its name in the plan: axes and values, sorted by axis, in letters that paths and tags take:
    /// `core-0.1.0_light-0.2.0`.
    #[must_use]
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// The axes and their values, sorted by axis.
    pub fn values(&self) -> impl Iterator<Item = (&AxisName, &AxisValue)> {
        self.values.iter().map(|(name, value)| (name.value(), value.value()))
    }

    /// The platform, where that is an axis.
    #[must_use]
    pub fn platform(&self) -> Option<&Platform> {
        self.values().find_map(|(_, value)| match value {
            AxisValue::Platform(platform) => Some(platform),
            _ => None,
        })
    }
}
