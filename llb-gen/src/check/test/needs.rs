//! `needs`: which members go together.

use std::collections::BTreeMap;

use super::Owner;
use super::http::ready;
use crate::check::files::folder_is_no_file;
use crate::diagnostic::{Diagnostic, Sink};
use crate::model::test::{NeededContent, NeededFile, Needs, PortNumber, Service};
use crate::model::value::Source;
use crate::model::{ImagePath, Value};
use crate::parse::raw::test::{RawNeededFile, RawNeeds, RawService};
use crate::text::{Located, Place};

pub(super) fn needs(raw: RawNeeds, owner: Owner, sink: &mut Sink) -> Option<Needs> {
    if raw.files.is_none() && raw.apt.place().is_none() && raw.services.is_none() {
        let fault = Diagnostic::error("empty-value", &raw.place, "`needs` is empty");
        sink.push(fault.expecting("`files`, `apt`, `services` or several of them"));
        return None;
    }
    if let Some(place) = raw.apt.place().filter(|_| raw.apt.is_empty()) {
        empty("apt", place, "a package", sink);
    }
    let files = items(raw.files, "files", "a file", sink);
    let services = items(raw.services, "services", "a service", sink);
    one_file_each(&files, sink);
    one_service_each(&services, sink);
    Some(Needs {
        files: files.into_iter().filter_map(|raw| file(raw, owner, sink)).collect(),
        apt: raw.apt,
        services: services.into_iter().map(|raw| service(raw, sink)).collect(),
        place: raw.place,
    })
}

fn items<T>(list: Option<Located<Vec<T>>>, member: &str, one: &str, sink: &mut Sink) -> Vec<T> {
    if let Some(list) = list.as_ref().filter(|list| list.is_empty()) {
        empty(member, list.place(), one, sink);
    }
    list.map(Located::into_value).unwrap_or_default()
}

fn empty(member: &str, place: &Place, one: &str, sink: &mut Sink) {
    let fault = Diagnostic::error("empty-value", place, format!("`{member}` is empty"));
    sink.push(fault.expecting(format!("at least {one}, or no such member")));
}

fn file(raw: RawNeededFile, owner: Owner, sink: &mut Sink) -> Option<NeededFile> {
    folder_is_no_file(&raw.path, sink);
    no_wildcard(&raw.path, sink);
    let content =
        match (raw.content, raw.src) {
            (Some(content), None) => {
                let literal = |content: crate::parse::raw::files::Content| {
                    Some(Source::Literal(content.plain, content.place))
                };
                NeededContent::Text(Value::new(content.filter_map(literal)))
            }
            (None, Some(src)) => {
                if owner == Owner::Product {
                    let message = "`src` is a file of a fragment, and this is the test of none";
                    let fault = Diagnostic::error("script-without-fragment", src.place(), message);
                    sink.push(fault.help(
                        "write its `content` here, or put the test into the fragment that has the file",
                    ));
                }
                NeededContent::Own(src)
            }
            (content, _) => {
                let message = match content {
                    Some(_) => "a file with both `content` and `src`",
                    None => "a file without `content`",
                };
                let fault = Diagnostic::error("needed-file", &raw.place, message);
                sink.push(fault.expecting("either `content` or `src`"));
                return None;
            }
        };
    Some(NeededFile { path: raw.path, content, chmod: raw.chmod })
}

fn no_wildcard(path: &Value<ImagePath>, sink: &mut Sink) {
    for (path, place) in path.literals().filter(|(path, _)| path.has_wildcard()) {
        let message = format!("invalid `path`: `{path}` has a wildcard, and one file is written");
        sink.push(Diagnostic::error("invalid-value", place, message));
    }
}

fn service(raw: RawService, sink: &mut Sink) -> Service {
    Service {
        name: raw.name,
        command: raw.command,
        port: raw.port.0,
        ready: raw.ready.map(|raw| ready(raw, sink)).unwrap_or_default(),
    }
}

/// Two files at one path: the second would replace the first.
fn one_file_each(files: &[RawNeededFile], sink: &mut Sink) {
    let mut seen: BTreeMap<String, &Place> = BTreeMap::new();
    for path in files.iter().map(|file| &file.path) {
        let Some(literal) = path.as_literal() else { continue };
        if let Some(first) = seen.get(literal.as_str()) {
            let message = format!("two files are written to `{literal}`");
            let fault = Diagnostic::error("repeated-path", path.place(), message);
            sink.push(fault.label(first, "first here"));
        }
        seen.entry(literal.as_str().to_owned()).or_insert_with(|| path.place());
    }
}

/// Two services of one name, or on one port.
fn one_service_each(services: &[RawService], sink: &mut Sink) {
    let mut names: BTreeMap<&str, &Place> = BTreeMap::new();
    let mut ports: BTreeMap<PortNumber, &Place> = BTreeMap::new();
    for service in services {
        let (name, place) = (service.name.as_str(), service.name.place());
        if let Some(first) = names.insert(name, place) {
            let fault =
                Diagnostic::error("repeated-name", place, format!("two services are called `{name}`"));
            sink.push(fault.label(first, "first here"));
        }
        let Some(port) = service.port.0.as_literal() else { continue };
        let place = service.port.0.place();
        if let Some(first) = ports.insert(*port, place) {
            let message = format!("two services listen on port {}", port.get());
            sink.push(Diagnostic::error("repeated-port", place, message).label(first, "first here"));
        }
    }
}
