//! From a plan as it is written to its combinations.

use std::collections::BTreeMap;

use super::axis::{AxisName, AxisValue};
use super::expand::Expansion;
use super::partial::{Mask, Partial, Universe, partial};
use super::{DEFAULT_CONCURRENCY, Expectation, Plan};
use crate::check::manifest::id_is_the_stem;
use crate::diagnostic::{Diagnostic, Sink};
use crate::model::Platform;
use crate::parse::RawPlan;
use crate::parse::decode::{Kept, Tolerant};
use crate::parse::node::Found;
use crate::parse::raw::matrix::{RawExpectation, RawMatrix, RawPartial};
use crate::record::Verdict;
use crate::text::{Located, Place};

/// How many axes a matrix may have.
const MOST_AXES: usize = 50;
/// How many combinations may be built at the same time.
const MOST_AT_ONCE: u8 = 16;

/// Checks a plan and expands its matrix.
pub(crate) fn plan(raw: RawPlan, sink: &mut Sink) -> (Plan, Found) {
    let RawPlan { file, raw, found } = raw;
    id_is_the_stem(raw.id.as_str(), raw.id.place(), file.path(), sink);
    let matrix_place = raw.matrix.place().clone();
    let axes = axes(raw.matrix, sink);
    let names: Vec<Located<AxisName>> = axes.iter().map(|(name, _)| name.clone()).collect();
    let exclude = partials(raw.exclude, &names, sink);
    let include = partials(raw.include, &names, sink);
    let platforms = raw.platforms.0.map(|list| platforms(list, &names, sink)).unwrap_or_default();
    let expect = expectations(raw.expect, &names, sink);
    let (universe, matrix) = universe(axes, &include);
    let mut plan = Plan {
        id: raw.id,
        description: raw.description.0,
        manifest: raw.manifest,
        strategy: raw.strategy.0.unwrap_or_default(),
        concurrency: concurrency(raw.concurrency.0.as_ref(), sink),
        platforms,
        file,
        axes: names,
        combinations: Vec::new(),
        expectations: Vec::new(),
    };
    let parts = Parts { universe: &universe, matrix: &matrix, place: &matrix_place };
    parts.complete(&mut plan, &exclude, &include, expect, sink);
    (plan, found)
}

/// The matrix while a plan is completed.
struct Parts<'p> {
    universe: &'p Universe,
    matrix: &'p [Vec<usize>],
    place: &'p Place,
}

/// An expectation whose values are not looked up yet.
struct Expected {
    when: Option<Partial>,
    verdict: Verdict,
}

impl Parts<'_> {
    fn complete(
        &self,
        plan: &mut Plan,
        exclude: &[Partial],
        include: &[Partial],
        expect: Vec<Expected>,
        sink: &mut Sink,
    ) {
        let exclude: Vec<Mask> =
            exclude.iter().filter_map(|one| self.universe.mask(one, self.matrix, sink)).collect();
        let known: Vec<Vec<usize>> =
            self.universe.values.iter().map(|values| (0..values.len()).collect()).collect();
        let masks: Vec<(Option<Mask>, Expected)> =
            expect.into_iter().map(|one| (self.mask(&one, &known, sink), one)).collect();
        if !sink.is_empty() {
            return;
        }
        let expansion = Expansion {
            universe: self.universe,
            matrix: self.matrix,
            exclude: &exclude,
            include,
            strategy: plan.strategy,
            place: self.place,
        };
        plan.combinations = expansion.combinations(sink).unwrap_or_default();
        for (mask, one) in masks {
            plan.expectations.extend(mask.and_then(|mask| expectation(plan, mask, &one, sink)));
        }
    }

    fn mask(&self, one: &Expected, known: &[Vec<usize>], sink: &mut Sink) -> Option<Mask> {
        match &one.when {
            Some(when) => self.universe.mask(when, known, sink),
            None => Some(Mask::default()),
        }
    }
}

/// The expectation, unless there is nothing that it could be about.
fn expectation(plan: &Plan, mask: Mask, one: &Expected, sink: &mut Sink) -> Option<Expectation> {
    let platforms = one.when.as_ref().map(|when| open_platforms(plan, when)).unwrap_or_default();
    let expectation = Expectation { mask, platforms, verdict: one.verdict };
    let Some(when) = &one.when else { return Some(expectation) };
    let tried = |platform: &Platform| plan.platforms.iter().any(|one| one.value() == platform);
    let untried = !plan.platforms.is_empty()
        && !expectation.platforms.is_empty()
        && !expectation.platforms.iter().any(tried);
    let about = plan.combinations.iter().any(|row| expectation.fits(&row.indices, None)) && !untried;
    if !about && !plan.combinations.is_empty() {
        let message = "no combination of the plan is one that this expectation is about";
        sink.push(Diagnostic::error("expectation-of-nothing", &when.place, message));
        return None;
    }
    Some(expectation)
}

/// The platforms that an expectation names where `platform` is no axis.
fn open_platforms(plan: &Plan, when: &Partial) -> Vec<Platform> {
    if plan.axes.iter().any(|axis| *axis.value() == AxisName::Platform) {
        return Vec::new();
    }
    let platform = |value: &Located<AxisValue>| match value.value() {
        AxisValue::Platform(platform) => Some(platform.clone()),
        _ => None,
    };
    when.axes.iter().flat_map(|(_, values)| values.iter().filter_map(platform)).collect()
}

/// The axes, sorted by name, versions as versions.
fn axes(raw: Located<RawMatrix>, sink: &mut Sink) -> Vec<(Located<AxisName>, Vec<Located<AxisValue>>)> {
    let place = raw.place().clone();
    let raw = raw.into_value().0;
    if raw.is_empty() {
        let fault = Diagnostic::error("empty-value", &place, "`matrix` is empty");
        sink.push(fault.expecting("at least one axis with its values"));
    }
    if let Some((name, _)) = raw.get(MOST_AXES) {
        let message = format!("a matrix has at most {MOST_AXES} axes");
        sink.push(Diagnostic::error("too-many", name.place(), message));
    }
    let mut axes = Vec::with_capacity(raw.len());
    for (name, texts) in raw {
        if texts.is_empty() {
            let message = format!("axis `{}` has no values", name.value());
            sink.push(
                Diagnostic::error("empty-value", texts.place(), message).expecting("at least one value"),
            );
        }
        let read = texts.value().iter().filter_map(|text| sink.ok(name.value().read(text))).collect();
        let values = distinct(&name, read, sink);
        axes.push((name, sorted(values)));
    }
    axes.sort_by_key(|(name, _)| name.value().to_string());
    axes
}

fn distinct(
    name: &Located<AxisName>,
    values: Vec<Located<AxisValue>>,
    sink: &mut Sink,
) -> Vec<Located<AxisValue>> {
    let mut distinct: Vec<Located<AxisValue>> = Vec::with_capacity(values.len());
    for value in values {
        match distinct.iter().find(|known| known.value() == value.value()) {
            None => distinct.push(value),
            Some(first) => {
                let message = format!("axis `{}` has `{}` twice", name.value(), value.value());
                let fault = Diagnostic::error("repeated-value", value.place(), message);
                sink.push(fault.label(first.place(), "first here"));
            }
        }
    }
    distinct
}

/// Versions in the order of versions; what is no version stays as it is written.
fn sorted(mut values: Vec<Located<AxisValue>>) -> Vec<Located<AxisValue>> {
    values.sort_by(|a, b| a.value().version().cmp(&b.value().version()));
    values
}

/// Everything that the matrix and `include` name, and which of it is the matrix's.
fn universe(
    axes: Vec<(Located<AxisName>, Vec<Located<AxisValue>>)>,
    include: &[Partial],
) -> (Universe, Vec<Vec<usize>>) {
    let mut universe = Universe { axes: Vec::new(), values: Vec::new() };
    let mut matrix = Vec::new();
    for (name, own) in axes {
        let mut all = own.clone();
        let entries = include.iter().flat_map(|entry| &entry.axes);
        let added = entries.filter(|(other, _)| other.value() == name.value()).flat_map(|(_, values)| values);
        for value in added {
            if !all.iter().any(|known| known.value() == value.value()) {
                all.push(value.clone());
            }
        }
        let all = sorted(all);
        let position = |value: &Located<AxisValue>| all.iter().position(|one| one.value() == value.value());
        matrix.push(own.iter().filter_map(position).collect());
        universe.axes.push(name);
        universe.values.push(all);
    }
    (universe, matrix)
}

fn partials(raw: Kept<Tolerant<RawPartial>>, names: &[Located<AxisName>], sink: &mut Sink) -> Vec<Partial> {
    let entries = raw.0.map(|list| list.0).unwrap_or_default();
    entries.into_iter().filter_map(|entry| partial(entry, names, &[], sink)).collect()
}

fn expectations(
    raw: Kept<Tolerant<RawExpectation>>,
    names: &[Located<AxisName>],
    sink: &mut Sink,
) -> Vec<Expected> {
    let mut read = Vec::new();
    for entry in raw.0.map(|list| list.0).unwrap_or_default() {
        let verdict = entry.verdict.0;
        match entry.when.map(|when| partial(when, names, &[AxisName::Platform], sink)) {
            Some(None) => {}
            Some(Some(when)) => read.push(Expected { when: Some(when), verdict }),
            None => read.push(Expected { when: None, verdict }),
        }
    }
    read
}

fn platforms(
    list: Located<Vec<Located<Platform>>>,
    names: &[Located<AxisName>],
    sink: &mut Sink,
) -> Vec<Located<Platform>> {
    if let Some(axis) = names.iter().find(|axis| *axis.value() == AxisName::Platform) {
        let message = "`platforms` has no place here: `platform` is an axis of the matrix";
        let fault = Diagnostic::error("unexpected-member", list.place(), message);
        sink.push(fault.label(axis.place(), "the axis"));
    }
    if list.is_empty() {
        let fault = Diagnostic::error("empty-value", list.place(), "`platforms` is empty");
        sink.push(fault.expecting("at least one platform, or no such member"));
    }
    let mut seen: BTreeMap<Platform, Place> = BTreeMap::new();
    let mut distinct = Vec::new();
    for platform in list.into_value() {
        match seen.get(platform.value()) {
            None => {
                seen.insert(platform.value().clone(), platform.place().clone());
                distinct.push(platform);
            }
            Some(first) => {
                let message = format!("platform `{}` appears twice", platform.value());
                let fault = Diagnostic::error("repeated-platform", platform.place(), message);
                sink.push(fault.label(first, "first here"));
            }
        }
    }
    distinct
}

fn concurrency(given: Option<&Located<u8>>, sink: &mut Sink) -> u8 {
    let Some(given) = given else { return DEFAULT_CONCURRENCY };
    if !(1..=MOST_AT_ONCE).contains(given.value()) {
        let message = format!("`concurrency` cannot be {}", given.value());
        let fault = Diagnostic::error("invalid-value", given.place(), message);
        sink.push(fault.expecting(format!("a number from 1 to {MOST_AT_ONCE}")));
    }
    *given.value()
}
