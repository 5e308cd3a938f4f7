//! What a list of what is in an image lists.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::bill::{Bill, Item, kind_of};
use super::statement::json;
use crate::registry::Result;

/// A package of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Package {
    /// What kind of package, by its package URL: `deb`, `pypi`; empty where it has none.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its version; empty where the list does not say.
    pub version: String,
}

#[derive(Deserialize)]
struct CycloneJson {
    #[serde(default)]
    components: Vec<CycloneComponent>,
}

#[derive(Deserialize)]
struct CycloneComponent {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    components: Vec<CycloneComponent>,
}

/// The packages that a document of SPDX 2.x or CycloneDX lists, in order. What the document is about is no package of it.
///
/// # Errors
/// It is neither.
pub fn packages(bytes: &[u8], what: &str) -> Result<BTreeSet<Package>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Form {
        bom_format: Option<String>,
    }
    match json::<Form>(bytes, what)?.bom_format {
        Some(_) => {
            let mut found = BTreeSet::new();
            cyclone(json::<CycloneJson>(bytes, what)?.components, &mut found);
            Ok(found)
        }
        None => Ok(spdx(Bill::parse(bytes, what)?)),
    }
}

fn spdx(document: Bill) -> BTreeSet<Package> {
    let package = |item: Item| Package { kind: item.kind, name: item.name, version: item.version };
    document.items.into_iter().map(package).collect()
}

fn cyclone(components: Vec<CycloneComponent>, found: &mut BTreeSet<Package>) {
    for one in components {
        cyclone(one.components, found);
        if !["file", "operating-system"].contains(&one.kind.as_str()) {
            let kind = one.purl.as_deref().map(kind_of).unwrap_or_default();
            found.insert(Package { kind, name: one.name, version: one.version.unwrap_or_default() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_list_the_same() {
        let spdx = br#"{"spdxVersion": "SPDX-2.3", "packages": [
            {"SPDXID": "SPDXRef-root", "name": "image"},
            {"SPDXID": "SPDXRef-1", "name": "bash", "versionInfo": "5.2", "externalRefs": [
                {"referenceType": "cpe23Type", "referenceLocator": "cpe:x"},
                {"referenceType": "purl", "referenceLocator": "pkg:deb/debian/bash@5.2?arch=amd64"}]}],
            "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-root"}]}"#;
        let cyclone =
            br#"{"bomFormat": "CycloneDX", "components": [{"type": "operating-system", "name": "debian"},
            {"type": "library", "name": "bash", "version": "5.2", "purl": "pkg:deb/debian/bash@5.2"}]}"#;
        let found = packages(spdx, "it").unwrap();
        let bash = Package { kind: "deb".into(), name: "bash".into(), version: "5.2".into() };
        assert_eq!(found, [bash].into());
        assert_eq!(packages(cyclone, "it").unwrap(), found);
        assert!(packages(b"[]", "it").is_err());
    }
}
