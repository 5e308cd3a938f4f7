//! Verdicts as text: what a log of evidence holds of the tests.

use std::fmt::Write as _;

use llb_gen::plan::SkippedTest;

use super::{Judged, JudgedTest};

/// Lines of a test's output: all that the verdict has.
const TAIL: usize = 80;

/// The beginning of a log of evidence.
pub fn head(build_id: &str) -> String {
    format!("# Build ID: {build_id}\n")
}

/// A log of evidence with a block for every test: its verdict, what was checked, and the end of its output.
pub fn log(build_id: &str, judged: &Judged) -> String {
    let ran = judged.tests().map(|test| format!("{}{}", title(test), findings(test, &test.tail(TAIL))));
    let skipped = judged.skipped.iter().map(skipped);
    std::iter::once(head(build_id)).chain(ran).chain(skipped).collect()
}

/// The title of a test's block: `== test core/python: fail (12 ms)`, with the reason in the next line.
pub fn title(test: &JudgedTest) -> String {
    let reason = test.reason.as_ref().map(|reason| format!("{reason}\n")).unwrap_or_default();
    format!("== test {}: {} ({} ms)\n{reason}", test.identity.name, test.verdict.as_str(), test.wall_ms)
}

/// The block of a test that the planner found could not run.
pub fn skipped(skipped: &SkippedTest) -> String {
    format!("== test {}: skipped\n{}\n", skipped.test.name, skipped.reason)
}

/// What was checked and asked, and these lines of the output.
fn findings(test: &JudgedTest, output: &[String]) -> String {
    let mut text = String::new();
    for assertion in &test.assertions {
        let sign = if assertion.pass { "ok" } else { "NOT" };
        let _ = writeln!(text, "  {sign} {}", assertion.what);
    }
    for exchange in &test.exchanges {
        let status = exchange.status.map_or_else(|| "no reply".to_owned(), |status| status.to_string());
        let _ = writeln!(text, "  {} -> {status} ({} ms)", exchange.request, exchange.wall_ms);
    }
    let missing = left_out(test, output);
    if missing > 0 {
        let _ = writeln!(text, "  [… {missing} bytes are left out; the report of the build has all …]");
    }
    for line in output {
        let _ = writeln!(text, "  | {line}");
    }
    text
}

/// How many bytes a test has printed that these lines do not have.
fn left_out(test: &JudgedTest, output: &[String]) -> u64 {
    let shown: u64 = output.iter().map(|line| line.len() as u64 + 1).sum();
    (test.stdout.bytes + test.stderr.bytes).saturating_sub(shown)
}

/// `text` if it takes at most `limit` bytes as JSON, else its beginning and its end with a note between them. `full` says
/// where all of it is.
pub fn cut(text: &str, limit: usize, full: &str) -> String {
    let mut keep = text.len();
    loop {
        let shown = ends(text, keep, full);
        let size = serde_json::to_string(&shown).map_or(usize::MAX, |json| json.len());
        if size <= limit || keep == 0 {
            return shown;
        }
        // Nearly there at once where all bytes are alike; always less.
        keep = (keep.saturating_mul(limit) / size).min(keep - 1) / 8 * 7;
    }
}

/// About `keep` bytes of both ends together.
fn ends(text: &str, keep: usize, full: &str) -> String {
    if keep >= text.len() {
        return text.to_owned();
    }
    let (head, tail) = (text.floor_char_boundary(keep / 2), text.ceil_char_boundary(text.len() - keep / 2));
    let left_out = tail - head;
    format!("{}\n[… {left_out} bytes are left out; {full} …]\n{}", &text[..head], &text[tail..])
}

#[cfg(test)]
mod tests {
    use llb_gen::record::Verdict;

    use super::super::fixture::{all, judged};
    use super::*;
    use crate::judging::{Assertion, Exchange};

    #[test]
    fn a_log_has_a_block_for_every_test() {
        let mut failing = judged("core/a", Verdict::Fail);
        failing.assertions.push(Assertion { what: "exit code is 0".into(), pass: false });
        failing.exchanges.push(Exchange { request: "GET /".into(), status: None, wall_ms: 3 });
        failing.stdout.tail = "said\n".into();
        failing.stdout.bytes = 1005;
        let mut judged = all(vec![failing, judged("core/b", Verdict::Pass)]);
        let test = judged.groups[0].tests[1].identity.clone();
        judged.skipped.push(SkippedTest { test, reason: "no device".into() });
        let expected = "# Build ID: app-1\n== test core/a: fail (1500 ms)\nno\n  NOT exit code is 0\n  GET / -> no reply (3 ms)\n  \
                        [… 1000 bytes are left out; the report of the build has all …]\n  | said\n== test core/b: pass (1500 ms)\n== test core/b: skipped\nno device\n";
        assert_eq!(log("app-1", &judged), expected);
    }

    #[test]
    fn what_is_too_long_keeps_both_ends_within_the_limit() {
        assert_eq!(cut("short", 7, "x"), "short");
        for middle in ["é".repeat(5000), "\u{1}".repeat(5000), "x".repeat(5000)] {
            let text = format!("begin {middle} end");
            let shown = cut(&text, 1000, "see the report");
            let size = serde_json::to_string(&shown).unwrap().len();
            assert!((600..=1000).contains(&size), "{size}");
            assert!(shown.starts_with("begin ") && shown.ends_with(" end"), "{shown}");
            assert!(shown.contains(" bytes are left out; see the report …]"), "{shown}");
        }
        assert!(cut("xxxxxxxxxx", 0, "y").contains("10 bytes are left out"), "it ends whatever the limit is");
    }
}
