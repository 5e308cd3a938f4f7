//! SBOMs that lie in an image already: SPDX 2.x and CycloneDX, as JSON.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Broken, text};
use crate::limits;
use crate::model::Checksum;

/// Bytes of a name or a version.
const NAME: usize = 512;
/// Relationships of one document that are kept.
const LINKS: usize = 100_000;

/// What a document lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// What the document calls itself.
    pub name: String,
    /// Its packages, in its order.
    pub packages: Vec<Listed>,
}

/// A package of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its package URL, as it is written; empty where there is none.
    pub purl: String,
    /// Its licence in the document's words.
    pub licence: String,
    /// Who distributes it.
    pub supplier: String,
    /// Its homepage.
    pub homepage: String,
    /// Its digests.
    pub checksums: Vec<Checksum>,
    /// The document is about it.
    pub subject: bool,
    /// It is the operating system or a file, and no package.
    pub other: bool,
    /// What it depends on or contains, as indices of the list, sorted.
    pub needs: Vec<usize>,
}

/// Reads a document of either format.
///
/// # Errors
/// It is no JSON, or neither.
pub fn read(bytes: &[u8]) -> Result<Document, Broken> {
    let kind: Kind = serde_json::from_slice(bytes).map_err(|e| Broken::new(e.to_string()))?;
    let from = |e: serde_json::Error| Broken::new(e.to_string());
    match (kind.spdx.as_deref(), kind.format.as_deref()) {
        (Some(version), _) if version.starts_with("SPDX-2") => {
            Ok(spdx(serde_json::from_slice(bytes).map_err(from)?))
        }
        (_, Some("CycloneDX")) => Ok(cyclonedx(serde_json::from_slice(bytes).map_err(from)?)),
        (Some(version), _) => {
            Err(Broken::new(format!("an SBOM of {}; SPDX-2.x is read", text(version.as_bytes(), 64))))
        }
        _ => Err(Broken::new("\"spdxVersion\" or \"bomFormat\" is expected: an SPDX or CycloneDX document")),
    }
}

/// Whether JSON is a statement or a document that is none of an SBOM is seen from these.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "spdxVersion")]
    spdx: Option<String>,
    #[serde(rename = "bomFormat")]
    format: Option<String>,
}

fn word(value: Option<String>) -> String {
    text(value.unwrap_or_default().as_bytes(), limits::WORD)
}

fn short(value: Option<String>) -> String {
    text(value.unwrap_or_default().as_bytes(), NAME)
}

/// Empty for SPDX's two ways of saying nothing.
fn stated(value: Option<String>) -> String {
    let value = word(value);
    if value == "NOASSERTION" || value == "NONE" { String::new() } else { value }
}

fn checksum(algorithm: &str, value: &str) -> Option<Checksum> {
    let (algorithm, length) = match algorithm.replace(['-', '_'], "").to_ascii_uppercase().as_str() {
        "MD5" => ("MD5", 32),
        "SHA1" => ("SHA1", 40),
        "SHA256" => ("SHA256", 64),
        "SHA384" => ("SHA384", 96),
        "SHA512" => ("SHA512", 128),
        _ => return None,
    };
    let right = value.len() == length && value.bytes().all(|b| b.is_ascii_hexdigit());
    right.then(|| Checksum { algorithm, hex: value.to_ascii_lowercase() })
}

fn link(packages: &mut [Listed], left: &mut usize, at: usize, to: usize) {
    if at != to
        && *left > 0
        && let Some(package) = packages.get_mut(at)
        && let Err(place) = package.needs.binary_search(&to)
        && package.needs.len() < limits::REQUIREMENTS
    {
        package.needs.insert(place, to);
        *left -= 1;
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spdx {
    name: Option<String>,
    #[serde(default)]
    packages: Vec<SpdxPackage>,
    #[serde(default)]
    relationships: Vec<SpdxRelationship>,
    #[serde(default)]
    document_describes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpdxPackage {
    #[serde(rename = "SPDXID", default)]
    id: String,
    name: Option<String>,
    version_info: Option<String>,
    license_concluded: Option<String>,
    license_declared: Option<String>,
    supplier: Option<String>,
    homepage: Option<String>,
    primary_package_purpose: Option<String>,
    #[serde(default)]
    checksums: Vec<SpdxChecksum>,
    #[serde(default)]
    external_refs: Vec<SpdxReference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpdxChecksum {
    algorithm: String,
    checksum_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpdxReference {
    reference_type: String,
    reference_locator: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpdxRelationship {
    spdx_element_id: String,
    relationship_type: String,
    related_spdx_element: String,
}

fn spdx(document: Spdx) -> Document {
    let mut ids = BTreeMap::new();
    let mut packages = Vec::new();
    for package in document.packages.into_iter().take(limits::PACKAGES) {
        ids.insert(package.id, packages.len());
        let purl = package.external_refs.into_iter().find(|reference| reference.reference_type == "purl");
        let licence = stated(package.license_declared);
        let supplier = stated(package.supplier);
        let purpose = package.primary_package_purpose.unwrap_or_default();
        packages.push(Listed {
            name: short(package.name),
            version: short(package.version_info.filter(|v| v != "NOASSERTION")),
            purl: word(purl.map(|reference| reference.reference_locator)),
            licence: if licence.is_empty() { stated(package.license_concluded) } else { licence },
            supplier: supplier.split_once(':').map_or(supplier.as_str(), |(_, name)| name.trim()).to_owned(),
            homepage: stated(package.homepage),
            checksums: package
                .checksums
                .iter()
                .filter_map(|sum| checksum(&sum.algorithm, &sum.checksum_value))
                .take(8)
                .collect(),
            subject: false,
            other: matches!(purpose.replace('_', "-").as_str(), "OPERATING-SYSTEM" | "FILE"),
            needs: Vec::new(),
        });
    }
    let index = |id: &str| ids.get(id).copied();
    for id in &document.document_describes {
        if let Some(at) = index(id) {
            packages[at].subject = true;
        }
    }
    let mut left = LINKS;
    for relationship in &document.relationships {
        let (from, to) = (index(&relationship.spdx_element_id), index(&relationship.related_spdx_element));
        match (relationship.relationship_type.as_str(), from, to) {
            ("DESCRIBES", None, Some(to)) => packages[to].subject = true,
            ("DESCRIBED_BY", Some(from), None) => packages[from].subject = true,
            ("CONTAINS" | "DEPENDS_ON", Some(from), Some(to)) => link(&mut packages, &mut left, from, to),
            ("CONTAINED_BY" | "DEPENDENCY_OF", Some(from), Some(to)) => {
                link(&mut packages, &mut left, to, from);
            }
            _ => {}
        }
    }
    Document { name: word(document.name), packages }
}

#[derive(Deserialize)]
struct Cyclone {
    metadata: Option<CycloneMetadata>,
    #[serde(default)]
    components: Vec<CycloneComponent>,
    #[serde(default)]
    dependencies: Vec<CycloneDependency>,
}

#[derive(Deserialize)]
struct CycloneMetadata {
    component: Option<CycloneComponent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CycloneComponent {
    #[serde(default)]
    r#type: String,
    bom_ref: Option<String>,
    group: Option<String>,
    name: Option<String>,
    version: Option<String>,
    purl: Option<String>,
    supplier: Option<CycloneSupplier>,
    #[serde(default)]
    licenses: Vec<CycloneLicence>,
    #[serde(default)]
    hashes: Vec<CycloneHash>,
    #[serde(default)]
    components: Vec<CycloneComponent>,
}

#[derive(Deserialize)]
struct CycloneSupplier {
    name: Option<String>,
}

#[derive(Deserialize)]
struct CycloneHash {
    alg: String,
    content: String,
}

#[derive(Deserialize)]
struct CycloneLicence {
    license: Option<CycloneLicenceName>,
    expression: Option<String>,
}

#[derive(Deserialize)]
struct CycloneLicenceName {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CycloneDependency {
    r#ref: String,
    #[serde(default)]
    depends_on: Vec<String>,
}

fn cyclonedx(document: Cyclone) -> Document {
    let mut left = LINKS;
    let mut ids = BTreeMap::new();
    let mut packages = Vec::new();
    let subject = document.metadata.and_then(|metadata| metadata.component);
    let name = subject.as_ref().and_then(|subject| subject.name.clone());
    // JSON is read 128 levels deep at most, so this goes no deeper.
    fn take(
        component: CycloneComponent,
        packages: &mut Vec<Listed>,
        ids: &mut BTreeMap<String, usize>,
        left: &mut usize,
    ) {
        if packages.len() >= limits::PACKAGES {
            return;
        }
        let at = packages.len();
        if let Some(id) = component.bom_ref {
            ids.insert(id, at);
        }
        let licences = component.licenses.into_iter().filter_map(|licence| {
            licence.expression.or(licence.license.and_then(|licence| licence.id.or(licence.name)))
        });
        let licences: Vec<String> = licences.map(|licence| word(Some(licence))).take(64).collect();
        let (group, name) = (short(component.group), short(component.name));
        let many = licences.len() > 1;
        let bracketed =
            |one: &String| if many && one.contains(' ') { format!("({one})") } else { one.clone() };
        packages.push(Listed {
            name: if group.is_empty() { name } else { format!("{group}/{name}") },
            version: short(component.version),
            purl: word(component.purl),
            licence: licences.iter().map(bracketed).collect::<Vec<_>>().join(" AND "),
            supplier: word(component.supplier.and_then(|supplier| supplier.name)),
            homepage: String::new(),
            checksums: component.hashes.iter().filter_map(|h| checksum(&h.alg, &h.content)).take(8).collect(),
            subject: false,
            other: matches!(component.r#type.as_str(), "operating-system" | "file" | "device"),
            needs: Vec::new(),
        });
        for inner in component.components {
            let to = packages.len();
            take(inner, packages, ids, left);
            if packages.len() > to {
                link(packages, left, at, to);
            }
        }
    }
    if let Some(subject) = subject {
        take(subject, &mut packages, &mut ids, &mut left);
        if let Some(first) = packages.first_mut() {
            first.subject = true;
        }
    }
    for component in document.components {
        take(component, &mut packages, &mut ids, &mut left);
    }
    for dependency in &document.dependencies {
        let Some(from) = ids.get(&dependency.r#ref) else { continue };
        for to in dependency.depends_on.iter().filter_map(|id| ids.get(id)) {
            link(&mut packages, &mut left, *from, *to);
        }
    }
    Document { name: word(name), packages }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spdx_with_relationships_either_way() {
        let document = read(
            br#"{"spdxVersion":"SPDX-2.3","name":"redis","packages":[
            {"SPDXID":"SPDXRef-a","name":"redis","versionInfo":"7.2.4","licenseDeclared":"NOASSERTION",
             "licenseConcluded":"BSD-3-Clause","supplier":"Organization: Example (x@example.org)",
             "externalRefs":[{"referenceCategory":"PACKAGE_MANAGER","referenceType":"purl",
             "referenceLocator":"pkg:bitnami/redis@7.2.4"}]},
            {"SPDXID":"SPDXRef-b","name":"os","primaryPackagePurpose":"OPERATING_SYSTEM",
             "checksums":[{"algorithm":"SHA1","checksumValue":"zz"}]}],
            "relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-a"},
            {"spdxElementId":"SPDXRef-b","relationshipType":"DEPENDENCY_OF","relatedSpdxElement":"SPDXRef-a"}]}"#,
        )
        .unwrap();
        let redis = &document.packages[0];
        assert_eq!(
            (redis.licence.as_str(), redis.purl.as_str()),
            ("BSD-3-Clause", "pkg:bitnami/redis@7.2.4")
        );
        assert_eq!((redis.supplier.as_str(), redis.needs.as_slice()), ("Example (x@example.org)", &[1][..]));
        assert!(redis.subject && !redis.other && document.packages[1].other);
        assert!(document.packages[1].checksums.is_empty());
    }

    #[test]
    fn cyclonedx_with_components_inside_of_one_another() {
        let document = read(
            br#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"application","name":"app","bom-ref":"app"}},
            "components":[{"type":"library","bom-ref":"l","group":"@scope","name":"lib","version":"1","purl":"pkg:npm/%40scope/lib@1",
            "licenses":[{"license":{"id":"MIT"}},{"license":{"name":"Odd words"}}],
            "hashes":[{"alg":"SHA-1","content":"A9993E364706816ABA3E25717850C26C9CD0D89D"}],
            "components":[{"type":"file","name":"inner"}]}],
            "dependencies":[{"ref":"app","dependsOn":["l","unknown"]}]}"#,
        )
        .unwrap();
        let names: Vec<_> = document.packages.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["app", "@scope/lib", "inner"]);
        assert_eq!(document.packages[0].needs, [1]);
        assert_eq!(document.packages[1].needs, [2]);
        assert_eq!(document.packages[1].licence, "MIT AND (Odd words)");
        assert_eq!(document.packages[1].checksums[0].hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn other_json_is_none() {
        for (bytes, said) in [
            (&br#"{"spdxVersion":"SPDX-3.0"}"#[..], "an SBOM of SPDX-3.0; SPDX-2.x is read"),
            (b"{}", "\"spdxVersion\" or \"bomFormat\" is expected: an SPDX or CycloneDX document"),
            (b"[]", "invalid length 0, expected struct Kind with 2 elements at line 1 column 2"),
        ] {
            assert_eq!(read(bytes).unwrap_err().to_string(), said);
        }
    }
}
