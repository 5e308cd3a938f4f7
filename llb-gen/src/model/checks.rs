//! What a document says about the rules that it is checked by: `check`.

use super::name::RuleName;
use crate::text::Located;

/// The `check` member of a manifest, template or fragment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checks {
    /// Rules that are skipped: in a manifest for the whole product, elsewhere for the document and its files.
    pub skip: Vec<Skip>,
    /// Which findings end the build; a manifest alone says so.
    pub error: Fail,
}

/// A rule that is skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// The rule, or `all`.
    pub rule: Located<RuleName>,
    /// Why; a manifest may leave it out.
    pub reason: Option<String>,
}

/// Which findings end the build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fail {
    /// None.
    #[default]
    Nothing,
    /// Whatever a check finds.
    Everything,
    /// Those of these rules.
    Of(Vec<Located<RuleName>>),
}
