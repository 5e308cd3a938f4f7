//! A manifest with some of its members replaced, as text: everything else stays as its author wrote it.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::exit::{Error, Result};

/// A member of a manifest that is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The version of a fragment.
    Fragment {
        /// The fragment's name.
        name: String,
        /// Its version instead of the manifest's.
        version: String,
    },
    /// A member of the manifest itself, such as `base`; without a value it is left out.
    Member {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: Option<String>,
    },
}

/// An object's members in their order.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Members {
    fn of(value: &RawValue) -> serde_json::Result<Self> {
        serde_json::from_str(value.get())
    }

    fn set(&mut self, name: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    fn text(&self) -> serde_json::Result<String> {
        let member = |(name, value): &(String, Box<RawValue>)| {
            Ok(format!("{}: {}", serde_json::to_string(name)?, value.get()))
        };
        let members: Vec<String> = self.0.iter().map(member).collect::<serde_json::Result<_>>()?;
        Ok(format!("{{\n  {}\n}}", members.join(",\n  ")))
    }
}

/// The manifest `text` with `changes`. Lines before its JSON (`# syntax=…`) stay.
///
/// # Errors
/// The text is no manifest.
pub(super) fn manifest(text: &str, changes: &[Change]) -> Result<String> {
    let (before, json) = text.split_at(text.find('{').unwrap_or(0));
    let changed = changed(json, changes).map_err(|fault| Error::Usage(format!("the manifest: {fault}")))?;
    Ok(format!("{}{changed}\n", before.trim_start_matches('\u{feff}')))
}

fn changed(json: &str, changes: &[Change]) -> serde_json::Result<String> {
    let mut members: Members = serde_json::from_str(json)?;
    for change in changes {
        match change {
            Change::Member { name, value: None } => members.0.retain(|(known, _)| known != name),
            Change::Member { name, value: Some(value) } => members.set(name, to_raw_value(value)?),
            Change::Fragment { name, version } => {
                let Some(fragments) = members.get("fragments") else { continue };
                let fragments = selected(fragments, name, version)?;
                members.set("fragments", fragments);
            }
        }
    }
    members.text()
}

/// The member `fragments` with another version of one of them.
fn selected(fragments: &RawValue, name: &str, version: &str) -> serde_json::Result<Box<RawValue>> {
    if let Ok(mut slots) = Members::of(fragments) {
        slots.set(name, to_raw_value(version)?);
        return RawValue::from_string(slots.text()?);
    }
    let mut list: Vec<Box<RawValue>> = serde_json::from_str(fragments.get())?;
    for entry in &mut list {
        let mut one = Members::of(entry)?;
        if one
            .get("name")
            .is_some_and(|known| serde_json::from_str::<String>(known.get()).ok().as_deref() == Some(name))
        {
            one.set("version", to_raw_value(version)?);
            *entry = RawValue::from_string(one.text()?)?;
        }
    }
    to_raw_value(&list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(name: &str) -> Change {
        Change::Fragment { name: name.into(), version: "9.0.0".into() }
    }

    #[test]
    fn what_is_not_changed_stays_in_its_order() {
        let text = "# syntax=f:1\n{\"id\": \"a\", \"env\": {\"Z\": \"1\", \"A\": \"${Z}\"}, \"base\": \"x:1\", \"accelerator\": \"cuda\",\n\
                    \"fragments\": {\"b\": \"1.0.0\", \"a\": \"1.0.0\"}}\n";
        let base = Change::Member { name: "base", value: Some("y:2".into()) };
        let none = Change::Member { name: "accelerator", value: None };
        assert_eq!(
            manifest(text, &[version("a"), base, none]).unwrap(),
            "# syntax=f:1\n{\n  \"id\": \"a\",\n  \"env\": {\"Z\": \"1\", \"A\": \"${Z}\"},\n  \"base\": \"y:2\",\n  \
             \"fragments\": {\n  \"b\": \"1.0.0\",\n  \"a\": \"9.0.0\"\n}\n}\n"
        );
    }

    #[test]
    fn a_list_of_fragments_is_changed_too() {
        let text = r#"{"fragments": [{"name": "a", "version": "1.0.0"}, {"version": "1.0.0", "name": "b"}]}"#;
        let changed = manifest(text, &[version("b")]).unwrap();
        let value: serde_json::Value = serde_json::from_str(&changed).unwrap();
        assert_eq!(value["fragments"][0]["version"], "1.0.0");
        assert_eq!(value["fragments"][1]["version"], "9.0.0");
        assert!(manifest("{", &[]).is_err());
    }
}
