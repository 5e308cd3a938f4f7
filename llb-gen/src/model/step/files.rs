//! Steps without a process: files, folders and links.

use crate::model::digest::Digest;
use crate::model::image_ref::ImageRef;
use crate::model::name::{ContextName, StageName};
use crate::model::owner::{FileMode, Owner};
use crate::model::path::{FragmentPath, ImagePath, PathPattern, SourcePath};
use crate::model::source_url::{Commit, GitUrl, HttpUrl};
use crate::model::text_value::{Invalid, TextValue, quoted, text_value};
use crate::model::value::{List, PerPlatform, Value};

/// Where files come from: the value of `from`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// `fragment`: the fragment's own folder.
    Fragment,
    /// `context`: the build context.
    Context,
    /// `image:REF`: an image.
    Image(ImageRef),
    /// `stage:NAME`: a stage of the same fragment.
    Stage(StageName),
    /// `context:NAME`: a named context.
    NamedContext(ContextName),
}

text_value!(Origin);

impl TextValue for Origin {
    const WHAT: &'static str = "a source of files";
    const FORM: &'static str = "`fragment`, `context`, `image:REF`, `stage:NAME` or `context:NAME`";
    const EXAMPLES: &'static [&'static str] =
        &["fragment", "context", "image:golang:1.23", "stage:build", "context:models"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        match text.split_once(':') {
            None if text == "fragment" => Ok(Self::Fragment),
            None if text == "context" => Ok(Self::Context),
            Some(("image", rest)) => ImageRef::from_text(rest).map(Self::Image),
            Some(("stage", rest)) => StageName::from_text(rest).map(Self::Stage),
            Some(("context", rest)) => ContextName::from_text(rest).map(Self::NamedContext),
            _ => Err(Invalid::new(format!("{} is not a source of files", quoted(text)))),
        }
    }
}

/// `copy`: files from somewhere into the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Where from; the fragment's own folder by default.
    pub from: Value<Origin>,
    /// Which files; never empty. Wildcards are allowed.
    pub src: List<SourcePath>,
    /// Where to. With a slash at its end, or with several files, a folder.
    pub dest: Value<ImagePath>,
    /// Owner of what is copied; root by default.
    pub chown: Option<Value<Owner>>,
    /// Mode of what is copied; the source's own by default.
    pub chmod: Option<Value<FileMode>>,
    /// Only these files of a copied folder.
    pub include: List<PathPattern>,
    /// Not these files of a copied folder.
    pub exclude: List<PathPattern>,
    /// Keep the folders of `src` below `dest` (Dockerfile's `--parents`).
    pub parents: PerPlatform<bool>,
    /// Unpack local archives, as a Dockerfile's `ADD` does.
    pub unpack: PerPlatform<bool>,
}

/// `add`: files from the network, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Add {
    /// What to fetch.
    pub source: AddSource,
    /// Where to. With a slash at its end a folder that gets the download under its own name.
    pub dest: Value<ImagePath>,
    /// Owner; root by default.
    pub chown: Option<Value<Owner>>,
    /// Mode; 0600 for a download by default as in a Dockerfile, the repository's own for git.
    pub chmod: Option<Value<FileMode>>,
    /// Unpack the archive that was downloaded. Never for git.
    pub unpack: PerPlatform<bool>,
    /// Only these files of a repository.
    pub include: List<PathPattern>,
    /// Not these files of a repository.
    pub exclude: List<PathPattern>,
}

/// What `add` fetches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddSource {
    /// A download.
    Http {
        /// The address.
        url: Value<HttpUrl>,
        /// What the download must be.
        checksum: Value<Digest>,
    },
    /// A git repository.
    Git {
        /// The repository.
        url: Value<GitUrl>,
        /// The commit.
        commit: Value<Commit>,
        /// A folder of the repository instead of all of it.
        subdir: Option<Value<FragmentPath>>,
        /// Whether `.git` is kept.
        keep_git_dir: PerPlatform<bool>,
    },
}

/// `file`: a small file with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteFile {
    /// Where; folders above are made.
    pub path: Value<ImagePath>,
    /// The content: literal text unless `expand` was set.
    pub content: Value<String>,
    /// Owner; root by default.
    pub chown: Option<Value<Owner>>,
    /// Mode; 0644 by default.
    pub chmod: Option<Value<FileMode>>,
}

/// `mkdir`: folders, with those above them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mkdir {
    /// The folders; never empty.
    pub path: List<ImagePath>,
    /// Owner; root by default.
    pub chown: Option<Value<Owner>>,
    /// Mode; 0755 by default.
    pub chmod: Option<Value<FileMode>>,
}

/// `symlink`: a symbolic link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symlink {
    /// The link.
    pub path: Value<ImagePath>,
    /// What it holds, as written: absolute, or relative to the link's folder.
    pub target: Value<String>,
    /// Owner of the link itself; root by default.
    pub chown: Option<Value<Owner>>,
}

/// `remove`: files and folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remove {
    /// What; wildcards are allowed; never empty.
    pub path: List<ImagePath>,
    /// Whether nothing to remove is fine.
    pub missing_ok: PerPlatform<bool>,
}
