//! SPDX 2.3 as JSON.

use std::borrow::Cow;

use serde::Serialize;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{Document, NO_UUID, TOOL, stamp, supplier_of, text_of, url};
use crate::files::{Content, Record};
use crate::model::{Checksum, Package, Party, Purpose, Source};
use crate::settle::hex;

type Text<'a> = Cow<'a, str>;

const NOTHING: &str = "NOASSERTION";
/// What an annotation that names a fragment begins with.
pub(crate) const FRAGMENT_NOTE: &str = "fragment ";
const ROOT: &str = "SPDXRef-DocumentRoot";
const SYSTEM: &str = "SPDXRef-OperatingSystem";
/// Places of one package that `sourceInfo` names.
const MOST_PLACES: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spdx<'a> {
    // First, so that nothing foreign comes before the place where the UUID goes.
    document_namespace: String,
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: &'a str,
    creation_info: CreationInfo<'a>,
    document_describes: [&'static str; 1],
    packages: Vec<SpdxPackage<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<SpdxFile>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    has_extracted_licensing_infos: Vec<Extracted<'a>>,
    relationships: Vec<Relationship<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreationInfo<'a> {
    license_list_version: String,
    creators: [String; 2],
    created: &'a str,
    comment: String,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct SpdxPackage<'a> {
    #[serde(rename = "SPDXID")]
    id: Text<'a>,
    name: Text<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    version_info: Text<'a>,
    supplier: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    originator: Option<String>,
    download_location: Text<'a>,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    package_verification_code: Option<VerificationCode>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<SpdxChecksum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    homepage: Option<&'a str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    source_info: String,
    license_concluded: &'static str,
    license_declared: Text<'a>,
    copyright_text: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalRef<'a>>,
    primary_package_purpose: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerificationCode {
    package_verification_code_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpdxChecksum {
    algorithm: &'static str,
    checksum_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef<'a> {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Annotation<'a> {
    annotation_date: &'a str,
    annotation_type: &'static str,
    annotator: String,
    comment: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpdxFile {
    #[serde(rename = "SPDXID")]
    id: String,
    file_name: String,
    file_types: [&'static str; 1],
    checksums: [SpdxChecksum; 2],
    license_concluded: &'static str,
    license_info_in_files: [&'static str; 1],
    copyright_text: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extracted<'a> {
    license_id: &'a str,
    name: &'a str,
    extracted_text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship<'a> {
    spdx_element_id: Text<'a>,
    relationship_type: &'static str,
    related_spdx_element: Text<'a>,
}

/// The document as SPDX 2.3 JSON: the same bytes for the same content.
///
/// # Errors
/// None in practice: everything is text.
pub fn spdx(document: &Document) -> serde_json::Result<Vec<u8>> {
    let ids: Vec<String> = document.settled.packages.iter().map(id_of).collect();
    let file_ids: Vec<String> = document.files.records.iter().map(file_id).collect();
    let sources = sources(document);
    let model = Spdx {
        document_namespace: format!("https://spdx.org/spdxdocs/{}-{NO_UUID}", id_word(document.name())),
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: "SPDXRef-DOCUMENT",
        name: document.name(),
        creation_info: creation_info(document),
        document_describes: [ROOT],
        packages: packages(document, &ids, &sources),
        files: document.files.records.iter().zip(&file_ids).map(|(record, id)| file(record, id)).collect(),
        has_extracted_licensing_infos: extracted(document),
        relationships: relationships(document, &ids, &file_ids),
    };
    Ok(stamp(serde_json::to_vec(&model)?))
}

/// The document as an in-toto statement without a subject. `kind` is the statement's `_type`.
///
/// # Errors
/// As [`spdx`].
pub fn statement(document: &Document, kind: &str) -> serde_json::Result<Vec<u8>> {
    let predicate = spdx(document)?;
    let head =
        serde_json::json!({"_type": kind, "predicateType": "https://spdx.dev/Document", "subject": []});
    let mut bytes = serde_json::to_vec(&head)?;
    bytes.pop();
    bytes.extend_from_slice(b",\"predicate\":");
    bytes.extend_from_slice(&predicate);
    bytes.push(b'}');
    Ok(bytes)
}

fn creation_info(document: &Document) -> CreationInfo<'_> {
    // Validators take two numbers, not three.
    let mut numbers = spdx_list_version().split('.');
    let version = [numbers.next().unwrap_or("3"), numbers.next().unwrap_or("0")].join(".");
    let warnings = document.warnings().len();
    let mut comment = match &document.about.fragment {
        None => "Packages found in a root filesystem.".to_owned(),
        Some(name) => format!("What the fragment {name} brought; what it was built on is left out."),
    };
    if warnings > 0 {
        comment = format!(
            "INCOMPLETE: {warnings} places could not be read; the annotations of the root package name them. {comment}"
        );
    }
    CreationInfo {
        license_list_version: version,
        creators: [format!("Organization: {}", document.supplier().name), format!("Tool: {TOOL}")],
        created: &document.created,
        comment,
    }
}

fn spdx_list_version() -> &'static str {
    ::spdx::license_version()
}

/// Source packages, each once, sorted.
fn sources(document: &Document) -> Vec<(&Source, &Package)> {
    let all = document.settled.packages.iter();
    let mut sources: Vec<(&Source, &Package)> = all.filter_map(|p| Some((p.source.as_ref()?, p))).collect();
    sources.sort_by_key(|(source, _)| *source);
    sources.dedup_by(|(a, _), (b, _)| a == b);
    sources
}

fn packages<'a>(
    document: &'a Document,
    ids: &'a [String],
    sources: &[(&'a Source, &'a Package)],
) -> Vec<SpdxPackage<'a>> {
    let mut packages = vec![root_package(document)];
    packages.extend(system_package(document));
    for (at, (package, id)) in document.settled.packages.iter().zip(ids).enumerate() {
        packages.push(one(document, at, package, id));
    }
    let system = &document.settled.system.pretty;
    packages.extend(sources.iter().map(|(source, package)| SpdxPackage {
        id: source_id(source).into(),
        name: source.name.as_str().into(),
        version_info: source.version.as_str().into(),
        supplier: party(&supplier_of(package, system)),
        download_location: NOTHING.into(),
        license_concluded: NOTHING,
        license_declared: NOTHING.into(),
        copyright_text: NOTHING.into(),
        external_refs: vec![purl(&source.purl)],
        primary_package_purpose: "SOURCE",
        ..SpdxPackage::default()
    }));
    packages
}

fn root_package(document: &Document) -> SpdxPackage<'_> {
    let code = loose_code(document);
    let warnings = document.warnings();
    let notes =
        warnings.iter().map(|warning| format!("warning: {warning}")).chain(document.settled.notes.clone());
    let annotations = notes.map(|text| note(document, text)).collect();
    SpdxPackage {
        files_analyzed: code.is_some(),
        package_verification_code: code
            .map(|value| VerificationCode { package_verification_code_value: value }),
        id: ROOT.into(),
        name: document.name().into(),
        version_info: document.version().into(),
        supplier: party(&document.supplier()),
        download_location: NOTHING.into(),
        license_concluded: NOTHING,
        license_declared: NOTHING.into(),
        copyright_text: NOTHING.into(),
        primary_package_purpose: if document.about.fragment.is_some() { "OTHER" } else { "CONTAINER" },
        annotations,
        ..SpdxPackage::default()
    }
}

fn system_package(document: &Document) -> Option<SpdxPackage<'_>> {
    let system = &document.settled.system;
    // A fragment stands on a system and does not bring it.
    if system.id.is_empty() || document.about.fragment.is_some() {
        return None;
    }
    let cpe = (system.cpe.starts_with("cpe:2.3:") || system.cpe.starts_with("cpe:/")).then(|| ExternalRef {
        reference_category: "SECURITY",
        reference_type: if system.cpe.starts_with("cpe:/") { "cpe22Type" } else { "cpe23Type" },
        reference_locator: &system.cpe,
    });
    Some(SpdxPackage {
        id: SYSTEM.into(),
        name: system.id.as_str().into(),
        version_info: if system.version.is_empty() {
            "rolling".into()
        } else {
            system.version.as_str().into()
        },
        supplier: party(&Party::organisation(if system.pretty.is_empty() {
            &system.id
        } else {
            &system.pretty
        })),
        download_location: NOTHING.into(),
        homepage: url(Some(&system.homepage)),
        license_concluded: NOTHING,
        license_declared: NOTHING.into(),
        copyright_text: NOTHING.into(),
        external_refs: cpe.into_iter().collect(),
        primary_package_purpose: "OPERATING_SYSTEM",
        ..SpdxPackage::default()
    })
}

fn one<'a>(document: &'a Document, at: usize, package: &'a Package, id: &'a str) -> SpdxPackage<'a> {
    let code = verification_code(document, at);
    let mut annotations: Vec<Annotation<'_>> = Vec::new();
    annotations.extend(
        package.fragments.iter().map(|fragment| note(document, format!("{FRAGMENT_NOTE}{fragment}"))),
    );
    annotations.extend(package.notes.iter().map(|text| note(document, text.clone())));
    annotations.extend(package.owned_by.iter().map(|whole| {
        note(
            document,
            format!(
                "part of {whole}, which manages it: not counted by itself, where it would be {}",
                package.purl
            ),
        )
    }));
    let copyright = package.copyright.as_deref().filter(|_| document.texts);
    SpdxPackage {
        id: id.into(),
        name: package.name.as_str().into(),
        version_info: if package.version.is_empty() {
            "unknown".into()
        } else {
            package.version.as_str().into()
        },
        supplier: party(&supplier_of(package, &document.settled.system.pretty)),
        originator: package.originator.as_ref().map(party),
        download_location: location(package.download.as_deref()),
        files_analyzed: code.is_some(),
        package_verification_code: code
            .map(|value| VerificationCode { package_verification_code_value: value }),
        checksums: package.checksums.iter().map(checksum).collect(),
        homepage: url(package.homepage.as_deref()),
        source_info: source_info(package),
        license_concluded: NOTHING,
        license_declared: package.licence.expression.as_deref().unwrap_or(NOTHING).into(),
        copyright_text: copyright.unwrap_or(NOTHING).into(),
        summary: package.summary.as_deref(),
        external_refs: if package.owned_by.is_none() { vec![purl(&package.purl)] } else { Vec::new() },
        primary_package_purpose: purpose(package.purpose),
        annotations,
    }
}

/// The code of a package's files; none unless all of them are in the document.
fn verification_code(document: &Document, at: usize) -> Option<String> {
    if document.files.incomplete || document.files.records.is_empty() {
        return None;
    }
    let records = &document.files.records;
    code_of(document.settled.packages.get(at)?.files.iter().filter_map(|file| {
        // Records are in the order of the walk, which compares names part by part.
        let found = records.binary_search_by(|record| by_parts(&record.path, &file.path)).ok()?;
        records.get(found).filter(|record| record.owners.contains(&at))
    }))
}

/// The code of files that belong to no package: they are the root's own.
fn loose_code(document: &Document) -> Option<String> {
    let loose = document.files.records.iter().filter(|record| record.owners.is_empty());
    if document.files.incomplete { None } else { code_of(loose) }
}

/// SHA-1 over the sorted SHA-1s.
fn code_of<'a>(records: impl Iterator<Item = &'a Record>) -> Option<String> {
    let mut digests: Vec<String> = records.map(|record| hex(&record.sha1)).collect();
    digests.sort_unstable();
    (!digests.is_empty()).then(|| hex(&Sha1::digest(digests.concat())))
}

/// The order of the walk.
fn by_parts(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    a.split(|byte| *byte == b'/').cmp(b.split(|byte| *byte == b'/'))
}

fn source_info(package: &Package) -> String {
    let places: Vec<String> = package.evidence.iter().take(MOST_PLACES).map(|place| text_of(place)).collect();
    let rest = package.evidence.len().saturating_sub(MOST_PLACES);
    let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("found by {} in {}{rest}", package.cataloger, places.join(", "))
}

fn location(text: Option<&str>) -> Text<'_> {
    let tools = ["git+", "hg+", "svn+", "bzr+"];
    let bare = text.map(|text| tools.iter().find_map(|tool| text.strip_prefix(tool)).unwrap_or(text));
    match (text, url(bare)) {
        (Some(text), Some(_)) => text.into(),
        _ => NOTHING.into(),
    }
}

fn party(party: &Party) -> String {
    let kind = if party.person { "Person" } else { "Organization" };
    match &party.mail {
        Some(mail) => format!("{kind}: {} ({mail})", party.name),
        None => format!("{kind}: {}", party.name),
    }
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Library => "LIBRARY",
        Purpose::Application => "APPLICATION",
        Purpose::OperatingSystem => "OPERATING_SYSTEM",
        Purpose::Firmware => "FIRMWARE",
        Purpose::Source => "SOURCE",
        Purpose::Model | Purpose::File => "FILE",
    }
}

fn purl(locator: &str) -> ExternalRef<'_> {
    ExternalRef { reference_category: "PACKAGE-MANAGER", reference_type: "purl", reference_locator: locator }
}

fn checksum(checksum: &Checksum) -> SpdxChecksum {
    SpdxChecksum { algorithm: checksum.algorithm, checksum_value: checksum.hex.clone() }
}

fn note(document: &Document, comment: String) -> Annotation<'_> {
    Annotation {
        annotation_date: &document.created,
        annotation_type: "OTHER",
        annotator: format!("Tool: {TOOL}"),
        comment,
    }
}

fn file(record: &Record, id: &str) -> SpdxFile {
    let kind = match record.kind {
        Content::Binary => "BINARY",
        Content::Script => "SOURCE",
        Content::Text => "TEXT",
        Content::Other => "OTHER",
    };
    SpdxFile {
        id: id.to_owned(),
        file_name: text_of(&record.path),
        file_types: [kind],
        checksums: [
            SpdxChecksum { algorithm: "SHA1", checksum_value: hex(&record.sha1) },
            SpdxChecksum { algorithm: "SHA256", checksum_value: hex(&record.sha256) },
        ],
        license_concluded: NOTHING,
        license_info_in_files: [NOTHING],
        copyright_text: NOTHING,
    }
}

fn extracted(document: &Document) -> Vec<Extracted<'_>> {
    let references = document.settled.references.iter();
    let all = references.map(|(id, reference)| {
        let text = reference.text.as_deref().filter(|text| document.texts && !text.is_empty());
        Extracted { license_id: id, name: &reference.name, extracted_text: text.unwrap_or(NOTHING) }
    });
    all.collect()
}

fn relationships<'a>(
    document: &'a Document,
    ids: &'a [String],
    file_ids: &'a [String],
) -> Vec<Relationship<'a>> {
    fn between<'a>(
        from: impl Into<Text<'a>>,
        kind: &'static str,
        to: impl Into<Text<'a>>,
    ) -> Relationship<'a> {
        Relationship {
            spdx_element_id: from.into(),
            relationship_type: kind,
            related_spdx_element: to.into(),
        }
    }
    let settled = &document.settled;
    let id = |at: usize| ids.get(at).map_or("", String::as_str);
    let mut all = vec![between("SPDXRef-DOCUMENT", "DESCRIBES", ROOT)];
    if system_package(document).is_some() {
        all.push(between(ROOT, "CONTAINS", SYSTEM));
    }
    for (at, package) in settled.packages.iter().enumerate() {
        if package.owned_by.is_none() {
            all.push(between(ROOT, "CONTAINS", id(at)));
        }
    }
    all.extend(settled.parts.iter().map(|(part, whole)| between(id(*whole), "CONTAINS", id(*part))));
    for (from, to, optional) in &settled.edges {
        all.push(match optional {
            false => between(id(*from), "DEPENDS_ON", id(*to)),
            true => between(id(*to), "OPTIONAL_DEPENDENCY_OF", id(*from)),
        });
    }
    for (at, package) in settled.packages.iter().enumerate() {
        if let Some(source) = &package.source {
            all.push(between(id(at), "GENERATED_FROM", source_id(source)));
        }
    }
    // Whoever contains files must have a verification code, and there is none for a list with gaps.
    let has = if document.files.incomplete { "OTHER" } else { "CONTAINS" };
    for (record, file) in document.files.records.iter().zip(file_ids) {
        if record.owners.is_empty() {
            all.push(between(ROOT, has, file.as_str()));
        }
        all.extend(record.owners.iter().map(|owner| between(id(*owner), has, file.as_str())));
    }
    all
}

/// Stable: a package keeps its identifier in every document that has it.
pub(crate) fn id_of(package: &Package) -> String {
    let mut hash = Sha256::new();
    hash.update(package.purl.as_bytes());
    hash.update(b"\0");
    hash.update(package.owned_by.as_deref().unwrap_or_default().as_bytes());
    let kind = package.purl.get(4..).and_then(|rest| rest.split('/').next()).unwrap_or("package");
    format!("SPDXRef-{}-{}-{}", id_word(kind), id_word(&package.name), short(hash))
}

fn source_id(source: &Source) -> String {
    format!(
        "SPDXRef-source-{}-{}",
        id_word(&source.name),
        short(Sha256::new_with_prefix(source.purl.as_bytes()))
    )
}

fn file_id(record: &Record) -> String {
    format!("SPDXRef-File-{}", short(Sha256::new_with_prefix(&record.path)))
}

fn short(hash: Sha256) -> String {
    hex(hash.finalize().get(..8).unwrap_or_default())
}

/// As much of a word as an identifier may have.
fn id_word(word: &str) -> String {
    let letters = word.chars().take(60).map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' });
    letters.collect()
}
