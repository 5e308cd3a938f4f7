//! A chart for Graphviz.

use std::fmt::Write as _;

use super::{Chart, ChartVertex, short};

/// One box a vertex, in a frame for each group; an edge that takes another output than the first has its number.
pub(super) fn dot(chart: &Chart, title: &str) -> String {
    let mut text = format!("digraph {} {{\n", quoted(title));
    text.push_str(
        "  rankdir=BT;\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n  edge [fontsize=9];\n",
    );
    for (at, (group, vertices)) in chart.groups().iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  subgraph cluster_{at} {{\n    label={};", quoted(group));
        for vertex in vertices {
            let _ = writeln!(text, "    v{vertex} [{}];", attributes(chart, &chart.vertices[*vertex]));
        }
        text.push_str("  }\n");
    }
    for (at, vertex) in chart.vertices.iter().enumerate() {
        for input in &vertex.inputs {
            let _ = writeln!(text, "  v{} -> v{at}{};", input.at, output(input.output));
        }
    }
    for (at, result) in chart.results.iter().enumerate() {
        let _ =
            writeln!(text, "  r{at} [label={}, shape=ellipse];", quoted(&format!("result {}", result.name)));
        if let Some(input) = &result.vertex {
            let _ = writeln!(text, "  v{} -> r{at}{};", input.at, output(input.output));
        }
    }
    text.push_str("}\n");
    text
}

fn attributes(chart: &Chart, vertex: &ChartVertex) -> String {
    let about = [Some(vertex.kind.clone()), Some(short(&vertex.digest).to_owned()), chart.only_for(vertex)];
    let about: Vec<String> = about.into_iter().flatten().collect();
    let shape = match vertex.kind.as_str() {
        "exec" => "",
        "merge" | "diff" => ", style=dashed",
        "file" => ", style=rounded",
        _ => ", shape=folder",
    };
    format!(
        "label={}, tooltip={}{shape}",
        quoted(&format!("{}\n{}", vertex.name, about.join("  "))),
        quoted(&vertex.digest)
    )
}

fn output(output: i64) -> String {
    if output == 0 { String::new() } else { format!(" [label=\"{output}\"]") }
}

/// A text of the DOT language: quotes and backslashes escaped, so that no name leads out of it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_its_quotes() {
        assert_eq!(quoted("a\"b\\c\nd\te"), r#""a\"b\\c\nd e""#);
    }
}
