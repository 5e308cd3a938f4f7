//! The manifest of a delta, `changes.json`, read back. Texts are borrowed where they are not escaped: a manifest may hold
//! a hundred thousand paths.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The version of the format that is understood.
const VERSION: u32 = 1;

/// What a fragment changed.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest<'a> {
    version: u32,
    /// What is new or differs.
    #[serde(borrow)]
    pub(super) entries: Vec<Entry<'a>>,
    /// The topmost paths that are gone.
    #[serde(borrow)]
    pub(super) deleted: Vec<Escaped<'a>>,
    /// The directories above all of these that are no entries.
    #[serde(borrow, default)]
    pub(super) parents: Vec<Entry<'a>>,
}

/// A path with its metadata.
#[derive(Debug, Deserialize)]
pub(super) struct Entry<'a> {
    #[serde(borrow)]
    pub(super) path: Escaped<'a>,
    #[serde(rename = "type", default, deserialize_with = "kind")]
    pub(super) kind: Kind,
    #[serde(deserialize_with = "mode")]
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The digest of a file, the target of a link, the number of a device: no path has two of them.
    #[serde(borrow, default, rename = "sha256", alias = "target", alias = "device")]
    pub(super) content: Escaped<'a>,
    #[serde(borrow, default)]
    pub(super) xattrs: Attributes<'a>,
}

/// The type of a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Dir,
    Symlink,
    Fifo,
    Socket,
    Char,
    Block,
    /// Directories of `parents` have no type.
    #[default]
    Unsaid,
}

/// Text in which a backslash is written twice and a byte that is not UTF-8 as `\xHH`; here it is undone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Escaped<'a>(Cow<'a, [u8]>);

/// Extended attributes: names with hexadecimal values, in the order of the manifest, which sorts them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes<'a>(pub(super) Vec<(Escaped<'a>, Escaped<'a>)>);

impl<'a> Manifest<'a> {
    /// Reads a manifest.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(text).map_err(|err| format!("{err}"))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("version {} is not known, only {VERSION} is", self.version));
        }
        let entries = || self.entries.iter().map(|entry| entry.path());
        check_paths("entries", &mut entries())?;
        check_paths("deleted", &mut self.deleted.iter().map(Escaped::as_bytes))?;
        check_paths("parents", &mut self.parents.iter().map(|parent| parent.path()))?;
        let is_root = |path: &[u8]| path == b"/";
        let bad_root = self.deleted.iter().any(|path| is_root(path.as_bytes()))
            || self.entries.iter().any(|entry| is_root(entry.path()) && entry.kind != Kind::Dir);
        let bad_entry = self.entries.iter().find(|entry| !entry.is_complete());
        let bad_parent = self.parents.iter().find(|entry| !matches!(entry.kind, Kind::Unsaid | Kind::Dir));
        match bad_entry.or(bad_parent) {
            Some(bad) => Err(format!("{} lacks its type or content", bad.path().escape_ascii())),
            None if bad_root => Err("the root is no directory".into()),
            None => Ok(()),
        }
    }
}

/// Paths have to be absolute and plain, since files are written by them, and sorted.
fn check_paths(member: &str, paths: &mut dyn Iterator<Item = &[u8]>) -> Result<(), String> {
    let mut last: &[u8] = b"";
    for path in paths {
        let what = if !is_plain(path) {
            "is not an absolute path without empty, \".\" and \"..\" components"
        } else if path <= last {
            "is out of order"
        } else {
            last = path;
            continue;
        };
        return Err(format!("{member}: \"{}\" {what}", path.escape_ascii()));
    }
    Ok(())
}

fn is_plain(path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(b"/") else { return false };
    let is_name = |name: &[u8]| !matches!(name, b"" | b"." | b"..") && !name.contains(&0);
    rest.is_empty() || rest.split(|&byte| byte == b'/').all(is_name)
}

impl Entry<'_> {
    pub(super) fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }

    pub(super) fn is_link_to(&self, target: &[u8]) -> bool {
        self.kind == Kind::Symlink && self.content.as_bytes() == target
    }

    pub(super) fn is_dir(&self) -> bool {
        matches!(self.kind, Kind::Dir | Kind::Unsaid)
    }

    /// Same mode, owner and attributes.
    pub(super) fn same_metadata(&self, other: &Self) -> bool {
        (self.mode, self.uid, self.gid) == (other.mode, other.uid, other.gid) && self.xattrs == other.xattrs
    }

    /// Nothing differs but, perhaps, the path.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.content == other.content && self.same_metadata(other)
    }

    fn is_complete(&self) -> bool {
        match self.kind {
            Kind::File => self.content.as_bytes().len() == 64,
            Kind::Symlink | Kind::Char | Kind::Block => !self.content.as_bytes().is_empty(),
            Kind::Dir | Kind::Fifo | Kind::Socket => true,
            Kind::Unsaid => false,
        }
    }
}

impl Kind {
    /// The type with its article.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Dir | Self::Unsaid => "a directory",
            Self::Symlink => "a symbolic link",
            Self::Fifo => "a FIFO",
            Self::Socket => "a socket",
            Self::Char | Self::Block => "a device",
        }
    }
}

impl Escaped<'_> {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Attributes<'_> {
    /// Names and values.
    pub(super) fn decoded(&self) -> impl Iterator<Item = (&[u8], Vec<u8>)> {
        let pairs = self.0.iter();
        pairs.filter_map(|(name, value)| Some((name.as_bytes(), unhex(value.as_bytes())?)))
    }
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = text.as_chunks::<2>();
    let byte = |&[high, low]: &[u8; 2]| u8::try_from(digit(high)? * 16 + digit(low)?).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.as_bytes().split(|&byte| byte == b'\\');
    let mut bytes = parts.next().unwrap_or_default().to_vec();
    while let Some(part) = parts.next() {
        match part {
            // Two backslashes have nothing between them.
            [] => {
                bytes.push(b'\\');
                bytes.extend_from_slice(parts.next()?);
            }
            [b'x', high, low, rest @ ..] => {
                bytes.extend(unhex(&[*high, *low])?);
                bytes.extend_from_slice(rest);
            }
            _ => return None,
        }
    }
    Some(bytes)
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
    Ok(match Escaped::deserialize(deserializer)?.as_bytes() {
        b"file" => Kind::File,
        b"dir" => Kind::Dir,
        b"symlink" => Kind::Symlink,
        b"fifo" => Kind::Fifo,
        b"socket" => Kind::Socket,
        b"char" => Kind::Char,
        b"block" => Kind::Block,
        _ => return Err(D::Error::custom("unknown type of a path")),
    })
}

fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let text = Escaped::deserialize(deserializer)?;
    let digits = core::str::from_utf8(text.as_bytes()).ok();
    let mode = digits.and_then(|digits| u16::from_str_radix(digits, 8).ok());
    mode.filter(|&mode| mode <= 0o7777).ok_or_else(|| D::Error::custom("a mode is up to four octal digits"))
}

struct EscapedVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for EscapedVisitor<'a> {
    type Value = Escaped<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        if text.contains('\\') { self.visit_str(text) } else { Ok(Escaped(Cow::Borrowed(text.as_bytes()))) }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let bytes =
            unescape(text).ok_or_else(|| E::custom("a backslash is followed by neither another nor xHH"))?;
        Ok(Escaped(Cow::Owned(bytes)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Escaped<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(EscapedVisitor(PhantomData))
    }
}

struct AttributesVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for AttributesVisitor<'a> {
    type Value = Attributes<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut pairs = Vec::new();
        while let Some((name, value)) = map.next_entry::<Escaped<'a>, Escaped<'a>>()? {
            unhex(value.as_bytes()).ok_or_else(|| M::Error::custom("an attribute's value is hexadecimal"))?;
            pairs.push((name, value));
        }
        Ok(Attributes(pairs))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Attributes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AttributesVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn one(entry: &str) -> String {
        format!(r#"{{"version":1,"entries":[{entry}],"deleted":[]}}"#)
    }

    #[test]
    fn all_members_are_read_and_unknown_ones_are_not() {
        let text = format!(
            r#"{{"version":1,"entries":[
            {{"path":"/\\\\x41\\xff","type":"file","mode":"4755","uid":1,"gid":2,"size":6,"sha256":"{DIGEST}",
              "xattrs":{{"user.a":"0100","user.b":""}},"hardlink":"/z"}},
            {{"path":"/c","type":"char","mode":"0600","uid":0,"gid":0,"device":"1:3"}},
            {{"path":"/l","type":"symlink","mode":"0777","uid":0,"gid":0,"target":"\u0061\"\\xfe"}}],
            "deleted":["/gone"],"parents":[{{"path":"/etc","mode":"0700","uid":3,"gid":4}}],"later":[[{{}}]]}}"#
        );
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        let [file, device, link] = &manifest.entries[..] else { panic!("{manifest:?}") };
        assert_eq!(file.path(), b"/\\x41\xff");
        assert_eq!((file.mode, file.uid, file.gid, file.kind), (0o4755, 1, 2, Kind::File));
        let attributes: Vec<_> = file.xattrs.decoded().collect();
        assert_eq!(attributes, [(&b"user.a"[..], [1, 0].to_vec()), (b"user.b", [].to_vec())]);
        assert_eq!((device.content.as_bytes(), link.content.as_bytes()), (&b"1:3"[..], &b"a\"\xfe"[..]));
        assert!(matches!(file.content.0, Cow::Borrowed(_)), "nothing is copied without need");
        assert_eq!(manifest.deleted[0].as_bytes(), b"/gone");
        assert_eq!((manifest.parents[0].path(), manifest.parents[0].mode), (&b"/etc"[..], 0o700));
        assert!(manifest.parents[0].is_dir() && !file.is_dir());
    }

    #[test]
    fn what_differs_is_seen() {
        let base = format!(
            r#"{{"path":"/a","type":"file","mode":"0644","uid":0,"gid":0,"sha256":"{DIGEST}","xattrs":{{"user.a":"01"}}}}"#
        );
        let same = |from: &str, to: &str| {
            let (a, b) = (one(&base), one(&base.replace(from, to)));
            let (a, b) = (Manifest::parse(a.as_bytes()).unwrap(), Manifest::parse(b.as_bytes()).unwrap());
            a.entries[0].same(&b.entries[0])
        };
        assert!(same("/a", "/b"));
        for (from, to) in [
            ("0644", "0600"),
            ("\"uid\":0", "\"uid\":7"),
            ("\"gid\":0", "\"gid\":7"),
            ("ba78", "0000"),
            ("user.a", "user.b"),
            ("\"01\"", "\"02\""),
            ("\"file\"", "\"fifo\""),
        ] {
            assert!(!same(from, to), "{from} {to}");
        }
    }

    #[test]
    fn hostile_manifests_are_refused() {
        let fifo = |path: &str| format!(r#"{{"path":"{path}","type":"fifo","mode":"0600","uid":0,"gid":0}}"#);
        let deep = format!(r#"{{"version":1,"entries":[],"deleted":[],"x":{}}}"#, "[".repeat(100_000));
        for (text, phrase) in [
            (String::new(), "EOF"),
            (r#"{"version":2,"entries":[],"deleted":[]}"#.into(), "version 2 is not known, only 1 is"),
            (r#"{"version":1,"entries":[]}"#.into(), "missing field `deleted`"),
            (deep, "expected value at line 1"),
            (one(&fifo("a")), "entries: \"a\" is not an absolute path"),
            (one(&fifo("/a/../b")), "entries: \"/a/../b\" is not an absolute path"),
            (one(&fifo("/a//b")), "is not an absolute path"),
            (one(&fifo("/a\\u0000b")), "is not an absolute path"),
            (one(&[fifo("/b"), fifo("/a")].join(",")), "entries: \"/a\" is out of order"),
            (one(&[fifo("/a"), fifo("/a")].join(",")), "entries: \"/a\" is out of order"),
            (one(&fifo("/")), "the root is no directory"),
            (r#"{"version":1,"entries":[],"deleted":["/"]}"#.into(), "the root is no directory"),
            (r#"{"version":1,"entries":[],"deleted":["/b","/a"]}"#.into(), "deleted: \"/a\" is out of order"),
            (one(&fifo("/a\\\\q")), "a backslash is followed by neither another nor xHH"),
            (one(&fifo("/a\\\\")), "a backslash is followed by neither another nor xHH"),
            (one(&fifo("/a\\\\xg0")), "a backslash is followed by neither another nor xHH"),
            (one(&fifo("/a").replace("fifo", "file")), "/a lacks its type or content"),
            (one(&fifo("/a").replace("fifo", "symlink")), "/a lacks its type or content"),
            (one(&fifo("/a").replace("\"type\":\"fifo\",", "")), "/a lacks its type or content"),
            (one(&fifo("/a").replace("fifo", "unknown")), "unknown type of a path"),
            (one(&fifo("/a").replace("0600", "10000")), "a mode is up to four octal digits"),
            (
                one(&fifo("/a").replace("}", r#","xattrs":{"user.a":"1"}}"#)),
                "an attribute's value is hexadecimal",
            ),
            (one(&fifo("/a").replace("0600", "8")), "a mode is up to four octal digits"),
            (
                one("")
                    .replace("[],\"deleted", "[],\"parents\":[PARENT],\"deleted")
                    .replace("PARENT", &fifo("/a")),
                "/a lacks its type or content",
            ),
        ] {
            let message = Manifest::parse(text.as_bytes()).unwrap_err();
            assert!(message.contains(phrase), "{}: {message}", &text[..text.len().min(200)]);
        }
    }
}
