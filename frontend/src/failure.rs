//! Why a build ends without a result, and how the client is told.

use std::borrow::Cow;

use llb_gen::diagnostic::{Diagnostic, Diagnostics, Severity};
use llb_gen::text::Place;

use crate::excerpt::Excerpt;
use crate::options::{OptionError, OptionErrors};
use crate::status::Status;

/// Diagnostics or tests listed in one message; the rest is only counted.
const MAX_LISTED: usize = 50;
/// Those shown with their lines.
const MAX_EXCERPTS: usize = 10;
/// Characters of a line of a test's output.
const MAX_LINE: usize = 400;
/// Bytes of files that travel with an error: they go through the headers of several HTTP/2 connections.
const MAX_EXCERPT_BYTES: usize = 1 << 20;

/// Why there is no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// BuildKit's own words, to be handed on as they are.
    #[error(transparent)]
    BuildKit(#[from] Status),
    /// Options that cannot be followed.
    #[error(transparent)]
    Options(#[from] OptionErrors),
    /// Faults in the manifest, the template or the fragments, in the order in which they are told; warnings that were found
    /// beside them are told only to those who ask what is doubtful.
    #[error("{}", listed(.0))]
    Diagnostics(Vec<Diagnostic>),
    /// Tests that said no, limits that were broken, and tests of which nothing is known.
    #[error("{}", told(.0))]
    Tests(Vec<TestFault>),
    /// Tests that could not be run, where none has failed: nothing is known about the product.
    #[error("{}\nthat says nothing about the product; `--no-cache-filter tests` runs the tests again", told(.0))]
    Untested(Vec<TestFault>),
    /// A subrequest that does not exist.
    #[error("there is no subrequest `{0}`; `frontend.subrequests.describe` lists those there are")]
    Subrequest(String),
    /// Anything else that the client or the daemon cannot be given, as a lower-case fragment.
    #[error("{0}")]
    Refused(String),
}

/// A test that keeps a product back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFault {
    /// Which, where and why, in one line.
    pub message: String,
    /// Where it is written.
    pub place: Place,
    /// The last lines that it printed.
    pub tail: Vec<String>,
}

impl Failure {
    /// A failure with its own words.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }

    /// The status to return.
    pub fn into_status(self) -> Status {
        match self {
            Self::BuildKit(status) => status,
            Self::Diagnostics(ref diagnostics) => {
                let places = |one: &'_ Diagnostic| -> Vec<Place> {
                    let others = one.labels().iter().map(|label| label.place.clone());
                    std::iter::once(one.place().clone()).chain(others).collect()
                };
                let all: Vec<Place> = faults(diagnostics).flat_map(places).collect();
                excerpts(Status::new(self.to_string()), all.iter())
            }
            Self::Tests(ref faults) | Self::Untested(ref faults) => {
                excerpts(Status::new(self.to_string()), faults.iter().map(|fault| &fault.place))
            }
            Self::Options(ref errors) => {
                let caps = errors.iter().filter_map(OptionError::cap);
                caps.fold(Status::new(self.to_string()), |status, cap| {
                    status.with_json_detail("errdefs.FrontendCap", &serde_json::json!({ "name": cap }))
                })
            }
            Self::Subrequest(ref name) => Status::new(self.to_string())
                .with_json_detail("errdefs.Subrequest", &serde_json::json!({ "name": name })),
            other => Status::new(other.to_string()),
        }
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Diagnostics(diagnostics.all().to_vec())
    }
}

/// Those that end the build.
fn faults(diagnostics: &[Diagnostic]) -> impl Iterator<Item = &Diagnostic> {
    diagnostics.iter().filter(|one| one.severity() == Severity::Error)
}

/// One line each.
fn listed(diagnostics: &[Diagnostic]) -> String {
    first_of(faults(diagnostics).map(ToString::to_string).collect::<Vec<_>>().into_iter())
}

/// A line and the end of the output each. A client shows the output of a test only while it runs, never a cached one's.
fn told(faults: &[TestFault]) -> String {
    first_of(faults.iter().map(|fault| {
        let tail = fault.tail.iter().map(|line| format!("\n    | {}", shortened(line)));
        std::iter::once(fault.message.clone()).chain(tail).collect()
    }))
}

/// Of very many only the first.
fn first_of(texts: impl ExactSizeIterator<Item = String>) -> String {
    let count = texts.len();
    let mut texts: Vec<String> = texts.take(MAX_LISTED).collect();
    if count > MAX_LISTED {
        texts.push(format!("and {} more", count - MAX_LISTED));
    }
    texts.join("\n")
}

/// A line of output of bearable length.
fn shortened(line: &str) -> Cow<'_, str> {
    match line.char_indices().nth(MAX_LINE) {
        None => Cow::Borrowed(line),
        Some((end, _)) => Cow::Owned(format!("{}…", &line[..end])),
    }
}

/// The first of these places with their lines, as details of the status: the first one as the last detail, which is what
/// clients print first.
fn excerpts<'p>(status: Status, places: impl Iterator<Item = &'p Place>) -> Status {
    let mut bytes = 0;
    let fitting = places.take(MAX_EXCERPTS).filter(|place| {
        bytes += place.file().bytes().len();
        bytes <= MAX_EXCERPT_BYTES
    });
    let shown: Vec<Excerpt> = fitting.map(Excerpt::of).collect();
    shown.iter().rev().fold(status, |status, one| status.with_json_detail("errdefs.Source", one))
}

#[cfg(test)]
mod tests {
    use llb_gen::text::{SourceFile, Span};

    use super::*;

    fn diagnostic(bytes: &[u8], span: Span) -> Diagnostics {
        let place = Place::new(&SourceFile::new("manifests/x.json", bytes), span);
        Diagnostic::error("unknown-member", &place, "unknown member `ide`").into()
    }

    #[test]
    fn very_many_diagnostics_are_counted() {
        let place = Place::new(&SourceFile::new("m.json", b"{}".as_slice()), Span::new(0, 1));
        let many = vec![Diagnostic::error("x", &place, "wrong"); MAX_LISTED + 3];
        let status = Failure::Diagnostics(many).into_status();
        assert_eq!(status.message().lines().count(), MAX_LISTED + 1);
        assert!(status.message().ends_with("and 3 more"));
        assert_eq!(status.details().len(), MAX_EXCERPTS);
    }

    #[test]
    fn what_is_told_first_is_shown_first() {
        let file = SourceFile::new("m.json", b"{\n\n}".as_slice());
        let at = |at: usize| Diagnostic::error("x", &Place::new(&file, Span::new(at, at + 1)), "wrong");
        let status = Failure::Diagnostics(vec![at(0), at(3)]).into_status();
        assert_eq!(status.message(), "m.json:1:1: wrong\nm.json:3:1: wrong");
        let line = |at: usize| {
            let body: serde_json::Value = serde_json::from_slice(&status.details()[at].value).unwrap();
            body["ranges"][0]["start"]["line"].as_u64()
        };
        assert_eq!((line(0), line(1)), (Some(3), Some(1)), "clients print the last detail first");
    }

    #[test]
    fn a_diagnostic_is_one_line_and_one_excerpt() {
        let status = Failure::from(diagnostic(b"{\n\n \"ide\": 1}", Span::new(4, 9))).into_status();
        assert_eq!(status.message(), "manifests/x.json:3:2: unknown member `ide`");
        assert_eq!(status.code(), 2);
        let [detail] = status.details() else { panic!("one detail: {:?}", status.details()) };
        assert_eq!(detail.type_url, "github.com/moby/buildkit/errdefs.Source+json");
        let body: serde_json::Value = serde_json::from_slice(&detail.value).unwrap();
        let expected = serde_json::json!({
            "info": {"filename": "manifests/x.json", "data": "ewoKICJpZGUiOiAxfQ==", "language": "JSON"},
            "ranges": [{"start": {"line": 3, "character": 1}, "end": {"line": 3, "character": 6}}],
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_failed_test_is_one_line_the_end_of_its_output_and_an_excerpt() {
        let place = Place::new(&SourceFile::new("m.json", b"{}".as_slice()), Span::new(0, 1));
        let tail = vec!["said".to_owned(), "é".repeat(MAX_LINE + 1)];
        let fault = TestFault { message: "test core/a failed (m.json:1): no".into(), place, tail };
        let status = Failure::Tests(vec![fault.clone()]).into_status();
        let long = "é".repeat(MAX_LINE);
        assert_eq!(status.message(), format!("test core/a failed (m.json:1): no\n    | said\n    | {long}…"));
        let many = Failure::Tests(vec![fault.clone(); MAX_LISTED + 2]).into_status();
        assert!(many.message().ends_with("and 2 more"));
        assert_eq!(many.details().len(), MAX_EXCERPTS);
        let unknown = Failure::Untested(vec![fault]).into_status();
        assert!(unknown.message().ends_with("`--no-cache-filter tests` runs the tests again"));
    }

    #[test]
    fn a_large_file_is_named_but_not_sent_back() {
        let status =
            Failure::from(diagnostic(&vec![b' '; MAX_EXCERPT_BYTES + 1], Span::new(0, 1))).into_status();
        assert_eq!(status.message(), "manifests/x.json:1:1: unknown member `ide`");
        assert!(status.details().is_empty());
    }

    #[test]
    fn an_unknown_subrequest_is_named_in_its_detail() {
        let status = Failure::Subrequest("frontend.nope".into()).into_status();
        assert_eq!(status.code(), 2, "any other code would be named before the message");
        assert_eq!(status.details()[0].value, br#"{"name":"frontend.nope"}"#);
    }

    #[test]
    fn what_buildkit_says_is_handed_on_unchanged() {
        let upstream = Status::with_code(8, "too big").with_json_detail("x", &1);
        assert_eq!(Failure::from(upstream.clone()).into_status(), upstream);
    }
}
