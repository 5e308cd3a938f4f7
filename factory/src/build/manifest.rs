//! The product that a command is about: which manifest, where, and what it says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use llb_gen::check::FileState;
use llb_gen::diagnostic::Diagnostics;
use llb_gen::model::{self, Manifest};
use llb_gen::parse::RawManifest;
use llb_gen::text::SourceFile;

use crate::exit::{Error, Result};

/// A near miss is offered when it is at least this alike (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.75;

/// What `factory build` knows of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The project's root: the folder that holds `manifests/`, and the build context.
    pub root: PathBuf,
    /// The manifest's path relative to the root.
    pub manifest: PathBuf,
    /// What the manifest says.
    pub document: Manifest,
    /// The frontend image that it asks for, in a member or in a comment before the JSON.
    pub syntax: Option<String>,
}

impl Product {
    /// The product that `wanted` names: a manifest's id, or the path of its file, seen from the folder `from`.
    ///
    /// # Errors
    /// There is no such manifest (the message lists what there is), or it cannot be read.
    pub fn find(wanted: &str, from: &Path) -> Result<Self> {
        let file = from.join(wanted);
        if wanted.contains('/') || wanted.ends_with(".json") {
            let start = file.parent().unwrap_or(from);
            let root = root_above(start).map_or_else(|| project_root(from), Ok)?;
            return Self::read(&root, &file);
        }
        let root = project_root(from)?;
        let file = root.join("manifests").join(format!("{wanted}.json"));
        if !file.is_file() {
            return Err(unknown(wanted, &ids(&root)));
        }
        Self::read(&root, &file)
    }

    fn read(root: &Path, file: &Path) -> Result<Self> {
        let place = |what: String| Error::Usage(format!("{}: {what}", file.display()));
        let bytes = fs::read(file).map_err(|e| place(e.to_string()))?;
        let manifest = relative(root, file)?;
        let comment = syntax_line(&bytes);
        let source = SourceFile::new(manifest.to_string_lossy(), bytes);
        let raw = RawManifest::parse(&source).map_err(|faults| refused(&faults))?;
        let (document, _) = Manifest::check(raw).map_err(|faults| refused(&faults))?;
        let syntax = comment.or_else(|| document.syntax.as_ref().map(|syntax| syntax.value().clone()));
        Ok(Self { root: root.to_owned(), manifest, document, syntax })
    }

    /// Checks the manifest with the template and the fragments that it selects, as the frontend will: what is wrong is
    /// said before anything is started. Gives the whole of it.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn check(&self) -> Result<model::Product> {
        let file = &self.document.file;
        let raw = RawManifest::parse(file).map_err(|faults| refused(&faults))?;
        let mut files = BTreeMap::new();
        for entry in raw.catalogue() {
            let state = match fs::read(self.root.join(&entry.path)) {
                Ok(bytes) => FileState::Present(SourceFile::new(entry.path.clone(), bytes)),
                Err(_) => FileState::Missing {
                    versions: entries(&self.root.join(&entry.versions)),
                    names: entries(&self.root.join(entry.names)),
                },
            };
            files.insert(entry.path, state);
        }
        let checked = model::Product::check(raw, &files).map_err(|faults| refused(&faults));
        checked.map(|(product, _)| product)
    }
}

/// What is wrong with a project's files, with excerpts.
fn refused(faults: &Diagnostics) -> Error {
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
fn syntax_line(bytes: &[u8]) -> Option<String> {
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

/// The ids of all manifests, in order.
fn ids(root: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root.join("manifests")) else { return vec![] };
    let id = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned();
        (path.is_file() && !name.ends_with(".lock")).then_some(name)
    };
    let mut ids: Vec<_> = entries.flatten().filter_map(|entry| id(entry.path())).collect();
    ids.sort();
    ids
}

fn unknown(wanted: &str, ids: &[String]) -> Error {
    let mut text = format!("there is no manifest {wanted:?}");
    let best = ids.iter().map(|id| (strsim::jaro_winkler(wanted, id), id)).max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, near)) = best.filter(|(alike, _)| *alike >= ALIKE) {
        text.push_str(&format!("; did you mean {near:?}?"));
    }
    let known = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
    Error::Usage(format!("{text} (there is: {known})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("manifests/plans")).unwrap();
        fs::create_dir_all(dir.path().join("fragments/core/0.1.0")).unwrap();
        for (name, text) in [
            (
                "manifests/llm_serve.json",
                r#"{"syntax": "f:1", "id": "llm_serve", "version": "0.2.0", "base": "scratch",
                "fragments": [{"name": "core", "version": "0.1.0"}], "product": {"image": "llm-serve"}}"#,
            ),
            (
                "manifests/llm_factory.json",
                "# syntax=f:2\n{\"id\": \"llm_factory\", \"base\": \"scratch\",\n\"fragments\": [{\"name\": \"core\", \"version\": \"0.2.0\"}]}",
            ),
            ("manifests/llm_factory.lock.json", "{}"),
            ("manifests/broken.json", "{"),
            ("fragments/core/0.1.0/fragment.json", r#"{"name": "core", "version": "0.1.0"}"#),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    #[test]
    fn ids_and_paths_name_the_same_product() {
        let dir = project();
        let by_id = Product::find("llm_serve", &dir.path().join("fragments/core")).unwrap();
        assert_eq!(by_id, Product::find("manifests/llm_serve.json", dir.path()).unwrap());
        assert_eq!(by_id.manifest, Path::new("manifests/llm_serve.json"));
        assert_eq!(by_id.syntax.as_deref(), Some("f:1"));
        by_id.check().unwrap();
    }

    #[test]
    fn faults_of_the_catalogue_are_said_before_anything_starts() {
        let dir = project();
        let product = Product::find("llm_factory", dir.path()).unwrap();
        assert_eq!(product.syntax.as_deref(), Some("f:2"));
        let fault = product.check().unwrap_err().to_string();
        assert!(fault.contains("manifests/llm_factory.json:3:"), "{fault}");
        assert!(fault.contains("0.1.0"), "the version there is: {fault}");
    }

    #[test]
    fn wrong_names_are_answered_with_what_there_is() {
        let dir = project();
        let text = |wanted: &str| Product::find(wanted, dir.path()).unwrap_err().to_string();
        let expected = "there is no manifest \"llm_srve\"; did you mean \"llm_serve\"? \
             (there is: broken, llm_factory, llm_serve)";
        assert_eq!(text("llm_srve"), expected);
        assert!(!text("zzz").contains("did you mean"));
        assert!(text("broken").contains("manifests/broken.json:1:"), "{}", text("broken"));
        assert!(text("nowhere/x.json").contains("nowhere/x.json"));
    }

    #[test]
    fn outside_a_project_the_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Product::find("x", dir.path()).unwrap_err().to_string().contains("has a folder `manifests`"));
    }
}
