//! Arguments as written.

use jsonc_parser::ast::Value as Json;

use super::short::Scalar;
use crate::model::ArgName;
use crate::parse::decode::{Decode, Map, keywords};
use crate::parse::node::{Context, Node};
use crate::parse::object::object;
use crate::parse::varying::branch_key;
use crate::text::{Located, Place};

/// Arguments by name.
pub(crate) type RawArgs = Map<ArgName, RawArg>;

/// A default alone, or a declaration.
#[derive(Debug, Clone)]
pub(crate) enum RawArg {
    Default(Scalar, Place),
    Declared(Box<RawDeclaration>),
}

impl Decode for RawArg {
    const FORM: &'static str = "a string, a number, true, false, or an object with `type` and `default`";
    const OBJECT: bool = true;

    fn decode(node: Node<'_, '_>, cx: &mut Context<'_>) -> Option<Self> {
        let declares = match node {
            Json::Object(object) => {
                object.properties.is_empty()
                    || object.properties.iter().any(|property| branch_key(property.name.as_str()).is_none())
            }
            Json::Array(_) | Json::NullKeyword(_) => return cx.wrong_type(node, Self::FORM),
            _ => false,
        };
        match declares {
            true => RawDeclaration::decode(node, cx).map(|raw| Self::Declared(Box::new(raw))),
            false => Scalar::decode(node, cx).map(|default| Self::Default(default, cx.place(node))),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let declaration = RawDeclaration::schema(generator);
        crate::schema::any_of([Scalar::schema(generator), declaration])
    }
}

/// The type of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RawArgType {
    String,
    Int,
    Bool,
    Enum,
}

keywords!(RawArgType, "`string`, `int`, `bool` or `enum`" {
    /// Any text, or text that matches `pattern`.
    "string" => RawArgType::String,
    /// A whole number, within `minimum` and `maximum` where they are given.
    "int" => RawArgType::Int,
    /// `true` or `false`.
    "bool" => RawArgType::Bool,
    /// One of `values`.
    "enum" => RawArgType::Enum,
});

object! {
    /// The declaration of an argument. An empty object declares an argument without a default, or (for a platform
    /// variable such as `TARGETARCH`) brings the variable into the environment of the fragment's steps.
    RawDeclaration {
        /// What the argument may hold; `string` by default.
        "type" kind: Option<Located<RawArgType>>,
        /// The value unless the manifest or `--build-arg` sets another. May hold `${OTHER_ARGUMENT}`.
        "default" default: Option<Scalar>,
        /// The values of an `enum`.
        "values" values: Option<Located<Vec<String>>>,
        /// A regular expression that the whole value must match; for `string`.
        "pattern" pattern: Option<Located<String>>,
        /// The smallest value of an `int`.
        "minimum" minimum: Option<Located<i64>>,
        /// The largest value of an `int`.
        "maximum" maximum: Option<Located<i64>>,
        /// What the argument is for.
        "description" description: Option<String>,
    }
}
