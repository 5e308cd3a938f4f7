//! SPDX 2.x documents.

use std::collections::{BTreeMap, BTreeSet};

use llb_gen::policy::SbomFormat;
use serde::Deserialize;

use super::bill::{Bill, Checksum, Item, or_default, said};

/// What an annotation begins with that says which fragment brought a package (`docs/sbom.md`).
const FRAGMENT: &str = "fragment ";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentJson {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    creation_info: CreationJson,
    #[serde(default)]
    packages: Vec<PackageJson>,
    #[serde(default, deserialize_with = "or_default")]
    document_describes: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    relationships: Vec<RelationshipJson>,
}

#[derive(Deserialize, Default)]
struct CreationJson {
    #[serde(default, deserialize_with = "or_default")]
    created: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PackageJson {
    #[serde(rename = "SPDXID", default, deserialize_with = "or_default")]
    id: String,
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    version_info: String,
    #[serde(default, deserialize_with = "or_default")]
    license_declared: String,
    #[serde(default, deserialize_with = "or_default")]
    supplier: String,
    #[serde(default, deserialize_with = "or_default")]
    primary_package_purpose: String,
    #[serde(default, deserialize_with = "or_default")]
    external_refs: Vec<ReferenceJson>,
    #[serde(default, deserialize_with = "or_default")]
    annotations: Vec<AnnotationJson>,
    #[serde(default, deserialize_with = "or_default")]
    checksums: Vec<Checksum>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReferenceJson {
    #[serde(default)]
    reference_type: String,
    #[serde(default)]
    reference_locator: String,
}

#[derive(Deserialize)]
struct AnnotationJson {
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RelationshipJson {
    #[serde(default)]
    spdx_element_id: String,
    #[serde(default)]
    relationship_type: String,
    #[serde(default)]
    related_spdx_element: String,
}

/// Reads a document of SPDX 2.x.
///
/// # Errors
/// It is none.
pub(super) fn read(bytes: &[u8]) -> Result<Bill, String> {
    let document: DocumentJson =
        serde_json::from_slice(bytes).map_err(|fault| format!("is no SPDX document: {fault}"))?;
    let mut described: BTreeSet<String> = document.document_describes.into_iter().collect();
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in document.relationships {
        let (from, to) = (one.spdx_element_id, one.related_spdx_element);
        match one.relationship_type.as_str() {
            "DESCRIBES" => drop(described.insert(to)),
            "DESCRIBED_BY" => drop(described.insert(from)),
            "DEPENDS_ON" => drop(needs.entry(from).or_default().insert(to)),
            "DEPENDENCY_OF" => drop(needs.entry(to).or_default().insert(from)),
            _ => {}
        }
    }
    // Who describes several things lists them: none of them is the whole that has the others.
    let about = if described.len() == 1 { described.pop_first() } else { None };
    let is_about = |item: &Item| about.as_ref() == Some(&item.id);
    let (beside, items) = document.packages.into_iter().map(Item::from).partition(is_about);
    let created = document.creation_info.created;
    Ok(Bill { format: SbomFormat::Spdx, name: document.name, created, items, beside, needs })
}

impl From<PackageJson> for Item {
    fn from(package: PackageJson) -> Self {
        let purls = package.external_refs.into_iter().filter(|one| one.reference_type == "purl");
        let fragment = |note: AnnotationJson| note.comment.strip_prefix(FRAGMENT).map(str::to_owned);
        let item = Self {
            id: package.id,
            name: package.name,
            version: said(package.version_info).unwrap_or_default(),
            licence: said(package.license_declared),
            supplier: said(package.supplier),
            fragments: package.annotations.into_iter().filter_map(fragment).collect(),
            // The specification's text spells it with a hyphen, its JSON schema with an underscore.
            purpose: package.primary_package_purpose.replace('-', "_"),
            checksums: package.checksums,
            ..Self::default()
        };
        item.located(purls.map(|one| one.reference_locator))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::attested) const DOCUMENT: &[u8] = br#"{"spdxVersion": "SPDX-2.3", "name": "app", "creationInfo": {"created": "2025-01-01T00:00:00Z"},
        "packages": [
            {"SPDXID": "SPDXRef-root", "name": "app"},
            {"SPDXID": "SPDXRef-1", "name": "bash", "versionInfo": "5.2", "licenseDeclared": "GPL-3.0-or-later",
             "supplier": "Organization: Debian (x@debian.org)",
             "checksums": [{"algorithm": "SHA256", "checksumValue": "ab"}, {"algorithm": "ADLER32", "checksumValue": "1"}],
             "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/bash@5.2"},
                {"referenceType": "purl", "referenceLocator": "pkg:generic/bash@5.2"}],
             "annotations": [{"comment": "fragment core@0.1.0"}, {"comment": "half installed"}]},
            {"SPDXID": "SPDXRef-2", "name": "libc6", "licenseDeclared": "NOASSERTION"}],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-root"},
            {"spdxElementId": "SPDXRef-2", "relationshipType": "DEPENDENCY_OF", "relatedSpdxElement": "SPDXRef-1"},
            {"spdxElementId": "SPDXRef-1", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-gone"}]}"#;

    #[test]
    fn items_know_their_licence_and_their_fragment() {
        let bill = Bill::read(DOCUMENT).unwrap();
        let [bash, libc] = &bill.items[..] else { panic!("{bill:?}") };
        assert_eq!(
            (bash.kind.as_str(), bash.fragments.as_slice()),
            ("deb", ["core@0.1.0".to_owned()].as_slice())
        );
        assert_eq!(bash.licence.as_deref(), Some("GPL-3.0-or-later"));
        assert_eq!((libc.licence.as_deref(), libc.fragments.len()), (None, 0));
        assert!(bill.knows_fragments());
        assert_eq!(bill.beside.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["app"]);
    }

    #[test]
    fn a_document_that_describes_several_things_lists_them() {
        let text = br#"{"spdxVersion": "SPDX-2.2", "documentDescribes": ["SPDXRef-a", "SPDXRef-b"],
            "packages": [{"SPDXID": "SPDXRef-a", "name": "a"}, {"SPDXID": "SPDXRef-b", "name": "b"}]}"#;
        let bill = Bill::read(text).unwrap();
        assert_eq!((bill.items.len(), bill.beside.len()), (2, 0));
    }
}
