//! SPDX documents of images, as far as they are shown, counted and turned into CycloneDX.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::statement::json as parsed;
use crate::registry::{Fault, Result};

/// What an annotation begins with that says which fragment brought a package (`docs/sbom.md`).
const FRAGMENT: &str = "fragment ";

/// An SPDX 2.x document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The name of what it is about.
    pub name: String,
    /// When it was made, as it says.
    pub created: String,
    /// Everything that is in what it is about, in the document's order.
    pub items: Vec<Item>,
    /// What items need, by their ids.
    pub needs: BTreeMap<String, BTreeSet<String>>,
}

/// Something that a document lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its id in the document.
    #[serde(skip)]
    pub id: String,
    /// What kind of package, by its package URL: `deb`, `pypi`; empty where it has none.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its version; empty where the document does not say.
    pub version: String,
    /// Its package URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// Its licence as it is declared, an SPDX expression.
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
    checksums: Vec<Checksum>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentJson {
    spdx_version: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    creation_info: CreationJson,
    #[serde(default)]
    packages: Vec<PackageJson>,
    #[serde(default)]
    document_describes: Vec<String>,
    #[serde(default)]
    relationships: Vec<RelationshipJson>,
}

#[derive(Deserialize, Default)]
struct CreationJson {
    #[serde(default)]
    created: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PackageJson {
    #[serde(rename = "SPDXID", default)]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version_info: Option<String>,
    #[serde(default)]
    license_declared: Option<String>,
    #[serde(default)]
    supplier: Option<String>,
    #[serde(default)]
    primary_package_purpose: Option<String>,
    #[serde(default)]
    external_refs: Vec<ReferenceJson>,
    #[serde(default)]
    annotations: Vec<AnnotationJson>,
    #[serde(default)]
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

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: String,
    checksum_value: String,
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

/// What a document says, unless that is that it does not know.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !["", "NOASSERTION", "NONE"].contains(&text.as_str()))
}

/// `deb` of `pkg:deb/debian/bash@5.2`.
pub(super) fn kind_of(purl: &str) -> String {
    let rest = purl.strip_prefix("pkg:").unwrap_or_default();
    rest.split('/').next().unwrap_or_default().to_ascii_lowercase()
}

impl Bill {
    /// Reads a document. What it is about is no item of it.
    ///
    /// # Errors
    /// It is none, or one of another SPDX than 2.
    pub fn parse(bytes: &[u8], what: &str) -> Result<Self> {
        let document: DocumentJson = parsed(bytes, what)?;
        if !document.spdx_version.starts_with("SPDX-2.") {
            let fault = format!("is {:?}, not SPDX 2", document.spdx_version);
            return Err(Fault::not_genuine(what, fault));
        }
        let mut about: BTreeSet<String> = document.document_describes.into_iter().collect();
        let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for one in document.relationships {
            let (from, to) = (one.spdx_element_id, one.related_spdx_element);
            match one.relationship_type.as_str() {
                "DESCRIBES" => drop(about.insert(to)),
                "DEPENDS_ON" => drop(needs.entry(from).or_default().insert(to)),
                "DEPENDENCY_OF" => drop(needs.entry(to).or_default().insert(from)),
                _ => {}
            }
        }
        let packages = document.packages.into_iter().filter(|one| !about.contains(&one.id));
        let items = packages.map(Item::of).collect();
        Ok(Self { name: document.name, created: document.creation_info.created, items, needs })
    }

    /// Whether it says of anything which fragment brought it.
    #[must_use]
    pub fn knows_fragments(&self) -> bool {
        self.items.iter().any(|item| !item.fragments.is_empty())
    }

    /// The same as a CycloneDX 1.6 document about the image `name` of this digest. Equal documents give equal bytes.
    #[must_use]
    pub fn cyclonedx(&self, name: &str, digest: &str) -> Value {
        let known: BTreeSet<&str> = self.items.iter().map(|item| item.id.as_str()).collect();
        let needs = self.needs.iter().filter(|(id, _)| known.contains(id.as_str()));
        let dependencies: Vec<Value> = needs
            .map(|(id, needed)| {
                let needed: Vec<&String> = needed.iter().filter(|one| known.contains(one.as_str())).collect();
                json!({"ref": id, "dependsOn": needed})
            })
            .collect();
        let mut metadata = json!({
            "tools": {"components": [
                {"type": "application", "name": "factory", "version": env!("CARGO_PKG_VERSION")}
            ]},
            "component": {"type": "container", "bom-ref": digest, "name": name, "version": digest},
        });
        if !self.created.is_empty() {
            metadata["timestamp"] = self.created.clone().into();
        }
        json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": metadata,
            "components": self.items.iter().map(Item::cyclonedx).collect::<Vec<_>>(),
            "dependencies": dependencies,
        })
    }
}

impl Item {
    fn of(package: PackageJson) -> Self {
        let purl = package.external_refs.into_iter().find(|one| one.reference_type == "purl");
        let purl = purl.map(|one| one.reference_locator);
        let fragment = |note: AnnotationJson| note.comment.strip_prefix(FRAGMENT).map(str::to_owned);
        Self {
            id: package.id,
            kind: purl.as_deref().map(kind_of).unwrap_or_default(),
            name: package.name,
            version: package.version_info.unwrap_or_default(),
            purl,
            licence: said(package.license_declared),
            supplier: said(package.supplier),
            fragments: package.annotations.into_iter().filter_map(fragment).collect(),
            purpose: package.primary_package_purpose.unwrap_or_default(),
            checksums: package.checksums,
        }
    }

    fn cyclonedx(&self) -> Value {
        let kind = match self.purpose.as_str() {
            "APPLICATION" => "application",
            "OPERATING_SYSTEM" | "OPERATING-SYSTEM" => "operating-system",
            "FIRMWARE" => "firmware",
            _ => "library",
        };
        let mut component = json!({"type": kind, "bom-ref": self.id, "name": self.name});
        if !self.version.is_empty() {
            component["version"] = self.version.clone().into();
        }
        if let Some(purl) = &self.purl {
            component["purl"] = purl.clone().into();
        }
        if let Some(licence) = &self.licence {
            component["licenses"] = json!([{"expression": licence}]);
        }
        if let Some(supplier) = &self.supplier {
            let name = supplier.split_once(": ").map_or(supplier.as_str(), |(_, name)| name);
            component["supplier"] = json!({"name": name});
        }
        let hashes: Vec<Value> = self.checksums.iter().filter_map(Checksum::cyclonedx).collect();
        if !hashes.is_empty() {
            component["hashes"] = hashes.into();
        }
        let property = |fragment: &String| json!({"name": "factory:fragment", "value": fragment});
        let properties: Vec<Value> = self.fragments.iter().map(property).collect();
        if !properties.is_empty() {
            component["properties"] = properties.into();
        }
        component
    }
}

impl Checksum {
    fn cyclonedx(&self) -> Option<Value> {
        let algorithm = match self.algorithm.as_str() {
            "MD5" => "MD5",
            "SHA1" => "SHA-1",
            "SHA256" => "SHA-256",
            "SHA384" => "SHA-384",
            "SHA512" => "SHA-512",
            _ => return None,
        };
        Some(json!({"alg": algorithm, "content": self.checksum_value}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &[u8] = br#"{"spdxVersion": "SPDX-2.3", "name": "app", "creationInfo": {"created": "2025-01-01T00:00:00Z"},
        "packages": [
            {"SPDXID": "SPDXRef-root", "name": "app"},
            {"SPDXID": "SPDXRef-1", "name": "bash", "versionInfo": "5.2", "licenseDeclared": "GPL-3.0-or-later",
             "supplier": "Organization: Debian (x@debian.org)",
             "checksums": [{"algorithm": "SHA256", "checksumValue": "ab"}, {"algorithm": "ADLER32", "checksumValue": "1"}],
             "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/bash@5.2"}],
             "annotations": [{"comment": "fragment core@0.1.0"}, {"comment": "half installed"}]},
            {"SPDXID": "SPDXRef-2", "name": "libc6", "licenseDeclared": "NOASSERTION"}],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-root"},
            {"spdxElementId": "SPDXRef-2", "relationshipType": "DEPENDENCY_OF", "relatedSpdxElement": "SPDXRef-1"},
            {"spdxElementId": "SPDXRef-1", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-gone"}]}"#;

    #[test]
    fn items_know_their_licence_and_their_fragment() {
        let bill = Bill::parse(DOCUMENT, "it").unwrap();
        let [bash, libc] = &bill.items[..] else { panic!("{bill:?}") };
        assert_eq!(
            (bash.kind.as_str(), bash.fragments.as_slice()),
            ("deb", ["core@0.1.0".to_owned()].as_slice())
        );
        assert_eq!(bash.licence.as_deref(), Some("GPL-3.0-or-later"));
        assert_eq!((libc.licence.as_deref(), libc.fragments.len()), (None, 0));
        assert!(bill.knows_fragments() && Bill::parse(b"[]", "it").is_err());
    }

    #[test]
    fn the_same_is_said_in_cyclonedx() {
        let bill = Bill::parse(DOCUMENT, "it").unwrap();
        let document = bill.cyclonedx("app:1", "sha256:ab");
        assert_eq!(document["metadata"]["component"]["version"], "sha256:ab");
        let bash = &document["components"][0];
        let expected = json!({
            "type": "library", "bom-ref": "SPDXRef-1", "name": "bash", "version": "5.2", "purl": "pkg:deb/debian/bash@5.2",
            "licenses": [{"expression": "GPL-3.0-or-later"}], "supplier": {"name": "Debian (x@debian.org)"},
            "hashes": [{"alg": "SHA-256", "content": "ab"}],
            "properties": [{"name": "factory:fragment", "value": "core@0.1.0"}],
        });
        assert_eq!(*bash, expected);
        let needed = json!([{"ref": "SPDXRef-1", "dependsOn": ["SPDXRef-2"]}]);
        assert_eq!(document["dependencies"], needed, "and nothing that is not there");
    }
}
