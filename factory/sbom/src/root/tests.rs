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
    wished(root, &mut |_| Wish::Yes)
}

fn wished(root: &Root, wish: &mut dyn FnMut(Place<'_>) -> Wish) -> Vec<String> {
    let mut seen = Vec::new();
    root.walk(
        wish,
        &mut |entry| {
            assert_eq!((entry.name(), entry.parent()), (name(entry.path()), parent(entry.path())));
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
fn only_what_is_wished_for_is_visited() {
    let (_dir, root) = root_of(|at| {
        for name in ["a/in", "b/in", "run", "text"] {
            let path = at.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
        }
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(at.join("run"), mode).unwrap();
        symlink("run", at.join("link")).unwrap();
    });
    let found = wished(&root, &mut |place| match (place.kind(), place.path()) {
        (Kind::Directory, path) => Wish::yes_if(path == b"b"),
        (Kind::File, _) if place.parent() == b"b" => Wish::Yes,
        (Kind::File, _) => Wish::IfExecutable,
        (Kind::Symlink, _) => Wish::No,
    });
    assert_eq!(found, ["b", "b/in", "run"]);
    let mut visits = 0;
    let mut first = |_: &Entry<'_>| {
        visits += 1;
        false
    };
    root.walk(&mut |_| Wish::Yes, &mut first, &mut |_| {});
    assert_eq!(visits, 1);
}

#[test]
fn a_directory_that_there_is_no_room_for_is_read_again_and_loses_nothing() {
    let (_dir, root) = root_of(|at| {
        for number in 0..57 {
            let name = at.join(format!("{:02}", (number * 31) % 57));
            if number % 3 == 0 { fs::create_dir(name).unwrap() } else { fs::write(name, "").unwrap() }
        }
        (0..20).for_each(|number| fs::write(at.join(format!("30/{number}")), "").unwrap());
    });
    let whole = walked(&root);
    assert_eq!(whole.len(), 77);
    for room in [1, 200, 400] {
        let (mut found, mut asked) = (Vec::new(), 0);
        let seen = walk::walk(
            root.fd.as_fd(),
            room,
            &mut |_| {
                asked += 1;
                Wish::Yes
            },
            &mut |entry| {
                found.push(String::from_utf8_lossy(entry.path()).into_owned());
                true
            },
            &mut |problem| panic!("{}", problem.message),
        );
        assert_eq!((&found, seen), (&whole, Seen { entries: 77, cut: false }), "{room}");
        assert!(asked > 77, "{room}: it was read once");
    }
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
    let seen = root.walk(&mut |_| Wish::Yes, &mut |_| true, &mut |_| problems += 1);
    assert_eq!((problems, seen.entries), (1, limits_depth() as u64));
}

fn limits_depth() -> usize {
    crate::limits::DEPTH
}
