//! Every way to get a document wrong: each case pinned to its place and its message.
//!
//! The cases are in `fixtures/invalid/*.cases`: a title (`# …`), the text, and what is said about it (`> …`, one line
//! for each fault, without the file's name where that is the only one). What stands around the text is decided by the
//! file's family, below. `BLESS=1 cargo test -p llb-gen --test invalid_documents` rewrites what is said, for review.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use llb_gen::check::CatalogueEntry;
use llb_gen::check::FileState;
use llb_gen::diagnostic::Diagnostics;
use llb_gen::matrix::Plan;
use llb_gen::model::{Fragment, Manifest, Product, Template};
use llb_gen::parse::{RawFragment, RawManifest, RawPlan, RawPolicy, RawTemplate};
use llb_gen::policy::Policy;
use llb_gen::text::SourceFile;

struct Case {
    title: String,
    text: String,
    expected: Vec<String>,
}

/// Reads the cases of one file.
fn cases(text: &str) -> Vec<Case> {
    let mut found: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            found.push(Case { title: title.to_owned(), text: String::new(), expected: Vec::new() });
        } else if let Some(expected) = line.strip_prefix("> ") {
            found.last_mut().expect("a case begins with its title").expected.push(expected.to_owned());
        } else if let Some(case) = found.last_mut().filter(|_| !line.is_empty()) {
            case.text.push_str(line);
            case.text.push('\n');
        }
    }
    found
}

fn errors<T>(result: Result<T, Diagnostics>) -> Vec<String> {
    let faults = result.err().map(|faults| faults.errors().map(ToString::to_string).collect::<Vec<_>>());
    faults.unwrap_or_default()
}

fn fragment(text: &str) -> Vec<String> {
    let file = SourceFile::new("f", text.as_bytes());
    errors(RawFragment::parse(&file).and_then(Fragment::check))
}

fn manifest(text: &str) -> Vec<String> {
    let file = SourceFile::new("m.json", text.as_bytes());
    errors(RawManifest::parse(&file).and_then(Manifest::check))
}

fn template(text: &str) -> Vec<String> {
    let file = SourceFile::new("t", text.as_bytes());
    errors(RawTemplate::parse(&file).and_then(Template::check))
}

fn plan(text: &str) -> Vec<String> {
    let file = SourceFile::new("p.json", text.as_bytes());
    errors(RawPlan::parse(&file).and_then(Plan::check))
}

fn policy(text: &str) -> Vec<String> {
    let file = SourceFile::new("policy.json", text.as_bytes());
    errors(RawPolicy::parse(&file).and_then(Policy::check))
}

/// Files after `@ path` lines. A path that ends with `/` is a folder with names after it.
fn files(text: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("@ ") {
            Some(path) => files.push((path.to_owned(), String::new())),
            None => {
                let (_, body) = files.last_mut().expect("a product begins with a file's path");
                body.push_str(line);
                body.push('\n');
            }
        }
    }
    files
}

fn source((path, body): &(String, String)) -> SourceFile {
    SourceFile::new(path.as_str(), body.as_bytes())
}

/// What there is of the catalogue for `entries`.
fn states(files: &[(String, String)], entries: Vec<CatalogueEntry>) -> BTreeMap<String, FileState> {
    let listed = |folder: &str| {
        let found = files.iter().find(|(path, _)| path.strip_suffix('/') == Some(folder));
        found.map(|(_, body)| body.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
    };
    let states = entries.into_iter().map(|entry| {
        let state = match files.iter().find(|(path, _)| *path == entry.path) {
            Some(file) => FileState::Present(source(file)),
            None => FileState::Missing { versions: listed(&entry.versions), names: listed(entry.names) },
        };
        (entry.path, state)
    });
    states.collect()
}

/// The manifest first.
fn product(text: &str) -> Vec<String> {
    let files = files(text);
    match RawManifest::parse(&source(files.first().expect("a product has a manifest"))) {
        Ok(raw) => {
            let states = states(&files, raw.catalogue());
            errors(Product::check(raw, &states))
        }
        Err(faults) => errors::<()>(Err(faults)),
    }
}

/// The plan first, then its manifest.
fn plan_products(text: &str) -> Vec<String> {
    let files = files(text);
    let checked = RawPlan::parse(&source(&files[0])).and_then(Plan::check);
    let plan = match checked {
        Ok((plan, _)) => plan,
        Err(faults) => return errors::<()>(Err(faults)),
    };
    let manifest = RawManifest::parse(&source(&files[1])).expect("the manifest of a case is sound");
    errors(plan.products(&manifest, &states(&files, plan.catalogue(&manifest))))
}

/// The faults of a case, without the name of an only file.
fn faults(family: &str, text: &str) -> Vec<String> {
    let text = text.trim_end();
    let (found, file) = match family {
        "step" => {
            (fragment(&format!("{{\"name\": \"f\", \"version\": \"0.1.0\", \"steps\": [\n{text}\n]}}")), "f:")
        }
        "test" => {
            (fragment(&format!("{{\"name\": \"f\", \"version\": \"0.1.0\", \"tests\": [\n{text}\n]}}")), "f:")
        }
        "fragment" => (fragment(&format!("{{\"name\": \"f\", \"version\": \"0.1.0\",\n{text}\n}}")), "f:"),
        "manifest" => (manifest(&format!("{{\"id\": \"m\", \"base\": \"debian\",\n{text}\n}}")), "m.json:"),
        "template" => (template(&format!("{{\"id\": \"t\", \"version\": \"0.1.0\",\n{text}\n}}")), "t:"),
        "json" => (fragment(text), "f:"),
        "plan" => (plan(&format!("{{\"id\": \"p\", \"manifest\": \"m\",\n{text}\n}}")), "p.json:"),
        "policy" => (policy(text), "policy.json:"),
        "plan_product" => (plan_products(text), ""),
        "product" => (product(text), ""),
        other => panic!("no such family: {other}"),
    };
    found.into_iter().map(|line| line.strip_prefix(file).unwrap_or(&line).to_owned()).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/invalid")
}

/// The text of a file of cases with what is said now.
fn blessed(family: &str, cases: &[Case]) -> String {
    let mut out = String::new();
    for case in cases {
        let _ = write!(out, "# {}\n{}", case.title, case.text);
        for fault in faults(family, &case.text) {
            let _ = writeln!(out, "> {fault}");
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

#[test]
fn each_fault_is_found_at_its_place() {
    let mut count = 0;
    let mut wrong = String::new();
    for family in [
        "json",
        "step",
        "test",
        "fragment",
        "manifest",
        "template",
        "product",
        "plan",
        "plan_product",
        "policy",
    ] {
        let path = folder().join(format!("{family}.cases"));
        let cases = cases(&std::fs::read_to_string(&path).unwrap());
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, blessed(family, &cases)).unwrap();
            continue;
        }
        for case in &cases {
            let found = faults(family, &case.text);
            if found != case.expected || found.is_empty() {
                let _ = writeln!(
                    wrong,
                    "{family}: {}\n  expected {:#?}\n  found {found:#?}",
                    case.title, case.expected
                );
            }
        }
        count += cases.len();
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count == 0 || count >= 150, "only {count} cases");
}
