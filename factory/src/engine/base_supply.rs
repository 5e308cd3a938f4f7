//! The base image of an engine of ours: from the public registry, else bootstrapped.

use std::path::Path;
use std::time::Duration;

use super::base_image::BaseImage;
use super::handle::EngineHandle;
use super::places::Places;
use crate::exit::{Error, Result};
use crate::process::capture;
use crate::progress::Progress;

/// How long the public registry may take to answer before a base image is bootstrapped instead.
const REGISTRY_LIMIT: Duration = Duration::from_secs(10);

/// Makes sure that `debian:bookworm-slim` resolves: from the public registry, else bootstrapped into the engine's
/// store and its own registry.
pub(crate) fn ensure(places: &Places, handle: &EngineHandle, progress: &mut dyn Progress) -> Result<()> {
    let base = BaseImage::bookworm_slim();
    if succeeds(handle, &["image", "inspect", base.reference], Duration::from_secs(20))? {
        return Ok(());
    }
    progress.begin(&format!("look for {}", base.reference));
    if succeeds(handle, &["buildx", "imagetools", "inspect", base.reference], REGISTRY_LIMIT)? {
        progress.done("the registry has it");
        return Ok(());
    }
    progress.done("no registry answers for it");
    progress.begin(&format!("bootstrap {} with debootstrap", base.reference));
    let archive = base.archive(places, progress)?;
    load_base(handle, &base, &archive)?;
    progress.done("loaded and pushed to the engine's registry");
    Ok(())
}

fn load_base(handle: &EngineHandle, base: &BaseImage, archive: &Path) -> Result<()> {
    let registry =
        handle.registry.as_deref().ok_or_else(|| Error::Internal("an engine without registry".into()))?;
    let target = format!("{registry}/{}", base.repository);
    let archive = archive.to_string_lossy();
    for args in [
        vec!["load", "--quiet", "--input", &archive],
        vec!["tag", base.reference, &target],
        vec!["push", "--quiet", &target],
        vec!["image", "rm", &target],
    ] {
        docker(handle, &args)?;
    }
    Ok(())
}

fn succeeds(handle: &EngineHandle, args: &[&str], limit: Duration) -> Result<bool> {
    let mut command = handle.docker();
    command.args(args);
    Ok(capture(command, limit)?.ok)
}

fn docker(handle: &EngineHandle, args: &[&str]) -> Result<()> {
    let mut command = handle.docker();
    command.args(args);
    let out = capture(command, Duration::from_secs(300))?;
    if out.ok {
        Ok(())
    } else {
        Err(Error::engine(format!("docker {}: {}", args.join(" "), out.stderr.trim())))
    }
}
