//! Readers of foreign formats: bytes in, small structs out.
//!
//! Every reader here is a function of the bytes alone. It opens no file, panics on no input, and takes time and memory that
//! are bounded by the length of its input and by the constants beside it. What can be read of a broken input is read; the
//! rest is said with [`Broken`]. `factory/sbom/fuzz` throws bytes at each of them.

pub mod apk;
pub mod binary;
pub mod conda;
pub mod documents;
pub mod gem;
pub mod golang;
pub mod java;
pub mod models;
pub mod pom;
pub mod rpm;
pub mod rust;
pub mod zip;

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Why bytes are not what their name promises, or what of them could not be read. Half a sentence, with its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken(String);

impl Broken {
    /// Something that is said of the whole input.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// Something at a byte of the input.
    pub fn at(byte: u64, what: impl fmt::Display) -> Self {
        Self(format!("byte {byte}: {what}"))
    }

    /// The same, inside of a part of the input.
    #[must_use]
    pub fn within(self, part: impl fmt::Display) -> Self {
        Self(format!("{part}: {}", self.0))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

/// What could be read, and what could not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// What could be read, in the order of the input.
    pub items: Vec<T>,
    /// What could not be read.
    pub broken: Vec<Broken>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { items: Vec::new(), broken: Vec::new() }
    }
}

impl<T> Listing<T> {
    /// How many faults of one input are kept: enough to see what is wrong with it.
    pub const FAULTS: usize = 16;

    /// Adds what could be read, or says why it could not.
    pub fn push(&mut self, read: Result<T, Broken>) {
        match read {
            Ok(item) => self.items.push(item),
            Err(broken) => self.fault(broken),
        }
    }

    /// Says what could not be read.
    pub fn fault(&mut self, broken: Broken) {
        if self.broken.len() < Self::FAULTS {
            self.broken.push(broken);
        }
    }
}

/// Bytes that are read where they are wanted, so that a file of gigabytes costs what is looked at.
pub trait ReadAt {
    /// How many bytes there are.
    fn length(&self) -> u64;

    /// Fills `into` with the bytes from `at` on.
    ///
    /// # Errors
    /// They are not all there, or cannot be read.
    fn read_into(&self, at: u64, into: &mut [u8]) -> Result<(), Broken>;

    /// `count` bytes from `at` on. Nothing is allocated for bytes that are not there.
    ///
    /// # Errors
    /// They are not all there, or cannot be read.
    fn range(&self, at: u64, count: usize) -> Result<Vec<u8>, Broken> {
        let end = at.checked_add(count as u64);
        if end.is_none_or(|end| end > self.length()) {
            return Err(Broken::at(at, format!("{count} bytes are expected, but the file ends before")));
        }
        let mut bytes = vec![0; count];
        self.read_into(at, &mut bytes)?;
        Ok(bytes)
    }

    /// As many of `count` bytes from `at` on as there are.
    ///
    /// # Errors
    /// They cannot be read.
    fn up_to(&self, at: u64, count: usize) -> Result<Vec<u8>, Broken> {
        let there = self.length().saturating_sub(at).min(count as u64);
        self.range(at.min(self.length()), usize::try_from(there).unwrap_or(count))
    }
}

impl ReadAt for [u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_into(&self, at: u64, into: &mut [u8]) -> Result<(), Broken> {
        let there = usize::try_from(at).ok().and_then(|at| self.get(at..)?.get(..into.len()));
        let there = there.ok_or_else(|| Broken::at(at, "the file ends before"))?;
        into.copy_from_slice(there);
        Ok(())
    }
}

/// A file whose length was looked up once: one that grows meanwhile is read up to there.
#[derive(Debug)]
pub struct Opened<'a> {
    file: &'a File,
    length: u64,
}

impl<'a> Opened<'a> {
    /// Looks the length up.
    ///
    /// # Errors
    /// It cannot be looked up.
    pub fn new(file: &'a File) -> Result<Self, Broken> {
        let length = file.metadata().map_err(|e| Broken::new(e.to_string()))?.len();
        Ok(Self { file, length })
    }
}

impl ReadAt for Opened<'_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_into(&self, at: u64, into: &mut [u8]) -> Result<(), Broken> {
        self.file.read_exact_at(into, at).map_err(|e| Broken::at(at, e))
    }
}

/// Part of other bytes.
#[derive(Debug)]
pub struct Window<'a, R: ?Sized> {
    inner: &'a R,
    start: u64,
    length: u64,
}

impl<'a, R: ReadAt + ?Sized> Window<'a, R> {
    /// `length` bytes from `start` on; fewer where fewer are there.
    pub fn new(inner: &'a R, start: u64, length: u64) -> Self {
        let start = start.min(inner.length());
        Self { inner, start, length: length.min(inner.length() - start) }
    }
}

impl<R: ReadAt + ?Sized> ReadAt for Window<'_, R> {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_into(&self, at: u64, into: &mut [u8]) -> Result<(), Broken> {
        if at.checked_add(into.len() as u64).is_none_or(|end| end > self.length) {
            return Err(Broken::at(at, "the part ends before"));
        }
        self.inner.read_into(self.start + at, into)
    }
}

/// Reads a [`ReadAt`] from front to back, in blocks.
pub struct Stream<'a, R: ?Sized> {
    inner: &'a R,
    at: u64,
    block: Vec<u8>,
    used: usize,
}

impl<'a, R: ReadAt + ?Sized> Stream<'a, R> {
    const BLOCK: usize = 64 << 10;

    /// From `at` on.
    pub fn new(inner: &'a R, at: u64) -> Self {
        Self { inner, at, block: Vec::new(), used: 0 }
    }

    /// The place of the next byte.
    #[must_use]
    pub fn place(&self) -> u64 {
        self.at - (self.block.len() - self.used) as u64
    }

    /// How many bytes there are in all.
    #[must_use]
    pub fn inner_length(&self) -> u64 {
        self.inner.length()
    }

    /// Leaves `count` bytes out without reading them.
    pub fn skip(&mut self, count: u64) {
        let held = self.block.len() - self.used;
        match usize::try_from(count) {
            Ok(count) if count <= held => self.used += count,
            _ => {
                self.at = self.at.saturating_add(count - held as u64);
                self.used = self.block.len();
            }
        }
    }
}

impl<R: ReadAt + ?Sized> std::io::Read for Stream<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.used == self.block.len() {
            let next = self.inner.up_to(self.at.min(self.inner.length()), Self::BLOCK);
            self.block = next.map_err(std::io::Error::other)?;
            self.at = self.at.saturating_add(self.block.len() as u64);
            self.used = 0;
        }
        let held = self.block.get(self.used..).unwrap_or_default();
        let count = held.len().min(into.len());
        into[..count].copy_from_slice(&held[..count]);
        self.used += count;
        Ok(count)
    }
}

/// Which end of a number comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The low end.
    Little,
    /// The high end.
    Big,
}

impl Order {
    /// The number in the two bytes at `at`; none where they are not there.
    #[must_use]
    pub fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let raw: [u8; 2] = part(bytes, at)?;
        Some(if self == Self::Big { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
    }

    /// The number in the four bytes at `at`; none where they are not there.
    #[must_use]
    pub fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw: [u8; 4] = part(bytes, at)?;
        Some(if self == Self::Big { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    }

    /// The number in the eight bytes at `at`; none where they are not there.
    #[must_use]
    pub fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let raw: [u8; 8] = part(bytes, at)?;
        Some(if self == Self::Big { u64::from_be_bytes(raw) } else { u64::from_le_bytes(raw) })
    }

    /// A number of four or of eight bytes.
    #[must_use]
    pub fn word(self, bytes: &[u8], at: usize, wide: bool) -> Option<u64> {
        if wide { self.u64(bytes, at) } else { self.u32(bytes, at).map(u64::from) }
    }
}

/// `N` bytes at `at`; none where they are not there.
fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|d| char::from(DIGITS[usize::from(d)])).collect()
}

/// The bytes behind standard base 64; none where it is not that.
#[must_use]
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for c in text.bytes() {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(digit)) & 0xff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits & 0xff) as u8);
        }
    }
    (bits < 6).then_some(out)
}

/// Text of at most `limit` bytes, lossily decoded, without the control characters that no document may hold.
#[must_use]
pub fn text(bytes: &[u8], limit: usize) -> String {
    let bytes = bytes.get(..limit).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control() || *c == '\n' || *c == '\t').collect()
}

/// A file of `tests/fixtures`, unpacked where its name ends in `.gz`.
#[cfg(test)]
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if !name.ends_with(".gz") {
        return bytes;
    }
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes.as_slice()), &mut unpacked).unwrap();
    unpacked
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn base64_gives_the_bytes_or_nothing() {
        assert_eq!(base64("aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(base64("aGVsbG8"), Some(b"hello".to_vec()));
        assert_eq!(base64(""), Some(Vec::new()));
        assert_eq!(base64("aGVs*G8="), None);
        assert_eq!(base64("a"), None);
    }

    #[test]
    fn bytes_that_are_not_there_are_not_allocated() {
        let said = b"abc".as_slice().range(1, usize::MAX).unwrap_err();
        assert!(said.to_string().contains("the file ends before"), "{said}");
        assert_eq!(b"abc".as_slice().range(1, 2), Ok(b"bc".to_vec()));
        assert_eq!(b"abc".as_slice().up_to(2, 9), Ok(b"c".to_vec()));
        assert_eq!(b"abc".as_slice().up_to(9, 9), Ok(Vec::new()));
    }

    #[test]
    fn a_window_ends_where_it_was_cut() {
        let window = Window::new(b"abcdef".as_slice(), 2, 3);
        assert_eq!(window.range(0, 3), Ok(b"cde".to_vec()));
        assert!(window.range(1, 3).is_err());
        assert_eq!(Window::new(b"abc".as_slice(), 9, 9).length(), 0);
    }

    #[test]
    fn a_stream_skips_within_and_beyond_its_block() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        let mut stream = Stream::new(bytes.as_slice(), 1);
        let mut one = [0];
        for skip in [0, 5, 70_000, 100_000] {
            stream.skip(skip);
            let place = stream.place();
            stream.read_exact(&mut one).unwrap();
            assert_eq!(u64::from(one[0]), place % 251, "at {place}");
        }
        stream.skip(u64::MAX);
        assert_eq!(stream.read(&mut one).unwrap(), 0);
    }
}
