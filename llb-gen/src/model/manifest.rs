//! Manifests and templates.

use super::Accelerator;
use super::arg::Arg;
use super::checks::Checks;
use super::config::Config;
use super::fragment::Base;
use super::name::{FragmentName, ManifestId, SlotName, TemplateId};
use super::platform::Platform;
use super::product_name::{ImageName, TagPattern};
use super::quantity::{ByteSize, Duration};
use super::step::Env;
use super::test::Test;
use super::value::{List, Value};
use super::version::Version;
use crate::text::{Located, Place, SourceFile};

/// What a product is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its id; equals the stem of its file.
    pub id: Located<ManifestId>,
    /// The frontend image that a build without options loads.
    pub syntax: Option<Located<String>>,
    /// For people.
    pub description: Option<String>,
    /// The product's own version, for tags and labels.
    pub version: Option<Located<Version>>,
    /// The template and its version.
    pub template: Option<TemplateSelection>,
    /// What it is built on.
    pub base: Value<Base>,
    /// The platforms it supports, in the order written, without repetitions; empty means any.
    pub platforms: Vec<Located<Platform>>,
    /// The accelerator it is made for.
    pub accelerator: Option<Accelerator>,
    /// The fragments in build order.
    pub fragments: Vec<Selection>,
    /// Arguments of its own, and values for those of its fragments.
    pub args: Vec<Arg>,
    /// Environment of the image alone, over that of the fragments.
    pub env: Env,
    /// The last word about the image.
    pub config: Config,
    /// The product's names.
    pub product: ProductNames,
    /// Its tests, in the order written.
    pub tests: Vec<Test>,
    /// The most that its tests may need.
    pub limits: Option<TestLimits>,
    /// What is done about what rules find in the product.
    pub check: Checks,
    /// Its file.
    pub file: SourceFile,
}

/// The most that the tests of a product may need: at least one of both is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestLimits {
    /// Memory that any one test has at once.
    pub memory: Option<Value<ByteSize>>,
    /// The time that all tests take together; more than none.
    pub time: Option<Value<Duration>>,
    /// The member's object.
    pub place: Place,
}

/// Which template a manifest uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateSelection {
    /// The template.
    pub id: Located<TemplateId>,
    /// Its version.
    pub version: Located<Version>,
}

/// A fragment and its version, chosen by a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The fragment; with a template also the name of its slot.
    pub name: Located<FragmentName>,
    /// Its version.
    pub version: Located<Version>,
}

/// The names under which a product is published.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProductNames {
    /// The image's name without a tag.
    pub image: Option<Value<ImageName>>,
    /// Tags, with placeholders such as `{version}` and `{arch}`.
    pub tags: List<TagPattern>,
}

/// Ordered slots and what all products of a kind share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its id; equals its folder's name.
    pub id: Located<TemplateId>,
    /// Its version; equals its file's stem.
    pub version: Located<Version>,
    /// For people.
    pub description: Option<String>,
    /// The slots from the base upwards; never empty.
    pub slots: Vec<Slot>,
    /// The shell of `run` text and shell-form commands; `/bin/sh -c` where not given.
    pub shell: List<String>,
    /// Arguments that its own members use, and defaults for those of fragments.
    pub args: Vec<Arg>,
    /// Environment below all fragments.
    pub env: Env,
    /// Image config below all fragments; `labels` of the template are among its labels.
    pub config: Config,
    /// Its tests, in the order written.
    pub tests: Vec<Test>,
    /// Rules that it skips for itself.
    pub check: Checks,
    /// Its file.
    pub file: SourceFile,
}

/// A place for a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its name: that of the fragment it takes.
    pub name: Located<SlotName>,
    /// For people.
    pub description: Option<String>,
    /// Whether what fills it changes often: it is not kept warm.
    pub volatile: bool,
}
