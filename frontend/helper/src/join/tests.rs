use super::*;
use crate::databases::{Body, Node};

/// A manifest in short: one path in a line, `KIND PATH [MODE|CONTENT] [OWNER]`. `P` is a directory above changes, `X` a
/// deletion, and files are named by the letter that their digest is made of.
fn manifest(lines: &str) -> String {
    let mut lists: [Vec<(String, String)>; 3] = Default::default();
    for line in lines.split(',').map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<_> = line.split(' ').collect();
        let (path, third) = (words[1], words.get(2).copied().unwrap_or("0755"));
        let uid = words.get(3).copied().unwrap_or("0");
        let (list, rest) = match words[0] {
            "F" => (0, format!(r#""type":"file","mode":"0644","sha256":"{}""#, third.repeat(64))),
            "f" => (0, format!(r#""type":"file","mode":"{third}","sha256":"{}""#, "a".repeat(64))),
            "A" => (
                0,
                format!(
                    r#""type":"file","mode":"0644","sha256":"{}","xattrs":{{"user.a":"{third}"}}"#,
                    "a".repeat(64)
                ),
            ),
            "L" => (0, format!(r#""type":"symlink","mode":"0777","target":"{third}""#)),
            "C" => (0, format!(r#""type":"char","mode":"0600","device":"{third}""#)),
            "D" => (0, format!(r#""type":"dir","mode":"{third}""#)),
            "P" => (1, format!(r#""mode":"{third}""#)),
            _ => (2, String::new()),
        };
        let item = match list {
            2 => format!("{path:?}"),
            _ => format!(r#"{{"path":{path:?},{rest},"uid":{uid},"gid":0}}"#),
        };
        lists[list].push((path.to_owned(), item));
    }
    let [entries, parents, deleted] = lists.map(|mut list| {
        list.sort();
        list.into_iter().map(|(_, item)| item).collect::<Vec<_>>().join(",")
    });
    format!(r#"{{"version":1,"entries":[{entries}],"parents":[{parents}],"deleted":[{deleted}]}}"#)
}

/// A fragment in short: its manifest, what it is built on, its wins.
type Short<'a> = (&'a str, &'a [usize], &'a [&'a str]);

const LABELS: [&str; 4] = ["a 1", "b 1", "c 1", "d 1"];

fn config(fragments: &[Short<'_>]) -> Config {
    let fragment = |(label, (_, below, wins)): (&str, &Short<'_>)| {
        format!(r#"{{"label":"{label}","side":"/none","below":{below:?},"wins":{wins:?}}}"#)
    };
    let all: Vec<_> = LABELS.into_iter().zip(fragments).map(fragment).collect();
    Config::parse(Some(format!(r#"{{"epoch":1,"fragments":[{}]}}"#, all.join(",")).as_bytes())).unwrap()
}

/// What is said of the conflicts, without headings and advice, and the folders to assert again.
fn decide(
    fragments: &[Short<'_>],
    is_shared: fn(&[u8]) -> bool,
    reconcile: Reconcile,
) -> (Vec<String>, Vec<String>) {
    let config = config(fragments);
    let texts: Vec<_> = fragments.iter().map(|(lines, ..)| manifest(lines)).collect();
    let manifests = texts.iter().map(|text| Manifest::parse(text.as_bytes()).unwrap()).collect();
    let wins = config.fragments.iter().map(|fragment| fragment.wins().unwrap()).collect();
    // Shared files are known where the manifest has them as files, links or deletions.
    let sides = LABELS.iter().zip(fragments).map(|(label, (lines, below, _))| {
        let (mut lower, mut upper) = (Tree::new(), Tree::new());
        let node = Node { mode: 0o644, uid: 0, gid: 0, body: Body::File(Vec::new()) };
        for words in lines.split(',').map(|line| line.trim().split(' ').collect::<Vec<_>>()) {
            match words[..] {
                ["X", path, ..] => drop(lower.insert(path.into(), node.clone())),
                ["F" | "f" | "L", path, ..] => drop(upper.insert(path.into(), node.clone())),
                _ => {}
            }
        }
        Side { label: (*label).into(), below: below.to_vec(), lower, upper }
    });
    let sides = sides.collect();
    let join = Join { manifests, wins, base: Tree::new(), sides };
    let text = |path: &&[u8]| String::from_utf8(path.to_vec()).unwrap();
    match join.decide(is_shared, reconcile) {
        Ok(decision) => (Vec::new(), decision.folders.iter().map(text).collect()),
        Err(conflicts) => {
            let is_told = |line: &String| line.starts_with("  ") && !line.starts_with("  let ");
            let lines = conflicts.lines(&LABELS).into_iter().filter(is_told);
            (lines.map(|line| line.trim_start().to_owned()).collect(), Vec::new())
        }
    }
}

fn nothing(_: &[u8]) -> bool {
    false
}

fn below_shared(path: &[u8]) -> bool {
    path.starts_with(b"/shared")
}

fn all_fine(_: &Tree, _: &[Side]) -> Result<Tree, Vec<databases::Conflict>> {
    Ok(Tree::new())
}

fn conflicts(fragments: &[Short<'_>]) -> Vec<String> {
    decide(fragments, nothing, all_fine).0
}

#[test]
fn one_path_in_two_fragments() {
    for (first, second, expected) in [
        ("F /p a", "F /q a", ""),
        ("F /p a", "F /p a", ""),
        ("F /p a", "F /p b", "/p: different content"),
        ("f /p 0755", "f /p 4755", "/p: mode 0755 in \"a 1\", 4755 in \"b 1\""),
        ("F /p a 3", "F /p a 7", "/p: owner 3:0 in \"a 1\", 7:0 in \"b 1\""),
        ("A /p 01", "A /p 02", "/p: different extended attributes"),
        ("A /p 01", "A /p 01", ""),
        ("L /p x", "L /p y", "/p: target x in \"a 1\", y in \"b 1\""),
        ("L /p x", "L /p x", ""),
        ("C /p 1:3", "C /p 1:5", "/p: device 1:3 in \"a 1\", 1:5 in \"b 1\""),
        ("L /p x", "F /p a", "/p: a symbolic link in \"a 1\", a file in \"b 1\""),
        ("D /p 0755", "F /p a", "/p: a directory in \"a 1\", a file in \"b 1\""),
        ("D /p 0755", "D /p 0755", ""),
        ("D /p 0755", "D /p 0700", "/p: mode 0755 in \"a 1\", 0700 in \"b 1\""),
        ("D /p 0700, F /p/a a", "P /p 0755, F /p/b b", ""),
        ("X /p", "X /p", ""),
        ("X /p", "F /p a", "/p: deleted by \"a 1\", a file in \"b 1\""),
        ("D /p 0700", "X /p", "/p: a directory in \"a 1\", deleted by \"b 1\""),
        (
            "F /p a",
            "f /p 0600 5",
            "/p: mode 0644 in \"a 1\", 0600 in \"b 1\"; owner 0:0 in \"a 1\", 5:0 in \"b 1\"",
        ),
    ] {
        let found = conflicts(&[(first, &[], &[]), (second, &[], &[])]).join("|");
        assert_eq!(found, expected, "{first} / {second}");
        assert_eq!(conflicts(&[(first, &[], &[]), (second, &[0], &[])]), [""; 0], "{second} on {first}");
    }
}

#[test]
fn something_below_what_is_gone_or_no_directory() {
    for (first, second, expected) in [
        ("X /d", "F /d/x a", "/d: deleted by \"a 1\", but \"b 1\" touches /d/x"),
        ("X /d", "X /d/x", "/d: deleted by \"a 1\", but \"b 1\" touches /d/x"),
        ("F /d/e/x a", "X /d", "/d: deleted by \"b 1\", but \"a 1\" touches /d/e/x"),
        ("X /d", "X /d-x, F /d.x a, F /dx a, F /e/d a", ""),
        (
            "X /d",
            "P /d 0755, F /d-x a, F /d/a a, D /d/b 0755, F /d/b/c a",
            "/d: deleted by \"a 1\", but \"b 1\" touches /d/a and 2 more there",
        ),
        ("L /d e", "F /d/x a", "/d: a symbolic link in \"a 1\", but \"b 1\" touches /d/x"),
        ("F /d a", "X /d/x", "/d: a file in \"a 1\", but \"b 1\" touches /d/x"),
        ("C /d/e 1:3", "F /d/e/f/g a", "/d/e: a device in \"a 1\", but \"b 1\" touches /d/e/f/g"),
        (
            "X /d",
            "D /d 0755, F /d/x a",
            "/d: deleted by \"a 1\", a directory in \"b 1\"|/d: deleted by \"a 1\", but \"b 1\" touches /d/x",
        ),
        ("D /d 0755, F /d/x a", "D /d 0755, F /d/y a", ""),
    ] {
        let found = conflicts(&[(first, &[], &[]), (second, &[], &[])]).join("|");
        assert_eq!(found, expected, "{first} / {second}");
        let mirrored = expected.replace("a 1", "?").replace("b 1", "a 1").replace('?', "b 1");
        let is_same_path = expected.contains('|');
        if !is_same_path {
            let found = conflicts(&[(second, &[], &[]), (first, &[], &[])]).join("|");
            assert_eq!(found, mirrored, "{second} / {first}");
        }
        assert_eq!(conflicts(&[(first, &[], &[]), (second, &[0], &[])]), [""; 0], "{second} on {first}");
    }
}

#[test]
fn a_declared_winner_must_be_the_later_one() {
    let early = "/etc/motd: declared to win in \"a 1\", but \"b 1\" is laid over it; declare it in \"b 1\", or swap the two";
    for (first, second, expected) in [
        (&[][..], &["/etc/motd"][..], ""),
        (&[], &["/etc/m*"], ""),
        (&[], &["/etc"], ""),
        (&[], &["/etc/motd/x"], "/etc/motd: different content"),
        (&["/etc/motd"], &[], early),
        (&["/etc/motd"], &["/*"], ""),
    ] {
        let found = conflicts(&[("F /etc/motd a", &[], first), ("F /etc/motd b", &[], second)]).join("|");
        assert_eq!(found, expected, "{first:?} {second:?}");
    }
    for (first, second) in [("X /etc/motd", "F /etc/motd b"), ("L /etc x", "F /etc/motd b")] {
        let found = conflicts(&[(first, &[], &[]), (second, &[], &["/etc"])]);
        assert_eq!(found.len(), 1, "nothing wins over {first}");
    }
}

#[test]
fn every_independent_pair_is_compared_and_no_other() {
    let same = "/p: different content";
    for (below, expected) in [
        ([&[][..], &[], &[]], &[same, same, same][..]),
        ([&[], &[0], &[]], &[same, same]),
        ([&[], &[0], &[0, 1]], &[]),
        ([&[], &[], &[0]], &[same, same]),
        ([&[], &[], &[0, 1]], &[same]),
    ] {
        let lines = ["F /p a", "F /p b", "F /p c"];
        let fragments = [0, 1, 2].map(|at| (lines[at], below[at], &[][..]));
        assert_eq!(conflicts(&fragments), expected, "{below:?}");
    }
    let fragments =
        [("F /p a", &[][..], &[][..]), ("F /p a", &[], &[]), ("F /p b", &[0], &[]), ("", &[], &[])];
    assert_eq!(conflicts(&fragments), [same], "only the second and the third");
    let fragments = [("X /d", &[][..], &[][..]), ("F /d/x a", &[0], &[]), ("F /d/y a", &[], &[])];
    assert_eq!(conflicts(&fragments), ["/d: deleted by \"a 1\", but \"c 1\" touches /d/y"]);
}

#[test]
fn two_versions_of_a_distribution_are_told_once() {
    let old = "D /v/site-packages/My_App-1.0.dist-info, F /v/site-packages/My_App-1.0.dist-info/RECORD a, F /v/site-packages/my_app/x a";
    let new =
        "D /v/site-packages/my.app-1.1.dist-info, F /v/site-packages/my_app/x b, F /v/site-packages/other a";
    let told =
        "/v/site-packages: two versions of the Python distribution my-app, 1.0 in \"a 1\" and 1.1 in \"b 1\"";
    assert_eq!(conflicts(&[(old, &[], &[]), (new, &[], &[])]), [told]);
    assert_eq!(conflicts(&[(old, &[], &[]), (old, &[], &[])]), [""; 0]);
    assert_eq!(conflicts(&[(old, &[], &[]), (new, &[0], &[])]), [""; 0]);
    let elsewhere = new.replace("/v/", "/w/");
    assert_eq!(conflicts(&[(old, &[], &[]), (&elsewhere, &[], &[])]), [""; 0]);
    let own = "D /v/site-packages/x-1.dist-info, D /v/site-packages/x-2.dist-info";
    assert_eq!(conflicts(&[(own, &[], &[]), ("", &[], &[])]), [""; 0], "a fragment's own business");
    let same_version = new.replace("1.1", "1.0");
    assert_eq!(
        conflicts(&[(old, &[], &[]), (&same_version, &[], &[])]),
        ["/v/site-packages/my_app/x: different content"]
    );
}

#[test]
fn shared_files_are_left_to_those_who_know_them() {
    let shared =
        |first, second| decide(&[(first, &[], &[]), (second, &[], &[])], below_shared, all_fine).0.join("|");
    for (first, second, expected) in [
        ("F /shared/p a", "F /shared/p b", ""),
        ("X /shared/p", "F /shared/p b", ""),
        ("F /p a", "F /p b", "/p: different content"),
        // Nothing is known of a directory or a device, though its path is that of a shared file.
        ("D /shared/p 0755", "F /shared/p b", "/shared/p: a directory in \"a 1\", a file in \"b 1\""),
        ("C /shared/p 1:1", "C /shared/p 1:2", "/shared/p: device 1:1 in \"a 1\", 1:2 in \"b 1\""),
        ("X /shared/d", "F /shared/d/p b", ""),
        ("X /shared/d", "X /shared/d/p", "/shared/d: deleted by \"a 1\", but \"b 1\" touches /shared/d/p"),
        ("X /shared", "D /shared/d 0755", "/shared: deleted by \"a 1\", but \"b 1\" touches /shared/d"),
        (
            "L /shared/d x",
            "F /shared/d/p b",
            "/shared/d: a symbolic link in \"a 1\", but \"b 1\" touches /shared/d/p",
        ),
    ] {
        assert_eq!(shared(first, second), expected, "{first} / {second}");
    }
}

#[test]
fn conflicts_in_shared_files_are_told_with_the_others() {
    fn refuse(_: &Tree, _: &[Side]) -> Result<Tree, Vec<databases::Conflict>> {
        let conflict = |between, help: Option<&str>| databases::Conflict {
            path: b"/etc/passwd".to_vec(),
            between,
            what: "uid 7".into(),
            help: help.map(Into::into),
        };
        Err(vec![conflict((1, 0), Some("do this")), conflict((1, 1), None), conflict((5, 9), None)])
    }
    let found = decide(&[("F /p a", &[], &[]), ("F /p b", &[], &[])], nothing, refuse).0;
    let other_base = "build \"b 1\" again on this base";
    let uid = "/etc/passwd: uid 7";
    assert_eq!(found, ["/p: different content", "/etc/passwd: uid 7; do this", uid, other_base, uid]);
}

#[test]
fn folders_that_a_later_delta_takes_back_are_asserted_again() {
    for (first, second, below, expected) in [
        ("D /d 0700, F /d/x a", "P /d 0755, F /d/y a", &[][..], &["/d"][..]),
        ("P /d 0755, F /d/x a", "D /d 0700, F /d/y a", &[], &[]),
        ("D /d 0700, F /d/x a", "P /d 0700, F /d/y a", &[0], &[]),
        ("D / 0700", "F /x a", &[], &["/"]),
        ("D / 0700", "F /x a", &[0], &[]),
        ("F /d/x a, P /d 0700", "F /d/y a, P /d 0755", &[], &[]),
    ] {
        let (found, folders) = decide(&[(first, &[], &[]), (second, below, &[])], nothing, all_fine);
        assert_eq!(
            (found, folders.iter().map(String::as_str).collect()),
            (vec![], expected.to_vec()),
            "{first} / {second}"
        );
    }
}

#[test]
fn configurations_that_make_no_sense_are_refused() {
    let one = |rest: &str| format!(r#"{{"epoch":1,"fragments":[{{"label":"a","side":"/s"{rest}}}]}}"#);
    for (text, phrase) in [
        (None, "FACTORY_JOIN is not set"),
        (Some("{}".into()), "missing field `epoch`"),
        (Some(r#"{"epoch":253402300800,"fragments":[]}"#.into()), "after the year 9999"),
        (Some(one(r#","below":[0]"#)), "\"a\" can only be built on fragments before it"),
        (Some(one(r#","win":[]"#)), "unknown field `win`, expected one of `label`, `side`, `below`, `wins`"),
        (Some(one(r#","below":[256]"#)), "invalid value: integer `256`"),
        (Some(one("").replace("/s", "s")), "\"s\" is not an absolute path"),
    ] {
        let text: Option<String> = text;
        let message = format!("{}", Config::parse(text.as_deref().map(str::as_bytes)).unwrap_err());
        assert!(message.contains(phrase), "{text:?}: {message}");
    }
    let wins = |rest: &str| Config::parse(Some(one(rest).as_bytes())).unwrap().fragments[0].wins();
    assert!(wins("").unwrap().is_empty());
    let message = format!("{}", wins(r#","wins":["/a*","etc"]"#).unwrap_err());
    assert_eq!(message, "FACTORY_JOIN: wins of \"a\": \"etc\" is not an absolute path or pattern");
}

/// What the rules say about two fragments, path by path: how many conflicts there are.
fn count_by_the_book(first: &str, second: &str) -> usize {
    let items = |lines: &str| {
        let words =
            lines.split(',').map(|line| line.trim().split(' ').map(str::to_owned).collect::<Vec<_>>());
        words.filter(|words| words.len() > 1).collect::<Vec<_>>()
    };
    let (first, second) = (items(first), items(second));
    let differs = |a: &Vec<String>| second.iter().any(|b| a[1] == b[1] && a != b);
    let blocked = |above: &[Vec<String>], below: &[Vec<String>]| {
        let blocks =
            |a: &&Vec<String>| a[0] != "D" && below.iter().any(|b| b[1].starts_with(&format!("{}/", a[1])));
        above.iter().filter(blocks).count()
    };
    first.iter().filter(|a| differs(a)).count() + blocked(&first, &second) + blocked(&second, &first)
}

#[test]
fn one_pass_finds_what_comparing_everything_with_everything_finds() {
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let names = ["a", "a-b", "a.b", "b"];
    let kinds = ["F PATH a", "F PATH b", "L PATH x", "D PATH 0755", "D PATH 0700", "X PATH", "X PATH"];
    let mut with_conflicts = 0;
    for _ in 0..2000 {
        let fragments = [(); 3].map(|()| {
            let paths = (0..random(6))
                .map(|_| (0..=random(3)).map(|_| format!("/{}", names[random(4)])).collect::<String>());
            let paths: alloc::collections::BTreeSet<_> = paths.collect::<Vec<_>>().into_iter().collect();
            paths.iter().map(|path| kinds[random(7)].replace("PATH", path)).collect::<Vec<_>>().join(", ")
        });
        let below: &[usize] = if random(2) == 0 { &[] } else { &[0] };
        let pairs = [(0, 1), (1, 2), (0, 2)];
        let independent = pairs.iter().filter(|&&pair| pair != (0, 2) || below.is_empty());
        let expected: usize =
            independent.map(|&(a, b)| count_by_the_book(&fragments[a], &fragments[b])).sum();
        let lines =
            [(0, &[][..]), (1, &[]), (2, below)].map(|(at, below)| (fragments[at].as_str(), below, &[][..]));
        let found = conflicts(&lines).iter().filter(|line| !line.starts_with("let ")).count();
        assert_eq!(found, expected, "{fragments:?} {below:?}");
        with_conflicts += usize::from(expected > 0);
    }
    assert!((500..1900).contains(&with_conflicts), "{with_conflicts} of 2000 had any");
}
