//! Sections of programs and libraries: ELF, PE and Mach-O, as far as is needed to find what a compiler left in them.
//!
//! Only the tables are read, a few kilobytes of files of any size. A general library for object files reads symbol tables
//! on the way and trusts counts in the file for what it keeps; here at most [`SECTIONS`] are looked at.

use super::{Broken, Order, ReadAt};

/// Sections of one file that are looked at. Ordinary programs have 40.
pub const SECTIONS: usize = 4096;

/// A program's or library's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// Byte order of numbers in it.
    pub order: Order,
    /// Whether addresses have eight bytes.
    pub wide: bool,
    /// What it consists of.
    pub sections: Vec<Section>,
}

/// A part of a program that is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name; empty for a segment of a program that has lost its table of sections.
    pub name: String,
    /// Where it lies in memory.
    pub address: u64,
    /// Where it begins in the file.
    pub offset: u64,
    /// Its bytes in the file.
    pub size: u64,
    /// The program may write to it: that is where Go's compiler puts what it says of a build.
    pub writable: bool,
}

impl Binary {
    /// The first section of a name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The bytes at an address of memory.
    ///
    /// # Errors
    /// No section has them.
    pub fn memory(
        &self,
        file: &(impl ReadAt + ?Sized),
        address: u64,
        count: usize,
    ) -> Result<Vec<u8>, Broken> {
        let holds = |section: &&Section| {
            let inside = address.checked_sub(section.address);
            inside.is_some_and(|inside| inside < section.size && count as u64 <= section.size - inside)
        };
        match self.sections.iter().find(holds) {
            Some(section) => file.range(section.offset.saturating_add(address - section.address), count),
            None => Err(Broken::new(format!("{count} bytes at address {address:#x} are in no section"))),
        }
    }
}

/// Whether the first four bytes are those of a file that [`read`] understands.
#[must_use]
pub fn is_one(start: [u8; 4]) -> bool {
    matches!(
        start,
        [0x7f, b'E', b'L', b'F']
            | [b'M', b'Z', _, _]
            | [0xfe, 0xed, 0xfa, 0xce | 0xcf]
            | [0xce | 0xcf, 0xfa, 0xed, 0xfe]
    )
}

/// Reads the tables of a file.
///
/// # Errors
/// It is none of the three formats, or its tables are cut off.
pub fn read(file: &(impl ReadAt + ?Sized)) -> Result<Binary, Broken> {
    let start = file.up_to(0, 64)?;
    match start.get(..4) {
        Some([0x7f, b'E', b'L', b'F']) => elf(file, &start),
        Some([b'M', b'Z', ..]) => pe(file, &start),
        Some([0xfe, 0xed, 0xfa, 0xce]) => mach(file, &start, Order::Big, false),
        Some([0xfe, 0xed, 0xfa, 0xcf]) => mach(file, &start, Order::Big, true),
        Some([0xce, 0xfa, 0xed, 0xfe]) => mach(file, &start, Order::Little, false),
        Some([0xcf, 0xfa, 0xed, 0xfe]) => mach(file, &start, Order::Little, true),
        _ => Err(Broken::at(0, "neither ELF, nor PE, nor Mach-O")),
    }
}

fn cut(what: &str) -> Broken {
    Broken::new(format!("{what} is cut off"))
}

const ELF_WRITE: u64 = 1;
const ELF_NO_BITS: u32 = 8;
const SEGMENT_LOAD: u32 = 1;
const SEGMENT_WRITE: u32 = 2;

fn elf(file: &(impl ReadAt + ?Sized), start: &[u8]) -> Result<Binary, Broken> {
    let (wide, order) = match (start.get(4), start.get(5)) {
        (Some(1), Some(1)) => (false, Order::Little),
        (Some(1), Some(2)) => (false, Order::Big),
        (Some(2), Some(1)) => (true, Order::Little),
        (Some(2), Some(2)) => (true, Order::Big),
        _ => return Err(Broken::at(4, "ELF of an unknown class or byte order")),
    };
    let at = |narrow: usize, wider: usize| if wide { wider } else { narrow };
    let word = |bytes: &[u8], narrow, wider| {
        order.word(bytes, at(narrow, wider), wide).ok_or_else(|| cut("the head"))
    };
    let half = |narrow, wider| order.u16(start, at(narrow, wider)).ok_or_else(|| cut("the head"));
    let (segments, sections) = (word(start, 0x1c, 0x20)?, word(start, 0x20, 0x28)?);
    let (section_size, mut count, mut names) =
        (half(0x2e, 0x3a)?, half(0x30, 0x3c)?.into(), u32::from(half(0x32, 0x3e)?));
    let (segment_size, segment_count) = (half(0x2a, 0x36)?, half(0x2c, 0x38)?);
    let entry = usize::from(section_size);
    let mut binary = Binary { order, wide, sections: Vec::new() };
    if sections != 0 && entry == at(40, 64) {
        // More than 65,279 sections: the first one's fields say how many, and where the names are.
        let first = file.range(sections, entry)?;
        if count == 0 {
            count = word(&first, 20, 32)?;
        }
        if names == 0xffff {
            names = order.u32(&first, at(24, 40)).unwrap_or_default();
        }
        let count = usize::try_from(count).unwrap_or(SECTIONS).min(SECTIONS);
        let table = file.up_to(sections, count.saturating_mul(entry))?;
        let section = |index: usize| table.chunks_exact(entry).nth(index);
        let strings = match section(names as usize) {
            Some(raw) => {
                let size = usize::try_from(word(raw, 20, 32)?).unwrap_or(usize::MAX);
                file.up_to(word(raw, 16, 24)?, size.min(SECTIONS * 64))?
            }
            None => Vec::new(),
        };
        for raw in table.chunks_exact(entry) {
            let kind = order.u32(raw, 4).unwrap_or_default();
            if kind == 0 || kind == ELF_NO_BITS {
                continue;
            }
            binary.sections.push(Section {
                name: string(&strings, order.u32(raw, 0).unwrap_or_default() as usize),
                address: word(raw, 12, 16)?,
                offset: word(raw, 16, 24)?,
                size: word(raw, 20, 32)?,
                writable: word(raw, 8, 8)? & ELF_WRITE != 0,
            });
        }
    }
    let entry = usize::from(segment_size);
    if binary.sections.is_empty() && segments != 0 && entry == at(32, 56) {
        let count = usize::from(segment_count).min(SECTIONS);
        for raw in file.up_to(segments, count * entry)?.chunks_exact(entry) {
            if order.u32(raw, 0) != Some(SEGMENT_LOAD) {
                continue;
            }
            binary.sections.push(Section {
                name: String::new(),
                address: word(raw, 8, 16)?,
                offset: word(raw, 4, 8)?,
                size: word(raw, 16, 32)?,
                writable: order.u32(raw, at(24, 4)).unwrap_or_default() & SEGMENT_WRITE != 0,
            });
        }
    }
    Ok(binary)
}

const PE_WRITE: u32 = 0x8000_0000;

fn pe(file: &(impl ReadAt + ?Sized), start: &[u8]) -> Result<Binary, Broken> {
    let order = Order::Little;
    let head = u64::from(order.u32(start, 0x3c).ok_or_else(|| cut("the head"))?);
    let coff = file.range(head, 24)?;
    if !coff.starts_with(b"PE\0\0") {
        return Err(Broken::at(head, "\"PE\" is expected"));
    }
    let count = usize::from(order.u16(&coff, 6).unwrap_or_default()).min(SECTIONS);
    let optional = usize::from(order.u16(&coff, 20).unwrap_or_default());
    let fields = file.range(head + 24, optional)?;
    let wide = order.u16(&fields, 0) == Some(0x20b);
    let base = if wide { order.u64(&fields, 24) } else { order.u32(&fields, 28).map(u64::from) };
    let base = base.unwrap_or_default();
    let table = file.range(head + 24 + optional as u64, count * 40)?;
    let section = |raw: &[u8]| {
        let field = |at| order.u32(raw, at).unwrap_or_default();
        Section {
            name: string(&raw[..8], 0),
            address: base.saturating_add(u64::from(field(12))),
            offset: field(20).into(),
            // In the file it is filled up to whole blocks; in memory it may be longer.
            size: field(16).into(),
            writable: field(36) & PE_WRITE != 0,
        }
    };
    Ok(Binary { order, wide, sections: table.chunks_exact(40).map(section).collect() })
}

const MACH_SEGMENT: u32 = 1;
const MACH_SEGMENT_64: u32 = 0x19;
/// Bytes of load commands that are looked at.
const COMMANDS: usize = 1 << 20;

fn mach(file: &(impl ReadAt + ?Sized), start: &[u8], order: Order, wide: bool) -> Result<Binary, Broken> {
    let count = order.u32(start, 16).ok_or_else(|| cut("the head"))?;
    let size = order.u32(start, 20).ok_or_else(|| cut("the head"))? as usize;
    let commands = file.up_to(if wide { 32 } else { 28 }, size.min(COMMANDS))?;
    let mut binary = Binary { order, wide, sections: Vec::new() };
    let mut rest = commands.as_slice();
    for _ in 0..count {
        let (Some(kind), Some(length)) = (order.u32(rest, 0), order.u32(rest, 4)) else { break };
        let Some(command) = rest.get(..length as usize).filter(|command| command.len() >= 8) else { break };
        rest = &rest[command.len()..];
        let (head, entry) = match kind {
            MACH_SEGMENT => (56, 68),
            MACH_SEGMENT_64 => (72, 80),
            _ => continue,
        };
        let wide = kind == MACH_SEGMENT_64;
        let protection = order.u32(command, if wide { 60 } else { 44 }).unwrap_or_default();
        for raw in command.get(head..).unwrap_or_default().chunks_exact(entry) {
            if binary.sections.len() >= SECTIONS {
                return Ok(binary);
            }
            let field =
                |narrow, wider| order.word(raw, if wide { wider } else { narrow }, wide).unwrap_or_default();
            binary.sections.push(Section {
                name: string(&raw[..16], 0),
                address: field(32, 32),
                offset: order.u32(raw, if wide { 48 } else { 40 }).unwrap_or_default().into(),
                size: field(36, 40),
                writable: protection & 2 != 0,
            });
        }
    }
    Ok(binary)
}

/// The name at `at`: at most 64 bytes, up to a zero.
fn string(bytes: &[u8], at: usize) -> String {
    let bytes = bytes.get(at..).unwrap_or_default();
    let bytes = bytes.get(..64).unwrap_or(bytes);
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
