//! The table `Packages(hnum INTEGER PRIMARY KEY, blob BLOB)` of an sqlite database, read page by page.
//!
//! Why not the sqlite library: the database is kept in write-ahead mode, which the library opens read-only only when it
//! may write a shared-memory file beside it, and a scanned root is mounted read-only. Its switch for that, `immutable`,
//! leaves the log aside, where the newest packages may be. It is also a megabyte of C in a small static program, and the
//! database is somebody else's. One table is read here, with its log, and nothing is ever executed.
//!
//! Every page belongs to one structure, so each is read once at most: neither a loop nor a shared chain makes it longer
//! than the file.

use std::collections::BTreeMap;

use super::super::{Broken, Listing, Order, ReadAt};
use super::{HEADER, HEADERS};

pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";

const TABLE_LEAF: u8 = 13;
const TABLE_INTERIOR: u8 = 5;

/// Hands out every blob of the table, in the order of its rows.
pub(super) fn blobs<R: ReadAt + ?Sized>(
    database: &R,
    log: Option<&R>,
    each: &mut dyn FnMut(&[u8]),
    faults: &mut Listing<()>,
) -> Result<(), Broken> {
    let mut file = Pages::open(database, log, faults)?;
    let mut root = None;
    file.rows(1, faults, &mut |record| {
        // type, name, tbl_name, rootpage, sql
        let found = record.text(0) == Some(b"table") && record.text(1).is_some_and(|n| n == b"Packages");
        if found {
            root = root.or(record.number(3));
        }
    });
    let root = root.and_then(|root| u32::try_from(root).ok());
    let root = root.ok_or_else(|| Broken::new("there is no table Packages in it"))?;
    let mut number = 0;
    file.rows(root, faults, &mut |record| {
        if let Some(blob) = record.blob(1) {
            number += 1;
            if number <= HEADERS {
                each(blob);
            }
        }
    });
    if number > HEADERS {
        faults.fault(Broken::new(format!("{number} packages; those after the first {HEADERS} are left out")));
    }
    Ok(())
}

/// The pages of a database, with those of its log over them.
struct Pages<'a, R: ?Sized> {
    file: &'a R,
    log: Option<&'a R>,
    size: u32,
    usable: usize,
    count: u32,
    newer: BTreeMap<u32, u64>,
    seen: Vec<u64>,
}

impl<'a, R: ReadAt + ?Sized> Pages<'a, R> {
    fn open(file: &'a R, log: Option<&'a R>, faults: &mut Listing<()>) -> Result<Self, Broken> {
        let start = file.range(0, 100)?;
        let size = match Order::Big.u16(&start, 16).unwrap_or_default() {
            1 => 65_536,
            size if size >= 512 && size.is_power_of_two() => u32::from(size),
            other => return Err(Broken::at(16, format!("a page size of {other} bytes"))),
        };
        let usable = size as usize - usize::from(start[20]);
        if usable < 480 {
            return Err(Broken::at(20, format!("pages of which only {usable} bytes are used")));
        }
        let mut newer = BTreeMap::new();
        let mut count = file.length().div_ceil(u64::from(size));
        if let Some(log) = log {
            match read_log(log, size) {
                Ok((pages, committed)) => {
                    newer = pages;
                    count = committed.map_or(count, u64::from);
                }
                Err(e) => faults.fault(e.within("the write-ahead log")),
            }
        }
        // No more pages than there are bytes for in both files.
        let most = (file.length() + log.map_or(0, ReadAt::length)).div_ceil(u64::from(size)) + 1;
        let count = u32::try_from(count.min(most)).unwrap_or(u32::MAX);
        let seen = vec![0; count as usize / 64 + 1];
        Ok(Self { file, log, size, usable, count, newer, seen })
    }

    /// Page `number`, once: the second time it is a fault.
    fn page(&mut self, number: u32) -> Result<Vec<u8>, Broken> {
        if number == 0 || number > self.count {
            return Err(Broken::new(format!("page {number} of {} is asked for", self.count)));
        }
        let (word, bit) = (number as usize / 64, 1_u64 << (number % 64));
        if self.seen[word] & bit != 0 {
            return Err(Broken::new(format!("page {number} is in two places")));
        }
        self.seen[word] |= bit;
        match (self.newer.get(&number), self.log) {
            (Some(at), Some(log)) => log.range(*at, self.size as usize),
            _ => self.file.range(u64::from(number - 1) * u64::from(self.size), self.size as usize),
        }
    }

    /// Hands out every row of the table whose tree begins at page `root`.
    fn rows(&mut self, root: u32, faults: &mut Listing<()>, each: &mut dyn FnMut(&Record<'_>)) {
        let mut pending = vec![root];
        while let Some(number) = pending.pop() {
            let page = match self.page(number) {
                Ok(page) => page,
                Err(e) => {
                    faults.fault(e);
                    continue;
                }
            };
            if let Err(e) = self.walk(number, &page, &mut pending, faults, each) {
                faults.fault(e.within(format_args!("page {number}")));
            }
        }
    }

    fn walk(
        &mut self,
        number: u32,
        page: &[u8],
        pending: &mut Vec<u32>,
        faults: &mut Listing<()>,
        each: &mut dyn FnMut(&Record<'_>),
    ) -> Result<(), Broken> {
        let base = if number == 1 { 100 } else { 0 };
        let kind = page.get(base).copied().unwrap_or_default();
        let cells = usize::from(Order::Big.u16(page, base + 3).unwrap_or_default());
        let first = match kind {
            TABLE_LEAF => base + 8,
            TABLE_INTERIOR => base + 12,
            other => return Err(Broken::new(format!("kind {other}, but a table's page is 5 or 13"))),
        };
        // A cell has three bytes at least, and the pointer to it two: more of them than that overlap.
        let cells = cells.min(page.len() / 5);
        let cell = |index: usize| Order::Big.u16(page, first + 2 * index).map(usize::from);
        if kind == TABLE_INTERIOR {
            let right = Order::Big.u32(page, base + 8);
            let children = (0..cells).filter_map(|index| Order::Big.u32(page, cell(index)?));
            let at = pending.len();
            pending.extend(children.chain(right));
            pending[at..].reverse();
            return Ok(());
        }
        let mut room = page.len();
        for index in 0..cells {
            let read = cell(index).ok_or_else(|| Broken::new("its cells are cut off")).and_then(|at| {
                // Cells that lie over one another could make a page of many times its size.
                self.payload(page, at, &mut room)
            });
            match read.and_then(|payload| Record::open(&payload).map(|columns| (columns, payload))) {
                Ok((columns, payload)) => each(&Record { columns, payload: &payload }),
                Err(e) => faults.fault(e.within(format_args!("page {number}, row {index}"))),
            }
        }
        Ok(())
    }

    /// The payload of the cell at `at`: its beginning is in the page, what has no room there in a chain of others.
    /// `room` is what the page may still hold of payloads.
    fn payload(&mut self, page: &[u8], at: usize, room: &mut usize) -> Result<Vec<u8>, Broken> {
        let cut = || Broken::at(at as u64, "a cell is cut off");
        let (length, at) = varint(page, at).ok_or_else(cut)?;
        let (_, at) = varint(page, at).ok_or_else(cut)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > HEADER {
            return Err(Broken::at(at as u64, format!("a row of {length} bytes; at most {HEADER} are read")));
        }
        let most = self.usable - 35;
        let least = (self.usable - 12) * 32 / 255 - 23;
        let local = match length {
            _ if length <= most => length,
            _ => match least + (length - least) % (self.usable - 4) {
                local if local <= most => local,
                _ => least,
            },
        };
        *room = room.checked_sub(local).ok_or_else(|| Broken::new("its cells lie over one another"))?;
        let mut payload = page.get(at..at + local).ok_or_else(cut)?.to_vec();
        let mut next = if local < length { Order::Big.u32(page, at + local).ok_or_else(cut)? } else { 0 };
        while payload.len() < length {
            let more = self.page(next)?;
            let part = (length - payload.len()).min(self.usable - 4);
            payload.extend_from_slice(more.get(4..4 + part).ok_or_else(cut)?);
            next = Order::Big.u32(&more, 0).ok_or_else(cut)?;
        }
        Ok(payload)
    }
}

/// The newest committed page of each number in a write-ahead log, as places in it, and how many pages the database has
/// after the last commit. A log that was begun anew keeps old frames at its end: they have another salt.
fn read_log<R: ReadAt + ?Sized>(log: &R, size: u32) -> Result<(BTreeMap<u32, u64>, Option<u32>), Broken> {
    let mut committed = BTreeMap::new();
    let mut count = None;
    if log.length() < 32 {
        return Ok((committed, count));
    }
    let head = log.range(0, 32)?;
    let order = match Order::Big.u32(&head, 0) {
        Some(0x377f_0682) => Order::Little,
        Some(0x377f_0683) => Order::Big,
        _ => return Err(Broken::at(0, "it does not begin as one")),
    };
    if Order::Big.u32(&head, 8) != Some(size) {
        return Err(Broken::at(8, "its pages are of another size than the database's"));
    }
    let mut sum = checksum(order, (0, 0), &head[..24]);
    if !matches(sum, &head, 24) {
        return Err(Broken::at(24, "the checksum of its head is wrong"));
    }
    let mut pending: BTreeMap<u32, u64> = BTreeMap::new();
    let mut at = 32;
    let frame_size = 24 + size as usize;
    while let Ok(frame) = log.range(at, frame_size) {
        sum = checksum(order, checksum(order, sum, &frame[..8]), &frame[24..]);
        if frame[8..16] != head[16..24] || !matches(sum, &frame, 16) {
            break;
        }
        let number = Order::Big.u32(&frame, 0).unwrap_or_default();
        pending.insert(number, at + 24);
        let after = Order::Big.u32(&frame, 4).unwrap_or_default();
        if after != 0 {
            committed.append(&mut pending);
            count = Some(after);
        }
        at += frame_size as u64;
    }
    Ok((committed, count))
}

fn checksum(order: Order, (mut a, mut b): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let word = |at| order.u32(pair, at).unwrap_or_default();
        a = a.wrapping_add(word(0)).wrapping_add(b);
        b = b.wrapping_add(word(4)).wrapping_add(a);
    }
    (a, b)
}

fn matches(sum: (u32, u32), bytes: &[u8], at: usize) -> bool {
    Order::Big.u32(bytes, at) == Some(sum.0) && Order::Big.u32(bytes, at + 4) == Some(sum.1)
}

/// A number of one to nine bytes, and where the next thing begins.
fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for _ in 0..8 {
        let byte = *bytes.get(at)?;
        at += 1;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    Some((value << 8 | u64::from(*bytes.get(at)?), at + 1))
}

/// A row: where its columns are in the payload, with their types.
struct Record<'a> {
    columns: Vec<(u64, usize, usize)>,
    payload: &'a [u8],
}

impl Record<'_> {
    /// Columns of one row that are looked at; the tables here have five.
    const COLUMNS: usize = 16;

    fn open(payload: &[u8]) -> Result<Vec<(u64, usize, usize)>, Broken> {
        let cut = || Broken::new("the head of the row is cut off");
        let (head, mut at) = varint(payload, 0).ok_or_else(cut)?;
        let head = usize::try_from(head).ok().filter(|head| *head <= payload.len()).ok_or_else(cut)?;
        let mut body = head;
        let mut columns = Vec::new();
        while at < head && columns.len() < Self::COLUMNS {
            let (kind, next) = varint(payload, at).ok_or_else(cut)?;
            let length = match kind {
                0 | 8 | 9 => 0,
                1..=4 => kind,
                5 => 6,
                6 | 7 => 8,
                10 | 11 => return Err(Broken::new(format!("a column of the reserved type {kind}"))),
                _ => (kind - 12) / 2,
            };
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let end = body.checked_add(length).filter(|end| *end <= payload.len());
            let end = end.ok_or_else(|| Broken::new("a column is cut off"))?;
            columns.push((kind, body, end));
            (body, at) = (end, next);
        }
        Ok(columns)
    }

    fn column(&self, index: usize) -> Option<(u64, &[u8])> {
        let (kind, start, end) = *self.columns.get(index)?;
        Some((kind, self.payload.get(start..end)?))
    }

    fn text(&self, index: usize) -> Option<&[u8]> {
        self.column(index).filter(|(kind, _)| *kind >= 13 && kind % 2 == 1).map(|(_, bytes)| bytes)
    }

    fn blob(&self, index: usize) -> Option<&[u8]> {
        self.column(index).filter(|(kind, _)| *kind >= 12 && kind % 2 == 0).map(|(_, bytes)| bytes)
    }

    /// A number that is not negative.
    fn number(&self, index: usize) -> Option<u64> {
        match self.column(index)? {
            (8, _) => Some(0),
            (9, _) => Some(1),
            (1..=6, bytes) if bytes.first().is_some_and(|b| b & 0x80 == 0) => {
                Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
            }
            _ => None,
        }
    }
}
