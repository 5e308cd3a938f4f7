//! The checked model: what a manifest, a template and fragments say, once everything about them is known to hold.
//!
//! Plain values are types with one door each ([`TextValue`]). What an author may vary stays a [`Value`], [`List`] or
//! [`PerPlatform`] until a [`Scope`] (a platform, an accelerator, the variables) says what it means there:
//!
//! ```
//! # use llb_gen::model::{Platform, Scope};
//! let scope = Scope::new("linux/aarch64".parse().unwrap(), None).with("APP_PORT", "8080");
//! assert_eq!(scope.platform().to_string(), "linux/arm64");
//! ```

pub(crate) mod arg;
pub(crate) mod checks;
pub(crate) mod composition;
pub(crate) mod config;
pub(crate) mod contract;
pub(crate) mod digest;
pub(crate) mod evaluation;
pub(crate) mod fragment;
pub(crate) mod image_ref;
pub(crate) mod manifest;
pub(crate) mod name;
pub(crate) mod owner;
pub(crate) mod package;
pub(crate) mod path;
pub(crate) mod platform;
pub(crate) mod product;
pub(crate) mod product_name;
pub(crate) mod quantity;
pub(crate) mod scope;
pub(crate) mod snapshot;
pub(crate) mod source_url;
pub mod step;
pub(crate) mod template_text;
pub mod test;
pub(crate) mod text_value;
pub(crate) mod value;
pub(crate) mod version;
pub(crate) mod when;

pub use arg::{Arg, ArgKind, PLATFORM_VARIABLES, Pattern};
pub use checks::{Checks, Fail, Skip};
pub use composition::Composition;
pub use config::{Check, CommandLine, Config, Healthcheck};
pub use contract::{Bound, Contract, ContractKind, Relation};
pub use digest::Digest;
pub use evaluation::{Apart, Arguments, Environments, Level};
pub use fragment::{Base, Fragment, Layout, Stage, StageBase};
pub use image_ref::ImageRef;
pub use manifest::{Manifest, ProductNames, Selection, Slot, Template, TemplateSelection, TestLimits};
pub use name::{
    AccountName, ArgName, CacheId, ContextName, EnvName, FragmentName, LabelKey, ManifestId, PlanId,
    RuleName, SecretId, ServiceName, SlotName, SshId, StageName, TemplateId, TestName,
};
pub use owner::{Account, FileMode, Owner};
pub use package::{AptPackage, Requirement};
pub use path::{FragmentPath, ImagePath, PathPattern, SourcePath};
pub use platform::Platform;
pub use product::Product;
pub use product_name::{ImageName, TagPattern};
pub use quantity::{ByteSize, Duration, Port, Protocol, Signal};
pub use scope::Scope;
pub use snapshot::Snapshot;
pub use source_url::{Commit, GitUrl, HttpUrl};
pub use template_text::{ExpandError, Text, Use};
pub use text_value::{Invalid, TextValue};
pub use value::{BranchKey, Given, List, PerPlatform, Value};
pub use version::Version;
pub use when::{Accelerator, When};
