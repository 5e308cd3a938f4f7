//! Arguments of templates and fragments that nothing uses. (The manifest's are looked at when it is checked.)

use super::OwnTexts;
use super::rules::UNUSED_ARGUMENT;
use crate::diagnostic::Diagnostic;
use crate::model::step::{Action, Command, MountSource, Origin};
use crate::model::{Fragment, Product};
use crate::text::SourceFile;

pub(super) fn check(
    product: &Product,
    taking_part: &[usize],
    texts: Option<&OwnTexts>,
    found: &mut Vec<Diagnostic>,
) {
    if let Some(template) = &product.template {
        for arg in &template.args {
            let name = arg.name.as_str();
            let declared =
                product.fragments.iter().flat_map(|one| &one.args).any(|one| one.name.as_str() == name);
            if !declared && mentions(&template.file, name) < 2 {
                let message = format!("argument `{name}` is used by nothing in the template or below it");
                found.push(UNUSED_ARGUMENT.at(arg.name.place(), message));
            }
        }
    }
    for fragment in taking_part.iter().map(|index| &product.fragments[*index]) {
        let elsewhere = fragment.args.first().map(|_| Elsewhere::of(fragment, texts));
        for arg in &fragment.args {
            let name = arg.name.as_str();
            let read = elsewhere.as_ref().is_some_and(|elsewhere| elsewhere.may_use(name));
            if mentions(&fragment.file, name) < 2 && !read && !is_read_by_tools(name) {
                let message = format!("argument `{name}` is used by nothing in the fragment");
                let help = "a program that a step runs may read it from its environment: skip the rule then, with that reason";
                found.push(UNUSED_ARGUMENT.at(arg.name.place(), message).help(help));
            }
        }
    }
}

/// What of a fragment lies in other files than its `fragment.json`.
struct Elsewhere<'t> {
    texts: Vec<&'t SourceFile>,
    /// Whether there is some that nobody looked into.
    unknown: bool,
}

impl<'t> Elsewhere<'t> {
    fn of(fragment: &Fragment, texts: Option<&'t OwnTexts>) -> Self {
        let mut elsewhere = Self { texts: Vec::new(), unknown: false };
        for step in super::steps(fragment) {
            match &step.action {
                Action::Run(run) => {
                    for command in run.command.values() {
                        match command {
                            Command::Shell(_) | Command::Exec(_) => {}
                            Command::Script { script, .. } => {
                                elsewhere.look(
                                    fragment,
                                    script.as_literal().map(|path| path.as_str()),
                                    texts,
                                );
                            }
                        }
                    }
                    let own = run.mounts.iter().any(|mount| match &mount.source {
                        MountSource::Bind { from, .. } => {
                            from.as_literal().is_none_or(|from| *from == Origin::Fragment)
                        }
                        MountSource::Tmpfs { .. } => false,
                    });
                    elsewhere.unknown |= own;
                }
                Action::Pip(pip) => {
                    for file in pip.requirements.iter().chain(pip.constraints.iter()) {
                        elsewhere.look(fragment, file.as_literal().map(|path| path.as_str()), texts);
                    }
                }
                _ => {}
            }
        }
        elsewhere
    }

    fn look(&mut self, fragment: &Fragment, path: Option<&str>, texts: Option<&'t OwnTexts>) {
        match path.and_then(|path| super::own_text(texts, fragment, path)) {
            Some(text) => self.texts.push(text),
            None => self.unknown = true,
        }
    }

    fn may_use(&self, name: &str) -> bool {
        self.unknown || self.texts.iter().any(|text| mentions(text, name) > 0)
    }
}

/// How often a name stands in a file as a word.
fn mentions(file: &SourceFile, name: &str) -> usize {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let words = file.bytes().split(|byte| !part(byte));
    words.filter(|word| *word == name.as_bytes()).count()
}

/// Whether the programs behind steps read such a variable by themselves.
fn is_read_by_tools(name: &str) -> bool {
    ["PIP_", "UV_", "DEBIAN_", "DEBCONF_", "APT_", "LC_", "SSL_", "CURL_", "GIT_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || ["LANG", "TZ", "HOME", "PATH", "CFLAGS", "CXXFLAGS", "LDFLAGS", "MAKEFLAGS", "CC", "CXX"]
            .contains(&name)
}
