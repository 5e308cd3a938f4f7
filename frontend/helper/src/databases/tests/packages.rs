//! Sets of packages.

use super::*;

#[test]
fn a_newer_base_is_carried_over_or_named() {
    let path = "/var/lib/dpkg/status";
    let trees = |all: [&[&str]; 3]| all.map(|packages| tree(&[(path, file(&status(packages)))]));
    let [old, new, upper] = trees([&["b 1"], &["a 1", "b 1"], &["b 1", "c 1"]]);
    let merged = reconcile(&new, &[side("f", &[], &old, &upper)]).unwrap();
    assert_eq!(text(&merged[path.as_bytes()]), status(&["a 1", "b 1", "c 1"]));
    let [old, new, upper] = trees([&["b 1"], &["b 3"], &["b 2"]]);
    let conflicts = reconcile(&new, &[side("f", &[], &old, &upper)]).unwrap_err();
    let what = "package \"b:amd64\": version 3 in the base, but f found it version 1 and left it version 2";
    assert_eq!(
        conflicts,
        [Conflict { path: path.as_bytes().to_vec(), between: (0, 0), what: what.into(), help: None }]
    );
    let [old, new] = [tree(&[("/etc/passwd", file(""))]), tree(&[("/etc/passwd", file("n:x:5:5\n"))])];
    let upper = tree(&[("/etc/passwd", file("m:x:5:5\n"))]);
    let conflicts = reconcile(&new, &[side("f", &[], &old, &upper)]).unwrap_err();
    assert_eq!(conflicts[0].what, "users \"n\" and \"m\" both have the uid 5");
}

#[test]
fn a_package_that_somebody_asked_for_is_no_longer_automatic() {
    let mark = |name: &str| format!("Package: {name}\nArchitecture: amd64\nAuto-Installed: 1\n\n");
    let trees = |packages: &[&str], marks: &str| {
        tree(&[
            ("/var/lib/dpkg/status", file(&status(packages))),
            ("/var/lib/apt/extended_states", file(marks)),
        ])
    };
    let base = trees(&["dpkg 1"], "");
    let needs = trees(&["app 1 Depends: lib", "dpkg 1", "lib 1", "other 1"], &(mark("lib") + &mark("other")));
    let asked = trees(&["dpkg 1", "lib 1"], "");
    for (left, right) in [(&needs, &asked), (&asked, &needs)] {
        let merged = two(&base, left, right).unwrap();
        assert_eq!(text(&merged[&b"/var/lib/apt/extended_states"[..]]), mark("other"));
    }
    let merged = two(&base, &needs, &needs).unwrap();
    assert_eq!(text(&merged[&b"/var/lib/apt/extended_states"[..]]), mark("lib") + &mark("other"));
}

#[test]
fn relations_that_only_the_merge_breaks_are_named() {
    for (base, left, right, what) in [
        (
            &["lib 1", "x 1 Depends: y"][..],
            &["lib 2", "x 1 Depends: y"][..],
            &["app 1 Depends: lib (= 1)", "lib 1", "x 1 Depends: y"][..],
            "app 1, from right 1, depends on \"lib (= 1)\", but as left 1 has it lib 2 is installed",
        ),
        (
            &["lib 1"],
            &[],
            &["app 1 Depends: lib | mail", "lib 1"],
            "app 1, from right 1, depends on \"lib | mail\", but as left 1 has it lib is not installed, mail is not installed",
        ),
        (
            &[],
            &["a 1 Provides: mta; Conflicts: mta"],
            &["b 1 Provides: mta"],
            "a 1, from left 1, conflicts with \"mta\", but as right 1 has it b 1 provides mta",
        ),
        (
            &[],
            &["a 1 Breaks: b (<< 2)"],
            &["b 1"],
            "a 1, from left 1, breaks \"b (<< 2)\", but as right 1 has it b 1 is installed",
        ),
    ] {
        let what: Vec<String> = vec![what.into()];
        assert_eq!(
            two_files("/var/lib/dpkg/status", [base, left, right].map(status).each_ref().map(String::as_str)),
            Err(what)
        );
    }
}
