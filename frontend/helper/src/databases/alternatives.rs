//! Files of `update-alternatives`: the mode, the link, then the links that follow it, an empty line, and for each choice
//! its path, its priority, and a line for each following link, empty if the choice has no file for it.

use alloc::vec::Vec;

use super::lines::lines;
use super::order::sorted;
use super::threeway::{Item, index, value};

/// Keys of the two lines at the start; those of other items begin with another byte.
const MODE: &[u8] = b"mode";
const LINK: &[u8] = b"link";
const FOLLOWER: u8 = b'/';
const CHOICE: u8 = b'=';

/// No group has as many links and choices; a file that has them is none of `update-alternatives`.
const MOST_ITEMS: usize = 1000;

fn tagged(tag: u8, name: &[u8]) -> Vec<u8> {
    [&[tag], name].concat()
}

fn with_tag(items: &[Item], tag: u8) -> impl Iterator<Item = (&[u8], &[u8])> {
    items.iter().filter_map(move |item| Some((item.key.strip_prefix(&[tag])?, item.value.as_slice())))
}

/// The items of a group. A choice's value is its priority and then a name and a file for each link that follows.
pub(super) fn parse(text: &[u8]) -> Option<Vec<Item>> {
    let mut lines = lines(text)?;
    let mode = lines.next().filter(|mode| [&b"auto"[..], b"manual"].contains(mode))?;
    let mut items = Vec::from([Item::new(MODE, mode), Item::new(LINK, lines.next()?)]);
    let mut names = Vec::new();
    while let Some(name) = lines.next().filter(|line| !line.is_empty()) {
        items.push(Item { key: tagged(FOLLOWER, name), value: lines.next()?.to_vec() });
        names.push(name);
    }
    while let Some(path) = lines.next().filter(|line| !line.is_empty()) {
        let priority = lines.next()?;
        number(priority)?;
        let mut choice = Vec::from([priority]);
        for name in &names {
            let file = lines.next()?;
            choice.extend([*name, file].into_iter().filter(|_| !file.is_empty()));
        }
        items.push(Item { key: tagged(CHOICE, path), value: choice.join(&b'\n') });
    }
    (items.len() <= MOST_ITEMS && index(&items).len() == items.len()).then_some(items)
}

fn number(text: &[u8]) -> Option<i32> {
    core::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// The file of a group, sorted as `update-alternatives` writes it. Links that no choice has a file for are left out.
pub(super) fn render(items: &[Item]) -> Vec<u8> {
    let items = sorted(items, |a, b| a.key.cmp(&b.key));
    let text = |key| value(&items, key).unwrap_or_default();
    let mut lines = Vec::from([text(MODE), text(LINK)]);
    let is_used = |name: &&[u8]| with_tag(&items, CHOICE).any(|(_, choice)| file(choice, name).is_some());
    let followers = with_tag(&items, FOLLOWER).filter(|(name, _)| is_used(name));
    let (names, links): (Vec<_>, Vec<_>) = followers.unzip();
    lines.extend(names.iter().zip(links).flat_map(|(name, link)| [*name, link]));
    lines.push(b"");
    for (path, choice) in with_tag(&items, CHOICE) {
        lines.extend([path, priority_text(choice)]);
        lines.extend(names.iter().map(|name| file(choice, name).unwrap_or_default()));
    }
    lines.push(b"");
    lines.push(b"");
    lines.join(&b'\n')
}

fn priority_text(choice: &[u8]) -> &[u8] {
    choice.split(|&byte| byte == b'\n').next().unwrap_or_default()
}

/// What a choice has for a link that follows.
fn file<'a>(choice: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut lines = choice.split(|&byte| byte == b'\n').skip(1);
    while let Some(known) = lines.next() {
        let file = lines.next()?;
        if known == name {
            return Some(file);
        }
    }
    None
}

/// Whether the best choice is taken, and no person's.
pub(super) fn is_auto(items: &[Item]) -> bool {
    value(items, MODE) == Some(b"auto")
}

/// The paths of the choices.
pub(super) fn choices(items: &[Item]) -> impl Iterator<Item = &[u8]> {
    with_tag(items, CHOICE).map(|(path, _)| path)
}

/// The choice with the highest priority; of equal ones the first.
pub(super) fn best(items: &[Item]) -> Option<&[u8]> {
    let mut best: Option<(&[u8], i32)> = None;
    for (path, choice) in with_tag(items, CHOICE) {
        let priority = number(priority_text(choice))?;
        if best.is_none_or(|(_, highest)| priority > highest) {
            best = Some((path, priority));
        }
    }
    best.map(|(path, _)| path)
}

/// The links that follow: their names in `/etc/alternatives`, where they are, what a choice has for them.
pub(super) fn followers<'a>(
    items: &'a [Item],
    choice: Option<&[u8]>,
) -> impl Iterator<Item = (&'a [u8], &'a [u8], Option<&'a [u8]>)> {
    let choice = choice.and_then(|path| value(items, &tagged(CHOICE, path)));
    with_tag(items, FOLLOWER)
        .map(move |(name, link)| (name, link, choice.and_then(|choice| file(choice, name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDITOR: &str = "auto\n/usr/bin/editor\na.1\n/man/a.1\nb.1\n/man/b.1\n\n\
        /bin/nano\n40\n/man/nano.1\n\n/usr/bin/ed\n-100\n/man/ed.1\n/man/b/ed.1\n\n";

    #[test]
    fn what_is_read_is_written() {
        let items = parse(EDITOR.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(render(&items)).unwrap(), EDITOR);
        assert_eq!(best(&items), Some(&b"/bin/nano"[..]));
        assert!(is_auto(&items));
        let all: Vec<_> = followers(&items, Some(b"/bin/nano")).collect();
        assert_eq!(
            all,
            [
                (&b"a.1"[..], &b"/man/a.1"[..], Some(&b"/man/nano.1"[..])),
                (&b"b.1"[..], &b"/man/b.1"[..], None)
            ]
        );
        let none = "manual\n/x\n\n\n";
        assert_eq!(render(&parse(none.as_bytes()).unwrap()), none.as_bytes());
    }

    #[test]
    fn links_that_no_choice_follows_are_left_out() {
        let text = "auto\n/x\na\n/a\nb\n/b\n\n/1\n5\n\n/b1\n\n";
        let written = "auto\n/x\nb\n/b\n\n/1\n5\n/b1\n\n";
        assert_eq!(render(&parse(text.as_bytes()).unwrap()), written.as_bytes());
    }

    #[test]
    fn of_equal_priorities_the_first_is_best() {
        for (text, expected) in [
            ("auto\n/x\n\n/b\n5\n/a\n5\n\n", Some("/b")),
            ("auto\n/x\n\n/b\n5\n/a\n6\n\n", Some("/a")),
            ("auto\n/x\n\n/b\n-5\n/a\n-6\n\n", Some("/b")),
            ("auto\n/x\n\n\n", None),
        ] {
            assert_eq!(best(&parse(text.as_bytes()).unwrap()), expected.map(str::as_bytes), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_group_is_refused() {
        for text in [
            "",
            "auto",
            "other\n/x\n\n\n",
            "auto\n/x\na\n",
            "auto\n/x\n\n/b\n",
            "auto\n/x\n\n/b\nfive\n\n",
            "auto\n/x\na\n/a\n\n/b\n5",
            "auto\n/x\n\n/b\n5\n/b\n6\n\n",
            "auto\n/x\0\n\n\n",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
