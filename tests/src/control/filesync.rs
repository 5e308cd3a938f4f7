//! The client's side of BuildKit's file transfer (`moby.filesync.v1.FileSync/DiffCopy`): says what there is in the order
//! of a walk, sends the files that are asked for by their number in it, and ends when the daemon has enough.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use bytes::Bytes;
use h2::SendStream;
use http::HeaderMap;
use prost::Message;

use super::grpc::{Messages, frame};

/// Go's `os.ModeDir` and `os.ModeSymlink`: the protocol carries Go's modes.
const GO_DIRECTORY: u32 = 1 << 31;
const GO_SYMLINK: u32 = 1 << 27;
/// Bytes of a file in one message.
const PIECE: usize = 32 * 1024;

/// What the daemon asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    folder: String,
    /// Paths of which the folders above and everything below are wanted too; none means everything.
    paths: Vec<String>,
}

impl Wanted {
    /// Reads a request. Exclusions are not looked at: the daemon copies only what steps name out of what it gets.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let values = |name: &str| headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        let folder = values("dir-name").next().unwrap_or_default().to_owned();
        let paths = values("followpaths").chain(values("include-patterns"));
        Self { folder, paths: paths.map(without_wildcards).collect() }
    }

    fn covers(&self, path: &str) -> bool {
        let below = |one: &str, other: &str| {
            other.is_empty()
                || one == other
                || one.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
        };
        self.paths.is_empty() || self.paths.iter().any(|wanted| below(path, wanted) || below(wanted, path))
    }
}

/// The folder above the first wildcard of a pattern.
fn without_wildcards(pattern: &str) -> String {
    let parts = pattern.split('/').filter(|part| !part.is_empty() && *part != ".");
    let plain: Vec<&str> = parts.take_while(|part| !part.contains(['*', '?', '[', '\\'])).collect();
    plain.join("/")
}

/// Answers one request.
pub(super) async fn send(
    wanted: &Wanted,
    folders: &BTreeMap<String, PathBuf>,
    received: &mut Messages,
    sending: &mut SendStream<Bytes>,
) -> Result<(), h2::Error> {
    let Some(root) = folders.get(&wanted.folder) else {
        let text = format!("there is no folder `{}`", wanted.folder).into_bytes();
        return put(sending, PacketType::PacketErr, |packet| packet.data = text);
    };
    let entries = walk(root, wanted);
    for (_, stat) in &entries {
        put(sending, PacketType::PacketStat, |packet| packet.stat = Some(stat.clone()))?;
    }
    put(sending, PacketType::PacketStat, |_| {})?; // no more
    while let Ok(Some(message)) = received.next().await {
        let packet = Packet::decode(message).unwrap();
        match packet.r#type() {
            PacketType::PacketReq => file(sending, packet.id, &entries[packet.id as usize].0)?,
            PacketType::PacketFin => return put(sending, PacketType::PacketFin, |_| {}),
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// A file's bytes, and an empty piece at the end.
fn file(sending: &mut SendStream<Bytes>, id: u32, path: &Path) -> Result<(), h2::Error> {
    let bytes = fs::read(path).unwrap();
    for piece in bytes.chunks(PIECE).chain([&[][..]]) {
        put(sending, PacketType::PacketData, |packet| {
            packet.id = id;
            packet.data = piece.to_vec();
        })?;
    }
    Ok(())
}

fn put(
    sending: &mut SendStream<Bytes>,
    kind: PacketType,
    fill: impl FnOnce(&mut Packet),
) -> Result<(), h2::Error> {
    let mut packet = Packet { r#type: kind.into(), ..Packet::default() };
    fill(&mut packet);
    sending.send_data(frame(&packet), false)
}

/// Everything that is wanted, folders before what is in them, names in the order of their bytes.
fn walk(root: &Path, wanted: &Wanted) -> Vec<(PathBuf, Stat)> {
    let mut found = Vec::new();
    let mut pending = vec![(root.to_owned(), String::new())];
    while let Some((path, name)) = pending.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        if !name.is_empty() {
            found.push((path.clone(), stat(&path, &name, &metadata)));
        }
        if metadata.is_dir() {
            pending.extend(children(&path, &name).into_iter().rev().filter(|(_, name)| wanted.covers(name)));
        }
    }
    found
}

fn children(path: &Path, name: &str) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|entry| entry.into_string().unwrap()).collect();
    names.sort();
    let child = |one: String| (path.join(&one), if name.is_empty() { one } else { format!("{name}/{one}") });
    names.into_iter().map(child).collect()
}

/// What the protocol says of an entry. Owners are of no interest to a build.
fn stat(path: &Path, name: &str, metadata: &fs::Metadata) -> Stat {
    let kind = metadata.file_type();
    let linkname = kind.is_symlink().then(|| fs::read_link(path).unwrap().to_string_lossy().into_owned());
    let flag = match (kind.is_dir(), kind.is_symlink()) {
        (true, _) => GO_DIRECTORY,
        (_, true) => GO_SYMLINK,
        _ => 0,
    };
    Stat {
        path: name.to_owned(),
        mode: flag | (metadata.mode() & 0o777),
        size: if kind.is_file() { i64::try_from(metadata.len()).unwrap() } else { 0 },
        mod_time: metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec(),
        linkname: linkname.unwrap_or_default(),
        ..Stat::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(paths: &[&str]) -> Wanted {
        Wanted { folder: "context".into(), paths: paths.iter().map(|path| without_wildcards(path)).collect() }
    }

    #[test]
    fn only_what_is_asked_for_is_walked_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["a/b/c", "a.txt", "a/d", "x/y"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "1").unwrap();
        }
        let names = |paths: &[&str]| -> Vec<String> {
            walk(folder.path(), &wanted(paths)).into_iter().map(|(_, stat)| stat.path).collect()
        };
        assert_eq!(names(&[]), ["a", "a/b", "a/b/c", "a/d", "a.txt", "x", "x/y"]);
        assert_eq!(names(&["a/b"]), ["a", "a/b", "a/b/c"]);
        assert_eq!(names(&["a/*/c", "x/y"]), ["a", "a/b", "a/b/c", "a/d", "x", "x/y"]);
    }

    #[test]
    fn folders_and_links_have_gos_modes() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("t", folder.path().join("link")).unwrap();
        let (_, link) = &walk(folder.path(), &wanted(&[]))[0];
        assert_eq!((link.mode & GO_SYMLINK, link.linkname.as_str()), (GO_SYMLINK, "t"));
    }
}
