//! `run`: its command, and what is mounted for it.

use super::config::env;
use super::{empty_list, flag, unexpected};
use crate::diagnostic::{Diagnostic, Sink};
use crate::model::step::{
    CacheMount, Command, Device, Limits, Mount, MountSource, Network, Origin, Run, Secret, SecretTarget,
    Security, Sharing, Ssh,
};
use crate::model::{ImagePath, PerPlatform, Value};
use crate::parse::raw::mounts::{CacheItem, DeviceItem, RawMount, RawSecret, SecretItem, SshItem};
use crate::parse::raw::run::{RawLimits, RawRunStep};
use crate::parse::raw::short::TextOr;
use crate::text::{Located, Place};

pub(super) fn run(raw: RawRunStep, sink: &mut Sink) -> Option<Run> {
    let place = raw.place;
    for command in raw.run.values() {
        command_is_there(command, raw.run.place(), sink);
    }
    empty_list(&raw.shell, "shell", sink);
    let secrets: Vec<Option<Secret>> = items(raw.secrets).map(|item| secret(item, sink)).collect();
    let mounts: Vec<Option<Mount>> = items(raw.mounts).map(|item| mount(item, sink)).collect();
    let cache: Vec<CacheMount> = items(raw.cache).map(|item| cache(item, sink)).collect();
    same_path_twice(&cache, &mounts, sink);
    let codes = raw.valid_exit_codes;
    if let Some(codes) = codes.as_ref().filter(|codes| codes.is_empty()) {
        sink.push(Diagnostic::error(
            "empty-value",
            codes.place(),
            "`valid_exit_codes` is empty: no run could succeed",
        ));
    }
    Some(Run {
        command: raw.run,
        env: env(raw.env),
        user: raw.user,
        workdir: raw.workdir,
        shell: raw.shell,
        network: raw.network.unwrap_or_else(|| PerPlatform::same(Network::Default, place.clone())),
        security: raw.security.unwrap_or_else(|| PerPlatform::same(Security::Sandbox, place.clone())),
        cache,
        secrets: secrets.into_iter().collect::<Option<_>>()?,
        ssh: items(raw.ssh).map(ssh).collect(),
        mounts: mounts.into_iter().collect::<Option<_>>()?,
        devices: items(raw.devices).map(device).collect(),
        limits: raw.limits.map(|raw| limits(raw, sink)).unwrap_or_default(),
        ulimits: raw.ulimits.unwrap_or_default().0.into_iter().map(|(name, limit)| (name, limit.0)).collect(),
        extra_hosts: raw.extra_hosts.unwrap_or_default().0,
        valid_exit_codes: codes.map(Located::into_value).unwrap_or_default(),
        pid1: flag(raw.pid1, false, &place),
    })
}

fn items<T>(list: Option<Vec<T>>) -> impl Iterator<Item = T> {
    list.unwrap_or_default().into_iter()
}

pub(super) fn command_is_there(command: &Command, place: &Place, sink: &mut Sink) {
    let nothing = match command {
        Command::Shell(lines) => lines.iter().all(|line| line.trim().is_empty()),
        Command::Script { .. } => false,
        Command::Exec(argv) => argv.first().and_then(Value::as_literal).is_some_and(String::is_empty),
    };
    if nothing {
        let fault = Diagnostic::error("empty-value", place, "`run` has nothing to run");
        sink.push(fault.expecting("a command"));
    }
}

fn cache(item: CacheItem, sink: &mut Sink) -> CacheMount {
    let shared = |place: &Place| PerPlatform::same(Sharing::Shared, place.clone());
    match item {
        TextOr::Text(path) => {
            let place = path.place().clone();
            let sharing = shared(&place);
            CacheMount { path, id: None, sharing, chmod: None, chown: None, from: None, source: None, place }
        }
        TextOr::Object(raw) => {
            if let (Some(source), None) = (&raw.source, &raw.from) {
                unexpected(
                    "source",
                    source.place(),
                    "it names a folder inside `from`, which is missing",
                    sink,
                );
            }
            CacheMount {
                path: raw.path,
                id: raw.id,
                sharing: raw.sharing.unwrap_or_else(|| shared(&raw.place)),
                chmod: raw.chmod,
                chown: raw.chown,
                from: raw.from,
                source: raw.source,
                place: raw.place,
            }
        }
    }
}

fn secret(item: SecretItem, sink: &mut Sink) -> Option<Secret> {
    match item {
        TextOr::Text(id) => {
            let place = id.place().clone();
            let target = SecretTarget::File { path: None, chmod: None, chown: None };
            Some(Secret { id, target, required: flag(None, true, &place), place })
        }
        TextOr::Object(raw) => full_secret(raw, sink),
    }
}

fn full_secret(raw: RawSecret, sink: &mut Sink) -> Option<Secret> {
    let target = match raw.env {
        None => SecretTarget::File { path: raw.path, chmod: raw.chmod, chown: raw.chown },
        Some(env) => {
            let file_members = [
                ("path", raw.path.as_ref().map(Value::place)),
                ("chmod", raw.chmod.as_ref().map(Value::place)),
                ("chown", raw.chown.as_ref().map(Value::place)),
            ];
            for (member, place) in file_members {
                if let Some(place) = place {
                    unexpected(member, place, "a secret in an environment variable (`env`) is no file", sink);
                }
            }
            SecretTarget::Env(env)
        }
    };
    Some(Secret { id: raw.id, target, required: flag(raw.required, true, &raw.place), place: raw.place })
}

fn ssh(item: SshItem) -> Ssh {
    match item {
        TextOr::Text(id) => {
            let place = id.place().clone();
            Ssh {
                id: Some(id),
                path: None,
                required: flag(None, true, &place),
                chmod: None,
                chown: None,
                place,
            }
        }
        TextOr::Object(raw) => Ssh {
            id: raw.id,
            path: raw.path,
            required: flag(raw.required, true, &raw.place),
            chmod: raw.chmod,
            chown: raw.chown,
            place: raw.place,
        },
    }
}

fn device(item: DeviceItem) -> Device {
    match item {
        TextOr::Text(name) => {
            let required = flag(None, true, name.place());
            Device { name, required }
        }
        TextOr::Object(raw) => Device { required: flag(raw.required, true, &raw.place), name: raw.name },
    }
}

fn mount(raw: RawMount, sink: &mut Sink) -> Option<Mount> {
    let tmpfs = raw.tmpfs.as_ref().is_some_and(|tmpfs| *tmpfs.value());
    for (path, place) in raw.path.literals().filter(|(path, _)| path.as_str() == "/") {
        sink.push(Diagnostic::error(
            "invalid-value",
            place,
            format!("invalid `path`: `{path}` would hide the image"),
        ));
    }
    let bind_members = [
        ("from", raw.from.as_ref().map(Value::place)),
        ("source", raw.source.as_ref().map(Value::place)),
        ("readonly", raw.readonly.as_ref().map(PerPlatform::place)),
    ];
    for (member, place) in bind_members {
        if let Some(place) = place.filter(|_| tmpfs) {
            unexpected(member, place, "a tmpfs holds no files", sink);
        }
    }
    if let Some(size) = raw.size.as_ref().filter(|_| !tmpfs) {
        unexpected("size", size.place(), "only a tmpfs has it", sink);
    }
    let source = match tmpfs {
        true => MountSource::Tmpfs { size: raw.size },
        false => MountSource::Bind {
            from: raw.from.unwrap_or_else(|| Value::literal(Origin::Fragment, raw.place.clone())),
            source: raw.source,
            readonly: flag(raw.readonly, true, &raw.place),
        },
    };
    Some(Mount { path: raw.path, source, place: raw.place })
}

/// Two mounts on one path: the lower one would never be seen.
fn same_path_twice(cache: &[CacheMount], mounts: &[Option<Mount>], sink: &mut Sink) {
    let mut seen: Vec<(&ImagePath, &Place)> = Vec::new();
    let paths = cache.iter().map(|one| &one.path).chain(mounts.iter().flatten().map(|one| &one.path));
    for path in paths {
        let Some(literal) = path.as_literal() else { continue };
        if let Some((_, first)) = seen.iter().find(|(other, _)| other.as_str() == literal.as_str()) {
            let fault =
                Diagnostic::error("repeated-path", path.place(), format!("two mounts are at `{literal}`"));
            sink.push(fault.label(first, "the other one"));
        }
        seen.push((literal, path.place()));
    }
}

fn limits(raw: RawLimits, sink: &mut Sink) -> Limits {
    if let (None, Some(swap)) = (&raw.memory, &raw.swap) {
        let fault =
            Diagnostic::error("swap-without-memory", swap.place(), "`swap` is given without `memory`");
        sink.push(fault.help("swap is limited together with the memory that it extends"));
    }
    Limits {
        memory: raw.memory,
        swap: raw.swap,
        milli_cpus: raw.cpus.map(|cpus| cpus.filter_map(|one| Some(one.0))),
        cpu_shares: raw.cpu_shares,
        cpuset_cpus: raw.cpuset_cpus,
        cpuset_mems: raw.cpuset_mems,
    }
}
