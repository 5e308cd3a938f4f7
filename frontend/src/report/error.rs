//! The error record: why there is no verdict that passes.

use llb_gen::plan::TestOwner;
use llb_gen::record::{ErrorKind, ErrorRecord, Record, SCHEMA_VERSION, Verdict};

use super::failed_step::FailedStep;
use super::log::Source;
use crate::judging::{Judged, JudgedTest};
use crate::status::Status;

/// How many lines of output go along.
const LINES: usize = 40;
/// How much of a line, in characters.
const LONGEST_LINE: usize = 1000;

/// What went wrong, before it is known what the build is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    kind: ErrorKind,
    reason: String,
    fragment: Option<(String, String)>,
    step: Option<String>,
    location: Option<String>,
    exit_code: Option<i32>,
    log_excerpt: Vec<String>,
}

impl Fault {
    /// The product could not be built.
    pub fn of_build(status: &Status, step: Option<&FailedStep>) -> Self {
        let nothing = Self::of_engine(status);
        let Some(step) = step else { return nothing };
        let excerpt = match &step.output {
            Source::Bytes(bytes) => last_lines(bytes),
            Source::File { .. } | Source::Missing(_) => Vec::new(),
        };
        Self {
            kind: if step.is_its_own { ErrorKind::Step } else { ErrorKind::Infrastructure },
            fragment: step.fragment.clone(),
            step: Some(step.title.clone()),
            location: step.location.clone(),
            exit_code: step.exit_code,
            log_excerpt: excerpt,
            ..nothing
        }
    }

    /// The engine, the network or the helper broke.
    pub fn of_engine(status: &Status) -> Self {
        Self {
            kind: ErrorKind::Infrastructure,
            reason: status.message().to_owned(),
            fragment: None,
            step: None,
            location: None,
            exit_code: None,
            log_excerpt: Vec::new(),
        }
    }

    /// The tests have a verdict that is not a pass, for these reasons.
    pub fn of_tests(judged: &Judged, verdict: Verdict, why: Option<&str>) -> Self {
        let first = judged.saying(verdict).next();
        let fault = Self {
            kind: if verdict == Verdict::Fail { ErrorKind::Test } else { ErrorKind::Infrastructure },
            reason: why.unwrap_or("no reason was given").to_owned(),
            fragment: None,
            step: None,
            location: None,
            exit_code: None,
            log_excerpt: Vec::new(),
        };
        first.map_or(fault.clone(), |test| fault.about(test))
    }

    fn about(self, test: &JudgedTest) -> Self {
        let fragment = match &test.identity.owner {
            TestOwner::Fragment { name, version } => Some((name.clone(), version.clone())),
            TestOwner::Template | TestOwner::Manifest => None,
        };
        Self {
            fragment,
            step: Some(test.identity.name.clone()),
            location: Some(test.location()),
            exit_code: test.exit_code,
            log_excerpt: test.tail(LINES).iter().map(|line| shortened(line)).collect(),
            ..self
        }
    }

    /// Why, in words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The error record that stands beside `record`.
    pub fn into_record(self, record: &Record) -> ErrorRecord {
        let (fragment, version) = self.fragment.unzip();
        ErrorRecord {
            schema_version: SCHEMA_VERSION,
            build_id: record.build_id.clone(),
            manifest_id: Some(record.manifest_id.clone()),
            platform: Some(record.platform.clone()),
            kind: self.kind,
            reason: self.reason,
            fragment,
            version,
            step: self.step,
            location: self.location,
            exit_code: self.exit_code,
            log_excerpt: self.log_excerpt,
        }
    }
}

/// The end of an output; what is not UTF-8 is replaced.
fn last_lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| shortened(line)).collect()
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(is_its_own: bool) -> FailedStep {
        FailedStep {
            title: "[core 0.1.0 2/3] make".into(),
            fragment: Some(("core".into(), "0.1.0".into())),
            location: Some("fragments/core/0.1.0/fragment.json:12".into()),
            exit_code: Some(2),
            is_its_own,
            output: Source::Bytes((1..=50).map(|line| format!("line {line}\n")).collect::<String>().into()),
        }
    }

    #[test]
    fn a_failed_step_is_told_from_a_broken_engine() {
        let status = Status::new("process did not complete");
        let fault = Fault::of_build(&status, Some(&step(true)));
        assert_eq!((fault.kind, fault.exit_code), (ErrorKind::Step, Some(2)));
        assert_eq!(fault.log_excerpt.len(), LINES);
        assert_eq!(fault.log_excerpt.last().unwrap(), "line 50");
        assert_eq!(Fault::of_build(&status, Some(&step(false))).kind, ErrorKind::Infrastructure);
        assert_eq!(Fault::of_build(&status, None), Fault::of_engine(&status));
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        assert_eq!(last_lines(b"a\xffb"), ["a\u{fffd}b"]);
        let long = "é".repeat(LONGEST_LINE + 1);
        assert_eq!(shortened(&long).chars().count(), LONGEST_LINE + 1);
        assert!(shortened(&long).ends_with("é…"));
    }
}
