//! Readers of what is said of images, for the fuzzer alone.

use std::hint::black_box;

use llb_gen::model::test::VersionRange;
use llb_gen::policy::{PackageMatch, Policy, SbomFormat};

use super::versions::Order;
use super::{provenance, sbom, time};

/// The packages of an SBOM, and whether a policy denies them.
pub fn list(predicate: &str, denied: &[PackageMatch]) {
    for format in [SbomFormat::Spdx, SbomFormat::Cyclonedx] {
        let items = sbom::listed(format, predicate).map(|bill| bill.items).unwrap_or_default();
        for package in &items {
            black_box(denied.iter().any(|denied| sbom::is_denied(package, denied)));
        }
    }
}

/// The packages that a policy denies.
#[must_use]
pub fn denied(policy: &Policy) -> &[PackageMatch] {
    policy.packages.as_ref().map(|rule| rule.deny.as_slice()).unwrap_or_default()
}

/// A provenance of either version.
pub fn origin(predicate: &str) {
    for version in [provenance::V02, provenance::V1] {
        black_box(provenance::read(version, predicate).is_some_and(|read| read.is_ok()));
    }
}

/// A time of a record.
pub fn moment(text: &str) {
    black_box(time::seconds(text));
}

/// A version against a range, in every order.
pub fn version(version: &str, range: &VersionRange) {
    for kind in ["npm", "pypi", "deb"] {
        black_box(Order::of(kind).has(version, range));
    }
}
