//! The side outputs of fragments and of the base: manifests and copies of shared files.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::fs::{CWD, readlinkat};
use rustix::io::Errno;

use crate::databases::{Body, Node, Tree};
use crate::fault::Fault;
use crate::sys::file::{self, Meta};

/// The largest copy of a shared file, in bytes.
const LARGEST_COPY: u64 = 64 * 1024 * 1024;
/// The largest manifest, in bytes: several million paths.
const LARGEST_MANIFEST: u64 = 1024 * 1024 * 1024;

/// The directories above copies with mode, user and group, in the order in which they were read.
pub(super) type Seen = Vec<(Vec<u8>, (u32, u32, u32))>;

/// The text of a manifest.
///
/// # Errors
/// A file that is not there, or that cannot be read.
pub(super) fn manifest(side: &[u8]) -> Result<Vec<u8>, Fault> {
    let path = [side, b"/changes.json"].concat();
    let read = || {
        let size = Meta::of(CWD, &path)?.ok_or(Errno::NOENT)?.size;
        read(&file::open_file(CWD, &path)?, size, LARGEST_MANIFEST)
    };
    read().map_err(|errno| Fault::path("read", &path, errno))
}

/// Reads the copies below `side`/`part`, and notes the directories above them. Without that directory there are none.
///
/// # Errors
/// Anything that cannot be read, and what is neither file nor link.
pub(super) fn tree(side: &[u8], part: &str, seen: &mut Seen) -> Result<Tree, Fault> {
    let root = [side, part.as_bytes()].join(&b'/');
    let mut tree = Tree::new();
    let mut pending = Vec::from([Vec::new()]);
    while let Some(at) = pending.pop() {
        let full = [&root[..], &at].concat();
        let fault = |errno| Fault::path("read", &full, errno);
        let Some(dir) = file::open_dir_path(&full).map_err(fault)? else { continue };
        for name in file::names(&dir).map_err(fault)? {
            let path = [&at[..], &name].join(&b'/');
            let meta = Meta::of(&dir, &name).map_err(fault)?.ok_or_else(|| fault(Errno::NOENT))?;
            if meta.kind.is_dir() {
                seen.push((path.clone(), (meta.mode, meta.uid, meta.gid)));
                pending.push(path);
                continue;
            }
            let body = body(&dir, &name, &meta)
                .map_err(|errno| Fault::path("read", &[&root[..], &path].concat(), errno))?;
            let Some(body) = body else {
                let path = path.escape_ascii();
                return Err(Fault::own(format!(
                    "{}: {path} is neither a file nor a link",
                    root.escape_ascii()
                )));
            };
            tree.insert(path, Node { mode: meta.mode, uid: meta.uid, gid: meta.gid, body });
        }
    }
    Ok(tree)
}

fn body(dir: &OwnedFd, name: &[u8], meta: &Meta) -> Result<Option<Body>, Errno> {
    if meta.kind.is_symlink() {
        return Ok(Some(Body::Link(readlinkat(dir, name, Vec::new())?.into_bytes())));
    }
    if !meta.kind.is_file() {
        return Ok(None);
    }
    read(&file::open_file(dir, name)?, meta.size, LARGEST_COPY).map(|bytes| Some(Body::File(bytes)))
}

/// Reads a file of a known size at once.
fn read(fd: &OwnedFd, size: u64, limit: u64) -> Result<Vec<u8>, Errno> {
    if size > limit {
        return Err(Errno::FBIG);
    }
    let mut bytes = vec![0; size as usize];
    let read = file::fill(fd, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_tree_is_read_with_its_folders() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join("databases/upper").join(name);
        std::fs::create_dir_all(at("var/lib")).unwrap();
        std::fs::set_permissions(at("var"), std::fs::Permissions::from_mode(0o750)).unwrap();
        std::fs::write(at("var/lib/status"), "text").unwrap();
        std::fs::set_permissions(at("var/lib/status"), std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink("to", at("var/link")).unwrap();
        let side = dir.path().to_str().unwrap().as_bytes();
        let mut seen = Seen::new();
        let found = tree(side, "databases/upper", &mut seen).unwrap();
        let bodies: Vec<_> = found.iter().map(|(path, node)| (path.as_slice(), &node.body)).collect();
        let (file, link) = (Body::File(b"text".to_vec()), Body::Link(b"to".to_vec()));
        assert_eq!(bodies, [(&b"/var/lib/status"[..], &file), (b"/var/link", &link)]);
        assert_eq!(found[&b"/var/lib/status"[..]].mode, 0o640);
        assert_eq!((seen.len(), seen[0].0.as_slice(), seen[0].1.0), (2, &b"/var"[..], 0o750));
        assert!(tree(side, "databases/lower", &mut seen).unwrap().is_empty());
        rustix::fs::mknodat(CWD, at("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let message = format!("{}", tree(side, "databases/upper", &mut seen).unwrap_err());
        assert!(message.ends_with("databases/upper: /fifo is neither a file nor a link"), "{message}");
    }

    #[test]
    fn manifests_must_be_there_and_no_monsters() {
        let dir = tempfile::tempdir().unwrap();
        let side = dir.path().to_str().unwrap().as_bytes();
        let message = format!("{}", manifest(side).unwrap_err());
        assert!(message.contains("/changes.json: no such file"), "{message}");
        let file = std::fs::File::create(dir.path().join("changes.json")).unwrap();
        assert_eq!(manifest(side).unwrap(), b"");
        file.set_len(LARGEST_MANIFEST + 1).unwrap();
        assert!(manifest(side).is_err());
    }
}
