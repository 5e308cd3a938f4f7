//! Values with a short form.

use jsonc_parser::ast::Value as Json;

use crate::model::value::Source;
use crate::model::{PerPlatform, TextValue, Value};
use crate::parse::decode::Decode;
use crate::parse::node::{Context, Node};

/// A text, or an object that says more.
#[derive(Debug, Clone)]
pub(crate) enum TextOr<T, O> {
    Text(Value<T>),
    Object(O),
}

impl<T: TextValue, O: Decode> Decode for TextOr<T, O> {
    const FORM: &'static str = T::FORM;
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        match node {
            Json::Object(_) => O::decode(node, cx).map(Self::Object),
            Json::StringLit(_) => Value::decode(node, cx).map(Self::Text),
            _ => cx.wrong_type(node, &format!("{}, or an object", T::FORM)),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let object = O::schema(generator);
        crate::schema::any_of([crate::schema::expanding_text::<T>(generator), object])
    }
}

/// A text that may also be written as a bare number or as `true` or `false`.
#[derive(Debug, Clone)]
pub(crate) struct Scalar(pub(crate) Value<String>);

impl Decode for Scalar {
    const FORM: &'static str = "a string, a number, true or false";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        match node {
            Json::StringLit(_) => Value::decode(node, cx).map(Self),
            Json::Object(_) => {
                PerPlatform::<ScalarItem>::decode(node, cx).map(|branches| Self(branches.into_value()))
            }
            _ => ScalarItem::decode(node, cx).map(|item| Self(item.0)),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        crate::schema::branched(&ScalarItem::schema(generator))
    }
}

/// One branch of a [`Scalar`].
struct ScalarItem(Value<String>);

impl Decode for ScalarItem {
    const FORM: &'static str = Scalar::FORM;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let literal = match node {
            Json::StringLit(_) => return Value::decode(node, cx).map(Self),
            Json::NumberLit(number) => number.value.to_owned(),
            Json::BooleanLit(flag) => flag.value.to_string(),
            _ => return cx.wrong_type(node, Self::FORM),
        };
        Some(Self(Value::literal(literal, cx.place(node))))
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

impl PerPlatform<ScalarItem> {
    fn into_value(self) -> Value<String> {
        let flat: PerPlatform<Source<String>> = self.filter_map(|item| item.0.choice().as_same().cloned());
        Value::new(flat)
    }
}
