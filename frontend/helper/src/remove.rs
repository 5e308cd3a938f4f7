//! Removing files and trees: by descriptor, so that no symbolic link leads out, and never across a mount.

use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use crate::sys::file::{self, Meta};

/// Removes `name` from a directory with everything below it. What is not there is removed already; what is a mount
/// point, or holds one, stays.
///
/// # Errors
/// Anything but a read-only file system and a directory in use.
pub(crate) fn entry(dir: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
    let Some(meta) = Meta::of(dir, name)? else { return Ok(()) };
    if meta.is_mount {
        return Ok(());
    }
    if !meta.kind.is_dir() {
        return ignore_unremovable(unlinkat(dir, name, AtFlags::empty()));
    }
    empty(&file::open_dir(dir, name)?)?;
    ignore_unremovable(unlinkat(dir, name, AtFlags::REMOVEDIR))
}

/// Removes everything in a directory.
///
/// Works without recursion, as deep as there are descriptors.
pub(crate) fn empty(dir: &OwnedFd) -> Result<(), Errno> {
    let mut pending: Vec<(OwnedFd, Vec<Vec<u8>>)> = Vec::new();
    let mut current = (file::open_dir(dir, b".")?, file::names(dir)?);
    loop {
        match current.1.pop() {
            Some(name) => {
                let Some(sub) = remove_or_enter(&current.0, &name)? else { continue };
                let names = file::names(&sub)?;
                current.1.push(name);
                pending.push(core::mem::replace(&mut current, (sub, names)));
            }
            None => {
                let Some((parent, mut names)) = pending.pop() else { return Ok(()) };
                if let Some(name) = names.pop() {
                    ignore_unremovable(unlinkat(&parent, name.as_slice(), AtFlags::REMOVEDIR))?;
                }
                current = (parent, names);
            }
        }
    }
}

/// Removes what is no directory; opens what is one and no mount point.
fn remove_or_enter(dir: &OwnedFd, name: &[u8]) -> Result<Option<OwnedFd>, Errno> {
    match Meta::of(dir, name)? {
        Some(meta) if meta.is_mount => Ok(None),
        Some(meta) if meta.kind.is_dir() => file::open_dir(dir, name).map(Some),
        Some(_) => ignore_unremovable(unlinkat(dir, name, AtFlags::empty())).map(|()| None),
        None => Ok(None),
    }
}

fn ignore_unremovable(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::NOENT | Errno::ROFS | Errno::BUSY | Errno::NOTEMPTY) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, symlink};

    #[test]
    fn a_tree_goes_and_what_its_links_point_to_stays() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("kept"), "x").unwrap();
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("t/a/b/c")).unwrap();
        std::fs::write(root.path().join("t/a/b/f"), "x").unwrap();
        std::fs::write(root.path().join("t/z"), "x").unwrap();
        symlink(outside.path().to_str().unwrap(), root.path().join("t/a/link").to_str().unwrap()).unwrap();
        let dir = file::open_dir(CWD, root.path().to_str().unwrap().as_bytes()).unwrap();
        entry(&dir, b"t").unwrap();
        entry(&dir, b"not there").unwrap();
        assert_eq!(file::names(&dir).unwrap(), Vec::<Vec<u8>>::new());
        assert!(outside.path().join("kept").exists());
    }
}
