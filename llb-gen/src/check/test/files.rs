//! `files`: which members go together.

use super::matches;
use crate::check::unexpected;
use crate::diagnostic::{Diagnostic, Sink};
use crate::model::Value;
use crate::model::test::{FileTest, FileType};
use crate::parse::raw::test::RawFileTest;
use crate::text::{Located, Place};

pub(super) fn files(raw: Located<Vec<RawFileTest>>, sink: &mut Sink) -> Option<Vec<FileTest>> {
    if raw.is_empty() {
        let fault = Diagnostic::error("empty-value", raw.place(), "`files` is empty");
        sink.push(fault.expecting("at least one path to look at"));
        return None;
    }
    Some(raw.into_value().into_iter().map(|raw| file(raw, sink)).collect())
}

fn file(raw: RawFileTest, sink: &mut Sink) -> FileTest {
    for (path, place) in raw.path.literals().filter(|(path, _)| path.has_wildcard()) {
        let message = format!("invalid `path`: `{path}` has a wildcard, and one path is looked at");
        sink.push(Diagnostic::error("invalid-value", place, message));
    }
    let exists = raw.exists.as_ref().is_none_or(|flag| *flag.value());
    if !exists {
        refuse(&asked(&raw), "what must not be there has no properties", sink);
    }
    of_kind(&raw, sink);
    sizes(&raw, sink);
    FileTest {
        exists,
        kind: raw.kind.as_ref().map(|kind| *kind.value()),
        content: matches("content", raw.content, sink),
        path: raw.path,
        owner: raw.owner,
        mode: raw.mode,
        max_size: raw.max_size,
        min_size: raw.min_size,
        target: raw.target,
        no_setuid: set(&raw.no_setuid),
        no_world_writable: set(&raw.no_world_writable),
        empty: set(&raw.empty),
        place: raw.place,
    }
}

fn set(flag: &Option<Located<bool>>) -> bool {
    flag.as_ref().is_some_and(|flag| *flag.value())
}

/// The members that ask for something, and where.
type Asked<'r> = Vec<(&'static str, &'r Place)>;

fn asked(raw: &RawFileTest) -> Asked<'_> {
    let members = [
        ("type", raw.kind.as_ref().map(Located::place)),
        ("owner", raw.owner.as_ref().map(Value::place)),
        ("mode", raw.mode.as_ref().map(Value::place)),
        ("max_size", raw.max_size.as_ref().map(Value::place)),
        ("min_size", raw.min_size.as_ref().map(Value::place)),
        ("content", raw.content.as_ref().map(crate::model::PerPlatform::place)),
        ("target", raw.target.as_ref().map(Value::place)),
        ("no_setuid", raw.no_setuid.as_ref().map(Located::place)),
        ("no_world_writable", raw.no_world_writable.as_ref().map(Located::place)),
        ("empty", raw.empty.as_ref().map(Located::place)),
    ];
    members.into_iter().filter_map(|(member, place)| Some((member, place?))).collect()
}

fn refuse(members: &[(&'static str, &Place)], why: &str, sink: &mut Sink) {
    for (member, place) in members {
        unexpected(member, place, why, sink);
    }
}

/// What only one type of file has.
fn of_kind(raw: &RawFileTest, sink: &mut Sink) {
    let kind = raw.kind.as_ref().map(|kind| *kind.value());
    let only = |names: &[&str]| -> Asked<'_> {
        asked(raw).into_iter().filter(|(member, _)| names.contains(member)).collect()
    };
    match kind {
        Some(FileType::Symlink) => refuse(
            &only(&["content", "max_size", "min_size", "no_setuid", "no_world_writable", "empty"]),
            "a symbolic link has only an owner and a `target`",
            sink,
        ),
        Some(FileType::Dir) => refuse(&only(&["content", "target"]), "a folder has none", sink),
        Some(FileType::File) => refuse(&only(&["target"]), "only a symbolic link has it", sink),
        None => {}
    }
}

fn sizes(raw: &RawFileTest, sink: &mut Sink) {
    let literal = |size: &Option<Value<crate::model::ByteSize>>| {
        size.as_ref().and_then(|size| Some((size.as_literal()?.bytes(), size.place().clone())))
    };
    if let (Some((least, _)), Some((most, place))) = (literal(&raw.min_size), literal(&raw.max_size))
        && most < least
    {
        let message = format!("`max_size` ({most} bytes) is below `min_size` ({least} bytes)");
        sink.push(Diagnostic::error("invalid-value", &place, message));
    }
}
