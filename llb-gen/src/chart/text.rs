//! A chart as a numbered list.

use std::fmt::Write as _;

use super::{Chart, ChartVertex, short};

/// One vertex a line under the heading of its group: its number, the numbers of what it takes (`5:1` is the second output of 5),
/// its kind, the beginning of its digest and its name.
pub(super) fn text(chart: &Chart, title: &str) -> String {
    let groups = chart.groups();
    let mut number = vec![0; chart.vertices.len()];
    for (at, vertex) in groups.iter().flat_map(|(_, vertices)| vertices).enumerate() {
        number[*vertex] = at + 1;
    }
    let mut text = format!("{title}: {} vertices, {} edges\n", chart.vertices.len(), chart.edges());
    let rows: Vec<Vec<[String; 5]>> = groups
        .iter()
        .map(|(_, vertices)| {
            vertices.iter().map(|at| row(chart, &chart.vertices[*at], number[*at], &number)).collect()
        })
        .collect();
    let width = |column: usize| {
        rows.iter().flatten().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let [numbers, kinds, from] = [width(0), width(1), width(2)];
    for ((group, _), rows) in groups.iter().zip(&rows) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n{group}");
        for [at, kind, inputs, digest, name] in rows {
            let line = format!("  {at:>numbers$}  {kind:kinds$}  {inputs:from$}  {digest}  {name}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    text.push('\n');
    for result in &chart.results {
        let from = match &result.vertex {
            Some(input) => edge(number[input.at], input.output),
            None => "empty".to_owned(),
        };
        let _ = writeln!(text, "result {}: {from}", result.name);
    }
    text
}

fn row(chart: &Chart, vertex: &ChartVertex, at: usize, number: &[usize]) -> [String; 5] {
    let inputs: Vec<String> = vertex.inputs.iter().map(|one| edge(number[one.at], one.output)).collect();
    let from = if inputs.is_empty() { String::new() } else { format!("<- {}", inputs.join(", ")) };
    // Where several platforms are built, most names say the platform already.
    let name = match chart.only_for(vertex).filter(|results| !vertex.name.contains(results.as_str())) {
        Some(results) => format!("{}  (for {results} alone)", vertex.name),
        None => vertex.name.clone(),
    };
    [at.to_string(), vertex.kind.clone(), from, short(&vertex.digest).to_owned(), name]
}

fn edge(number: usize, output: i64) -> String {
    if output == 0 { number.to_string() } else { format!("{number}:{output}") }
}
