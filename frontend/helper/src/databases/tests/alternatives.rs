//! Choices and their links.

use super::*;

const EDITOR: &str = "/var/lib/dpkg/alternatives/editor";

/// A group of alternatives with one link that follows: `mode`, then choices as `path priority [page]`.
fn group(mode: &str, choices: &[&str]) -> Node {
    let choice = |choice: &&str| {
        let mut words = choice.split(' ');
        let mut next = || words.next().unwrap_or_default();
        format!("{}\n{}\n{}\n", next(), next(), next())
    };
    let choices: String = choices.iter().map(choice).collect();
    file(&format!("{mode}\n/usr/bin/editor\neditor.1\n/man/editor.1\n\n{choices}\n"))
}

/// A root where a choice is made: the group, the link and the page.
fn chosen(group: Node, choice: &str, page: Option<&str>) -> Tree {
    let page = page.map(|page| ("/etc/alternatives/editor.1", link(page)));
    let links = [(EDITOR, group), ("/etc/alternatives/editor", link(choice))];
    tree(&links.into_iter().chain(page).collect::<Vec<_>>())
}

#[test]
fn alternatives_are_chosen_as_if_installed_in_order() {
    let none = tree(&[]);
    let vim = chosen(group("auto", &["/bin/vim 30 /man/vim.1"]), "/bin/vim", Some("/man/vim.1"));
    let nano = chosen(group("auto", &["/bin/nano 40 /man/nano.1"]), "/bin/nano", Some("/man/nano.1"));
    let bare = chosen(group("auto", &["/bin/bare 50"]), "/bin/bare", None);
    let unpacked = chosen(group("auto", &["/bin/nano 40 /man/nano.1"]), "/bin/nano", None);
    let equal = chosen(group("auto", &["/bin/also 30 /man/also.1"]), "/bin/also", Some("/man/also.1"));
    let kept = chosen(group("manual", &["/bin/vim 30 /man/vim.1"]), "/bin/vim", Some("/man/vim.1"));
    for (left, right, choice, page, gone) in [
        (&vim, &nano, "/bin/nano", Some("/man/nano.1"), false),
        (&nano, &vim, "/bin/nano", Some("/man/nano.1"), false),
        (&vim, &bare, "/bin/bare", None, true),
        (&vim, &unpacked, "/bin/nano", None, true),
        (&vim, &equal, "/bin/vim", Some("/man/vim.1"), false),
        (&equal, &vim, "/bin/also", Some("/man/also.1"), false),
        (&kept, &kept, "/bin/vim", Some("/man/vim.1"), false),
        (&vim, &none, "/bin/vim", Some("/man/vim.1"), false),
    ] {
        let merged = two(&none, left, right).unwrap();
        let target = |name: &str| merged.get(format!("/etc/alternatives/{name}").as_bytes()).map(text);
        assert_eq!(
            (target("editor").as_deref(), target("editor.1").as_deref()),
            (Some(choice), page),
            "{choice}"
        );
        let sides = [side("left", &[], &none, left), side("right", &[], &none, right)];
        let expected: Vec<_> = gone
            .then(|| (b"/man/editor.1".to_vec(), b"/etc/alternatives/editor.1".to_vec()))
            .into_iter()
            .collect();
        assert_eq!(abandoned_links(&none, &sides, &merged), expected, "{choice}");
    }
    let merged = two(&none, &vim, &nano).unwrap();
    let both = group("auto", &["/bin/nano 40 /man/nano.1", "/bin/vim 30 /man/vim.1"]);
    assert_eq!(merged[EDITOR.as_bytes()], both);
}

#[test]
fn a_choice_that_a_person_made_stays() {
    let all = ["/bin/nano 40 /man/nano.1", "/bin/vim 30 /man/vim.1"];
    let base = chosen(group("auto", &all), "/bin/nano", Some("/man/nano.1"));
    let vim = chosen(group("manual", &all), "/bin/vim", Some("/man/vim.1"));
    let nano = chosen(group("manual", &all), "/bin/nano", Some("/man/nano.1"));
    let more = chosen(group("auto", &[all[0], all[1], "/bin/zed 90"]), "/bin/zed", None);
    for (left, right) in [(&vim, &more), (&more, &vim)] {
        let merged = two(&base, left, right).unwrap();
        assert_eq!(text(&merged[&b"/etc/alternatives/editor"[..]]), "/bin/vim");
        assert_eq!(text(&merged[&b"/etc/alternatives/editor.1"[..]]), "/man/vim.1");
    }
    let without = chosen(group("auto", &["/bin/nano 40 /man/nano.1", "/bin/zed 90"]), "/bin/zed", None);
    let merged = two(&base, &vim, &without).unwrap();
    assert_eq!(text(&merged[&b"/etc/alternatives/editor"[..]]), "/bin/zed", "the choice is gone");
    let vi = chosen(group("manual", &[all[0], all[1], "/bin/zed 90"]), "/bin/zed", None);
    let conflicts = two(&base, &vim, &vi).unwrap_err();
    assert_eq!(conflicts[0].what, "the choice is /bin/vim or /bin/zed");
    assert_eq!(conflicts[0].between, (0, 1));
    let conflicts = two(&base, &vim, &nano).unwrap_err();
    assert_eq!(conflicts[0].what, "the choice is /bin/vim or /bin/nano");
    let other = chosen(
        group("auto", &["/bin/nano 50 /man/nano.1", "/bin/vim 30 /man/vim.1"]),
        "/bin/nano",
        Some("/man/nano.1"),
    );
    let third = chosen(
        group("auto", &["/bin/nano 60 /man/nano.1", "/bin/vim 30 /man/vim.1"]),
        "/bin/nano",
        Some("/man/nano.1"),
    );
    let conflicts = two(&base, &other, &third).unwrap_err();
    assert!(conflicts[0].what.starts_with("alternative"), "{}", conflicts[0].what);
}
