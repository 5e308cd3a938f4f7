//! The few members of a manifest that the command line needs. Everything else of it is the frontend's business.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

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
    /// Its id.
    pub id: String,
    /// The frontend image that it asks for.
    pub syntax: Option<String>,
    /// Value of `{version}`: the template's version.
    pub version: Option<String>,
    /// The product's image name without tag.
    pub image: String,
    /// Tags, with placeholders.
    pub tags: Vec<String>,
    /// Platforms that the product supports.
    pub platforms: Vec<String>,
}

#[derive(Deserialize)]
struct Raw {
    syntax: Option<String>,
    id: Option<String>,
    version: Option<String>,
    template: Option<RawTemplate>,
    #[serde(default)]
    platforms: Vec<String>,
    product: Option<RawProduct>,
}

#[derive(Deserialize)]
struct RawTemplate {
    version: Option<String>,
}

#[derive(Deserialize)]
struct RawProduct {
    image: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
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
            return Self::read(&root, &file, None);
        }
        let root = project_root(from)?;
        let file = root.join("manifests").join(format!("{wanted}.json"));
        if !file.is_file() {
            return Err(unknown(wanted, &ids(&root)));
        }
        Self::read(&root, &file, Some(wanted))
    }

    fn read(root: &Path, file: &Path, id: Option<&str>) -> Result<Self> {
        let place = |what: String| Error::Usage(format!("{}: {what}", file.display()));
        let bytes = fs::read(file).map_err(|e| place(e.to_string()))?;
        // BuildKit allows the syntax as a comment line before the JSON, too.
        let (comment, json) = split_syntax_line(&bytes);
        let raw: Raw = serde_json::from_slice(json).map_err(|e| place(e.to_string()))?;
        let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let id = raw.id.or_else(|| id.map(str::to_owned)).unwrap_or(stem);
        let product = raw.product.unwrap_or(RawProduct { image: None, tags: vec![] });
        let tags = if product.tags.is_empty() { vec!["dev".to_owned()] } else { product.tags };
        Ok(Self {
            manifest: relative(root, file)?,
            root: root.to_owned(),
            syntax: comment.or(raw.syntax),
            version: raw.template.and_then(|t| t.version).or(raw.version),
            image: product.image.unwrap_or_else(|| id.replace('_', "-")),
            tags,
            platforms: raw.platforms,
            id,
        })
    }
}

/// A first line `# syntax=IMAGE` or `// syntax=IMAGE`, and the rest.
fn split_syntax_line(bytes: &[u8]) -> (Option<String>, &[u8]) {
    let (first, rest) = match bytes.iter().position(|b| *b == b'\n') {
        Some(end) => bytes.split_at(end),
        None => (bytes, &[][..]),
    };
    let line = String::from_utf8_lossy(first);
    let comment = line.trim().strip_prefix('#').or_else(|| line.trim().strip_prefix("//"));
    match comment.and_then(|c| c.trim().strip_prefix("syntax=").map(|s| s.trim().to_owned())) {
        Some(syntax) => (Some(syntax), rest),
        None => (None, bytes),
    }
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
        fs::create_dir_all(dir.path().join("fragments/core")).unwrap();
        for (name, text) in [
            (
                "llm_serve",
                r#"{"syntax": "f:1", "id": "llm_serve", "template": {"id": "t", "version": "0.2.0"},
                "platforms": ["linux/amd64"], "product": {"image": "llm-serve", "tags": ["dev"]}}"#,
            ),
            ("llm_factory", "# syntax=f:2\n{\"id\": \"llm_factory\"}"),
            ("llm_factory.lock", "{}"),
            ("broken", "{"),
        ] {
            fs::write(dir.path().join(format!("manifests/{name}.json")), text).unwrap();
        }
        dir
    }

    #[test]
    fn ids_and_paths_name_the_same_product() {
        let dir = project();
        let by_id = Product::find("llm_serve", &dir.path().join("fragments/core")).unwrap();
        assert_eq!(by_id, Product::find("manifests/llm_serve.json", dir.path()).unwrap());
        assert_eq!(by_id.manifest, Path::new("manifests/llm_serve.json"));
        assert_eq!((by_id.version.as_deref(), by_id.image.as_str()), (Some("0.2.0"), "llm-serve"));
    }

    #[test]
    fn absent_members_have_plain_defaults() {
        let dir = project();
        let product = Product::find("llm_factory", dir.path()).unwrap();
        assert_eq!(product.syntax.as_deref(), Some("f:2"));
        assert_eq!((product.image.as_str(), product.tags), ("llm-factory", vec!["dev".to_owned()]));
    }

    #[test]
    fn wrong_names_are_answered_with_what_there_is() {
        let dir = project();
        let text = |wanted: &str| Product::find(wanted, dir.path()).unwrap_err().to_string();
        let expected = "there is no manifest \"llm_srve\"; did you mean \"llm_serve\"? \
             (there is: broken, llm_factory, llm_serve)";
        assert_eq!(text("llm_srve"), expected);
        assert!(!text("zzz").contains("did you mean"));
        assert!(text("broken").contains("broken.json: EOF"), "{}", text("broken"));
        assert!(text("nowhere/x.json").contains("nowhere/x.json"));
    }

    #[test]
    fn outside_a_project_the_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Product::find("x", dir.path()).unwrap_err().to_string().contains("has a folder `manifests`"));
    }
}
