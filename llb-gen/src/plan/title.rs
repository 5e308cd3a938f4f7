//! What people see of a step while it runs.

use super::here::Here;
use crate::diagnostic::Diagnostics;
use crate::model::step::{
    Add, AddSource, Apt, Command, Copy, CreateUser, Mkdir, Origin, Pip, PipLocation, Remove, Run, Symlink,
    WriteFile,
};
use crate::model::{Given, List};

/// Longest title, in characters.
const LONGEST: usize = 100;

/// One line of at most [`LONGEST`] characters; an ellipsis stands for the rest.
fn shortened(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let more = text.trim().lines().count() > 1 || line.chars().count() > LONGEST;
    let mut title: String = line.chars().take(LONGEST).collect();
    if more {
        title.push_str(" …");
    }
    title
}

fn listed<T: Clone + ToString>(list: &List<T>, here: &Here<'_>) -> Result<String, Diagnostics> {
    let words: Vec<String> = list.get(here.scope())?.iter().map(ToString::to_string).collect();
    Ok(words.join(" "))
}

pub(super) fn run(run: &Run, here: &Here<'_>) -> Result<String, Diagnostics> {
    let scope = here.scope();
    let text = match run.command.get(scope)? {
        Command::Shell(lines) => {
            lines.iter().map(|line| line.value().as_str()).collect::<Vec<_>>().join("\n")
        }
        Command::Exec(words) => {
            words.iter().map(|word| word.get(scope)).collect::<Result<Vec<_>, _>>()?.join(" ")
        }
        Command::Script { script, args } => {
            let args = args.iter().map(|arg| arg.get(scope)).collect::<Result<Vec<_>, _>>()?;
            [script.get(scope)?.to_string()].into_iter().chain(args).collect::<Vec<_>>().join(" ")
        }
    };
    Ok(shortened(&format!("run {text}")))
}

pub(super) fn apt(apt: &Apt, here: &Here<'_>) -> Result<String, Diagnostics> {
    let mut parts = Vec::new();
    if *apt.upgrade.get(here.scope())? {
        parts.push("upgrade".to_owned());
    }
    for (verb, packages) in [("install", &apt.install), ("hold", &apt.hold)] {
        let packages = listed(packages, here)?;
        if !packages.is_empty() {
            parts.push(format!("{verb} {packages}"));
        }
    }
    Ok(shortened(&format!("apt {}", parts.join(", "))))
}

pub(super) fn pip(pip: &Pip, here: &Here<'_>) -> Result<String, Diagnostics> {
    let scope = here.scope();
    let mut text = "pip install".to_owned();
    for file in pip.requirements.get(scope)? {
        text += &format!(" -r {file}");
    }
    let packages = listed(&pip.packages, here)?;
    if !packages.is_empty() {
        text += &format!(" {packages}");
    }
    match &pip.location {
        PipLocation::Venv(path) | PipLocation::Target(path) => {
            text += &format!(" → {}", path.get(scope)?.absolute(&here.workdir));
        }
        PipLocation::System => {}
    }
    Ok(shortened(&text))
}

pub(super) fn copy(copy: &Copy, here: &Here<'_>) -> Result<String, Diagnostics> {
    let scope = here.scope();
    let from = match copy.from.get(scope)? {
        Origin::Fragment => String::new(),
        Origin::Context => "context:".to_owned(),
        Origin::Image(reference) => format!("{}:", reference.familiar()),
        Origin::Stage(name) => format!("{name}:"),
        Origin::NamedContext(name) => format!("{name}:"),
    };
    let sources: Vec<String> =
        copy.src.get(scope)?.iter().map(|src| format!("{from}{}", src.as_str())).collect();
    let dest = copy.dest.get(scope)?.absolute(&here.workdir);
    Ok(shortened(&format!("copy {} → {dest}", sources.join(" "))))
}

pub(super) fn add(add: &Add, here: &Here<'_>) -> Result<String, Diagnostics> {
    let scope = here.scope();
    let from = match &add.source {
        AddSource::Http { url, .. } => url.get(scope)?.to_string(),
        AddSource::Git { url, commit, .. } => {
            format!("{}#{:.12}", url.get(scope)?, commit.get(scope)?.as_str())
        }
    };
    Ok(shortened(&format!("add {from} → {}", add.dest.get(scope)?.absolute(&here.workdir))))
}

pub(super) fn file(file: &WriteFile, here: &Here<'_>) -> Result<String, Diagnostics> {
    Ok(shortened(&format!("file {}", file.path.get(here.scope())?.absolute(&here.workdir))))
}

pub(super) fn mkdir(mkdir: &Mkdir, here: &Here<'_>) -> Result<String, Diagnostics> {
    let paths = mkdir.path.get(here.scope())?;
    let paths: Vec<String> = paths.iter().map(|path| path.absolute(&here.workdir)).collect();
    Ok(shortened(&format!("mkdir {}", paths.join(" "))))
}

pub(super) fn symlink(link: &Symlink, here: &Here<'_>) -> Result<String, Diagnostics> {
    let scope = here.scope();
    let path = link.path.get(scope)?.absolute(&here.workdir);
    Ok(shortened(&format!("symlink {path} → {}", link.target.get(scope)?)))
}

pub(super) fn remove(remove: &Remove, here: &Here<'_>) -> Result<String, Diagnostics> {
    let paths = remove.path.get(here.scope())?;
    let paths: Vec<String> = paths.iter().map(|path| path.absolute(&here.workdir)).collect();
    Ok(shortened(&format!("remove {}", paths.join(" "))))
}

pub(super) fn user(user: &CreateUser, here: &Here<'_>) -> Result<String, Diagnostics> {
    let scope = here.scope();
    match (user.name.given(scope)?, user.group.given(scope)?) {
        (Some(name), _) => Ok(shortened(&format!("user {name}"))),
        (None, Some(group)) => Ok(shortened(&format!("group {group}"))),
        (None, None) => Ok("user".to_owned()),
    }
}
