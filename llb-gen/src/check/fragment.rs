//! Fragments by themselves: everything that needs no other file.

use std::collections::BTreeMap;

use super::files::stages_of;
use super::variables::{self, Circle};
use super::{arg, checks, composition, config, step, test};
use crate::diagnostic::{Diagnostic, Sink, listed, nearest};
use crate::model::step::{Action, MountSource, Origin, Step};
use crate::model::{Arg, ArgKind, Fragment, Stage, StageBase, StageName, Value, When};
use crate::ordered::ordered;
use crate::parse::RawFragment;
use crate::parse::node::Found;
use crate::parse::raw::fragment::RawStage;
use crate::text::{Located, Place};

/// How many stages a fragment may have: far more than anybody reads, few enough to look at each with each.
const MOST_STAGES: usize = 100;

/// Checks a fragment; what is used and branched in it is returned for the checks across files.
pub(super) fn fragment(raw: RawFragment, sink: &mut Sink) -> (Fragment, Found) {
    let RawFragment { file, raw, mut found } = raw;
    let stages = raw.stages.0.unwrap_or_default().0;
    let fragment = Fragment {
        name: raw.name,
        version: raw.version,
        description: raw.description.0,
        builds_on: raw.builds_on.0.map(|names| names.0),
        requires: raw.requires.0.map(|all| all.0).unwrap_or_default(),
        provides: raw.provides.0.map(|all| all.0).unwrap_or_default(),
        wins: raw.wins.0.unwrap_or_default(),
        layout: composition::layout(raw.layout.0, sink),
        args: arg::args(raw.args.0, sink),
        env: config::env(raw.env.0),
        steps: step::steps(raw.steps.0.map(|steps| steps.0).unwrap_or_default(), &mut found, sink),
        config: config::config(raw.config.0, true, sink),
        stages: stages.into_iter().map(|(name, raw)| stage(name, raw, &mut found, sink)).collect(),
        tests: test::tests(raw.tests.0, test::Owner::Fragment, sink),
        check: checks::own(raw.check.0, sink),
        file,
    };
    variables::circles(&Circle::of_args(&fragment.args), sink);
    variables::circles(&Circle::of_env(&fragment.env), sink);
    if let Some(stage) = fragment.stages.get(MOST_STAGES) {
        let message = format!("a fragment has at most {MOST_STAGES} stages");
        sink.push(Diagnostic::error("too-many", stage.name.place(), message));
    }
    stage_circles(&fragment, sink);
    composition::alone(&fragment, sink);
    // What is missing because it was malformed must not be reported as missing.
    if !found.broken {
        stage_references(&fragment, sink);
        conditions(&fragment, sink);
    }
    (fragment, found)
}

fn stage(name: Located<StageName>, raw: RawStage, found: &mut Found, sink: &mut Sink) -> Stage {
    let base = raw.base.unwrap_or_else(|| Value::literal(StageBase::Fragment, raw.place.clone()));
    let stage = Stage {
        name,
        base,
        env: config::env(raw.env),
        workdir: raw.workdir,
        steps: step::steps(raw.steps.0, found, sink),
        place: raw.place,
    };
    variables::circles(&Circle::of_env(&stage.env), sink);
    stage
}

/// Every `from` of `steps`.
pub(super) fn origins(steps: &[Step]) -> impl Iterator<Item = &Value<Origin>> {
    steps.iter().flat_map(|step| -> Vec<&Value<Origin>> {
        match &step.action {
            Action::Copy(copy) => vec![&copy.from],
            Action::Run(run) => {
                let mounts = run.mounts.iter().filter_map(|mount| match &mount.source {
                    MountSource::Bind { from, .. } => Some(from),
                    MountSource::Tmpfs { .. } => None,
                });
                run.cache.iter().filter_map(|cache| cache.from.as_ref()).chain(mounts).collect()
            }
            _ => Vec::new(),
        }
    })
}

/// The stages that `steps` take files from.
fn used_stages(steps: &[Step]) -> impl Iterator<Item = Located<StageName>> {
    origins(steps).flat_map(stages_of)
}

/// The stage that `stage` is built on.
fn base_stages(stage: &Stage) -> impl Iterator<Item = Located<StageName>> {
    stage.base.literals().filter_map(|(base, place)| match base {
        StageBase::Stage(name) => Some(Located::new(name.clone(), place.clone())),
        _ => None,
    })
}

fn needs(stage: &Stage) -> Vec<Located<StageName>> {
    base_stages(stage).chain(used_stages(&stage.steps)).collect()
}

fn stage_references(fragment: &Fragment, sink: &mut Sink) {
    let inner = fragment.stages.iter().flat_map(needs);
    for name in used_stages(&fragment.steps).chain(inner) {
        if fragment.stage(name.value()).is_none() {
            let known = || fragment.stages.iter().map(|stage| stage.name.as_str());
            let help = match nearest(name.as_str(), known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the fragment's stages: {}", listed(known())),
            };
            let message = format!("unknown stage `{}`", name.value());
            sink.push(Diagnostic::error("unknown-stage", name.place(), message).help(help));
        }
    }
    let steps = fragment.stages.iter().flat_map(|stage| &stage.steps).chain(&fragment.steps);
    let steps: Vec<Step> = steps.cloned().collect();
    for (text, place) in
        origins(&steps).flat_map(Value::texts).filter(|(text, _)| text.prefix().starts_with("stage:"))
    {
        let used = text.uses().first().map(|used| used.name.to_owned()).unwrap_or_default();
        let message =
            format!("the name of a stage cannot hold `${{{used}}}`: stages are found before variables are");
        sink.push(Diagnostic::error("stage-from-variable", place, message));
    }
}

fn stage_circles(fragment: &Fragment, sink: &mut Sink) {
    let edges: BTreeMap<&str, Vec<(String, Place)>> = ordered(fragment.stages.iter().map(|stage| {
        let used = needs(stage).into_iter().map(|name| (name.as_str().to_owned(), name.place().clone()));
        (stage.name.as_str(), used.collect())
    }));
    for (path, place) in variables::find_circles(&edges) {
        let message = format!("stages need each other: {}", path.join(" → "));
        sink.push(Diagnostic::error("stage-cycle", &place, message));
    }
}

/// The conditions of a fragment's steps and tests.
fn conditions(fragment: &Fragment, sink: &mut Sink) {
    let steps = fragment.stages.iter().flat_map(|stage| &stage.steps).chain(&fragment.steps);
    let steps = steps.map(|step| &step.when);
    let tests = fragment.tests.iter().map(|test| &test.when);
    possible_conditions(steps.chain(tests), &fragment.args, "the fragment's", sink);
}

/// A condition on an argument must be one that the argument can meet. `whose` arguments they are is for the message.
pub(super) fn possible_conditions<'w>(
    conditions: impl Iterator<Item = &'w When>,
    args: &[Arg],
    whose: &str,
    sink: &mut Sink,
) {
    for (name, values) in conditions.flat_map(|when| &when.args) {
        match args.iter().find(|arg| arg.name.value() == name.value()) {
            Some(arg) => values.iter().for_each(|value| possible(arg, value, name.place(), sink)),
            None if name.is_platform_variable() => {}
            None => {
                let known = || args.iter().map(|arg| arg.name.as_str());
                let help = match nearest(name.as_str(), known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("declare it in {whose} `args`; declared are {}", listed(known())),
                };
                let message = format!("unknown argument `{}`", name.value());
                sink.push(Diagnostic::error("unknown-argument", name.place(), message).help(help));
            }
        }
    }
}

fn possible(arg: &Arg, value: &str, place: &Place, sink: &mut Sink) {
    if arg.kind == ArgKind::Platform {
        return;
    }
    if let Err(expected) = arg.kind.check(value) {
        let shown = crate::model::text_value::quoted(value);
        let message = format!("argument `{}` is never {shown}", arg.name.value());
        sink.push(Diagnostic::error("impossible-condition", place, message).expecting(expected));
    }
}
