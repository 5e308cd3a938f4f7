//! Products of fragments that say what they are built on.

use factory_tests::tree::{Difference, Ignore, Kind, Tree};
use factory_tests::{BuildOptions, BuildOutcome, Project, sha256};
use serde_json::{Value, json};

/// A fragment of a test: its name, what it is built on (everything below where nothing is said) and its further members.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) builds_on: Option<Vec<String>>,
    pub(crate) members: Value,
}

impl Part {
    /// A fragment on `builds_on` with these steps.
    #[expect(clippy::needless_pass_by_value, reason = "steps are written in place")]
    pub(crate) fn new(name: &str, builds_on: &[&str], steps: Value) -> Self {
        let builds_on = builds_on.iter().map(|&one| one.to_owned()).collect();
        Self { name: name.to_owned(), builds_on: Some(builds_on), members: json!({"steps": steps}) }
    }

    /// A fragment on everything below it.
    pub(crate) fn on_all(name: &str, steps: Value) -> Self {
        Self { builds_on: None, ..Self::new(name, &[], steps) }
    }

    /// With a further member.
    pub(crate) fn with(mut self, member: &str, value: Value) -> Self {
        self.members[member] = value;
        self
    }
}

/// The product of these fragments, each standing where it says.
pub(crate) fn merged(base: &str, parts: &[Part]) -> Project {
    project(base, parts, true)
}

/// The same fragments, each on the one before.
pub(crate) fn chained(base: &str, parts: &[Part]) -> Project {
    project(base, parts, false)
}

fn project(base: &str, parts: &[Part], apart: bool) -> Project {
    let fragment = |part: &Part| {
        let mut members = part.members.clone();
        if let (true, Some(builds_on)) = (apart, &part.builds_on) {
            members["builds_on"] = json!(builds_on);
        }
        members
    };
    let fragments: Vec<(&str, Value)> =
        parts.iter().map(|part| (part.name.as_str(), fragment(part))).collect();
    Project::new(base, &fragments)
}

/// The filesystem of what is built.
pub(crate) fn tree(project: &Project, options: &BuildOptions) -> Tree {
    let options = BuildOptions { output: factory_tests::Output::Oci, ..options.clone() };
    project.build(&options).succeeded().image().filesystem()
}

/// In what the merged tree differs from that of the chain.
///
/// Times of folders are not compared: in a chain a folder has the time of the last step that changed its entries, and a
/// merged one that of the uppermost delta that holds it. Nothing reads them.
pub(crate) fn differences(chain: &Tree, merged: &Tree, ignore: &Ignore) -> Vec<Difference> {
    let is_folder = |tree: &Tree, path: &str| tree.get(path).is_some_and(|one| one.kind == Kind::Directory);
    let of_folder_time =
        |one: &Difference| one.what == "mtime" && is_folder(chain, &one.path) && is_folder(merged, &one.path);
    let all = chain.diff(merged, ignore);
    all.into_iter().filter(|one| !of_folder_time(one)).collect()
}

/// Checks that a file holds this text.
#[track_caller]
pub(crate) fn assert_content(tree: &Tree, path: &str, expected: &str) {
    assert_eq!(tree.at(path).sha256(), Some(sha256(expected.as_bytes()).as_str()), "{path}: {expected:?}");
}

/// Everything that a build said to the person who waits for it, output of its steps included.
pub(crate) fn said(outcome: &BuildOutcome) -> String {
    let logs = outcome.progress.vertices.iter().map(|vertex| vertex.log.as_str());
    std::iter::once(outcome.message.as_str()).chain(logs).collect()
}
