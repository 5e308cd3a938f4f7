//! `/etc/ld.so.cache` as glibc 2.33 and later write it: a header, entries, their strings, extensions (sysdeps/generic/
//! dl-cache.h). The dynamic loader searches by halves, so entries must be in its own order.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

use super::order::sorted;
use super::threeway::{Index, Item, index};

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER_SIZE: usize = 48;
const ENTRY_SIZE: usize = 24;
/// In the header: numbers are little endian.
const LITTLE_ENDIAN: u8 = 2;
const EXTENSION_MAGIC: u32 = 0xeaa4_2174;
/// The extension that names the program which wrote the cache.
const GENERATOR: u32 = 0;
/// The extension that lists the folders of `glibc-hwcaps`.
const HWCAPS: u32 = 1;
/// In an entry's `hwcap`: the lower half is a place in that list.
const IS_EXTENSION: u64 = 1 << 62;
/// No path is longer.
const LONGEST_STRING: usize = 4096;
/// The key of the item that holds the generator; no library has an empty name.
const GENERATOR_KEY: &[u8] = b"\0";

/// One library.
#[derive(Clone, Copy, Default)]
struct Entry<'a> {
    /// Its name, such as `libc.so.6`.
    name: &'a [u8],
    path: &'a [u8],
    /// The folder in `glibc-hwcaps`, such as `x86-64-v3`; empty for none.
    folder: &'a [u8],
    flags: u32,
    os_version: u32,
    /// Without the place of the folder.
    hwcap: u64,
}

impl<'a> Entry<'a> {
    fn item(&self) -> Item {
        let key =
            [self.name, b"\0", self.path, b"\0", self.folder, b"\0", &self.flags.to_le_bytes()].concat();
        Item { key, value: [&self.os_version.to_le_bytes()[..], &self.hwcap.to_le_bytes()].concat() }
    }

    fn of(item: &'a Item) -> Option<Self> {
        let (strings, flags) = item.key.split_last_chunk()?;
        let mut strings = strings.split(|&byte| byte == 0);
        Some(Self {
            name: strings.next()?,
            path: strings.next()?,
            folder: strings.next()?,
            flags: u32::from_le_bytes(*flags),
            os_version: number(&item.value, 0)?,
            hwcap: long_number(&item.value, 4)?,
        })
    }

    /// The order of ldconfig (elf/cache.c, `compare`): names backwards, then flags, then the more special first.
    fn compare(&self, other: &Self) -> Ordering {
        let special = |entry: &Self| (Reverse(entry.hwcap.count_ones()), Reverse(entry.hwcap));
        compare_names(other.name, self.name)
            .then((other.flags as i32).cmp(&(self.flags as i32)))
            .then(self.folder.is_empty().cmp(&other.folder.is_empty()))
            .then(self.folder.cmp(other.folder))
            .then(special(self).cmp(&special(other)))
    }
}

/// The loader's order of names (elf/dl-cache.c, `_dl_cache_libcmp`): by bytes, numbers by their value.
fn compare_names(mut left: &[u8], mut right: &[u8]) -> Ordering {
    loop {
        match (left.first(), right.first()) {
            (Some(a), Some(b)) if a.is_ascii_digit() && b.is_ascii_digit() => {
                let order = take_number(&mut left).cmp(&take_number(&mut right));
                if order.is_ne() {
                    return order;
                }
            }
            (Some(a), _) if a.is_ascii_digit() => return Ordering::Greater,
            (_, Some(b)) if b.is_ascii_digit() => return Ordering::Less,
            (Some(a), Some(b)) if a == b => (left, right) = (&left[1..], &right[1..]),
            (None, None) => return Ordering::Equal,
            // Bytes count as signed ones.
            (a, b) => return a.map_or(0, |&a| a as i8).cmp(&b.map_or(0, |&b| b as i8)),
        }
    }
}

fn take_number(text: &mut &[u8]) -> i32 {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.iter().fold(0i32, |value, digit| value.wrapping_mul(10).wrapping_add(i32::from(digit - b'0')))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn long_number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A number that says where something is or how much of it.
fn offset(bytes: &[u8], at: usize) -> Option<usize> {
    number(bytes, at)?.try_into().ok()
}

fn string(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    let rest = &rest[..rest.len().min(LONGEST_STRING)];
    rest.iter().position(|&byte| byte == 0).map(|end| &rest[..end])
}

/// The generator and the folders of `glibc-hwcaps`. None: an extension that is not known.
fn parse_extensions(bytes: &[u8]) -> Option<(&[u8], Vec<&[u8]>)> {
    let (mut generator, mut folders) = (&b""[..], Vec::new());
    let start = offset(bytes, 32)?;
    if start == 0 {
        return Some((generator, folders));
    }
    (number(bytes, start)? == EXTENSION_MAGIC).then_some(())?;
    let sections = bytes.get(start.checked_add(8)?..)?.chunks_exact(16);
    let count = offset(bytes, start + 4)?;
    (count <= sections.len()).then_some(())?;
    for section in sections.take(count) {
        let at = offset(section, 8)?;
        let data = bytes.get(at..at.checked_add(offset(section, 12)?)?)?;
        match number(section, 0)? {
            GENERATOR => generator = data,
            HWCAPS => {
                let names = data.chunks_exact(4).map(|name| string(bytes, offset(name, 0)?));
                folders = names.collect::<Option<_>>()?;
            }
            _ => return None,
        }
    }
    Some((generator, folders))
}

fn parse_entry<'a>(bytes: &'a [u8], entry: &[u8], folders: &[&'a [u8]]) -> Option<Entry<'a>> {
    let mut hwcap = long_number(entry, 16)?;
    let mut folder = &b""[..];
    if hwcap & IS_EXTENSION != 0 {
        folder = folders.get(usize::try_from(hwcap as u32).ok()?)?;
        hwcap &= !u64::from(u32::MAX);
    }
    let [name, path] = [4, 8].map(|at| string(bytes, offset(entry, at)?));
    let (flags, os_version) = (number(entry, 0)?, number(entry, 12)?);
    Some(Entry { name: name.filter(|name| !name.is_empty())?, path: path?, folder, flags, os_version, hwcap })
}

/// The entries of a cache. None: another format, or damaged.
pub(super) fn parse(bytes: &[u8]) -> Option<Vec<Item>> {
    let known = bytes.starts_with(MAGIC) && *bytes.get(28)? == LITTLE_ENDIAN;
    let (generator, folders) = known.then(|| parse_extensions(bytes))??;
    let entries = bytes.get(HEADER_SIZE..)?.chunks_exact(ENTRY_SIZE);
    let count = offset(bytes, 20)?;
    (count <= entries.len()).then_some(())?;
    let mut items = Vec::from([Item::new(GENERATOR_KEY, generator)]);
    // Strings may be shared, but not so much that the items are out of all proportion to the file.
    let mut budget = bytes.len().saturating_mul(16);
    for entry in entries.take(count) {
        let item = parse_entry(bytes, entry, &folders)?.item();
        budget = budget.checked_sub(item.key.len())?;
        items.push(item);
    }
    (index(&items).len() == items.len()).then_some(items)
}

/// The order of strings in a cache (elf/stringtable.c): by their ends, backwards, so that of two with one end the longer
/// comes first.
fn compare_ends(left: &[u8], right: &[u8]) -> Ordering {
    right.iter().rev().cmp(left.iter().rev())
}

/// Lays strings out one after the other, those that end another one within it. Returns the table and the offsets.
fn string_table<'a>(all: impl Iterator<Item = &'a [u8]>, start: usize) -> (Vec<u8>, Index<'a>) {
    let strings: Vec<_> = all.collect();
    let mut offsets = Index::new();
    let mut table = Vec::new();
    let mut previous = &b""[..];
    for string in sorted(&strings, |a, b| compare_ends(a, b)) {
        if table.is_empty() || !previous.ends_with(string) {
            table.extend_from_slice(string);
            table.push(0);
        }
        // What was written last ends with this string, whose own end is the zero byte.
        offsets.insert(string, start + table.len() - 1 - string.len());
        previous = string;
    }
    (table, offsets)
}

fn push(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend((number as u32).to_le_bytes());
}

/// The cache of these entries, as ldconfig would lay it out.
pub(super) fn render(items: &[Item]) -> Vec<u8> {
    let is_generator = |item: &&Item| item.key == GENERATOR_KEY;
    let generator = items.iter().find(is_generator).map_or(&b""[..], |item| &item.value);
    let entries: Vec<_> = items.iter().filter_map(Entry::of).collect();
    let entries = sorted(&entries, Entry::compare);
    let mut folders: Vec<_> =
        entries.iter().map(|entry| entry.folder).filter(|name| !name.is_empty()).collect();
    folders = sorted(&folders, Ord::cmp);
    folders.dedup();
    let strings = entries.iter().flat_map(|entry| [entry.name, entry.path]).chain(folders.iter().copied());
    let (table, offsets) = string_table(strings, HEADER_SIZE + entries.len() * ENTRY_SIZE);
    let at = |string: &[u8]| offsets.get(string).copied().unwrap_or_default();

    let mut bytes = MAGIC.to_owned();
    push(&mut bytes, entries.len());
    push(&mut bytes, table.len());
    push(&mut bytes, LITTLE_ENDIAN.into());
    let extensions = (HEADER_SIZE + entries.len() * ENTRY_SIZE + table.len()).next_multiple_of(4);
    push(&mut bytes, if generator.is_empty() { 0 } else { extensions });
    bytes.resize(HEADER_SIZE, 0);
    for entry in &entries {
        push(&mut bytes, entry.flags as usize);
        push(&mut bytes, at(entry.name));
        push(&mut bytes, at(entry.path));
        push(&mut bytes, entry.os_version as usize);
        let place = folders.binary_search(&entry.folder).unwrap_or_default();
        bytes.extend((entry.hwcap | place as u64).to_le_bytes());
    }
    bytes.extend(table);
    if !generator.is_empty() {
        bytes.resize(extensions, 0);
        let folders: Vec<_> = folders.into_iter().map(at).collect();
        push_extensions(&mut bytes, generator, &folders);
    }
    bytes
}

/// The extensions: which there are, where the folders' names are, the generator.
fn push_extensions(bytes: &mut Vec<u8>, generator: &[u8], folders: &[usize]) {
    let count = if folders.is_empty() { 1 } else { 2 };
    let list = bytes.len() + 8 + 16 * count;
    let generator_at = list + 4 * folders.len();
    for value in [EXTENSION_MAGIC as usize, count, GENERATOR as usize, 0, generator_at, generator.len()] {
        push(bytes, value);
    }
    if !folders.is_empty() {
        for value in [HWCAPS as usize, 0, list, 4 * folders.len()] {
            push(bytes, value);
        }
        folders.iter().for_each(|&name| push(bytes, name));
    }
    bytes.extend_from_slice(generator);
}

/// Whether two items are of libraries between which only the order of the search decides.
pub(super) fn rivals(left: &Item, right: &Item) -> bool {
    let [left, right] = [left, right].map(|item| Entry::of(item).filter(|_| item.key != GENERATOR_KEY));
    left.zip(right).is_some_and(|(left, right)| left.compare(&right).is_eq() && left.path != right.path)
}

/// The name and the path of an item's library.
pub(super) fn name_and_path(item: &Item) -> (&[u8], &[u8]) {
    Entry::of(item).map(|entry| (entry.name, entry.path)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::threeway::{Order, merge, never};
    use super::*;

    // Written by ldconfig of glibc 2.36 for a few empty libraries.
    const BASE: &[u8] = include_bytes!("loader_cache/base.cache");
    const LEFT: &[u8] = include_bytes!("loader_cache/left.cache");
    const RIGHT: &[u8] = include_bytes!("loader_cache/right.cache");
    const BOTH: &[u8] = include_bytes!("loader_cache/both.cache");

    #[test]
    fn what_is_read_is_written() {
        for (name, cache) in [("base", BASE), ("left", LEFT), ("right", RIGHT), ("both", BOTH)] {
            let mut items = parse(cache).unwrap();
            assert_eq!(render(&items), cache, "{name}");
            items.reverse();
            assert_eq!(render(&items), cache, "{name}");
        }
    }

    #[test]
    fn a_merged_cache_is_that_of_ldconfig() {
        let [base, left, right] = [BASE, LEFT, RIGHT].map(|cache| parse(cache).unwrap());
        for (now, after) in [(&left, &right), (&right, &left)] {
            let merged = merge(now, &base, after, Order::InPlace, never).unwrap();
            assert_eq!(render(&merged), BOTH);
        }
    }

    #[test]
    fn names_are_in_the_loaders_order() {
        let ascending = ["", "liba.so", "libb.so", "libb.so.9", "libb.so.10", "libb10.so", "\u{e9}"];
        assert_eq!(compare_names("\u{e9}".as_bytes(), b"a"), Ordering::Less, "bytes are signed");
        for pair in ascending[..6].windows(2) {
            let (left, right) = (pair[0].as_bytes(), pair[1].as_bytes());
            assert_eq!(compare_names(left, right), Ordering::Less, "{pair:?}");
            assert_eq!(compare_names(right, left), Ordering::Greater, "{pair:?}");
            assert_eq!(compare_names(left, left), Ordering::Equal, "{pair:?}");
        }
        assert_eq!(compare_names(b"a.1", b"a.01"), Ordering::Equal);
        assert_eq!(compare_names(b"a99999999999999999999", b"a99999999999999999999b"), Ordering::Less);
    }

    #[test]
    fn what_is_damaged_or_unknown_is_refused() {
        for end in 0..BOTH.len() {
            assert_eq!(parse(&BOTH[..end]), None, "{end}");
        }
        let changed = |at: usize, value: u8| {
            let mut cache = BOTH.to_vec();
            cache[at] = value;
            cache
        };
        let first = |at: usize| HEADER_SIZE + at;
        for (at, value, what) in [
            (0, b'x', "magic"),
            (19, b'2', "version"),
            (23, 1, "number of entries"),
            (28, 3, "big endian"),
            (35, 0xff, "extensions"),
            (first(7), 0xff, "name"),
            (first(11), 0xff, "path"),
            (first(ENTRY_SIZE + 16), 9, "folder"),
        ] {
            assert_eq!(parse(&changed(at, value)), None, "{what}");
        }
    }

    #[test]
    fn any_single_byte_may_be_wrong() {
        for at in 0..BOTH.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut cache = BOTH.to_vec();
                cache[at] = value;
                let _ = parse(&cache).map(|items| render(&items));
            }
        }
    }

    #[test]
    fn a_few_bytes_cannot_stand_for_endless_strings() {
        let count = 4000usize;
        let mut cache = BASE[..HEADER_SIZE].to_vec();
        cache[20..24].copy_from_slice(&(count as u32).to_le_bytes());
        cache[32..36].fill(0);
        let name = HEADER_SIZE + count * ENTRY_SIZE;
        for number in 0..count {
            for field in [number, name, name, 0, 0, 0] {
                cache.extend((field as u32).to_le_bytes());
            }
        }
        cache.extend([b'a'; LONGEST_STRING - 1]);
        cache.push(0);
        assert_eq!(parse(&cache), None);
    }

    #[test]
    fn one_name_in_two_folders_is_a_matter_of_order() {
        let item = |path: &str, folder: &str, flags| {
            let [path, folder] = [path, folder].map(str::as_bytes);
            Entry { name: b"liba.so.1", path, folder, flags, ..Entry::default() }.item()
        };
        let plain = item("/usr/lib/liba.so.1", "", 3);
        for (other, expected) in [
            (item("/usr/local/lib/liba.so.1", "", 3), true),
            (item("/usr/lib/liba.so.1", "", 3), false),
            (item("/usr/lib/x/liba.so.1", "x", 3), false),
            (item("/usr/lib32/liba.so.1", "", 2), false),
        ] {
            assert_eq!(rivals(&plain, &other), expected, "{other:?}");
        }
    }
}
