//! Policies: what an image must be like to be used. The document alone; whoever can look at images judges by it.
//!
//! Every rule asks for something that must be found. That something is not there never makes a rule hold, so an image can only
//! lose by what is left out of what is said about it.

mod check;
mod text;

pub use text::{Day, Glob, KeySource, PackageUrl};

use crate::model::test::VersionRange;
use crate::model::{FragmentName, ImageRef, ManifestId, Platform};
use crate::text::{Located, Place, SourceFile};
pub(crate) use check::policy;

/// A checked policy. It has at least one rule.
#[derive(Debug, Clone)]
pub struct Policy {
    /// For people.
    pub description: Option<String>,
    /// Who signs.
    pub signature: Option<SignatureRule>,
    /// Which platforms there are.
    pub platforms: Option<PlatformsRule>,
    /// Who built it.
    pub builder: Option<Located<Vec<Located<Glob>>>>,
    /// What from.
    pub source: Option<SourceRule>,
    /// Of which fragments.
    pub fragments: Option<FragmentsRule>,
    /// What its tests said.
    pub tests: Option<TestsRule>,
    /// On which device they ran.
    pub gpu: Option<GpuRule>,
    /// Whether it says what it holds.
    pub sbom: Option<SbomRule>,
    /// What it must not hold.
    pub packages: Option<PackagesRule>,
    /// How old its record is.
    pub record: Option<RecordRule>,
    /// Whether its base is current.
    pub base: Option<BaseRule>,
    /// Its file.
    pub file: SourceFile,
}

/// The image and each of its platforms is signed by one of these keys or identities.
#[derive(Debug, Clone)]
pub struct SignatureRule {
    /// The keys; none where the command line has to name them, or there are identities.
    pub keys: Vec<Located<KeySource>>,
    /// The identities whose keyless signatures count.
    pub identities: Vec<IdentityRule>,
    /// Where the file is that says who is believed about identities.
    pub trusted_root: Option<Located<String>>,
    /// Where the rule is written.
    pub place: Place,
}

/// Somebody who signs without a key of their own: whoever both patterns fit.
#[derive(Debug, Clone)]
pub struct IdentityRule {
    /// For who says who it is.
    pub issuer: Located<Glob>,
    /// For the identity.
    pub identity: Located<Glob>,
}

/// Which platforms an image has. Something is asked.
#[derive(Debug, Clone)]
pub struct PlatformsRule {
    /// Each must be there.
    pub require: Vec<Located<Platform>>,
    /// No other may be there; empty for any.
    pub allow: Vec<Located<Platform>>,
    /// Where the rule is written.
    pub place: Place,
}

/// What an image was built from.
#[derive(Debug, Clone)]
pub struct SourceRule {
    /// Patterns for the repository.
    pub repositories: Vec<Located<Glob>>,
    /// Who says so.
    pub said_by: SourceSaidBy,
    /// Where the rule is written.
    pub place: Place,
}

/// Who says what an image was built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceSaidBy {
    /// The builder, of what it has fetched itself.
    Builder,
    /// The client, of the folder that it has sent.
    Client,
}

/// Which fragments an image has. Something is asked.
#[derive(Debug, Clone)]
pub struct FragmentsRule {
    /// Every fragment must be one of these; absent for any.
    pub allow: Option<Vec<FragmentMatch>>,
    /// None may be one of these.
    pub deny: Vec<FragmentMatch>,
    /// Each of these must be there.
    pub require: Vec<FragmentMatch>,
    /// Where the rule is written.
    pub place: Place,
}

/// A fragment in some of its versions.
#[derive(Debug, Clone)]
pub struct FragmentMatch {
    /// Its name.
    pub name: Located<FragmentName>,
    /// Its versions; all where there is none.
    pub versions: Option<VersionRange>,
    /// Why, for people.
    pub reason: Option<String>,
}

/// What to do about skipped tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    /// They are passed over.
    Allow,
    /// They refuse the image.
    Refuse,
}

/// The tests have passed.
#[derive(Debug, Clone)]
pub struct TestsRule {
    /// Tests that must be among those that have passed.
    pub require: Vec<Located<String>>,
    /// What to do about those that were skipped.
    pub skipped: Skipped,
    /// Where the rule is written.
    pub place: Place,
}

/// The tests have run on a device.
#[derive(Debug, Clone)]
pub struct GpuRule {
    /// Patterns for its model; empty for any.
    pub models: Vec<Located<Glob>>,
    /// Versions of its driver; all where there is none.
    pub driver: Option<VersionRange>,
    /// What need not have been tested on one.
    pub excused: Vec<Excuse>,
    /// Where the rule is written.
    pub place: Place,
}

/// A product that need not have been tested on a device.
#[derive(Debug, Clone)]
pub struct Excuse {
    /// Its manifest's id.
    pub manifest: ManifestId,
    /// The platform; every one where there is none.
    pub platform: Option<Platform>,
    /// The last day on which it holds.
    pub until: Option<Day>,
    /// Why.
    pub reason: String,
}

/// A format of SBOMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SbomFormat {
    /// SPDX 2.3.
    Spdx,
    /// CycloneDX.
    Cyclonedx,
}

impl SbomFormat {
    /// `spdx` or `cyclonedx`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spdx => "spdx",
            Self::Cyclonedx => "cyclonedx",
        }
    }
}

/// An SBOM is attached.
#[derive(Debug, Clone)]
pub struct SbomRule {
    /// Formats that will do; empty for any.
    pub formats: Vec<SbomFormat>,
    /// Where the rule is written.
    pub place: Place,
}

/// None of these is in the image. The list is not empty.
#[derive(Debug, Clone)]
pub struct PackagesRule {
    /// What must not be there.
    pub deny: Vec<PackageMatch>,
    /// Where the rule is written.
    pub place: Place,
}

/// A package in some of its versions; it has a name, a package URL, or both.
#[derive(Debug, Clone)]
pub struct PackageMatch {
    /// A pattern for its name.
    pub name: Option<Glob>,
    /// Its package URL without a version.
    pub purl: Option<PackageUrl>,
    /// Its versions; all where there is none.
    pub versions: Option<VersionRange>,
    /// Why, for people.
    pub reason: Option<String>,
    /// Where it is written.
    pub place: Place,
}

/// The record is not too old.
#[derive(Debug, Clone)]
pub struct RecordRule {
    /// The most days since the tests have run, at least 1.
    pub max_age_days: u32,
    /// Where the rule is written.
    pub place: Place,
}

/// The base is what one of these names now.
#[derive(Debug, Clone)]
pub struct BaseRule {
    /// Names of base images; at least one.
    pub images: Vec<Located<ImageRef>>,
    /// Where the rule is written.
    pub place: Place,
}
