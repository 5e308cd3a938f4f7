//! The first half of a build: the product with `--target report`, which runs its steps and tests and exports what they said.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::client::{self, Log, Shown};
use super::command::BuildRequest;
use super::failure::Attempt;
use super::manifest::Product;
use super::reading;
use super::verdicts::Report;
use crate::engine::EngineHandle;
use crate::exit::{Error, Result};
use crate::reports::Exported;

/// Options that say what becomes of an image.
const OF_IMAGES: Options = Options {
    with_value: &[
        "--annotation",
        "--attest",
        "--cache-to",
        "--iidfile",
        "--metadata-file",
        "--output",
        "--provenance",
        "--sbom",
        "--tag",
        "-o",
        "-t",
    ],
    flags: &["--load", "--push"],
};
/// Options that make steps run that need not.
const OF_FRESHNESS: Options = Options { with_value: &["--no-cache-filter"], flags: &["--no-cache"] };

/// Options of buildx, by how they are written.
struct Options {
    /// With the value in the same word after `=`, or in the next.
    with_value: &'static [&'static str],
    /// Without a value, or with `=true`.
    flags: &'static [&'static str],
}

impl Options {
    /// The words without these options.
    fn left_out_of(&self, words: &[String]) -> Vec<String> {
        let mut kept = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
            if self.with_value.contains(&name) {
                if name == word {
                    words.next(); // its value
                }
            } else if !self.flags.contains(&name) {
                kept.push(word.clone());
            }
        }
        kept
    }
}

/// The options of a build that takes what has just been made from the cache. What was made anew has replaced what was there.
pub(crate) fn from_the_cache(options: &[String]) -> Vec<String> {
    OF_FRESHNESS.left_out_of(options)
}

impl BuildRequest {
    /// The words after `docker` of the same build as a report in `folder`, with nothing tagged or pushed.
    pub(crate) fn report_words(
        &self,
        product: &Product,
        folder: &Path,
        metadata: &Path,
    ) -> Result<Vec<String>> {
        let options = OF_IMAGES.left_out_of(&self.options);
        let report = Self {
            image_names: Vec::new(),
            no_names: true,
            metadata_file: None,
            options: [options, export(folder, metadata)].concat(),
            ..self.clone()
        };
        // Without names the platform of the engine does not matter.
        report.words(product, "")
    }
}

/// The options of a build that exports a report.
pub(crate) fn export(folder: &Path, metadata: &Path) -> Vec<String> {
    let output = format!("--output=type=local,dest={}", folder.display());
    let metadata = format!("--metadata-file={}", metadata.display());
    let words = ["--target=report", &output, "--provenance=false", &metadata];
    words.map(str::to_owned).to_vec()
}

/// A report that has been exported.
pub(crate) struct Tree {
    /// The report.
    pub(crate) exported: Exported,
    /// Id of the engine's record of the build.
    pub(crate) record: Option<String>,
    /// Where the files of the report are, as long as this is.
    _folder: TempDir,
}

/// What came of a build that exports a report.
pub(crate) enum Exporting {
    /// A report.
    Tree(Box<Tree>),
    /// The client has ended before there was one.
    Failed {
        /// What it said, where that did not go to a terminal.
        log: Option<Log>,
        /// What it exited with.
        code: i32,
    },
}

/// Runs a build in `root` that exports a report; `words` makes its command for the folder and the metadata file that it gets.
///
/// # Errors
/// No temporary folder, a client that cannot be started, a signal, a report that is none.
pub(crate) fn exported(
    handle: &EngineHandle,
    root: &Path,
    words: impl FnOnce(&Path, &Path) -> Result<Vec<String>>,
    shown: Shown,
) -> Result<Exporting> {
    let folder = temporary()?;
    let (report, metadata) = (folder.path().join("report"), folder.path().join("metadata.json"));
    let mut docker = handle.docker();
    docker.current_dir(root).args(words(&report, &metadata)?);
    let ended = client::run(docker, shown)?;
    if !ended.status.success() {
        return Ok(Exporting::Failed { log: ended.log, code: ended.status.code().unwrap_or(-1) });
    }
    let exported = Exported::read(&report)?;
    let record = reading::metadata(&metadata).record;
    Ok(Exporting::Tree(Box::new(Tree { exported, record, _folder: folder })))
}

pub(crate) fn temporary() -> Result<TempDir> {
    tempfile::tempdir().map_err(|e| Error::Internal(format!("no temporary folder: {e}")))
}

/// Where reports are merged into, and what they are of.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    /// The project's reports.
    pub(crate) folder: PathBuf,
    /// What was to be built.
    pub(crate) attempt: Attempt,
    /// The plan that was built, where it was one.
    pub(crate) plan: Option<String>,
    /// When the build began, in the form of `tested_at`.
    pub(crate) began: String,
}

impl Destination {
    /// The report that an exported tree is.
    pub(crate) fn report_of(&self, tree: &Exported) -> Report {
        Report {
            records: tree.records.values().cloned().collect(),
            errors: tree.errors.values().cloned().collect(),
            began: self.began.clone(),
        }
    }

    /// Merges a report into the project's.
    pub(crate) fn merge(&self, tree: &Exported) -> Result<()> {
        tree.merge(&self.folder, self.plan.as_deref())?;
        Ok(())
    }

    /// Leaves an error record of a build that no report is of, made from what the client said.
    pub(crate) fn failed(&self, log: Option<&Log>, code: i32) -> Result<Report> {
        let folder = temporary()?;
        let terminal = Log::line("docker buildx has printed to a terminal: nothing of it is known here");
        let tree = self.attempt.failed(log.unwrap_or(&terminal), code, folder.path())?;
        self.merge(&tree)?;
        Ok(self.report_of(&tree))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_half_of_a_build_gets_the_options_that_are_about_it() {
        let words = [
            "--build-arg=A=b",
            "--push",
            "--no-cache",
            "--no-cache-filter",
            "core",
            "-t",
            "x:1",
            "--output=type=image",
            "--allow",
            "device",
            "--cache-from=type=registry,ref=r",
            "--cache-to=type=registry,ref=r",
        ];
        let words: Vec<String> = words.map(str::to_owned).to_vec();
        let cache = "--cache-from=type=registry,ref=r";
        let fresh =
            ["--build-arg=A=b", "--no-cache", "--no-cache-filter", "core", "--allow", "device", cache];
        assert_eq!(OF_IMAGES.left_out_of(&words), fresh);
        let image = from_the_cache(&words);
        assert_eq!(image.len(), words.len() - 3);
        assert!(!image.iter().any(|word| word.contains("no-cache") || word == "core"), "{image:?}");
    }
}
