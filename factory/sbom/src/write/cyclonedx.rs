//! CycloneDX 1.6 as JSON.

use serde_json::{Map, Value, json};

use super::{Document, NO_UUID, supplier_of, text_of, url};
use crate::files::Record;
use crate::model::{Package, Party, Purpose};
use crate::settle::hex;

/// Places of one package that its evidence names.
const MOST_PLACES: usize = 20;

/// The document as CycloneDX 1.6 JSON: the same bytes for the same content.
///
/// # Errors
/// None in practice: everything is text.
pub fn cyclonedx(document: &Document) -> serde_json::Result<Vec<u8>> {
    let refs: Vec<String> = document.settled.packages.iter().map(reference).collect();
    let root = json!({
        "bom-ref": ROOT,
        "type": if document.about.fragment.is_some() { "library" } else { "container" },
        "name": document.name(),
        "version": document.version(),
        "supplier": organisation(&document.supplier()),
    });
    let warnings = document.warnings();
    let mut bom = json!({
        // Serialised maps are sorted by key, and "$schema" and "annotations" hold no UUID: the first one is ours.
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{NO_UUID}"),
        "version": 1,
        "metadata": {
            "timestamp": document.created,
            "tools": {"components": [tool()]},
            "component": root,
        },
        "components": components(document, &refs),
        "dependencies": dependencies(document, &refs),
        "compositions": [{
            "aggregate": if warnings.is_empty() { "unknown" } else { "incomplete" },
            "assemblies": [ROOT],
        }],
    });
    if !warnings.is_empty()
        && let Some(bom) = bom.as_object_mut()
    {
        let all = warnings.iter().map(|warning| {
            json!({
                "subjects": [ROOT],
                "annotator": {"component": tool()},
                "timestamp": document.created,
                "text": format!("warning: {warning}"),
            })
        });
        bom.insert("annotations".to_owned(), all.collect());
    }
    Ok(stamp_serial(serde_json::to_vec(&bom)?))
}

const ROOT: &str = "root";

/// The UUID goes behind the serial number's own key, whatever foreign text comes before it.
fn stamp_serial(bytes: Vec<u8>) -> Vec<u8> {
    let key = format!("\"serialNumber\":\"urn:uuid:{NO_UUID}\"");
    // Inside of a string its quotes would be escaped, so the key is found where it is one.
    let Some(at) = bytes.windows(key.len()).position(|part| part == key.as_bytes()) else { return bytes };
    let own = super::uuid(&bytes);
    let mut bytes = bytes;
    let start = at + key.len() - 1 - NO_UUID.len();
    if let Some(place) = bytes.get_mut(start..start + NO_UUID.len()) {
        place.copy_from_slice(own.as_bytes());
    }
    bytes
}

fn tool() -> Value {
    json!({"type": "application", "name": "factory-sbom", "version": env!("CARGO_PKG_VERSION")})
}

fn components(document: &Document, refs: &[String]) -> Vec<Value> {
    let settled = &document.settled;
    let mut inner: Vec<Vec<Value>> = vec![Vec::new(); settled.packages.len()];
    for (part, whole) in &settled.parts {
        if let (Some(package), Some(slot), Some(name)) =
            (settled.packages.get(*part), inner.get_mut(*whole), refs.get(*part))
        {
            slot.push(component(document, package, name, Vec::new()));
        }
    }
    let mut loose = Vec::new();
    for record in &document.files.records {
        match record.owners.first().and_then(|owner| inner.get_mut(*owner)) {
            Some(slot) => slot.push(file(record)),
            None => loose.push(file(record)),
        }
    }
    let mut components = Vec::new();
    let system = &settled.system;
    if !system.id.is_empty() && document.about.fragment.is_none() {
        components.push(json!({
            "bom-ref": "operating-system",
            "type": "operating-system",
            "name": system.id,
            "version": system.version,
            "description": system.pretty,
        }));
    }
    for ((package, name), inner) in settled.packages.iter().zip(refs).zip(inner) {
        if package.owned_by.is_none() {
            components.push(component(document, package, name, inner));
        }
    }
    components.extend(loose);
    components
}

fn component(document: &Document, package: &Package, name: &str, inner: Vec<Value>) -> Value {
    let mut made = Map::new();
    let mut put = |key: &str, value: Value| made.insert(key.to_owned(), value);
    put("bom-ref", name.into());
    let kind = match package.purpose {
        Purpose::Application => "application",
        Purpose::OperatingSystem => "operating-system",
        Purpose::Firmware => "firmware",
        Purpose::Model => "machine-learning-model",
        Purpose::File => "file",
        Purpose::Library | Purpose::Source => "library",
    };
    put("type", kind.into());
    put("name", package.name.as_str().into());
    if !package.version.is_empty() {
        put("version", package.version.as_str().into());
    }
    if package.owned_by.is_none() {
        put("purl", package.purl.as_str().into());
    }
    put("supplier", organisation(&supplier_of(package, &document.settled.system.pretty)));
    if let Some(party) = &package.originator {
        put("authors", json!([person(party)]));
    }
    if let Some(summary) = &package.summary {
        put("description", summary.as_str().into());
    }
    if let Some(licences) = licences(document, package) {
        put("licenses", licences);
    }
    if let Some(copyright) = package.copyright.as_deref().filter(|_| document.texts) {
        put("copyright", copyright.into());
    }
    let hashes: Vec<Value> = package
        .checksums
        .iter()
        .filter_map(|sum| {
            let name = match sum.algorithm {
                "MD5" => "MD5",
                "SHA1" => "SHA-1",
                "SHA256" => "SHA-256",
                "SHA384" => "SHA-384",
                "SHA512" => "SHA-512",
                _ => return None,
            };
            Some(json!({"alg": name, "content": sum.hex}))
        })
        .collect();
    if !hashes.is_empty() {
        put("hashes", hashes.into());
    }
    let mut links = Vec::new();
    links.extend(url(package.homepage.as_deref()).map(|url| json!({"type": "website", "url": url})));
    links.extend(url(package.download.as_deref()).map(|url| json!({"type": "distribution", "url": url})));
    if !links.is_empty() {
        put("externalReferences", links.into());
    }
    let places = package.evidence.iter().take(MOST_PLACES).map(|place| json!({"location": text_of(place)}));
    put("evidence", json!({"occurrences": places.collect::<Vec<_>>()}));
    if let Some(source) = &package.source {
        let source =
            json!({"type": "library", "name": source.name, "version": source.version, "purl": source.purl});
        put("pedigree", json!({"ancestors": [source]}));
    }
    let mut properties = vec![json!({"name": "factory:cataloger", "value": package.cataloger})];
    properties
        .extend(package.fragments.iter().map(|value| json!({"name": "factory:fragment", "value": value})));
    properties.extend(package.notes.iter().map(|value| json!({"name": "factory:note", "value": value})));
    if package.owned_by.is_some() {
        properties.push(json!({"name": "factory:purl", "value": package.purl}));
    }
    put("properties", properties.into());
    if !inner.is_empty() {
        put("components", inner.into());
    }
    Value::Object(made)
}

/// One licence of nobody's list with its text, or an expression: schemas know the identifiers of their own time alone.
fn licences(document: &Document, package: &Package) -> Option<Value> {
    let expression = package.licence.expression.as_deref()?;
    let Some(reference) = document.settled.references.get(expression) else {
        return Some(json!([{"expression": expression}]));
    };
    let mut licence = json!({"name": reference.name});
    if let (Some(text), Some(licence)) =
        (reference.text.as_deref().filter(|_| document.texts), licence.as_object_mut())
    {
        licence.insert("text".to_owned(), json!({"content": text}));
    }
    Some(json!([{"license": licence}]))
}

fn organisation(party: &Party) -> Value {
    match &party.mail {
        Some(mail) => json!({"name": party.name, "contact": [{"name": party.name, "email": mail}]}),
        None => json!({"name": party.name}),
    }
}

fn person(party: &Party) -> Value {
    match &party.mail {
        Some(mail) => json!({"name": party.name, "email": mail}),
        None => json!({"name": party.name}),
    }
}

fn file(record: &Record) -> Value {
    let path = text_of(&record.path);
    json!({
        "bom-ref": format!("file:{path}"),
        "type": "file",
        "name": path,
        "hashes": [
            {"alg": "SHA-1", "content": hex(&record.sha1)},
            {"alg": "SHA-256", "content": hex(&record.sha256)},
        ],
    })
}

fn dependencies(document: &Document, refs: &[String]) -> Vec<Value> {
    let settled = &document.settled;
    let mut needs: Vec<Vec<&str>> = vec![Vec::new(); settled.packages.len()];
    for (from, to, _) in &settled.edges {
        if let (Some(slot), Some(name)) = (needs.get_mut(*from), refs.get(*to)) {
            slot.push(name);
        }
    }
    let tops = settled.packages.iter().zip(refs).filter(|(package, _)| package.owned_by.is_none());
    let tops: Vec<&str> = tops.map(|(_, name)| name.as_str()).collect();
    let mut all = vec![json!({"ref": ROOT, "dependsOn": tops})];
    all.extend(refs.iter().zip(needs).map(|(name, mut needs)| {
        needs.sort_unstable();
        json!({"ref": name, "dependsOn": needs})
    }));
    all
}

/// The package URL names it; a part of another package is named with that.
fn reference(package: &Package) -> String {
    match &package.owned_by {
        None => package.purl.clone(),
        Some(whole) => format!("{} in {whole}", package.purl),
    }
}
