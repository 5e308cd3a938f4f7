//! File steps: which members go together.

use super::{flag, given_list, unexpected};
use crate::diagnostic::{Diagnostic, Sink};
use crate::model::step::{Add, AddSource, Copy, CreateUser, Mkdir, Origin, Remove, Symlink, WriteFile};
use crate::model::value::{Reader, Source};
use crate::model::{FragmentPath, ImagePath, PerPlatform, SourcePath, TextValue, Value};
use crate::parse::node::Found;
use crate::parse::raw::files::{RawAdd, RawCopy, RawFile, RawMkdir, RawRemove, RawSymlink, RawUser};
use crate::text::{Located, Place};

pub(super) fn copy(raw: RawCopy, sink: &mut Sink) -> Option<Copy> {
    given_list(&raw.src, "src", &raw.place, sink)?;
    let parents = flag(raw.parents, false, &raw.place);
    let unpack = flag(raw.unpack, false, &raw.place);
    let from = raw.from.unwrap_or_else(|| Value::literal(Origin::Fragment, raw.place.clone()));
    if from.as_literal() == Some(&Origin::Fragment) {
        inside_fragment(&raw.src, sink);
    }
    several_need_a_folder(&raw.src, &raw.dest, sink);
    Some(Copy {
        from,
        src: raw.src,
        dest: raw.dest,
        chown: raw.chown,
        chmod: raw.chmod,
        include: raw.include,
        exclude: raw.exclude,
        parents,
        unpack,
    })
}

/// In a fragment's folder an absolute path is a slip: there is nothing above it to mean.
fn inside_fragment(src: &crate::model::List<SourcePath>, sink: &mut Sink) {
    for (_, place) in src.iter().flat_map(Value::literals) {
        let written = &place.file().bytes()[place.span().start()..place.span().end()];
        if written.starts_with(b"\"/") {
            let message = "invalid `src`: the path is absolute, and begins at the fragment's own folder";
            sink.push(Diagnostic::error("invalid-value", place, message).expecting(FragmentPath::FORM));
        }
    }
}

/// Several literal sources and a destination that is no folder: a Dockerfile refuses it too.
fn several_need_a_folder(src: &crate::model::List<SourcePath>, dest: &Value<ImagePath>, sink: &mut Sink) {
    let several = src.branches().is_some_and(|branches| branches.values().any(|items| items.len() > 1));
    for (path, place) in dest.literals() {
        if several && !path.is_folder() && path.as_str() != "/" {
            let message =
                format!("`dest` must be a folder for several sources: `{path}` has no slash at its end");
            sink.push(
                Diagnostic::error("dest-not-a-folder", place, message).help(format!("write `{path}/`")),
            );
        }
    }
}

pub(super) fn add(raw: RawAdd, sink: &mut Sink) -> Option<Add> {
    let unpack_place = raw.unpack.as_ref().map(|unpack| unpack.place().clone());
    let source = match (raw.url, raw.git) {
        (Some(url), None) => {
            let extras = [
                ("commit", raw.commit.as_ref().map(Value::place)),
                ("subdir", raw.subdir.as_ref().map(Value::place)),
                ("keep_git_dir", raw.keep_git_dir.as_ref().map(PerPlatform::place)),
                ("include", raw.include.place()),
                ("exclude", raw.exclude.place()),
            ];
            refuse(extras, "only `git` has it", sink);
            let checksum = needed(raw.checksum, "checksum", "url", url.place(), sink)?;
            AddSource::Http { url, checksum }
        }
        (None, Some(url)) => {
            let extras =
                [("checksum", raw.checksum.as_ref().map(Value::place)), ("unpack", unpack_place.as_ref())];
            refuse(extras, "only `url` has it", sink);
            let commit = needed(raw.commit, "commit", "git", url.place(), sink)?;
            let keep_git_dir = flag(raw.keep_git_dir, false, &raw.place);
            AddSource::Git { url, commit, subdir: raw.subdir, keep_git_dir }
        }
        (url, _) => {
            let message =
                if url.is_some() { "`add` with both `url` and `git`" } else { "`add` without a source" };
            sink.push(
                Diagnostic::error("add-source", &raw.place, message).expecting("either `url` or `git`"),
            );
            return None;
        }
    };
    let unpack = flag(raw.unpack, false, &raw.place);
    Some(Add {
        source,
        dest: raw.dest,
        chown: raw.chown,
        chmod: raw.chmod,
        unpack,
        include: raw.include,
        exclude: raw.exclude,
    })
}

fn refuse<const N: usize>(members: [(&str, Option<&Place>); N], why: &str, sink: &mut Sink) {
    for (member, place) in members {
        if let Some(place) = place {
            unexpected(member, place, why, sink);
        }
    }
}

/// A member that another one needs.
pub(super) fn needed<T>(
    value: Option<T>,
    member: &str,
    with: &str,
    place: &Place,
    sink: &mut Sink,
) -> Option<T> {
    if value.is_none() {
        let message = format!("the member `{member}` is missing: `{with}` needs it");
        sink.push(Diagnostic::error("missing-member", place, message));
    }
    value
}

pub(super) fn file(raw: RawFile, found: &mut Found, sink: &mut Sink) -> Option<WriteFile> {
    let expand = raw.expand.unwrap_or(false);
    let reader = Reader { form: String::FORM, read: String::from_text };
    let mut failed = false;
    let content = raw.content.filter_map(|content| match (expand, content.expanding) {
        (false, _) => Some(Source::Literal(content.plain, content.place)),
        (true, Ok(text)) => {
            found.text(&text);
            Some(Source::Text(text, content.place, reader))
        }
        (true, Err(fault)) => {
            sink.push(fault);
            failed = true;
            None
        }
    });
    folder_is_no_file(&raw.path, sink);
    let content = Value::new(content);
    (!failed).then_some(WriteFile { path: raw.path, content, chown: raw.chown, chmod: raw.chmod })
}

pub(super) fn folder_is_no_file(path: &Value<ImagePath>, sink: &mut Sink) {
    for (literal, place) in
        path.literals().filter(|(literal, _)| literal.is_folder() || literal.as_str() == "/")
    {
        let message = format!("invalid `path`: `{literal}` names a folder");
        sink.push(Diagnostic::error("invalid-value", place, message).expecting("the path of a file"));
    }
}

pub(super) fn mkdir(raw: RawMkdir, sink: &mut Sink) -> Option<Mkdir> {
    given_list(&raw.path, "path", &raw.place, sink)?;
    no_wildcards(&raw.path, sink);
    Some(Mkdir { path: raw.path, chown: raw.chown, chmod: raw.chmod })
}

fn no_wildcards(paths: &crate::model::List<ImagePath>, sink: &mut Sink) {
    for (path, place) in paths.iter().flat_map(Value::literals).filter(|(path, _)| path.has_wildcard()) {
        let message = format!("invalid `path`: `{path}` has a wildcard, and a folder to make has one name");
        sink.push(Diagnostic::error("invalid-value", place, message));
    }
}

pub(super) fn symlink(raw: RawSymlink, sink: &mut Sink) -> Option<Symlink> {
    folder_is_no_file(&raw.path, sink);
    for (_, place) in raw.target.literals().filter(|(target, _)| target.is_empty()) {
        sink.push(Diagnostic::error("empty-value", place, "`target` is empty").expecting("a path"));
    }
    Some(Symlink { path: raw.path, target: raw.target, chown: raw.chown })
}

pub(super) fn remove(raw: RawRemove, sink: &mut Sink) -> Option<Remove> {
    given_list(&raw.path, "path", &raw.place, sink)?;
    for (path, place) in raw.path.iter().flat_map(Value::literals).filter(|(path, _)| path.as_str() == "/") {
        sink.push(Diagnostic::error(
            "invalid-value",
            place,
            format!("invalid `path`: `{path}` is the whole image"),
        ));
    }
    let missing_ok = flag(raw.missing_ok, false, &raw.place);
    Some(Remove { path: raw.path, missing_ok })
}

pub(super) fn user(raw: RawUser, sink: &mut Sink) -> Option<CreateUser> {
    if raw.name.is_none() {
        let members = [
            ("uid", raw.uid.as_ref().map(PerPlatform::place)),
            ("groups", raw.groups.place()),
            ("home", raw.home.as_ref().map(Value::place)),
            ("create_home", raw.create_home.as_ref().map(PerPlatform::place)),
            ("shell", raw.shell.as_ref().map(Value::place)),
        ];
        refuse(members, "a group alone has none; `name` is missing", sink);
        if raw.group.is_none() {
            let message = "the member `name` is missing in `user`";
            let fault = Diagnostic::error("missing-member", &raw.place, message);
            sink.push(fault.expecting("`name` for a user, or `group` for a group alone"));
            return None;
        }
    }
    let root = raw.uid.iter().flat_map(PerPlatform::values).any(|uid| *uid == 0);
    if let (true, Some(uid)) = (root, &raw.uid) {
        sink.push(Diagnostic::error(
            "invalid-value",
            uid.place(),
            "invalid `uid`: 0 is root, which every image has",
        ));
    }
    let system = flag(raw.system, false, &raw.place);
    Some(CreateUser {
        name: raw.name,
        uid: raw.uid,
        group: raw.group,
        gid: raw.gid,
        groups: raw.groups,
        home: raw.home,
        create_home: raw.create_home,
        shell: raw.shell,
        system,
    })
}

/// The literal stages that a source of files may name.
pub(super) fn stages_of(from: &Value<Origin>) -> impl Iterator<Item = Located<crate::model::StageName>> {
    from.literals().filter_map(|(origin, place)| match origin {
        Origin::Stage(name) => Some(Located::new(name.clone(), place.clone())),
        _ => None,
    })
}
