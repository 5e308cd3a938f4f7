//! An export from beginning to end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use llb_gen::model::Platform;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cached::Cached;
use super::dataset::{self, Line};
use super::tree::{Places, Tree, file_name};
use crate::attested::{About, Interest, Said, gather};
use crate::exit::{Error, Result};
use crate::images::{PlatformImage, Platforms, Store};
use crate::progress::{Progress, counted};
use crate::registry::Fault;

/// Where blobs are kept until an export is done.
const UNFINISHED: &str = ".unfinished";

/// What an export has found and written.
#[derive(Debug, Clone, Serialize)]
pub struct Export {
    /// How the image was asked for.
    pub image: String,
    /// The digest that this led to.
    pub digest: String,
    /// The folder.
    pub folder: PathBuf,
    /// What was found, of each platform's image and of the index.
    pub found: Vec<Exported>,
    /// How many files were not there before.
    pub written: usize,
}

/// What was found of one manifest.
#[derive(Debug, Clone, Serialize)]
pub struct Exported {
    /// The digest of the manifest.
    pub digest: String,
    /// The platform; nothing for the index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The builds that there are records of.
    pub records: Vec<Recorded>,
    /// Lists of what is in it.
    pub sbom: Vec<PathBuf>,
    /// How it was built.
    pub provenance: Vec<PathBuf>,
    /// What the tests said.
    pub test_results: Vec<PathBuf>,
    /// Other statements: predicate types by their files.
    pub statements: BTreeMap<PathBuf, String>,
    /// Those files whose statements came in signed envelopes. The signatures have not been looked at.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub enveloped: BTreeSet<PathBuf>,
}

/// A record that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Recorded {
    /// The build.
    pub build_id: String,
    /// Its verdict.
    pub verdict: &'static str,
    /// The file is the one that the build wrote, byte for byte. Otherwise it is what the frontend has attested, which does not know
    /// what the steps printed.
    pub as_written: bool,
}

/// Reads everything that is said of an image and writes it to `folder`. What is not what it is said to be ends it before anything
/// is written. `dataset` gets a line for each record.
///
/// # Errors
/// As [`gather`], or a file cannot be written.
pub fn export(
    name: &str,
    store: &dyn Store,
    wanted: Option<&Platform>,
    folder: &Path,
    dataset: Option<&Path>,
    progress: &mut dyn Progress,
) -> Result<Export> {
    let unfinished = folder.join(UNFINISHED);
    let cached = Cached { store, folder: unfinished.clone() };
    progress.begin(&format!("read what is said of {name}"));
    let platforms = Platforms::read(&cached, wanted)?;
    for one in &platforms.missing {
        progress.note(&format!("the index lists {}, which is not there", one.digest));
    }
    let said = gather(&cached, &platforms, Interest::All)?;
    let statements: usize = said.iter().map(|one| one.statements.len()).sum();
    let records: usize = said.iter().map(|one| one.records.len()).sum();
    let images = counted(platforms.images.len(), "image");
    let (statements, records) = (counted(statements, "statement"), counted(records, "record"));
    progress.done(&format!("{images}, {statements}, {records}"));
    progress.begin(&format!("write {}", folder.display()));
    let mut tree = Tree::default();
    let (mut found, mut lines) = (Vec::new(), Vec::new());
    let short = short_name(name);
    for one in &said {
        let places = tree.add(&short, one);
        if let About::Image { digest, .. } = &one.about
            && let Some(image) = platforms.images.iter().find(|image| image.descriptor.digest == *digest)
        {
            lines.extend(lines_of(name, platforms.digest(), image, one, &places)?);
        }
        found.push(described(one, &places));
    }
    found.retain(|one| one.platform.is_some() || !one.is_empty());
    let mut export = Export {
        image: name.to_owned(),
        digest: platforms.digest().to_owned(),
        folder: folder.to_owned(),
        found,
        written: 0,
    };
    let json =
        serde_json::to_vec_pretty(&summary(&export)).map_err(|fault| Error::Internal(fault.to_string()))?;
    let digits: String = platforms.digest().chars().skip_while(|c| *c != ':').skip(1).take(12).collect();
    let mut json = json;
    json.push(b'\n');
    tree.files.insert(Path::new("images").join(format!("{short}-{digits}.json")), json);
    export.written = tree.write(folder)?;
    if let Some(file) = dataset {
        dataset::add(file, &lines)?;
    }
    match std::fs::remove_dir_all(&unfinished) {
        Err(fault) if fault.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::Usage(format!("{}: {fault}", unfinished.display())));
        }
        _ => {}
    }
    progress.done(&format!("{}, {} of them new", counted(tree.files.len(), "file"), export.written));
    Ok(export)
}

/// What stands in the tree of the image as a whole: nothing that another place or time would change.
fn summary(export: &Export) -> Value {
    serde_json::json!({"schema_version": 1, "image": export.image, "digest": export.digest, "found": export.found})
}

/// The end of an image's name without a tag, as a part of names of files.
fn short_name(name: &str) -> String {
    let bare = name.split('@').next().unwrap_or(name);
    let last = bare.trim_end_matches('/').rsplit('/').next().unwrap_or(bare);
    let last = last.split(':').next().filter(|text| !text.is_empty()).unwrap_or(last);
    file_name(last.strip_suffix(".tar").unwrap_or(last))
}

impl Exported {
    fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.sbom.is_empty()
            && self.provenance.is_empty()
            && self.statements.is_empty()
    }
}

fn described(said: &Said, places: &Places) -> Exported {
    let record = |file: &crate::attested::RecordFile| Recorded {
        build_id: file.record.build_id.clone(),
        verdict: file.record.result.status.as_str(),
        as_written: file.as_written,
    };
    Exported {
        digest: said.about.digest().to_owned(),
        platform: match &said.about {
            About::Image { platform, .. } => {
                Some(platform.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string))
            }
            About::Index { .. } => None,
        },
        records: said.records.values().map(record).collect(),
        sbom: places.lists.clone(),
        provenance: places.provenance.iter().map(|(path, _)| path.clone()).collect(),
        test_results: places.test_results.clone(),
        statements: places.others.iter().cloned().collect(),
        enveloped: places.enveloped.clone(),
    }
}

fn lines_of(
    name: &str,
    digest: &str,
    image: &PlatformImage,
    said: &Said,
    places: &Places,
) -> Result<Vec<Line>, Fault> {
    let listed = said.packages()?.unwrap_or_default();
    let mut statements: Vec<String> = said.statements.iter().map(|one| one.predicate_type.clone()).collect();
    statements.sort();
    statements.dedup();
    let files =
        places.lists.iter().chain(places.provenance.iter().map(|(path, _)| path)).chain(&places.test_results);
    let line = Line {
        schema_version: 1,
        image: name.to_owned(),
        digest: digest.to_owned(),
        image_digest: image.descriptor.digest.clone(),
        platform: image.platform.as_ref().map(ToString::to_string),
        layers: image.manifest.layers.len(),
        size: image.manifest.layers.iter().map(|layer| layer.size).sum(),
        record: None,
        packages: listed.into_iter().collect(),
        statements,
        builder: builder(said),
        files: files.map(|path| path.to_string_lossy().into_owned()).collect(),
    };
    if said.records.is_empty() {
        return Ok(vec![line]);
    }
    let with =
        |file: &crate::attested::RecordFile| Line { record: Some(file.record.clone()), ..line.clone() };
    Ok(said.records.values().map(with).collect())
}

/// Who has built an image, by its provenance of either version.
fn builder(said: &Said) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Provenance {
        builder: Option<Builder>,
        run_details: Option<RunDetails>,
    }
    #[derive(Deserialize)]
    struct RunDetails {
        builder: Option<Builder>,
    }
    #[derive(Deserialize)]
    struct Builder {
        #[serde(default)]
        id: String,
    }
    let provenance = said
        .statements
        .iter()
        .filter(|one| one.predicate_type.starts_with(crate::attested::kinds::predicate::PROVENANCE));
    let found = provenance.filter_map(|one| one.predicate::<Provenance>("provenance").ok());
    let mut ids = found.filter_map(|one| one.builder.or_else(|| one.run_details.and_then(|run| run.builder)));
    ids.find(|one| !one.id.is_empty()).map(|one| one.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_name_of_an_image() {
        for (name, short) in [
            ("127.0.0.1:5000/team/app:dev", "app"),
            ("registry:r.test/app@sha256:ab", "app"),
            ("oci:out/app.tar", "app"),
            ("debian", "debian"),
            ("oci:out", "out"),
        ] {
            assert_eq!(short_name(name.strip_prefix("oci:").unwrap_or(name)), short, "{name}");
        }
    }
}
