//! Tests as execs of the helper on the finished root.
//!
//! An exec costs a tenth of a second, a test in it next to nothing: tests share one unless something tells them apart, be it
//! their network, their devices, or that one wants a root of its own. The helper exits with 0 whatever the verdicts are, so
//! that they and the output survive on every daemon, and are cached.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::about::{internal, location};
use super::exec::{EVIDENCE, evidence};
use super::trees::own_files;
use super::{LowerError, Lowering, StepRun};
use crate::llb::{CachePolicy, Copy, Exec, FileOp, Graph, Meta, Mkfile, Mount, Network, Resources, State};
use crate::ordered::ordered;
use crate::plan::exec;
use crate::plan::step::{Files, PlannedCopy, PlannedMount};
use crate::plan::test::{NeedsSpec, PlannedTest, SCRIPTS, TestIdentity, TestOwner, spec::TestSpec};
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
    /// The files of fragments that the tests run or need, from the catalogue's root: `fragments/core/0.1.0/check.sh`.
    pub scripts: Vec<String>,
    /// What runs before the tests, for what they need. A failure of these says nothing about the product.
    pub steps: Vec<StepRun>,
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
    /// By the test's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    needs: BTreeMap<&'a str, &'a NeedsSpec>,
    #[serde(flatten)]
    config: Config<'a>,
}

/// Tests of one exec, and the root that they run on.
struct Group<'t> {
    network: Option<Network>,
    root: State,
    /// Whether others may join.
    open: bool,
    tests: Vec<&'t PlannedTest>,
    steps: Vec<StepRun>,
}

impl<'t> Group<'t> {
    fn of(test: &'t PlannedTest, root: State, steps: Vec<StepRun>) -> Self {
        let open = !test.isolated && test.devices.is_empty();
        Self { network: test.network, root, open, tests: vec![test], steps }
    }

    /// Whether another one's tests may run on the same root: what they need has to be the same.
    fn takes(&self, other: &Self) -> bool {
        self.open && other.open && self.network == other.network && self.root == other.root
    }

    fn join(&mut self, other: Self) {
        self.tests.extend(other.tests);
        let known = |step: &StepRun| self.steps.iter().any(|one| one.vertex == step.vertex);
        let new: Vec<StepRun> = other.steps.into_iter().filter(|step| !known(step)).collect();
        self.steps.extend(new);
    }
}

/// The tests of each exec, in the order of each one's first test.
fn grouped(tests: Vec<Group<'_>>) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for test in tests {
        match groups.iter_mut().find(|group| group.takes(&test)) {
            Some(group) => group.join(test),
            None => groups.push(test),
        }
    }
    groups
}

impl Lowering<'_> {
    /// The tests on `root`, the finished one.
    pub(super) fn test_groups(&mut self, root: &State) -> Result<Vec<TestGroup>, LowerError> {
        let mut alone = Vec::new();
        for test in &self.plan.tests.running {
            let (root, steps) = self.root_of(test, root)?;
            alone.push(Group::of(test, root, steps));
        }
        grouped(alone).into_iter().map(|group| self.test_group(group)).collect()
    }

    fn test_group(&self, group: Group<'_>) -> Result<TestGroup, LowerError> {
        let Group { root, tests, steps, .. } = group;
        let name = self.group_name(&tests);
        let config = canonical(&self.helper_config(&tests));
        let exec = self.test_exec(&tests, config, &root)?;
        let copies: Vec<&PlannedCopy> = tests.iter().filter_map(|test| test.script.as_ref()).collect();
        let exec = match self.trees.get(&Files::Catalogue).filter(|_| !copies.is_empty()) {
            None => exec,
            Some(from) => exec.mount(Mount::read_only(SCRIPTS, &scripts_of(&copies, from))),
        };
        let meta = located(&tests, Meta::named(&name)).cache(self.test_cache(&tests));
        let meta = meta.resources(self.limits(&Resources::default()));
        let evidence = exec.meta(meta).run().mount(EVIDENCE);
        let catalogue = |path: String| path.trim_start_matches('/').to_owned();
        let files: BTreeSet<String> = ordered(tests.iter().copied().flat_map(own_files).map(catalogue));
        Ok(TestGroup {
            name,
            evidence: Graph::of(&evidence),
            tests: tests.iter().map(|test| test.identity.clone()).collect(),
            canonical: canonical(&self.hashed(&tests)),
            scripts: files.into_iter().collect(),
            steps,
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
        let needing = group.iter().filter(|test| !test.needs.steps.is_empty());
        let needs = needing.map(|test| (test.identity.name.as_str(), &test.needs.said));
        Hashed { network, devices, needs: ordered(needs), config: self.helper_config(group) }
    }

    /// The helper on the root, which is writable but of no interest afterwards.
    fn test_exec(&self, group: &[&PlannedTest], config: Vec<u8>, root: &State) -> Result<Exec, LowerError> {
        let first = group[0];
        let mut exec = self.helper_of_test(MODE, first)?.root(root);
        let config = String::from_utf8(config).expect("JSON is UTF-8");
        exec = match config.len() > LONGEST_VARIABLE {
            false => exec.env("FACTORY_TESTS", &config),
            true => {
                let file = Mkfile::new("/tests.json", 0o644, config).timestamp(self.timestamp());
                let file = FileOp::on(&State::scratch()).mkfile(file);
                let file = file
                    .meta(internal(self.plan.request, &format!("what is tested by {}", first.identity.name)))
                    .state();
                let file = Mount::read_only(CONFIG, &file).select("/tests.json");
                exec.env("FACTORY_TESTS", r#"{"file":true}"#).mount(file)
            }
        };
        for (name, value) in self.plan.image.environment() {
            exec = exec.env(name, value);
        }
        exec = self.with_devices(exec, first)?.mount(evidence());
        exec = site_ca(first.network).into_iter().fold(exec, Exec::mount);
        Ok(self.surrounded(exec, first.network, &[], &[]))
    }

    /// The helper in a mode that a test needs.
    pub(super) fn helper_of_test(&self, mode: &str, test: &PlannedTest) -> Result<Exec, LowerError> {
        let TestIdentity { name, place, .. } = &test.identity;
        let missing = |_| LowerError::NoHelperForTest { test: name.clone(), place: place.clone() };
        self.helper(mode, name).map_err(missing)
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

/// The certificates of the site, as steps with a network get them.
fn site_ca(network: Option<Network>) -> Option<Mount> {
    match exec::site_ca(network)? {
        PlannedMount::Secret { dest, id, uid, gid, mode, optional } => {
            Some(Mount::Secret { dest, id, uid, gid, mode, optional })
        }
        _ => None,
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
    group.iter().map(|test| location(&test.identity.place)).fold(meta, Meta::location)
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
