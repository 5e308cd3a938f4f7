//! Single files out of Debian packages, for programs that an engine needs only sometimes.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::bootstrap::mirror;
use crate::exit::{Error, Result};
use crate::process::run_logged;
use crate::progress::Progress;

/// What downloads and unpacks.
const SCRIPT: &str = include_str!("fetch.sh");

/// Writes the file at `member` of a package as an executable `target`, by the apt of the Debian root `root`: under a
/// temporary name first, so that `target` is whole or absent.
///
/// # Errors
/// The package cannot be downloaded or has no such file, or the folder cannot be written.
pub(crate) fn fetch(
    root: &Path,
    package: &str,
    member: &str,
    target: &Path,
    progress: &mut dyn Progress,
) -> Result<()> {
    let problem = |e| Error::io(format!("cannot write {}", target.display()), e);
    let parent = target.parent().ok_or_else(|| Error::Internal("a file without a folder".into()))?;
    fs::create_dir_all(parent).map_err(problem)?;
    let temporary = target.with_extension(format!("unfinished-{}", std::process::id()));
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT, "fetch"]).env("ROOT", root).env("PACKAGE", package);
    command.env("MEMBER", member).env("TARGET", &temporary).env("DEBIAN_FRONTEND", "noninteractive");
    let what = format!("fetching {member} of the Debian package {package} from {}", mirror());
    let fetched = run_logged(command, &what, progress).and_then(|()| {
        fs::set_permissions(&temporary, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .map_err(problem)?;
        fs::rename(&temporary, target).map_err(problem)
    });
    if fetched.is_err() {
        let _ = fs::remove_file(&temporary); // it may never have been made
    }
    fetched
}
