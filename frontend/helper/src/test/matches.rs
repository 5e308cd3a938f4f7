//! What is expected of a text: an output, a body, a header, the content of a file.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;
use serde::de::{
    self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer,
};
use serde_json::{Number, Value};

use super::pattern::Pattern;

/// How much of a text is shown in a message, in bytes.
const SHOWN: usize = 200;

/// One expectation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Match {
    /// The text is somewhere in it.
    Contains(String),
    /// It is this text, but for one newline at the end.
    Equals(String),
    /// The expression matches somewhere.
    Matches(Pattern),
    /// It is JSON, and at each pointer (RFC 6901) there is this value.
    Json(BTreeMap<Pointer, Value>),
}

/// All that is expected of one text: nothing, one expectation or a list of them. A text alone is to be contained.
#[derive(Debug, Default)]
pub(super) struct Matches(Vec<Match>);

/// A JSON pointer: empty, or beginning with a slash.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pointer(String);

/// How one expectation turned out: what it is, and why it is not met.
pub(super) type Checked = (String, Result<(), String>);

impl Matches {
    /// Whether nothing is expected.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares each expectation with a text; `subject` is what the text is called in messages. `is_complete`: nothing of it
    /// was dropped.
    pub(super) fn check(&self, subject: &str, text: &[u8], is_complete: bool) -> Vec<Checked> {
        self.0.iter().flat_map(|one| one.check(subject, text, is_complete)).collect()
    }
}

impl Match {
    fn check(&self, subject: &str, text: &[u8], is_complete: bool) -> Vec<Checked> {
        let (what, is_met) = match self {
            Self::Contains(wanted) => {
                (format!("{subject} contains {wanted:?}"), contains(text, wanted.as_bytes()))
            }
            Self::Equals(wanted) => {
                let is_met = is_complete && without_newline(text) == without_newline(wanted.as_bytes());
                (format!("{subject} equals {wanted:?}"), is_met)
            }
            Self::Matches(pattern) => {
                (format!("{subject} matches {:?}", pattern.text()), pattern.is_in(text))
            }
            Self::Json(values) => return check_json(values, subject, text),
        };
        let why = || format!("expected that {what}, got {}", shown(text));
        let result = if is_met { Ok(()) } else { Err(why()) };
        Vec::from([(what, result)])
    }
}

fn check_json(values: &BTreeMap<Pointer, Value>, subject: &str, text: &[u8]) -> Vec<Checked> {
    let parsed = serde_json::from_slice::<Value>(text);
    let parsed = parsed.map_err(|err| format!("{subject} is no JSON: {err}; got {}", shown(text)));
    let check = |(pointer, wanted): (&Pointer, &Value)| {
        let place = if pointer.0.is_empty() { "as JSON" } else { &pointer.0 };
        let what = format!("{subject} {place} is {wanted}");
        let result =
            parsed.as_ref().map_err(Clone::clone).and_then(|found| match found.pointer(&pointer.0) {
                Some(found) if is_equal(found, wanted) => Ok(()),
                Some(found) => Err(format!("expected that {what}, got {}", cut(&format!("{found}")))),
                None => Err(format!("expected that {what}, but there is nothing")),
            });
        (what, result)
    };
    values.iter().map(check).collect()
}

/// Equal as JSON values: 1 is 1.0.
fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => is_equal_number(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let same = |(name, value)| right.get(name).is_some_and(|other| is_equal(value, other));
            left.len() == right.len() && left.iter().all(same)
        }
        _ => left == right,
    }
}

fn is_equal_number(left: &Number, right: &Number) -> bool {
    left == right || (left.is_f64() != right.is_f64() && left.as_f64() == right.as_f64())
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    let mut rest = text;
    let Some(&first) = wanted.first() else { return true };
    while let Some(at) = rest.iter().position(|&byte| byte == first) {
        rest = &rest[at..];
        if rest.starts_with(wanted) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

fn without_newline(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// A text for a message, quoted and not too long.
fn shown(text: &[u8]) -> String {
    if text.is_empty() {
        return "nothing".into();
    }
    let start = &text[..text.len().min(SHOWN)];
    let more =
        if text.len() > SHOWN { format!(" (and {} bytes more)", text.len() - SHOWN) } else { String::new() };
    format!("{:?}{more}", super::verdict::readable(start))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.into(),
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() || text.starts_with('/') {
            return Ok(Self(text));
        }
        Err(de::Error::custom(format!("{text:?} is no JSON pointer: it has to begin with \"/\"")))
    }
}

impl<'de> Deserialize<'de> for Matches {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMany)
    }
}

/// Reads [`Matches`] in any of its forms.
struct OneOrMany;

impl<'de> Visitor<'de> for OneOrMany {
    type Value = Matches;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, an expectation or a list of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Matches, E> {
        Ok(Matches([Match::Contains(text.into())].into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Matches, A::Error> {
        let one = Match::deserialize(MapAccessDeserializer::new(&mut map))?;
        match map.next_key::<IgnoredAny>()? {
            None => Ok(Matches([one].into())),
            Some(_) => Err(de::Error::custom("an expectation has exactly one member")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Matches, A::Error> {
        let mut all = Vec::new();
        while let Some(Matches(more)) = list.next_element()? {
            all.extend(more);
        }
        Ok(Matches(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_failure(matches: &str, text: &[u8]) -> Option<String> {
        let matches: Matches = serde_json::from_str(matches).unwrap();
        matches.check("stdout", text, true).into_iter().find_map(|(_, result)| result.err())
    }

    #[test]
    fn expectations_are_met_by_what_they_say() {
        for (matches, text) in [
            (r#""b c""#, "a b c"),
            (r#"["a", {"contains": "b"}]"#, "ab"),
            (r#"{"contains": ""}"#, ""),
            (r#"{"contains": "aab"}"#, "aaab"),
            (r#"{"equals": "a"}"#, "a\n"),
            (r#"{"equals": "a\n"}"#, "a"),
            (r#"{"equals": "a"}"#, "a\r\n"),
            (r#"{"matches": "^[0-9]+$"}"#, "12"),
            (
                r#"{"json": {"/a/0/b~1c": 1, "/d": null, "": {"a": [{"b/c": 1.0}], "d": null}}}"#,
                "{\"a\":[{\"b/c\":1}],\"d\":null}",
            ),
            ("[]", "x"),
        ] {
            assert_eq!(first_failure(matches, text.as_bytes()), None, "{matches}");
        }
    }

    #[test]
    fn failures_say_what_was_expected_and_what_there_is() {
        for (matches, text, expected) in [
            (r#""x""#, &b"abc\n"[..], r#"expected that stdout contains "x", got "abc\n""#),
            (r#"{"equals": "a"}"#, b"a\n\n", r#"expected that stdout equals "a", got "a\n\n""#),
            (r#"{"equals": "a"}"#, b"", r#"expected that stdout equals "a", got nothing"#),
            (r#"{"matches": "^b"}"#, b"\xff", r#"expected that stdout matches "^b", got "\\xff""#),
            (r#"{"json": {"/a": 1}}"#, b"{\"a\":\"1\"}", r#"expected that stdout /a is 1, got "1""#),
            (
                r#"{"json": {"/a/1": 1}}"#,
                b"{\"a\":[1]}",
                r#"expected that stdout /a/1 is 1, but there is nothing"#,
            ),
            (
                r#"{"json": {"/a": 1}}"#,
                b"{",
                r#"stdout is no JSON: EOF while parsing an object at line 1 column 1; got "{""#,
            ),
        ] {
            assert_eq!(first_failure(matches, text).as_deref(), Some(expected));
        }
        let long = first_failure(r#""x""#, &[b'a'; 300]).unwrap();
        assert!(long.ends_with("aaa\" (and 100 bytes more)"), "{long}");
        let matches: Matches = serde_json::from_str(r#"{"equals": "a"}"#).unwrap();
        assert!(matches.check("stdout", b"a", false)[0].1.is_err());
    }

    #[test]
    fn expectations_that_make_no_sense_are_refused() {
        for (text, phrase) in [
            ("3", "expected a text, an expectation or a list of them"),
            (r#"{"contain": "a"}"#, "unknown variant `contain`, expected one of `contains`, `equals`"),
            (r#"{"contains": "a", "equals": "b"}"#, "an expectation has exactly one member"),
            (r#"{"matches": "a("}"#, "a group is not closed (character 3)"),
            (r#"{"json": {"a": 1}}"#, "\"a\" is no JSON pointer"),
        ] {
            let message = serde_json::from_str::<Matches>(text).unwrap_err().to_string();
            assert!(message.contains(phrase), "{text}: {message}");
        }
    }
}
