//! Debian roots by debootstrap: the engine's own, and the ones that become base images.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::places::Places;
use super::spec::{ENGINE_PACKAGES, Suite};
use crate::exit::{Error, Result};
use crate::process::{find_program, run_logged};
use crate::progress::Progress;

/// Where Debian packages come from when `FACTORY_DEBIAN_MIRROR` names nothing else.
const DEBIAN_MIRROR: &str = "http://deb.debian.org/debian";

/// What to bootstrap.
#[derive(Debug, Clone)]
pub(crate) struct DebianRoot<'a> {
    /// Suite name in the archive.
    pub suite: &'a str,
    /// Debian's name of the architecture; none means the machine's own.
    pub arch: Option<&'a str>,
    /// Packages beyond the minimal system.
    pub packages: &'a [&'a str],
}

/// The Debian archive to bootstrap from.
#[must_use]
pub(crate) fn mirror() -> String {
    std::env::var("FACTORY_DEBIAN_MIRROR")
        .ok()
        .filter(|m| !m.is_empty())
        .unwrap_or_else(|| DEBIAN_MIRROR.into())
}

/// The cached root of `suite`, or of the suite it falls back to; bootstrapped on first use. Returns the suite that
/// was really taken.
///
/// # Errors
/// debootstrap is missing and cannot be installed, or no suite could be bootstrapped.
pub(crate) fn engine_root(
    places: &Places,
    suite: Suite,
    progress: &mut dyn Progress,
) -> Result<(Suite, PathBuf)> {
    let root = places.root(suite);
    if root.is_dir() {
        return Ok((suite, root));
    }
    let wanted = DebianRoot { suite: suite.as_str(), arch: None, packages: ENGINE_PACKAGES };
    progress.begin(&format!("bootstrap a Debian {suite} root with Docker Engine (about 0.8 GB, once)"));
    match debootstrap(&wanted, &root, places, progress) {
        Ok(()) => {
            progress.done(&format!("root in {}", root.display()));
            Ok((suite, root))
        }
        Err(error) => {
            let Some(next) = suite.fallback() else { return Err(error) };
            progress.note(&format!("{suite} cannot be bootstrapped, falling back to {next}: {error}"));
            engine_root(places, next, progress)
        }
    }
}

/// Bootstraps `wanted` into `target`: under a temporary name first, so that `target` is whole or absent.
///
/// # Errors
/// debootstrap is missing or fails, or the folder cannot be written.
pub(crate) fn debootstrap(
    wanted: &DebianRoot<'_>,
    target: &Path,
    places: &Places,
    progress: &mut dyn Progress,
) -> Result<()> {
    ensure_debootstrap(progress)?;
    let problem = |e| Error::io(format!("cannot prepare {}", target.display()), e);
    let parent = target.parent().ok_or_else(|| Error::Internal("a root folder without a parent".into()))?;
    fs::create_dir_all(parent).map_err(problem)?;
    let temporary = unfinished(target);
    rm(&temporary)?;
    let scripts = scripts_with(wanted.suite, &places.state)?;
    run_logged(debootstrap_command(wanted, &temporary, scripts.as_deref()), "debootstrap", progress)?;
    fs::rename(&temporary, target).map_err(problem)
}

/// debootstrap mounts `/proc` in its target: in a mount namespace of its own nothing of it can be left behind.
fn debootstrap_command(wanted: &DebianRoot<'_>, target: &Path, scripts: Option<&Path>) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "slave", "debootstrap", "--variant=minbase"]);
    if let Some(arch) = wanted.arch {
        command.arg(format!("--arch={arch}"));
    }
    if !wanted.packages.is_empty() {
        command.arg(format!("--include={}", wanted.packages.join(",")));
    }
    command.arg(wanted.suite).arg(target).arg(mirror());
    if let Some(scripts) = scripts {
        command.env("DEBOOTSTRAP_DIR", scripts);
    }
    command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C.UTF-8");
    command
}

/// An older debootstrap has no script for a newer suite, though all suites since 2005 share the one of sid. A private
/// copy of its folder gets the missing link; the system's own files stay as they are.
fn scripts_with(suite: &str, state: &Path) -> Result<Option<PathBuf>> {
    let system = Path::new("/usr/share/debootstrap");
    if system.join("scripts").join(suite).exists() || !system.join("scripts/sid").exists() {
        return Ok(None);
    }
    let private = state.join("debootstrap");
    let problem = |e| Error::io(format!("cannot copy debootstrap's scripts to {}", private.display()), e);
    fs::create_dir_all(private.join("scripts")).map_err(problem)?;
    copy_files(system, &private).map_err(problem)?;
    copy_files(&system.join("scripts"), &private.join("scripts")).map_err(problem)?;
    let link = private.join("scripts").join(suite);
    if !link.exists() {
        symlink("sid", link).map_err(problem)?;
    }
    Ok(Some(private))
}

/// Copies the plain files of one folder, following links.
fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Installs debootstrap where it is missing and the machine has apt.
fn ensure_debootstrap(progress: &mut dyn Progress) -> Result<()> {
    if find_program("debootstrap").is_some() {
        return Ok(());
    }
    if find_program("apt-get").is_none() {
        return Err(Error::engine(
            "debootstrap is not installed, and there is no apt-get to install it with",
        ));
    }
    progress.note("debootstrap is missing: installing it with apt-get");
    let script = "apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap debian-archive-keyring";
    let mut command = Command::new("sh");
    command.args(["-c", script]).env("DEBIAN_FRONTEND", "noninteractive");
    run_logged(command, "apt-get install debootstrap", progress)
}

/// Where a folder is while it is made or removed.
fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("unfinished")
}

/// Removes a folder tree, or nothing where there is none. Under its own name it is whole or absent, also when this is
/// interrupted: half a Debian root would be taken for one. Never crosses into another file system, so that a bind mount
/// that someone left below is not emptied.
///
/// # Errors
/// `rm` fails, for example because of a mount below the folder.
pub(crate) fn remove_tree(path: &Path) -> Result<()> {
    let going = unfinished(path);
    rm(&going)?;
    match fs::rename(path, &going) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io(format!("cannot remove {}", path.display()), error)),
        Ok(()) => rm(&going),
    }
}

/// Removes it where it is.
fn rm(path: &Path) -> Result<()> {
    let mut command = Command::new("rm");
    command.args(["-rf", "--one-file-system", "--"]).arg(path);
    run_logged(command, &format!("removing {}", path.display()), &mut crate::progress::Silent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_names_suite_packages_and_private_scripts() {
        let wanted = DebianRoot { suite: "forky", arch: Some("arm64"), packages: &["git", "xz-utils"] };
        let command = debootstrap_command(&wanted, Path::new("/r.unfinished"), Some(Path::new("/s")));
        let args: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
        let tail = args[3..].join(" ");
        let expected =
            "debootstrap --variant=minbase --arch=arm64 --include=git,xz-utils forky /r.unfinished ";
        assert!(tail.starts_with(expected), "{tail}");
        assert!(command.get_envs().any(|(k, v)| k == "DEBOOTSTRAP_DIR" && v == Some("/s".as_ref())));
    }

    #[test]
    fn removing_what_is_not_there_is_fine() {
        let dir = tempfile::tempdir().unwrap();
        remove_tree(&dir.path().join("absent")).unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::create_dir_all(dir.path().join("a.unfinished/left/by an interrupted one")).unwrap();
        remove_tree(&dir.path().join("a")).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
