//! Plans as written.

use jsonc_parser::ast::Value as Json;

use crate::matrix::{AxisName, Strategy};
use crate::model::{ManifestId, PlanId, Platform};
use crate::parse::decode::{Decode, Kept, Map, OneOrMany, Tolerant, keywords};
use crate::parse::node::{Context, Node};
use crate::parse::object::object;
use crate::record::Verdict;
use crate::text::Located;

object! {
    /// A matrix of choices over a manifest: every combination is built and tested, and each has the verdict that it is
    /// expected to have, or the plan fails.
    PlanFile {
        /// The frontend image that `docker buildx build -f` loads to read this file.
        "syntax" syntax: Kept<Located<String>>,
        /// The JSON Schema, for editors.
        "$schema" schema: Kept<String>,
        /// The plan's id. Equals the file's name without `.json`.
        "id" id: Located<PlanId>,
        /// What the plan is to find out.
        "description" description: Kept<String>,
        /// The manifest that is varied: `manifests/ID.json`. What the matrix does not name is as written there.
        "manifest" manifest: Located<ManifestId>,
        /// Axes and their values. An axis is a slot of the manifest (its values are fragment versions), `platform`,
        /// `accelerator` (`cuda` or `none`), `base`, or `args.NAME`.
        "matrix" matrix: Located<RawMatrix>,
        /// Combinations to leave out. An entry may name some of the axes only, and several values of each.
        "exclude" exclude: Kept<Tolerant<RawPartial>>,
        /// Combinations to add, also with values that the matrix does not have. Axes that an entry does not name take
        /// every value of the matrix.
        "include" include: Kept<Tolerant<RawPartial>>,
        /// Which combinations are tried; `all` by default.
        "strategy" strategy: Kept<Strategy>,
        /// What is expected other than a pass. Of several entries that fit a combination the last one counts.
        "expect" expect: Kept<Tolerant<RawExpectation>>,
        /// How many combinations are built at the same time, 1 to 16; 4 by default.
        "concurrency" concurrency: Kept<Located<u8>>,
        /// The platforms that every combination is tried on; by default those of a plain build of the manifest.
        "platforms" platforms: Kept<Located<Vec<Located<Platform>>>>,
    }
}

object! {
    /// An expectation.
    RawExpectation {
        /// The combinations that it is about, by some of their values; all where it is not given.
        "when" when: Option<RawPartial>,
        /// The verdict that is expected of them.
        "verdict" verdict: ExpectedVerdict,
    }
}

/// The axes with their values.
pub(crate) type RawMatrix = Map<AxisName, Located<Vec<Located<AxisText>>>>;
/// Some axes with one value or several of each.
pub(crate) type RawPartial = Located<Map<AxisName, OneOrMany<Located<AxisText>>>>;

/// A value of an axis, before it is known of which.
#[derive(Debug, Clone)]
pub(crate) struct AxisText(pub(crate) String);

impl Decode for AxisText {
    const FORM: &'static str = "a string, a number, true or false";

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        match node {
            Json::NumberLit(number) => Some(Self(number.value.to_owned())),
            Json::BooleanLit(flag) => Some(Self(flag.value.to_string())),
            Json::StringLit(_) => String::decode(node, cx).map(Self),
            _ => cx.wrong_type(node, Self::FORM),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

keywords!(Strategy, "`all` or `pairwise`" {
    /// Every combination.
    "all" => Strategy::All,
    /// So many that every two values of different axes meet at least once.
    "pairwise" => Strategy::Pairwise,
});

/// A verdict that can be expected. `error` cannot: it says that nothing is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpectedVerdict(pub(crate) Verdict);

keywords!(ExpectedVerdict, "`pass`, `fail` or `skipped`" {
    /// It is built, and every test passes.
    "pass" => ExpectedVerdict(Verdict::Pass),
    /// A step or a test fails.
    "fail" => ExpectedVerdict(Verdict::Fail),
    /// Its tests cannot run here.
    "skipped" => ExpectedVerdict(Verdict::Skipped),
});
