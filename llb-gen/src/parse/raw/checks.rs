//! `check` as written.

use jsonc_parser::ast::Value as Json;

use crate::model::RuleName;
use crate::parse::decode::{Decode, Map};
use crate::parse::node::{Context, Node};
use crate::parse::object::object;
use crate::text::Located;

object! {
    /// What is done about what rules find in the product.
    RawChecks {
        /// Rules to skip in the whole product: a list of their names, or an object that gives each a reason. `all` is every
        /// rule. What ends a build anyway cannot be skipped.
        "skip" skip: Option<RawSkips>,
        /// Which findings end the build: `true` for all that a check finds, or the names of rules.
        "error" error: Option<RawFail>,
    }
}

object! {
    /// What rules find in the document or in the files beside it, and should not.
    RawOwnChecks {
        /// Rules to skip, each with the reason.
        "skip" skip: Map<RuleName, Located<String>>,
    }
}

/// Names of rules, with reasons or without.
#[derive(Debug, Clone)]
pub(crate) enum RawSkips {
    Names(Vec<Located<RuleName>>),
    Reasons(Map<RuleName, Located<String>>),
}

impl Decode for RawSkips {
    const FORM: &'static str = "an array of rules, or an object from rules to reasons";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        match node {
            Json::Object(_) => Map::decode(node, cx).map(Self::Reasons),
            Json::Array(_) => Vec::decode(node, cx).map(Self::Names),
            _ => cx.wrong_type(node, Self::FORM),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names = <Vec<Located<RuleName>> as Decode>::schema(generator);
        let reasons = <Map<RuleName, Located<String>> as Decode>::schema(generator);
        crate::schema::any_of([names, reasons])
    }
}

/// Yes, no, or names of rules.
#[derive(Debug, Clone)]
pub(crate) enum RawFail {
    Flag(bool),
    Names(Vec<Located<RuleName>>),
}

impl Decode for RawFail {
    const FORM: &'static str = "true, false or an array of rules";

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        match node {
            Json::BooleanLit(flag) => Some(Self::Flag(flag.value)),
            Json::Array(_) => Vec::decode(node, cx).map(Self::Names),
            _ => cx.wrong_type(node, Self::FORM),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let flag = <bool as Decode>::schema(generator);
        let names = <Vec<Located<RuleName>> as Decode>::schema(generator);
        crate::schema::any_of([flag, names])
    }
}
