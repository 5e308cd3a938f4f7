//! `frontend.lint` (`--check`): what is wrong or doubtful.

use std::fmt::Write as _;

use llb_gen::diagnostic::{Diagnostic, Severity};
use llb_gen::lint::Rule;
use llb_gen::text::SourceFile;
use serde::Serialize;

use super::Answer;
use super::sources::{LocationJson, Sources};
use crate::excerpt::FileJson;

#[derive(Serialize)]
struct LintJson {
    warnings: Vec<WarningJson>,
    sources: Vec<FileJson>,
    #[serde(rename = "buildError", skip_serializing_if = "Option::is_none")]
    build_error: Option<ErrorJson>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WarningJson {
    rule_name: &'static str,
    /// What the rule is about.
    description: &'static str,
    /// Where it is explained.
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
    /// `warning` or `note`; clients that do not know it pass over it.
    severity: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    location: LocationJson,
}

#[derive(Serialize)]
struct ErrorJson {
    message: String,
    location: LocationJson,
}

/// The answer for everything that was found in `manifest` and what it selects. A manifest that cannot be built is
/// not a failed request: its faults are the answer.
pub fn lint(manifest: &SourceFile, found: &[Diagnostic]) -> Answer {
    let mut sources = Sources::starting_with(manifest);
    let doubtful = found.iter().filter(|one| one.severity() != Severity::Error);
    let warnings: Vec<WarningJson> = doubtful.map(|one| warning(one, manifest, &mut sources)).collect();
    let errors: Vec<&Diagnostic> = found.iter().filter(|one| one.severity() == Severity::Error).collect();
    let build_error = errors.first().map(|first| ErrorJson {
        message: errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        location: sources.location(first.place()),
    });
    let json =
        LintJson { warnings, sources: sources.files().iter().map(FileJson::of).collect(), build_error };
    Answer::new(&json, text(found)).with_status(u8::from(!found.is_empty()))
}

fn warning(one: &Diagnostic, manifest: &SourceFile, sources: &mut Sources) -> WarningJson {
    let rule = Rule::named(one.rule());
    WarningJson {
        rule_name: one.rule(),
        description: rule.map_or(one.rule(), |rule| rule.about),
        url: rule.map(Rule::url).unwrap_or_default(),
        severity: one.severity().as_str(),
        detail: detail(one, manifest),
        location: sources.location(one.place()),
    }
}

/// The message with what was expected and the advice, as one line. buildx shows the lines of every file under the manifest's name, so
/// another file is named here.
fn detail(one: &Diagnostic, manifest: &SourceFile) -> String {
    let place = one.place();
    match place.file().path() == manifest.path() {
        true => said(one),
        false => format!("{}:{}: {}", place.file().path(), place.lines().first, said(one)),
    }
}

fn said(one: &Diagnostic) -> String {
    let expected = one.expected().map(|expected| format!("expected {expected}"));
    let notes: Vec<String> = expected.into_iter().chain(one.advice().map(str::to_owned)).collect();
    match notes.is_empty() {
        true => one.message().to_owned(),
        false => format!("{} ({})", one.message(), notes.join("; ")),
    }
}

fn text(found: &[Diagnostic]) -> String {
    if found.is_empty() {
        return "Check complete, no warnings found.\n".to_owned();
    }
    let mut text = String::new();
    for one in found {
        let kind = one.severity().as_str().to_uppercase();
        let page = Rule::named(one.rule()).map(|rule| format!(" - {}", rule.url())).unwrap_or_default();
        let _ = writeln!(text, "{kind}: {}{page}\n{one}\n", one.rule());
    }
    text
}

#[cfg(test)]
mod tests {
    use llb_gen::text::{Place, Span};

    use super::*;

    #[test]
    fn nothing_found_is_status_0() {
        let file = SourceFile::new("m.json", b"{}".as_slice());
        let result = lint(&file, &[]).into_result();
        assert_eq!(result.metadata["result.statuscode"], b"0");
        let json: serde_json::Value = serde_json::from_slice(&result.metadata["result.json"]).unwrap();
        assert_eq!(json["warnings"], serde_json::json!([]));
        assert_eq!(json["sources"][0]["filename"], "m.json", "clients take sources[0] unasked");
    }

    #[test]
    fn warnings_and_faults_have_locations_in_listed_files() {
        let manifest = SourceFile::new("m.json", b"{}".as_slice());
        let fragment = SourceFile::new("f.json", b"\n{}".as_slice());
        let found = [
            Diagnostic::warning("unused-arg", &Place::new(&fragment, Span::new(1, 2)), "`X` is not used"),
            Diagnostic::error("bad", &Place::new(&manifest, Span::new(0, 1)), "wrong").help("try right"),
        ];
        let result = lint(&manifest, &found).into_result();
        let json: serde_json::Value = serde_json::from_slice(&result.metadata["result.json"]).unwrap();
        assert_eq!(json["warnings"][0]["ruleName"], "unused-arg");
        assert_eq!(json["warnings"][0]["location"]["sourceIndex"], 1);
        assert_eq!(json["warnings"][0]["location"]["ranges"][0]["start"]["line"], 2);
        assert_eq!(json["buildError"]["message"], "m.json:1:1: wrong (try right)");
        assert_eq!(json["sources"][1]["filename"], "f.json");
        assert_eq!(result.metadata["result.statuscode"], b"1");
    }
}
