//! Fragments and their stages.

use super::arg::Arg;
use super::checks::Checks;
use super::config::Config;
use super::contract::Contract;
use super::image_ref::ImageRef;
use super::name::{FragmentName, StageName};
use super::path::ImagePath;
use super::step::{Env, Step};
use super::test::Test;
use super::text_value::{Invalid, TextValue, quoted, text_value};
use super::value::{List, Value};
use super::version::Version;
use crate::text::{Located, Place, SourceFile};

/// A versioned piece of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Its name; equals its folder's.
    pub name: Located<FragmentName>,
    /// Its version; equals its folder's.
    pub version: Located<Version>,
    /// For people.
    pub description: Option<String>,
    /// The fragments that it is built on; everything below it where absent.
    pub builds_on: Option<Vec<Located<FragmentName>>>,
    /// What it needs from what it is built on.
    pub requires: Vec<Located<Contract>>,
    /// What it promises to those above.
    pub provides: Vec<Located<Contract>>,
    /// Paths that this fragment may write although a fragment below, that it is not built on, writes them too.
    pub wins: List<ImagePath>,
    /// How its delta becomes layers.
    pub layout: Layout,
    /// The arguments it uses.
    pub args: Vec<Arg>,
    /// Environment of its steps and of everything above.
    pub env: Env,
    /// What it does, in order.
    pub steps: Vec<Step>,
    /// What it says about the image.
    pub config: Config,
    /// Its build-only stages, in the order written.
    pub stages: Vec<Stage>,
    /// Its tests, in the order written.
    pub tests: Vec<Test>,
    /// Rules that it skips for itself and its files.
    pub check: Checks,
    /// Its `fragment.json`.
    pub file: SourceFile,
}

impl Fragment {
    /// Its folder, relative to the catalogue's root: `fragments/core/0.1.0`.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("fragments/{}/{}", self.name.value(), self.version.value())
    }

    /// The stage called `name`.
    #[must_use]
    pub fn stage(&self, name: &StageName) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name.value() == name)
    }
}

/// How a fragment's delta becomes layers; one by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Paths that get a layer of their own, above the rest: one layer for each list.
    pub split: Vec<Vec<Value<ImagePath>>>,
    /// Whether the delta shares a layer with that of the fragment below.
    pub fold: bool,
}

impl Layout {
    /// Whether it is the default.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.split.is_empty() && !self.fold
    }
}

/// A build-only stage: files are copied out of it, and it is in no image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its name.
    pub name: Located<StageName>,
    /// What it is built on; what its fragment is built on by default.
    pub base: Value<StageBase>,
    /// Environment of its steps, over that of its base.
    pub env: Env,
    /// Where relative paths of its steps begin; the base's workdir by default.
    pub workdir: Option<Value<ImagePath>>,
    /// What it does.
    pub steps: Vec<Step>,
    /// The stage's object.
    pub place: Place,
}

/// What a stage is built on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum StageBase {
    /// What the fragment itself is built on (`fragment`, the default).
    Fragment,
    /// Nothing.
    Scratch,
    /// An image.
    Image(ImageRef),
    /// Another stage of the fragment.
    Stage(StageName),
}

text_value!(StageBase);

impl TextValue for StageBase {
    const WHAT: &'static str = "the base of a stage";
    const FORM: &'static str = "an image reference, `scratch`, `fragment` or `stage:NAME`";
    const EXAMPLES: &'static [&'static str] = &["golang:1.23", "fragment", "stage:deps", "scratch"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        match (text, text.strip_prefix("stage:")) {
            ("fragment", _) => Ok(Self::Fragment),
            ("scratch", _) => Ok(Self::Scratch),
            (_, Some(stage)) => StageName::from_text(stage).map(Self::Stage),
            _ => ImageRef::from_text(text).map(Self::Image),
        }
    }
}

/// What a product is built on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An image.
    Image(ImageRef),
}

text_value!(Base);

impl TextValue for Base {
    const WHAT: &'static str = "a base";
    const FORM: &'static str = "an image reference or `scratch`";
    const EXAMPLES: &'static [&'static str] = &["debian:bookworm-slim", "scratch"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        match text {
            "scratch" => Ok(Self::Scratch),
            reference => ImageRef::from_text(reference).map(Self::Image).map_err(|fault| {
                Invalid::new(format!("{} is no image reference: {fault}", quoted(reference)))
            }),
        }
    }
}
