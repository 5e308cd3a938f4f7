//! What is doubtful about a product that can be built: rules that find it, each with a name, and what is done about what they
//! find.
//!
//! A *warning* is said in every build. A *note* is said where somebody asks (`--check`): it is about what may well be as its
//! author wants it. Either can be skipped by name, or be made an error ([`Settings`]).

mod arguments;
mod config;
mod contracts;
mod images;
mod modes;
mod packages;
mod pinned;
mod platforms;
mod rules;
mod run;
mod scripts;
mod secrets;
mod settings;
mod shell;

use std::collections::BTreeMap;

pub use rules::{RULES, Rule};
pub use settings::{Asked, Settings};

use crate::diagnostic::{Diagnostic, sorted};
use crate::draft::Draft;
use crate::model::step::{Action, Command, Step};
use crate::model::{Fragment, FragmentPath, Product, Value};
use crate::text::SourceFile;
use pinned::Pinned;

/// The files of fragments that were looked into, by their paths from the catalogue's root. A build looks into none.
pub type OwnTexts = BTreeMap<String, SourceFile>;

/// What the rules find in a product, sorted by file and position. `drafts` are what of it is built, on every platform: what their lock
/// pins is not asked for again.
#[must_use]
pub fn lint(product: &Product, drafts: &[Draft<'_>], texts: Option<&OwnTexts>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let taking_part: Vec<usize> = (0..product.fragments.len())
        .filter(|index| drafts.iter().any(|draft| draft.target.fragments(product).contains(index)))
        .collect();
    images::check(drafts, &mut found);
    arguments::check(product, &taking_part, texts, &mut found);
    secrets::check(product, &taking_part, &mut found);
    config::check(product, &taking_part, &mut found);
    contracts::check(product, &taking_part, &mut found);
    for &index in &taking_part {
        let fragment = &product.fragments[index];
        let pinned = Pinned::of(drafts, index);
        platforms::check(product, fragment, &mut found);
        let shell = scripts::shell_of(product, index);
        for step in steps(fragment) {
            modes::check(step, &mut found);
            packages::check(fragment, step, &pinned, texts, &mut found);
            run::check(fragment, &shell, step, texts, &mut found);
        }
    }
    sorted(found)
}

/// The paths, from the catalogue's root, of the files that rules look into where they can.
#[must_use]
pub fn texts_of(product: &Product) -> Vec<String> {
    let mut paths = Vec::new();
    for fragment in &product.fragments {
        let mut add = |path: &Value<FragmentPath>| {
            paths.extend(path.literals().map(|(path, _)| format!("{}/{path}", fragment.folder())));
        };
        for step in steps(fragment) {
            match &step.action {
                Action::Pip(pip) => pip.requirements.iter().chain(pip.constraints.iter()).for_each(&mut add),
                Action::Run(run) => run.command.values().for_each(|command| match command {
                    Command::Script { script, .. } => add(script),
                    Command::Shell(_) | Command::Exec(_) => {}
                }),
                _ => {}
            }
        }
    }
    paths
}

/// All steps of a fragment, those of its stages first.
fn steps(fragment: &Fragment) -> impl Iterator<Item = &Step> {
    fragment.stages.iter().flat_map(|stage| &stage.steps).chain(&fragment.steps)
}

/// The file of a fragment, where it was looked into.
fn own_text<'t>(texts: Option<&'t OwnTexts>, fragment: &Fragment, path: &str) -> Option<&'t SourceFile> {
    texts?.get(&format!("{}/{path}", fragment.folder()))
}
