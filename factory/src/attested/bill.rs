//! Lists of what is in images (SBOMs) in either form: the one reader that everything of ours asks, from `factory sbom` to policies.

use std::collections::{BTreeMap, BTreeSet};

use llb_gen::policy::SbomFormat;
use serde::{Deserialize, Deserializer, Serialize};

use super::purl::Purl;
use super::{cyclonedx, spdx};
use crate::registry::{Fault, Result};

/// A list of what is in an image: an SPDX 2.x document or one of CycloneDX.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// Which of the two it is.
    pub format: SbomFormat,
    /// The name of what it is about; empty where it does not say.
    pub name: String,
    /// When it was made, as it says; empty where it does not.
    pub created: String,
    /// Everything that is in what it is about, in the document's order.
    pub items: Vec<Item>,
    /// What stands among them and is none of them: what the document is about, and files that CycloneDX lists as components.
    pub beside: Vec<Item>,
    /// What items need, by their ids.
    pub needs: BTreeMap<String, BTreeSet<String>>,
}

/// Something that a document lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its id in the document.
    #[serde(skip)]
    pub id: String,
    /// What kind of package, by its package URL: `deb`, `pypi`; empty where it has none.
    pub kind: String,
    /// Its name, with its group where there is one: `@scope/name`.
    pub name: String,
    /// Its version; empty where the document does not say.
    pub version: String,
    /// All its package URLs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub purls: Vec<String>,
    /// Its licence as it is declared; of SPDX an expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Who supplies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supplier: Option<String>,
    /// The fragments that brought it: `core@0.1.0`. Nothing where the document does not say, or where the base did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fragments: Vec<String>,
    /// SPDX's word for what it is, `LIBRARY`; empty where the document does not say.
    #[serde(skip)]
    pub purpose: String,
    #[serde(skip)]
    pub(crate) checksums: Vec<Checksum>,
}

/// A digest of an item's file, with SPDX's name of the algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checksum {
    pub(super) algorithm: String,
    pub(super) checksum_value: String,
}

/// What tells the forms apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form {
    spdx_version: Option<String>,
    bom_format: Option<String>,
}

/// A text, unless it says that nobody knows.
pub(super) fn said(text: String) -> Option<String> {
    let nothing = ["", "NOASSERTION", "NONE", "UNKNOWN"].contains(&text.as_str());
    (!nothing).then_some(text)
}

/// What may be left out may also be null.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    reader: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(reader).map(Option::unwrap_or_default)
}

impl Bill {
    /// Reads a document, `what`.
    ///
    /// # Errors
    /// As [`Bill::read`].
    pub fn parse(bytes: &[u8], what: &str) -> Result<Self> {
        Self::read(bytes).map_err(|fault| Fault::not_genuine(what, fault))
    }

    /// Reads a document.
    ///
    /// # Errors
    /// It is of neither form, of another SPDX than 2, or lists something without a name: what is wrong with it, as what is said after
    /// its name.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let form: Form =
            serde_json::from_slice(bytes).map_err(|fault| format!("is no list of packages: {fault}"))?;
        match (form.spdx_version, form.bom_format) {
            (Some(version), None) if version.starts_with("SPDX-2.") => spdx::read(bytes),
            (None, Some(format)) if format == "CycloneDX" => cyclonedx::read(bytes),
            (Some(version), None) => Err(format!("is {version:?}, not SPDX 2")),
            (None, Some(format)) => Err(format!("has the `bomFormat` {format:?}, not \"CycloneDX\"")),
            (Some(_), Some(_)) => Err("says that it is SPDX, and that it is CycloneDX".to_owned()),
            (None, None) => Err("is no list of packages: neither SPDX nor CycloneDX".to_owned()),
        }
    }

    /// Everything that the document names, whatever it takes it for.
    pub fn all(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().chain(&self.beside)
    }

    /// Whether it says of anything which fragment brought it.
    #[must_use]
    pub fn knows_fragments(&self) -> bool {
        self.items.iter().any(|item| !item.fragments.is_empty())
    }
}

impl Item {
    /// The same with these package URLs, but for those that say nothing; they say what kind of package it is.
    pub(super) fn located(mut self, purls: impl IntoIterator<Item = String>) -> Self {
        self.purls = purls.into_iter().filter_map(said).collect();
        self.kind =
            self.purls.iter().find_map(|purl| Purl::parse(purl)).map(|purl| purl.kind).unwrap_or_default();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPDX: &str = r#"{"spdxVersion": "SPDX-2.3", "packages": [
        {"name": "a", "versionInfo": "1", "externalRefs": [
            {"referenceType": "cpe23Type", "referenceLocator": "cpe:x"},
            {"referenceType": "purl", "referenceLocator": "pkg:deb/debian/a@1"},
            {"referenceType": "purl", "referenceLocator": "NOASSERTION"},
            {"referenceType": "purl", "referenceLocator": "pkg:generic/a@1"}]},
        {"name": "g/b", "versionInfo": "NOASSERTION", "externalRefs": null}]}"#;
    const CYCLONEDX: &str = r#"{"bomFormat": "CycloneDX", "components": [
        {"type": "library", "name": "a", "version": "1", "purl": "pkg:deb/debian/a@1",
         "evidence": {"identity": [{"field": "purl", "concludedValue": "pkg:generic/a@1"}, {"field": "name", "concludedValue": "x"}]},
         "components": [{"type": "library", "group": "g", "name": "b", "version": "UNKNOWN"}]}]}"#;

    #[test]
    fn both_forms_say_the_same() {
        let listed = |text: &str| Bill::read(text.as_bytes()).unwrap().items;
        let shown = |items: Vec<Item>| -> Vec<(String, String, String, Vec<String>)> {
            items.into_iter().map(|one| (one.kind, one.name, one.version, one.purls)).collect()
        };
        let purls = vec!["pkg:deb/debian/a@1".to_owned(), "pkg:generic/a@1".to_owned()];
        let expected = vec![
            ("deb".to_owned(), "a".to_owned(), "1".to_owned(), purls),
            (String::new(), "g/b".to_owned(), String::new(), Vec::new()),
        ];
        assert_eq!(shown(listed(SPDX)), expected);
        assert_eq!(shown(listed(CYCLONEDX)), expected);
    }

    #[test]
    fn what_is_neither_is_refused() {
        for (text, why) in [
            ("[]", "no list of packages"),
            ("null", "no list of packages"),
            ("{}", "neither SPDX nor CycloneDX"),
            (r#"{"packages": [{"name": "a"}]}"#, "neither"),
            (r#"{"components": [{"name": "a"}]}"#, "neither"),
            (r#"{"spdxVersion": "SPDX-3.0", "packages": []}"#, "not SPDX 2"),
            (r#"{"bomFormat": "Cyclone", "components": []}"#, "`bomFormat`"),
            (r#"{"spdxVersion": "SPDX-2.3", "bomFormat": "CycloneDX"}"#, "and that it is CycloneDX"),
            (r#"{"spdxVersion": "SPDX-2.3", "packages": [{"versionInfo": "1"}]}"#, "missing field `name`"),
            (r#"{"bomFormat": "CycloneDX", "components": [{"version": "1"}]}"#, "missing field `name`"),
            (r#"{"spdxVersion": "SPDX-2.3", "packages": {}}"#, "invalid type"),
        ] {
            let fault = Bill::read(text.as_bytes()).unwrap_err();
            assert!(fault.contains(why), "{text}: {fault}");
        }
        let deep = format!(
            r#"{{"bomFormat": "CycloneDX", "components": {}1{}}}"#,
            r#"[{"name": "a", "components": "#.repeat(200),
            "}]".repeat(200)
        );
        assert!(Bill::read(deep.as_bytes()).unwrap_err().contains("recursion"));
    }
}
