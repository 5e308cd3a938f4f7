//! CycloneDX documents, read and written.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use llb_gen::policy::SbomFormat;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bill::{Bill, Checksum, Item, or_default, said};

/// The property that says which fragment brought a component (`docs/sbom.md`).
const FRAGMENT: &str = "factory:fragment";
/// SPDX's names of algorithms, and CycloneDX's.
const ALGORITHMS: [(&str, &str); 5] =
    [("MD5", "MD5"), ("SHA1", "SHA-1"), ("SHA256", "SHA-256"), ("SHA384", "SHA-384"), ("SHA512", "SHA-512")];
/// SPDX's words for what something is, and CycloneDX's. Whatever else it is, is a library.
const PURPOSES: [(&str, &str); 3] =
    [("APPLICATION", "application"), ("OPERATING_SYSTEM", "operating-system"), ("FIRMWARE", "firmware")];
/// What CycloneDX calls a file.
const FILE: &str = "file";

#[derive(Deserialize)]
struct DocumentJson {
    #[serde(default, deserialize_with = "or_default")]
    metadata: MetadataJson,
    #[serde(default)]
    components: Vec<ComponentJson>,
    #[serde(default, deserialize_with = "or_default")]
    dependencies: Vec<DependencyJson>,
}

#[derive(Deserialize, Default)]
struct MetadataJson {
    #[serde(default, deserialize_with = "or_default")]
    timestamp: String,
    #[serde(default, deserialize_with = "or_default")]
    component: NamedJson,
}

#[derive(Deserialize, Default)]
struct NamedJson {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
}

#[derive(Deserialize)]
struct ComponentJson {
    #[serde(rename = "bom-ref", default, deserialize_with = "or_default")]
    id: String,
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    group: String,
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    version: String,
    #[serde(default, deserialize_with = "or_default")]
    purl: String,
    #[serde(default, deserialize_with = "or_default")]
    licenses: Vec<LicenceJson>,
    #[serde(default, deserialize_with = "or_default")]
    supplier: NamedJson,
    #[serde(default, deserialize_with = "or_default")]
    hashes: Vec<HashJson>,
    #[serde(default, deserialize_with = "or_default")]
    properties: Vec<PropertyJson>,
    #[serde(default, deserialize_with = "or_default")]
    evidence: EvidenceJson,
    #[serde(default, deserialize_with = "or_default")]
    components: Vec<ComponentJson>,
}

/// An expression, or a licence by its id or its name.
#[derive(Deserialize)]
struct LicenceJson {
    expression: Option<String>,
    license: Option<LicenceNameJson>,
}

#[derive(Deserialize)]
struct LicenceNameJson {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct HashJson {
    #[serde(default)]
    alg: String,
    #[serde(default)]
    content: String,
}

#[derive(Deserialize)]
struct PropertyJson {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: String,
}

/// Why somebody takes a component for what it is said to be: further package URLs are written there.
#[derive(Deserialize, Default)]
struct EvidenceJson {
    #[serde(default)]
    identity: IdentityJson,
}

/// A list since version 1.6, and one alone before.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum IdentityJson {
    Several(Vec<FieldJson>),
    One(FieldJson),
    #[default]
    Nothing,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FieldJson {
    #[serde(default)]
    field: String,
    #[serde(default, deserialize_with = "or_default")]
    concluded_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DependencyJson {
    #[serde(rename = "ref", default)]
    from: String,
    #[serde(default, deserialize_with = "or_default")]
    depends_on: Vec<String>,
}

/// Reads a document of CycloneDX.
///
/// # Errors
/// It is none.
pub(super) fn read(bytes: &[u8]) -> Result<Bill, String> {
    let document: DocumentJson =
        serde_json::from_slice(bytes).map_err(|fault| format!("is no CycloneDX document: {fault}"))?;
    let mut bill = Bill {
        format: SbomFormat::Cyclonedx,
        name: document.metadata.component.name,
        created: document.metadata.timestamp,
        items: Vec::new(),
        beside: Vec::new(),
        needs: BTreeMap::new(),
    };
    add(document.components, &mut bill);
    for one in document.dependencies.into_iter().filter(|one| !one.depends_on.is_empty()) {
        bill.needs.entry(one.from).or_default().extend(one.depends_on);
    }
    Ok(bill)
}

/// Components one after another, each before those inside of it. How deep they nest is bounded by the reader of JSON.
fn add(components: Vec<ComponentJson>, bill: &mut Bill) {
    for mut one in components {
        let inner = std::mem::take(&mut one.components);
        let into = if one.kind == FILE { &mut bill.beside } else { &mut bill.items };
        into.push(Item::from(one));
        add(inner, bill);
    }
}

impl From<ComponentJson> for Item {
    fn from(component: ComponentJson) -> Self {
        let concluded = match component.evidence.identity {
            IdentityJson::Several(several) => several,
            IdentityJson::One(one) => vec![one],
            IdentityJson::Nothing => Vec::new(),
        };
        let concluded =
            concluded.into_iter().filter(|one| one.field == "purl").map(|one| one.concluded_value);
        let mut purls = vec![component.purl];
        for purl in concluded {
            if !purls.contains(&purl) {
                purls.push(purl);
            }
        }
        let name = match said(component.group) {
            Some(group) => format!("{group}/{}", component.name),
            None => component.name,
        };
        let licence = |one: LicenceJson| {
            let named = || one.license.and_then(|licence| licence.id.or(licence.name));
            one.expression.or_else(named).and_then(said)
        };
        let licences: Vec<String> = component.licenses.into_iter().filter_map(licence).collect();
        let checksum = |hash: HashJson| {
            let (algorithm, _) = ALGORITHMS.iter().find(|(_, own)| *own == hash.alg)?;
            Some(Checksum { algorithm: (*algorithm).to_owned(), checksum_value: hash.content })
        };
        let purpose = PURPOSES.iter().find(|(_, own)| *own == component.kind);
        let fragments = component.properties.into_iter().filter(|one| one.name == FRAGMENT);
        let item = Self {
            id: component.id,
            name,
            version: said(component.version).unwrap_or_default(),
            licence: (!licences.is_empty()).then(|| licences.join(", ")),
            supplier: said(component.supplier.name),
            fragments: fragments.map(|one| one.value).collect(),
            purpose: purpose
                .map_or_else(|| component.kind.to_ascii_uppercase(), |(own, _)| (*own).to_owned()),
            checksums: component.hashes.into_iter().filter_map(checksum).collect(),
            ..Self::default()
        };
        item.located(purls)
    }
}

impl Bill {
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
    fn cyclonedx(&self) -> Value {
        let kind = PURPOSES.iter().find(|(own, _)| *own == self.purpose).map_or("library", |(_, kind)| kind);
        let mut component = json!({"type": kind, "bom-ref": self.id, "name": self.name});
        if !self.version.is_empty() {
            component["version"] = self.version.clone().into();
        }
        if let Some((purl, others)) = self.purls.split_first() {
            component["purl"] = purl.clone().into();
            let identity = |purl: &String| json!({"field": "purl", "concludedValue": purl});
            if !others.is_empty() {
                component["evidence"] = json!({"identity": others.iter().map(identity).collect::<Vec<_>>()});
            }
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
        let property = |fragment: &String| json!({"name": FRAGMENT, "value": fragment});
        let properties: Vec<Value> = self.fragments.iter().map(property).collect();
        if !properties.is_empty() {
            component["properties"] = properties.into();
        }
        component
    }
}

impl Checksum {
    fn cyclonedx(&self) -> Option<Value> {
        let (_, algorithm) = ALGORITHMS.iter().find(|(own, _)| *own == self.algorithm)?;
        Some(json!({"alg": algorithm, "content": self.checksum_value}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::spdx::tests::DOCUMENT;
    use super::*;

    #[test]
    fn what_spdx_says_is_said_in_cyclonedx() {
        let bill = Bill::read(DOCUMENT).unwrap();
        let document = bill.cyclonedx("app:1", "sha256:ab");
        assert_eq!(document["metadata"]["component"]["version"], "sha256:ab");
        let bash = &document["components"][0];
        let expected = json!({
            "type": "library", "bom-ref": "SPDXRef-1", "name": "bash", "version": "5.2", "purl": "pkg:deb/debian/bash@5.2",
            "licenses": [{"expression": "GPL-3.0-or-later"}], "supplier": {"name": "Debian (x@debian.org)"},
            "hashes": [{"alg": "SHA-256", "content": "ab"}],
            "evidence": {"identity": [{"field": "purl", "concludedValue": "pkg:generic/bash@5.2"}]},
            "properties": [{"name": "factory:fragment", "value": "core@0.1.0"}],
        });
        assert_eq!(*bash, expected);
        let needed = json!([{"ref": "SPDXRef-1", "dependsOn": ["SPDXRef-2"]}]);
        assert_eq!(document["dependencies"], needed, "and nothing that is not there");
    }

    #[test]
    fn what_was_written_is_read_back() {
        let bill = Bill::read(DOCUMENT).unwrap();
        let written = bill.cyclonedx("app:1", "sha256:ab").to_string();
        let back = Bill::read(written.as_bytes()).unwrap();
        let [bash, libc] = &back.items[..] else { panic!("{back:?}") };
        let own = &bill.items[0];
        assert_eq!((&bash.purls, &bash.licence, &bash.fragments), (&own.purls, &own.licence, &own.fragments));
        assert_eq!(bash.supplier.as_deref(), Some("Debian (x@debian.org)"));
        assert_eq!((libc.name.as_str(), libc.version.as_str(), libc.kind.as_str()), ("libc6", "", ""));
        assert_eq!((back.name.as_str(), back.created.as_str()), ("app:1", bill.created.as_str()));
        assert_eq!(back.needs["SPDXRef-1"], ["SPDXRef-2".to_owned()].into());
    }

    #[test]
    fn files_are_no_packages_and_licences_have_three_forms() {
        let text = br#"{"bomFormat": "CycloneDX", "metadata": null, "components": [
            {"type": "file", "name": "/bin/x", "components": [{"type": "operating-system", "name": "debian", "version": "12"}]},
            {"type": "library", "group": "org.x", "name": "y", "purl": "pkg:maven/org.x/y@1", "supplier": null,
             "licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "My own"}}, {"expression": "A OR B"}],
             "evidence": {"identity": {"field": "purl", "concludedValue": "pkg:maven/org.x/y@1"}}}]}"#;
        let bill = Bill::read(text).unwrap();
        let names: Vec<&str> = bill.items.iter().map(|one| one.name.as_str()).collect();
        assert_eq!((names, bill.beside[0].name.as_str()), (vec!["debian", "org.x/y"], "/bin/x"));
        assert_eq!(bill.items[1].licence.as_deref(), Some("MIT, My own, A OR B"));
        assert_eq!((bill.items[0].purpose.as_str(), bill.items[1].purls.len()), ("OPERATING_SYSTEM", 1));
    }
}
