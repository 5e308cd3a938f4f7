//! `factory frontend …`.

use super::args::{FrontendAction, FrontendBuild};
use crate::engine::Engine;
use crate::exit::{Error, Result};
use crate::frontend_image::{self, DEV_IMAGE, Outcome, Platform};
use crate::progress::for_terminal;
use crate::project::project_root;

pub(crate) fn run(action: &FrontendAction) -> Result<()> {
    let FrontendAction::Build(arguments) = action;
    build(arguments)
}

fn build(arguments: &FrontendBuild) -> Result<()> {
    let here = std::env::current_dir().map_err(|e| Error::Usage(format!("the current folder: {e}")))?;
    let root = project_root(&here)?;
    let mut progress = for_terminal();
    let handle = Engine::ensure(&arguments.which.spec(), progress.as_mut())?;
    let platform = arguments.platform.unwrap_or_else(Platform::host);
    let outcome = frontend_image::ensure(&handle, &root, platform, progress.as_mut())?;
    drop(progress);
    match outcome {
        Outcome::Present => eprintln!("{DEV_IMAGE} is up to date"),
        Outcome::Loaded => eprintln!("{DEV_IMAGE} loaded"),
    }
    Ok(())
}
