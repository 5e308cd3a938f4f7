//! Objects with exactly one action: steps and tests.

use jsonc_parser::ast::Object;

use crate::diagnostic::{Diagnostic, listed, nearest};
use crate::parse::node::Context;

/// The one action of `object`, which is a `what`.
pub(super) fn one_action(
    object: &Object<'_>,
    what: &str,
    actions: &[&'static str],
    cx: &mut Context<'_>,
) -> Option<&'static str> {
    let has = |name: &str| object.properties.iter().any(|property| property.name.as_str() == name);
    let found: Vec<&'static str> = actions.iter().copied().filter(|name| has(name)).collect();
    match found[..] {
        [one] => Some(one),
        [] => no_action(object, what, actions, cx),
        [_, second, ..] => {
            let property = object.properties.iter().find(|property| property.name.as_str() == second)?;
            let message = format!("a {what} with several actions: {}", listed(found.iter().copied()));
            let fault = Diagnostic::error("several-actions", &cx.place(&property.name), message);
            cx.refuse(fault.help(format!("write a {what} for each")))
        }
    }
}

fn no_action(
    object: &Object<'_>,
    what: &str,
    actions: &[&'static str],
    cx: &mut Context<'_>,
) -> Option<&'static str> {
    let near = object.properties.iter().find_map(|property| {
        nearest(property.name.as_str(), actions.iter().copied()).map(|near| (property, near))
    });
    let expected = format!("one of {}", listed(actions.iter().copied()));
    let fault = match near {
        Some((property, near)) => {
            let shown = crate::model::text_value::quoted(property.name.as_str());
            Diagnostic::error("unknown-member", &cx.place(&property.name), format!("unknown action {shown}"))
                .help(format!("did you mean `{near}`?"))
        }
        None => Diagnostic::error("no-action", &cx.place(object), format!("a {what} without an action")),
    };
    cx.refuse(fault.expecting(expected))
}
