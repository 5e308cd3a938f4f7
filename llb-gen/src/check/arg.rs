//! Arguments: which members go with which type, and whether defaults are allowed values.

use super::unexpected;
use crate::diagnostic::{Diagnostic, Sink};
use crate::model::{Arg, ArgKind, ArgName, Pattern, Value};
use crate::parse::raw::arg::{RawArg, RawArgType, RawArgs, RawDeclaration};
use crate::text::{Located, Place};

/// Checks the `args` of a document.
pub(super) fn args(raw: Option<RawArgs>, sink: &mut Sink) -> Vec<Arg> {
    let entries = raw.map(|map| map.0).unwrap_or_default();
    entries.into_iter().filter_map(|(name, raw)| arg(name, raw, sink)).collect()
}

fn arg(name: Located<ArgName>, raw: RawArg, sink: &mut Sink) -> Option<Arg> {
    let arg = match raw {
        RawArg::Default(default, place) => Arg {
            name,
            kind: ArgKind::Text { pattern: None },
            default: Some(default.0),
            description: None,
            place,
        },
        RawArg::Declared(raw) => declared(name, *raw, sink)?,
    };
    if arg.name.is_platform_variable() && arg.kind != ArgKind::Platform {
        let message = format!("`{}` is set by the platform and takes no default", arg.name.value());
        sink.push(
            Diagnostic::error("platform-variable", arg.name.place(), message).expecting("an empty object"),
        );
        return None;
    }
    if let Some(default) = &arg.default {
        check_default(&arg, default, sink);
    }
    Some(arg)
}

fn declared(name: Located<ArgName>, raw: RawDeclaration, sink: &mut Sink) -> Option<Arg> {
    let kind = kind(&name, &raw, sink)?;
    let default = raw.default.map(|default| default.0);
    Some(Arg { name, kind, default, description: raw.description, place: raw.place })
}

fn kind(name: &Located<ArgName>, raw: &RawDeclaration, sink: &mut Sink) -> Option<ArgKind> {
    let kind = raw.kind.as_ref().map_or(RawArgType::String, |kind| *kind.value());
    let bare = raw.kind.is_none() && raw.default.is_none() && raw.pattern.is_none();
    if name.is_platform_variable() && bare {
        return Some(ArgKind::Platform);
    }
    let only = |member: &str, place: Option<&Place>, of: RawArgType, word: &str, sink: &mut Sink| {
        if let Some(place) = place.filter(|_| kind != of) {
            unexpected(member, place, &format!("only an argument of type `{word}` has it"), sink);
        }
    };
    only("values", raw.values.as_ref().map(Located::place), RawArgType::Enum, "enum", sink);
    only("pattern", raw.pattern.as_ref().map(Located::place), RawArgType::String, "string", sink);
    only("minimum", raw.minimum.as_ref().map(Located::place), RawArgType::Int, "int", sink);
    only("maximum", raw.maximum.as_ref().map(Located::place), RawArgType::Int, "int", sink);
    match kind {
        RawArgType::Bool => Some(ArgKind::Bool),
        RawArgType::Enum => values(raw, sink).map(|values| ArgKind::Enum { values }),
        RawArgType::Int => bounds(raw, sink),
        RawArgType::String => {
            let pattern = raw.pattern.as_ref().map(|pattern| compiled(pattern, sink));
            Some(ArgKind::Text { pattern: pattern.flatten() })
        }
    }
}

fn values(raw: &RawDeclaration, sink: &mut Sink) -> Option<Vec<String>> {
    match &raw.values {
        Some(values) if !values.is_empty() => Some(values.value().clone()),
        given => {
            let place = given.as_ref().map_or(&raw.place, Located::place);
            sink.push(Diagnostic::error(
                "missing-member",
                place,
                "an argument of type `enum` needs its `values`",
            ));
            None
        }
    }
}

fn bounds(raw: &RawDeclaration, sink: &mut Sink) -> Option<ArgKind> {
    let (minimum, maximum) =
        (raw.minimum.as_ref().map(|n| *n.value()), raw.maximum.as_ref().map(|n| *n.value()));
    match (minimum, maximum, &raw.maximum) {
        (Some(least), Some(most), Some(written)) if most < least => {
            let message = format!("the maximum {most} is below the minimum {least}");
            sink.push(Diagnostic::error("invalid-value", written.place(), message));
            None
        }
        _ => Some(ArgKind::Int { minimum, maximum }),
    }
}

fn compiled(pattern: &Located<String>, sink: &mut Sink) -> Option<Pattern> {
    let fault = |reason| {
        Diagnostic::error("invalid-pattern", pattern.place(), format!("invalid `pattern`: {reason}"))
    };
    sink.ok(Pattern::new(pattern).map_err(fault))
}

fn check_default(arg: &Arg, default: &Value<String>, sink: &mut Sink) {
    for (literal, place) in default.literals() {
        if let Err(expected) = arg.kind.check(literal) {
            let shown = crate::model::text_value::quoted(literal);
            let message = format!("argument `{}` cannot be {shown}", arg.name.value());
            sink.push(Diagnostic::error("argument-value", place, message).expecting(expected));
        }
    }
}
