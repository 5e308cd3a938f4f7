//! The folders of the client that steps take files from, each transferred once and only as far as steps name it.

use std::collections::{BTreeMap, BTreeSet};

use crate::llb::source::Local;
use crate::llb::{Meta, State};
use crate::ordered::ordered;
use crate::plan::Plan;
use crate::plan::step::{Files, PlannedAction, PlannedCopy, PlannedFile, PlannedMount, PlannedStep};
use crate::plan::test::PlannedTest;
use crate::request::Tree;

/// The filesystems behind [`Files::Catalogue`], [`Files::Context`] and [`Files::Named`].
#[derive(Debug)]
pub(super) struct Trees {
    states: BTreeMap<Files, State>,
}

impl Trees {
    pub(super) fn of(plan: &Plan<'_>) -> Self {
        let mut paths: BTreeMap<Files, BTreeSet<String>> = BTreeMap::new();
        let steps = plan.fragments.iter().flat_map(|fragment| {
            fragment.steps.iter().chain(fragment.stages.iter().flat_map(|stage| &stage.steps))
        });
        for step in steps {
            for (files, path) in named_paths(step) {
                paths.entry(files.clone()).or_default().insert(path);
            }
        }
        let request = plan.request;
        let tree = |files: &Files| match files {
            Files::Catalogue => Some(&request.catalogue),
            Files::Context => Some(&request.context),
            Files::Named(name) => request.named_contexts.get(name),
            Files::Image(_) | Files::Stage(_) => None,
        };
        let states = paths.into_iter().filter_map(|(files, paths)| {
            let state = state(tree(&files)?, &paths);
            Some((files, state))
        });
        Self { states: ordered(states) }
    }

    /// The files of fragments that tests take, in a transfer of their own: the product's transfers stay what they are
    /// whatever its tests name.
    pub(super) fn of_tests(plan: &Plan<'_>) -> Self {
        let paths: BTreeSet<String> = ordered(plan.tests.running.iter().flat_map(own_files));
        if paths.is_empty() {
            return Self { states: BTreeMap::new() };
        }
        let state = match &plan.request.catalogue {
            Tree::State(state) => state.clone(),
            Tree::Local { name, session, hint, exclude, title, .. } => {
                let tree = Tree::Local {
                    name: name.clone(),
                    session: session.clone(),
                    hint: scripts_hint(hint),
                    exclude: exclude.clone(),
                    title: format!("{title} for tests"),
                    also: BTreeSet::new(),
                };
                state(&tree, &paths)
            }
        };
        Self { states: BTreeMap::from([(Files::Catalogue, state)]) }
    }

    /// The filesystem; nothing for a named context that was not given.
    pub(super) fn get(&self, files: &Files) -> Option<&State> {
        self.states.get(files)
    }
}

/// The files of fragments that a test takes: its script, and those that it needs.
pub(super) fn own_files(test: &PlannedTest) -> impl Iterator<Item = String> {
    let needed = test.needs.steps.iter().flat_map(named_paths);
    let needed = needed.filter(|(files, _)| **files == Files::Catalogue).map(|(_, path)| path);
    test.script.iter().map(|copy| copy.src.clone()).chain(needed)
}

/// What tells the transfer of the scripts of tests from that of the files of steps, whose hint is given.
#[must_use]
pub fn scripts_hint(hint: &str) -> String {
    format!("{hint}:tests")
}

/// The source of a tree, told to send these paths alone, sorted; everything where one of them is the root.
fn state(tree: &Tree, paths: &BTreeSet<String>) -> State {
    match tree {
        Tree::State(state) => state.clone(),
        Tree::Local { name, session, hint, exclude, title, also } => {
            let follow: BTreeSet<&str> =
                ordered(paths.iter().chain(also).map(|path| path.trim_start_matches('/')));
            let whole = follow.iter().any(|path| path.is_empty());
            let follow: Vec<&str> = if whole { Vec::new() } else { follow.into_iter().collect() };
            Local::new(name, session)
                .shared_key_hint(hint)
                .follow_paths(follow)
                .exclude(exclude)
                .meta(Meta::named(title))
                .state()
        }
    }
}

fn named_paths(step: &PlannedStep) -> Vec<(&Files, String)> {
    match &step.action {
        PlannedAction::Files(actions) => {
            let copies = actions.iter().filter_map(|action| match action {
                PlannedFile::Copy(copy) => Some(copy_paths(copy)),
                _ => None,
            });
            copies.flatten().collect()
        }
        PlannedAction::Exec(exec) => exec.mounts.iter().flat_map(mount_paths).collect(),
    }
}

fn mount_paths(mount: &PlannedMount) -> Vec<(&Files, String)> {
    let whole = |path: &Option<String>| path.clone().unwrap_or_else(|| "/".to_owned());
    match mount {
        PlannedMount::Bind { from, path, .. } | PlannedMount::Cache { from: Some(from), path, .. } => {
            vec![(from, whole(path))]
        }
        PlannedMount::Collected { copies, .. } => copies.iter().flat_map(copy_paths).collect(),
        _ => Vec::new(),
    }
}

/// What a copy reads: its source, or what it includes of it. What wildcards match may be files, of which nothing can be
/// included.
fn copy_paths(copy: &PlannedCopy) -> Vec<(&Files, String)> {
    let simple = |pattern: &String| !pattern.contains("**") && !pattern.starts_with('!');
    if copy.include.is_empty() || copy.src.contains(['*', '?', '[']) || !copy.include.iter().all(simple) {
        return vec![(&copy.from, copy.src.clone())];
    }
    let src = copy.src.trim_end_matches('/');
    copy.include.iter().map(|pattern| (&copy.from, format!("{src}/{pattern}"))).collect()
}
