//! Reading one layer's archive.

use std::io::Read;

use tar::{Archive, Entry as TarEntry, EntryType};

use super::pax::Overrides;
use super::{Entry, Kind};
use crate::digest::Hashing;

/// What one entry of a layer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerEntry {
    /// Something is there.
    Present(String, Entry),
    /// The file at the first path has this as a further name (the other path), with what the archive says beside.
    HardLink {
        /// The further name.
        path: String,
        /// The path of the file, in this layer or below.
        target: String,
    },
    /// Something of the layers below is no more there.
    Whiteout(String),
    /// Everything that the layers below have in this folder is no more there.
    OpaqueWhiteout(String),
}

/// Reads an archive to the end of its entries.
#[must_use]
pub fn read_layer(reader: impl Read) -> Vec<LayerEntry> {
    let mut archive = Archive::new(reader);
    let mut layer = Vec::new();
    let mut overrides = Overrides::default();
    // Raw, because the crate takes a record's value to end with the line, and attributes may hold any byte.
    for entry in archive.entries().unwrap().raw(true) {
        let mut entry = entry.unwrap();
        match entry.header().entry_type() {
            EntryType::XGlobalHeader => {}
            EntryType::XHeader => overrides.read_pax(&content(&mut entry)),
            EntryType::GNULongName => overrides.path = Some(text(&content(&mut entry))),
            EntryType::GNULongLink => overrides.link = Some(text(&content(&mut entry))),
            _ => layer.extend(one(&mut entry, std::mem::take(&mut overrides))),
        }
    }
    layer
}

fn content(entry: &mut TarEntry<'_, impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The text of a GNU record, which ends with a zero.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// One entry; the root folder itself is none.
fn one(entry: &mut TarEntry<'_, impl Read>, over: Overrides) -> Option<LayerEntry> {
    let path = over.path.clone().unwrap_or_else(|| String::from_utf8_lossy(&entry.path_bytes()).into_owned());
    let path = plain(&path);
    if path.is_empty() {
        return None;
    }
    let (folder, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(folder, name)| (folder, name));
    if name == ".wh..wh..opq" {
        return Some(LayerEntry::OpaqueWhiteout(folder.to_owned()));
    }
    if let Some(hidden) = name.strip_prefix(".wh.") {
        return Some(LayerEntry::Whiteout(plain(&format!("{folder}/{hidden}"))));
    }
    let link = over
        .link
        .clone()
        .or_else(|| entry.link_name_bytes().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
    if entry.header().entry_type() == EntryType::Link {
        return Some(LayerEntry::HardLink { path, target: plain(&link.unwrap_or_default()) });
    }
    let kind = kind(entry, link.unwrap_or_default());
    let header = entry.header();
    let entry = Entry {
        kind,
        mode: header.mode().unwrap() & 0o7777,
        uid: over.uid.unwrap_or_else(|| header.uid().unwrap()),
        gid: over.gid.unwrap_or_else(|| header.gid().unwrap()),
        mtime: over.mtime.unwrap_or_else(|| i64::try_from(header.mtime().unwrap()).unwrap() * 1_000_000_000),
        xattrs: over.xattrs,
        hard_links: std::collections::BTreeSet::new(),
    };
    Some(LayerEntry::Present(path, entry))
}

fn kind(entry: &mut TarEntry<'_, impl Read>, link: String) -> Kind {
    let numbers = |entry: &TarEntry<'_, _>| {
        let number = |value: std::io::Result<Option<u32>>| value.unwrap().unwrap_or_default();
        (number(entry.header().device_major()), number(entry.header().device_minor()))
    };
    match entry.header().entry_type() {
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink(link),
        EntryType::Fifo => Kind::Fifo,
        EntryType::Char => {
            let (major, minor) = numbers(entry);
            Kind::CharacterDevice(major, minor)
        }
        EntryType::Block => {
            let (major, minor) = numbers(entry);
            Kind::BlockDevice(major, minor)
        }
        EntryType::Regular | EntryType::Continuous => {
            let (sha256, size) = Hashing::new(entry).finish();
            Kind::File { size, sha256 }
        }
        other => panic!("a layer has an entry of the type {other:?}"),
    }
}

/// A path without `./`, without slashes at either end and without doubled ones.
fn plain(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    parts.join("/")
}

/// Entries of an archive for tests of this module's neighbours.
#[cfg(test)]
pub(super) fn file(path: &str, content: &str) -> LayerEntry {
    let kind = Kind::File { size: content.len() as u64, sha256: crate::digest::sha256(content.as_bytes()) };
    LayerEntry::Present(path.to_owned(), plain_entry(kind))
}

#[cfg(test)]
pub(super) fn folder(path: &str) -> LayerEntry {
    LayerEntry::Present(path.to_owned(), plain_entry(Kind::Directory))
}

#[cfg(test)]
fn plain_entry(kind: Kind) -> Entry {
    let (xattrs, hard_links) = (std::collections::BTreeMap::new(), std::collections::BTreeSet::new());
    Entry { kind, mode: 0o644, uid: 0, gid: 0, mtime: 0, xattrs, hard_links }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// An archive of what a script makes, by GNU tar.
    fn archive(script: &str, options: &[&str]) -> Vec<LayerEntry> {
        let folder = tempfile::tempdir().unwrap();
        let run = |command: &mut Command| {
            let output = command.current_dir(folder.path()).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        run(Command::new("sh").args(["-ec", &format!("mkdir root && cd root && umask 022 && {script}")]));
        let mut tar = Command::new("tar");
        let tar = run(tar
            .args(["-C", "root", "--sort=name", "--numeric-owner"])
            .args(options)
            .args(["-cf", "-", "."]));
        read_layer(tar.as_slice())
    }

    fn paths(layer: &[LayerEntry]) -> Vec<&str> {
        let mut paths = Vec::new();
        for entry in layer {
            if let LayerEntry::Present(path, _) | LayerEntry::HardLink { path, .. } = entry {
                paths.push(path.as_str());
            }
        }
        paths
    }

    #[test]
    fn both_dialects_give_the_same_entries() {
        let long = "d".repeat(90);
        let script = format!(
            "mkdir -p {long}/{long} && printf abc > {long}/{long}/file && ln -s {long}{long} link && mkfifo pipe \
             && ln {long}/{long}/file same && chmod 4755 {long}/{long}/file \
             && find . -exec touch -h -d @1735689600 '{{}}' +"
        );
        let gnu = archive(&script, &["--format=gnu"]);
        assert_eq!(paths(&gnu).len(), 6, "{:?}", paths(&gnu));
        assert_eq!(gnu, archive(&script, &["--format=pax"]));
        let Some(LayerEntry::Present(_, file)) =
            gnu.iter().find(|entry| matches!(entry, LayerEntry::Present(path, _) if path.ends_with("/file")))
        else {
            panic!("no file in {gnu:?}")
        };
        assert_eq!((file.mode, file.mtime), (0o4755, 1_735_689_600_000_000_000));
        assert_eq!(file.sha256(), Some(crate::digest::sha256(b"abc").as_str()));
    }

    #[test]
    fn fractions_of_seconds_are_kept() {
        let layer = archive("touch -d @1735689600.25 file", &["--format=pax"]);
        let [LayerEntry::Present(_, file)] = layer.as_slice() else { panic!("{layer:?}") };
        assert_eq!(file.mtime, 1_735_689_600_250_000_000);
    }

    #[test]
    fn whiteouts_are_told_from_files() {
        let layer = archive("mkdir a && touch a/.wh.gone a/.wh..wh..opq .wh.top", &[]);
        assert!(layer.contains(&LayerEntry::Whiteout("a/gone".into())), "{layer:?}");
        assert!(layer.contains(&LayerEntry::Whiteout("top".into())));
        assert!(layer.contains(&LayerEntry::OpaqueWhiteout("a".into())));
    }
}
