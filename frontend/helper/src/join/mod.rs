//! The mode `join`: compares what fragments changed that are built side by side, and writes what has to be laid over their
//! deltas so that the merged tree is right. It reads side outputs alone, so nothing of a product has to be unpacked.

mod distributions;
mod fix;
mod folders;
mod manifest;
mod overlap;
mod report;
mod sides;
mod wins;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::io::Errno;
use serde::Deserialize;

use crate::config::{AbsolutePath, LAST_EPOCH};
use crate::databases::{self, Side, Tree};
use crate::environment::Environment;
use crate::fault::Fault;
use crate::sys::{self, Nanos, SECOND, file};
use fix::{Fix, Output};
use folders::Folders;
use manifest::Manifest;
use overlap::Rules;
use report::{Conflicts, Remedy};
use sides::Seen;
use wins::Pattern;

/// The variable that carries the configuration.
const VARIABLE: &str = "FACTORY_JOIN";
/// Exit code when the deltas cannot be laid over one another.
const REFUSED: i32 = 1;
/// Where the two trees go whose difference is the fix.
const BEFORE: &[u8] = b"/.factory/before";
const AFTER: &[u8] = b"/.factory/after";

/// What to join. `docs/step-wrapper.md` explains each member.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    epoch: u64,
    base: Option<AbsolutePath>,
    fragments: Vec<Fragment>,
}

/// A fragment; they come in slot order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fragment {
    label: String,
    side: AbsolutePath,
    #[serde(default)]
    below: Vec<u8>,
    #[serde(default)]
    wins: Vec<String>,
}

/// Joins the fragments that the environment names.
///
/// # Errors
/// A configuration that makes no sense, and files that cannot be read or written. Conflicts are no faults: they are
/// printed, and the exit code is 1.
pub(crate) fn run(env: &Environment) -> Result<i32, Fault> {
    sys::occupy_standard_descriptors();
    let config = Config::parse(env.get(VARIABLE))?;
    let mut texts = Vec::new();
    for fragment in &config.fragments {
        texts.push(sides::manifest(fragment.side.as_bytes())?);
    }
    let mut seen = Seen::new();
    let mut join = Join { base: config.base(&mut seen)?, ..Join::default() };
    for (fragment, text) in config.fragments.iter().zip(&texts) {
        join.manifests.push(fragment.manifest(text)?);
        join.wins.push(fragment.wins()?);
        join.sides.push(fragment.side(&mut seen)?);
    }
    match join.decide(databases::is_shared, databases::reconcile) {
        Ok(decision) => join.write(&decision, &seen, config.epoch).map(|()| 0),
        Err(conflicts) => {
            conflicts.lines(&join.labels()).iter().for_each(|line| sys::complain(line));
            Ok(REFUSED)
        }
    }
}

impl Config {
    fn parse(text: Option<&[u8]>) -> Result<Self, Fault> {
        let text = text.ok_or_else(|| Fault::own(format!("{VARIABLE} is not set")))?;
        let config: Self =
            serde_json::from_slice(text).map_err(|err| Fault::own(format!("{VARIABLE}: {err}")))?;
        if config.epoch > LAST_EPOCH {
            return Err(Fault::own(format!("{VARIABLE}: epoch {} is after the year 9999", config.epoch)));
        }
        for (at, fragment) in config.fragments.iter().enumerate() {
            if fragment.below.iter().any(|&below| usize::from(below) >= at) {
                let label = &fragment.label;
                return Err(Fault::own(format!(
                    "{VARIABLE}: {label:?} can only be built on fragments before it"
                )));
            }
        }
        Ok(config)
    }

    fn base(&self, seen: &mut Seen) -> Result<Tree, Fault> {
        let Some(base) = self.base.as_ref().map(AbsolutePath::as_bytes) else { return Ok(Tree::new()) };
        match file::open_dir_path(base) {
            Ok(Some(_)) => sides::tree(base, "databases/upper", seen),
            Ok(None) => Err(Fault::path("read", base, Errno::NOENT)),
            Err(errno) => Err(Fault::path("read", base, errno)),
        }
    }
}

impl Fragment {
    fn manifest<'a>(&self, text: &'a [u8]) -> Result<Manifest<'a>, Fault> {
        let path = self.side.as_bytes().escape_ascii();
        Manifest::parse(text)
            .map_err(|what| Fault::own(format!("{path}/changes.json of {:?}: {what}", self.label)))
    }

    fn wins(&self) -> Result<Vec<Pattern>, Fault> {
        let mut patterns = Vec::new();
        for text in &self.wins {
            patterns.push(Pattern::parse(text).ok_or_else(|| {
                Fault::own(format!(
                    "{VARIABLE}: wins of {:?}: {text:?} is not an absolute path or pattern",
                    self.label
                ))
            })?);
        }
        Ok(patterns)
    }

    fn side(&self, seen: &mut Seen) -> Result<Side, Fault> {
        let lower = sides::tree(self.side.as_bytes(), "databases/lower", seen)?;
        let upper = sides::tree(self.side.as_bytes(), "databases/upper", seen)?;
        let below = self.below.iter().map(|&below| below.into()).collect();
        Ok(Side { label: self.label.clone(), below, lower, upper })
    }
}

/// All that was read; of each fragment one of everything.
#[derive(Default)]
struct Join<'a> {
    manifests: Vec<Manifest<'a>>,
    wins: Vec<Vec<Pattern>>,
    base: Tree,
    sides: Vec<Side>,
}

/// What the merged tree must be, where that is not what its deltas say.
struct Decision<'a> {
    shared: Tree,
    folders: Vec<&'a [u8]>,
    /// Links that lead to nothing any more.
    abandoned: Vec<&'a [u8]>,
}

/// The merge of shared files.
type Reconcile = fn(&Tree, &[Side]) -> Result<Tree, Vec<databases::Conflict>>;

impl<'a> Join<'a> {
    fn labels(&self) -> Vec<&str> {
        self.sides.iter().map(|side| side.label.as_str()).collect()
    }

    /// Looks for conflicts of every kind; all are told together.
    fn decide(
        &'a self,
        is_shared: fn(&[u8]) -> bool,
        reconcile: Reconcile,
    ) -> Result<Decision<'a>, Conflicts> {
        let labels = self.labels();
        let independent = |earlier: usize, later: usize| !self.sides[later].below.contains(&earlier);
        let reconciled = |at: usize, path: &[u8]| {
            let side: &Side = &self.sides[at];
            is_shared(path) && (side.upper.contains_key(path) || side.lower.contains_key(path))
        };
        let mut conflicts = Conflicts::default();
        let distributions = distributions::check(&self.manifests, &independent, &labels, &mut conflicts);
        let records = overlap::stream(&self.manifests);
        let rules = Rules {
            labels: &labels,
            wins: &self.wins,
            independent: &independent,
            reconciled: &reconciled,
            distributions: &distributions,
        };
        overlap::check(&records, &rules, &mut conflicts);
        let shared = reconcile(&self.base, &self.sides).unwrap_or_else(|found| {
            found.into_iter().for_each(|conflict| note(conflict, &mut conflicts));
            Tree::new()
        });
        let folders = folders::taken_back(&records, labels.len(), &independent);
        let abandoned = self.links(&databases::abandoned_links(&self.base, &self.sides, &shared));
        if conflicts.is_empty() { Ok(Decision { shared, folders, abandoned }) } else { Err(conflicts) }
    }

    /// The paths of those of these links, with their targets, that the merged deltas have as they are.
    fn links(&'a self, wanted: &[(Vec<u8>, Vec<u8>)]) -> Vec<&'a [u8]> {
        let mut found = Vec::new();
        for (path, target) in wanted {
            let at = |manifest: &'a Manifest<'a>| {
                let at = manifest.entries.binary_search_by(|entry| entry.path().cmp(path)).ok()?;
                manifest.entries.get(at)
            };
            let last = self.manifests.iter().rev().find_map(at);
            if let Some(entry) = last.filter(|entry| entry.is_link_to(target)) {
                found.push(entry.path());
            }
        }
        found
    }

    fn write(&self, decision: &Decision<'_>, seen: &Seen, epoch: u64) -> Result<(), Fault> {
        let time = sys::timespec(Nanos::from(epoch) * SECOND);
        let mut fix = Fix::new(&self.base, &self.sides, &decision.shared, decision.folders.clone());
        fix.delete(&decision.abandoned);
        let folders = Folders { manifests: &self.manifests, seen };
        fix.write(&folders, &Output { path: BEFORE, time }, &Output { path: AFTER, time })
    }
}

/// Adds a conflict in a shared file.
fn note(conflict: databases::Conflict, conflicts: &mut Conflicts) {
    let databases::Conflict { path, between: (a, b), what, help } = conflict;
    let remedy = help.map_or(Remedy::Order, Remedy::Said);
    conflicts.add(a, b, remedy, &|| format!("{}: {what}", path.escape_ascii()));
}

#[cfg(test)]
mod tests;
