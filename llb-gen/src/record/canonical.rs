//! JSON in one form: members sorted by name, no blanks. What is hashed has no other.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::llb::OpDigest;

/// `value` in canonical form.
pub(crate) fn canonical(value: &impl Serialize) -> Vec<u8> {
    let value =
        serde_json::to_value(value).expect("our own types have texts for names and no broken numbers");
    canonical_text(&value).into_bytes()
}

/// `value` in canonical form.
pub(crate) fn canonical_text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            // Whatever map the library was built with.
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            list(out, ['{', '}'], sorted, |(name, value), out| {
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                write(value, out);
            });
        }
        Value::Array(items) => list(out, ['[', ']'], items, write),
        plain => out.push_str(&plain.to_string()),
    }
}

fn list<T>(
    out: &mut String,
    brackets: [char; 2],
    items: impl IntoIterator<Item = T>,
    one: impl Fn(T, &mut String),
) {
    out.push(brackets[0]);
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        one(item, out);
    }
    out.push(brackets[1]);
}

/// The SHA-256 of `bytes`, `sha256:<64 lower-case hex digits>`.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    OpDigest::of(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn there_is_one_form() {
        let value = json!({"b": [1, 2.5, null], "a": {"z": "é\n", "y": true}});
        assert_eq!(canonical_text(&value), r#"{"a":{"y":true,"z":"é\n"},"b":[1,2.5,null]}"#);
        assert_eq!(canonical_text(&json!({})), "{}");
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        // FIPS 180-2, B.1.
        assert_eq!(sha256(b"abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
