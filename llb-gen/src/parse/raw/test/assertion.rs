//! What a piece of output must be, as written.

use jsonc_parser::ast::Value as Json;

use crate::diagnostic::Diagnostic;
use crate::model::test::{JsonPointer, JsonValue, Match, Pointed, RegularExpression};
use crate::model::{PerPlatform, Value};
use crate::parse::decode::{Decode, Map, OneOrMany};
use crate::parse::node::{Context, Node};
use crate::parse::object::object;
use crate::text::Located;

/// One match or several, the same everywhere or not.
pub(crate) type RawMatches = Option<PerPlatform<OneOrMany<RawMatch>>>;

/// Values by their places in a JSON document.
pub(crate) type RawPointed = Located<Map<JsonPointer, JsonValue>>;

/// A match: a text that must be held, or an object that says more.
#[derive(Debug, Clone)]
pub(crate) struct RawMatch(pub(crate) Match);

object! {
    /// What a text must be. Exactly one member.
    RawMatchObject {
        /// It holds this text.
        "contains" contains: Option<Value<String>>,
        /// It is this text; one line feed at its end does not count.
        "equals" equals: Option<Value<String>>,
        /// This regular expression matches a part of it.
        "matches" matches: Option<Value<RegularExpression>>,
        /// It is JSON, and holds these values at these places (RFC 6901): `{"/choices/0/text": "hello"}`.
        "json" json: Option<RawPointed>,
    }
}

impl Decode for RawMatch {
    const FORM: &'static str =
        "a text that must be held, or an object with `contains`, `equals`, `matches` or `json`";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let found = match node {
            Json::StringLit(_) => Match::Contains(Value::decode(node, cx)?),
            Json::Object(_) => one_of(RawMatchObject::decode(node, cx)?, cx)?,
            _ => return cx.wrong_type(node, Self::FORM),
        };
        not_empty(&found, cx)?;
        Some(Self(found))
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let object = RawMatchObject::schema(generator);
        crate::schema::any_of([crate::schema::expanding_text::<String>(generator), object])
    }
}

fn one_of(raw: RawMatchObject, cx: &mut Context<'_>) -> Option<Match> {
    let contains = raw.contains.map(Match::Contains);
    let equals = raw.equals.map(Match::Equals);
    let matches = raw.matches.map(Match::Matches);
    let json = raw.json.map(|json| Match::Json(pointed(json)));
    let mut given = [contains, equals, matches, json].into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(one), None) => Some(one),
        (one, _) => {
            let what =
                if one.is_some() { "a match that says several things" } else { "a match that says nothing" };
            let fault = Diagnostic::error("match", &raw.place, what);
            cx.refuse(fault.expecting("one of `contains`, `equals`, `matches` and `json`"))
        }
    }
}

/// What would hold of any text is a slip.
fn not_empty(found: &Match, cx: &mut Context<'_>) -> Option<()> {
    let empty = match found {
        Match::Contains(text) => text.literals().find(|(text, _)| text.is_empty()).map(|(_, place)| place),
        Match::Equals(_) | Match::Matches(_) | Match::Json(_) => None,
    };
    match empty {
        None => Some(()),
        Some(place) => {
            let fault = Diagnostic::error("empty-value", place, "every text holds the empty one");
            cx.refuse(fault.help("`{\"equals\": \"\"}` is a text that is empty"))
        }
    }
}

/// Values in the order written.
pub(crate) fn pointed(raw: RawPointed) -> Vec<Pointed> {
    raw.into_value().0.into_iter().map(|(pointer, value)| Pointed { pointer, value }).collect()
}

impl Decode for JsonValue {
    const FORM: &'static str = "any JSON value";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        Some(Self::new(json(node, cx)?, cx.place(node)))
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({})
    }
}

/// The value as it is. (The parser has bounded how deep values are nested.)
fn json(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<serde_json::Value> {
    use serde_json::Value as Plain;
    Some(match node {
        Json::NullKeyword(_) => Plain::Null,
        Json::BooleanLit(literal) => Plain::Bool(literal.value),
        Json::StringLit(literal) => Plain::String(literal.value.clone().into_owned()),
        Json::NumberLit(literal) => match serde_json::from_str(literal.value) {
            Ok(number) => Plain::Number(number),
            Err(_) => return cx.invalid(node, "the number is out of range", JsonValue::FORM),
        },
        Json::Array(array) => {
            Plain::Array(array.elements.iter().map(|item| json(item, cx)).collect::<Option<_>>()?)
        }
        Json::Object(object) => {
            let spoiled = crate::parse::object::repeated(object, cx);
            let mut members = serde_json::Map::new();
            for property in &object.properties {
                members.insert(property.name.as_str().to_owned(), json(&property.value, cx)?);
            }
            (!spoiled).then_some(Plain::Object(members))?
        }
    })
}
