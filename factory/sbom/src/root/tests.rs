//! A root is never left, and its walk is the same every time.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::*;

fn root_of(build: impl FnOnce(&Path)) -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("secret"), "outside").unwrap();
    let inside = dir.path().join("root");
    fs::create_dir(&inside).unwrap();
    build(&inside);
    let root = Root::open(&inside).unwrap();
    (dir, root)
}

/// The same questions with the kernel's resolver and with ours.
fn both(root: &Root, check: impl Fn(&Root)) {
    check(root);
    root.openat2.store(false, Ordering::Relaxed);
    check(root);
}

#[test]
fn links_end_inside() {
    let (_dir, root) = root_of(|at| {
        fs::create_dir_all(at.join("usr/lib")).unwrap();
        fs::create_dir(at.join("etc")).unwrap();
        fs::write(at.join("usr/lib/os-release"), "ID=debian\n").unwrap();
        symlink("../usr/lib/os-release", at.join("etc/os-release")).unwrap();
        symlink("/usr/lib/os-release", at.join("etc/absolute")).unwrap();
        symlink("../../../../../../secret", at.join("etc/up")).unwrap();
        symlink("/secret", at.join("etc/out")).unwrap();
        symlink("usr/lib", at.join("lib")).unwrap();
        symlink("b", at.join("a")).unwrap();
        symlink("a", at.join("b")).unwrap();
    });
    both(&root, |root| {
        for path in
            ["etc/os-release", "/etc/os-release", "etc/absolute", "lib/os-release", "lib/../lib/os-release"]
        {
            assert_eq!(root.read(path.as_bytes(), 100).as_deref(), Ok(&b"ID=debian\n"[..]), "{path}");
        }
        for path in ["etc/up", "etc/out", "../secret", "/../secret", "etc/../../secret"] {
            assert_eq!(root.read(path.as_bytes(), 100), Err(Problem::Missing), "{path}");
        }
        assert_eq!(root.read(b"a", 100), Err(Problem::Loop));
        assert_eq!(root.read(b"etc", 100), Err(Problem::NotAFile));
        assert_eq!(root.read(b"etc/os-release", 9), Err(Problem::TooBig { limit: 9 }));
        assert_eq!(root.names(b"usr/lib").unwrap(), [b"os-release".to_vec()]);
    });
    assert_eq!(root.canonical(b"lib/os-release").unwrap(), b"usr/lib/os-release");
    assert_eq!(Canonical::new(&root).path(b"/lib/./gone"), b"usr/lib/gone");
}

#[test]
fn a_fifo_is_not_opened() {
    let (_dir, root) = root_of(|at| {
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, at.join("pipe"), FileType::Fifo, mode, 0).unwrap();
    });
    both(&root, |root| assert_eq!(root.read(b"pipe", 100), Err(Problem::NotAFile)));
    assert!(walked(&root).is_empty());
}

fn walked(root: &Root) -> Vec<String> {
    let mut seen = Vec::new();
    root.walk(
        &mut |entry| {
            seen.push(String::from_utf8_lossy(entry.path()).into_owned());
            true
        },
        &mut |problem| panic!("{}", problem.message),
    );
    seen
}

#[test]
fn the_walk_is_in_order_and_leaves_out_the_kernels_folders() {
    let (_dir, root) = root_of(|at| {
        for name in ["proc/1", "sys/x", "dev/x", "b/proc", "a/c"] {
            fs::create_dir_all(at.join(name)).unwrap();
        }
        fs::write(at.join(std::ffi::OsStr::from_bytes(b"a/\xff")), "").unwrap();
        symlink("..", at.join("a/up")).unwrap();
    });
    assert_eq!(walked(&root), ["a", "a/c", "a/up", "a/\u{fffd}", "b", "b/proc"]);
}

#[test]
fn a_large_directory_is_read_in_chunks_and_loses_nothing() {
    let names: Vec<String> = (0..57).map(|n| format!("{:02}", (n * 31) % 57)).collect();
    let (_dir, root) = root_of(|at| names.iter().for_each(|name| fs::write(at.join(name), "").unwrap()));
    let mut found: Vec<Vec<u8>> = Vec::new();
    loop {
        let (chunk, more) = walk::chunk_of(root.fd.as_fd(), found.last().map(Vec::as_slice), 5).unwrap();
        assert!(chunk.len() <= 5);
        found.extend(chunk.into_iter().map(|(name, _)| name));
        if !more {
            break;
        }
    }
    let mut sorted: Vec<Vec<u8>> = names.into_iter().map(String::into_bytes).collect();
    sorted.sort();
    assert_eq!(found, sorted);
}

#[test]
fn depth_has_an_end_and_says_so() {
    let (_dir, root) = root_of(|at| {
        let mut path = at.to_owned();
        for _ in 0..limits_depth() + 3 {
            path.push("d");
            fs::create_dir(&path).unwrap();
        }
    });
    let mut problems = 0;
    let seen = root.walk(&mut |_| true, &mut |_| problems += 1);
    assert_eq!((problems, seen.entries), (1, limits_depth() as u64));
}

fn limits_depth() -> usize {
    crate::limits::DEPTH
}
