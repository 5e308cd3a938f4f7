//! Steps.

use super::{files, packages, run};
use crate::diagnostic::{Diagnostic, Sink};
use crate::model::step::{Action, Step};
use crate::model::{Value, When};
use crate::parse::node::Found;
use crate::parse::raw::step::RawStep;
use crate::parse::raw::when::RawWhen;
use crate::text::Place;

/// Checks the steps of a fragment or stage.
pub(super) fn steps(raw: Vec<RawStep>, found: &mut Found, sink: &mut Sink) -> Vec<Step> {
    raw.into_iter().filter_map(|one| step(one, found, sink)).collect()
}

fn step(raw: RawStep, found: &mut Found, sink: &mut Sink) -> Option<Step> {
    let (name, condition, place, action) = match raw {
        RawStep::Run(mut one) => {
            let (name, condition, place) = (one.name.take(), one.when.take(), one.place.clone());
            (name, condition, place, run::run(*one, sink).map(|run| Action::Run(Box::new(run))))
        }
        RawStep::Apt(one) => {
            (one.name, one.when, one.place, packages::apt(one.action, sink).map(boxed(Action::Apt)))
        }
        RawStep::Pip(one) => {
            (one.name, one.when, one.place, packages::pip(one.action, sink).map(boxed(Action::Pip)))
        }
        RawStep::Copy(one) => {
            (one.name, one.when, one.place, files::copy(one.action, sink).map(boxed(Action::Copy)))
        }
        RawStep::Add(one) => {
            (one.name, one.when, one.place, files::add(one.action, sink).map(boxed(Action::Add)))
        }
        RawStep::File(one) => {
            (one.name, one.when, one.place, files::file(one.action, found, sink).map(boxed(Action::File)))
        }
        RawStep::Mkdir(one) => {
            (one.name, one.when, one.place, files::mkdir(one.action, sink).map(boxed(Action::Mkdir)))
        }
        RawStep::Symlink(one) => {
            (one.name, one.when, one.place, files::symlink(one.action, sink).map(boxed(Action::Symlink)))
        }
        RawStep::Remove(one) => {
            (one.name, one.when, one.place, files::remove(one.action, sink).map(boxed(Action::Remove)))
        }
        RawStep::User(one) => {
            (one.name, one.when, one.place, files::user(one.action, sink).map(boxed(Action::User)))
        }
    };
    finish(name, condition, place, action, sink)
}

fn boxed<T>(variant: fn(Box<T>) -> Action) -> impl FnOnce(T) -> Action {
    move |action| variant(Box::new(action))
}

fn finish(
    name: Option<Value<String>>,
    condition: Option<RawWhen>,
    place: Place,
    action: Option<Action>,
    sink: &mut Sink,
) -> Option<Step> {
    for (_, at) in name.iter().flat_map(Value::literals).filter(|(text, _)| text.trim().is_empty()) {
        sink.push(Diagnostic::error("empty-value", at, "`name` is empty").expecting("what people shall see"));
    }
    let when = condition.map(|raw| when(raw, "step", sink)).unwrap_or_default();
    action.map(|action| Step { name, when, action, place })
}

/// Checks when a step or a test, a `what`, runs.
pub(super) fn when(raw: RawWhen, what: &str, sink: &mut Sink) -> When {
    let empty = raw.platform.as_ref().filter(|platforms| platforms.0.is_empty());
    if let Some(platforms) = empty {
        sink.push(Diagnostic::error(
            "empty-value",
            platforms.place(),
            format!("`platform` is empty: the {what} never runs"),
        ));
    }
    let values = raw.args.unwrap_or_default().0.into_iter().map(|(name, list)| {
        let texts = list.0.into_iter().filter_map(|value| literal(&value.0, sink)).collect();
        (name, texts)
    });
    let args = values.collect();
    When {
        platforms: raw.platform.map(|platforms| platforms.into_value().0).unwrap_or_default(),
        accelerator: raw.accelerator.map(|test| test.0),
        args,
    }
}

/// Conditions are decided before variables have values, so they hold plain texts.
fn literal(value: &Value<String>, sink: &mut Sink) -> Option<String> {
    let text = value.as_literal().cloned();
    if text.is_none() {
        let fault = Diagnostic::error("invalid-value", value.place(), "invalid `args`: the value varies");
        sink.push(fault.expecting("a plain text, number, true or false"));
    }
    text
}
