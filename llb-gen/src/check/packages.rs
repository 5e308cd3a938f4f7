//! `apt` and `pip`: which members go together.

use super::files::needed;
use super::{flag, given_list, unexpected};
use crate::diagnostic::{Diagnostic, Sink};
use crate::model::step::{Apt, AptKey, AptSource, Installer, Pip, PipLocation};
use crate::model::{ImagePath, List, PerPlatform, TextValue, Value};
use crate::parse::raw::packages::{RawApt, RawAptKey, RawAptSource, RawPip};
use crate::text::{Located, Place};

/// Where `pip` installs when nothing is said.
const VENV: &str = "/opt/venv";

pub(super) fn apt(raw: RawApt, sink: &mut Sink) -> Option<Apt> {
    let sources = raw.sources.unwrap_or_default();
    let upgrades = raw.upgrade.iter().flat_map(PerPlatform::values).any(|flag| *flag);
    if raw.install.is_empty() && raw.hold.is_empty() && sources.is_empty() && !upgrades {
        let fault = Diagnostic::error("nothing-to-do", &raw.place, "`apt` has nothing to do");
        sink.push(fault.expecting("`install`, `upgrade`, `sources` or `hold`"));
        return None;
    }
    same_name_twice(&sources, sink);
    let sources: Vec<Option<AptSource>> = sources.into_iter().map(|raw| source(raw, sink)).collect();
    Some(Apt {
        install: raw.install,
        upgrade: flag(raw.upgrade, false, &raw.place),
        recommends: flag(raw.recommends, false, &raw.place),
        sources: sources.into_iter().collect::<Option<_>>()?,
        snapshot: raw.snapshot,
        hold: raw.hold,
    })
}

fn same_name_twice(sources: &[RawAptSource], sink: &mut Sink) {
    for (index, source) in sources.iter().enumerate() {
        let earlier = sources[..index].iter().find(|other| other.name.value() == source.name.value());
        if let Some(first) = earlier {
            let message = format!("two sources are called `{}`", source.name.value());
            let fault = Diagnostic::error("repeated-name", source.name.place(), message);
            sink.push(fault.label(first.name.place(), "first here"));
        }
    }
}

fn source(raw: RawAptSource, sink: &mut Sink) -> Option<AptSource> {
    file_stem(&raw.name, sink);
    let given = given_list(&raw.uris, "uris", &raw.place, sink).and(given_list(
        &raw.suites,
        "suites",
        &raw.place,
        sink,
    ));
    for (list, member) in
        [(&raw.suites, "suites"), (&raw.components, "components"), (&raw.architectures, "architectures")]
    {
        words(list, member, sink);
    }
    let exact = raw.suites.iter().flat_map(Value::literals).all(|(suite, _)| suite.ends_with('/'));
    if raw.components.is_empty() && !exact {
        let fault = Diagnostic::error(
            "missing-member",
            &raw.place,
            "the member `components` is missing in `sources`",
        );
        sink.push(fault.expecting("components such as `main`, or suites that end with a slash"));
    }
    let key = key(raw.key, sink)?;
    given?;
    Some(AptSource {
        name: raw.name,
        uris: raw.uris,
        suites: raw.suites,
        components: raw.components,
        architectures: raw.architectures,
        key,
        place: raw.place,
    })
}

/// apt ignores files with other letters in their names.
fn file_stem(name: &Located<String>, sink: &mut Sink) {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
        let shown = crate::model::text_value::quoted(name);
        let fault = Diagnostic::error(
            "invalid-value",
            name.place(),
            format!("invalid `name`: {shown} is not a file name"),
        );
        sink.push(fault.expecting("letters, digits, `_`, `-` and `.`"));
    }
}

/// Each item must be one word: it becomes part of a line that blanks separate.
fn words(list: &List<String>, member: &str, sink: &mut Sink) {
    for (word, place) in list.iter().flat_map(Value::literals) {
        if word.is_empty() || word.chars().any(|c| c.is_whitespace() || c.is_control()) {
            let shown = crate::model::text_value::quoted(word);
            let message = format!("invalid `{member}`: {shown} is not one word");
            sink.push(Diagnostic::error("invalid-value", place, message).expecting("a word without blanks"));
        }
    }
}

fn key(raw: RawAptKey, sink: &mut Sink) -> Option<AptKey> {
    match (raw.file, raw.url) {
        (Some(file), None) => {
            if let Some(checksum) = &raw.checksum {
                unexpected("checksum", checksum.place(), "only `url` has it", sink);
            }
            Some(AptKey::File(file))
        }
        (None, Some(url)) => {
            let checksum = needed(raw.checksum, "checksum", "url", url.place(), sink)?;
            Some(AptKey::Url { url, checksum })
        }
        _ => {
            let fault = Diagnostic::error("apt-key", &raw.place, "the `key` does not say where it is");
            sink.push(fault.expecting("either `file`, or `url` with its `checksum`"));
            None
        }
    }
}

pub(super) fn pip(raw: RawPip, sink: &mut Sink) -> Option<Pip> {
    if raw.requirements.is_empty() && raw.packages.is_empty() {
        let fault = Diagnostic::error("nothing-to-do", &raw.place, "`pip` has nothing to install");
        sink.push(fault.expecting("`requirements` or `packages`"));
        return None;
    }
    if let (Some(index), Some(secret)) = (&raw.index, &raw.index_secret) {
        let fault =
            Diagnostic::error("pip-index", secret.place(), "both `index` and `index_secret` name the index");
        sink.push(fault.label(index.place(), "the other one"));
    }
    let location = location(raw.venv, raw.system, raw.target, &raw.place, sink)?;
    let python = raw.python.unwrap_or_else(|| Value::literal("python3".to_owned(), raw.place.clone()));
    for (_, place) in
        python.literals().filter(|(text, _)| text.is_empty() || text.contains(char::is_whitespace))
    {
        sink.push(
            Diagnostic::error("invalid-value", place, "invalid `python`: not one word")
                .expecting("a command or a path"),
        );
    }
    Some(Pip {
        requirements: raw.requirements,
        packages: raw.packages,
        constraints: raw.constraints,
        location,
        python,
        index: raw.index,
        extra_indexes: raw.extra_indexes,
        index_secret: raw.index_secret,
        installer: raw.installer.unwrap_or_else(|| PerPlatform::same(Installer::Pip, raw.place.clone())),
        compile: flag(raw.compile, false, &raw.place),
        require_hashes: flag(raw.require_hashes, false, &raw.place),
        no_deps: flag(raw.no_deps, false, &raw.place),
    })
}

fn location(
    venv: Option<Value<ImagePath>>,
    system: Option<Located<bool>>,
    target: Option<Value<ImagePath>>,
    place: &Place,
    sink: &mut Sink,
) -> Option<PipLocation> {
    let system = system.filter(|system| *system.value());
    match (venv, system, target) {
        (None, None, None) => {
            let default = ImagePath::from_text(VENV).ok()?;
            Some(PipLocation::Venv(Value::literal(default, place.clone())))
        }
        (Some(venv), None, None) => Some(PipLocation::Venv(venv)),
        (None, Some(_), None) => Some(PipLocation::System),
        (None, None, Some(target)) => Some(PipLocation::Target(target)),
        (venv, system, target) => {
            let last = target.as_ref().map(Value::place).or(system.as_ref().map(Located::place));
            let last = last.or(venv.as_ref().map(Value::place)).unwrap_or(place);
            let fault = Diagnostic::error("pip-location", last, "`pip` says several times where to install");
            sink.push(fault.expecting("one of `venv`, `system` and `target`"));
            None
        }
    }
}
