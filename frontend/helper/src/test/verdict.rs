//! How a test turned out, and how that is written and said.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::matches::Checked;
use super::services::Started;
use crate::capture::{Output, Stream};
use crate::reap::Outcome;
use crate::sys::raw::Usage;

/// How much of the end of a stream a verdict holds, in lines and in bytes.
const TAIL_LINES: usize = 40;
const TAIL_BYTES: usize = 16 * 1024;
/// How many reasons are said.
const REASONS: usize = 3;

/// What a test has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// All is as expected.
    Pass,
    /// Something is not.
    Fail,
    /// It could not be run.
    Error,
    /// There is no use in running it here.
    Skipped,
}

/// A test while it runs and what is found.
pub(super) struct Trial {
    /// How its program ended, if it did so by itself.
    pub(super) outcome: Option<Outcome>,
    /// It took too long.
    pub(super) timed_out: bool,
    /// It had too much memory.
    pub(super) oom: bool,
    /// What its processes have used.
    pub(super) usage: Usage,
    /// What its programs said.
    pub(super) output: Output,
    /// What its server said.
    pub(super) server: Option<Output>,
    /// Its services, and what they said.
    pub(super) services: Vec<Started>,
    /// What was asked, and the replies.
    pub(super) exchanges: Vec<Exchange>,
    assertions: Vec<Assertion>,
    reasons: Vec<String>,
    instead: Option<Kind>,
}

/// Something that was expected.
#[derive(Debug, Serialize)]
pub(super) struct Assertion {
    what: String,
    pass: bool,
}

/// A request and its reply.
#[derive(Debug, Serialize)]
pub(super) struct Exchange {
    /// `GET /path`.
    pub(super) request: String,
    /// The status code; None: there was no reply.
    pub(super) status: Option<u16>,
    /// Names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    /// The beginning of the body.
    pub(super) body: String,
    /// How long the body is, in bytes.
    pub(super) bytes: usize,
    /// From the request to the end of the reply, in milliseconds.
    pub(super) wall_ms: u64,
}

/// One of the tests in `verdicts.json`.
#[derive(Serialize)]
pub(super) struct Verdict<'a> {
    name: &'a str,
    verdict: Kind,
    reason: Option<String>,
    exit_code: Option<i32>,
    signal: Option<i32>,
    timed_out: bool,
    oom: bool,
    wall_ms: u64,
    cpu_ms: u64,
    peak_rss_kib: u64,
    stdout: Said,
    stderr: Said,
    assertions: Vec<Assertion>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exchanges: Vec<Exchange>,
}

/// A stream: how much of it there was, and its end.
#[derive(Serialize)]
struct Said {
    bytes: u64,
    dropped: u64,
    tail: String,
}

impl Said {
    fn new(output: &Output, stream: Stream) -> Self {
        let (bytes, dropped) = output.counts(stream);
        Self { bytes, dropped, tail: readable(tail(&output.text_of(stream), TAIL_LINES)) }
    }
}

impl Trial {
    /// A test of which nothing is known yet, and that keeps so many bytes of either end of a stream.
    pub(super) fn new(keep: usize) -> Self {
        Self {
            outcome: None,
            timed_out: false,
            oom: false,
            usage: Usage::default(),
            output: Output::keeping(keep),
            server: None,
            services: Vec::new(),
            exchanges: Vec::new(),
            assertions: Vec::new(),
            reasons: Vec::new(),
            instead: None,
        }
    }

    /// Notes something that was expected and, if it is not so, why.
    pub(super) fn check(&mut self, what: String, result: Result<(), String>) {
        self.assertions.push(Assertion { what, pass: result.is_ok() });
        self.reasons.extend(result.err());
    }

    /// The same for several.
    pub(super) fn check_all(&mut self, checked: Vec<Checked>) {
        checked.into_iter().for_each(|(what, result)| self.check(what, result));
    }

    /// It has failed, for this reason.
    pub(super) fn fail(&mut self, reason: String) {
        self.reasons.push(reason);
    }

    /// It cannot be run, for this reason.
    pub(super) fn give_up(&mut self, kind: Kind, reason: String) {
        self.instead = Some(kind);
        self.reasons.push(reason);
    }

    /// What people want to see: what a service said that did not get ready, else what the server or the program said.
    fn shown(&self) -> &Output {
        let idle = self.services.iter().find(|service| !service.is_ready).map(|service| &service.output);
        idle.or(self.server.as_ref()).unwrap_or(&self.output)
    }

    /// What it has come to.
    pub(super) fn kind(&self) -> Kind {
        let found = if self.reasons.is_empty() { Kind::Pass } else { Kind::Fail };
        self.instead.unwrap_or(found)
    }

    fn reason(&self) -> Option<String> {
        let said = self.reasons.iter().take(REASONS).map(String::as_str).collect::<Vec<_>>().join("; ");
        let more = self.reasons.len().saturating_sub(REASONS);
        let memory = if self.oom && !self.timed_out { "out of memory: " } else { "" };
        match more {
            _ if self.reasons.is_empty() => None,
            0 => Some(format!("{memory}{said}")),
            more => Some(format!("{memory}{said}; and {more} more")),
        }
    }

    /// What is said while the tests run: a line and, of a failure, the end of the output.
    pub(super) fn line(&self, name: &str, wall_ms: u64) -> String {
        let word = match self.kind() {
            Kind::Pass => return format!("pass  {name}  ({wall_ms} ms)\n"),
            Kind::Fail => "fail ",
            Kind::Error => "error",
            Kind::Skipped => "skip ",
        };
        let mut text = format!("{word} {name}: {}\n", self.reason().unwrap_or_default());
        if self.kind() != Kind::Skipped {
            let output = self.shown().text();
            for line in readable(tail(&output, TAIL_LINES / 2)).lines() {
                text.push_str(&format!("      | {line}\n"));
            }
        }
        text
    }

    /// The verdict, after a test that took so long.
    pub(super) fn verdict(self, name: &str, wall_ms: u64) -> Verdict<'_> {
        let shown = self.shown();
        let (stdout, stderr) = (Said::new(shown, Stream::Out), Said::new(shown, Stream::Err));
        Verdict {
            name,
            verdict: self.kind(),
            reason: self.reason(),
            exit_code: self.outcome.and_then(|outcome| match outcome {
                Outcome::Code(code) => Some(code),
                Outcome::Signal(_) => None,
            }),
            signal: self.outcome.and_then(|outcome| match outcome {
                Outcome::Signal(signal) => Some(signal),
                Outcome::Code(_) => None,
            }),
            timed_out: self.timed_out,
            oom: self.oom,
            wall_ms,
            cpu_ms: (self.usage.user_us + self.usage.system_us) / 1000,
            peak_rss_kib: self.usage.peak_rss_kib,
            stdout,
            stderr,
            assertions: self.assertions,
            exchanges: self.exchanges,
        }
    }
}

/// The last lines of a text, as far as they are not too long.
fn tail(text: &[u8], lines: usize) -> &[u8] {
    let text = &text[text.len().saturating_sub(TAIL_BYTES)..];
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let mut ends = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    ends.nth(lines - 1).map_or(text, |at| &text[at + 1..])
}

/// Text for people: a byte that belongs to no character is `\xHH`.
pub(super) fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_whole_lines() {
        for (text, lines, expected) in [
            ("", 2, ""),
            ("a", 1, "a"),
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc", 2, "b\nc"),
            ("a\nb\n", 2, "a\nb\n"),
            ("\n\n\n", 1, "\n"),
        ] {
            assert_eq!(tail(text.as_bytes(), lines), expected.as_bytes(), "{text:?}");
        }
        assert_eq!(tail(&[b'x'; 100_000], 3).len(), TAIL_BYTES);
    }

    #[test]
    fn reasons_are_told_up_to_a_number() {
        let mut trial = Trial::new(10);
        assert_eq!((trial.kind(), trial.reason()), (Kind::Pass, None));
        trial.check("a".into(), Ok(()));
        assert_eq!(trial.line("t", 5), "pass  t  (5 ms)\n");
        for reason in ["b", "c", "d", "e"] {
            trial.check(reason.into(), Err(format!("no {reason}")));
        }
        trial.output.push(Stream::Err, b"x\xff\ny\n");
        let expected = "fail  t: no b; no c; no d; and 1 more\n      | x\\xff\n      | y\n";
        assert_eq!(trial.line("t", 5), expected);
        trial.give_up(Kind::Error, "broken".into());
        assert_eq!(trial.kind(), Kind::Error);
    }
}
