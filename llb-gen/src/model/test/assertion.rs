//! What a piece of output must be.

use crate::model::text_value::{Invalid, TextValue, checked_text, quoted};
use crate::model::value::Value;
use crate::text::{Located, Place};

/// What a text must be: of an output, of a file, of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It holds this text.
    Contains(Value<String>),
    /// It is this text; one line feed at its end does not count.
    Equals(Value<String>),
    /// A part of it matches.
    Matches(Value<RegularExpression>),
    /// It is JSON with these values; never empty.
    Json(Vec<Pointed>),
}

/// A value at a place of a JSON document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointed {
    /// Where.
    pub pointer: Located<JsonPointer>,
    /// What must be there.
    pub value: JsonValue,
}

checked_text!(
    /// A regular expression that is looked for anywhere in a text.
    RegularExpression
);

impl TextValue for RegularExpression {
    const WHAT: &'static str = "a regular expression";
    const FORM: &'static str = "a regular expression such as \"^ready in [0-9]+ ms$\"";
    const EXAMPLES: &'static [&'static str] = &["^ready in [0-9]+ ms$"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let build = regex_lite::RegexBuilder::new(text).size_limit(1 << 20).nest_limit(50).build();
        let fault = build.err().map(|fault| fault.to_string()).or_else(|| unsupported(text));
        match fault {
            None => Ok(Self(text.to_owned())),
            Some(fault) => Err(Invalid::new(format!("{} is no regular expression: {fault}", quoted(text)))),
        }
    }
}

/// What the helper, which has an engine of its own, does not take of an expression that is right otherwise: flags but `i`, `m`
/// and `s`, and classes in classes.
fn unsupported(text: &str) -> Option<String> {
    let mut chars = text.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        match c {
            '\\' => drop(chars.next()),
            '[' if in_class => return Some("a `[` in a class must be written `\\[`".to_owned()),
            '&' | '-' | '~' if in_class && next == Some(c) => {
                return Some(format!("`{c}{c}` in a class is not supported"));
            }
            '[' => {
                in_class = true;
                chars.next_if_eq(&'^');
                // As the first one, it is itself.
                chars.next_if_eq(&']');
            }
            ']' => in_class = false,
            '(' if !in_class && next == Some('?') => {
                chars.next();
                let flags = std::iter::from_fn(|| chars.next_if(|c| c.is_ascii_alphabetic() || *c == '-'));
                if let Some(flag) = flags.filter(|flag| *flag != 'P').find(|flag| !"ims-".contains(*flag)) {
                    return Some(format!("the flag `{flag}` is not supported"));
                }
            }
            _ => {}
        }
    }
    None
}

checked_text!(
    /// A place in a JSON document (RFC 6901): `/choices/0/text`; the empty one is the whole document.
    JsonPointer
);

impl TextValue for JsonPointer {
    const WHAT: &'static str = "a JSON pointer";
    const FORM: &'static str = "names and indexes after a `/` each, such as \"/choices/0/text\"; `~0` is a tilde in a name and `~1` a slash";
    const PATTERN: &'static str = "^(/([^~]|~[01])*)?$";
    const EXAMPLES: &'static [&'static str] = &["/choices/0/text"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(Invalid::new(format!("{} does not begin with a slash", quoted(text))));
        }
        let escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        match escaped {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(format!("{} has a `~` without a 0 or 1 after it", quoted(text)))),
        }
    }
}

/// Any JSON value, as it is written: nothing in it is expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonValue {
    value: serde_json::Value,
    place: Place,
}

impl JsonValue {
    pub(crate) fn new(value: serde_json::Value, place: Place) -> Self {
        Self { value, place }
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> &serde_json::Value {
        &self.value
    }

    /// Where it is written.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_those_of_the_rfc() {
        for right in ["", "/", "/a", "/a/0", "/m~0n", "/a~1b", "/ ", "//"] {
            assert!(JsonPointer::from_text(right).is_ok(), "{right}");
        }
        for wrong in ["a", "$.a", "/a~", "/a~2", "~0"] {
            assert!(JsonPointer::from_text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn expressions_are_compiled_at_the_door() {
        for right in ["^[0-9]+ ok$", "(?im)^a|(?-s:b)", "(?P<n>x)", "[]a-c^-]", r"[\[\]&]", r"\(?x", ""] {
            assert!(RegularExpression::from_text(right).is_ok(), "{right}");
        }
        for wrong in
            ["(", "[z-a]", "a{4000}{4000}", "(?x)a b", "(?iU:a)", "[[:alpha:]]", "[a-z&&b]", "[a[b]]"]
        {
            assert!(RegularExpression::from_text(wrong).is_err(), "{wrong}");
        }
    }
}
