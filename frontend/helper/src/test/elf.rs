//! The libraries that a shared library needs, as its dynamic section lists them (ELF, 64 bits, little endian).

use alloc::vec;
use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::io::pread;

const PT_LOAD: u64 = 1;
const PT_DYNAMIC: u64 = 2;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
/// The largest dynamic section that is read, in bytes.
const LARGEST: u64 = 64 * 1024;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 256;

/// The names that a library needs. None: it is no such file.
pub(super) fn needed(fd: &OwnedFd) -> Option<Vec<Vec<u8>>> {
    let header = read(fd, 0, 64)?;
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (table, size, count) =
        (number(&header, 0x20, 8)?, number(&header, 0x36, 2)?, number(&header, 0x38, 2)?);
    let segments = read(fd, table, usize::try_from(size * count).ok()?)?;
    let segments: Vec<_> =
        segments.chunks_exact(usize::try_from(size).ok().filter(|&size| size >= 56)?).collect();
    let of_type = |kind: u64| segments.iter().filter(move |segment| number(segment, 0, 4) == Some(kind));
    let dynamic = of_type(PT_DYNAMIC).next()?;
    let (offset, length) = (number(dynamic, 8, 8)?, number(dynamic, 32, 8)?);
    let entries = read(fd, offset, usize::try_from(length.min(LARGEST)).ok()?)?;
    let entries =
        || entries.chunks_exact(16).filter_map(|entry| Some((number(entry, 0, 8)?, number(entry, 8, 8)?)));
    let strings = entries().find(|(tag, _)| *tag == DT_STRTAB)?.1;
    // The table's address in memory, as a place in the file.
    let strings = of_type(PT_LOAD).find_map(|segment| {
        let (offset, address, size) =
            (number(segment, 8, 8)?, number(segment, 16, 8)?, number(segment, 32, 8)?);
        let within = strings.checked_sub(address).filter(|&within| within < size)?;
        offset.checked_add(within)
    })?;
    let name = |at: u64| {
        let bytes = read(fd, strings.checked_add(at)?, LONGEST_NAME)?;
        let end = bytes.iter().position(|&byte| byte == 0)?;
        Some(bytes[..end].to_vec())
    };
    Some(entries().filter(|(tag, _)| *tag == DT_NEEDED).filter_map(|(_, at)| name(at)).collect())
}

/// What is at a place of a file, as far as there is as much.
fn read(fd: &OwnedFd, offset: u64, size: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; size.min(1024 * 1024)];
    let count = pread(fd, &mut bytes[..], offset).ok()?;
    bytes.truncate(count);
    Some(bytes)
}

fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_needs_its_c_library() {
        let own = std::fs::File::open("/proc/self/exe").unwrap();
        let needed = needed(&own.into()).unwrap();
        assert!(needed.iter().any(|name| name.starts_with(b"libc.so")), "{needed:?}");
    }

    #[test]
    fn rubbish_needs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let own = std::fs::read("/proc/self/exe").unwrap();
        let mut broken = own[..4096].to_vec();
        broken[0x20..0x28].fill(0xff);
        for bytes in [&b""[..], b"#!/bin/sh\n", &broken, &own[..100]] {
            let path = dir.path().join("file");
            std::fs::write(&path, bytes).unwrap();
            let fd = std::fs::File::open(&path).unwrap().into();
            assert_eq!(needed(&fd), None);
        }
    }
}
