//! The manifest of what a step changed, `changes.json`. It holds nothing that differs between two runs of a
//! deterministic step: it becomes part of cache keys.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use rustix::fs::FileType;
use serde::Serialize;

use crate::sys::file::Meta;
use crate::walk::content::{Attributes, Content};
use crate::walk::{Finding, Findings, Verdict};

/// The version of the format.
const VERSION: u32 = 1;

/// `changes.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Manifest {
    version: u32,
    entries: Vec<Entry>,
    deleted: Vec<String>,
    /// The directories above all these that are not entries themselves. Only a settled fragment has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    parents: Option<Vec<Parent>>,
}

/// A directory that is the same as before, and holds something that is not.
#[derive(Debug, Serialize)]
pub(crate) struct Parent {
    path: String,
    mode: String,
    uid: u32,
    gid: u32,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    xattrs: BTreeMap<String, String>,
}

impl Parent {
    /// The directory at `path`.
    pub(crate) fn new(path: &[u8], meta: &Meta, content: &Content) -> Self {
        Self {
            path: escape(path),
            mode: octal(meta.mode),
            uid: meta.uid,
            gid: meta.gid,
            xattrs: shown(&content.xattrs),
        }
    }
}

/// A path that is new or differs from before.
#[derive(Debug, Serialize)]
struct Entry {
    path: String,
    #[serde(rename = "type")]
    kind: &'static str,
    mode: String,
    uid: u32,
    gid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    xattrs: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardlink: Option<String>,
}

impl Manifest {
    /// The manifest of a walk.
    pub(crate) fn new(findings: &Findings) -> Self {
        let groups = hardlink_groups(&findings.found);
        let mut changed: Vec<_> = findings.found.iter().filter_map(changed).collect();
        changed.sort_unstable_by_key(|(finding, _)| &finding.path);
        let mut deleted: Vec<_> = findings.deleted.iter().collect();
        deleted.sort_unstable();
        Self {
            version: VERSION,
            entries: changed
                .into_iter()
                .map(|(finding, content)| Entry::new(finding, content, &groups))
                .collect(),
            deleted: deleted.into_iter().map(|path| escape(path)).collect(),
            parents: None,
        }
    }

    /// The same with the directories above everything in it, which are sorted.
    pub(crate) fn with_parents(self, parents: Vec<Parent>) -> Self {
        Self { parents: Some(parents), ..self }
    }
}

fn changed(finding: &Finding) -> Option<(&Finding, &Content)> {
    match &finding.verdict {
        Verdict::Changed(_, content) => Some((finding, content)),
        Verdict::Listing | Verdict::Same(_) | Verdict::Touched => None,
    }
}

/// The first path of every inode that has several among what was touched.
fn hardlink_groups(found: &[Finding]) -> BTreeMap<(u32, u32, u64), Vec<&[u8]>> {
    let mut groups: BTreeMap<_, Vec<&[u8]>> = BTreeMap::new();
    for finding in found.iter().filter(|finding| is_linked(&finding.meta)) {
        groups.entry(finding.meta.inode).or_default().push(&finding.path);
    }
    groups.retain(|_, paths| paths.len() > 1);
    groups.values_mut().for_each(|paths| paths.sort_unstable());
    groups
}

fn is_linked(meta: &Meta) -> bool {
    meta.links > 1 && !meta.kind.is_dir()
}

impl Entry {
    fn new(finding: &Finding, content: &Content, groups: &BTreeMap<(u32, u32, u64), Vec<&[u8]>>) -> Self {
        let meta = &finding.meta;
        let is_device = meta.kind.is_char_device() || meta.kind.is_block_device();
        let hardlink = groups.get(&meta.inode).filter(|_| is_linked(meta)).map(|paths| escape(paths[0]));
        Self {
            path: escape(&finding.path),
            kind: kind_name(meta.kind),
            mode: octal(meta.mode),
            uid: meta.uid,
            gid: meta.gid,
            size: meta.kind.is_file().then_some(meta.size),
            sha256: content.sha256.map(|digest| hex(&digest)),
            target: content.target.as_deref().map(escape),
            device: is_device.then(|| format!("{}:{}", meta.rdev.0, meta.rdev.1)),
            xattrs: shown(&content.xattrs),
            hardlink,
        }
    }
}

fn octal(mode: u32) -> String {
    format!("{mode:04o}")
}

fn shown(xattrs: &Attributes) -> BTreeMap<String, String> {
    xattrs.iter().map(|(name, value)| (escape(name), hex(value))).collect()
}

/// What a type of file is called.
pub(crate) fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "file",
        FileType::Directory => "dir",
        FileType::Symlink => "symlink",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
        FileType::CharacterDevice => "char",
        FileType::BlockDevice => "block",
        FileType::Unknown => "unknown",
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A path as text that can be undone: a backslash is written twice, a byte that is not part of UTF-8 as `\xHH`.
fn escape(path: &[u8]) -> String {
    if let Ok(text) = core::str::from_utf8(path)
        && !text.contains('\\')
    {
        return text.to_owned();
    }
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_not_text_are_escaped_reversibly() {
        for (path, expected) in [
            (&b"/plain/\xc3\xa9"[..], "/plain/é"),
            (b"/a\\x2db", "/a\\\\x2db"),
            (b"/a\xffb", "/a\\xffb"),
            (b"/\xc3", "/\\xc3"),
        ] {
            assert_eq!(escape(path), expected);
        }
    }

    #[test]
    fn every_type_has_a_name() {
        assert_eq!(kind_name(FileType::Socket), "socket");
        assert_eq!(hex(&[0, 255]), "00ff");
    }
}
