//! In-toto statements: something that is said about something with a digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fault::Fault;

/// The statement that we write.
const V1: &str = "https://in-toto.io/Statement/v1";
/// The one before, which BuildKit and cosign still write.
const V01: &str = "https://in-toto.io/Statement/v0.1";

/// A statement: the predicate, of its type, holds for the subjects.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    version: String,
    /// What it is about.
    #[serde(default, deserialize_with = "or_nothing")]
    pub subject: Vec<Subject>,
    /// What kind of thing is said.
    pub predicate_type: String,
    /// What is said, as it is written.
    #[serde(default = "nothing")]
    pub predicate: Box<RawValue>,
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// Its name; nobody may rely on it.
    #[serde(default)]
    pub name: String,
    /// Its digests by algorithm, in hexadecimal digits.
    #[serde(default)]
    pub digest: BTreeMap<String, String>,
}

impl Subject {
    /// The thing with a digest, `sha256:…`, and a name.
    #[must_use]
    pub fn new(name: &str, digest: &str) -> Self {
        let (algorithm, digits) = digest.split_once(':').unwrap_or(("sha256", digest));
        let digest = BTreeMap::from([(algorithm.to_owned(), digits.to_owned())]);
        Self { name: name.to_owned(), digest }
    }

    /// Whether it has the digest, `sha256:…`.
    #[must_use]
    pub fn is(&self, digest: &str) -> bool {
        digest
            .split_once(':')
            .is_some_and(|(algorithm, digits)| self.digest.get(algorithm).is_some_and(|own| own == digits))
    }
}

fn or_nothing<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Vec<Subject>, D::Error> {
    Option::<Vec<Subject>>::deserialize(reader).map(Option::unwrap_or_default)
}

fn nothing() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

impl Statement {
    /// A statement of version 1.
    #[must_use]
    pub fn new(subject: Vec<Subject>, predicate_type: &str, predicate: Box<RawValue>) -> Self {
        Self { version: V1.to_owned(), subject, predicate_type: predicate_type.to_owned(), predicate }
    }

    /// Reads a statement of version 1 or 0.1.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(json: &[u8]) -> Result<Self, Fault> {
        let statement: Self =
            serde_json::from_slice(json).map_err(|fault| Fault::malformed("statement", fault))?;
        match statement.version.as_str() {
            V1 | V01 => Ok(statement),
            other => Err(Fault::malformed("statement", format!("`_type` is {other:?}"))),
        }
    }

    /// As it is signed: the same statement has the same bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a statement holds texts, and JSON that was read")
    }

    /// Whether it is about what has the digest.
    #[must_use]
    pub fn is_about(&self, digest: &str) -> bool {
        self.subject.iter().any(|subject| subject.is(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_read_and_the_predicate_stays_as_written() {
        for version in [V1, V01] {
            let text = format!(
                r#"{{"_type":"{version}","subject":[{{"name":"a","digest":{{"sha256":"ab"}}}}],"predicateType":"x","predicate":{{"b": 1.50, "a": 2}}}}"#
            );
            let statement = Statement::parse(text.as_bytes()).unwrap();
            assert_eq!(statement.predicate.get(), r#"{"b": 1.50, "a": 2}"#);
            assert_eq!(statement.to_bytes(), text.as_bytes());
            assert!(statement.is_about("sha256:ab"));
            assert!(
                !statement.is_about("sha512:ab")
                    && !statement.is_about("ab")
                    && !statement.is_about("sha256:")
            );
        }
    }

    #[test]
    fn subjects_may_be_missing() {
        for text in [
            r#"{"_type":"https://in-toto.io/Statement/v1","subject":null,"predicateType":"x"}"#,
            r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","predicate":{}}"#,
        ] {
            assert!(Statement::parse(text.as_bytes()).unwrap().subject.is_empty());
        }
    }

    #[test]
    fn what_is_no_statement_is_refused() {
        for text in [
            "",
            "{}",
            r#"{"_type":"https://in-toto.io/Statement/v2","predicateType":"x"}"#,
            r#"{"_type":"https://in-toto.io/Statement/v1"}"#,
            r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","predicateType":"y"}"#,
        ] {
            assert!(Statement::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
