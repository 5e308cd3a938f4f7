//! Builds by the real client.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::Lab;
use crate::oci::{OciImage, OciLayout};
use crate::process::{Finished, run_fed};
use crate::progress::Progress;

/// Where the result of a build goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Output {
    /// Nowhere: only the cache has it.
    #[default]
    CacheOnly,
    /// An archive that [`BuildOutcome::image`] reads. No space in the engine's store.
    Oci,
    /// A folder, [`BuildOutcome::folder`].
    Local,
    /// The engine's store, under this name.
    Store(String),
    /// The engine's store, under this name, by what `--load` stands for: engines of any kind have it.
    Load(String),
    /// A registry, under this name, and nowhere else.
    Push(String),
    /// A registry and the engine's store, where the image is unpacked.
    PushAndStore(String),
}

/// What a build is asked for.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// The definition; `manifests/product.json` of the project where not given.
    pub file: Option<String>,
    /// Where the result goes.
    pub output: Output,
    /// `--target`.
    pub target: Option<String>,
    /// `--platform`.
    pub platform: Option<String>,
    /// `--build-arg`.
    pub build_args: Vec<(String, String)>,
    /// Further words for `docker buildx build`.
    pub words: Vec<String>,
    /// The build context; the project's folder where not given.
    pub context: Option<String>,
    /// What the client reads from standard input, for `-`.
    pub stdin: Option<Vec<u8>>,
    /// Further variables of the client's environment.
    pub env: Vec<(String, String)>,
}

impl BuildOptions {
    /// A build whose image can be read.
    #[must_use]
    pub fn oci() -> Self {
        Self { output: Output::Oci, ..Self::default() }
    }

    /// A build into the engine's store.
    #[must_use]
    pub fn store(name: &str) -> Self {
        Self { output: Output::Store(name.to_owned()), ..Self::default() }
    }

    /// With another definition.
    #[must_use]
    pub fn file(mut self, file: &str) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    /// With a build argument.
    #[must_use]
    pub fn build_arg(mut self, name: &str, value: &str) -> Self {
        self.build_args.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With further words for the client.
    #[must_use]
    pub fn words(mut self, words: &[&str]) -> Self {
        self.words.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// With another context than the project's folder.
    #[must_use]
    pub fn context(mut self, context: &str) -> Self {
        self.context = Some(context.to_owned());
        self
    }

    /// For these platforms.
    #[must_use]
    pub fn platform(mut self, platform: &str) -> Self {
        self.platform = Some(platform.to_owned());
        self
    }

    /// With something on standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// With a variable in the client's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn arguments(&self, command: &mut Command, products: &Path) {
        let file = self.file.as_deref().unwrap_or(crate::project::MANIFEST);
        command.args(["build", "--progress=rawjson", "--provenance=false", "--file", file]);
        command.arg("--metadata-file").arg(products.join("metadata.json"));
        command.arg("--output").arg(self.output.word(products));
        for (option, value) in [("--target", &self.target), ("--platform", &self.platform)] {
            if let Some(value) = value {
                command.args([option, value]);
            }
        }
        for (name, value) in &self.build_args {
            command.args(["--build-arg", &format!("{name}={value}")]);
        }
        command.args(&self.words).arg(self.context.as_deref().unwrap_or("."));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
    }
}

impl Output {
    fn word(&self, products: &Path) -> String {
        match self {
            Self::CacheOnly => "type=cacheonly".to_owned(),
            Self::Oci => format!("type=oci,dest={}", products.join("image.tar").display()),
            Self::Local => format!("type=local,dest={}", products.join("out").display()),
            Self::Store(name) => format!("type=image,oci-mediatypes=true,name={name}"),
            Self::Load(name) => format!("type=docker,name={name}"),
            Self::Push(name) => format!("type=image,oci-mediatypes=true,push=true,store=false,name={name}"),
            Self::PushAndStore(name) => format!("type=image,oci-mediatypes=true,push=true,name={name}"),
        }
    }
}

/// Everything that came of a build.
#[derive(Debug)]
pub struct BuildOutcome {
    /// The client's process.
    pub finished: Finished,
    /// What it reported.
    pub progress: Progress,
    /// What else it printed for people: excerpts and errors.
    pub message: String,
    /// Its metadata file; null when the build failed.
    pub metadata: serde_json::Value,
    products: TempDir,
}

impl BuildOutcome {
    /// Builds what lies in `folder`, by this `docker buildx`.
    pub(crate) fn of(mut command: Command, folder: &Path, options: &BuildOptions) -> Self {
        let products = tempfile::tempdir().unwrap();
        options.arguments(&mut command, products.path());
        let finished = {
            let _slot = Lab::get().slot();
            run_fed(command.current_dir(folder), options.stdin.as_deref().unwrap_or_default())
        };
        let (progress, message) = Progress::read(&finished.stderr);
        let metadata = std::fs::read(products.path().join("metadata.json")).unwrap_or_default();
        let metadata = serde_json::from_slice(&metadata).unwrap_or_default();
        Self { finished, progress, message, metadata, products }
    }

    /// The same, when the build ended well.
    #[track_caller]
    #[must_use]
    pub fn succeeded(self) -> Self {
        let logs: Vec<&str> = self.progress.vertices.iter().map(|vertex| vertex.log.as_str()).collect();
        assert!(self.finished.status.success(), "the build failed:\n{}\n{}", self.message, logs.concat());
        self
    }

    /// The same, when the build was refused or failed, with nothing left of it.
    #[track_caller]
    #[must_use]
    pub fn failed(self) -> Self {
        assert!(!self.finished.status.success(), "the build succeeded:\n{:#?}", self.progress.names());
        let left: Vec<PathBuf> = self.leftovers();
        assert!(left.is_empty(), "a failed build left {left:?}");
        self
    }

    /// Files that the client wrote, its metadata left out. It opens archives, and makes folders, before it asks for
    /// anything to fill them.
    fn leftovers(&self) -> Vec<PathBuf> {
        let paths = std::fs::read_dir(self.products.path()).unwrap().map(|entry| entry.unwrap().path());
        let is_empty = |path: &Path| match std::fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_none(),
            Err(_) => path.metadata().unwrap().len() == 0,
        };
        paths.filter(|path| !path.ends_with("metadata.json") && !is_empty(path)).collect()
    }

    /// Digest of the image, or of its index.
    #[track_caller]
    #[must_use]
    pub fn digest(&self) -> &str {
        let digest = self.metadata["containerimage.digest"].as_str();
        digest.unwrap_or_else(|| panic!("there is no digest in {}", self.metadata))
    }

    /// The layout that `Output::Oci` made.
    #[must_use]
    pub fn layout(&self) -> OciLayout {
        OciLayout::open(&self.products.path().join("image.tar"))
    }

    /// The one image that `Output::Oci` made.
    #[must_use]
    pub fn image(&self) -> OciImage {
        self.layout().only_image()
    }

    /// The folder that `Output::Local` filled.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.products.path().join("out")
    }

    /// How long the client took.
    #[must_use]
    pub fn wall(&self) -> Duration {
        self.finished.wall
    }
}
