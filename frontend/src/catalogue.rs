//! The catalogue: the template and the fragments that a manifest selects, and nothing else of it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join, join_all, join3};
use llb_gen::check::{CatalogueEntry, FileState};
use llb_gen::diagnostic::Diagnostic;
use llb_gen::llb::OpDigest;
use llb_gen::ordered::ordered;
use llb_gen::text::SourceFile;

use crate::failure::Failure;
use crate::files::{self, Content};
use crate::folder::{self, Folder, Opened, Source};
use crate::gateway::{Gateway, Ref};
use crate::local;
use crate::options::{MainContext, NamedContext, Options};
use crate::status::Status;

/// The name of the context that stands for the catalogue where it is not the main context.
pub const CONTEXT_NAME: &str = "fragments";

/// What a manifest can select, and the requirements that its lock is held against. Which of it, only these say; but these are small files, and asked for together they are
/// there by the time that it is known.
const SELECTABLE: [&str; 3] =
    ["manifests/templates/*/*.json", "fragments/*/*/fragment.json", "fragments/*/*/requirements*.txt"];

/// Whether a requirements file is among what can be selected.
fn is_ahead(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    path.split('/').count() == 4 && name.starts_with("requirements") && name.ends_with(".txt")
}

/// The catalogue's files before the manifest is known, where the client surely has them and where.
pub fn ahead(options: &Options) -> Option<(Folder, Source)> {
    let named = options.contexts.named.iter().find(|(name, _)| is_catalogue(name));
    let folder = match (named, &options.contexts.main) {
        (Some((name, NamedContext::Local(folder))), _) if name == CONTEXT_NAME => folder,
        (Some(_), _) => return None,
        (None, MainContext::Local) => local::CONTEXT,
        (None, _) => return None,
    };
    let folder = Folder::Client(folder.to_owned());
    let paths = SELECTABLE.map(str::to_owned);
    let source = folder::control_files(options, &folder, &paths, "catalogue", "[internal] load fragments");
    Some((folder, source))
}

/// Whether this is the catalogue's name, be it for one platform.
fn is_catalogue(name: &str) -> bool {
    name.split("::").next() == Some(CONTEXT_NAME)
}

/// What was read of the catalogue.
#[derive(Debug)]
pub struct Catalogue {
    /// The files that were asked for, by their paths.
    pub files: BTreeMap<String, FileState>,
    /// The digests of the requirements files that a lock names, by their paths; of those that are there.
    pub locked_files: BTreeMap<String, String>,
    /// Where it is.
    pub folder: Folder,
    /// The filesystem that the files were read from: of a made folder all of it, of the client's only these files.
    pub reference: Option<Ref>,
}

/// Reads the files that a manifest selects, `ahead` holding those of a folder already, and the requirements files `locked`, where
/// they are there. Only when a selected one is missing, its neighbours are looked at, to name near misses.
///
/// # Errors
/// BuildKit's own, and files that cannot be read, where the manifest selects them.
pub async fn read(
    gateway: &impl Gateway,
    options: &Options,
    folder: Folder,
    entries: &[CatalogueEntry],
    ahead: Option<&(Folder, Opened)>,
    locked: &[String],
) -> Result<Catalogue, Failure> {
    if let Some((_, opened)) = ahead.filter(|(there, _)| *there == folder) {
        let (there, further): (Vec<String>, Vec<String>) =
            locked.iter().cloned().partition(|path| is_ahead(path));
        let (catalogue, locked_files, further) = join3(
            found_in(gateway, options, folder.clone(), opened.clone(), entries),
            digests(gateway, opened.reference.as_ref(), &there),
            locked_files(gateway, options, &folder, &further),
        )
        .await;
        let locked_files = locked_files?.into_iter().chain(further?);
        return Ok(Catalogue { locked_files: ordered(locked_files), ..catalogue? });
    }
    let paths: Vec<String> =
        entries.iter().map(|entry| entry.path.clone()).chain(locked.iter().cloned()).collect();
    let source = folder::control_files(options, &folder, &paths, "catalogue", "[internal] load fragments");
    let opened = source.open(gateway).await?;
    let (catalogue, locked_files) = join(
        found_in(gateway, options, folder, opened.clone(), entries),
        digests(gateway, opened.reference.as_ref(), locked),
    )
    .await;
    Ok(Catalogue { locked_files: locked_files?, ..catalogue? })
}

/// As [`read`], of a filesystem that has the files already.
///
/// # Errors
/// As [`read`].
pub async fn found_in(
    gateway: &impl Gateway,
    options: &Options,
    folder: Folder,
    opened: Opened,
    entries: &[CatalogueEntry],
) -> Result<Catalogue, Failure> {
    let Opened { reference, loading } = opened;
    let paths: Vec<String> = entries.iter().map(|entry| entry.path.clone()).collect();
    let contents = files::read_all(gateway, reference.as_ref(), &paths).await?;
    let mut found = BTreeMap::new();
    let mut missing = Vec::new();
    let mut unreadable = Vec::new();
    for (entry, content) in entries.iter().zip(contents) {
        match content {
            Content::File(bytes) => {
                let file = SourceFile::loaded(&entry.path, bytes, loading.clone());
                found.insert(entry.path.clone(), FileState::Present(file));
            }
            Content::Missing => missing.push(entry),
            Content::Unreadable(reason) => {
                let message = format!("`{}` {reason}", entry.path);
                unreadable.push(Diagnostic::error("unreadable-file", &entry.place, message));
            }
        }
    }
    if !unreadable.is_empty() {
        return Err(Failure::Diagnostics(unreadable));
    }
    found.extend(neighbours(gateway, options, &folder, &missing).await?);
    Ok(Catalogue { files: found, locked_files: BTreeMap::new(), folder, reference })
}

/// The digests of those of these files that are there.
///
/// # Errors
/// BuildKit's own.
pub async fn digests(
    gateway: &impl Gateway,
    reference: Option<&Ref>,
    paths: &[String],
) -> Result<BTreeMap<String, String>, Status> {
    let contents = files::read_all(gateway, reference, paths).await?;
    let digest = |(path, content): (&String, Content)| match content {
        Content::File(bytes) => Some((path.clone(), OpDigest::of(&bytes).to_string())),
        Content::Missing | Content::Unreadable(_) => None,
    };
    Ok(ordered(paths.iter().zip(contents).filter_map(digest)))
}

/// The digests of the requirements files that a lock names, in a transfer of their own.
///
/// # Errors
/// BuildKit's own.
pub async fn locked_files(
    gateway: &impl Gateway,
    options: &Options,
    folder: &Folder,
    paths: &[String],
) -> Result<BTreeMap<String, String>, Status> {
    if paths.is_empty() {
        return Ok(BTreeMap::new());
    }
    let title = "[internal] load locked requirements";
    let source = folder::control_files(options, folder, paths, "requirements", title);
    let reference = source.solve(gateway).await?;
    digests(gateway, reference.as_ref(), paths).await
}

/// For every missing file the names that there are in its place.
async fn neighbours(
    gateway: &impl Gateway,
    options: &Options,
    folder: &Folder,
    missing: &[&CatalogueEntry],
) -> Result<BTreeMap<String, FileState>, Failure> {
    if missing.is_empty() {
        return Ok(BTreeMap::new());
    }
    let patterns: BTreeSet<String> = ordered(missing.iter().flat_map(|entry| patterns(entry)));
    let patterns: Vec<String> = patterns.into_iter().collect();
    let source =
        folder::control_files(options, folder, &patterns, "neighbours", "[internal] look for similar names");
    let reference = source.solve(gateway).await?;
    let searches = missing.iter().map(|entry| async {
        let versions = children(gateway, reference.as_ref(), &entry.versions);
        let names = children(gateway, reference.as_ref(), entry.names);
        let (versions, names) = join(versions, names).await;
        Ok((entry.path.clone(), FileState::Missing { versions: versions?, names: names? }))
    });
    join_all(searches).await.into_iter().collect()
}

/// Files of the same kind beside a missing one: other versions, and any version of others.
fn patterns(entry: &CatalogueEntry) -> [String; 2] {
    let file = if entry.path.ends_with("/fragment.json") { "*/fragment.json" } else { "*.json" };
    [format!("{}/{file}", entry.versions), format!("{}/*/{file}", entry.names)]
}

/// The names in a folder; none where there is no such folder.
pub(crate) async fn children(
    gateway: &impl Gateway,
    reference: Option<&Ref>,
    folder: &str,
) -> Result<Vec<String>, Status> {
    let Some(reference) = reference else { return Ok(Vec::new()) };
    match gateway.read_dir(reference, folder).await {
        Ok(entries) => Ok(entries.into_iter().map(|entry| entry.name).collect()),
        Err(status) if status.is_missing_file() => Ok(Vec::new()),
        Err(status) => Err(status),
    }
}
