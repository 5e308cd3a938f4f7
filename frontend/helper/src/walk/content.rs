//! What a path holds: bytes, link targets, extended attributes.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::fs::{fgetxattr, fgetxattr_query, flistxattr, flistxattr_query, readlinkat};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::sys::file::{self, CHUNK, Meta};

/// Extended attributes by name.
pub(crate) type Attributes = BTreeMap<Vec<u8>, Vec<u8>>;

/// The content of a changed path.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// Of a regular file.
    pub(crate) sha256: Option<[u8; 32]>,
    /// Of a symbolic link.
    pub(crate) target: Option<Vec<u8>>,
    /// Those that belong to an image, of regular files and directories.
    pub(crate) xattrs: Attributes,
}

impl Content {
    /// Reads the content of `name` in `dir`.
    pub(crate) fn of(dir: &OwnedFd, name: &[u8], meta: &Meta) -> Result<Self, Errno> {
        let mut content = Self::default();
        if meta.kind.is_file() {
            let fd = file::open_file(dir, name)?;
            content.xattrs = attributes(&fd)?;
            content.sha256 = Some(digest(&fd, meta.size)?);
        } else if meta.kind.is_dir() {
            content.xattrs = attributes(&file::open_dir(dir, name)?)?;
        } else if meta.kind.is_symlink() {
            content.target = Some(target((dir, name))?);
        }
        Ok(content)
    }
}

/// Whether two paths hold the same, given that both have the type of `meta`, and files its size.
pub(crate) fn equal(a: (&OwnedFd, &[u8]), b: (&OwnedFd, &[u8]), meta: &Meta) -> Result<bool, Errno> {
    let kind = meta.kind;
    if kind.is_symlink() {
        return Ok(target(a)? == target(b)?);
    }
    let open: fn(&OwnedFd, &[u8]) -> Result<OwnedFd, Errno> = if kind.is_file() {
        |dir, name| file::open_file(dir, name)
    } else if kind.is_dir() {
        |dir, name| file::open_dir(dir, name)
    } else {
        return Ok(true);
    };
    let (a, b) = (open(a.0, a.1)?, open(b.0, b.1)?);
    Ok(attributes(&a)? == attributes(&b)? && (kind.is_dir() || same_bytes(&a, &b, meta.size)?))
}

/// Room to read a file of that size; most files are small, and a chunk takes longer to clear than they take to read.
fn room(size: u64) -> Vec<u8> {
    let size = usize::try_from(size).unwrap_or(CHUNK);
    vec![0; size.saturating_add(1).min(CHUNK)]
}

fn same_bytes(a: &OwnedFd, b: &OwnedFd, size: u64) -> Result<bool, Errno> {
    let (mut chunk_a, mut chunk_b) = (room(size), room(size));
    loop {
        let (read_a, read_b) = (file::fill(a, &mut chunk_a)?, file::fill(b, &mut chunk_b)?);
        if chunk_a[..read_a] != chunk_b[..read_b] {
            return Ok(false);
        }
        if read_a < chunk_a.len() {
            return Ok(true);
        }
    }
}

fn digest(fd: &OwnedFd, size: u64) -> Result<[u8; 32], Errno> {
    let mut hasher = Sha256::new();
    let mut chunk = room(size);
    loop {
        let read = file::fill(fd, &mut chunk)?;
        hasher.update(&chunk[..read]);
        if read < chunk.len() {
            return Ok(hasher.finalize().into());
        }
    }
}

fn target((dir, name): (&OwnedFd, &[u8])) -> Result<Vec<u8>, Errno> {
    Ok(readlinkat(dir, name, Vec::new())?.into_bytes())
}

/// The attributes that an image carries: capabilities and those of users. Labels of security modules belong to the
/// machine, and `overlay` is how some engines store layers.
fn is_of_image(name: &[u8]) -> bool {
    name == b"security.capability" || (name.starts_with(b"user.") && !name.starts_with(b"user.overlay."))
}

fn attributes(fd: &OwnedFd) -> Result<Attributes, Errno> {
    let size = match flistxattr_query(fd) {
        Ok(size) => size,
        Err(Errno::OPNOTSUPP) => 0,
        Err(errno) => return Err(errno),
    };
    if size == 0 {
        return Ok(Attributes::new());
    }
    let mut list = vec![0; size];
    let size = flistxattr(fd, &mut list[..])?;
    let names = list[..size].split(|&byte| byte == 0).filter(|name| is_of_image(name));
    names.map(|name| Ok((name.to_vec(), attribute(fd, name)?))).collect()
}

fn attribute(fd: &OwnedFd, name: &[u8]) -> Result<Vec<u8>, Errno> {
    let mut value = vec![0; fgetxattr_query(fd, name)?];
    let size = fgetxattr(fd, name, &mut value[..])?;
    value.truncate(size);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd as StdFd;

    fn file_with(bytes: &[u8]) -> (tempfile::NamedTempFile, OwnedFd) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let fd: StdFd = std::fs::File::open(file.path()).unwrap().into();
        (file, fd)
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        let (_keep, fd) = file_with(b"abc");
        let hex = digest(&fd, 3).unwrap().map(|byte| std::format!("{byte:02x}")).concat();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn files_are_compared_to_their_last_byte() {
        let long = std::vec![7_u8; CHUNK + 5];
        let mut other = long.clone();
        other[CHUNK + 4] = 8;
        for (a, b, expected) in [(&long, &long, true), (&long, &other, false)] {
            // The size may not be true any more.
            for size in [0, CHUNK as u64 + 5] {
                let ((_a, a), (_b, b)) = (file_with(a), file_with(b));
                assert_eq!(same_bytes(&a, &b, size), Ok(expected), "{size}");
            }
        }
    }

    #[test]
    fn attributes_of_the_machine_are_left_out() {
        for (name, expected) in [
            ("security.capability", true),
            ("user.mime", true),
            ("user.overlay.opaque", false),
            ("security.selinux", false),
            ("trusted.overlay.redirect", false),
        ] {
            assert_eq!(is_of_image(name.as_bytes()), expected, "{name}");
        }
    }
}
