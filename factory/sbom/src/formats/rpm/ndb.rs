//! The database `Packages.db`: pages of slots, each of which says where a header lies. All numbers little-endian.
//!
//! A slot is `"Slot", package, offset, length`, both in blocks of 16 bytes. What lies there is
//! `"BlbS", package, generation, bytes`, the header, padding, and 12 bytes that end with `"BlbE"`.

use super::super::{Broken, Listing, Order, ReadAt};
use super::{HEADER, HEADERS};

pub(super) const MAGIC: &[u8] = b"RpmP";

const PAGE: usize = 4096;
const SLOT: usize = 16;
/// The head of the file takes the place of the first two slots.
const HEAD: usize = 32;
/// Pages of slots: 255 packages a page.
const SLOT_PAGES: u32 = (HEADERS / 255) as u32 + 1;

/// Hands out every header, in the order of the packages' numbers.
pub(super) fn blobs<R: ReadAt + ?Sized>(
    database: &R,
    each: &mut dyn FnMut(&[u8]),
    faults: &mut Listing<()>,
) -> Result<(), Broken> {
    let head = database.range(0, HEAD)?;
    let field = |at| Order::Little.u32(&head, at).unwrap_or_default();
    if field(4) != 0 {
        return Err(Broken::at(4, format!("version {}; only 0 is known", field(4))));
    }
    let pages = field(12);
    if pages == 0 || pages > SLOT_PAGES {
        return Err(Broken::at(12, format!("{pages} pages of slots; 1 to {SLOT_PAGES} are expected")));
    }
    let mut slots = Vec::new();
    for page in 0..pages {
        let start = u64::from(page) * PAGE as u64;
        let bytes = match database.range(start, PAGE) {
            Ok(bytes) => bytes,
            Err(e) => {
                faults.fault(e);
                break;
            }
        };
        let skip = if page == 0 { HEAD } else { 0 };
        for (index, slot) in bytes[skip..].chunks_exact(SLOT).enumerate() {
            let at = start + (skip + index * SLOT) as u64;
            let field = |at| Order::Little.u32(slot, at).unwrap_or_default();
            match slot {
                [b'S', b'l', b'o', b't', ..] if field(4) == 0 => {}
                [b'S', b'l', b'o', b't', ..] => slots.push((field(4), field(8), field(12), at)),
                _ => faults.fault(Broken::at(at, "a slot does not begin with \"Slot\"")),
            }
        }
    }
    slots.sort_unstable();
    // Headers do not overlap: together they are no longer than the file.
    let mut left = database.length();
    for (package, offset, blocks, at) in slots {
        match header(database, package, offset, blocks) {
            Ok(blob) if blob.len() as u64 <= left => {
                left -= blob.len() as u64;
                each(&blob);
            }
            Ok(_) => return Err(Broken::at(at, "headers that lie over one another")),
            Err(e) => faults.fault(e.within(format_args!("package {package}"))),
        }
    }
    Ok(())
}

fn header<R: ReadAt + ?Sized>(
    database: &R,
    package: u32,
    offset: u32,
    blocks: u32,
) -> Result<Vec<u8>, Broken> {
    let at = u64::from(offset) * SLOT as u64;
    let head = database.range(at, 16)?;
    let field = |at| Order::Little.u32(&head, at).unwrap_or_default();
    if !head.starts_with(b"BlbS") || field(4) != package {
        return Err(Broken::at(at, format!("\"BlbS\" and the number {package} are expected")));
    }
    let length = field(12) as usize;
    // Head and tail are 28 bytes.
    if length > HEADER || (length as u64 + 28).div_ceil(16) > u64::from(blocks) {
        return Err(Broken::at(at + 12, format!("a header of {length} bytes in {blocks} blocks of 16")));
    }
    database.range(at + 16, length)
}
