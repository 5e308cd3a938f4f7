//! The page of the contract's rows, `docs/frontend-contract.md`: every row has tests, they are there, and those of an option pass
//! that option.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A row of the page.
struct Row {
    line: usize,
    /// The heading above it.
    section: String,
    name: String,
    tests: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What stands in backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn rows() -> Vec<Row> {
    let page = fs::read_to_string(root().join("docs/frontend-contract.md")).unwrap();
    let mut section = String::new();
    let mut rows = Vec::new();
    for (at, line) in page.lines().enumerate() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.clone_into(&mut section);
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if !line.starts_with('|') || cells[0] == "row" || cells[0].starts_with("--") {
            continue;
        }
        assert_eq!(cells.len(), 3, "line {}: a row has three cells", at + 1);
        let (name, tests) = (cells[0].to_owned(), quoted(cells[2]));
        rows.push(Row { line: at + 1, section: section.clone(), name, tests });
    }
    rows
}

/// Every function of the checkout's Rust files that takes no arguments, with the texts of the files that have one of its name.
fn functions() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut folders: Vec<PathBuf> =
        ["frontend", "llb-gen", "tests", "factory"].into_iter().map(|name| root().join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                for line in text.lines() {
                    let name = line.trim_start().strip_prefix("fn ").and_then(|rest| rest.split_once("()"));
                    if let Some((name, _)) = name {
                        found.entry(name.to_owned()).or_default().push(text.clone());
                    }
                }
            }
        }
    }
    found
}

#[test]
fn every_row_names_tests_that_are_there() {
    let functions = functions();
    let rows = rows();
    assert!(rows.len() > 100, "{} rows", rows.len());
    for row in &rows {
        assert!(!row.tests.is_empty(), "line {}: `{}` has no test", row.line, row.name);
        for test in &row.tests {
            let there = functions.get(test).is_some_and(|texts| {
                texts.iter().any(|text| {
                    text.contains(&format!("#[test]\n    fn {test}("))
                        || text.contains(&format!("#[test]\nfn {test}("))
                })
            });
            assert!(there, "line {}: there is no test `{test}`", row.line);
        }
    }
}

#[test]
fn tests_of_an_option_pass_it() {
    let functions = functions();
    let sections = ["Options", "Build arguments with a meaning"];
    let options = rows().into_iter().filter(|row| sections.contains(&row.section.as_str()));
    let mut count = 0;
    for row in options {
        for option in quoted(&row.name) {
            // `context:NAME` is any name; the part before is what there is of it in a test.
            let start: String = option.chars().take_while(|c| !c.is_ascii_uppercase()).collect();
            let key = if option.starts_with("build-arg:") && option != "build-arg:NAME" {
                option.as_str()
            } else {
                &start
            };
            let passed = row
                .tests
                .iter()
                .flat_map(|test| &functions[test])
                .any(|text| text.contains(&format!("\"{key}")));
            assert!(passed, "line {}: no test passes `{option}`", row.line);
            count += 1;
        }
    }
    assert!(count > 50, "{count} options");
}
