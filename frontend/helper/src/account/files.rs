//! Account files on disk: read through symbolic links, written as a whole or not at all.

use alloc::format;
use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, CWD, Gid, Mode, OFlags, Uid, chmodat, fchmod, fchown, mkdirat, openat, readlinkat, renameat,
    unlinkat,
};
use rustix::io::Errno;

use crate::fault::Fault;
use crate::sys::file::{self, Meta};

/// How many symbolic links are followed; the kernel's own limit.
const MOST_LINKS: usize = 40;
/// The mode of a file that the image did not have.
const NEW_FILE_MODE: u32 = 0o644;

/// The text of a file; None if the image has no such file.
pub(super) fn read(path: &str) -> Result<Option<Vec<u8>>, Fault> {
    match file::read(path.as_bytes()) {
        Ok(text) => Ok(Some(text)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(Fault::path("read", path.as_bytes(), errno)),
    }
}

/// A file that is written beside the one it will replace. Dropped, it goes again.
pub(super) struct Pending {
    dir: OwnedFd,
    temporary: Vec<u8>,
    name: Vec<u8>,
}

impl Pending {
    /// Writes a new text for the file at `path`, with owner and mode of the old one; a new one is root's and everybody may
    /// read it.
    pub(super) fn write(path: &str, text: &[u8]) -> Result<Self, Fault> {
        let fault = |errno| Fault::path("write", path.as_bytes(), errno);
        let real = behind_links(path.as_bytes()).map_err(fault)?;
        let (parent, name) = split(&real);
        make_folders(parent)?;
        let dir = file::open_folder(parent).map_err(fault)?;
        let old = Meta::of(&dir, name).map_err(fault)?;
        if old.as_ref().is_some_and(|old| !old.kind.is_file()) {
            return Err(Fault::own(format!("cannot write {path}: it is no regular file")));
        }
        let pending = Self { dir, temporary: [b".", name, b".factory"].concat(), name: name.to_vec() };
        pending.fill(text, old.as_ref()).map_err(fault)?;
        Ok(pending)
    }

    fn fill(&self, text: &[u8], old: Option<&Meta>) -> Result<(), Errno> {
        let _ = unlinkat(&self.dir, self.temporary.as_slice(), AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let fd = openat(&self.dir, self.temporary.as_slice(), flags, Mode::from_raw_mode(0o600))?;
        file::write_all(&fd, text)?;
        let (uid, gid, mode) = old.map_or((0, 0, NEW_FILE_MODE), |old| (old.uid, old.gid, old.mode));
        fchown(&fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        fchmod(&fd, Mode::from_raw_mode(mode))
    }

    /// Puts the file into its place.
    pub(super) fn commit(self) -> Result<(), Fault> {
        renameat(&self.dir, self.temporary.as_slice(), &self.dir, self.name.as_slice())
            .map_err(|errno| Fault::path("replace", &self.name, errno))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let _ = unlinkat(&self.dir, self.temporary.as_slice(), AtFlags::empty());
    }
}

/// Makes what is missing of a folder and those above, owned by root and open to all.
pub(super) fn make_folders(path: &[u8]) -> Result<(), Fault> {
    let ends = (1..=path.len()).filter(|&end| end == path.len() || path[end] == b'/');
    for part in ends.map(|end| &path[..end]) {
        let mode = Mode::from_raw_mode(0o755);
        match mkdirat(CWD, part, mode).and_then(|()| chmodat(CWD, part, mode, AtFlags::empty())) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(_) if rustix::fs::stat(part).is_ok() => {}
            Err(errno) => return Err(Fault::path("make the folder", part, errno)),
        }
    }
    Ok(())
}

/// The file that a path stands for, which need not exist. Links cannot lead out: the image's root is the helper's own.
fn behind_links(path: &[u8]) -> Result<Vec<u8>, Errno> {
    let mut path = path.to_vec();
    for _ in 0..MOST_LINKS {
        match Meta::of(CWD, &path)? {
            Some(meta) if meta.kind.is_symlink() => {
                let target = readlinkat(CWD, path.as_slice(), Vec::new())?.into_bytes();
                path = match target.starts_with(b"/") {
                    true => target,
                    false => [split(&path).0, &target].join(&b'/'),
                };
            }
            _ => return Ok(path),
        }
    }
    Err(Errno::LOOP)
}

/// The folder and the name of an absolute path.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let at = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    (&path[..at.max(1)], &path[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    #[test]
    fn links_are_followed_and_owner_and_mode_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("usr")).unwrap();
        std::fs::write(at("usr/shadow"), "old").unwrap();
        std::fs::set_permissions(at("usr/shadow"), std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink("usr/shadow", at("second")).unwrap();
        symlink(at("second"), at("shadow")).unwrap();
        let pending = Pending::write(at("shadow").to_str().unwrap(), b"new").unwrap();
        assert_eq!(std::fs::read(at("usr/shadow")).unwrap(), b"old");
        pending.commit().unwrap();
        assert_eq!(std::fs::read(at("usr/shadow")).unwrap(), b"new");
        assert_eq!(std::fs::metadata(at("usr/shadow")).unwrap().mode() & 0o7777, 0o640);
        assert!(at("shadow").is_symlink() && at("second").is_symlink());
    }

    #[test]
    fn what_is_not_committed_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        drop(Pending::write(dir.path().join("a/b").to_str().unwrap(), b"x").unwrap());
        assert_eq!(std::fs::read_dir(dir.path().join("a")).unwrap().count(), 0);
    }

    #[test]
    fn neither_folders_nor_rings_of_links_are_files() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        std::fs::create_dir(at("folder")).unwrap();
        symlink("ring", at("ring")).unwrap();
        for (name, phrase) in [("folder", "is no regular file"), ("ring", "too many symbolic links")] {
            let message = format!("{}", Pending::write(&at(name), b"").err().unwrap());
            assert!(message.contains(phrase), "{message}");
        }
    }
}
