//! Users and groups: a record a line, its fields between colons. What is no record is an item as it stands.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::format::Rivals;
use super::lines::{self, lines};
use super::order::sorted;
use super::threeway::{Item, States, distinct, merge_words};

/// The field of passwd(5) and group(5) that holds the number.
const ID: usize = 2;
/// The fields of gshadow(5) that list users: administrators and members. In group(5) only the second does.
const LISTS: [usize; 2] = [2, 3];

/// Records, known by their first field.
pub(super) fn parse(text: &[u8]) -> Option<Vec<Item>> {
    let item = |line: &[u8]| Item::new(if is_record(line) { field(line, 0) } else { line }, line);
    Some(distinct(lines(text)?.map(item).collect()))
}

fn is_record(line: &[u8]) -> bool {
    line.contains(&b':') && !line.starts_with(b"#") && !is_handover(line)
}

/// A line such as `+::::::` or `-name`, which takes entries from a network service or leaves some out.
fn is_handover(line: &[u8]) -> bool {
    line.starts_with(b"+") || line.starts_with(b"-")
}

/// Records as they come, and handovers last, since what follows them has no effect.
pub(super) fn render(items: &[Item]) -> Vec<u8> {
    lines::render(&sorted(items, |a, b| is_handover(&a.value).cmp(&is_handover(&b.value))))
}

fn fields(line: &[u8]) -> Vec<&[u8]> {
    line.split(|&byte| byte == b':').collect()
}

fn field(line: &[u8], at: usize) -> &[u8] {
    line.split(|&byte| byte == b':').nth(at).unwrap_or_default()
}

fn number(line: &[u8], at: usize) -> Option<u64> {
    let digits = field(line, at);
    let plain = digits.first().is_some_and(u8::is_ascii_digit);
    core::str::from_utf8(digits).ok().filter(|_| plain).and_then(|digits| digits.parse().ok())
}

/// Unites what two sides did to the members of a group, if the rest of it agrees.
pub(super) fn combine_members(states: States<'_>) -> Option<Vec<u8>> {
    combine_lists(states, &LISTS[1..])
}

/// The same for gshadow(5), which has administrators too.
pub(super) fn combine_shadow_members(states: States<'_>) -> Option<Vec<u8>> {
    combine_lists(states, &LISTS)
}

fn combine_lists(states: States<'_>, lists: &[usize]) -> Option<Vec<u8>> {
    let (now, after) = (fields(states.now?), fields(states.after?));
    let before = states.before.map(fields);
    if now.len() != after.len() || before.as_ref().is_some_and(|before| before.len() != now.len()) {
        return None;
    }
    let one = |at: usize| {
        let before = before.as_ref().map(|fields| fields[at]);
        match (now[at], after[at]) {
            (now, after) if now == after || before == Some(after) => Some(now.to_vec()),
            (now, after) if before == Some(now) => Some(after.to_vec()),
            (now, after) if lists.contains(&at) => {
                let [now, before, after] = [now, before.unwrap_or_default(), after].map(users);
                Some(merge_words(&now, &before, &after).join(&b','))
            }
            _ => None,
        }
    };
    let combined: Option<Vec<_>> = (0..now.len()).map(one).collect();
    combined.map(|fields| fields.join(&b':'))
}

fn users(list: &[u8]) -> Vec<&[u8]> {
    list.split(|&byte| byte == b',').filter(|user| !user.is_empty()).collect()
}

/// Users with one number.
pub(super) fn same_uid(items: &[Item]) -> Vec<Rivals> {
    same_id(items, "users", "uid")
}

/// Groups with one number.
pub(super) fn same_gid(items: &[Item]) -> Vec<Rivals> {
    same_id(items, "groups", "gid")
}

fn same_id(items: &[Item], who: &str, what: &str) -> Vec<Rivals> {
    let id =
        |(at, item): (usize, &Item)| Some((number(&item.value, ID).filter(|_| is_record(&item.value))?, at));
    let ids: Vec<_> = items.iter().enumerate().filter_map(id).collect();
    let ids = sorted(&ids, Ord::cmp);
    let twice = ids.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    let rivals = |pair: &[(u64, usize)]| {
        let at = [pair[0].1, pair[1].1];
        let what = format!("{who} {} both have the {what} {}", names(items, at), pair[0].0);
        Rivals { at, what, help: SHARED_BELOW }
    };
    twice.map(rivals).collect()
}

/// What to do when two fragments take one number.
const SHARED_BELOW: &str =
    "make these accounts in a fragment that both build on, or let one build on the other";

fn names(items: &[Item], at: [usize; 2]) -> String {
    let [left, right] = at.map(|at| field(&items[at].value, 0).escape_ascii());
    format!("\"{left}\" and \"{right}\"")
}

/// Subordinate numbers that two users have.
pub(super) fn same_range(items: &[Item]) -> Vec<Rivals> {
    let range = |(at, item): (usize, &Item)| {
        let start = number(&item.value, 1)?;
        Some((start, start.saturating_add(number(&item.value, 2)?), at))
    };
    let ranges: Vec<_> = items.iter().enumerate().filter_map(range).collect();
    let mut rivals = Vec::new();
    let mut furthest = (0, 0);
    for (start, end, at) in sorted(&ranges, Ord::cmp) {
        if start < furthest.0 {
            let at = [furthest.1, at];
            let what = format!("subordinate numbers of {} overlap at {start}", names(items, at));
            rivals.push(Rivals { at, what, help: SHARED_BELOW });
        }
        furthest = furthest.max((end, at));
    }
    rivals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_known_by_name_and_handovers_stay_last() {
        let items = parse(b"# root:x:0\nroot:x:0:0\n\n+::::\n").unwrap();
        let keys: Vec<_> = items.iter().map(|item| item.key.as_slice()).collect();
        assert_eq!(keys, [&b"# root:x:0"[..], b"root", b"", b"+::::"]);
        let more = [items, parse(b"a:x:1:").unwrap()].concat();
        assert_eq!(render(&more), b"# root:x:0\nroot:x:0:0\n\na:x:1:\n+::::\n");
    }

    #[test]
    fn members_are_united_where_the_rest_agrees() {
        for (now, before, after, expected) in [
            ("g:x:1:a,x", Some("g:x:1:a"), "g:x:1:a,y", Some("g:x:1:a,x,y")),
            ("g:x:1:x", None, "g:x:1:y", Some("g:x:1:x,y")),
            ("g:x:1:", Some("g:x:1:a"), "g:x:1:a,b", Some("g:x:1:b")),
            ("g:x:1:a", Some("g:x:1:"), "g:!:1:b", Some("g:!:1:a,b")),
            ("g:x:1:a", None, "g:x:2:b", None),
            ("g:x:2:a", Some("g:x:1:a"), "g:x:3:a", None),
            ("g:x:1", None, "g:x:1:b", None),
            ("g:x:1:x", Some("g:x:1"), "g:x:1:b", None),
        ] {
            let [now_bytes, after_bytes] = [now, after].map(|text| Some(text.as_bytes()));
            let states = States { now: now_bytes, before: before.map(str::as_bytes), after: after_bytes };
            let combined = combine_members(states).map(|line| String::from_utf8(line).unwrap());
            assert_eq!(combined.as_deref(), expected, "{now} {after}");
        }
        let states = States { now: Some(b"g:!:a:x"), before: Some(b"g:!::"), after: Some(b"g:!:b:y") };
        assert_eq!(combine_shadow_members(states), Some(b"g:!:a,b:x,y".to_vec()));
        assert_eq!(combine_members(states), None);
    }

    #[test]
    fn numbers_that_two_names_have_are_found() {
        let items = parse(b"a:x:1:\nb:x:2:\n#c:x:1:\nd:x:1:\ne:x:+2:\nf\ng:x:1:\n").unwrap();
        let found: Vec<_> = same_uid(&items).into_iter().map(|rivals| rivals.what).collect();
        assert_eq!(
            found,
            ["users \"a\" and \"d\" both have the uid 1", "users \"d\" and \"g\" both have the uid 1"]
        );
        assert_eq!(same_gid(&items)[0].what, "groups \"a\" and \"d\" both have the gid 1");
        let items =
            parse(b"a:100:10\nb:110:10\nc:105:1\nd:300:18446744073709551615\ne:400:1\nf:x:1\n").unwrap();
        let found: Vec<_> = same_range(&items).into_iter().map(|rivals| rivals.what).collect();
        let overlap = |names: &str, at: u32| format!("subordinate numbers of {names} overlap at {at}");
        assert_eq!(found, [overlap("\"a\" and \"c\"", 105), overlap("\"d\" and \"e\"", 400)]);
    }
}
