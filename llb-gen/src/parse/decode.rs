//! From a JSON value to a typed one.

use jsonc_parser::ast::Value as Json;
#[cfg(feature = "schema")]
use schemars::{Schema, SchemaGenerator, json_schema};

use super::node::{Context, Node};
use super::object::repeated;
use crate::diagnostic::Diagnostic;
use crate::model::{Invalid, TextValue};
use crate::text::Located;

/// A type that is read from one JSON value. What is wrong is reported to the context; the value is then nothing.
pub(crate) trait Decode: Sized {
    /// What is expected, for messages.
    const FORM: &'static str;
    /// Whether the type itself may be written as an object.
    const OBJECT: bool = false;

    /// Reads `node`.
    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self>;

    /// What an editor is told about it.
    #[cfg(feature = "schema")]
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// The type of a member: one that must be there, or (an `Option`, or a type with an empty value) may be absent.
pub(crate) trait Member: Sized {
    /// What is expected, for messages.
    const EXPECTED: &'static str;

    /// The value of an absent member; nothing for one that must be there.
    fn absent() -> Option<Self>;

    /// The value of a member that is there.
    fn present(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self>;

    /// What an editor is told about it.
    #[cfg(feature = "schema")]
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

impl<T: Decode> Member for T {
    const EXPECTED: &'static str = T::FORM;

    fn absent() -> Option<Self> {
        None
    }

    fn present(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        T::decode(node, cx)
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        <T as Decode>::schema(generator)
    }
}

impl<T: Decode> Member for Option<T> {
    const EXPECTED: &'static str = T::FORM;

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn present(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        T::decode(node, cx).map(Some)
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

impl<T: TextValue> Decode for T {
    const FORM: &'static str = T::FORM;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let Json::StringLit(string) = node else { return cx.wrong_type(node, T::FORM) };
        match T::from_text(&string.value) {
            Ok(value) => Some(value),
            Err(fault) => cx.invalid(node, fault, T::FORM),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        crate::schema::plain_text::<T>(generator)
    }
}

impl<T: Decode> Decode for Located<T> {
    const FORM: &'static str = T::FORM;
    const OBJECT: bool = T::OBJECT;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let place = cx.place(node);
        T::decode(node, cx).map(|value| Self::new(value, place))
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        <T as Decode>::schema(generator)
    }
}

impl Decode for bool {
    const FORM: &'static str = "true or false";

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        match node {
            Json::BooleanLit(literal) => Some(literal.value),
            _ => cx.wrong_type(node, Self::FORM),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

macro_rules! whole_numbers {
    ($($type:ty: $form:literal;)+) => {$(
        impl Decode for $type {
            const FORM: &'static str = $form;

            fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
                let Json::NumberLit(literal) = node else { return cx.wrong_type(node, $form) };
                match literal.value.parse() {
                    Ok(number) => Some(number),
                    Err(_) => cx.invalid(node, not_whole(literal.value), $form),
                }
            }

            #[cfg(feature = "schema")]
            fn schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "integer", "minimum": <$type>::MIN, "maximum": <$type>::MAX })
            }
        }
    )+};
}

whole_numbers! {
    u8: "a whole number from 0 to 255";
    u32: "a whole number from 0 to 4294967295";
    i64: "a whole number";
}

fn not_whole(number: &str) -> Invalid {
    let shown = &number[..number.len().min(40)];
    Invalid::new(format!("`{shown}` is out of range or no whole number"))
}

impl<T: Decode> Decode for Vec<T> {
    const FORM: &'static str = "an array";

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let Json::Array(array) = node else { return cx.wrong_type(node, Self::FORM) };
        let mut items = Self::with_capacity(array.elements.len());
        for item in &array.elements {
            items.extend(T::decode(item, cx));
        }
        (items.len() == array.elements.len()).then_some(items)
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let items = <T as Decode>::schema(generator);
        json_schema!({ "type": "array", "items": items })
    }
}

/// An object whose members' names are data: each a `K`, each value a `V`, in the order written.
#[derive(Debug, Clone)]
pub(crate) struct Map<K, V>(pub(crate) Vec<(Located<K>, V)>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: TextValue, V: Decode> Decode for Map<K, V> {
    const FORM: &'static str = "an object";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let Json::Object(object) = node else { return cx.wrong_type(node, Self::FORM) };
        let spoiled = repeated(object, cx);
        let mut entries = Vec::with_capacity(object.properties.len());
        for property in &object.properties {
            let key = match K::from_text(property.name.as_str()) {
                Ok(key) => Some(Located::new(key, cx.place(&property.name))),
                Err(fault) => cx.invalid(&property.name, fault, K::FORM),
            };
            let value = V::decode(&property.value, cx);
            entries.extend(key.zip(value));
        }
        (entries.len() == object.properties.len() && !spoiled).then_some(Self(entries))
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        crate::schema::map::<K>(&<V as Decode>::schema(generator))
    }
}

/// An optional member of a document. One that is malformed (and was reported) counts as absent, so that the rest of the
/// document is still looked at.
#[derive(Debug, Clone)]
pub(crate) struct Kept<T>(pub(crate) Option<T>);

impl<T: Member> Member for Kept<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn absent() -> Option<Self> {
        Some(Self(None))
    }

    fn present(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        Some(Self(T::present(node, cx)))
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

/// A list of which malformed items (which were reported) are left out.
#[derive(Debug, Clone)]
pub(crate) struct Tolerant<T>(pub(crate) Vec<T>);

impl<T: Decode> Decode for Tolerant<T> {
    const FORM: &'static str = <Vec<T> as Decode>::FORM;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let Json::Array(array) = node else { return cx.wrong_type(node, <Self as Decode>::FORM) };
        Some(Self(array.elements.iter().filter_map(|item| T::decode(item, cx)).collect()))
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        <Vec<T> as Decode>::schema(generator)
    }
}

/// One item or a list of them.
#[derive(Debug, Clone)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<T>);

impl<T: Decode> Decode for OneOrMany<T> {
    const FORM: &'static str = T::FORM;
    const OBJECT: bool = T::OBJECT;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        match node {
            Json::Array(_) => Vec::decode(node, cx).map(Self),
            _ => T::decode(node, cx).map(|one| Self(vec![one])),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        crate::schema::one_or_list(T::schema(generator))
    }
}

/// Defines how an enum is written: one word for each variant, with a description for editors.
macro_rules! keywords {
    ($type:ty, $form:literal { $($(#[doc = $doc:literal])+ $word:literal => $value:expr,)+ }) => {
        impl $crate::parse::decode::Decode for $type {
            const FORM: &'static str = $form;

            fn decode(
                node: $crate::parse::node::Node<'_, '_>,
                cx: &mut $crate::parse::node::Context<'_>,
            ) -> Option<Self> {
                let words = [$($word),+];
                match $crate::parse::decode::keyword(node, $form, &words, cx)? {
                    $($word => Some($value),)+
                    _ => None,
                }
            }

            #[cfg(feature = "schema")]
            fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "oneOf": [$({ "const": $word, "description": concat!($($doc),+).trim() }),+]
                })
            }
        }
    };
}

pub(crate) use keywords;

/// The word of `node` among `words`, with the nearest one in the message when it is none of them.
pub(crate) fn keyword(
    node: Node<'_, '_>,
    form: &'static str,
    words: &[&'static str],
    cx: &mut Context<'_>,
) -> Option<&'static str> {
    let Json::StringLit(string) = node else { return cx.wrong_type(node, form) };
    if let Some(word) = words.iter().find(|word| **word == string.value) {
        return Some(word);
    }
    let near = crate::diagnostic::nearest(&string.value, words.iter().copied());
    let message = format!("{} cannot be {}", cx.subject(), crate::model::text_value::quoted(&string.value));
    let fault = Diagnostic::error("invalid-value", &cx.place(node), message).expecting(form);
    cx.refuse(fault.maybe_help(near.map(|near| format!("did you mean `{near}`?"))))
}
