//! Archives: which files are in them, and single ones of those. As much as Java's archives need.
//!
//! Only the directory at the end counts, as for everybody who opens an archive, and of it only the entries that are wanted
//! are kept: a hostile one with millions of them costs no memory. Unpacking stops at a limit, whatever sizes are stated.

use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::{Broken, Listing, Order, ReadAt, Stream, Window};

/// Entries of one archive that are looked at. The largest of Java's have 100,000.
pub const ENTRIES: u64 = 1_000_000;
/// Entries of one archive that are kept.
pub const KEPT: usize = 20_000;

const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path, as it is written.
    pub name: Vec<u8>,
    /// Its length when unpacked, as the archive states it.
    pub size: u64,
    method: u16,
    encrypted: bool,
    crc: u32,
    packed: u64,
    /// Where its own head begins.
    head: u64,
}

/// Whether bytes begin as an archive does. One with a program before it does not.
#[must_use]
pub fn is_one(start: &[u8]) -> bool {
    start.starts_with(&LOCAL) || start.starts_with(&END)
}

/// The wanted entries of an archive, in the order of its directory. The bytes of the directory are taken from `left`: archives inside
/// of an archive may all be the same bytes, and each is as long as the file.
///
/// # Errors
/// There is no directory at its end, or none that `left` has room for.
pub fn entries(
    file: &(impl ReadAt + ?Sized),
    wanted: &dyn Fn(&[u8]) -> bool,
    left: &mut u64,
) -> Result<Listing<Entry>, Broken> {
    let directory = Directory::find(file)?;
    let room = left.checked_sub(directory.size);
    *left = room.ok_or_else(|| Broken::new("not looked at: too much has been looked at before it"))?;
    let mut out = Listing::default();
    let window = Window::new(file, directory.start, directory.size);
    let mut stream = Stream::new(&window, 0);
    for number in 0..directory.count {
        if number == ENTRIES {
            out.fault(Broken::new(format!(
                "{} entries; those after {ENTRIES} are left out",
                directory.count
            )));
            break;
        }
        match entry(&mut stream, directory.shift, wanted) {
            Ok(Some(_)) if out.items.len() == KEPT => {
                out.fault(Broken::new(format!("more than {KEPT} files to look at; the others are left out")));
                break;
            }
            Ok(Some(entry)) => out.items.push(entry),
            Ok(None) => {}
            Err(e) => {
                out.fault(e.within(format_args!("entry {number}")));
                break;
            }
        }
    }
    Ok(out)
}

struct Directory {
    start: u64,
    size: u64,
    count: u64,
    /// What lies before the archive, like a script that starts it: places in it do not count that.
    shift: u64,
}

impl Directory {
    fn find(file: &(impl ReadAt + ?Sized)) -> Result<Self, Broken> {
        // 22 bytes, and a comment of at most 65,535 behind them.
        let length = file.length();
        let tail_at = length.saturating_sub(22 + 65_535);
        let tail = file.up_to(tail_at, 22 + 65_535)?;
        let fits = |at: &usize| {
            let comment = Order::Little.u16(&tail, at + 20).map(usize::from);
            tail[*at..].starts_with(&END) && comment.is_some_and(|comment| at + 22 + comment <= tail.len())
        };
        let at = (0..tail.len().saturating_sub(21)).rev().find(fits);
        let at =
            at.ok_or_else(|| Broken::new("an archive without a directory at its end: cut off, or none"))?;
        let end = tail_at + at as u64;
        let field = |place: usize| Order::Little.u32(&tail, at + place).unwrap_or_default();
        let mut count = u64::from(Order::Little.u16(&tail, at + 10).unwrap_or_default());
        let (mut size, mut offset) = (u64::from(field(12)), u64::from(field(16)));
        let mut stop = end;
        if let Some(large) = large(file, end)? {
            (count, size, offset, stop) = large;
        }
        let start = stop.checked_sub(size).ok_or_else(|| {
            Broken::at(end, format!("a directory of {size} bytes, but only {stop} are before its end"))
        })?;
        let shift = start.checked_sub(offset);
        let shift = shift.ok_or_else(|| Broken::at(end, "the directory is said to begin behind its end"))?;
        Ok(Self { start, size, count, shift })
    }
}

/// The fields of an archive of more than 65,534 entries or 4 GiB: count, size, offset, and where the directory stops.
fn large(file: &(impl ReadAt + ?Sized), end: u64) -> Result<Option<(u64, u64, u64, u64)>, Broken> {
    let Some(at) = end.checked_sub(20) else { return Ok(None) };
    let locator = file.range(at, 20)?;
    if !locator.starts_with(&LOCATOR_64) {
        return Ok(None);
    }
    // The locator says where the record is; with something before the archive, it is right before the locator.
    let stated = Order::Little.u64(&locator, 8).unwrap_or_default();
    for place in [stated, at.saturating_sub(56)] {
        let Ok(record) = file.range(place, 56) else { continue };
        if record.starts_with(&END_64) {
            let field = |at| Order::Little.u64(&record, at).unwrap_or_default();
            return Ok(Some((field(32), field(40), field(48), place)));
        }
    }
    Err(Broken::at(at, "the large directory is not where it is said to be"))
}

fn entry<R: ReadAt + ?Sized>(
    stream: &mut Stream<'_, R>,
    shift: u64,
    wanted: &dyn Fn(&[u8]) -> bool,
) -> Result<Option<Entry>, Broken> {
    let mut head = [0; 46];
    let cut = |_| Broken::new("the directory is cut off");
    stream.read_exact(&mut head).map_err(cut)?;
    if !head.starts_with(&ENTRY) {
        return Err(Broken::new("the directory does not go on with an entry"));
    }
    let half = |at| Order::Little.u16(&head, at).unwrap_or_default();
    let word = |at| u64::from(Order::Little.u32(&head, at).unwrap_or_default());
    let mut name = vec![0; usize::from(half(28))];
    stream.read_exact(&mut name).map_err(cut)?;
    let (extra, comment) = (usize::from(half(30)), u64::from(half(32)));
    if !wanted(&name) {
        stream.skip(extra as u64 + comment);
        return Ok(None);
    }
    let mut fields = vec![0; extra];
    stream.read_exact(&mut fields).map_err(cut)?;
    stream.skip(comment);
    let (mut size, mut packed, mut offset) = (word(24), word(20), word(42));
    if let Some(wide) = extra_field(&fields, 1) {
        let mut at = 0;
        for value in [&mut size, &mut packed, &mut offset] {
            if *value == u64::from(u32::MAX) {
                *value = Order::Little.u64(wide, at).ok_or_else(|| Broken::new("a large size is cut off"))?;
                at += 8;
            }
        }
    }
    let head_at = offset.checked_add(shift).ok_or_else(|| Broken::new("an entry lies nowhere"))?;
    let crc = Order::Little.u32(&head, 16).unwrap_or_default();
    Ok(Some(Entry { name, size, method: half(10), encrypted: half(8) & 1 != 0, crc, packed, head: head_at }))
}

fn extra_field(mut fields: &[u8], wanted: u16) -> Option<&[u8]> {
    while let (Some(id), Some(length)) = (Order::Little.u16(fields, 0), Order::Little.u16(fields, 2)) {
        let value = fields.get(4..4 + usize::from(length))?;
        if id == wanted {
            return Some(value);
        }
        fields = &fields[4 + value.len()..];
    }
    None
}

impl Entry {
    /// Where its packed bytes are.
    fn place(&self, file: &(impl ReadAt + ?Sized)) -> Result<u64, Broken> {
        if self.encrypted {
            return Err(Broken::new("it is encrypted"));
        }
        let head = file.range(self.head, 30)?;
        if !head.starts_with(&LOCAL) {
            return Err(Broken::at(self.head, "no file of the archive begins here"));
        }
        let half = |at| u64::from(Order::Little.u16(&head, at).unwrap_or_default());
        Ok(self.head.saturating_add(30 + half(26) + half(28)))
    }

    /// The file as a part of the archive, where it is stored as it is.
    ///
    /// # Errors
    /// It is not where the directory says.
    pub fn stored<'a, R: ReadAt + ?Sized>(&self, file: &'a R) -> Result<Option<Window<'a, R>>, Broken> {
        if self.method != STORED {
            return Ok(None);
        }
        Ok(Some(Window::new(file, self.place(file)?, self.size)))
    }

    /// The file, unpacked, of at most `limit` bytes.
    ///
    /// # Errors
    /// It is longer, encrypted, packed in a way that Java does not know, or damaged.
    pub fn read(&self, file: &(impl ReadAt + ?Sized), limit: u64) -> Result<Vec<u8>, Broken> {
        let too_long = || Broken::new(format!("it has more than {limit} bytes"));
        let window = Window::new(file, self.place(file)?, self.packed);
        let packed = Stream::new(&window, 0);
        let mut bytes = Vec::new();
        let read = match self.method {
            STORED => packed.take(limit + 1).read_to_end(&mut bytes),
            DEFLATED => DeflateDecoder::new(packed).take(limit + 1).read_to_end(&mut bytes),
            other => return Err(Broken::new(format!("packed by method {other}; 0 and 8 are known"))),
        };
        read.map_err(|e| Broken::new(format!("it cannot be unpacked: {e}")))?;
        if bytes.len() as u64 > limit {
            return Err(too_long());
        }
        let mut crc = Crc::new();
        crc.update(&bytes);
        if crc.sum() != self.crc {
            return Err(Broken::new("it is damaged: its checksum is another"));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// An archive of one file that is not packed.
    pub(in super::super) fn stored(name: &str, bytes: &[u8]) -> Vec<u8> {
        archive(name, STORED, bytes, bytes)
    }

    /// An archive of one packed file.
    pub(in super::super) fn deflated(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(bytes).unwrap();
        archive(name, DEFLATED, bytes, &out.finish().unwrap())
    }

    fn archive(name: &str, method: u16, bytes: &[u8], packed: &[u8]) -> Vec<u8> {
        let mut crc = Crc::new();
        crc.update(bytes);
        let common = [
            &20_u16.to_le_bytes()[..],
            &0_u16.to_le_bytes(),
            &method.to_le_bytes(),
            &[0; 4],
            &crc.sum().to_le_bytes(),
            &(packed.len() as u32).to_le_bytes(),
            &(bytes.len() as u32).to_le_bytes(),
            &(name.len() as u16).to_le_bytes(),
            &0_u16.to_le_bytes(),
        ]
        .concat();
        let mut out = [&LOCAL[..], &common, name.as_bytes(), packed].concat();
        let start = out.len() as u32;
        out.extend([&ENTRY[..], &20_u16.to_le_bytes(), &common, &[0; 14], name.as_bytes()].concat());
        let size = out.len() as u32 - start;
        out.extend([&END[..], &[0; 4], &1_u16.to_le_bytes(), &1_u16.to_le_bytes()].concat());
        out.extend([&size.to_le_bytes()[..], &start.to_le_bytes(), &0_u16.to_le_bytes()].concat());
        out
    }

    fn read_all(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let listed = entries(bytes, &|_| true, &mut (1 << 20)).unwrap();
        assert_eq!(listed.broken, []);
        let one = |entry: &Entry| (text(&entry.name), entry.read(bytes, 1 << 20).unwrap());
        listed.items.iter().map(one).collect()
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    #[test]
    fn stored_and_packed_files_come_out_whole() {
        for bytes in [stored("a", b"hello"), deflated("a", b"hello")] {
            assert_eq!(read_all(&bytes), [("a".to_owned(), b"hello".to_vec())]);
            let before = [b"#!/bin/sh\n".as_slice(), &bytes].concat();
            assert_eq!(read_all(&before), read_all(&bytes), "something before it does not count");
            let comment = [bytes.as_slice(), b"PK\x05\x06"].concat();
            assert!(
                entries(comment.as_slice(), &|_| true, &mut (1 << 20)).is_ok(),
                "what is behind it was not announced"
            );
        }
    }

    #[test]
    fn entries_that_lie_are_said() {
        let bytes = deflated("a", b"hello");
        let entry = entries(bytes.as_slice(), &|_| true, &mut (1 << 20)).unwrap().items.remove(0);
        assert_eq!(entry.read(bytes.as_slice(), 4).unwrap_err().to_string(), "it has more than 4 bytes");
        let other = Entry { crc: 0, ..entry.clone() };
        let said = other.read(bytes.as_slice(), 10).unwrap_err().to_string();
        assert_eq!(said, "it is damaged: its checksum is another");
        let other = Entry { method: 99, ..entry.clone() };
        assert!(other.read(bytes.as_slice(), 10).unwrap_err().to_string().contains("method 99"));
        let other = Entry { head: 1, ..entry.clone() };
        assert!(other.read(bytes.as_slice(), 10).unwrap_err().to_string().contains("no file of the archive"));
        let other = Entry { head: u64::MAX, ..entry };
        assert!(other.read(bytes.as_slice(), 10).is_err());
    }

    #[test]
    fn more_entries_than_are_there() {
        let mut bytes = stored("a", b"");
        let at = bytes.len() - 12;
        bytes[at..at + 2].fill(0xff);
        let listed = entries(bytes.as_slice(), &|_| true, &mut (1 << 20)).unwrap();
        assert_eq!(listed.items.len(), 1);
        assert_eq!(listed.broken[0].to_string(), "entry 1: the directory is cut off");
    }
}
