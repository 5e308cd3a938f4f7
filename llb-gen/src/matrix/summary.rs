//! What a plan came to: a row for every combination and platform.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::table::{aligned, markdown};
use super::{Combination, Plan};
use crate::ordered::ordered;
use crate::record::{ErrorKind, ErrorRecord, Record, SCHEMA_VERSION, Verdict};

/// Rows that are shown as one table; of more, those that are not as expected come first.
const SHORT: usize = 20;

/// What a plan came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The version of this form, 1.
    #[cfg_attr(feature = "schema", schemars(extend("const" = 1)))]
    pub schema_version: u32,
    /// The plan's id.
    pub plan_id: String,
    /// The id of the manifest that was varied.
    pub manifest_id: String,
    /// Which combinations were tried: `all` or `pairwise`.
    pub strategy: String,
    /// Whether every row has the verdict that was expected.
    pub as_expected: bool,
    /// How many rows there are of each kind.
    pub counts: Counts,
    /// What is worth knowing about the report as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// One for every combination and platform, in the plan's order.
    pub rows: Vec<SummaryRow>,
}

/// How many rows there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// How many rows there are.
    pub total: usize,
    /// Those that passed.
    pub pass: usize,
    /// Those that failed.
    pub fail: usize,
    /// Those of which nothing is known.
    pub error: usize,
    /// Those whose tests could not run.
    pub skipped: usize,
    /// Those with another verdict than was expected.
    pub unexpected: usize,
}

/// A combination on a platform, what was expected of it and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SummaryRow {
    /// The combination's name.
    pub slug: String,
    /// The axes and their values.
    pub combination: BTreeMap<String, String>,
    /// The platform.
    pub platform: String,
    /// The verdict that was expected.
    pub expected: Verdict,
    /// The verdict.
    pub actual: Verdict,
    /// Whether the two are the same. An `error` never is as expected.
    pub as_expected: bool,
    /// What the attempt is called: `records/<build_id>.json`, `evidence/<build_id>.log`.
    pub build_id: String,
    /// The key of what was selected, where it came to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$")))]
    pub selection_key: Option<String>,
    /// The hash of the tests, where it came to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$")))]
    pub test_hash: Option<String>,
    /// When the last of its tests really ran: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub tested_at: Option<String>,
    /// Whether the tests' verdicts came from the cache; nothing where no test ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<bool>,
    /// How long its tests took together when they ran, in milliseconds.
    pub wall_ms: u64,
    /// How many of its tests passed.
    pub tests_passed: usize,
    /// How many tests it has.
    pub tests: usize,
    /// Where it failed, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureEntry>,
}

/// Where and why a combination failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FailureEntry {
    /// What kind of thing went wrong.
    #[serde(rename = "type")]
    pub kind: ErrorKind,
    /// What went wrong, in words.
    pub reason: String,
    /// The fragment and its version, where it was one: `light 0.2.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragment: Option<String>,
    /// The step or test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Where that is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

impl FailureEntry {
    fn of(error: &ErrorRecord) -> Self {
        let fragment = error.fragment.as_ref().map(|name| match &error.version {
            Some(version) => format!("{name} {version}"),
            None => name.clone(),
        });
        Self {
            kind: error.kind,
            reason: error.reason.clone(),
            fragment,
            step: error.step.clone(),
            location: error.location.clone(),
        }
    }

    /// `[light 0.2.0 1/2] pip install …` or `core/python`, or else what is known.
    fn at(&self) -> &str {
        self.step.as_ref().or(self.fragment.as_ref()).unwrap_or(&self.reason)
    }
}

impl SummaryRow {
    /// A row of which nothing is known yet.
    #[must_use]
    pub fn new(combination: &Combination, platform: &str, expected: Verdict, build_id: &str) -> Self {
        let values = combination.values().map(|(name, value)| (name.to_string(), value.to_string()));
        Self {
            slug: combination.slug().to_owned(),
            combination: ordered(values),
            platform: platform.to_owned(),
            expected,
            actual: Verdict::Error,
            as_expected: false,
            build_id: build_id.to_owned(),
            selection_key: None,
            test_hash: None,
            tested_at: None,
            cached: None,
            wall_ms: 0,
            tests_passed: 0,
            tests: 0,
            failure: None,
        }
    }

    /// What the record says. `started` is when the plan's build began, in the form of the record's own times: verdicts of
    /// before come from the cache.
    #[must_use]
    pub fn recorded(self, record: &Record, started: &str) -> Self {
        let tested_at = record.result.tested_at.clone();
        let actual = record.result.status;
        Self {
            actual,
            as_expected: actual == self.expected && actual != Verdict::Error,
            build_id: record.build_id.clone(),
            selection_key: Some(record.selection_key.clone()),
            test_hash: Some(record.test_hash.clone()),
            cached: tested_at.as_deref().map(|at| at < started),
            tested_at,
            wall_ms: record.tests.iter().map(|test| test.wall_ms).sum(),
            tests_passed: record.tests.iter().filter(|test| test.verdict == Verdict::Pass).count(),
            tests: record.tests.len(),
            ..self
        }
    }

    /// What the error record says.
    #[must_use]
    pub fn failed(self, error: &ErrorRecord) -> Self {
        Self { failure: Some(FailureEntry::of(error)), ..self }
    }

    fn origin(&self) -> &'static str {
        match self.cached {
            Some(true) => "cached",
            Some(false) => "run",
            None => "-",
        }
    }

    fn time(&self) -> String {
        match self.cached {
            None => "-".to_owned(),
            Some(_) => format!("{}.{} s", self.wall_ms / 1000, self.wall_ms % 1000 / 100),
        }
    }

    fn outcome(&self) -> &'static str {
        if self.as_expected { "as expected" } else { "UNEXPECTED" }
    }

    /// The first twelve digits of its selection key.
    fn key(&self) -> String {
        let key = self.selection_key.as_deref().unwrap_or("-");
        key.trim_start_matches("sha256:").chars().take(12).collect()
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.slug.clone(),
            self.platform.clone(),
            self.expected.as_str().to_owned(),
            self.actual.as_str().to_owned(),
            self.outcome().to_owned(),
            format!("{}/{}", self.tests_passed, self.tests),
            self.time(),
            self.origin().to_owned(),
            self.key(),
            self.failure.as_ref().map(|one| one.at().to_owned()).unwrap_or_default(),
        ]
    }
}

/// The columns of the table.
const COLUMNS: [&str; 10] = [
    "combination",
    "platform",
    "expected",
    "actual",
    "outcome",
    "tests",
    "time",
    "from",
    "selection",
    "failed at",
];

impl Summary {
    /// The summary of a plan's rows, which are in the plan's order.
    #[must_use]
    pub fn new(plan: &Plan, rows: Vec<SummaryRow>) -> Self {
        let counts = Counts::of(&rows);
        Self {
            schema_version: SCHEMA_VERSION,
            plan_id: plan.id.to_string(),
            manifest_id: plan.manifest.to_string(),
            strategy: plan.strategy.as_str().to_owned(),
            as_expected: counts.unexpected == 0,
            counts,
            notes: Vec::new(),
            rows,
        }
    }

    /// The document `summary.json`.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("a summary holds texts, numbers and lists");
        json.push(b'\n');
        json
    }

    /// The document `summary.md`. Of a long plan the rows that are not as expected come first.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("# Plan {}\n\n{}\n", self.plan_id, self.headline());
        self.notes.iter().for_each(|note| text.push_str(&format!("\n{note}\n")));
        if self.rows.len() <= SHORT || self.counts.unexpected == 0 {
            return text + "\n" + &table(self.rows.iter(), markdown);
        }
        let (unexpected, expected) = self.split();
        text.push_str("\n## Not as expected\n\n");
        text.push_str(&table(unexpected.into_iter(), markdown));
        if !expected.is_empty() {
            text.push_str("\n## As expected\n\n");
            text.push_str(&table(expected.into_iter(), markdown));
        }
        text
    }

    /// For a terminal: the table, rows that are not as expected first where there are many.
    #[must_use]
    pub fn text(&self) -> String {
        let rows: Vec<&SummaryRow> = match self.rows.len() <= SHORT {
            true => self.rows.iter().collect(),
            false => {
                let (unexpected, expected) = self.split();
                unexpected.into_iter().chain(expected).collect()
            }
        };
        format!("{}\n\n{}", self.headline(), table(rows.into_iter(), aligned))
    }

    /// The rows whose verdict is not the one that was expected.
    pub fn unexpected(&self) -> impl Iterator<Item = &SummaryRow> {
        self.rows.iter().filter(|row| !row.as_expected)
    }

    fn split(&self) -> (Vec<&SummaryRow>, Vec<&SummaryRow>) {
        self.rows.iter().partition(|row| !row.as_expected)
    }

    /// `plan x over manifest y: 4 rows, all as expected (2 pass, 2 fail)`.
    #[must_use]
    pub fn headline(&self) -> String {
        let counts = &self.counts;
        let kinds = [
            (counts.pass, "pass"),
            (counts.fail, "fail"),
            (counts.error, "error"),
            (counts.skipped, "skipped"),
        ];
        let kinds = kinds.iter().filter(|(count, _)| *count > 0);
        let kinds: Vec<String> = kinds.map(|(count, kind)| format!("{count} {kind}")).collect();
        let outcome = match counts.unexpected {
            0 => "all as expected".to_owned(),
            count => format!("{count} NOT as expected"),
        };
        let rows = if counts.total == 1 { "1 row".to_owned() } else { format!("{} rows", counts.total) };
        let (plan, manifest) = (&self.plan_id, &self.manifest_id);
        format!("plan {plan} over manifest {manifest}: {rows}, {outcome} ({})", kinds.join(", "))
    }
}

fn table<'r>(rows: impl Iterator<Item = &'r SummaryRow>, form: impl Fn(&[Vec<String>]) -> String) -> String {
    let header = COLUMNS.map(str::to_owned).to_vec();
    form(&std::iter::once(header).chain(rows.map(SummaryRow::cells)).collect::<Vec<_>>())
}

impl Counts {
    fn of(rows: &[SummaryRow]) -> Self {
        let of = |verdict: Verdict| rows.iter().filter(|row| row.actual == verdict).count();
        Self {
            total: rows.len(),
            pass: of(Verdict::Pass),
            fail: of(Verdict::Fail),
            error: of(Verdict::Error),
            skipped: of(Verdict::Skipped),
            unexpected: rows.iter().filter(|row| !row.as_expected).count(),
        }
    }
}
