//! `frontend.graph`: what a build would ask BuildKit for.

use llb_gen::chart::Chart;

use super::Answer;
use crate::options::Format;

/// The graph; `title` is what it is of. For programs it is the same in every format.
pub fn graph(chart: &Chart, title: &str, format: Format) -> Answer {
    let text = match format {
        Format::Dot => chart.dot(title),
        Format::Mermaid => chart.mermaid(),
        Format::Standard | Format::GitHub => chart.text(title),
    };
    Answer::new(chart, text)
}
