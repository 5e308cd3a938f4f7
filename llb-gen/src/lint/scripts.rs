//! What a `run` step gives to a shell, with the place of each line.

use super::OwnTexts;
use crate::model::step::{Command, Run};
use crate::model::{Fragment, List, Product};
use crate::text::{Located, Place, SourceFile, Span};

/// A script that some shell reads.
pub(super) struct Text {
    pub(super) text: String,
    /// Whether a pipe fails when any of its commands does.
    pub(super) pipefail: bool,
    /// Whether it is a whole file, which knows its arguments.
    pub(super) is_file: bool,
    places: Places,
}

enum Places {
    /// The lines, each with where it begins in the text.
    Lines(Vec<(usize, Place)>),
    File(SourceFile),
}

impl Text {
    /// The place of what stands at `at`.
    pub(super) fn place(&self, at: usize) -> Place {
        match &self.places {
            Places::Lines(lines) => {
                let index = lines.partition_point(|(start, _)| *start <= at).saturating_sub(1);
                lines[index].1.clone()
            }
            Places::File(file) => {
                let end = file.bytes()[at.min(file.bytes().len())..].iter().position(|byte| *byte == b'\n');
                let end = end.map_or(file.bytes().len(), |length| at + length);
                Place::new(file, Span::new(at, end))
            }
        }
    }
}

/// Every text of a step that a shell reads; of a file only where it was looked into. `shell` is the one of steps that name none.
pub(super) fn of(fragment: &Fragment, shell: &[String], run: &Run, texts: Option<&OwnTexts>) -> Vec<Text> {
    let own = words(&run.shell);
    let shell = if run.shell.is_empty() { shell } else { &own };
    let commands = run.command.values().filter_map(|command| match command {
        Command::Shell(lines) => of_lines(lines, shell),
        Command::Script { script, .. } => of_file(fragment, script.as_literal()?.as_str(), texts),
        Command::Exec(_) => None,
    });
    commands.collect()
}

/// The words of a fragment's shell on all platforms: its own, or that of the uppermost fragment below that sets one, or the
/// template's.
pub(super) fn shell_of(product: &Product, index: usize) -> Vec<String> {
    let below = product.composition.below(index);
    let fragments = std::iter::once(index).chain(below.into_iter().rev());
    let of_fragments = fragments.map(|at| &product.fragments[at].config.shell);
    let of_template = product.template.iter().map(|template| &template.shell);
    of_fragments.chain(of_template).find(|shell| !shell.is_empty()).map(words).unwrap_or_default()
}

fn words(shell: &List<String>) -> Vec<String> {
    shell.iter().flat_map(|word| word.literals()).map(|(word, _)| word.clone()).collect()
}

fn of_lines(lines: &[Located<String>], shell: &[String]) -> Option<Text> {
    let program = shell.first().map_or("sh", |path| path.rsplit('/').next().unwrap_or(path));
    if !is_shell(program) || lines.is_empty() {
        return None;
    }
    let (mut text, mut places) = (String::new(), Vec::new());
    for line in lines {
        places.push((text.len(), line.place().clone()));
        text.push_str(line.value());
        text.push('\n');
    }
    let pipefail = shell.iter().any(|word| word.contains("pipefail")) || text.contains("pipefail");
    Some(Text { text, pipefail, is_file: false, places: Places::Lines(places) })
}

/// A file whose first line names a shell.
fn of_file(fragment: &Fragment, path: &str, texts: Option<&OwnTexts>) -> Option<Text> {
    let file = super::own_text(texts, fragment, path)?;
    let text = std::str::from_utf8(file.bytes()).ok()?;
    let first = text.lines().next()?.strip_prefix("#!")?.trim();
    let mut words = first.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
    let program = words.next().map(|program| {
        if program == "env" { words.find(|word| !word.starts_with('-')) } else { Some(program) }
    })??;
    is_shell(program).then(|| Text {
        text: text.to_owned(),
        pipefail: text.contains("pipefail"),
        is_file: true,
        places: Places::File(file.clone()),
    })
}

fn is_shell(program: &str) -> bool {
    ["sh", "bash", "dash", "ash", "ksh", "zsh"].contains(&program)
}
