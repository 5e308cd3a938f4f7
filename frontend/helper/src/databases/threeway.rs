//! The three-way merge: a file as a list of items, each known by a key.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::order::sorted;

/// A part of a file that is merged as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// What it is about; no two items of a file have the same key.
    pub(super) key: Vec<u8>,
    /// What the file says of it.
    pub(super) value: Vec<u8>,
}

impl Item {
    /// An item of borrowed bytes.
    pub(super) fn new(key: &[u8], value: &[u8]) -> Self {
        Self { key: key.to_owned(), value: value.to_owned() }
    }
}

/// Three states of one item; None where the file does not have it.
#[derive(Clone, Copy)]
pub(super) struct States<'a> {
    /// As the merge has it so far.
    pub(super) now: Option<&'a [u8]>,
    /// As the side found it.
    pub(super) before: Option<&'a [u8]>,
    /// As the side left it.
    pub(super) after: Option<&'a [u8]>,
}

/// Makes one value of two different changes, if that is possible.
pub(super) type Combine = fn(States<'_>) -> Option<Vec<u8>>;

/// Where an item goes that a side added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// To the end, as programs do that only add.
    Append,
    /// After the item that it follows on its side, or to the end if nothing known follows it there.
    InPlace,
}

/// For items that are changed as a whole or not at all.
pub(super) fn never(_: States<'_>) -> Option<Vec<u8>> {
    None
}

/// What becomes of one item.
enum Decision {
    Keep,
    Set(Vec<u8>),
    Remove,
    Clash,
}

impl States<'_> {
    fn decide(self, combine: Combine) -> Decision {
        if self.before == self.after || self.now == self.after {
            return Decision::Keep;
        }
        if self.now == self.before {
            return self.after.map_or(Decision::Remove, |after| Decision::Set(after.to_owned()));
        }
        combine(self).map_or(Decision::Clash, Decision::Set)
    }
}

/// The places of items by key.
pub(super) type Index<'a> = BTreeMap<&'a [u8], usize>;

/// Where each key is.
pub(super) fn index(items: &[Item]) -> Index<'_> {
    let mut index = Index::new();
    for (at, item) in items.iter().enumerate() {
        index.insert(&item.key, at);
    }
    index
}

/// The value of an item.
pub(super) fn value<'a>(items: &'a [Item], key: &[u8]) -> Option<&'a [u8]> {
    items.iter().find(|item| item.key == key).map(|item| item.value.as_slice())
}

/// Tells items apart that were read with the same key: the second, the third and so on of them get a number.
pub(super) fn distinct(mut items: Vec<Item>) -> Vec<Item> {
    let mut seen = Index::new();
    let count = |item| {
        let times: &mut usize = seen.entry(item).or_default();
        *times += 1;
        *times - 1
    };
    let numbers: Vec<usize> = items.iter().map(|item| item.key.as_slice()).map(count).collect();
    for (item, number) in items.iter_mut().zip(numbers).filter(|(_, number)| *number > 0) {
        item.key.push(0);
        item.key.extend(number.to_be_bytes());
    }
    items
}

/// Carries the changes from `before` to `after` over to `now`: what changed stays where it is, what is new goes where
/// `order` says.
///
/// # Errors
/// The keys of items that were changed on both sides, and differ.
pub(super) fn merge(
    now: &[Item],
    before: &[Item],
    after: &[Item],
    order: Order,
    combine: Combine,
) -> Result<Vec<Item>, Vec<Vec<u8>>> {
    let indices = [index(now), index(before), index(after)];
    let state = |key: &[u8]| States {
        now: indices[0].get(key).map(|&at| now[at].value.as_slice()),
        before: indices[1].get(key).map(|&at| before[at].value.as_slice()),
        after: indices[2].get(key).map(|&at| after[at].value.as_slice()),
    };
    let mut clashes = Vec::new();
    let mut decide = |item: &Item| match state(&item.key).decide(combine) {
        Decision::Keep => Some(item.clone()),
        Decision::Set(value) => Some(Item { key: item.key.clone(), value }),
        Decision::Remove => None,
        Decision::Clash => {
            clashes.push(item.key.clone());
            None
        }
    };
    let kept: Vec<Option<Item>> = now.iter().map(&mut decide).collect();
    let mut added = Vec::new();
    for (place, item) in places(now.len(), after, &indices[0], order) {
        // What the side did not add, another one took away.
        if state(&item.key).before != Some(&item.value) {
            added.extend(decide(item).map(|item| (place, item)));
        }
    }
    // Changed items that `now` has not and `after` has not are gone on both sides.
    if clashes.is_empty() { Ok(woven(kept, added)) } else { Err(clashes) }
}

/// The items of `after` that `now` has not, each with the number of items of `now` that come before it.
fn places<'a>(end: usize, after: &'a [Item], now: &Index<'_>, order: Order) -> Vec<(usize, &'a Item)> {
    let known = |item: &Item| now.get(item.key.as_slice()).copied();
    let last = after.iter().rposition(|item| order == Order::InPlace && known(item).is_some());
    let tail = last.map_or(0, |last| last + 1);
    let mut place = 0;
    let mut new = Vec::new();
    for (at, item) in after.iter().enumerate() {
        match known(item) {
            Some(known) => place = known + 1,
            None => new.push((if at >= tail { end } else { place }, item)),
        }
    }
    sorted(&new, |a, b| a.0.cmp(&b.0))
}

/// Puts added items, sorted by place, between those that were there.
fn woven(kept: Vec<Option<Item>>, added: Vec<(usize, Item)>) -> Vec<Item> {
    let mut added = added.into_iter().peekable();
    let mut all = Vec::new();
    for (at, item) in kept.into_iter().enumerate() {
        while let Some((_, new)) = added.next_if(|(place, _)| *place <= at) {
            all.push(new);
        }
        all.extend(item);
    }
    all.extend(added.map(|(_, new)| new));
    all
}

/// A list of words as a set in order: the changes from `before` to `after` carried over to `now`.
pub(super) fn merge_words<'a>(now: &[&'a [u8]], before: &[&'a [u8]], after: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let removed = |word: &&[u8]| before.contains(word) && !after.contains(word);
    let added = |word: &&[u8]| !before.contains(word) && !now.contains(word);
    let kept = now.iter().filter(|word| !removed(word));
    kept.chain(after.iter().filter(|word| added(word))).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a=1 b` as items.
    fn items(text: &str) -> Vec<Item> {
        let pair = |word: &str| {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            Item::new(key.as_bytes(), value.as_bytes())
        };
        text.split_whitespace().map(pair).collect()
    }

    fn text(items: &[Item]) -> String {
        let word = |item: &Item| {
            let [key, value] =
                [&item.key, &item.value].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            if value.is_empty() { key } else { format!("{key}={value}") }
        };
        items.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    fn longest(states: States<'_>) -> Option<Vec<u8>> {
        [states.now?, states.after?].into_iter().max_by_key(|value| value.len()).map(<[u8]>::to_vec)
    }

    #[test]
    fn changes_of_both_sides_are_in_the_result() {
        for (now, before, after, expected) in [
            ("", "", "", ""),
            ("a b", "a b", "a b", "a b"),
            ("a b x", "a b", "a b y", "a b x y"),
            ("a b", "", "a b", "a b"),
            ("x", "", "y", "x y"),
            ("a b x", "a b", "a y b", "a y b x"),
            ("a b x", "a b", "y a b", "y a b x"),
            ("b x", "a b", "a y b", "y b x"),
            ("a b", "a b c", "a b c", "a b"),
            ("a b c", "a b c", "a c", "a c"),
            ("a c", "a b c", "a c", "a c"),
            ("a=1 b", "a=1 b", "a=2 b", "a=2 b"),
            ("a=2 b", "a=1 b", "a=2 b", "a=2 b"),
            ("a=2 b=1", "a=1 b=1", "a=1 b=2", "a=2 b=2"),
            ("c b a", "a b c", "a x b c y", "c b a x y"),
        ] {
            let merged = merge(&items(now), &items(before), &items(after), Order::InPlace, never);
            assert_eq!(
                merged.map(|items| text(&items)),
                Ok(expected.to_owned()),
                "{now} | {before} | {after}"
            );
        }
    }

    #[test]
    fn what_is_appended_never_comes_between() {
        let merged = merge(&items("a b x"), &items("a b"), &items("y a z b"), Order::Append, never).unwrap();
        assert_eq!(text(&merged), "a b x y z");
    }

    #[test]
    fn one_item_changed_in_two_ways_is_a_clash() {
        for (now, before, after, clashes) in [
            ("a=1", "", "a=2", vec!["a"]),
            ("a=2", "a=1", "a=3", vec!["a"]),
            ("", "a=1", "a=3", vec!["a"]),
            ("a=2", "a=1", "", vec!["a"]),
            ("a=2 b=2", "a=1 b=1", "a=3 b=3", vec!["a", "b"]),
        ] {
            let keys = merge(&items(now), &items(before), &items(after), Order::InPlace, never).unwrap_err();
            let expected: Vec<_> = clashes.iter().map(|key| key.as_bytes().to_vec()).collect();
            assert_eq!(keys, expected, "{now} | {before} | {after}");
        }
    }

    #[test]
    fn a_clash_may_be_combined() {
        let merged = merge(&items("a=2"), &items("a=1"), &items("a=33"), Order::InPlace, longest).unwrap();
        assert_eq!(text(&merged), "a=33");
        assert!(merge(&items(""), &items("a=1"), &items("a=33"), Order::InPlace, longest).is_err());
    }

    #[test]
    fn equal_keys_are_told_apart() {
        let keys: Vec<_> = distinct(items("a b a a")).into_iter().map(|item| item.key).collect();
        assert_eq!(keys[..2], [b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        let merged = merge(
            &distinct(items("a a x")),
            &distinct(items("a a")),
            &distinct(items("a a a")),
            Order::InPlace,
            never,
        );
        assert_eq!(merged.unwrap().len(), 4);
    }

    #[test]
    fn lists_of_words_are_sets_in_order() {
        for (now, before, after, expected) in [
            ("a b", "a b", "a b c", "a b c"),
            ("a b x", "a b", "a b c", "a b x c"),
            ("b x", "a b", "a b c", "b x c"),
            ("a b x", "a b", "b", "b x"),
            ("x", "", "x y", "x y"),
        ] {
            let words = |text: &'static str| text.split_whitespace().map(str::as_bytes).collect::<Vec<_>>();
            assert_eq!(merge_words(&words(now), &words(before), &words(after)), words(expected), "{now}");
        }
    }
}
