//! What has to be laid over the merged deltas, as the difference of two trees: `before` and `after`. A path that must go is
//! in `before` alone.

use alloc::vec::Vec;

use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timestamps, Uid, XattrFlags, chownat, fchmod, fchown, fsetxattr, futimens,
    mkdirat, openat, symlinkat, utimensat,
};
use rustix::io::Errno;
use rustix::time::Timespec;

use super::folders::{Folder, Folders};
use crate::databases::{Body, Node, Side, Tree};
use crate::fault::Fault;
use crate::sys::file;

/// What the plain merge gets wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fix<'a> {
    /// Files and links to add or to replace.
    files: Vec<(&'a [u8], &'a Node)>,
    /// Paths that must not be there.
    deleted: Vec<&'a [u8]>,
    /// Directories with another mode or owner.
    folders: Vec<&'a [u8]>,
}

impl<'a> Fix<'a> {
    /// Compares the plain merge of shared files with what they must be.
    pub(super) fn new(base: &'a Tree, sides: &'a [Side], wanted: &'a Tree, folders: Vec<&'a [u8]>) -> Self {
        let mut touched: Vec<&[u8]> = Vec::new();
        for side in sides {
            touched.extend(side.lower.keys().chain(side.upper.keys()).map(Vec::as_slice));
        }
        touched.extend(wanted.keys().map(Vec::as_slice));
        sort_once(&mut touched);
        let mut fix = Self { files: Vec::new(), deleted: Vec::new(), folders };
        for path in touched {
            match (plain(base, sides, path), wanted.get(path)) {
                (Some(found), Some(node)) if same(found, node) => {}
                (_, Some(node)) => fix.files.push((path, node)),
                (Some(_), None) => fix.deleted.push(path),
                (None, None) => {}
            }
        }
        fix
    }

    /// Further paths that must not be there.
    pub(super) fn delete(&mut self, paths: &[&'a [u8]]) {
        self.deleted.extend(paths);
        sort_once(&mut self.deleted);
    }

    /// Writes both trees, which are empty; all times are the same.
    ///
    /// # Errors
    /// Anything that cannot be written.
    pub(super) fn write(
        &self,
        known: &Folders<'_>,
        before: &Output<'_>,
        after: &Output<'_>,
    ) -> Result<(), Fault> {
        let mut folders = Vec::new();
        self.deleted.iter().for_each(|path| add_above(path, &mut folders));
        let empty = Node { mode: 0o644, uid: 0, gid: 0, body: Body::File(Vec::new()) };
        let deleted: Vec<_> = self.deleted.iter().map(|&path| (path, &empty)).collect();
        sort_once(&mut folders);
        before.write(&folders, &deleted, known)?;
        self.files.iter().for_each(|(path, _)| add_above(path, &mut folders));
        self.folders.iter().for_each(|path| add_above(path, &mut folders));
        folders.extend(&self.folders);
        sort_once(&mut folders);
        after.write(&folders, &self.files, known)
    }
}

fn sort_once(paths: &mut Vec<&[u8]>) {
    paths.sort_unstable();
    paths.dedup();
}

/// What the plain merge has at a path: what the last fragment made of it that touched it.
fn plain<'a>(base: &'a Tree, sides: &'a [Side], path: &[u8]) -> Option<&'a Node> {
    let touched = |side: &&Side| side.upper.contains_key(path) || side.lower.contains_key(path);
    match sides.iter().rev().find(touched) {
        Some(side) => side.upper.get(path),
        None => base.get(path),
    }
}

/// Same in everything but the mode of a link, which has none.
fn same(a: &Node, b: &Node) -> bool {
    let same_mode = a.mode == b.mode || matches!(a.body, Body::Link(_));
    a.body == b.body && (a.uid, a.gid) == (b.uid, b.gid) && same_mode
}

/// Adds the directories above a path, but for the root.
fn add_above<'a>(path: &'a [u8], folders: &mut Vec<&'a [u8]>) {
    let ends = (1..path.len()).filter(|&end| path[end] == b'/');
    folders.extend(ends.map(|end| &path[..end]));
}

/// One of the two trees.
pub(super) struct Output<'a> {
    /// Where it is mounted.
    pub(super) path: &'a [u8],
    /// The time of everything in it.
    pub(super) time: Timespec,
}

impl Output<'_> {
    fn write(&self, folders: &[&[u8]], files: &[(&[u8], &Node)], known: &Folders<'_>) -> Result<(), Fault> {
        let fault = |path: &[u8], errno| Fault::path("write", &[self.path, path].concat(), errno);
        let root = file::open_dir_path(self.path).map_err(|errno| fault(b"", errno))?;
        let root = root.ok_or_else(|| fault(b"", Errno::NOENT))?;
        for path in folders.iter().filter(|path| **path != b"/") {
            let mode = Mode::from_raw_mode(0o700);
            mkdirat(&root, relative(path), mode).map_err(|errno| fault(path, errno))?;
        }
        for (path, node) in files {
            self.put(&root, relative(path), node).map_err(|errno| fault(path, errno))?;
        }
        // What is in a folder is done before the folder.
        for path in folders.iter().rev() {
            self.settle(&root, relative(path), known.of(path)).map_err(|errno| fault(path, errno))?;
        }
        futimens(&root, &self.times()).map_err(|errno| fault(b"", errno))
    }

    fn put(&self, root: &OwnedFd, path: &[u8], node: &Node) -> Result<(), Errno> {
        let (uid, gid) = (Some(Uid::from_raw(node.uid)), Some(Gid::from_raw(node.gid)));
        match &node.body {
            Body::Link(target) => {
                symlinkat(target.as_slice(), root, path)?;
                chownat(root, path, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
                utimensat(root, path, &self.times(), AtFlags::SYMLINK_NOFOLLOW)
            }
            Body::File(bytes) => {
                let flags =
                    OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let fd = openat(root, path, flags, Mode::from_raw_mode(0o600))?;
                file::write_all(&fd, bytes)?;
                // Owner first: the kernel takes set-user-id and set-group-id away with it.
                fchown(&fd, uid, gid)?;
                fchmod(&fd, Mode::from_raw_mode(node.mode & 0o7777))?;
                futimens(&fd, &self.times())
            }
        }
    }

    fn settle(&self, root: &OwnedFd, path: &[u8], folder: Folder<'_>) -> Result<(), Errno> {
        let fd = file::open_dir(root, path)?;
        fchown(&fd, Some(Uid::from_raw(folder.uid)), Some(Gid::from_raw(folder.gid)))?;
        fchmod(&fd, Mode::from_raw_mode(folder.mode & 0o7777))?;
        if let Some(xattrs) = folder.xattrs {
            xattrs
                .decoded()
                .try_for_each(|(name, value)| fsetxattr(&fd, name, &value, XattrFlags::empty()))?;
        }
        futimens(&fd, &self.times())
    }

    fn times(&self) -> Timestamps {
        Timestamps { last_access: self.time, last_modification: self.time }
    }
}

/// The path as seen from the root of its tree.
fn relative(path: &[u8]) -> &[u8] {
    if path == b"/" { b"." } else { &path[1..] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn file(text: &str) -> Node {
        Node { mode: 0o644, uid: 0, gid: 0, body: Body::File(text.as_bytes().to_vec()) }
    }

    fn link(target: &str) -> Node {
        Node { mode: 0o777, uid: 0, gid: 0, body: Body::Link(target.as_bytes().to_vec()) }
    }

    fn tree(nodes: &[Option<&Node>]) -> Tree {
        nodes.iter().flatten().map(|&node| (b"/p".to_vec(), node.clone())).collect()
    }

    fn side(lower: Option<&Node>, upper: Option<&Node>) -> Side {
        Side { label: String::new(), below: Vec::new(), lower: tree(&[lower]), upper: tree(&[upper]) }
    }

    /// What is to be done about a path.
    #[derive(Debug, PartialEq, Eq)]
    enum Done {
        Nothing,
        Written,
        Deleted,
    }

    #[test]
    fn only_what_the_plain_merge_gets_wrong_is_written() {
        let (a, b, c) = (file("a"), file("b"), file("c"));
        let owned = Node { uid: 7, ..a.clone() };
        let secret = Node { mode: 0o600, ..a.clone() };
        let (to_a, to_b) = (link("a"), link("b"));
        let other_mode = Node { mode: 0, ..to_a.clone() };
        let (a, b, c) = (Some(&a), Some(&b), Some(&c));
        let nobody: (Option<&Node>, Option<&Node>) = (None, None);
        for (name, base, first, second, wanted, expected) in [
            ("the last has it right", a, (a, c), (a, b), b, Done::Nothing),
            ("the last has it wrong", a, (a, b), (a, b), c, Done::Written),
            ("the last deleted it, rightly", a, (a, b), (a, None), None, Done::Nothing),
            ("the last deleted it, wrongly", a, (a, b), (a, None), b, Done::Written),
            ("the first has it right, nobody else", a, (a, b), nobody, b, Done::Nothing),
            ("the first has it wrong, nobody else", a, (a, b), nobody, c, Done::Written),
            ("it must go", a, (a, None), (a, b), None, Done::Deleted),
            ("it is new and must go", None, (None, b), nobody, None, Done::Deleted),
            ("nobody touched it and it stays", a, nobody, nobody, a, Done::Nothing),
            ("nobody touched it and it is not in the answer", a, nobody, nobody, None, Done::Nothing),
            ("nobody touched it and it is to change", a, nobody, nobody, b, Done::Written),
            ("another owner", a, nobody, nobody, Some(&owned), Done::Written),
            ("another mode", a, nobody, nobody, Some(&secret), Done::Written),
            ("a link instead", a, nobody, nobody, Some(&to_a), Done::Written),
            ("another target", Some(&to_a), nobody, nobody, Some(&to_b), Done::Written),
            ("the mode of a link", Some(&to_a), nobody, nobody, Some(&other_mode), Done::Nothing),
        ] {
            let (base, wanted) = (tree(&[base]), tree(&[wanted]));
            let sides = [side(first.0, first.1), side(second.0, second.1)];
            let fix = Fix::new(&base, &sides, &wanted, Vec::new());
            let found = match (&fix.files[..], &fix.deleted[..]) {
                ([], []) => Done::Nothing,
                ([_], []) => Done::Written,
                ([], [_]) => Done::Deleted,
                other => panic!("{name}: {other:?}"),
            };
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn folders_above_leave_out_the_root() {
        for (path, expected) in [("/a/b/c", &[&b"/a"[..], b"/a/b"][..]), ("/a", &[]), ("/", &[])] {
            let mut folders = Vec::new();
            add_above(path.as_bytes(), &mut folders);
            assert_eq!(folders, expected, "{path}");
        }
    }

    #[test]
    fn the_difference_of_the_trees_is_the_fix() {
        use super::super::manifest::Manifest;
        use super::super::sides::Seen;
        use std::os::unix::fs::{MetadataExt, PermissionsExt};

        let text = r#"{"version":1,"entries":[{"path":"/etc","type":"dir","mode":"0750","uid":1,"gid":2}],"deleted":[],
            "parents":[{"path":"/srv","mode":"1777","uid":3,"gid":4},{"path":"/var","mode":"0711","uid":5,"gid":6}]}"#;
        let (manifests, seen) = ([Manifest::parse(text.as_bytes()).unwrap()], Seen::new());
        let known = Folders { manifests: &manifests, seen: &seen };
        let (secret, to) =
            (Node { mode: 0o4640, uid: 7, gid: 8, ..file("text") }, Node { uid: 9, ..link("to") });
        let fix = Fix {
            files: [(&b"/etc/l"[..], &to), (b"/etc/s", &secret)].to_vec(),
            deleted: [&b"/var/x/gone"[..]].to_vec(),
            folders: [&b"/srv"[..]].to_vec(),
        };
        let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let time = Timespec { tv_sec: 77, tv_nsec: 0 };
        let [before, after] =
            dirs.each_ref().map(|dir| Output { path: dir.path().to_str().unwrap().as_bytes(), time });
        fix.write(&known, &before, &after).unwrap();
        let meta = |tree: usize, path: &str| {
            let found = std::fs::symlink_metadata(dirs[tree].path().join(path)).ok()?;
            assert_eq!((found.mtime(), found.atime()), (77, 77), "{path}");
            Some((found.permissions().mode() & 0o7777, found.uid(), found.gid()))
        };
        assert!(meta(0, ".").is_some() && meta(1, ".").is_some());
        for (path, in_before, in_after) in [
            ("etc", None, Some((0o750, 1, 2))),
            ("etc/s", None, Some((0o4640, 7, 8))),
            ("etc/l", None, Some((0o777, 9, 0))),
            ("srv", None, Some((0o1777, 3, 4))),
            ("var", Some((0o711, 5, 6)), Some((0o711, 5, 6))),
            ("var/x", Some((0o755, 0, 0)), Some((0o755, 0, 0))),
            ("var/x/gone", Some((0o644, 0, 0)), None),
        ] {
            assert_eq!((meta(0, path), meta(1, path)), (in_before, in_after), "{path}");
        }
        assert_eq!(std::fs::read(dirs[1].path().join("etc/s")).unwrap(), b"text");
        assert_eq!(std::fs::read(dirs[0].path().join("var/x/gone")).unwrap(), b"");
        assert_eq!(std::fs::read_link(dirs[1].path().join("etc/l")).unwrap(), std::path::Path::new("to"));
        let message = std::format!("{}", fix.write(&known, &before, &after).unwrap_err());
        assert!(message.ends_with("/var: file exists (os error 17)"), "{message}");
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        use super::super::sides::Seen;

        let outside = tempfile::tempdir().unwrap();
        let (to, text) = (link(outside.path().to_str().unwrap()), file("text"));
        let files = [(&b"/a"[..], &to), (b"/a/b", &text)].to_vec();
        let fix = Fix { files, deleted: Vec::new(), folders: Vec::new() };
        let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let time = Timespec { tv_sec: 77, tv_nsec: 0 };
        let [before, after] =
            dirs.each_ref().map(|dir| Output { path: dir.path().to_str().unwrap().as_bytes(), time });
        let known = Folders { manifests: &[], seen: &Seen::new() };
        assert!(fix.write(&known, &before, &after).is_err());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
