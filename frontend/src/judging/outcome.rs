//! Verdicts, and what follows from them.

use llb_gen::lower::TestGroup;
use llb_gen::plan::{SkippedTest, TestIdentity};
use llb_gen::record::{Budget, Verdict};

use super::verdicts::{Assertion, Device, Exchange, Said, VerdictEntry, Verdicts};
use crate::gateway::Ref;

/// What the tests of one platform's product say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Those that ran, in the order of the product's tests.
    pub groups: Vec<JudgedGroup>,
    /// Those that the planner found could not run here. Others may have been skipped by the helper.
    pub skipped: Vec<SkippedTest>,
}

/// Tests that shared an exec.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedGroup {
    /// What the helper left: `verdicts.json`, and the output of each test (`0.stdout`, `0.stderr`, `0.server.stdout`, …).
    pub reference: Ref,
    /// The tests, in the order in which they ran: test number `N` wrote the files `N.*`.
    pub tests: Vec<JudgedTest>,
    /// When the last of them really ran: RFC 3339, in UTC. A cached verdict keeps its time.
    pub tested_at: Option<String>,
    /// The device that was there.
    pub accelerator: Option<Device>,
}

/// What one test said.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedTest {
    /// The test.
    pub identity: TestIdentity,
    /// What it said.
    pub verdict: Verdict,
    /// Why, unless it passed.
    pub reason: Option<String>,
    /// What its program exited with, where it came to that.
    pub exit_code: Option<i32>,
    /// The signal that ended its program.
    pub signal: Option<i32>,
    /// It took longer than it may.
    pub timed_out: bool,
    /// It had more memory than it may.
    pub oom: bool,
    /// How long it took, in milliseconds.
    pub wall_ms: u64,
    /// The processor time of its processes, in milliseconds.
    pub cpu_ms: u64,
    /// The most memory that its processes had, in bytes.
    pub peak_memory: u64,
    /// The end of its standard output, or its server's.
    pub stdout: Said,
    /// The end of its standard error, or its server's.
    pub stderr: Said,
    /// What was expected.
    pub assertions: Vec<Assertion>,
    /// What its server was asked.
    pub exchanges: Vec<Exchange>,
}

impl JudgedGroup {
    /// The verdicts, which are in the order of the group's tests.
    pub(super) fn of(reference: Ref, group: &TestGroup, verdicts: Verdicts) -> Self {
        let tests = group.tests.iter().zip(verdicts.tests);
        Self {
            reference,
            tests: tests.map(|(identity, entry)| JudgedTest::of(identity.clone(), entry)).collect(),
            tested_at: verdicts.tested_at,
            accelerator: verdicts.accelerator,
        }
    }
}

impl JudgedTest {
    fn of(identity: TestIdentity, entry: VerdictEntry) -> Self {
        Self {
            identity,
            verdict: entry.verdict,
            reason: entry.reason,
            exit_code: entry.exit_code,
            signal: entry.signal,
            timed_out: entry.timed_out,
            oom: entry.oom,
            wall_ms: entry.wall_ms,
            cpu_ms: entry.cpu_ms,
            peak_memory: entry.peak_rss_kib.saturating_mul(1024),
            stdout: entry.stdout,
            stderr: entry.stderr,
            assertions: entry.assertions,
            exchanges: entry.exchanges,
        }
    }

    /// The last lines that it printed, at most `count`: those of its standard output, then those of its standard error. Where
    /// both are long, each has its half.
    pub fn tail(&self, count: usize) -> Vec<String> {
        let (stdout, stderr): (Vec<&str>, Vec<&str>) =
            (self.stdout.tail.lines().collect(), self.stderr.tail.lines().collect());
        let (out, err) = shares(stdout.len(), stderr.len(), count);
        let (stdout, stderr) = (&stdout[stdout.len() - out..], &stderr[stderr.len() - err..]);
        stdout.iter().chain(stderr).map(|line| (*line).to_owned()).collect()
    }

    /// Where it is written: `fragments/core/0.1.0/fragment.json:12`.
    pub fn location(&self) -> String {
        location(&self.identity)
    }
}

/// Where a test is written: `fragments/core/0.1.0/fragment.json:12`.
pub(crate) fn location(test: &TestIdentity) -> String {
    format!("{}:{}", test.place.file().path(), test.place.lines().first)
}

/// How many lines of each of two there is room for.
fn shares(first: usize, second: usize, room: usize) -> (usize, usize) {
    let half = room / 2;
    let of_second = second.min(half.max(room.saturating_sub(first)));
    (first.min(room - of_second), of_second)
}

impl Judged {
    /// The tests that ran, in the order of the groups.
    pub fn tests(&self) -> impl Iterator<Item = &JudgedTest> {
        self.groups.iter().flat_map(|group| &group.tests)
    }

    /// Those that say this.
    pub fn saying(&self, verdict: Verdict) -> impl Iterator<Item = &JudgedTest> {
        self.tests().filter(move |test| test.verdict == verdict)
    }

    /// Whether there is nothing to tell: no test ran, and none was skipped.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.skipped.is_empty()
    }

    /// When the last test really ran: the latest time of the groups.
    pub fn tested_at(&self) -> Option<&str> {
        // RFC 3339 in UTC, all of one length: the order of texts is that of time.
        self.groups.iter().filter_map(|group| group.tested_at.as_deref()).max()
    }

    /// What the tests needed: the most memory that any one had, and the time of all together. Nothing where none ran.
    pub fn peaks(&self) -> Option<Budget> {
        let memory = self.tests().map(|test| test.peak_memory).max()?;
        let time = self.tests().fold(0u64, |sum, test| sum.saturating_add(test.wall_ms));
        Some(Budget { memory: Some(memory), time_ms: Some(time) })
    }

    /// What of the budget is broken, as lower-case fragments.
    pub fn over(&self, budget: &Budget) -> Vec<String> {
        let Some(peaks) = self.peaks() else { return Vec::new() };
        let larger = self.tests().max_by_key(|test| test.peak_memory);
        let memory = over(peaks.memory, budget.memory).map(|(peak, limit)| {
            let name = larger.map_or("", |test| test.identity.name.as_str());
            format!("test {name} had {} of memory, more than {}", bytes(peak), bytes(limit))
        });
        let time = over(peaks.time_ms, budget.time_ms)
            .map(|(peak, limit)| format!("the tests took {}, longer than {}", seconds(peak), seconds(limit)));
        memory.into_iter().chain(time).collect()
    }

    /// The verdict on the product, and why it is none that passes. A failure is one whatever else could not be told; without a
    /// failure, a test that could not be run leaves it unknown.
    pub fn verdict(&self, budget: Option<&Budget>) -> (Verdict, Option<String>) {
        let broken = budget.map(|budget| self.over(budget)).unwrap_or_default();
        let first = |verdict| self.saying(verdict).map(said).collect::<Vec<_>>();
        let reasons: Vec<String> = first(Verdict::Fail).into_iter().chain(broken).collect();
        if !reasons.is_empty() {
            return (Verdict::Fail, Some(reasons.join("; ")));
        }
        match first(Verdict::Error) {
            errors if errors.is_empty() => (Verdict::Pass, None),
            errors => (Verdict::Error, Some(errors.join("; "))),
        }
    }
}

fn said(test: &JudgedTest) -> String {
    format!("{}: {}", test.identity.name, test.reason.as_deref().unwrap_or("no reason was given"))
}

fn over(peak: Option<u64>, limit: Option<u64>) -> Option<(u64, u64)> {
    peak.zip(limit).filter(|(peak, limit)| peak > limit)
}

/// An amount of memory as people read it, never rounded down to nothing.
fn bytes(count: u64) -> String {
    match count {
        count if count < 1 << 10 => format!("{count} bytes"),
        count if count < 1 << 20 => format!("{:.1} KiB", count as f64 / 1024.0),
        count if count < 1 << 30 => format!("{:.1} MiB", count as f64 / 1_048_576.0),
        count => format!("{:.2} GiB", count as f64 / 1_073_741_824.0),
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000)
}

#[cfg(test)]
pub(crate) mod tests {
    use llb_gen::plan::TestOwner;
    use llb_gen::text::{Place, SourceFile, Span};

    use super::*;

    pub(crate) fn judged(name: &str, verdict: Verdict) -> JudgedTest {
        let file = SourceFile::new("manifests/app.json", b"{\n \"tests\": []}".as_slice());
        let identity = TestIdentity {
            name: name.to_owned(),
            description: None,
            owner: TestOwner::Manifest,
            place: Place::new(&file, Span::new(3, 10)),
        };
        let reason = (verdict != Verdict::Pass).then(|| "no".to_owned());
        JudgedTest {
            identity,
            verdict,
            reason,
            exit_code: None,
            signal: None,
            timed_out: false,
            oom: false,
            wall_ms: 1500,
            cpu_ms: 8,
            peak_memory: 3 << 20,
            stdout: Said::default(),
            stderr: Said::default(),
            assertions: Vec::new(),
            exchanges: Vec::new(),
        }
    }

    pub(crate) fn all(tests: Vec<JudgedTest>) -> Judged {
        let tested_at = Some("2026-11-20T10:00:43Z".to_owned());
        let reference = Ref::from_id("evidence").unwrap();
        let group = JudgedGroup { reference, tests, tested_at, accelerator: None };
        Judged { groups: vec![group], skipped: Vec::new() }
    }

    #[test]
    fn a_failure_weighs_more_than_what_could_not_be_run() {
        let of = |verdicts: &[Verdict]| {
            all(verdicts.iter().map(|one| judged("manifest/x", *one)).collect()).verdict(None).0
        };
        use Verdict::{Error, Fail, Pass, Skipped};
        let table: [(&[Verdict], Verdict); 5] = [
            (&[Pass, Skipped], Pass),
            (&[Skipped], Pass),
            (&[Pass, Error], Error),
            (&[Error, Fail], Fail),
            (&[], Pass),
        ];
        for (verdicts, expected) in table {
            assert_eq!(of(verdicts), expected, "{verdicts:?}");
        }
    }

    #[test]
    fn a_broken_budget_is_a_failure_with_its_figures() {
        let judged = all(vec![judged("manifest/a", Verdict::Pass), judged("manifest/b", Verdict::Pass)]);
        let budget = |memory, time_ms| Budget { memory, time_ms };
        assert_eq!(judged.peaks(), Some(budget(Some(3 << 20), Some(3000))));
        assert_eq!(judged.verdict(Some(&budget(Some(3 << 20), Some(3000)))), (Verdict::Pass, None));
        let (verdict, why) = judged.verdict(Some(&budget(Some(1 << 20), Some(2999))));
        assert_eq!(verdict, Verdict::Fail);
        let why = why.unwrap();
        assert_eq!(
            why,
            "test manifest/b had 3.0 MiB of memory, more than 1.0 MiB; the tests took 3.000 s, longer than 2.999 s"
        );
        assert!(all(Vec::new()).over(&budget(Some(1), Some(1))).is_empty(), "what did not run needs nothing");
    }

    #[test]
    fn both_streams_have_a_part_in_the_tail() {
        let mut test = judged("manifest/a", Verdict::Fail);
        test.stdout.tail = "o1\no2\no3\n".into();
        test.stderr.tail = "e1\ne2\ne3\n".into();
        assert_eq!(test.tail(4), ["o2", "o3", "e2", "e3"]);
        assert_eq!(test.tail(5), ["o1", "o2", "o3", "e2", "e3"]);
        test.stderr.tail = "e1".into();
        assert_eq!(test.tail(3), ["o2", "o3", "e1"]);
        test.stdout.tail.clear();
        assert_eq!(test.tail(0), Vec::<String>::new());
        assert_eq!(test.tail(9), ["e1"]);
    }

    #[test]
    fn a_test_is_found_by_file_and_line() {
        assert_eq!(judged("manifest/a", Verdict::Pass).location(), "manifests/app.json:2");
    }
}
