//! Files of fragments that steps name: are they there, and do links lead out of the fragment's folder?
//!
//! The text of a path cannot lead out, but a symbolic link along it can, and BuildKit would follow it through the
//! whole catalogue.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bollard_buildkit_proto::pb;
use futures_util::future::join_all;
use llb_gen::diagnostic::{Diagnostic, listed, nearest};
use llb_gen::draft::OwnFile;
use llb_gen::lower::scripts_hint;

use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::folder::{Folder, Source};
use crate::gateway::{FileKind, FileStat, Gateway, Ref};
use crate::options::Options;
use crate::request::catalogue_hint;
use crate::status::Status;
use llb_gen::glob;

/// How many links one path may go through, as in the Linux kernel.
const MAX_LINKS: usize = 40;

/// Who takes files out of fragments' folders. Each has a transfer of its own, so that another test changes nothing about the
/// product's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The steps of the product.
    BySteps,
    /// Its tests.
    ByTests,
}

/// The own files that a platform's steps or tests name, and the definition that takes them.
#[derive(Debug)]
pub struct Named<'p> {
    /// The files.
    pub files: Vec<OwnFile>,
    /// What will be solved.
    pub definition: Cow<'p, pb::Definition>,
    /// Who names them.
    pub taken: Taken,
}

/// Looks at the own files of all platforms. Their faults are an error.
///
/// # Errors
/// The faults, or BuildKit's own.
pub async fn sound<G: Gateway>(
    gateway: &G,
    options: &Options,
    catalogue: &Catalogue,
    platforms: &[Named<'_>],
) -> Result<(), Failure> {
    match faults(gateway, options, catalogue, platforms).await? {
        faults if faults.is_empty() => Ok(()),
        faults => Err(Failure::Diagnostics(faults)),
    }
}

/// The faults of the own files of all platforms, each transfer looked at once.
///
/// # Errors
/// BuildKit's own.
pub async fn faults<G: Gateway>(
    gateway: &G,
    options: &Options,
    catalogue: &Catalogue,
    platforms: &[Named<'_>],
) -> Result<Vec<Diagnostic>, Status> {
    let mut transfers: BTreeMap<String, (Holder<'_>, Vec<&OwnFile>)> = BTreeMap::new();
    for platform in platforms {
        let Some(holder) = holder(options, catalogue, &platform.definition, platform.taken) else { continue };
        let (_, named) = transfers.entry(holder.key().to_owned()).or_insert_with(|| (holder, Vec::new()));
        for file in &platform.files {
            if !named.iter().any(|known| known.path == file.path && known.place == file.place) {
                named.push(file);
            }
        }
    }
    let checks = transfers.values().map(|(holder, files)| check_holder(gateway, holder, files));
    let found = join_all(checks).await.into_iter().collect::<Result<Vec<_>, Status>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// What holds the files.
pub(crate) enum Holder<'c> {
    /// A catalogue by itself, which the fragments were read from already.
    Catalogue(&'c Ref),
    /// The client's files that the build itself will transfer.
    Transfer(Source),
}

impl Holder<'_> {
    /// What tells one transfer from another.
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Catalogue(reference) => reference.id(),
            Self::Transfer(source) => source.vertex(),
        }
    }

    /// The filesystem that they are in; nothing for an empty one.
    pub(crate) async fn reference(&self, gateway: &impl Gateway) -> Result<Option<Ref>, Status> {
        match self {
            Self::Catalogue(reference) => Ok(Some((*reference).clone())),
            Self::Transfer(source) => source.solve(gateway).await,
        }
    }
}

/// What holds the files that a definition takes from the catalogue; nothing where it takes none.
pub(crate) fn holder<'c>(
    options: &Options,
    catalogue: &'c Catalogue,
    definition: &pb::Definition,
    taken: Taken,
) -> Option<Holder<'c>> {
    match &catalogue.folder {
        Folder::Made(_) => catalogue.reference.as_ref().map(Holder::Catalogue),
        Folder::Client(name) => {
            let hint = catalogue_hint(options, name);
            let hint = if taken == Taken::ByTests { scripts_hint(&hint) } else { hint };
            Source::within(definition, name, &hint).map(Holder::Transfer)
        }
    }
}

async fn check_holder<G: Gateway>(
    gateway: &G,
    holder: &Holder<'_>,
    files: &[&OwnFile],
) -> Result<Vec<Diagnostic>, Status> {
    let Some(reference) = holder.reference(gateway).await? else { return Ok(Vec::new()) };
    let mut folders = Folders { gateway, reference: &reference, known: BTreeMap::new() };
    folders.list(files.iter().flat_map(|file| parents(file)).collect()).await?;
    let mut found = Vec::new();
    for file in files {
        found.extend(walk(&mut folders, file).await?.err());
    }
    Ok(found)
}

/// The fragment's folder and those below it along the path, up to the first wildcard.
fn parents(path: &OwnFile) -> Vec<String> {
    let mut folder = path.folder.clone();
    let mut parents = vec![folder.clone()];
    let parts: Vec<&str> = path.path.split('/').collect();
    let plain = parts.iter().take_while(|part| !glob::is_pattern(part)).count();
    for part in &parts[..plain.min(parts.len() - 1)] {
        folder = format!("{folder}/{part}");
        parents.push(folder.clone());
    }
    parents
}

/// Folders of the catalogue, each listed once.
struct Folders<'g, G> {
    gateway: &'g G,
    reference: &'g Ref,
    known: BTreeMap<String, BTreeMap<String, FileStat>>,
}

impl<G: Gateway> Folders<'_, G> {
    /// Lists what is not known yet, all at the same time. A folder that is not there is empty.
    async fn list(&mut self, paths: BTreeSet<String>) -> Result<(), Status> {
        let missing: Vec<String> = paths.into_iter().filter(|path| !self.known.contains_key(path)).collect();
        let calls = missing.iter().map(|path| self.gateway.read_dir(self.reference, path));
        let listings = join_all(calls).await;
        for (path, listing) in missing.into_iter().zip(listings) {
            let entries = match listing {
                Ok(entries) => entries,
                Err(status) if status.is_missing_file() || status.message().ends_with("not a directory") => {
                    Vec::new()
                }
                Err(status) => return Err(status),
            };
            self.known.insert(path, entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect());
        }
        Ok(())
    }

    async fn entries(&mut self, folder: &str) -> Result<&BTreeMap<String, FileStat>, Status> {
        self.list(BTreeSet::from([folder.to_owned()])).await?;
        Ok(&self.known[folder])
    }
}

/// A way along a path that is still to be gone.
struct Way {
    at: Vec<String>,
    left: VecDeque<String>,
    links: usize,
}

/// Goes along a path as the kernel would; at a wildcard along all that match.
async fn walk<G: Gateway>(
    folders: &mut Folders<'_, G>,
    path: &OwnFile,
) -> Result<Result<(), Diagnostic>, Status> {
    let floor = path.folder.split('/').count();
    let start = Way {
        at: path.folder.split('/').map(str::to_owned).collect(),
        left: path.path.split('/').map(str::to_owned).collect(),
        links: 0,
    };
    let mut ways = vec![start];
    while let Some(mut way) = ways.pop() {
        let Some(part) = way.left.pop_front() else { continue };
        match part.as_str() {
            "" | "." => ways.push(way),
            ".." if way.at.len() <= floor => return Ok(Err(leaves(path))),
            ".." => {
                way.at.pop();
                ways.push(way);
            }
            // Any number of folders: what matches is for the copy to find, which never leaves what was transferred.
            part if part.contains("**") => {}
            part => match step(folders, path, &way, part).await? {
                Ok(next) => ways.extend(next),
                Err(fault) => return Ok(Err(fault)),
            },
        }
    }
    Ok(Ok(()))
}

/// The ways that go on from `way` through the entry called, or the entries that match, `part`.
async fn step<G: Gateway>(
    folders: &mut Folders<'_, G>,
    path: &OwnFile,
    way: &Way,
    part: &str,
) -> Result<Result<Vec<Way>, Diagnostic>, Status> {
    let entries = folders.entries(&way.at.join("/")).await?;
    let matching: Vec<&FileStat> = match glob::is_pattern(part) {
        true => entries.values().filter(|entry| glob::matches(part, &entry.name)).collect(),
        false => entries.get(part).into_iter().collect(),
    };
    if matching.is_empty() {
        return Ok(Err(missing(path, way, part, entries)));
    }
    let mut next = Vec::new();
    for entry in matching {
        match follow(path, way, entry) {
            Ok(way) => next.push(way),
            Err(fault) => return Ok(Err(fault)),
        }
    }
    Ok(Ok(next))
}

fn follow(path: &OwnFile, way: &Way, entry: &FileStat) -> Result<Way, Diagnostic> {
    let mut next = Way { at: way.at.clone(), left: way.left.clone(), links: way.links };
    match entry.kind {
        FileKind::Symlink => {}
        FileKind::Special => return Err(special(path, &way.at, entry)),
        FileKind::Regular | FileKind::Directory => {
            next.at.push(entry.name.clone());
            return Ok(next);
        }
    }
    next.links += 1;
    if entry.link.starts_with('/') || next.links > MAX_LINKS {
        return Err(leaves(path));
    }
    for part in entry.link.split('/').rev() {
        next.left.push_front(part.to_owned());
    }
    Ok(next)
}

fn special(path: &OwnFile, at: &[String], entry: &FileStat) -> Diagnostic {
    let message = format!("`{}/{}` is a pipe, a socket or a device", at.join("/"), entry.name);
    Diagnostic::error("special-fragment-file", &path.place, message).expecting("a regular file or a folder")
}

fn leaves(path: &OwnFile) -> Diagnostic {
    let message = format!("a symbolic link along `{}` leads out of the fragment's folder", path.path);
    Diagnostic::error("path-leaves-fragment", &path.place, message)
        .help(format!("copy the file itself into `{}`", path.folder))
}

fn missing(path: &OwnFile, way: &Way, part: &str, entries: &BTreeMap<String, FileStat>) -> Diagnostic {
    let folder = way.at.join("/");
    let message = match glob::is_pattern(part) {
        true => format!("nothing in `{folder}` matches `{}`", path.path),
        false => format!("`{folder}/{part}` does not exist"),
    };
    let names = || entries.keys().map(String::as_str);
    let help = match (nearest(part, names()), entries.is_empty()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, true) => "there is nothing in that folder under the names that steps use".to_owned(),
        (None, false) => format!("of what steps name there are {}", listed(names())),
    };
    Diagnostic::error("missing-fragment-file", &path.place, message).help(help)
}

#[cfg(test)]
mod tests {
    use llb_gen::text::{Place, SourceFile, Span};

    use super::*;

    #[test]
    fn parents_end_before_the_last_part_and_before_wildcards() {
        let place = Place::new(&SourceFile::new("f", b"x".as_slice()), Span::new(0, 1));
        let of = |path: &str| {
            parents(&OwnFile { folder: "fragments/a/1".into(), path: path.into(), place: place.clone() })
        };
        assert_eq!(of("x"), ["fragments/a/1"]);
        assert_eq!(of("d/e/x"), ["fragments/a/1", "fragments/a/1/d", "fragments/a/1/d/e"]);
        assert_eq!(of("d/*/x"), ["fragments/a/1", "fragments/a/1/d"]);
    }
}
