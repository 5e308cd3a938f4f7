//! The signature of an image as a statement: what cosign 3 writes. Ours also names the statements that were signed with it, so
//! that none of them can be kept back.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// The predicate type of the statement that an image is signed.
pub const PREDICATE_TYPE: &str = "https://sigstore.dev/cosign/sign/v1";

/// The predicate. Others' are empty.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Predicate {
    /// Digests of the statements that were signed with the image, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attestations: Vec<String>,
}

/// The predicate that names these statements.
#[must_use]
pub fn predicate(mut attestations: Vec<String>) -> Box<RawValue> {
    attestations.sort();
    attestations.dedup();
    to_raw_value(&Predicate { attestations }).expect("texts only")
}

/// The statements that a predicate names.
///
/// # Errors
/// It is none of an image signature.
pub fn named(predicate: &RawValue) -> Result<Vec<String>, String> {
    let read: Option<Predicate> = serde_json::from_str(predicate.get()).map_err(|fault| fault.to_string())?;
    Ok(read.unwrap_or_default().attestations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_predicates_name_nothing() {
        for text in ["{}", "null", r#"{"x": 1}"#] {
            assert_eq!(named(&RawValue::from_string(text.to_owned()).unwrap()), Ok(Vec::new()));
        }
        let own = predicate(vec!["sha256:b".into(), "sha256:a".into(), "sha256:b".into()]);
        assert_eq!(named(&own).unwrap(), ["sha256:a", "sha256:b"]);
        assert_eq!(predicate(Vec::new()).get(), "{}");
        assert!(named(&RawValue::from_string(r#"{"attestations": 1}"#.to_owned()).unwrap()).is_err());
    }
}
