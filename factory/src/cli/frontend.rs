//! `factory frontend build` and `factory sbom build`: our own images.

use super::args::FrontendBuild;
use crate::engine::Engine;
use crate::exit::{Error, Result};
use crate::frontend_image::{Outcome, OwnImage, Platform};
use crate::progress::for_terminal;
use crate::project::project_root;

pub(crate) fn build(image: &OwnImage, arguments: &FrontendBuild) -> Result<()> {
    let here = std::env::current_dir().map_err(|e| Error::Usage(format!("the current folder: {e}")))?;
    let root = project_root(&here)?;
    let mut progress = for_terminal();
    let handle = Engine::ensure(&arguments.which.spec(), progress.as_mut())?;
    let platform = arguments.platform.unwrap_or_else(Platform::host);
    let outcome = image.ensure(&handle, &root, platform, progress.as_mut())?;
    drop(progress);
    match outcome {
        Outcome::Present => eprintln!("{} is up to date", image.reference),
        Outcome::Loaded => eprintln!("{} loaded", image.reference),
    }
    Ok(())
}
