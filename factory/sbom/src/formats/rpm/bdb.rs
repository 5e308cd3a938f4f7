//! The database `Packages`: a Berkeley DB hash from package number to header.
//!
//! Buckets and their order do not matter here, so the file is read page by page. A hash page holds keys and values in
//! turn; a value that has no room in it is a chain of overflow pages. Numbers are in the order of the machine that wrote
//! the file. Key 0 is the counter of package numbers, and no package.

use super::super::{Broken, Listing, Order, ReadAt};
use super::{HEADER, HEADERS};

const HASH_MAGIC: u32 = 0x0006_1561;

const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;

const ITEM_INLINE: u8 = 1;
const ITEM_CHAIN: u8 = 3;

const PAGE_HEAD: usize = 26;

/// The byte order of a hash database; none where the first bytes are not one's.
pub(super) fn order(start: &[u8]) -> Option<Order> {
    [Order::Little, Order::Big].into_iter().find(|order| order.u32(start, 12) == Some(HASH_MAGIC))
}

/// Hands out every header, in the order of the pages.
pub(super) fn blobs<R: ReadAt + ?Sized>(
    database: &R,
    each: &mut dyn FnMut(&[u8]),
    faults: &mut Listing<()>,
) -> Result<(), Broken> {
    let head = database.range(0, 72)?;
    let order = order(&head).ok_or_else(|| Broken::at(12, "not a hash database"))?;
    let field = |at| order.u32(&head, at).unwrap_or_default();
    let size = field(20);
    if !(512..=65_536).contains(&size) || !size.is_power_of_two() {
        return Err(Broken::at(20, format!("a page size of {size} bytes")));
    }
    if head[24] != 0 {
        return Err(Broken::at(24, "it is encrypted"));
    }
    let pages = u32::try_from(database.length() / u64::from(size)).unwrap_or(u32::MAX);
    let last = field(32).min(pages.saturating_sub(1));
    if field(32) > last {
        faults.fault(Broken::at(
            32,
            format!("{} pages are expected, but the file ends after {pages}", field(32)),
        ));
    }
    let mut file = Pages { file: database, order, size, last, seen: vec![0; last as usize / 64 + 1] };
    let mut number = 0;
    for page in 1..=last {
        let bytes = database.range(u64::from(page) * u64::from(size), size as usize)?;
        if !matches!(bytes[25], HASH | HASH_UNSORTED) {
            continue;
        }
        if let Err(e) = file.values(&bytes, faults, &mut |blob| {
            number += 1;
            if number <= HEADERS {
                each(blob);
            }
        }) {
            faults.fault(e.within(format_args!("page {page}")));
        }
    }
    if number > HEADERS {
        faults.fault(Broken::new(format!("{number} packages; those after the first {HEADERS} are left out")));
    }
    Ok(())
}

struct Pages<'a, R: ?Sized> {
    file: &'a R,
    order: Order,
    size: u32,
    last: u32,
    seen: Vec<u64>,
}

impl<R: ReadAt + ?Sized> Pages<'_, R> {
    fn values(
        &mut self,
        page: &[u8],
        faults: &mut Listing<()>,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Broken> {
        let order = self.order;
        let entries = usize::from(order.u16(page, 20).unwrap_or_default());
        // Each has two bytes here and one of its own at least.
        if entries > (page.len() - PAGE_HEAD) / 3 {
            return Err(Broken::at(20, format!("{entries} entries have no room in a page")));
        }
        let place = |index: usize| order.u16(page, PAGE_HEAD + 2 * index).map(usize::from);
        // Items are laid down from the end of the page: one ends where the one before it begins.
        let end = |index: usize| if index == 0 { Some(page.len()) } else { place(index - 1) };
        let item = |index: usize| page.get(place(index)?..end(index)?);
        for index in (0..entries.saturating_sub(1)).step_by(2) {
            let (Some(key), Some(value)) = (item(index), item(index + 1)) else {
                return Err(Broken::new(format!("entry {index} lies outside of its page or over another")));
            };
            if key == [ITEM_INLINE, 0, 0, 0, 0] {
                continue;
            }
            match value {
                [ITEM_INLINE, blob @ ..] => each(blob),
                [ITEM_CHAIN, ..] => {
                    let head = order.u32(value, 4).zip(order.u32(value, 8));
                    let blob = head.ok_or_else(|| Broken::new("an entry is cut off"));
                    match blob.and_then(|(first, length)| self.chain(first, length as usize)) {
                        Ok(blob) => each(&blob),
                        Err(e) => faults.fault(e.within(format_args!("entry {index}"))),
                    }
                }
                _ => faults
                    .fault(Broken::new(format!("entry {index} is of no kind that a package is stored in"))),
            }
        }
        Ok(())
    }

    /// The bytes of a chain of overflow pages. A page that has been in another chain is a fault, so a loop ends.
    fn chain(&mut self, mut number: u32, length: usize) -> Result<Vec<u8>, Broken> {
        if length > HEADER {
            return Err(Broken::new(format!("a header of {length} bytes; at most {HEADER} are read")));
        }
        let mut blob = Vec::new();
        while blob.len() < length {
            if number == 0 || number > self.last {
                return Err(Broken::new(format!("the chain ends after {} of {length} bytes", blob.len())));
            }
            let (word, bit) = (number as usize / 64, 1_u64 << (number % 64));
            if self.seen[word] & bit != 0 {
                return Err(Broken::new(format!("page {number} is in two chains")));
            }
            self.seen[word] |= bit;
            let page = self.file.range(u64::from(number) * u64::from(self.size), self.size as usize)?;
            if page[25] != OVERFLOW {
                return Err(Broken::new(format!("page {number} is not one of a chain")));
            }
            let held = usize::from(self.order.u16(&page, 22).unwrap_or_default());
            let part = page.get(PAGE_HEAD..PAGE_HEAD + held.min(length - blob.len()));
            blob.extend_from_slice(
                part.ok_or_else(|| Broken::new(format!("page {number} holds {held} bytes")))?,
            );
            number = self.order.u32(&page, 16).unwrap_or_default();
        }
        Ok(blob)
    }
}
