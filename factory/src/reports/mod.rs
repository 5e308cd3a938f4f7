//! What is known of the products of a project: the tree below `.factory/`.
//!
//! Builds export a tree of their own (`--target report`), which is read as a whole ([`Exported`]) and then merged into the
//! project's ([`Exported::merge`]). [`Reports`] reads that one back.
//!
//! ```text
//! records/<build_id>.json        the verdict on one product on one platform
//! errors/error-<build_id>.json   why a build failed
//! evidence/<build_id>.log        what its steps and tests printed; whole files in the folder evidence/<build_id>/
//! sbom/<build_id>.spdx.json      what is in the image, where a list was made
//! plans/<plan>/summary.json, .md the verdicts of a plan
//! ```

mod document;
mod exported;
mod merge;
mod open;

use std::path::{Path, PathBuf};

pub use document::Fault;
pub(crate) use document::{LONGEST_EXCERPT, bytes, check, is_name};
pub use exported::{Exported, Summary};
pub use merge::Merged;
pub(crate) use merge::Turn;
pub use open::{Recorded, Reports};

#[cfg(test)]
pub(crate) use exported::tests;

/// The folder of the reports, in the project at `root`.
#[must_use]
pub fn folder(root: &Path) -> PathBuf {
    root.join(".factory")
}

const RECORDS: &str = "records";
const ERRORS: &str = "errors";
const EVIDENCE: &str = "evidence";
const SBOM: &str = "sbom";
const PLANS: &str = "plans";

/// Where the record of a build is, from the tree's root.
pub(crate) fn record_path(build_id: &str) -> PathBuf {
    Path::new(RECORDS).join(format!("{build_id}.json"))
}

/// Where a list of what is in an image is, from the tree's root.
pub(crate) fn sbom_path(build_id: &str) -> PathBuf {
    Path::new(SBOM).join(format!("{build_id}.spdx.json"))
}

/// Where it says why a build failed, from the tree's root.
pub(crate) fn error_path(build_id: &str) -> PathBuf {
    Path::new(ERRORS).join(format!("error-{build_id}.json"))
}

/// Where the log of a build is, from the tree's root.
pub(crate) fn evidence_path(build_id: &str) -> PathBuf {
    Path::new(EVIDENCE).join(format!("{build_id}.log"))
}
