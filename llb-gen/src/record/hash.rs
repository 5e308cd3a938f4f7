//! The test hash.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::canonical::{canonical, sha256};
use crate::lower::TestGroup;

#[derive(Serialize)]
struct Hashed<'a> {
    /// The digest of the helper's file.
    helper: &'a str,
    groups: Vec<Value>,
    /// Digests of the scripts that tests run, by their paths in the catalogue.
    scripts: &'a BTreeMap<String, String>,
}

/// The SHA-256, `sha256:…`, over all that decides what verdicts mean: the tests that ran, the scripts of fragments that they
/// run (digests by the paths of [`TestGroup::scripts`]), and the helper that judges (the digest of its file). Two records are
/// comparable where it is the same.
#[must_use]
pub fn test_hash(groups: &[TestGroup], scripts: &BTreeMap<String, String>, helper: &str) -> String {
    let parsed = |group: &TestGroup| {
        serde_json::from_slice(&group.canonical)
            .expect("a group's canonical form is JSON that we have written")
    };
    sha256(&canonical(&Hashed { helper, groups: groups.iter().map(parsed).collect(), scripts }))
}
