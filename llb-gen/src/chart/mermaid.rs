//! A chart for pages that draw Mermaid, such as a pull request.

use std::fmt::Write as _;

use super::{Chart, short};

/// A flowchart: one node a vertex, in a frame for each group.
pub(super) fn mermaid(chart: &Chart) -> String {
    let mut text = "flowchart BT\n".to_owned();
    for (at, (group, vertices)) in chart.groups().iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  subgraph g{at}[\"{}\"]", escaped(group));
        for vertex in vertices {
            let one = &chart.vertices[*vertex];
            let only =
                chart.only_for(one).map(|results| format!("<br/>{}", escaped(&results))).unwrap_or_default();
            let _ = writeln!(
                text,
                "    v{vertex}[\"{}<br/>{} {}{only}\"]",
                escaped(&one.name),
                escaped(&one.kind),
                short(&one.digest)
            );
        }
        text.push_str("  end\n");
    }
    for (at, vertex) in chart.vertices.iter().enumerate() {
        for input in &vertex.inputs {
            let _ = writeln!(text, "  v{} {} v{at}", input.at, arrow(input.output));
        }
    }
    for (at, result) in chart.results.iter().enumerate() {
        let _ = writeln!(text, "  r{at}([\"result {}\"])", escaped(&result.name));
        if let Some(input) = &result.vertex {
            let _ = writeln!(text, "  v{} {} r{at}", input.at, arrow(input.output));
        }
    }
    text
}

fn arrow(output: i64) -> String {
    if output == 0 { "-->".to_owned() } else { format!("-->|{output}|") }
}

/// Mermaid reads HTML in its quotes; its own escapes begin with `#`.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '`' => out.push_str("#96;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_its_quotes() {
        assert_eq!(escaped("a\"<b>#1\n"), "a#quot;#lt;b#gt;#35;1 ");
    }
}
