//! Fragments that cannot stand beside each other: refused with both names and the path, unless the upper one is declared
//! to win where it can.

use factory_tests::{BuildOptions, unique};
use serde_json::{Value, json};

use super::field;
use super::generate::Random;
use crate::parts::{Part, assert_content, merged, said, tree};

/// Two fragments that meet at a path.
struct Meeting {
    name: &'static str,
    /// What each does; `@` is the path and `%` something that no other build has.
    scripts: [&'static str; 2],
    /// Whether the upper one can win.
    can_win: bool,
}

const fn meeting(name: &'static str, lower: &'static str, upper: &'static str, can_win: bool) -> Meeting {
    Meeting { name, scripts: [lower, upper], can_win }
}

/// All of them on paths of the base's files, or on new ones.
const MEETINGS: [Meeting; 14] = [
    meeting("content", "echo %1 > @", "echo %2 > @", true),
    meeting("mode", "echo % > @; chmod 755 @", "echo % > @; chmod 700 @", true),
    meeting("owner", "echo % > @; chown 33 @", "echo % > @; chown 1000:33 @", true),
    meeting("target", "ln -s /one-% @", "ln -s /two-% @", true),
    meeting("file-folder", "echo % > @", "mkdir @", true),
    meeting("folder-mode", "mkdir @; chmod 755 @", "mkdir @; chmod 700 @", true),
    meeting("file-filled", "echo % > @", "mkdir @; echo % > @/inside", false),
    meeting("filled-file", "mkdir @; echo % > @/inside", "echo % > @", false),
    meeting("link-filled", "ln -s /usr @", "mkdir @; echo % > @/inside", false),
    meeting("base-link-filled", "rm -r @-base; ln -s etc @-base", "echo % > @-base/inside", false),
    meeting("delete-change", "rm @-file", "echo %2 > @-file", false),
    meeting("change-delete", "echo %1 > @-file", "rm @-file", false),
    meeting("delete-below", "rm -r @-base", "echo % > @-base/inside", false),
    meeting("below-delete", "rm @-base/old", "rm -r @-base", false),
];

impl Meeting {
    fn path(&self) -> String {
        format!("/s0/meet/{}", self.name)
    }

    fn parts(&self, salt: &str, wins: Option<usize>) -> Vec<Part> {
        let fragment = |at: usize| {
            let script = self.scripts[at].replace('@', &self.path()).replace('%', salt);
            let part = Part::new(&format!("{}-{at}", self.name), &["ground"], json!([{"run": script}]));
            if wins == Some(at) { part.with("wins", json!([self.path()])) } else { part }
        };
        vec![fragment(0), fragment(1)]
    }
}

/// What the meetings need: a file and a folder for each, in a fragment that all are built on.
fn ground(salt: &str) -> Part {
    let line = |one: &Meeting| {
        let path = one.path();
        format!("mkdir {path}-base; echo {salt} > {path}-base/old; echo {salt} > {path}-file")
    };
    let lines: Vec<String> =
        std::iter::once("mkdir /s0/meet".to_owned()).chain(MEETINGS.iter().map(line)).collect();
    Part::new("ground", &[], json!([{"run": lines}]))
}

fn parts(salt: &str, of: impl Fn(&Meeting) -> Option<Vec<Part>>) -> Vec<Part> {
    std::iter::once(ground(salt)).chain(MEETINGS.iter().filter_map(of).flatten()).collect()
}

/// The lines of the report on two fragments.
fn report<'s>(said: &'s str, lower: &str, upper: &str) -> Vec<&'s str> {
    let heading = format!("{:?} and {:?}", format!("{lower} 0.1.0"), format!("{upper} 0.1.0"));
    let from = said.lines().skip_while(|line| !line.contains(&heading));
    let of_others = |line: &&str| line.contains("\" and \"") && !line.contains(&heading);
    from.take_while(|line| !of_others(line)).collect()
}

#[test]
fn every_conflict_is_told_with_both_fragments_and_the_path() {
    let salt = unique();
    let project = merged(&field().reference, &parts(&salt, |one| Some(one.parts(&salt, None))));
    let outcome = project.build(&BuildOptions::default()).failed();
    let said = said(&outcome);
    for one in &MEETINGS {
        let lines = report(&said, &format!("{}-0", one.name), &format!("{}-1", one.name));
        assert!(lines.iter().any(|line| line.contains(&one.path())), "{}: {lines:#?} in\n{said}", one.name);
    }
    let headings = said.lines().filter(|line| line.contains("\" and \"")).count();
    assert_eq!(headings, MEETINGS.len(), "no two other fragments are in conflict:\n{said}");
}

#[test]
fn the_upper_one_wins_where_it_is_declared_and_can() {
    let salt = unique();
    let declared = parts(&salt, |one| one.can_win.then(|| one.parts(&salt, Some(1))));
    let tree = tree(&merged(&field().reference, &declared), &BuildOptions::default());
    let at = |name: &str| tree.at(&format!("s0/meet/{name}"));
    assert_content(&tree, "s0/meet/content", &format!("{salt}2\n"));
    assert_eq!(at("mode").mode, 0o700);
    assert_eq!(at("owner").owner(), (1000, 33));
    assert_eq!(at("target").kind, factory_tests::tree::Kind::Symlink(format!("/two-{salt}")));
    assert_eq!(at("file-folder").kind, factory_tests::tree::Kind::Directory);
    assert_eq!(at("folder-mode").mode, 0o700);
}

#[test]
fn wins_help_neither_the_lower_one_nor_what_cannot_win() {
    let salt = unique();
    let declared = parts(&salt, |one| Some(one.parts(&salt, Some(usize::from(!one.can_win)))));
    let outcome = merged(&field().reference, &declared).build(&BuildOptions::default()).failed();
    let said = said(&outcome);
    for one in &MEETINGS {
        let lines = report(&said, &format!("{}-0", one.name), &format!("{}-1", one.name)).join("\n");
        assert!(lines.contains(&one.path()), "{}:\n{said}", one.name);
        assert_eq!(lines.contains("is laid over it"), one.can_win, "{}: {lines}", one.name);
    }
}

/// Two fragments that say and do the same, however they do it.
#[test]
fn equal_bytes_are_no_conflict() {
    let salt = unique();
    let mut random = Random::new(1);
    let files: Vec<Value> = (0..20)
        .map(|at| {
            let mode = ["0644", "0755", "0600"][random.below(3)];
            json!({"file": {"path": format!("/s0/same/d{}/f{at}", at % 3), "content": format!("{salt} {at}"), "chmod": mode}})
        })
        .collect();
    let shell: Vec<String> = files
        .iter()
        .map(|file| {
            let word = |name: &str| file["file"][name].as_str().unwrap();
            format!(
                "mkdir -p $(dirname {0}); printf '%s' '{1}' > {0}; chmod {2} {0}",
                word("path"),
                word("content"),
                word("chmod")
            )
        })
        .collect();
    let both = json!([{"run": "rm /s0/bin/tool; ln -s etc /s0/to; ln /s0/etc/a /s0/etc/again"}]);
    let with =
        |first: Vec<Value>| Value::Array(first.into_iter().chain(both.as_array().unwrap().clone()).collect());
    let parts = [
        Part::new("typed", &[], with(files)),
        Part::new("shell", &[], with(vec![json!({"run": shell})])),
        Part::new("third", &[], both.clone()),
    ];
    let tree = tree(&merged(&field().reference, &parts), &BuildOptions::default());
    assert_content(&tree, "s0/same/d1/f1", &format!("{salt} 1"));
    assert!(tree.get("s0/bin/tool").is_none());
}
