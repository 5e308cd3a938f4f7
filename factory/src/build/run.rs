//! Running a build: the engine, the frontend image, the product with its tests, the image, the summary.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Instant, SystemTime};

use tempfile::TempDir;

use super::client::{self, Log, Shown};
use super::command::BuildRequest;
use super::failure::Attempt;
use super::inputs::{self, PlatformInputs};
use super::manifest::Product;
use super::reading::{self, RECORD_LIMIT};
use super::report::{self, Destination, Exporting, from_the_cache};
use super::summary::Summary;
use super::verdicts::{Report, written};
use crate::engine::{Engine, EngineHandle, EngineSpec};
use crate::exit::{Error, Result};
use crate::frontend_image::{self, DEV_IMAGE, Platform};
use crate::process::capture;
use crate::progress::Progress;
use crate::reports;

/// What a build came to.
#[derive(Debug, Default)]
pub struct Built {
    /// The image, where one was made.
    pub summary: Option<Summary>,
    /// What its tests said, where there is a report.
    pub report: Option<Report>,
    /// What could not be done beside the build, for standard error.
    pub notes: Vec<String>,
    /// Why there is no image.
    pub failure: Option<Error>,
}

/// Builds a product: brings the engine up, makes sure of the frontend image, and runs buildx twice with its progress on the user's
/// terminal. The first time steps and tests run, and what they said is merged into the reports of the project; the second
/// time the image is made from the cache. A step that fails has failed for both, so there is no second time.
///
/// # Errors
/// As the exit codes say: no engine, no frontend image, or it was interrupted. That the build failed is [`Built::failure`].
pub fn run(
    product: &Product,
    request: &BuildRequest,
    spec: &EngineSpec,
    progress: &mut dyn Progress,
) -> Result<Built> {
    let handle = Engine::ensure(spec, progress)?;
    if request.frontend.is_none() && product.syntax.as_deref() == Some(DEV_IMAGE) {
        frontend_image::ensure(&handle, &product.root, Platform::host(), progress)?;
    }
    run_with(&handle, product, request)
}

/// The build itself, with an engine and a frontend image that are there.
fn run_with(handle: &EngineHandle, product: &Product, request: &BuildRequest) -> Result<Built> {
    let native = native_platform(handle)?;
    // Before the build: what is edited while it runs belongs to the next one.
    let inputs = gathered(product, request, &native);
    let folder = report::temporary()?;
    let run = Run { handle, product, request, native: &native, folder, started: Instant::now() };
    if !request.is_product() || request.no_report {
        let image = run.image(&request.options, None, inputs)?;
        let failure = image.failed.map(client_failed);
        return Ok(Built { summary: image.summary, failure, ..Built::default() });
    }
    let destination = destination(product, request, &inputs, &native);
    let mut tree = match run.tested()? {
        Exporting::Tree(tree) => tree,
        Exporting::Failed { log, code } => {
            return Ok(Built::failed(destination.failed(log.as_ref(), code), client_failed(code)));
        }
    };
    let report = destination.report_of(&tree.exported);
    if let Some(why) = report.unbuildable() {
        let merged = destination.merge(&tree.exported);
        return Ok(Built::failed(merged.map(|()| report), Error::BuildFailed(why)));
    }
    let image = run.image(&from_the_cache(&request.options), tree.record.as_deref(), inputs);
    tree.exported.of_images(&image.as_ref().map(|image| image.digests(&run)).unwrap_or_default());
    let kept = match &image {
        Ok(Image { summary: Some(summary), .. }) => tree.exported.list(summary.sboms(), run.folder.path()),
        _ => Ok(()),
    };
    let merged = destination.merge(&tree.exported);
    let image = image?;
    let mut built = finished(image, &destination, report, merged);
    built.notes.extend(kept.err().map(|fault| not_kept(fault.into())));
    Ok(built)
}

/// What a build came to whose product could be made and tested.
fn finished(image: Image, into: &Destination, mut report: Report, merged: Result<()>) -> Built {
    let mut built = Built { summary: image.summary, ..Built::default() };
    built.notes.extend(merged.err().map(not_kept));
    if let Some(code) = image.failed {
        if !report.failed() {
            // The product is fine: its export or push has failed.
            match into.failed(image.log.as_ref(), code) {
                Ok(failed) => report.errors.extend(failed.errors),
                Err(fault) => built.notes.push(not_kept(fault)),
            }
        }
        built.failure = Some(match report.refused() {
            // The gate's refusal is known by the verdicts, not by its words.
            true => Error::TestsFailed("there is no image: a test said no".to_owned()),
            false => client_failed(code),
        });
    }
    built.report = Some(report);
    built
}

impl Built {
    /// A build without an image. Where even its report could not be kept, as on a full disk, the failure is still the build's.
    fn failed(report: Result<Report>, failure: Error) -> Self {
        let (report, notes) = match report {
            Ok(report) => (Some(report), Vec::new()),
            Err(fault) => (None, vec![not_kept(fault)]),
        };
        Self { report, notes, failure: Some(failure), summary: None }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the end of the fault")]
fn not_kept(fault: Error) -> String {
    format!("the report is not kept: {}", fault.full_message())
}

fn client_failed(code: i32) -> Error {
    Error::BuildFailed(format!("docker buildx exited with {code}"))
}

/// One run of `factory build`.
struct Run<'b> {
    handle: &'b EngineHandle,
    product: &'b Product,
    request: &'b BuildRequest,
    native: &'b str,
    folder: TempDir,
    started: Instant,
}

/// What the build of the image came to.
struct Image {
    /// The image.
    summary: Option<Summary>,
    /// What buildx exited with, where not all went well.
    failed: Option<i32>,
    /// What it has printed, where that did not go to a terminal.
    log: Option<Log>,
}

impl Image {
    /// The digests of the images' manifests, by platform.
    fn digests(&self, run: &Run<'_>) -> BTreeMap<String, String> {
        self.summary.as_ref().map(|summary| summary.digests(run.platform())).unwrap_or_default()
    }
}

impl Run<'_> {
    /// The platform that a build is for which says none.
    fn platform(&self) -> &str {
        self.request.platforms.first().map_or(self.native, String::as_str)
    }

    /// Builds and tests the product. Where the client had the terminal for itself and failed, it is asked once more what is wrong.
    fn tested(&self) -> Result<Exporting> {
        let words =
            |folder: &Path, metadata: &Path| self.request.report_words(self.product, folder, metadata);
        let exported = |shown: Shown| report::exported(self.handle, &self.product.root, words, shown);
        match exported(Shown::User)? {
            Exporting::Failed { log: None, .. } => exported(Shown::Nobody),
            other => Ok(other),
        }
    }

    /// Builds the image. `ran` is the engine's record of the build that ran the steps, where that was another one.
    fn image(&self, options: &[String], ran: Option<&str>, inputs: Vec<PlatformInputs>) -> Result<Image> {
        let file =
            self.request.metadata_file.clone().unwrap_or_else(|| self.folder.path().join("metadata.json"));
        let request = BuildRequest {
            metadata_file: Some(file.clone()),
            options: options.to_vec(),
            ..self.request.clone()
        };
        let mut command = self.handle.docker();
        command.args(request.words(self.product, self.native)?).current_dir(&self.product.root);
        let ended = client::run(command, Shown::User)?;
        if !ended.status.success() {
            let failed = Some(ended.status.code().unwrap_or(-1));
            return Ok(Image { summary: None, failed, log: ended.log });
        }
        let wall = self.started.elapsed();
        let metadata = reading::metadata(&self.product.root.join(file));
        let summary = reading::summary(self.handle, metadata, ran, self.platform(), inputs)?;
        Ok(Image { summary: Some(Summary { wall, ..summary }), failed: None, log: ended.log })
    }
}

/// Where the report goes, and what it is of.
fn destination(
    product: &Product,
    request: &BuildRequest,
    inputs: &[PlatformInputs],
    native: &str,
) -> Destination {
    let id = product.document.id.to_string();
    let platform = match (inputs, &request.platforms[..]) {
        ([one], _) => Some(one.now.platform.clone()),
        ([], [one]) => Some(one.clone()),
        ([], []) => Some(native.to_owned()),
        _ => None,
    };
    Destination {
        folder: reports::folder(&product.root),
        attempt: Attempt { id: id.clone(), manifest: id, platform },
        plan: None,
        began: written(SystemTime::now()),
    }
}

/// The inputs of every platform; none where something else than a whole product is built. What is wrong with them is the
/// build's to tell.
fn gathered(product: &Product, request: &BuildRequest, native: &str) -> Vec<PlatformInputs> {
    let Some(asked) = request.asked() else { return Vec::new() };
    let checked = product.check();
    checked.and_then(|checked| inputs::gather(&checked, &product.root, &asked, native)).unwrap_or_default()
}

/// The platform that the engine builds for by itself.
fn native_platform(handle: &EngineHandle) -> Result<String> {
    let host = || Platform::host().as_str().to_owned();
    if !handle.keeps_images() {
        return Ok(host());
    }
    let mut command = handle.docker();
    command.args(["version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"]);
    let out = capture(command, RECORD_LIMIT)?;
    Ok(if out.ok { out.stdout.trim().to_owned() } else { host() })
}

#[cfg(test)]
pub(crate) mod tests;
