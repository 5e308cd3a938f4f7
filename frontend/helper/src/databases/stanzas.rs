//! Files of stanzas: fields on lines, and an empty line after each stanza.

use alloc::vec::Vec;

use super::lines::lines;
use super::order::sorted;
use super::threeway::{Item, States, distinct, merge_words};

/// The stanzas of a text, each with the line end of its last line. None: there is a zero byte.
fn stanzas(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut all = Vec::from([Vec::new()]);
    for line in lines(text)? {
        match all.last_mut() {
            Some(stanza) if !line.is_empty() => stanza.extend([line, b"\n"].concat()),
            Some(stanza) if stanza.is_empty() => {}
            _ => all.push(Vec::new()),
        }
    }
    all.retain(|stanza| !stanza.is_empty());
    Some(all)
}

/// The value of a field on one line, without spaces around it.
pub(crate) fn field<'a>(stanza: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let value = |line: &'a [u8]| {
        let (head, value) = line.split_at_checked(name.len())?;
        head.eq_ignore_ascii_case(name.as_bytes()).then_some(())?;
        value.strip_prefix(b":").map(<[u8]>::trim_ascii)
    };
    stanza.split(|&byte| byte == b'\n').find_map(value)
}

/// Stanzas that are known by some of their fields, the first of which each must have.
fn parse(text: &[u8], fields: &[&str]) -> Option<Vec<Item>> {
    let item = |stanza: Vec<u8>| {
        field(&stanza, fields[0])?;
        let key: Vec<_> = fields.iter().map(|name| field(&stanza, name).unwrap_or_default()).collect();
        Some(Item { key: key.join(&0), value: stanza })
    };
    stanzas(text)?.into_iter().map(item).collect::<Option<_>>().map(distinct)
}

/// Stanzas of dpkg and apt.
pub(super) fn parse_packages(text: &[u8]) -> Option<Vec<Item>> {
    parse(text, &["Package", "Architecture"])
}

/// Stanzas of debconf.
pub(super) fn parse_questions(text: &[u8]) -> Option<Vec<Item>> {
    parse(text, &["Name"])
}

/// Stanzas in the order they have.
pub(super) fn render(items: &[Item]) -> Vec<u8> {
    items.iter().flat_map(|item| [&item.value[..], b"\n"].concat()).collect()
}

/// Stanzas in the order of their keys, in which dpkg and debconf keep them.
pub(super) fn render_sorted(items: &[Item]) -> Vec<u8> {
    render(&sorted(items, |a, b| a.key.cmp(&b.key)))
}

/// The field of a debconf question that lists the packages which ask it.
const OWNERS: &str = "Owners";

/// Unites the owners of a question on which the sides agree in all else.
pub(super) fn combine_owners(states: States<'_>) -> Option<Vec<u8>> {
    let (now, after) = (states.now?, states.after?);
    let before = states.before.unwrap_or_default();
    let rest = match [now, before, after].map(without_owners) {
        [now, before, after] if after == before || after == now => now,
        [now, before, after] if now == before => after,
        _ => return None,
    };
    let [now, before, after] = [now, before, after].map(owners);
    let owners = sorted(&merge_words(&now, &before, &after), Ord::cmp);
    Some(with_owners(&rest, &owners.join(&b", "[..])))
}

fn is_owners(line: &[u8]) -> bool {
    field(line, OWNERS).is_some()
}

/// A stanza whose line of owners is empty.
fn without_owners(stanza: &[u8]) -> Vec<u8> {
    with_owners(stanza, b"")
}

fn with_owners(stanza: &[u8], owners: &[u8]) -> Vec<u8> {
    let line = [OWNERS.as_bytes(), b": ", owners, b"\n"].concat();
    let lines = stanza.split_inclusive(|&byte| byte == b'\n');
    lines.map(|old| if is_owners(old) { line.as_slice() } else { old }).collect::<Vec<_>>().concat()
}

fn owners(stanza: &[u8]) -> Vec<&[u8]> {
    let listed = field(stanza, OWNERS).unwrap_or_default().split(|&byte| byte == b',');
    listed.map(<[u8]>::trim_ascii).filter(|owner| !owner.is_empty()).collect()
}

/// The field by which apt knows a package that was installed for another one only.
const AUTO: &str = "Auto-Installed";

/// Whether a stanza of `extended_states` says that its package was installed for another one only.
pub(super) fn is_auto(stanza: &[u8]) -> bool {
    field(stanza, AUTO) == Some(b"1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_end_at_empty_lines() {
        for (text, written) in [
            ("", ""),
            ("Package: a\n\n", "Package: a\n\n"),
            (
                "\n\nPackage: a\nDescription: x\n y\n .\n\n\nPackage: b",
                "Package: a\nDescription: x\n y\n .\n\nPackage: b\n\n",
            ),
        ] {
            let items = parse_packages(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(render(&items)).unwrap(), written);
        }
        assert_eq!(parse_packages(b"Version: 1\n\n"), None);
        assert_eq!(parse_packages(b"Package: a\n\0\n"), None);
        assert!(parse_packages(b"Package: \xff\n").is_some());
    }

    #[test]
    fn packages_are_known_by_name_and_architecture() {
        let text = b"Package: b\nArchitecture: amd64\n\nPackage: b\nArchitecture: i386\n\nPackage: a-x\nArchitecture: all\n\nPackage: a\n\n";
        let items = parse_packages(text).unwrap();
        let keys: Vec<_> = items.iter().map(|item| item.key.as_slice()).collect();
        assert_eq!(keys, [&b"b\0amd64"[..], b"b\0i386", b"a-x\0all", b"a\0"]);
        let sorted = parse_packages(&render_sorted(&items)).unwrap();
        let keys: Vec<_> = sorted.iter().map(|item| item.key.as_slice()).collect();
        assert_eq!(keys, [&b"a\0"[..], b"a-x\0all", b"b\0amd64", b"b\0i386"]);
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let stanza = b"Package: a\nPre-Depends: x\ndepends:  y \nDescription: z\n Depends: no\n";
        for (name, value) in
            [("Depends", Some("y")), ("Pre-Depends", Some("x")), ("Descr", None), ("No", None)]
        {
            assert_eq!(field(stanza, name), value.map(str::as_bytes), "{name}");
        }
    }

    #[test]
    fn owners_are_united_where_all_else_agrees() {
        let q =
            |owners: &str, flags: &str| format!("Name: q\nOwners: {owners}\nFlags: {flags}\n").into_bytes();
        for (now, before, after, expected) in [
            (q("c, a", ""), None, q("b", ""), Some(q("a, b, c", ""))),
            (q("a, b", ""), Some(q("a", "")), q("a, c", "seen"), Some(q("a, b, c", "seen"))),
            (q("b", "x"), Some(q("a", "")), q("a, c", ""), Some(q("b, c", "x"))),
            (q("a", "x"), Some(q("a", "")), q("a", "y"), None),
            (q("a", "x"), None, q("a", "y"), None),
        ] {
            let states = States { now: Some(&now), before: before.as_deref(), after: Some(&after) };
            assert_eq!(combine_owners(states), expected);
        }
        assert_eq!(combine_owners(States { now: None, before: None, after: Some(&q("a", "")) }), None);
    }

    #[test]
    fn apt_says_which_packages_are_automatic() {
        for (value, expected) in [("Auto-Installed: 1", true), ("Auto-Installed: 0", false), ("X: 1", false)]
        {
            assert_eq!(is_auto(format!("Package: a\n{value}\n").as_bytes()), expected, "{value}");
        }
    }
}
