//! Folders that are built.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use factory::frontend_image::DEV_IMAGE;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Lab;
use crate::build::{BuildOptions, BuildOutcome};

/// The manifest of a project that has only one.
pub(crate) const MANIFEST: &str = "manifests/product.json";
/// The version of every fragment that a test does not version itself.
const VERSION: &str = "0.1.0";

/// A temporary folder with manifests, fragments and other files of a context.
#[derive(Debug)]
pub struct Project {
    folder: TempDir,
}

impl Project {
    /// An empty folder.
    #[must_use]
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A product without a template on `base`: fragments by name, each with what its definition says beside name and
    /// version.
    #[must_use]
    pub fn new(base: &str, fragments: &[(&str, Value)]) -> Self {
        let project = Self::empty();
        let selections: Vec<Value> =
            fragments.iter().map(|(name, _)| json!({"name": name, "version": VERSION})).collect();
        project.manifest(json!({"base": base, "fragments": selections}));
        for (name, members) in fragments {
            project.fragment(name, members.clone());
        }
        project
    }

    /// A copy of what the checkout builds: manifests, templates and fragments.
    #[must_use]
    pub fn of_checkout() -> Self {
        let project = Self::empty();
        for folder in ["manifests", "fragments"] {
            copy_tree(&Lab::get().workspace().join(folder), &project.path(folder));
        }
        project
    }

    /// Writes the manifest: these members over a syntax and the id.
    pub fn manifest(&self, members: Value) -> &Self {
        let manifest = over(json!({"syntax": DEV_IMAGE, "id": "product"}), members);
        self.json(MANIFEST, &manifest)
    }

    /// Changes members of the manifest.
    pub fn amend_manifest(&self, members: Value) -> &Self {
        let manifest: Value = serde_json::from_slice(&fs::read(self.path(MANIFEST)).unwrap()).unwrap();
        self.json(MANIFEST, &over(manifest, members))
    }

    /// Writes the definition of a fragment: these members over its name and version.
    pub fn fragment(&self, name: &str, members: Value) -> &Self {
        let definition = over(json!({"name": name, "version": VERSION}), members);
        self.json(&format!("fragments/{name}/{VERSION}/fragment.json"), &definition)
    }

    /// Writes a file of a fragment.
    pub fn fragment_file(&self, name: &str, path: &str, content: impl AsRef<[u8]>) -> &Self {
        self.write(&format!("fragments/{name}/{VERSION}/{path}"), content)
    }

    /// Writes a file.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Writes a file for people: one member a line.
    fn json(&self, path: &str, value: &Value) -> &Self {
        self.write(path, serde_json::to_string_pretty(value).unwrap() + "\n")
    }

    /// Makes a symbolic link.
    pub fn link(&self, path: &str, target: &str) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    /// Sets the permissions of a file.
    pub fn chmod(&self, path: &str, mode: u32) -> &Self {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    /// Makes a file of zeros that takes no space on disk, but would on the wire.
    pub fn zeros(&self, path: &str, size: u64) -> &Self {
        self.write(path, "");
        fs::File::options().write(true).open(self.path(path)).unwrap().set_len(size).unwrap();
        self
    }

    /// Where a file of the project lies.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Builds it.
    #[must_use]
    pub fn build(&self, options: &BuildOptions) -> BuildOutcome {
        BuildOutcome::of(Lab::get().buildx(), self.folder.path(), options)
    }

    /// Builds a Dockerfile of the project with the frontend that is built into the engine.
    #[must_use]
    pub fn dockerfile_build(&self, file: &str, options: &BuildOptions) -> BuildOutcome {
        self.build(&options.clone().file(file))
    }

    /// The binary `factory` in the project's folder, for the engine of the tests.
    #[must_use]
    pub fn factory(&self, words: &[&str]) -> Command {
        let mut command = Command::new(factory_binary());
        command.args(words).current_dir(self.folder.path());
        command
    }
}

/// A product on scratch with one fragment that has these steps.
#[must_use]
pub fn on_scratch(steps: Value) -> Project {
    Project::new("scratch", &[("only", having(steps))])
}

/// A product on Debian with one fragment that has these steps.
#[must_use]
pub fn on_debian(steps: Value) -> Project {
    Project::new("debian:bookworm-slim", &[("only", having(steps))])
}

fn having(steps: Value) -> Value {
    Value::Object([("steps".to_owned(), steps)].into_iter().collect())
}

/// The members of `upper` over those of `lower`.
fn over(lower: Value, upper: Value) -> Value {
    let (Value::Object(mut members), Value::Object(upper)) = (lower, upper) else {
        panic!("a definition is an object");
    };
    members.extend(upper);
    Value::Object(members)
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_tree(&entry.path(), &target),
            false => {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
}

/// The binary of the workspace, built like the tests are: cargo builds it for them only in its own package.
fn factory_binary() -> PathBuf {
    static BINARY: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    BINARY.get_or_init(compiled_binary).clone()
}

fn compiled_binary() -> PathBuf {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--package", "factory", "--message-format=json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let finished = crate::process::run(command.current_dir(Lab::get().workspace()));
    assert!(finished.status.success(), "cargo build of the binary `factory`:\n{}", finished.stderr);
    let messages = finished.stdout.lines();
    let mut messages = messages.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let binary = messages.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    binary.expect("cargo says where the binary is")
}
