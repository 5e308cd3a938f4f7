//! The project: where it is, which documents it has, and what they are called.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use llb_gen::check::{CatalogueEntry, FileState};
use llb_gen::diagnostic::Diagnostics;
use llb_gen::text::SourceFile;

use crate::exit::{Error, Result};

/// A near miss is offered when it is at least this alike (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.75;

/// A kind of document that commands take by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `manifests/<id>.json`
    Manifest,
    /// `manifests/plans/<id>.json`
    Plan,
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Plan => "plan",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Manifest => "manifests",
            Self::Plan => "manifests/plans",
        }
    }

    /// The path of a document from the project's root.
    pub(crate) fn path(self, id: &str) -> PathBuf {
        Path::new(self.folder()).join(format!("{id}.json"))
    }
}

/// The project's root and the file of the document that `wanted` names: an id, or the path of a file, seen from the folder `from`.
///
/// # Errors
/// There is no document of that id (the message lists what there is), or no project.
pub(crate) fn find(kind: Kind, wanted: &str, from: &Path) -> Result<(PathBuf, PathBuf)> {
    if is_path(wanted) {
        let file = from.join(wanted);
        let start = file.parent().unwrap_or(from);
        let root = root_above(start).map_or_else(|| project_root(from), Ok)?;
        return Ok((root, file));
    }
    let root = project_root(from)?;
    let file = root.join(kind.path(wanted));
    if !file.is_file() {
        return Err(unknown(kind, wanted, &ids(kind, &root)));
    }
    Ok((root, file))
}

/// Whether a document is named by its file.
pub(crate) fn is_path(wanted: &str) -> bool {
    wanted.contains('/') || wanted.ends_with(".json")
}

/// A file of the project, with its path from the root.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(root: &Path, file: &Path) -> Result<(PathBuf, SourceFile)> {
    let bytes = fs::read(file).map_err(|e| Error::Usage(format!("{}: {e}", file.display())))?;
    let path = relative(root, file)?;
    let source = SourceFile::new(path.to_string_lossy(), bytes);
    Ok((path, source))
}

/// The files of the catalogue that are asked for, or what there is instead.
pub(crate) fn catalogue(
    root: &Path,
    asked: impl IntoIterator<Item = CatalogueEntry>,
) -> BTreeMap<String, FileState> {
    let state = |entry: CatalogueEntry| {
        let state = match fs::read(root.join(&entry.path)) {
            Ok(bytes) => FileState::Present(SourceFile::new(entry.path.clone(), bytes)),
            Err(_) => FileState::Missing {
                versions: entries(&root.join(&entry.versions)),
                names: entries(&root.join(entry.names)),
            },
        };
        (entry.path, state)
    };
    asked.into_iter().map(state).collect()
}

/// What is wrong with a project's files, with excerpts.
pub(crate) fn refused(faults: &Diagnostics) -> Error {
    Error::Usage(faults.excerpts())
}

fn entries(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The frontend that a first line `# syntax=IMAGE` or `// syntax=IMAGE` names.
pub(crate) fn syntax_line(bytes: &[u8]) -> Option<String> {
    let first = bytes.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(first);
    let comment = line.trim().strip_prefix('#').or_else(|| line.trim().strip_prefix("//"))?;
    comment.trim().strip_prefix("syntax=").map(|syntax| syntax.trim().to_owned())
}

fn relative(root: &Path, file: &Path) -> Result<PathBuf> {
    let full = file.canonicalize().map_err(|e| Error::Usage(format!("{}: {e}", file.display())))?;
    let root = root.canonicalize().map_err(|e| Error::Usage(format!("{}: {e}", root.display())))?;
    // A manifest outside the root is fine for buildx, by its full path.
    Ok(full.strip_prefix(&root).map(Path::to_owned).unwrap_or(full))
}

/// The root of the project that the folder `from` lies in.
///
/// # Errors
/// Neither it nor a folder above it has a folder `manifests`.
pub fn project_root(from: &Path) -> Result<PathBuf> {
    root_above(from).ok_or_else(|| no_root(from))
}

fn root_above(from: &Path) -> Option<PathBuf> {
    let from = from.canonicalize().ok()?;
    from.ancestors().find(|folder| folder.join("manifests").is_dir()).map(Path::to_owned)
}

fn no_root(from: &Path) -> Error {
    Error::Usage(format!("neither {} nor a folder above it has a folder `manifests`", from.display()))
}

/// The ids of all documents of a kind, in order.
pub(crate) fn ids(kind: Kind, root: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root.join(kind.folder())) else { return vec![] };
    let id = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned();
        (path.is_file() && !name.ends_with(".lock")).then_some(name)
    };
    let mut ids: Vec<_> = entries.flatten().filter_map(|entry| id(entry.path())).collect();
    ids.sort();
    ids
}

fn unknown(kind: Kind, wanted: &str, ids: &[String]) -> Error {
    let mut text = format!("there is no {} {wanted:?}", kind.noun());
    let best = ids.iter().map(|id| (strsim::jaro_winkler(wanted, id), id)).max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, near)) = best.filter(|(alike, _)| *alike >= ALIKE) {
        text.push_str(&format!("; did you mean {near:?}?"));
    }
    let known = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
    Error::Usage(format!("{text} (there is: {known})"))
}
