//! `packages` as written.

use crate::model::Value;
use crate::model::test::{DebianPackage, DistributionName, VersionRange};
use crate::parse::decode::Map;
use crate::parse::object::object;

object! {
    /// What must be true of installed packages.
    RawPackages {
        /// Debian packages by name, each with its versions: `*` for any, or a range such as `>=8,<9`.
        "dpkg" dpkg: Option<Map<DebianPackage, Value<VersionRange>>>,
        /// Python distributions by name, each with its versions.
        "pip" pip: Option<Map<DistributionName, Value<VersionRange>>>,
        /// Whether what Python distributions require must be there and fit, as `pip check` says.
        "pip_check" pip_check: Option<bool>,
        /// Whether files of Debian packages must be what the packages brought, as `dpkg --verify` says.
        "dpkg_verify" dpkg_verify: Option<bool>,
        /// Whether no Debian package may be half installed, as `dpkg --audit` says.
        "dpkg_audit" dpkg_audit: Option<bool>,
    }
}
