//! The two written forms of diagnostics: one line, and an excerpt of the source with carets.

use std::fmt::{self, Write as _};

use super::Diagnostic;
use crate::text::{Place, SourceFile};

/// Longest excerpt of a line, in characters; a longer line is cut around the culprit.
const WIDTH: usize = 120;

/// `path:line:column: message (expected …; advice)`.
pub(super) fn line(one: &Diagnostic, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}: {}", one.place(), one.message())?;
    let expected = one.expected().map(|text| format!("expected {text}"));
    let notes: Vec<String> = expected.into_iter().chain(one.advice().map(str::to_owned)).collect();
    if notes.is_empty() { Ok(()) } else { write!(f, " ({})", notes.join("; ")) }
}

/// All of them, with a blank line between two.
pub(super) fn excerpts(all: &[Diagnostic]) -> String {
    let blocks: Vec<String> = all.iter().map(excerpt).collect();
    blocks.join("\n")
}

fn excerpt(one: &Diagnostic) -> String {
    let mut out = format!("{}[{}]: {}\n", one.severity().as_str(), one.rule(), one.message());
    let gutter = gutter_width(one);
    let expected = one.expected().map(|text| format!("expected {text}")).unwrap_or_default();
    pointed(&mut out, one.place(), &expected, gutter);
    for label in one.labels() {
        pointed(&mut out, &label.place, &label.message, gutter);
    }
    if let Some(advice) = one.advice() {
        let _ = writeln!(out, "{:gutter$} = help: {advice}", "");
    }
    out
}

fn gutter_width(one: &Diagnostic) -> usize {
    let places = std::iter::once(one.place()).chain(one.labels().iter().map(|label| &label.place));
    places.map(|place| place.start().line.to_string().len()).max().unwrap_or(1)
}

/// The line of `place` with carets below the part that is meant, and `note` after them.
fn pointed(out: &mut String, place: &Place, note: &str, gutter: usize) {
    let start = place.start();
    let cut = Cut::new(place.file(), place);
    let _ = writeln!(out, "{:gutter$}--> {place}", "");
    let _ = writeln!(out, "{:gutter$} |", "");
    let _ = writeln!(out, "{:>gutter$} | {}", start.line, cut.text);
    let carets = "^".repeat(cut.length);
    let _ = writeln!(
        out,
        "{}",
        format!("{:gutter$} | {:indent$}{carets} {note}", "", "", indent = cut.indent).trim_end()
    );
}

/// One source line made fit for a terminal, and the part of it to point at, in characters.
struct Cut {
    text: String,
    indent: usize,
    length: usize,
}

impl Cut {
    fn new(file: &SourceFile, place: &Place) -> Self {
        let (start, end) = (place.start(), place.end());
        let shown: Vec<char> = printable(file.line(start.line));
        let from = (start.column as usize - 1).min(shown.len());
        let to = if end.line == start.line { end.column as usize - 1 } else { shown.len() };
        let to = to.clamp(from, shown.len());
        let left = if from > WIDTH { from - WIDTH / 2 } else { 0 };
        let text: String = shown.iter().skip(left).take(WIDTH).collect();
        let length = (to - from).clamp(1, WIDTH - (from - left).min(WIDTH - 1));
        Self { text: text.trim_end().to_owned(), indent: from - left, length }
    }
}

/// Tabs and control characters become one space each and bad bytes one replacement character each, so that columns
/// stay true and nothing in a file can steer the reader's terminal.
fn printable(line: &[u8]) -> Vec<char> {
    let mut shown = Vec::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        let plain = chunk.valid().chars().filter(|c| *c != '\u{feff}');
        shown.extend(plain.map(|c| if c.is_control() { ' ' } else { c }));
        shown.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Span;

    #[test]
    fn an_excerpt_points_at_the_culprit() {
        let file = SourceFile::new("m.json", "{\n\t\"ide\": 1\n}".as_bytes());
        let place = Place::new(&file, Span::new(3, 8));
        let one =
            Diagnostic::error("unknown-member", &place, "unknown member `ide`").help("did you mean `id`?");
        let text = excerpts(std::slice::from_ref(&one));
        let expected = "error[unknown-member]: unknown member `ide`\n --> m.json:2:2\n  |\n2 |  \"ide\": 1\n  |  ^^^^^\n  = help: did you mean `id`?\n";
        assert_eq!(text, expected);
        assert_eq!(one.to_string(), "m.json:2:2: unknown member `ide` (did you mean `id`?)");
    }

    #[test]
    fn a_very_long_line_is_cut_around_the_culprit() {
        let file =
            SourceFile::new("m.json", format!("{}X{}", "a".repeat(5000), "b".repeat(5000)).into_bytes());
        let place = Place::new(&file, Span::new(5000, 5001));
        let text = excerpts(&[Diagnostic::error("x", &place, "x")]);
        assert!(text.lines().all(|line| line.len() < 140), "{text}");
        assert!(text.contains("aXb"), "{text}");
    }
}
