//! The header of a package: an index of tagged values and the store that they lie in, all numbers big-endian.
//!
//! ```text
//! u32 entries, u32 bytes of the store, entries × (tag, type, offset in the store, count), store
//! ```
//!
//! The first entry may mark a *region*: the part that was signed. What was changed at the installation stands behind it
//! and counts over it, so of two entries with one tag the last one is right.

use super::super::{Broken, Order, text};
use crate::limits;
use crate::model::Checksum;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const SUMMARY: u32 = 1004;
const VENDOR: u32 = 1011;
const LICENSE: u32 = 1014;
const PACKAGER: u32 = 1015;
const URL: u32 = 1020;
const ARCH: u32 = 1022;
const OLD_FILE_NAMES: u32 = 1027;
const FILE_STATES: u32 = 1029;
const FILE_MODES: u32 = 1030;
const FILE_DIGESTS: u32 = 1035;
const FILE_FLAGS: u32 = 1037;
const SOURCE_RPM: u32 = 1044;
const PROVIDES: u32 = 1047;
const REQUIRES: u32 = 1049;
const DIR_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIR_NAMES: u32 = 1118;
const FILE_DIGEST_ALGORITHM: u32 = 5011;
const MODULARITY_LABEL: u32 = 5096;

const WANTED: [u32; 23] = [
    NAME,
    VERSION,
    RELEASE,
    EPOCH,
    SUMMARY,
    VENDOR,
    LICENSE,
    PACKAGER,
    URL,
    ARCH,
    OLD_FILE_NAMES,
    FILE_STATES,
    FILE_MODES,
    FILE_DIGESTS,
    FILE_FLAGS,
    SOURCE_RPM,
    PROVIDES,
    REQUIRES,
    DIR_INDEXES,
    BASE_NAMES,
    DIR_NAMES,
    FILE_DIGEST_ALGORITHM,
    MODULARITY_LABEL,
];

/// `RPMFILE_CONFIG` of `FILEFLAGS`.
const FLAG_CONFIG: u32 = 1;
/// `RPMFILE_GHOST`: listed, but brought by nobody.
const FLAG_GHOST: u32 = 64;
/// Type of a directory in `FILEMODES`.
const MODE_TYPE: u16 = 0o170_000;
const MODE_DIRECTORY: u16 = 0o040_000;
/// `RPMFILE_STATE_NORMAL` of `FILESTATES`; everything else is not on the disk, or not this package's.
const STATE_NORMAL: u8 = 0;
/// Directories of one package.
const DIRECTORIES: usize = 1 << 20;
/// Bytes of one path.
const PATH: usize = 4096;

/// A package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RpmPackage {
    /// `NAME`.
    pub name: String,
    /// `EPOCH`; none where it has none, which counts as 0.
    pub epoch: Option<u32>,
    /// `VERSION`.
    pub version: String,
    /// `RELEASE`.
    pub release: String,
    /// `ARCH`; empty for a pseudo package.
    pub arch: String,
    /// `SOURCERPM`: the file name of the source package.
    pub source_rpm: String,
    /// `LICENSE`: SPDX in newer systems, the distribution's own words in older ones.
    pub licence: String,
    /// `VENDOR`.
    pub vendor: String,
    /// `PACKAGER`.
    pub packager: String,
    /// `URL`.
    pub homepage: String,
    /// `SUMMARY` in the untranslated form.
    pub summary: String,
    /// `MODULARITYLABEL`: the module stream it is of, like `nodejs:18:…`.
    pub module: String,
    /// `PROVIDENAME`.
    pub provides: Vec<String>,
    /// `REQUIRENAME` without `rpmlib(…)`.
    pub requires: Vec<String>,
    /// What is on the disk: no directories, no ghosts, nothing that was left out at the installation.
    pub files: Vec<RpmFile>,
}

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpmFile {
    /// Below the root, without a leading slash.
    pub path: Vec<u8>,
    /// Its digest; links have none.
    pub digest: Option<Checksum>,
    /// A configuration file.
    pub config: bool,
}

/// What may still be held of the files of all packages: directory names are stored once and used by many files, so the
/// paths can be far more than the input.
#[derive(Debug, Clone)]
pub struct Room {
    bytes: usize,
    files: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { bytes: 512 << 20, files: limits::OWNED_FILES }
    }
}

impl Room {
    /// Whether files have been left out.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.bytes == 0 || self.files == 0
    }

    fn take(&mut self, path: usize) -> bool {
        self.bytes = self.bytes.saturating_sub(path);
        self.files = self.files.saturating_sub(1);
        !self.is_used_up()
    }
}

/// Reads a header.
///
/// # Errors
/// The index or the store is cut off, or there is no name or version.
pub fn read(blob: &[u8], room: &mut Room) -> Result<RpmPackage, Broken> {
    let header = Header::open(blob)?;
    let mut package = RpmPackage {
        name: header.word(NAME),
        epoch: header.number(EPOCH),
        version: header.word(VERSION),
        release: header.word(RELEASE),
        arch: header.word(ARCH),
        source_rpm: header.word(SOURCE_RPM),
        licence: header.word(LICENSE),
        vendor: header.word(VENDOR),
        packager: header.word(PACKAGER),
        homepage: header.word(URL),
        summary: header.word(SUMMARY),
        module: header.word(MODULARITY_LABEL),
        provides: header.words(PROVIDES),
        requires: header.words(REQUIRES),
        files: Vec::new(),
    };
    package.requires.retain(|name| !name.starts_with("rpmlib("));
    if package.name.is_empty() || package.version.is_empty() {
        let missing = if package.name.is_empty() { "name (tag 1000)" } else { "version (tag 1001)" };
        return Err(Broken::new(format!("a header without a {missing}")));
    }
    package.files = header.files(room);
    Ok(package)
}

#[derive(Clone, Copy)]
struct Entry {
    kind: u32,
    offset: usize,
    count: usize,
}

/// An opened header: of the wanted tags, where their values are.
struct Header<'a> {
    store: &'a [u8],
    entries: [Option<Entry>; WANTED.len()],
}

impl<'a> Header<'a> {
    fn open(blob: &'a [u8]) -> Result<Self, Broken> {
        let sizes = Order::Big.u32(blob, 0).zip(Order::Big.u32(blob, 4));
        let (count, length) = sizes.ok_or_else(|| Broken::new("a header of fewer than 8 bytes"))?;
        let index = (count as usize).checked_mul(16).and_then(|index| blob.get(8..index.checked_add(8)?));
        let index = index.ok_or_else(|| Broken::at(0, format!("an index of {count} entries is cut off")))?;
        let store = blob.get(8 + index.len()..).and_then(|rest| rest.get(..length as usize));
        let store = store.ok_or_else(|| {
            Broken::at(
                4,
                format!("a store of {length} bytes is cut off after {}", blob.len() - 8 - index.len()),
            )
        })?;
        let mut entries = [None; WANTED.len()];
        for raw in index.chunks_exact(16) {
            let field = |at| Order::Big.u32(raw, at).unwrap_or_default();
            if let Some(slot) = WANTED.iter().position(|tag| *tag == field(0)) {
                let entry = Entry { kind: field(4), offset: field(8) as usize, count: field(12) as usize };
                entries[slot] = Some(entry);
            }
        }
        Ok(Self { store, entries })
    }

    fn entry(&self, tag: u32) -> Option<(Entry, &'a [u8])> {
        let entry = self.entries[WANTED.iter().position(|wanted| *wanted == tag)?]?;
        Some((entry, self.store.get(entry.offset..)?))
    }

    /// A string (type 6), or the first of several (8) or of its translations (9).
    fn word(&self, tag: u32) -> String {
        match self.entry(tag) {
            Some((Entry { kind: 6 | 8 | 9, .. }, rest)) => {
                text(first(rest.get(..limits::WORD).unwrap_or(rest)), limits::WORD)
            }
            _ => String::new(),
        }
    }

    fn words(&self, tag: u32) -> Vec<String> {
        let mut words: Vec<String> = self
            .strings(tag)
            .take(limits::REQUIREMENTS)
            .map(|word| text(word, limits::WORD))
            .filter(|word| !word.is_empty())
            .collect();
        words.sort_unstable();
        words.dedup();
        words
    }

    fn strings(&self, tag: u32) -> Strings<'a> {
        match self.entry(tag) {
            Some((Entry { kind: 6, .. }, rest)) => Strings { rest, left: 1 },
            Some((Entry { kind: 8 | 9, count, .. }, rest)) => Strings { rest, left: count },
            _ => Strings { rest: &[], left: 0 },
        }
    }

    /// A number (type 4), the `index`th of several.
    fn number_at(&self, tag: u32, index: usize) -> Option<u32> {
        match self.entry(tag)? {
            (Entry { kind: 4, count, .. }, rest) if index < count => {
                Order::Big.u32(rest, index.checked_mul(4)?)
            }
            _ => None,
        }
    }

    fn number(&self, tag: u32) -> Option<u32> {
        self.number_at(tag, 0)
    }

    fn mode(&self, index: usize) -> Option<u16> {
        match self.entry(FILE_MODES)? {
            (Entry { kind: 3, count, .. }, rest) if index < count => {
                Order::Big.u16(rest, index.checked_mul(2)?)
            }
            _ => None,
        }
    }

    fn state(&self, index: usize) -> Option<u8> {
        match self.entry(FILE_STATES)? {
            (Entry { kind: 1 | 2, count, .. }, rest) if index < count => rest.get(index).copied(),
            _ => None,
        }
    }

    fn files(&self, room: &mut Room) -> Vec<RpmFile> {
        let algorithm = self.number(FILE_DIGEST_ALGORITHM).unwrap_or(1);
        let directories: Vec<&[u8]> = self.strings(DIR_NAMES).take(DIRECTORIES).collect();
        let mut digests = self.strings(FILE_DIGESTS);
        // Before version 4, whole names stood in one list.
        let old = self.entry(BASE_NAMES).is_none();
        let names = self.strings(if old { OLD_FILE_NAMES } else { BASE_NAMES });
        let mut files = Vec::new();
        for (index, name) in names.enumerate() {
            let digest = digests.next().unwrap_or_default();
            let directory = match self.number_at(DIR_INDEXES, index) {
                _ if old => Some(&b""[..]),
                Some(at) => directories.get(at as usize).copied(),
                None => None,
            };
            let directory = directory.map(|d| d.strip_prefix(b"/").unwrap_or(d));
            let flags = self.number_at(FILE_FLAGS, index).unwrap_or(0);
            let mode = self.mode(index).unwrap_or(0);
            let there = flags & FLAG_GHOST == 0
                && mode & MODE_TYPE != MODE_DIRECTORY
                && self.state(index).unwrap_or(STATE_NORMAL) == STATE_NORMAL;
            let Some(directory) = directory.filter(|_| there) else { continue };
            let name = if old { name.strip_prefix(b"/").unwrap_or(name) } else { name };
            if name.is_empty() || directory.len() + name.len() > PATH {
                continue;
            }
            if !room.take(directory.len() + name.len()) {
                return Vec::new();
            }
            let path = [directory, name].concat();
            files.push(RpmFile {
                path,
                digest: checksum(algorithm, digest),
                config: flags & FLAG_CONFIG != 0,
            });
        }
        files
    }
}

/// Strings that end with a zero each.
struct Strings<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.left == 0 || self.rest.is_empty() {
            return None;
        }
        self.left -= 1;
        let word = first(self.rest);
        self.rest = self.rest.get(word.len() + 1..).unwrap_or_default();
        Some(word)
    }
}

fn first(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    &bytes[..end]
}

/// A file's digest in hexadecimal; the numbers are OpenPGP's.
fn checksum(algorithm: u32, digest: &[u8]) -> Option<Checksum> {
    let (algorithm, length) = match algorithm {
        1 => ("MD5", 32),
        2 => ("SHA1", 40),
        8 => ("SHA256", 64),
        9 => ("SHA384", 96),
        10 => ("SHA512", 128),
        11 => ("SHA224", 56),
        12 => ("SHA3-256", 64),
        14 => ("SHA3-512", 128),
        _ => return None,
    };
    let right = digest.len() == length && digest.iter().all(u8::is_ascii_hexdigit);
    right.then(|| Checksum { algorithm, hex: String::from_utf8_lossy(digest).to_ascii_lowercase() })
}
