//! What would be tried, before anything is: for people, for programs and for the matrix of a CI workflow.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::table::aligned;
use crate::model::Product;
use crate::record::Verdict;

/// The combinations of a plan, or the one that a manifest is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The plan's id; nothing for a manifest by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// The manifest's id.
    pub manifest_id: String,
    /// `all` or `pairwise`; nothing for a manifest by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// One for every combination and platform, in the order in which they are tried.
    pub rows: Vec<ListingRow>,
}

/// A combination on a platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingRow {
    /// The combination's name in the plan; the manifest's id where there is no plan.
    pub slug: String,
    /// The axes and their values.
    pub combination: BTreeMap<String, String>,
    /// The platform.
    pub platform: String,
    /// The fragments from the base upwards, each as `name@version`.
    pub fragments: Vec<String>,
    /// The accelerator, where the product is made for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<String>,
    /// The verdict that is expected.
    pub expect: Verdict,
}

impl ListingRow {
    /// The row of a product on a platform.
    #[must_use]
    pub fn of(product: &Product, platform: &str) -> Self {
        let fragments = product.fragments.iter();
        Self {
            slug: product.manifest.id.to_string(),
            combination: BTreeMap::new(),
            platform: platform.to_owned(),
            fragments: fragments.map(|one| format!("{}@{}", one.name.value(), one.version.value())).collect(),
            accelerator: product.manifest.accelerator.map(|one| one.to_string()),
            expect: Verdict::Pass,
        }
    }

    /// Says which combination of a plan it is, and what is expected of it.
    #[must_use]
    pub fn of_combination(self, combination: &super::Combination, expect: Verdict) -> Self {
        let values = combination.values().map(|(name, value)| (name.to_string(), value.to_string()));
        let combination_values = crate::ordered::ordered(values);
        Self { slug: combination.slug().to_owned(), combination: combination_values, expect, ..self }
    }
}

impl Listing {
    /// A table with a line of what it is above it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut rows = vec![["COMBINATION", "PLATFORM", "EXPECTED", "FRAGMENTS"].map(str::to_owned).to_vec()];
        rows.extend(self.rows.iter().map(|row| {
            let accelerator = row.accelerator.iter().map(|one| format!("({one})"));
            let fragments = row.fragments.iter().cloned().chain(accelerator).collect::<Vec<_>>().join(" ");
            vec![row.slug.clone(), row.platform.clone(), row.expect.as_str().to_owned(), fragments]
        }));
        format!("{}\n\n{}", self.headline(), aligned(&rows))
    }

    fn headline(&self) -> String {
        let count = match self.rows.len() {
            1 => "1 combination".to_owned(),
            count => format!("{count} combinations"),
        };
        match (&self.plan_id, &self.strategy) {
            (Some(plan), Some(strategy)) => {
                format!("plan {plan} over manifest {}: {count}, strategy {strategy}", self.manifest_id)
            }
            _ => format!("manifest {}: {count}", self.manifest_id),
        }
    }

    /// The value of a GitHub workflow's `strategy.matrix`: `{"include": […]}`, one job a row.
    #[must_use]
    pub fn github(&self) -> Json {
        let row = |row: &ListingRow| {
            json!({
                "slug": row.slug,
                "platform": row.platform,
                "fragments": row.fragments.join(" "),
                "accelerator": row.accelerator.as_deref().unwrap_or("none"),
                "combination": row.combination,
                "expect": row.expect.as_str(),
            })
        };
        json!({ "include": self.rows.iter().map(row).collect::<Vec<_>>() })
    }
}
