//! The kinds of artifacts that we push, and what stands in their annotations. `docs/referrers.md` has them for others.

/// A record, with its error where there is one.
pub const RECORD: &str = "application/vnd.factory.record.v1+json";
/// An error, as a file of a record's artifact.
pub const ERROR: &str = "application/vnd.factory.error.v1+json";
/// What the steps and tests of a build have printed.
pub const EVIDENCE: &str = "application/vnd.factory.evidence.v1";
/// The log, gzipped, as a file of it.
pub const LOG: &str = "application/vnd.factory.log.v1+gzip";
/// Whole outputs, as a file of it.
pub const OUTPUTS: &str = "application/vnd.factory.outputs.v1.tar+gzip";
/// What a product is made of, where there is no image of it.
pub const SELECTION: &str = "application/vnd.factory.selection.v1+json";
/// A list of what is in an image, in the form of SPDX 2.3.
pub const SPDX: &str = "application/spdx+json";
/// The same in the form of CycloneDX.
pub const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
/// A signature with the statement that it is of.
pub use crate::signing::bundle::MEDIA_TYPE as BUNDLE;

/// The name of a file.
pub const TITLE: &str = "org.opencontainers.image.title";
/// When something was made.
pub const CREATED: &str = "org.opencontainers.image.created";

/// The name of the build that an artifact is of.
pub const BUILD_ID: &str = "invalid.factory.build-id";
/// The manifest's id.
pub const MANIFEST_ID: &str = "invalid.factory.manifest-id";
/// The name under which the product is published.
pub const PRODUCT_ID: &str = "invalid.factory.product-id";
/// The platform.
pub const PLATFORM: &str = "invalid.factory.platform";
/// The verdict.
pub const VERDICT: &str = "invalid.factory.verdict";
/// The fragments with their versions: `core@0.1.0 light@0.2.0`.
pub const FRAGMENTS: &str = "invalid.factory.fragments";
/// The selection key.
pub const SELECTION_KEY: &str = "invalid.factory.selection-key";

/// How tags of selections begin; the digits of the selection key follow.
pub const SELECTION_TAG: &str = "factory-selection-";

/// Predicate types of lists of what is in an image.
pub mod predicate {
    /// SPDX 2.x.
    pub const SPDX: &str = "https://spdx.dev/Document";
    /// CycloneDX; a version may follow.
    pub const CYCLONEDX: &str = "https://cyclonedx.org/bom";
    /// How predicate types of provenance begin.
    pub const PROVENANCE: &str = "https://slsa.dev/provenance/";

    /// The form of the list that a statement of this type is; nothing where it is none that can be read.
    #[must_use]
    pub fn list(predicate_type: &str) -> Option<llb_gen::policy::SbomFormat> {
        use llb_gen::policy::SbomFormat::{Cyclonedx, Spdx};
        if let Some(version) = predicate_type.strip_prefix(SPDX) {
            return (version.is_empty() || version.starts_with("/v2")).then_some(Spdx);
        }
        let version = predicate_type.strip_prefix(CYCLONEDX)?;
        (version.is_empty() || version.starts_with('/')).then_some(Cyclonedx)
    }
}
