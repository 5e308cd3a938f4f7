//! The product that a command is about: which manifest, where, and what it says.

use std::fs;
use std::path::{Path, PathBuf};

use llb_gen::lock::{Lock, path_of};
use llb_gen::model::{self, Manifest};
use llb_gen::parse::RawManifest;
use llb_gen::text::SourceFile;

use crate::exit::Result;
use crate::project::{self, Kind, refused};

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
        let (root, file) = project::find(Kind::Manifest, wanted, from)?;
        Self::read(&root, &file)
    }

    fn read(root: &Path, file: &Path) -> Result<Self> {
        let (manifest, source) = project::read(root, file)?;
        let comment = project::syntax_line(source.bytes());
        let raw = RawManifest::parse(&source).map_err(|faults| refused(&faults))?;
        let (document, _) = Manifest::check(raw).map_err(|faults| refused(&faults))?;
        let syntax = comment.or_else(|| document.syntax.as_ref().map(|syntax| syntax.value().clone()));
        Ok(Self { root: root.to_owned(), manifest, document, syntax })
    }

    /// Checks the lock beside the manifest, where there is one, as the frontend will.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn check_lock(&self) -> Result<()> {
        let path = path_of(&self.manifest.to_string_lossy());
        let Ok(bytes) = fs::read(self.root.join(&path)) else { return Ok(()) };
        Lock::parse(&SourceFile::new(path, bytes)).map(drop).map_err(|faults| refused(&faults))
    }

    /// Checks the manifest with the template and the fragments that it selects, as the frontend will: what is wrong is
    /// said before anything is started. Gives the whole of it.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn check(&self) -> Result<model::Product> {
        let file = &self.document.file;
        let raw = RawManifest::parse(file).map_err(|faults| refused(&faults))?;
        let files = project::catalogue(&self.root, raw.catalogue());
        let checked = model::Product::check(raw, &files).map_err(|faults| refused(&faults));
        checked.map(|(product, _)| product)
    }
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
        by_id.check_lock().unwrap();
        let fault = Product::find("llm_factory", dir.path()).unwrap().check_lock().unwrap_err().to_string();
        assert!(fault.contains("manifests/llm_factory.lock.json:1:1"), "{fault}");
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
