//! Parts of a matrix: some values of some axes, as `exclude`, `include` and `expect` name them.

use super::axis::{AxisName, AxisValue};
use crate::diagnostic::{Diagnostic, Sink, listed, nearest};
use crate::parse::raw::matrix::{AxisText, RawPartial};
use crate::text::{Located, Place};

/// Some values of some axes.
#[derive(Debug, Clone)]
pub(super) struct Partial {
    pub(super) axes: Vec<(Located<AxisName>, Vec<Located<AxisValue>>)>,
    pub(super) place: Place,
}

/// For each axis the indices of the values that are meant, or nothing where any is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mask(pub(super) Vec<Option<Vec<usize>>>);

impl Mask {
    /// Whether a whole row is meant.
    pub(super) fn matches(&self, row: &[usize]) -> bool {
        let mut axes = self.0.iter().zip(row);
        axes.all(|(wanted, at)| wanted.as_ref().is_none_or(|wanted| wanted.contains(at)))
    }

    /// Whether a row is meant of which some values are still open: only where the open ones do not matter.
    pub(super) fn matches_partly(&self, row: &[Option<usize>]) -> bool {
        let mut axes = self.0.iter().zip(row);
        axes.all(|(wanted, at)| match (wanted, at) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wanted), Some(at)) => wanted.contains(at),
        })
    }
}

/// Every value that a plan names, by axis.
#[derive(Debug, Clone)]
pub(super) struct Universe {
    pub(super) axes: Vec<Located<AxisName>>,
    pub(super) values: Vec<Vec<Located<AxisValue>>>,
}

impl Universe {
    /// The axis of this name.
    pub(super) fn axis(&self, name: &AxisName) -> Option<usize> {
        self.axes.iter().position(|axis| axis.value() == name)
    }

    /// The mask of `partial`, whose values must be among those of `known` (by axis, indices of values). Others are
    /// reported.
    pub(super) fn mask(&self, partial: &Partial, known: &[Vec<usize>], sink: &mut Sink) -> Option<Mask> {
        let mut mask = Mask(vec![None; self.axes.len()]);
        let mut sound = true;
        for (name, values) in &partial.axes {
            let Some(axis) = self.axis(name.value()) else { continue };
            let mut indices = Vec::with_capacity(values.len());
            for value in values {
                match self.index(axis, value.value()).filter(|at| known[axis].contains(at)) {
                    Some(at) => indices.push(at),
                    None => {
                        sink.push(self.unknown_value(axis, value, &known[axis]));
                        sound = false;
                    }
                }
            }
            mask.0[axis] = Some(indices);
        }
        sound.then_some(mask)
    }

    /// Which of an axis's values this one is.
    pub(super) fn index(&self, axis: usize, value: &AxisValue) -> Option<usize> {
        self.values[axis].iter().position(|known| known.value() == value)
    }

    fn unknown_value(&self, axis: usize, value: &Located<AxisValue>, known: &[usize]) -> Diagnostic {
        let known: Vec<String> = known.iter().map(|at| self.values[axis][*at].value().to_string()).collect();
        let written = value.value().to_string();
        let name = self.axes[axis].value();
        let message = format!("axis `{name}` has no value `{written}`");
        let list = known.iter().map(String::as_str);
        let near = nearest(&written, list.clone()).map(|near| format!("did you mean `{near}`? "));
        let help = format!("{}it has {}", near.unwrap_or_default(), listed(list));
        Diagnostic::error("unknown-value", value.place(), message).help(help)
    }
}

/// Reads the entry of a member. Axes that the matrix does not have (`also` apart) and values that are none are reported.
pub(super) fn partial(
    raw: RawPartial,
    axes: &[Located<AxisName>],
    also: &[AxisName],
    sink: &mut Sink,
) -> Option<Partial> {
    let place = raw.place().clone();
    if raw.value().0.is_empty() {
        let fault = Diagnostic::error("empty-value", &place, "the entry names no axis");
        sink.push(fault.expecting("at least one axis with a value"));
        return None;
    }
    let mut sound = true;
    let mut read = Vec::new();
    for (name, texts) in raw.into_value().0 {
        if !axes.iter().any(|axis| axis.value() == name.value()) && !also.contains(name.value()) {
            sink.push(unknown_axis(&name, axes));
            sound = false;
            continue;
        }
        let values = values(&name, &texts.0, sink);
        sound &= values.len() == texts.0.len() && !values.is_empty();
        read.push((name, values));
    }
    sound.then_some(Partial { axes: read, place })
}

fn values(name: &Located<AxisName>, texts: &[Located<AxisText>], sink: &mut Sink) -> Vec<Located<AxisValue>> {
    if texts.is_empty() {
        let message = format!("axis `{}` has no values here", name.value());
        sink.push(Diagnostic::error("empty-value", name.place(), message).expecting("at least one value"));
    }
    texts.iter().filter_map(|text| sink.ok(name.value().read(text))).collect()
}

fn unknown_axis(name: &Located<AxisName>, axes: &[Located<AxisName>]) -> Diagnostic {
    let known: Vec<String> = axes.iter().map(|axis| axis.value().to_string()).collect();
    let written = name.value().to_string();
    let help = match nearest(&written, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the matrix has {}", listed(known.iter().map(String::as_str))),
    };
    Diagnostic::error("unknown-axis", name.place(), format!("the matrix has no axis `{written}`")).help(help)
}
