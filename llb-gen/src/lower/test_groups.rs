//! Tests as execs of the helper on the finished root.
//!
//! An exec costs a tenth of a second, a test in it next to nothing: tests share one unless something tells them apart, be it
//! their network, their devices, or that one wants a root of its own. The helper exits with 0 whatever the verdicts are, so
//! that they and the output survive on every daemon, and are cached.

use std::collections::BTreeSet;

use serde::Serialize;

use super::about::source_info;
use super::exec::EVIDENCE;
use super::trees::Trees;
use super::{LowerError, Lowering};
use crate::llb::{
    CachePolicy, Copy, Exec, FileOp, Graph, LineRange, Location, Meta, Mkfile, Mount, Network, Resources,
    State,
};
use crate::ordered::ordered;
use crate::plan::step::PlannedCopy;
use crate::plan::test::{PlannedTest, SCRIPTS, TestIdentity, TestOwner, spec::TestSpec};
use crate::record::canonical;
use crate::request::{Naming, NoCache};

/// Where the helper reads what it is told where that is too long for a variable.
const CONFIG: &str = "/.factory/tests.json";
/// The longest variable: the kernel takes up to 128 KiB, its name and what `execve` adds included.
const LONGEST_VARIABLE: usize = 64 << 10;
/// How many bytes of each output stream are kept at its head and at its tail.
const KEEP: u64 = 1 << 20;
/// The longest list of tests in a name, in characters.
const LONGEST_NAME: usize = 80;
/// The helper's mode.
const MODE: &str = "test";
/// What `--no-cache-filter` calls all tests.
const ALL_TESTS: &str = "tests";

/// Tests that run one after another in one exec.
#[derive(Debug)]
pub struct TestGroup {
    /// The name of the exec: `[tests] core/python, core/numpy`.
    pub name: String,
    /// What is solved: its result holds `verdicts.json`, written last, and the output of each test.
    pub evidence: Graph,
    /// The tests, in the order in which they run, and their verdicts stand.
    pub tests: Vec<TestIdentity>,
    /// All that decides what is tested, in canonical form: the tests, their network and their devices. What the
    /// test hash is made of.
    pub canonical: Vec<u8>,
    /// The files of fragments that the tests run, from the catalogue's root: `fragments/core/0.1.0/check.sh`.
    pub scripts: Vec<String>,
}

/// What the helper is told: `FACTORY_TESTS`.
#[derive(Serialize)]
struct Config<'a> {
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    cwd: &'a str,
    keep: u64,
    tests: Vec<&'a TestSpec>,
}

/// All that decides what a group tests.
#[derive(Serialize)]
struct Hashed<'a> {
    network: &'static str,
    devices: &'a [String],
    #[serde(flatten)]
    config: Config<'a>,
}

/// What tests must have in common to share an exec; nothing for one that wants its own.
#[derive(PartialEq, Eq)]
struct Sharing {
    network: Option<Network>,
}

impl Sharing {
    fn of(test: &PlannedTest) -> Option<Self> {
        (!test.isolated && test.devices.is_empty()).then_some(Self { network: test.network })
    }
}

/// The tests of each exec, in the order of each one's first test.
fn grouped(tests: &[PlannedTest]) -> Vec<Vec<&PlannedTest>> {
    let mut groups: Vec<(Option<Sharing>, Vec<&PlannedTest>)> = Vec::new();
    for test in tests {
        let sharing = Sharing::of(test);
        match groups.iter_mut().find(|(other, _)| sharing.is_some() && *other == sharing) {
            Some((_, group)) => group.push(test),
            None => groups.push((sharing, vec![test])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

impl Lowering<'_> {
    /// The tests on `root`, the finished one.
    pub(super) fn test_groups(&self, root: &State) -> Result<Vec<TestGroup>, LowerError> {
        let tests = &self.plan.tests.running;
        let scripts = Trees::of_scripts(self.plan);
        grouped(tests).into_iter().map(|group| self.test_group(&group, root, scripts.as_ref())).collect()
    }

    fn test_group(
        &self,
        group: &[&PlannedTest],
        root: &State,
        scripts: Option<&State>,
    ) -> Result<TestGroup, LowerError> {
        let name = self.group_name(group);
        let config = canonical(&self.helper_config(group));
        let exec = self.test_exec(group, config, root)?;
        let copies: Vec<&PlannedCopy> = group.iter().filter_map(|test| test.script.as_ref()).collect();
        let exec = match scripts.filter(|_| !copies.is_empty()) {
            None => exec,
            Some(from) => exec.mount(Mount::read_only(SCRIPTS, &scripts_of(&copies, from))),
        };
        let meta = located(group, Meta::named(&name)).cache(self.test_cache(group));
        let meta = meta.resources(self.limits(&Resources::default()));
        let evidence = exec.meta(meta).run().mount(EVIDENCE);
        let catalogue = |copy: &&PlannedCopy| copy.src.trim_start_matches('/').to_owned();
        let files: BTreeSet<String> = ordered(copies.iter().map(catalogue));
        Ok(TestGroup {
            name,
            evidence: Graph::of(&evidence),
            tests: group.iter().map(|test| test.identity.clone()).collect(),
            canonical: canonical(&self.hashed(group)),
            scripts: files.into_iter().collect(),
        })
    }

    fn helper_config<'a>(&'a self, group: &[&'a PlannedTest]) -> Config<'a> {
        let user = self.plan.image.user();
        Config {
            version: 1,
            user: (!user.is_empty()).then_some(user),
            cwd: self.plan.image.workdir(),
            keep: KEEP,
            tests: group.iter().map(|test| &test.spec).collect(),
        }
    }

    fn hashed<'a>(&'a self, group: &[&'a PlannedTest]) -> Hashed<'a> {
        let first = group.first();
        let network = match first.and_then(|test| test.network) {
            Some(Network::None) => "none",
            Some(Network::Host) => "host",
            Some(Network::Sandbox) | None => "default",
        };
        let devices = first.map_or(&[][..], |test| &test.devices);
        Hashed { network, devices, config: self.helper_config(group) }
    }

    /// The helper on the root, which is writable but of no interest afterwards.
    fn test_exec(&self, group: &[&PlannedTest], config: Vec<u8>, root: &State) -> Result<Exec, LowerError> {
        let first = group[0];
        let missing = |_| LowerError::NoHelperForTest {
            test: first.identity.name.clone(),
            place: first.identity.place.clone(),
        };
        let mut exec = self.helper(MODE, &first.identity.name).map_err(missing)?.root(root);
        let config = String::from_utf8(config).expect("JSON is UTF-8");
        exec = match config.len() > LONGEST_VARIABLE {
            false => exec.env("FACTORY_TESTS", &config),
            true => {
                let file = Mkfile::new("/tests.json", 0o644, config).timestamp(self.timestamp());
                let file = FileOp::on(&State::scratch()).mkfile(file);
                let file = file.meta(Meta::named("[internal] what is tested")).state();
                let file = Mount::read_only(CONFIG, &file).select("/tests.json");
                exec.env("FACTORY_TESTS", r#"{"file":true}"#).mount(file)
            }
        };
        for (name, value) in self.plan.image.environment() {
            exec = exec.env(name, value);
        }
        for device in &first.devices {
            exec = exec.device(device, false);
        }
        exec = exec.mount(Mount::bind(EVIDENCE, &State::scratch(), crate::llb::Access::Output));
        Ok(self.surrounded(exec, first.network, &[], &[]))
    }

    fn group_name(&self, group: &[&PlannedTest]) -> String {
        let label = match self.plan.request.naming {
            Naming::Plain => ALL_TESTS.to_owned(),
            Naming::WithPlatform => format!("{} {ALL_TESTS}", self.plan.request.platform),
        };
        let names: Vec<&str> = group.iter().map(|test| test.identity.name.as_str()).collect();
        format!("[{label}] {}", shortened(&names))
    }

    /// `--no-cache-filter` may name all tests, one of them, or a fragment that has some.
    fn test_cache(&self, group: &[&PlannedTest]) -> CachePolicy {
        let no_cache = &self.plan.request.no_cache;
        let named = |test: &&PlannedTest| {
            let fragment = match &test.identity.owner {
                TestOwner::Fragment { name, .. } => no_cache.holds_for(name),
                TestOwner::Template | TestOwner::Manifest => false,
            };
            fragment || no_cache.holds_for(&test.identity.name)
        };
        match *no_cache != NoCache::Nothing && (no_cache.holds_for(ALL_TESTS) || group.iter().any(named)) {
            true => CachePolicy::Ignore,
            false => CachePolicy::Use,
        }
    }
}

/// Scripts copied together, so that content alone decides on the cache.
fn scripts_of(copies: &[&PlannedCopy], from: &State) -> State {
    let mut op = FileOp::on(&State::scratch()).meta(Meta::named("[internal] scripts of tests"));
    for copy in copies {
        let script = Copy::new(from, &copy.src, &copy.dest).like_dockerfile().timestamp(copy.timestamp);
        let script = script.mode(copy.mode.unwrap_or(0o755)).allow_empty_wildcard(false);
        op = op.copy(script);
    }
    op.state()
}

/// The lines of the tests, in whichever files they are.
fn located(group: &[&PlannedTest], meta: Meta) -> Meta {
    let locations = group.iter().map(|test| {
        let place = &test.identity.place;
        let lines = place.lines();
        Location { file: source_info(place.file()), lines: LineRange::new(lines.first, lines.last) }
    });
    locations.fold(meta, Meta::location)
}

/// Names with commas, as many as fit; the first one always does.
fn shortened(names: &[&str]) -> String {
    let mut text = String::new();
    for (at, name) in names.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        if at > 0 && text.chars().count() + comma.len() + name.chars().count() > LONGEST_NAME {
            return format!("{text} and {} more", names.len() - at);
        }
        text = format!("{text}{comma}{name}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_with_a_count() {
        assert_eq!(shortened(&["core/a", "core/b"]), "core/a, core/b");
        let long = "x".repeat(60);
        assert_eq!(shortened(&[&long, &long, "y"]), format!("{long} and 2 more"));
        assert_eq!(shortened(&[&"x".repeat(200)]), "x".repeat(200));
    }
}
