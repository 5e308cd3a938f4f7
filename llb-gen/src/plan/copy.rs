//! `copy`: files from somewhere into the image.

use super::here::{Here, owner};
use super::step::{Files, PlannedCopy, PlannedFile};
use crate::diagnostic::Diagnostics;
use crate::llb::{Owner, Timestamp};
use crate::model::step::Copy;
use crate::model::{Given, SourcePath};

pub(super) fn plan(copy: &Copy, here: &Here<'_>) -> Result<Vec<PlannedFile>, Diagnostics> {
    let scope = here.scope();
    let (from, prefix) = here.files(copy.from.get(scope)?);
    let sources = copy.src.get(scope)?;
    let parents = *copy.parents.get(scope)?;
    let dest = copy.dest.get(scope)?;
    let absolute = dest.absolute(&here.workdir);
    let folder = dest.is_folder() || parents;
    let shared = PlannedCopy {
        timestamp: timestamp(&from, here),
        from,
        src: String::new(),
        dest: with_slash(absolute, folder),
        owner: copy.chown.given(scope)?.map(owner),
        mode: copy.chmod.given(scope)?.map(crate::model::FileMode::bits),
        include: copy.include.get(scope)?.iter().map(ToString::to_string).collect(),
        exclude: copy.exclude.get(scope)?.iter().map(ToString::to_string).collect(),
        unpack: *copy.unpack.get(scope)?,
    };
    let one = |src: &SourcePath| match parents {
        true => keep_parents(&shared, &prefix, src.as_str()),
        false => PlannedCopy { src: Here::path_in(&prefix, src.as_str()), ..shared.clone() },
    };
    let copies = sources.iter().map(one).map(PlannedFile::Copy);
    Ok(parents_first(&shared.dest, shared.mode, shared.owner.as_ref()).into_iter().chain(copies).collect())
}

/// The folders that a copy with a mode goes into, made before it: the daemon would give the mode to them as well, and
/// nobody enters a folder of mode 0600.
pub(super) fn parents_first(dest: &str, mode: Option<u32>, owner: Option<&Owner>) -> Option<PlannedFile> {
    mode?;
    let (path, _) = dest.rsplit_once('/')?;
    (!path.is_empty()).then(|| PlannedFile::Parents { path: path.to_owned(), owner: owner.cloned() })
}

/// With the folders above it: the whole source is copied, and all but the path left out.
fn keep_parents(shared: &PlannedCopy, prefix: &str, src: &str) -> PlannedCopy {
    let inside = |pattern: &String| format!("{src}/{pattern}");
    let include = match shared.include.is_empty() {
        true => vec![src.to_owned()],
        false => shared.include.iter().map(inside).collect(),
    };
    let exclude = shared.exclude.iter().map(inside).collect();
    PlannedCopy { src: Here::path_in(prefix, "."), include, exclude, ..shared.clone() }
}

/// Times of a checkout are the times of the checkout: they would make layers differ from machine to machine. What comes
/// out of an image or a stage keeps its times.
fn timestamp(from: &Files, here: &Here<'_>) -> Timestamp {
    match from {
        Files::Catalogue | Files::Context | Files::Named(_) => seconds(here),
        Files::Image(_) | Files::Stage(_) => Timestamp::Keep,
    }
}

pub(super) fn seconds(here: &Here<'_>) -> Timestamp {
    Timestamp::Seconds(i64::try_from(here.epoch()).unwrap_or(i64::MAX))
}

pub(super) fn with_slash(path: String, folder: bool) -> String {
    if folder && !path.ends_with('/') { path + "/" } else { path }
}
