//! What the tests said, for people: a line per test and a line per build.

use std::fmt::Write as _;
use std::path::Path;
use std::time::SystemTime;

use llb_gen::lower::rfc3339;
use llb_gen::record::{ErrorKind, ErrorRecord, Record, TestEntry, Verdict};

use super::summary::row;
use crate::reports::{error_path, evidence_path, record_path};

/// Lines of a failed step's output that the message has; the error record has more, the evidence all of them.
const LINES_SHOWN: usize = 20;

/// The report of a build, as it was merged into the project's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The records, by the names of their builds.
    pub records: Vec<Record>,
    /// Why the build failed, where it did.
    pub errors: Vec<ErrorRecord>,
    /// When the build began, in the form of `tested_at`: a verdict from before then is from the cache.
    pub began: String,
}

/// A time in the form of a record's `tested_at`.
pub(crate) fn written(time: SystemTime) -> String {
    rfc3339(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs())
}

impl Report {
    /// Whether everything could be made and a test said no: what a gate refuses.
    #[must_use]
    pub fn refused(&self) -> bool {
        let verdict = |wanted: Verdict| self.records.iter().any(|record| record.result.status == wanted);
        let other = self.errors.iter().any(|error| error.kind != ErrorKind::Test);
        verdict(Verdict::Fail) && !verdict(Verdict::Error) && !other
    }

    /// Why no image can be made, where that is so: a step of the product has failed, or something broke before it was known what the
    /// product is worth.
    #[must_use]
    pub fn unbuildable(&self) -> Option<String> {
        if let Some(error) = self.errors.iter().find(|error| error.kind != ErrorKind::Test) {
            return Some(format!("{}{}{}", first_line(&error.reason), place(error), tail(error)));
        }
        let broken = self.records.iter().find(|record| record.result.status == Verdict::Error)?;
        Some(first_line(broken.result.notes.as_deref().unwrap_or("its tests could not be run")).to_owned())
    }

    /// Why any of the records is no pass, or any attempt failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        !self.errors.is_empty()
            || self.records.iter().any(|one| matches!(one.result.status, Verdict::Fail | Verdict::Error))
    }

    /// The table for people; paths are those in `folder`, as it is seen from where the user stands.
    #[must_use]
    pub fn text(&self, folder: &Path) -> String {
        let mut text = String::new();
        self.write_tests(&mut text);
        for record in &self.records {
            self.write_record(&mut text, record, folder);
        }
        let alone = self.errors.iter().filter(|error| !self.has_record(&error.build_id));
        for error in alone {
            write_error(&mut text, error, folder);
        }
        text
    }

    fn has_record(&self, build_id: &str) -> bool {
        self.records.iter().any(|record| record.build_id == build_id)
    }

    fn write_tests(&self, text: &mut String) {
        let several = self.records.len() > 1;
        let label = |record: &Record, test: &TestEntry| match several {
            true => format!("{} {}", record.platform, test.name),
            false => test.name.clone(),
        };
        let tests =
            || self.records.iter().flat_map(|record| record.tests.iter().map(move |test| (record, test)));
        let width = tests().map(|(record, test)| label(record, test).chars().count()).max().unwrap_or(0);
        for (record, test) in tests() {
            let name = label(record, test);
            let line = format!("{name:width$}  {}", self.said(record, test));
            row(text, "test", line.trim_end());
        }
    }

    /// `fail     1.2 s  exit code 1, expected 0 (fragments/core/0.1.0/fragment.json:12)`.
    fn said(&self, record: &Record, test: &TestEntry) -> String {
        let verdict = test.verdict.as_str();
        if test.verdict == Verdict::Skipped {
            return format!("{verdict:<7}           {}", test.reason.as_deref().unwrap_or_default());
        }
        let cached = if self.is_cached(record) { "cached" } else { "" };
        let mut said = format!("{verdict:<7} {:>8}  {cached}", duration(test.wall_ms));
        if let Some(reason) = &test.reason {
            let gap = if cached.is_empty() { "" } else { "  " };
            // Writing to a String cannot fail.
            let _ = write!(said, "{gap}{} ({})", first_line(reason), test.location);
        }
        said
    }

    fn is_cached(&self, record: &Record) -> bool {
        record.result.tested_at.as_ref().is_some_and(|tested| *tested < self.began)
    }

    fn write_record(&self, text: &mut String, record: &Record, folder: &Path) {
        let error = self.errors.iter().find(|error| error.build_id == record.build_id);
        let verdict = record.result.status;
        let more = match (&record.result.notes, error) {
            // The error says the same, and where.
            (_, Some(_)) => String::new(),
            (Some(notes), None) => format!(": {}", first_line(notes)),
            (None, None) if record.tests.is_empty() => " (no tests)".to_owned(),
            (None, None) => String::new(),
        };
        row(text, "verdict", &format!("{} {}{more}", record.platform, verdict.as_str()));
        row(text, "record", &folder.join(record_path(&record.build_id)).to_string_lossy());
        match error {
            Some(error) => write_error(text, error, folder),
            None if verdict != Verdict::Pass => write_evidence(text, &record.build_id, folder),
            None => {}
        }
    }
}

fn write_error(text: &mut String, error: &ErrorRecord, folder: &Path) {
    row(text, "reason", &format!("{}{}", first_line(&error.reason), place(error)));
    row(text, "error", &folder.join(error_path(&error.build_id)).to_string_lossy());
    write_evidence(text, &error.build_id, folder);
}

/// Where what has failed is written.
fn place(error: &ErrorRecord) -> String {
    error.location.as_ref().map(|location| format!(" ({location})")).unwrap_or_default()
}

/// The end of what was printed, in lines of its own.
fn tail(error: &ErrorRecord) -> String {
    let skipped = error.log_excerpt.len().saturating_sub(LINES_SHOWN);
    error.log_excerpt[skipped..].iter().map(|line| format!("\n    | {line}")).collect()
}

fn write_evidence(text: &mut String, build_id: &str, folder: &Path) {
    row(text, "evidence", &folder.join(evidence_path(build_id)).to_string_lossy());
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// `12 ms`, `1.2 s`, `3 min 4 s`.
pub(crate) fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds % 60_000 / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::tests::{error, record};

    fn report(records: Vec<Record>, errors: Vec<ErrorRecord>) -> Report {
        Report { records, errors, began: "2026-11-20T10:00:43Z".into() }
    }

    #[test]
    fn the_table_has_every_test_and_where_to_read_on() {
        let mut failed = record("app-1", Verdict::Fail);
        let mut passed = failed.tests[0].clone();
        passed.name = "manifest/gpu".into();
        passed.verdict = Verdict::Skipped;
        passed.reason = Some("no device nvidia.com/gpu=all".into());
        failed.tests.push(passed);
        let text = report(vec![failed], vec![error("app-1", ErrorKind::Test)]).text(Path::new(".factory"));
        assert_eq!(
            text,
            "test      core/python   fail       12 ms  exit code 1, expected 0 (fragments/core/0.1.0/fragment.json:12)\n\
             test      manifest/gpu  skipped           no device nvidia.com/gpu=all\n\
             verdict   linux/amd64 fail\n\
             record    .factory/records/app-1.json\n\
             reason    core/python: exit code 1, expected 0 (fragments/core/0.1.0/fragment.json:12)\n\
             error     .factory/errors/error-app-1.json\n\
             evidence  .factory/evidence/app-1.log\n"
        );
    }

    #[test]
    fn verdicts_from_before_the_build_are_from_the_cache() {
        let mut before = record("a", Verdict::Pass);
        before.result.tested_at = Some("2026-11-20T10:00:42Z".into());
        let mut arm = record("b", Verdict::Pass);
        arm.platform = "linux/arm64".into();
        let text = report(vec![before, arm], vec![]).text(Path::new("f"));
        assert_eq!(
            text,
            "test      linux/amd64 core/python  pass       12 ms  cached\n\
             test      linux/arm64 core/python  pass       12 ms\n\
             verdict   linux/amd64 pass\nrecord    f/records/a.json\n\
             verdict   linux/arm64 pass\nrecord    f/records/b.json\n"
        );
    }

    #[test]
    fn only_a_test_that_said_no_is_refused() {
        let of = |verdicts: &[Verdict], errors: &[ErrorKind]| {
            let records = verdicts.iter().map(|verdict| record("a", *verdict)).collect();
            report(records, errors.iter().map(|kind| error("a", *kind)).collect()).refused()
        };
        assert!(of(&[Verdict::Fail], &[ErrorKind::Test]));
        assert!(of(&[Verdict::Pass, Verdict::Fail], &[ErrorKind::Test]));
        assert!(!of(&[Verdict::Fail], &[ErrorKind::Step]), "a step of the product failed");
        assert!(!of(&[Verdict::Fail, Verdict::Fail], &[ErrorKind::Test, ErrorKind::Step]));
        assert!(!of(&[Verdict::Error], &[ErrorKind::Infrastructure]));
        assert!(!of(&[Verdict::Pass], &[]));
        assert!(!of(&[], &[ErrorKind::Input]));
    }

    #[test]
    fn a_failed_step_is_no_image() {
        let step = report(vec![record("a", Verdict::Fail)], vec![error("a", ErrorKind::Step)]);
        let said = "core/python: exit code 1, expected 0 (fragments/core/0.1.0/fragment.json:12)\n    | boom";
        assert_eq!(step.unbuildable().as_deref(), Some(said));
        let test = report(vec![record("a", Verdict::Fail)], vec![error("a", ErrorKind::Test)]);
        assert_eq!(test.unbuildable(), None, "the gate says it");
        let broken = report(vec![record("a", Verdict::Error)], vec![]);
        assert!(broken.unbuildable().unwrap().contains("could not be run"));
    }

    #[test]
    fn durations_are_short() {
        for (milliseconds, text) in [(0, "0 ms"), (999, "999 ms"), (1250, "1.2 s"), (184_000, "3 min 4 s")] {
            assert_eq!(duration(milliseconds), text);
        }
    }
}
