//! Objects with fixed members: decoding and, with the feature `schema`, the JSON Schema, from one definition.

use jsonc_parser::ast::{Object, ObjectProp, Value};

use super::decode::Member;
use super::node::Context;
use crate::diagnostic::{Diagnostic, listed, nearest};
use crate::text::{Place, Span};

/// Defines a struct that mirrors a JSON object: for each member its documentation, its name in JSON, its field and its
/// type. Decoding reports every unknown, repeated, missing and malformed member and goes on; the schema has the same
/// members, types and descriptions, so the two cannot drift apart.
macro_rules! object {
    ($(#[doc = $about:literal])* $name:ident { $( $(#[doc = $doc:literal])* $json:literal $field:ident: $type:ty, )* }) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone)]
        #[allow(dead_code, reason = "`$schema` is for editors, and not every object is pointed at as a whole")]
        pub(crate) struct $name {
            $( $(#[doc = $doc])* pub(crate) $field: $type, )*
            pub(crate) place: $crate::text::Place,
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).trim_start_matches("Raw").into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut object = $crate::schema::ObjectSchema::new(concat!($($about),*));
                $( object.member::<$type>($json, concat!($($doc),*), generator); )*
                object.finish()
            }
        }

        impl $crate::parse::decode::Decode for $name {
            const FORM: &'static str = "an object";
            const OBJECT: bool = true;

            fn decode(
                node: $crate::parse::node::Node<'_, '_>,
                cx: &mut $crate::parse::node::Context<'_>,
            ) -> Option<Self> {
                let mut members = $crate::parse::object::Members::open(node, &[$($json),*], cx)?;
                $( let $field = members.take::<$type>($json, cx); )*
                members.close(cx)?;
                Some(Self { $($field: $field?,)* place: cx.place(node) })
            }

            #[cfg(feature = "schema")]
            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<Self>()
            }
        }
    };
}

pub(crate) use object;

/// The members of an object while they are taken one by one.
pub(crate) struct Members<'n, 't> {
    object: &'n Object<'t>,
    /// The object's opening brace, where a missing member is reported.
    brace: Span,
    /// Whether there are unknown or repeated members.
    spoiled: bool,
}

impl<'n, 't> Members<'n, 't> {
    /// The members of `node`, after reporting those that are repeated or not among `known`.
    pub(crate) fn open(node: &'n Value<'t>, known: &[&'static str], cx: &mut Context<'_>) -> Option<Self> {
        let Value::Object(object) = node else { return cx.wrong_type(node, "an object") };
        let mut spoiled = repeated(object, cx);
        for property in &object.properties {
            if !known.contains(&property.name.as_str()) {
                unknown(property, known, cx);
                spoiled = true;
            }
        }
        Some(Self { object, brace: Span::new(object.range.start, object.range.start + 1), spoiled })
    }

    /// Nothing for an object with unknown or repeated members: what it lacks may be what they were meant to be. Only
    /// a whole document goes on without them.
    pub(crate) fn close(self, cx: &Context<'_>) -> Option<()> {
        (!self.spoiled || cx.member.is_none()).then_some(())
    }

    /// The member `name`; nothing when it is malformed, or missing but needed. Both have then been reported.
    pub(crate) fn take<M: Member>(&mut self, name: &'static str, cx: &mut Context<'_>) -> Option<M> {
        match self.find(name) {
            Some(value) => cx.within(name, |cx| M::present(value, cx)),
            None => {
                let absent = M::absent();
                if absent.is_none() {
                    self.missing(name, M::EXPECTED, cx);
                }
                absent
            }
        }
    }

    fn find(&self, name: &str) -> Option<&'n Value<'t>> {
        let property = self.object.properties.iter().find(|property| property.name.as_str() == name)?;
        Some(&property.value)
    }

    fn missing(&self, name: &str, expected: &str, cx: &mut Context<'_>) {
        let place = Place::new(cx.file, self.brace);
        let owner = cx.member.map(|owner| format!(" in `{owner}`")).unwrap_or_default();
        let missing = format!("the member `{name}` is missing{owner}");
        cx.sink.push(Diagnostic::error("missing-member", &place, missing).expecting(expected));
    }
}

/// Reports every member that has appeared before; whether there is one.
pub(crate) fn repeated(object: &Object<'_>, cx: &mut Context<'_>) -> bool {
    let mut any = false;
    let mut seen: std::collections::BTreeMap<&str, &ObjectProp<'_>> = std::collections::BTreeMap::new();
    for property in &object.properties {
        if let Some(first) = seen.get(property.name.as_str()) {
            let place = cx.place(&property.name);
            let shown = crate::model::text_value::quoted(property.name.as_str());
            let fault =
                Diagnostic::error("repeated-member", &place, format!("the member {shown} appears twice"));
            let fault = fault.label(&cx.place(&first.name), "first here");
            cx.sink.push(fault);
            any = true;
        } else {
            seen.insert(property.name.as_str(), property);
        }
    }
    any
}

fn unknown(property: &ObjectProp<'_>, known: &[&'static str], cx: &mut Context<'_>) {
    let name = property.name.as_str();
    let owner = cx.member.map(|owner| format!(" in `{owner}`")).unwrap_or_default();
    let shown = crate::model::text_value::quoted(name);
    let beside_action = known.contains(&"when") && !known.contains(&"run");
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if beside_action => {
            "an action's own members stand inside its object; only those of `run` beside it".to_owned()
        }
        None => format!("known are {}", listed(known.iter().copied())),
    };
    let message = format!("unknown member {shown}{owner}");
    let fault = Diagnostic::error("unknown-member", &cx.place(&property.name), message).help(help);
    cx.sink.push(fault);
}
