//! Names of one directory, in little memory: no allocation for each of them, and a bound on all.

use std::os::fd::BorrowedFd;

use rustix::fs::AtFlags;

use super::Kind;

/// Names that are kept, in order once they are sorted. What is beyond the bound is dropped, largest first.
#[derive(Debug, Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    items: Vec<Item>,
    /// Bytes that may be held.
    limit: usize,
    /// The smallest name that was dropped.
    dropped: Option<Vec<u8>>,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    start: u32,
    length: u16,
    /// What it is.
    pub(super) kind: Kind,
    /// Whether somebody may execute it, where that was asked.
    pub(super) executable: Option<bool>,
}

/// What is held on to of a directory that is done.
const REUSED: usize = 64 << 10;

impl Names {
    /// How many bytes of it may be held from now on, below 4 GiB.
    pub(super) fn limit(&mut self, bytes: usize) {
        self.limit = bytes.min(u32::MAX as usize / 2);
    }

    /// Bytes that are held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + self.items.len() * size_of::<Item>()
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn item(&self, at: usize) -> Option<Item> {
        self.items.get(at).copied()
    }

    pub(super) fn name(&self, item: Item) -> &[u8] {
        name_of(&self.bytes, item)
    }

    /// The last one; empty where there is none.
    pub(super) fn last(&self) -> &[u8] {
        self.items.last().map(|item| self.name(*item)).unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.items.iter().map(|item| self.name(*item))
    }

    /// Whether smaller names than this one have been dropped already.
    pub(super) fn has_no_room_for(&self, name: &[u8]) -> bool {
        self.dropped.as_ref().is_some_and(|dropped| name >= dropped.as_slice())
    }

    pub(super) fn push(&mut self, name: &[u8], kind: Kind, executable: Option<bool>) {
        // No filesystem has a longer one, and the bound keeps the bytes below what fits.
        let (Ok(start), Ok(length)) = (u32::try_from(self.bytes.len()), u16::try_from(name.len())) else {
            return;
        };
        self.bytes.extend_from_slice(name);
        self.items.push(Item { start, length, kind, executable });
        if self.bytes() > self.limit && self.items.len() > 1 {
            self.drop_largest();
        }
    }

    /// Keeps three quarters.
    fn drop_largest(&mut self) {
        let most = (self.items.len() * 3 / 4).max(1);
        let bytes = std::mem::take(&mut self.bytes);
        self.items.select_nth_unstable_by(most, |a, b| name_of(&bytes, *a).cmp(name_of(&bytes, *b)));
        self.dropped = self.items.get(most).map(|item| name_of(&bytes, *item).to_vec());
        self.items.truncate(most);
        self.bytes = Vec::with_capacity(bytes.len());
        for item in &mut self.items {
            let name = name_of(&bytes, *item);
            // It lies before where it lay.
            item.start = u32::try_from(self.bytes.len()).unwrap_or(item.start);
            self.bytes.extend_from_slice(name);
        }
    }

    /// Puts them in order, and says whether some were dropped.
    pub(super) fn sort(&mut self) -> bool {
        let bytes = &self.bytes;
        self.items.sort_unstable_by(|a, b| name_of(bytes, *a).cmp(name_of(bytes, *b)));
        self.dropped.is_some()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
        self.dropped = None;
    }

    /// The same memory for another directory, where that is little.
    pub(super) fn emptied(mut self) -> Option<Self> {
        self.clear();
        (self.bytes.capacity() <= REUSED && self.items.capacity() * size_of::<Item>() <= REUSED)
            .then_some(self)
    }
}

fn name_of(bytes: &[u8], item: Item) -> &[u8] {
    let start = item.start as usize;
    bytes.get(start..start + usize::from(item.length)).unwrap_or_default()
}

/// Files whose mode is asked for together, in the order in which the filesystem keeps them: that reads each part of its tables
/// once.
#[derive(Debug, Default)]
pub(super) struct Asked {
    bytes: Vec<u8>,
    /// Number of the inode, where the name starts, its length.
    items: Vec<(u64, usize, usize)>,
}

impl Asked {
    pub(super) fn push(&mut self, name: &[u8], inode: u64) {
        self.items.push((inode, self.bytes.len(), name.len()));
        self.bytes.extend_from_slice(name);
    }

    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= 4096
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }

    /// Asks, and keeps those that somebody may execute.
    pub(super) fn answer(&mut self, directory: BorrowedFd<'_>, names: &mut Names) {
        self.items.sort_unstable();
        for (_, start, length) in self.items.drain(..) {
            let name = self.bytes.get(start..start + length).unwrap_or_default();
            let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
            if stat.is_ok_and(|stat| stat.st_mode & 0o111 != 0) && !names.has_no_room_for(name) {
                names.push(name, Kind::File, Some(true));
            }
        }
        self.bytes.clear();
    }
}
