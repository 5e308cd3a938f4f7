//! Running a build: the engine, the frontend image, buildx on the user's terminal, the summary.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::command::BuildRequest;
use super::fates;
use super::inputs::{self, PlatformInputs};
use super::log::BuildLog;
use super::manifest::Product;
use super::summary::{self, ImageSummary, Metadata, Summary};
use crate::engine::{Engine, EngineHandle, EngineSpec};
use crate::exit::{Error, Result};
use crate::frontend_image::{self, DEV_IMAGE, Platform};
use crate::layers::{Document, Layer, with_history};
use crate::process::{capture, spawn};
use crate::progress::Progress;

/// How long reading the engine's record of a build may take.
const RECORD_LIMIT: Duration = Duration::from_secs(30);

/// Builds a product: brings the engine up, makes sure of the frontend image, runs buildx with its progress on the
/// user's terminal, and reads what came of it.
///
/// # Errors
/// As the exit codes say: no engine, no frontend image, the build failed, or it was interrupted.
pub fn run(
    product: &Product,
    request: &BuildRequest,
    spec: &EngineSpec,
    progress: &mut dyn Progress,
) -> Result<Summary> {
    let handle = Engine::ensure(spec, progress)?;
    if request.frontend.is_none() && product.syntax.as_deref() == Some(DEV_IMAGE) {
        frontend_image::ensure(&handle, &product.root, Platform::host(), progress)?;
    }
    let folder = tempfile::tempdir().map_err(|e| Error::Internal(format!("no temporary folder: {e}")))?;
    let mut request = request.clone();
    let metadata = request.metadata_file.get_or_insert_with(|| folder.path().join("metadata.json")).clone();
    let native = native_platform(&handle)?;
    let mut command = handle.docker();
    command.args(request.words(product, &native)?).current_dir(&product.root);
    // Before the build: what is edited while it runs belongs to the next one.
    let inputs = gathered(product, &request, &native);
    let started = Instant::now();
    run_buildx(command)?;
    let wall = started.elapsed();
    let platform = request.platforms.first().unwrap_or(&native);
    let mut summary = read_summary(&handle, &product.root.join(metadata), platform, inputs)?;
    summary.wall = wall;
    Ok(summary)
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

/// Runs buildx on our own terminal. Ctrl-C reaches it by itself; we wait until it has cleaned up.
fn run_buildx(mut command: Command) -> Result<()> {
    let signals = Signals::catch()?;
    let mut child = spawn(&mut command, "docker buildx")?;
    let status = wait(&mut child, &signals)?;
    if signals.any() {
        return Err(Error::Interrupted);
    }
    if status.success() { Ok(()) } else { Err(Error::BuildFailed { code: status.code().unwrap_or(-1) }) }
}

/// Counts signals instead of dying of them, as long as a child runs.
struct Signals {
    interrupts: Arc<AtomicUsize>,
    terminations: Arc<AtomicUsize>,
    handlers: [signal_hook::SigId; 2],
}

impl Signals {
    fn catch() -> Result<Self> {
        let (interrupts, terminations) = (Arc::default(), Arc::default());
        let handlers = [count(SIGINT, &interrupts)?, count(SIGTERM, &terminations)?];
        Ok(Self { interrupts, terminations, handlers })
    }

    fn any(&self) -> bool {
        self.interrupts.load(Ordering::Relaxed) + self.terminations.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for handler in self.handlers {
            signal_hook::low_level::unregister(handler);
        }
    }
}

fn count(signal: i32, counter: &Arc<AtomicUsize>) -> Result<signal_hook::SigId> {
    signal_hook::flag::register_usize(signal, Arc::clone(counter), 1)
        .map_err(|e| Error::Internal(format!("cannot handle signal {signal}: {e}")))
}

fn wait(child: &mut Child, signals: &Signals) -> Result<ExitStatus> {
    let mut told = false;
    loop {
        if let Some(status) = child.try_wait().map_err(|e| Error::io("cannot wait for docker buildx", e))? {
            return Ok(status);
        }
        if signals.any() && !told {
            // From a terminal it has had its own SIGINT; a signal to us alone has to be handed on.
            told = true;
            if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::INT); // it may have ended in between
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Reads what buildx and the engine have written down, and keeps the inputs for the next build. `platform` is what a record
/// means that names none.
fn read_summary(
    handle: &EngineHandle,
    metadata: &Path,
    platform: &str,
    inputs: Vec<PlatformInputs>,
) -> Result<Summary> {
    let metadata = Metadata::parse(&fs::read_to_string(metadata).unwrap_or_default());
    let mut summary = Summary { names: metadata.names, digest: metadata.digest, ..Summary::default() };
    let log = match &metadata.record {
        Some(record) => BuildLog::parse(&history(handle, &["logs", "--progress", "rawjson", record])?),
        None => BuildLog::default(),
    };
    explain(&mut summary, inputs, &log);
    let Some(record) = metadata.record else { return Ok(summary) };
    summary.steps = log.steps();
    let images = summary::image_manifests(&history(handle, &["inspect", "--format", "json", &record])?);
    for (named, digest) in images {
        let layers = layers(handle, &record, &digest)?;
        let platform = if named.is_empty() { platform.to_owned() } else { named };
        summary.images.push(ImageSummary { platform, digest, layers });
    }
    Ok(summary)
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
    let document = Document::parse(&history(handle, &["inspect", "attachment", record, manifest])?);
    let Ok(Document::Manifest { config, layers }) = document else { return Ok(Vec::new()) };
    Ok(with_history(layers, &history(handle, &["inspect", "attachment", record, &config])?))
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
