//! Tables of text: aligned columns for terminals, and Markdown.

/// Rows with their columns aligned by blanks, no blanks at the ends.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("   ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// A table in Markdown, the first row its header.
pub(super) fn markdown(rows: &[Vec<String>]) -> String {
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = |row: &Vec<String>| format!("|{}\n", " --- |".repeat(row.len()));
    let mut lines = rows.iter();
    let header = lines.next().map(|row| line(row) + &rule(row)).unwrap_or_default();
    header + &lines.map(line).collect::<String>()
}

/// A cell that stays one: no line ends, no bars.
fn escaped(cell: &str) -> String {
    cell.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(aligned(&rows(&[&["NAME", "X"], &["é", "long"], &["b"]])), "NAME   X\né      long\nb\n");
    }

    #[test]
    fn a_cell_cannot_break_its_row() {
        let text = markdown(&rows(&[&["a", "b"], &["x|y", "two\nlines"]]));
        assert_eq!(text, "| a | b |\n| --- | --- |\n| x\\|y | two lines |\n");
    }
}
