//! Whole reconciliations: what sides did to files, and what becomes of them.

mod alternatives;
mod packages;

use super::*;

fn file(text: &str) -> Node {
    Node { mode: 0o644, uid: 0, gid: 0, body: Body::File(text.as_bytes().to_vec()) }
}

fn link(target: &str) -> Node {
    Node { mode: 0o777, uid: 0, gid: 0, body: Body::Link(target.as_bytes().to_vec()) }
}

fn tree(files: &[(&str, Node)]) -> Tree {
    files.iter().map(|(path, node)| (path.as_bytes().to_vec(), node.clone())).collect()
}

/// A side that found `lower`, and left `upper`.
fn side(label: &str, below: &[usize], lower: &Tree, upper: &Tree) -> Side {
    let touched = |tree: &Tree, other: &Tree| {
        tree.iter()
            .filter(|(path, node)| other.get(*path) != Some(node))
            .map(|(path, node)| (path.clone(), node.clone()))
            .collect()
    };
    Side {
        label: label.into(),
        below: below.to_vec(),
        lower: touched(lower, upper),
        upper: touched(upper, lower),
    }
}

/// Two sides on one base.
fn two(base: &Tree, left: &Tree, right: &Tree) -> Result<Tree, Vec<Conflict>> {
    reconcile(base, &[side("left 1", &[], base, left), side("right 1", &[], base, right)])
}

/// Two sides that write one file.
fn two_files(path: &str, [base, left, right]: [&str; 3]) -> Result<String, Vec<String>> {
    let trees =
        [base, left, right].map(|text| if text == "-" { tree(&[]) } else { tree(&[(path, file(text))]) });
    match two(&trees[0], &trees[1], &trees[2]) {
        Ok(merged) => Ok(merged.get(path.as_bytes()).map_or("-".into(), text)),
        Err(conflicts) => {
            assert!(
                conflicts
                    .iter()
                    .all(|conflict| conflict.between == (0, 1) && conflict.path == path.as_bytes())
            );
            Err(conflicts.into_iter().map(|conflict| conflict.what).collect())
        }
    }
}

fn text(node: &Node) -> String {
    String::from_utf8_lossy(node.body.bytes()).into_owned()
}

/// Stanzas of installed packages: `name version field; field`.
fn status(packages: &[&str]) -> String {
    let stanza = |package: &&str| {
        let mut words = package.splitn(3, ' ');
        let (name, version) = (words.next().unwrap(), words.next().unwrap());
        let fields: String = words
            .next()
            .into_iter()
            .flat_map(|all| all.split("; "))
            .map(|field| format!("{field}\n"))
            .collect();
        format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n{fields}\n"
        )
    };
    packages.iter().map(stanza).collect()
}

#[test]
fn every_kind_of_file_takes_what_both_sides_did() {
    let question = |name: &str, owners: &str| format!("Name: {name}\nTemplate: {name}\nOwners: {owners}\n\n");
    let mark = |name: &str| format!("Package: {name}\nArchitecture: amd64\nAuto-Installed: 1\n\n");
    let pem = |name: &str| format!("-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----\n");
    for (path, base, left, right, merged) in [
        (
            "/var/lib/dpkg/status",
            status(&["b 1"]),
            status(&["b 1", "z 1"]),
            status(&["a 1", "b 2", "c 1"]),
            status(&["a 1", "b 2", "c 1", "z 1"]),
        ),
        (
            "/var/lib/dpkg/available",
            status(&["b 1"]),
            status(&["b 1", "c 1"]),
            status(&["a 1", "b 1"]),
            status(&["a 1", "b 1", "c 1"]),
        ),
        (
            "/var/lib/apt/extended_states",
            "-".into(),
            mark("z") + &mark("a"),
            mark("y") + &mark("a"),
            mark("z") + &mark("a") + &mark("y"),
        ),
        (
            "/var/lib/dpkg/statoverride",
            "-".into(),
            "root a 4754 /b\n".into(),
            "root a 4754 /c\n".into(),
            "root a 4754 /c\nroot a 4754 /b\n".into(),
        ),
        (
            "/var/lib/dpkg/diversions",
            "-".into(),
            "/b\n/b.x\n:\n".into(),
            "/c\n/c.x\n:\n".into(),
            "/c\n/c.x\n:\n/b\n/b.x\n:\n".into(),
        ),
        (
            "/var/lib/dpkg/triggers/File",
            "/a a\n".into(),
            "/a a\n/z z\n".into(),
            "/a a\n/b b\n".into(),
            "/a a\n/z z\n/b b\n".into(),
        ),
        (
            "/var/lib/dpkg/triggers/ldconfig",
            "libc-bin\n".into(),
            "libc-bin\nx\n".into(),
            "y\n".into(),
            "x\ny\n".into(),
        ),
        (
            "/etc/shells",
            "# c\n/bin/sh\n".into(),
            "# c\n/bin/sh\n/bin/z".into(),
            "# c\n/bin/sh\n/bin/a".into(),
            "# c\n/bin/sh\n/bin/z\n/bin/a".into(),
        ),
        (
            "/var/lib/ucf/hashfile",
            "1  /etc/a\n".into(),
            "2  /etc/a\n".into(),
            "1  /etc/a\n3  /etc/b\n".into(),
            "2  /etc/a\n3  /etc/b\n".into(),
        ),
        (
            "/var/lib/ucf/registry",
            "p   /etc/a\n".into(),
            "p   /etc/a\nq   /etc/c\n".into(),
            "".into(),
            "q   /etc/c\n".into(),
        ),
        (
            "/var/cache/debconf/config.dat",
            question("b", "x"),
            question("b", "x, y") + &question("c", "y"),
            question("a", "z") + &question("b", "w, x"),
            question("a", "z") + &question("b", "w, x, y") + &question("c", "y"),
        ),
        (
            "/var/cache/debconf/templates.dat",
            "-".into(),
            question("b", "x"),
            question("a", "z"),
            question("a", "z") + &question("b", "x"),
        ),
        (
            "/etc/passwd",
            "root:x:0:0\n".into(),
            "root:x:0:0\nz:x:100:100\n".into(),
            "root:x:0:0\na:x:101:101\n".into(),
            "root:x:0:0\nz:x:100:100\na:x:101:101\n".into(),
        ),
        (
            "/etc/group",
            "g:x:1:\n".into(),
            "g:x:1:a\nz:x:100:\n".into(),
            "g:x:1:b\n".into(),
            "g:x:1:a,b\nz:x:100:\n".into(),
        ),
        (
            "/etc/shadow",
            "root:*:1::\n".into(),
            "root:*:1::\nz:!:2::\n".into(),
            "root:*:1::\na:!:2::\n".into(),
            "root:*:1::\nz:!:2::\na:!:2::\n".into(),
        ),
        ("/etc/gshadow", "g:*::\n".into(), "g:*:x:a\n".into(), "g:*:y:b\n".into(), "g:*:x,y:a,b\n".into()),
        ("/etc/subuid", "-".into(), "z:100:10\n".into(), "a:110:10\n".into(), "z:100:10\na:110:10\n".into()),
        (
            "/etc/ssl/certs/ca-certificates.crt",
            pem("a") + &pem("c"),
            pem("a") + &pem("c") + &pem("z"),
            pem("a") + &pem("b") + &pem("c") + &pem("d"),
            pem("a") + &pem("b") + &pem("c") + &pem("z") + &pem("d"),
        ),
        ("/var/lib/dpkg/status-old", "1".into(), "2".into(), "3".into(), "3".into()),
        ("/etc/passwd-", "1".into(), "2".into(), "-".into(), "2".into()),
        ("/var/log/dpkg.log", "1".into(), "-".into(), "2".into(), "2".into()),
        ("/var/cache/man/index.db", "1".into(), "-".into(), "-".into(), "-".into()),
    ] {
        assert!(is_shared(path.as_bytes()), "{path}");
        assert_eq!(two_files(path, [&base, &left, &right]), Ok(merged), "{path}");
    }
}

#[test]
fn two_changes_of_one_thing_are_told_apart() {
    let mark =
        |name: &str, auto: u32| format!("Package: {name}\nArchitecture: amd64\nAuto-Installed: {auto}\n\n");
    for (path, base, left, right, what) in [
        (
            "/var/lib/dpkg/status",
            status(&["b 1"]),
            status(&["b 2"]),
            status(&["b 3"]),
            "package \"b:amd64\": version 2 in left 1, version 3 in right 1",
        ),
        (
            "/var/lib/dpkg/status",
            status(&["b 1"]),
            "".into(),
            status(&["b 3"]),
            "package \"b:amd64\": absent in left 1, version 3 in right 1",
        ),
        (
            "/var/lib/dpkg/status",
            status(&["b 1"]),
            status(&["b 3"]),
            "-".into(),
            "is there in one state and deleted in the other",
        ),
        (
            "/var/lib/dpkg/status",
            status(&["b 1"]),
            "Version: 1\n".into(),
            status(&["b 3"]),
            "cannot be read as the file that it should be, so it cannot be merged",
        ),
        (
            "/var/lib/apt/extended_states",
            mark("a", 2),
            mark("a", 3),
            mark("a", 1),
            "package \"a:amd64\": \"Package: a, Architecture: amd64, Auto-Installed: 3\" in left 1, \"Package: a, Architecture: amd64, Auto-Installed: 1\" in right 1",
        ),
        (
            "/var/lib/dpkg/statoverride",
            "-".into(),
            "root a 4754 /b\n".into(),
            "root b 4754 /b\n".into(),
            "override of \"/b\": \"root a 4754 /b\" in left 1, \"root b 4754 /b\" in right 1",
        ),
        (
            "/var/lib/dpkg/diversions",
            "-".into(),
            "/b\n/b.x\n:\n".into(),
            "/b\n/b.y\n:\n".into(),
            "diversion of \"/b\": \"/b\\n/b.x\\n:\" in left 1, \"/b\\n/b.y\\n:\" in right 1",
        ),
        (
            "/var/lib/dpkg/diversions",
            "-".into(),
            "/b\n/b.x\n:\n".into(),
            "/b\n".into(),
            "cannot be read as the file that it should be, so it cannot be merged",
        ),
        (
            "/var/cache/debconf/config.dat",
            "-".into(),
            "Name: a\nValue: 1\n".into(),
            "Name: a\nValue: 2\n".into(),
            "debconf question \"a\": changed in left 1, changed in right 1",
        ),
        (
            "/etc/passwd",
            "-".into(),
            "a:x:1:1\n".into(),
            "a:x:2:2\n".into(),
            "user \"a\": \"a:x:1:1\" in left 1, \"a:x:2:2\" in right 1",
        ),
        (
            "/etc/passwd",
            "-".into(),
            "a:x:1:1\n".into(),
            "b:x:1:2\n".into(),
            "users \"a\" and \"b\" both have the uid 1",
        ),
        (
            "/etc/passwd",
            "r:x:1:1\n".into(),
            "r:x:1:1\na:x:1:1\n".into(),
            "r:x:1:1\nb:x:1:2\n".into(),
            "users \"a\" and \"b\" both have the uid 1",
        ),
        (
            "/etc/group",
            "-".into(),
            "a:x:1:\n".into(),
            "b:x:1:\n".into(),
            "groups \"a\" and \"b\" both have the gid 1",
        ),
        (
            "/etc/shadow",
            "a:1:\n".into(),
            "a:secret:\n".into(),
            "a:secrets:\n".into(),
            "user \"a\": changed in left 1, changed in right 1",
        ),
        (
            "/etc/subuid",
            "-".into(),
            "a:1:10\n".into(),
            "b:5:10\n".into(),
            "subordinate numbers of \"a\" and \"b\" overlap at 5",
        ),
        (
            "/etc/subgid",
            "-".into(),
            "a:1:10\n".into(),
            "a:50:10\n".into(),
            "subordinate numbers of \"a\": \"a:1:10\" in left 1, \"a:50:10\" in right 1",
        ),
        (
            "/etc/ld.so.cache",
            "-".into(),
            "x".into(),
            "y".into(),
            "cannot be read as the file that it should be, so it cannot be merged",
        ),
        (
            "/etc/ssl/certs/ca-certificates.crt",
            "-".into(),
            "x".into(),
            "y".into(),
            "cannot be read as the file that it should be, so it cannot be merged",
        ),
        ("/etc/alternatives/README", "1".into(), "2".into(), "3".into(), "a file or a file"),
    ] {
        assert_eq!(two_files(path, [&base, &left, &right]), Err(vec![what.to_owned()]), "{path}");
    }
}

#[test]
fn a_file_of_one_side_is_taken_as_it_is() {
    for bytes in ["", "no stanza", "\0\u{fffd}", "Package: b\nPackage: a"] {
        for path in ["/var/lib/dpkg/status", "/etc/ld.so.cache", "/etc/passwd", "/var/lib/dpkg/diversions"] {
            for base in ["-", "old"] {
                assert_eq!(two_files(path, [base, bytes, base]), Ok(bytes.into()), "{path}");
                assert_eq!(two_files(path, [base, base, bytes]), Ok(bytes.into()), "{path}");
                assert_eq!(two_files(path, [base, bytes, bytes]), Ok(bytes.into()), "{path}");
            }
        }
    }
}

#[test]
fn damaged_files_are_conflicts_and_nothing_worse() {
    let paths = [
        "/var/lib/dpkg/status",
        "/var/lib/dpkg/diversions",
        "/etc/group",
        "/etc/subuid",
        "/etc/ld.so.cache",
        "/var/lib/dpkg/alternatives/x",
        "/etc/ssl/certs/ca-certificates.crt",
        "/var/cache/debconf/config.dat",
        "/etc/shells",
    ];
    let texts = [
        "-",
        "",
        "\n",
        "\0",
        "a",
        ":",
        ":::\n",
        "Package: a",
        "Package: a\n\n\n",
        "Name:",
        "auto\n",
        "auto\n/x\n\n\n",
        "-----END ",
        "\u{fffd}:\u{fffd}\n",
        "glibc-ld.so.cache1.1",
    ];
    for path in paths {
        for base in texts {
            for left in texts {
                for right in texts {
                    let _ = two_files(path, [base, left, right]);
                }
            }
        }
    }
}

#[test]
fn a_side_on_another_changes_what_that_one_wrote() {
    let path = "/etc/passwd";
    let [base, lower, upper] = ["r:x:0:0\n", "r:x:0:0\na:x:1:1\n", "r:x:0:0\na:x:2:2\nb:x:2:2\n"]
        .map(|text| tree(&[(path, file(text))]));
    let other = tree(&[(path, file("r:x:0:0\nc:x:3:3\n"))]);
    let sides =
        [side("a", &[], &base, &lower), side("c", &[], &base, &other), side("b", &[0], &lower, &upper)];
    let merged = reconcile(&base, &sides).unwrap();
    assert_eq!(text(&merged[path.as_bytes()]), "r:x:0:0\na:x:2:2\nc:x:3:3\nb:x:2:2\n");
}

#[test]
fn a_conflict_is_reported_once() {
    let passwd = |text: &str| tree(&[("/etc/passwd", file(text))]);
    let sides = ["a:x:1:\n", "a:x:2:\n", "b:x:3:\n"].map(|text| side("s", &[], &passwd(""), &passwd(text)));
    let conflicts = reconcile(&passwd(""), &sides).unwrap_err();
    assert_eq!(conflicts.iter().map(|conflict| conflict.between).collect::<Vec<_>>(), [(0, 1)]);
}

#[test]
fn owners_and_modes_are_merged_too() {
    let path = b"/etc/shadow".to_vec();
    let node = |mode, gid, text: &str| tree(&[("/etc/shadow", Node { mode, gid, ..file(text) })]);
    let base = node(0o644, 0, "");
    let merged = two(&base, &node(0o640, 0, "a:1\n"), &node(0o644, 42, "b:1\n")).unwrap();
    assert_eq!(merged[&path], Node { mode: 0o640, gid: 42, ..file("a:1\nb:1\n") });
    let conflicts = two(&base, &node(0o640, 0, ""), &node(0o600, 0, "")).unwrap_err();
    assert_eq!(conflicts[0].what, "mode 0640 of 0:0 or mode 0600 of 0:0");
    let linked = tree(&[("/etc/shadow", link("/x"))]);
    let conflicts = two(&base, &linked, &node(0o644, 0, "a:1\n")).unwrap_err();
    assert_eq!(conflicts[0].what, "is a symbolic link in one state and a file in the other");
}

#[test]
fn one_library_in_two_folders_needs_an_order() {
    let cache = |path: &str| {
        let item = threeway::Item {
            key: [&b"liba.so.1\0"[..], path.as_bytes(), b"\0\0", &3u32.to_le_bytes()].concat(),
            value: vec![0; 12],
        };
        let body = Body::File(loader_cache::render(&[item]));
        tree(&[("/etc/ld.so.cache", Node { body, ..file("") })])
    };
    let (left, right) = (cache("/usr/lib/liba.so.1"), cache("/opt/liba.so.1"));
    let conflicts = two(&tree(&[]), &left, &right).unwrap_err();
    assert_eq!(
        conflicts[0].what,
        "library liba.so.1 is /usr/lib/liba.so.1 and /opt/liba.so.1: which comes first is not known"
    );
    assert_eq!(two(&tree(&[]), &left, &left).unwrap(), left);
}
