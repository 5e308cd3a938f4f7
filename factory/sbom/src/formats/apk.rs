//! Alpine's package database: `lib/apk/db/installed`, in newer systems `usr/lib/apk/db/installed`.
//!
//! Blocks of lines `X:value`, one block a package, an empty line between them. First what the package is, then its files:
//! `F:` names a directory, each `R:` after it a file in it, `Z:` the digest of the file before.

use super::{Broken, Listing, base64, hex, text};
use crate::limits;
use crate::model::{Checksum, OwnedFile};

/// A package of the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApkPackage {
    /// `P:`.
    pub name: String,
    /// `V:`, with the revision: `1.2.5-r9`.
    pub version: String,
    /// `A:`.
    pub arch: String,
    /// `L:`, mostly an SPDX expression.
    pub licence: String,
    /// `o:`, the name of the build recipe; its version is the package's own.
    pub origin: String,
    /// `m:`, like `Jane <jane@example.org>`.
    pub maintainer: String,
    /// `T:`.
    pub summary: String,
    /// `U:`.
    pub homepage: String,
    /// `c:`, the commit of the recipe.
    pub commit: String,
    /// `C:`, of the package's control part.
    pub checksum: Option<Checksum>,
    /// `D:`, names without versions and conflicts: `so:libc.musl-x86_64.so.1`, `busybox`.
    pub depends: Vec<String>,
    /// `p:`, names without versions.
    pub provides: Vec<String>,
    /// The files, with `Z:` and without directories.
    pub files: Vec<OwnedFile>,
}

/// Bytes of the names of files that are held: a long directory with many short names makes far more than the input.
const PATHS: usize = 256 << 20;

/// Reads a database. A block without a name or a version is a fault; the others are read.
#[must_use]
pub fn installed(bytes: &[u8]) -> Listing<ApkPackage> {
    let mut out = Listing::default();
    let mut block = Block::default();
    let mut room = Room { bytes: PATHS, files: limits::OWNED_FILES };
    for (number, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            block.close(&mut out);
            continue;
        }
        if !block.open {
            block = Block { open: true, line: number + 1, ..Block::default() };
        }
        match line {
            [key, b':', value @ ..] => block.field(*key, value, &mut room),
            _ => block.odd = block.odd.or(Some(number + 1)),
        }
    }
    block.close(&mut out);
    if room.files == 0 || room.bytes == 0 {
        out.fault(Broken::new("more files than are held: the packages from there on are without them"));
    }
    out
}

/// What may still be held of files.
struct Room {
    bytes: usize,
    files: usize,
}

#[derive(Default)]
struct Block {
    open: bool,
    line: usize,
    odd: Option<usize>,
    package: ApkPackage,
    directory: Vec<u8>,
}

impl Block {
    fn field(&mut self, key: u8, value: &[u8], room: &mut Room) {
        let word = || text(value, limits::WORD);
        let package = &mut self.package;
        match key {
            b'P' => package.name = word(),
            b'V' => package.version = word(),
            b'A' => package.arch = word(),
            b'L' => package.licence = word(),
            b'o' => package.origin = word(),
            b'm' => package.maintainer = word(),
            b'T' => package.summary = word(),
            b'U' => package.homepage = word(),
            b'c' => package.commit = word(),
            b'C' => package.checksum = checksum(value),
            b'D' => package.depends = names(value),
            b'p' => package.provides = names(value),
            b'F' => self.directory = value.get(..limits::WORD).unwrap_or(value).to_vec(),
            b'R' => {
                let name = value.get(..limits::WORD).unwrap_or(value);
                let mut path = self.directory.clone();
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(name);
                room.bytes = room.bytes.saturating_sub(path.len());
                room.files = room.files.saturating_sub(1);
                if room.bytes == 0 || room.files == 0 {
                    return;
                }
                // What apk asks about before it writes over it.
                let config = path.starts_with(b"etc/");
                package.files.push(OwnedFile { config, ..OwnedFile::new(path) });
            }
            b'Z' => {
                if let Some(file) = package.files.last_mut() {
                    file.checksum = checksum(value);
                }
            }
            _ => {}
        }
    }

    /// Ends the block.
    fn close(&mut self, out: &mut Listing<ApkPackage>) {
        let Self { open, line, odd, package, .. } = std::mem::take(self);
        if !open {
            return;
        }
        if let Some(odd) = odd {
            out.fault(Broken::new(format!("line {odd}: a letter, a colon and a value are expected")));
        }
        if package.name.is_empty() || package.version.is_empty() {
            let missing = if package.name.is_empty() { "a name (P:)" } else { "a version (V:)" };
            out.fault(Broken::new(format!(
                "line {line}: the package that begins here has not got {missing}"
            )));
            return;
        }
        out.items.push(package);
    }
}

/// Names of a list `busybox so:libc.so=1 !conflict name>=1.2`, without versions and conflicts.
fn names(value: &[u8]) -> Vec<String> {
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty() && word[0] != b'!');
    let name = |word: &[u8]| {
        let end = word.iter().position(|b| matches!(b, b'=' | b'<' | b'>' | b'~' | b'@'));
        text(word.get(..end.unwrap_or(word.len())).unwrap_or(word), limits::WORD)
    };
    words.map(name).filter(|name| !name.is_empty()).take(limits::REQUIREMENTS).collect()
}

/// `Q1` and base 64 of a SHA-1, `Q2` of a SHA-256; before that, MD5 as plain hexadecimal.
fn checksum(value: &[u8]) -> Option<Checksum> {
    let value = std::str::from_utf8(value).ok()?;
    let (algorithm, digest) = match value.as_bytes() {
        [b'Q', b'1', ..] => ("SHA1", base64(value.get(2..)?)?),
        [b'Q', b'2', ..] => ("SHA256", base64(value.get(2..)?)?),
        _ => {
            let plain = value.len() == 32 && value.bytes().all(|b| b.is_ascii_hexdigit());
            return plain.then(|| Checksum { algorithm: "MD5", hex: value.to_ascii_lowercase() });
        }
    };
    let length = if algorithm == "SHA1" { 20 } else { 32 };
    (digest.len() == length).then(|| Checksum { algorithm, hex: hex(&digest) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATABASE: &[u8] = b"C:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\nP:musl\nV:1.2.5-r9\nA:x86_64\nS:1\nI:2\nT:the musl c library\n\
U:https://musl.libc.org/\nL:MIT\no:musl\nm:Jane Doe <jane@example.org>\nt:1\nc:abcdef\n\
p:so:libc.musl-x86_64.so.1=1\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\n\
Z:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\nR:libc.musl-x86_64.so.1\nF:etc\nR:musl.conf\nZ:d41d8cd98f00b204e9800998ecf8427e\n\n\
P:app\nV:2-r0\nA:noarch\nD:so:libc.musl-x86_64.so.1 musl>=1.2 !uclibc busybox~1 @edge\n\n\n\
V:1\n\nP:last\nV:3\nnonsense";

    #[test]
    fn packages_files_and_names_without_versions() {
        let read = installed(DATABASE);
        let names: Vec<&str> = read.items.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["musl", "app", "last"]);
        let musl = &read.items[0];
        assert_eq!((musl.version.as_str(), musl.licence.as_str()), ("1.2.5-r9", "MIT"));
        assert_eq!(musl.provides, ["so:libc.musl-x86_64.so.1"]);
        assert_eq!(musl.checksum.as_ref().unwrap().algorithm, "SHA1");
        let files: Vec<_> =
            musl.files.iter().map(|f| String::from_utf8_lossy(&f.path).into_owned()).collect();
        assert_eq!(files, ["lib/ld-musl-x86_64.so.1", "lib/libc.musl-x86_64.so.1", "etc/musl.conf"]);
        let digest = musl.files[0].checksum.as_ref().unwrap();
        assert_eq!(
            (digest.algorithm, digest.hex.as_str()),
            ("SHA1", "a9993e364706816aba3e25717850c26c9cd0d89d")
        );
        assert_eq!(musl.files[1].checksum, None);
        assert_eq!(musl.files[2].checksum.as_ref().unwrap().algorithm, "MD5");
        assert!(musl.files[2].config && !musl.files[0].config);
        assert_eq!(read.items[1].depends, ["so:libc.musl-x86_64.so.1", "musl", "busybox"]);
    }

    #[test]
    fn what_is_broken_is_said_with_its_line_and_the_rest_is_read() {
        let said: Vec<String> = installed(DATABASE).broken.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "line 30: the package that begins here has not got a name (P:)",
                "line 34: a letter, a colon and a value are expected"
            ]
        );
    }

    #[test]
    fn a_digest_of_the_wrong_length_is_none() {
        assert_eq!(checksum(b"Q1aGVsbG8="), None);
        assert_eq!(checksum(b"Q2aGVsbG8="), None);
        assert_eq!(checksum(b"zz"), None);
    }
}
