//! `verdicts.json`, which the helper writes last: `docs/step-wrapper.md`, "Tests".

use llb_gen::record::Verdict;
use serde::Deserialize;

/// The form that is understood.
const VERSION: u32 = 1;

/// What an exec of tests has come to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Verdicts {
    version: u32,
    /// When the last of them ended, in UTC.
    #[serde(default)]
    pub(super) tested_at: Option<String>,
    /// The device that was there.
    #[serde(default)]
    pub(super) accelerator: Option<Device>,
    /// In the order in which they ran.
    pub(super) tests: Vec<VerdictEntry>,
}

/// A device that tests have used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Device {
    /// The version of its driver.
    #[serde(default)]
    pub driver: Option<String>,
    /// Its model.
    #[serde(default)]
    pub model: Option<String>,
}

/// One test.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct VerdictEntry {
    pub(super) name: String,
    pub(super) verdict: Verdict,
    #[serde(default)]
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) exit_code: Option<i32>,
    #[serde(default)]
    pub(super) signal: Option<i32>,
    #[serde(default)]
    pub(super) timed_out: bool,
    #[serde(default)]
    pub(super) oom: bool,
    pub(super) wall_ms: u64,
    pub(super) cpu_ms: u64,
    pub(super) peak_rss_kib: u64,
    pub(super) stdout: Said,
    pub(super) stderr: Said,
    #[serde(default)]
    pub(super) assertions: Vec<Assertion>,
    #[serde(default)]
    pub(super) exchanges: Vec<Exchange>,
}

/// A stream: how much there was of it, and its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Said {
    /// Bytes that were printed.
    pub bytes: u64,
    /// Bytes of these that were not kept.
    pub dropped: u64,
    /// The last lines; a byte that is not UTF-8 is written `\xHH`.
    pub tail: String,
}

/// Something that was expected.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Assertion {
    /// What.
    pub what: String,
    /// Whether it was so.
    pub pass: bool,
}

/// A request to the image's server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Exchange {
    /// Method and path.
    pub request: String,
    /// The status code; nothing where there was no reply.
    pub status: Option<u16>,
    /// How long the reply took, in milliseconds.
    pub wall_ms: u64,
}

/// The verdicts on these tests, in this order.
///
/// # Errors
/// Why the file is not what the helper writes, as a lower-case fragment.
pub(super) fn parse<'t>(
    bytes: &[u8],
    tests: impl ExactSizeIterator<Item = &'t str>,
) -> Result<Verdicts, String> {
    let verdicts: Verdicts =
        serde_json::from_slice(bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    if verdicts.version != VERSION {
        return Err(format!("its version is {}, not {VERSION}", verdicts.version));
    }
    if verdicts.tests.len() != tests.len() {
        return Err(format!("it has {} verdicts on {} tests", verdicts.tests.len(), tests.len()));
    }
    match verdicts.tests.iter().zip(tests).find(|(found, expected)| found.name != *expected) {
        Some((found, expected)) => {
            Err(format!("it has a verdict on `{}` in the place of `{expected}`", found.name))
        }
        None => Ok(verdicts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"version": 1, "tested_at": "2026-11-20T10:00:43Z", "tests": [
        {"name": "core/a", "verdict": "fail", "reason": "no", "exit_code": 3, "signal": null, "timed_out": false,
         "oom": false, "wall_ms": 12, "cpu_ms": 8, "peak_rss_kib": 9000,
         "stdout": {"bytes": 2, "dropped": 0, "tail": "x\n"}, "stderr": {"bytes": 0, "dropped": 0, "tail": ""},
         "assertions": [{"what": "exit code is 0", "pass": false}]}]}"#;

    #[test]
    fn the_documented_form_is_read() {
        let verdicts = parse(ONE.as_bytes(), ["core/a"].into_iter()).unwrap();
        assert_eq!(verdicts.tested_at.as_deref(), Some("2026-11-20T10:00:43Z"));
        let [test] = &verdicts.tests[..] else { panic!("{verdicts:?}") };
        assert_eq!((test.verdict, test.exit_code, test.signal), (Verdict::Fail, Some(3), None));
        assert_eq!((test.wall_ms, test.cpu_ms, test.peak_rss_kib), (12, 8, 9000));
        assert_eq!(test.stdout.tail, "x\n");
        assert_eq!(test.assertions, [Assertion { what: "exit code is 0".into(), pass: false }]);
    }

    #[test]
    fn anything_else_is_refused_with_what_is_wrong() {
        let of = |text: &str, tests: &[&str]| parse(text.as_bytes(), tests.iter().copied()).unwrap_err();
        let table = [
            (of("{", &["core/a"]), "it cannot be read: EOF"),
            (of(&ONE.replace("\"version\": 1", "\"version\": 2"), &["core/a"]), "its version is 2, not 1"),
            (of(ONE, &["core/a", "core/b"]), "it has 1 verdicts on 2 tests"),
            (of(ONE, &["core/b"]), "it has a verdict on `core/a` in the place of `core/b`"),
            (
                of(&ONE.replace("\"fail\"", "\"perhaps\""), &["core/a"]),
                "it cannot be read: unknown variant `perhaps`",
            ),
        ];
        for (message, beginning) in table {
            assert!(message.starts_with(beginning), "{message}");
        }
    }
}
