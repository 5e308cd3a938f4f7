//! Reading what buildx and the engine have written down of a build.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use llb_gen::policy::SbomFormat;

use super::fates;
use super::inputs::PlatformInputs;
use super::log::BuildLog;
use super::summary::{Attachments, ImageSummary, Metadata, Summary};
use crate::attested::PREDICATE_TYPES;
use crate::attested::kinds::predicate;
use crate::engine::EngineHandle;
use crate::exit::Result;
use crate::layers::{Layer, with_history};
use crate::process::capture;
use crate::registry::{Descriptor, Document, Entry, digest_of};
use crate::signing::Statement;

/// How long reading the engine's record of a build may take.
pub(super) const RECORD_LIMIT: Duration = Duration::from_secs(30);

/// What buildx has written into its metadata file; nothing where there is none.
pub(super) fn metadata(file: &Path) -> Metadata {
    Metadata::parse(&fs::read_to_string(file).unwrap_or_default())
}

/// Reads what the engine has written down of a build, and keeps the inputs for the next one. `ran` is the record of the build
/// that ran the steps, where that was another one; `platform` is what a record means that names none.
pub(super) fn summary(
    handle: &EngineHandle,
    metadata: Metadata,
    ran: Option<&str>,
    platform: &str,
    inputs: Vec<PlatformInputs>,
) -> Result<Summary> {
    let mut summary = Summary {
        names: metadata.names,
        digest: metadata.digest,
        is_image: metadata.is_image,
        ..Summary::default()
    };
    let log = match ran.or(metadata.record.as_deref()) {
        Some(record) => BuildLog::parse(&history(handle, &["logs", "--progress", "rawjson", record])?),
        None => BuildLog::default(),
    };
    explain(&mut summary, inputs, &log);
    summary.steps = log.steps();
    let Some(record) = metadata.record else { return Ok(summary) };
    let attachments = Attachments::parse(&history(handle, &["inspect", "--format", "json", &record])?);
    let mut sboms = match &attachments.index {
        Some(index) => sboms(handle, &record, index)?,
        None => BTreeMap::new(),
    };
    for (named, digest) in attachments.images {
        let layers = layers(handle, &record, &digest)?;
        let platform = if named.is_empty() { platform.to_owned() } else { named };
        let sbom = sboms.remove(&digest);
        summary.images.push(ImageSummary { platform, digest, layers, sbom });
    }
    Ok(summary)
}

/// What is in each image of an index, by the digest of its manifest: the first SPDX document that was attested of it, which is that of
/// the whole image. Records show what stands under any digest that belongs to them.
fn sboms(handle: &EngineHandle, record: &str, index: &str) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let Ok(Document::Index(index)) = Document::parse(shown(handle, record, index)?.as_bytes()) else {
        return Ok(found);
    };
    for entry in index.entries() {
        let Entry::Attestation { descriptor, about } = entry else { continue };
        let manifest = shown(handle, record, &descriptor.digest)?;
        let Ok(Document::Manifest(manifest)) = Document::parse(manifest.as_bytes()) else { continue };
        let is_list = |layer: &&Descriptor| {
            let said = layer.annotations.get(PREDICATE_TYPES[0]);
            said.and_then(|said| predicate::list(said)) == Some(SbomFormat::Spdx)
        };
        let Some(layer) = manifest.layers.iter().find(is_list) else { continue };
        let statement = shown(handle, record, &layer.digest)?;
        if digest_of(statement.as_bytes()) != layer.digest {
            continue;
        }
        if let Ok(statement) = Statement::parse(statement.as_bytes()) {
            found.insert(about.to_owned(), statement.predicate.get().as_bytes().to_vec());
        }
    }
    Ok(found)
}

/// What a record has under a digest; nothing where it cannot be shown.
fn shown(handle: &EngineHandle, record: &str, digest: &str) -> Result<String> {
    let mut command = handle.buildx();
    command.args(["history", "inspect", "attachment", record, digest]);
    let out = capture(command, RECORD_LIMIT)?;
    Ok(if out.ok { out.stdout } else { String::new() })
}

/// Says what became of each fragment, and keeps its inputs.
fn explain(summary: &mut Summary, inputs: Vec<PlatformInputs>, log: &BuildLog) {
    let several = inputs.len() > 1;
    for mut platform in inputs {
        platform.learn(log, several);
        if !log.is_empty() {
            summary.fragments.extend(fates::outcomes(&platform, log, several));
        }
        if let Err(error) = platform.keep() {
            let file = platform.file.display();
            let lost = "the next build cannot say why something runs again";
            summary.notes.push(format!("{file} cannot be written, so that {lost}: {error}"));
        }
    }
}

/// The layers of an image, with what made them: the record keeps the image's config beside its manifest.
fn layers(handle: &EngineHandle, record: &str, manifest: &str) -> Result<Vec<Layer>> {
    let document = history(handle, &["inspect", "attachment", record, manifest])?;
    let Ok(Document::Manifest(manifest)) = Document::parse(document.as_bytes()) else {
        return Ok(Vec::new());
    };
    let config = history(handle, &["inspect", "attachment", record, &manifest.config.digest])?;
    Ok(with_history(&manifest.layers, config.as_bytes()))
}

/// What `docker buildx history …` prints. Nothing when it fails: an engine without records, or one that an older buildx
/// cannot read, only makes the summary shorter.
fn history(handle: &EngineHandle, args: &[&str]) -> Result<String> {
    let mut command = handle.buildx();
    command.arg("history").args(args);
    let out = capture(command, RECORD_LIMIT)?;
    // Logs are written to standard error, everything else to standard output.
    Ok(if out.ok { out.stdout + &out.stderr } else { String::new() })
}
