//! `add`, `file`, `mkdir`, `symlink`, `remove`: the smaller file actions.

use super::copy::{parents_first, with_slash};
use super::here::{Here, owner};
use super::step::PlannedFile;
use crate::diagnostic::Diagnostics;
use crate::model::step::{Add, AddSource, Mkdir, Remove, Symlink, WriteFile};
use crate::model::{FileMode, Given};

pub(super) fn file(file: &WriteFile, here: &Here<'_>) -> Result<Vec<PlannedFile>, Diagnostics> {
    let scope = here.scope();
    let path = file.path.get(scope)?.absolute(&here.workdir);
    let written = PlannedFile::File {
        content: file.content.get(scope)?.into_bytes(),
        mode: file.chmod.given(scope)?.map_or(0o644, FileMode::bits),
        owner: file.chown.given(scope)?.map(owner),
        path: path.clone(),
    };
    Ok(folder_above(&path).into_iter().chain([written]).collect())
}

/// The folder that a file lies in, unless that is the root: a file op makes no folders by itself.
fn folder_above(path: &str) -> Option<PlannedFile> {
    let (parent, _) = path.rsplit_once('/')?;
    (!parent.is_empty()).then(|| PlannedFile::Folder { path: parent.to_owned(), mode: None, owner: None })
}

pub(super) fn mkdir(mkdir: &Mkdir, here: &Here<'_>) -> Result<Vec<PlannedFile>, Diagnostics> {
    let scope = here.scope();
    let mode = mkdir.chmod.given(scope)?.map(FileMode::bits);
    let chown = mkdir.chown.given(scope)?.map(owner);
    let folder = |path: String| PlannedFile::Folder { path, mode, owner: chown.clone() };
    Ok(mkdir.path.get(scope)?.iter().map(|path| folder(path.absolute(&here.workdir))).collect())
}

pub(super) fn symlink(link: &Symlink, here: &Here<'_>) -> Result<Vec<PlannedFile>, Diagnostics> {
    let scope = here.scope();
    let path = link.path.get(scope)?.absolute(&here.workdir);
    let made = PlannedFile::Symlink {
        target: link.target.get(scope)?,
        owner: link.chown.given(scope)?.map(owner),
        path: path.clone(),
    };
    Ok(folder_above(&path).into_iter().chain([made]).collect())
}

pub(super) fn remove(remove: &Remove, here: &Here<'_>) -> Result<Vec<PlannedFile>, Diagnostics> {
    let scope = here.scope();
    let missing_ok = *remove.missing_ok.get(scope)?;
    let paths = remove.path.get(scope)?;
    let removed = paths.iter().map(|path| PlannedFile::Remove {
        wildcard: path.has_wildcard(),
        path: path.absolute(&here.workdir),
        missing_ok,
    });
    Ok(removed.collect())
}

pub(super) fn add(add: &Add, here: &Here<'_>) -> Result<Vec<PlannedFile>, Diagnostics> {
    let scope = here.scope();
    let dest = add.dest.get(scope)?;
    let absolute = dest.absolute(&here.workdir);
    let chown = add.chown.given(scope)?.map(owner);
    let chmod = add.chmod.given(scope)?.map(FileMode::bits);
    let fetched = match &add.source {
        AddSource::Http { url, checksum } => {
            let url = url.get(scope)?;
            let unpack = *add.unpack.get(scope)?;
            let name = if dest.is_folder() || unpack { url.file_name() } else { absolute.rsplit('/').next() };
            PlannedFile::Http {
                name: name.filter(|name| !name.is_empty()).unwrap_or("download").to_owned(),
                url: url.as_str().to_owned(),
                checksum: checksum.get(scope)?.to_string(),
                dest: with_slash(absolute, dest.is_folder() || unpack),
                mode: chmod,
                owner: chown,
                unpack,
            }
        }
        AddSource::Git { url, commit, subdir, keep_git_dir } => PlannedFile::Git {
            url: url.get(scope)?.as_str().to_owned(),
            commit: commit.get(scope)?.as_str().to_owned(),
            subdir: subdir.given(scope)?.map(|subdir| subdir.as_str().to_owned()),
            keep_git_dir: *keep_git_dir.get(scope)?,
            dest: with_slash(absolute, true),
            include: add.include.get(scope)?.iter().map(ToString::to_string).collect(),
            exclude: add.exclude.get(scope)?.iter().map(ToString::to_string).collect(),
            mode: chmod,
            owner: chown,
        },
    };
    let parents = match &fetched {
        PlannedFile::Http { dest, mode, owner, unpack: false, .. } => {
            parents_first(dest, *mode, owner.as_ref())
        }
        _ => None,
    };
    Ok(parents.into_iter().chain([fetched]).collect())
}
