//! What came, what went, and what is another.

use std::collections::BTreeMap;

use serde::Serialize;

/// Something that both have, and that is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What.
    pub name: String,
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
}

/// What changed in a list of named things.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// What only the second has: names and values.
    pub added: BTreeMap<String, String>,
    /// What only the first has.
    pub removed: BTreeMap<String, String>,
    /// What both have with other values.
    pub changed: Vec<Change>,
}

impl Changes {
    /// From `a` to `b`.
    #[must_use]
    pub fn of(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Self {
        let only = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
            one.iter()
                .filter(|(name, _)| !other.contains_key(*name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        let changed = a.iter().filter_map(|(name, from)| {
            let to = b.get(name).filter(|to| *to != from)?;
            Some(Change { name: name.clone(), from: from.clone(), to: to.clone() })
        });
        Self { added: only(b, a), removed: only(a, b), changed: changed.collect() }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_went() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let found = Changes::of(
            &map(&[("a", "1"), ("b", "1"), ("c", "1")]),
            &map(&[("b", "2"), ("c", "1"), ("d", "1")]),
        );
        assert_eq!((found.removed, found.added), (map(&[("a", "1")]), map(&[("d", "1")])));
        assert_eq!(found.changed, [Change { name: "b".into(), from: "1".into(), to: "2".into() }]);
        assert!(Changes::of(&map(&[("a", "1")]), &map(&[("a", "1")])).is_empty());
    }
}
