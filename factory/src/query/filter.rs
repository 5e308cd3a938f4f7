//! Which records are asked for.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use llb_gen::model::Platform;
use llb_gen::record::{Record, Verdict};

use crate::attested::Package;
use crate::build::written;

/// `name` or `name@version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    name: String,
    version: Option<String>,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.rsplit_once('@') {
            // An `@` at the beginning is a scope of npm's.
            Some((name, version)) if !name.is_empty() => (name, Some(version.to_owned())),
            _ => (text, None),
        };
        if name.is_empty() || version.as_deref() == Some("") {
            return Err(format!("{text:?} is no name or name@version"));
        }
        Ok(Self { name: name.to_owned(), version })
    }
}

impl Named {
    fn fits(&self, name: &str, version: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) && self.version.as_ref().is_none_or(|wanted| wanted == version)
    }

    /// The same of a package, whose group need not be named.
    fn fits_package(&self, name: &str, version: &str) -> bool {
        self.fits(name, version)
            || name.rsplit_once('/').is_some_and(|(_, without_group)| self.fits(without_group, version))
    }
}

/// Which records are asked for: those that all of it fits.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this product, by its manifest's id or the name under which it is published.
    pub product: Option<String>,
    /// With all of these fragments.
    pub fragments: Vec<Named>,
    /// With one of these verdicts.
    pub verdicts: Vec<Verdict>,
    /// For this platform.
    pub platform: Option<Platform>,
    /// Whose tests ran no longer ago than this.
    pub max_age: Option<Duration>,
    /// Of images with all of these packages.
    pub packages: Vec<Named>,
    /// Of each product, or combination of a plan, and platform the one alone whose tests ran last.
    pub newest: bool,
}

impl Filter {
    /// Whether a record is asked for, but for its packages.
    pub(super) fn fits(&self, record: &Record, now: SystemTime) -> bool {
        let product = |name: &String| *name == record.manifest_id || *name == record.product_id;
        let fragment = |wanted: &Named| {
            record.fragments.iter().any(|fragment| wanted.fits(&fragment.name, &fragment.version))
        };
        let platform = |wanted: &Platform| record.platform.parse().ok().as_ref() == Some(wanted);
        let young = |age: &Duration| {
            // The form of these times sorts as they do.
            let oldest = now.checked_sub(*age).map(written).unwrap_or_default();
            record.result.tested_at.as_ref().is_some_and(|tested| *tested >= oldest)
        };
        self.product.as_ref().is_none_or(product)
            && self.fragments.iter().all(fragment)
            && (self.verdicts.is_empty() || self.verdicts.contains(&record.result.status))
            && self.platform.as_ref().is_none_or(platform)
            && self.max_age.as_ref().is_none_or(young)
    }

    /// Whether an image has what is asked for. What nobody has listed nobody has.
    pub(super) fn fits_packages(&self, packages: &BTreeSet<Package>) -> bool {
        let has = |wanted: &Named| packages.iter().any(|one| wanted.fits_package(&one.name, &one.version));
        self.packages.iter().all(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::tests::record;

    #[test]
    fn names_may_have_versions() {
        let of = |text: &str| text.parse::<Named>().unwrap();
        assert!(
            of("core").fits("core", "1") && of("core@1").fits("Core", "1") && !of("core@1").fits("core", "2")
        );
        assert!(of("@scope/x@1").fits("@scope/x", "1") && of("@scope/x").fits("@scope/x", "9"));
        assert!(of("x@1").fits_package("@scope/x", "1") && !of("x@1").fits_package("@scope/x", "2"));
        assert!(!of("core").fits("x/core", "1"));
        for wrong in ["", "core@"] {
            assert!(wrong.parse::<Named>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn all_of_it_has_to_fit() {
        let record = record("a", Verdict::Pass);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_687_243); // 2026-11-26
        let fits = |change: fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            filter.fits(&record, now)
        };
        assert!(fits(|_| ()));
        assert!(
            fits(|one| one.product = Some("app".into())) && fits(|one| one.product = Some("r.io/app".into()))
        );
        assert!(!fits(|one| one.product = Some("other".into())));
        assert!(fits(|one| one.fragments = vec!["core@0.1.0".parse().unwrap()]));
        assert!(!fits(|one| one.fragments = vec!["core".parse().unwrap(), "light".parse().unwrap()]));
        assert!(fits(|one| one.verdicts = vec![Verdict::Fail, Verdict::Pass]));
        assert!(!fits(|one| one.verdicts = vec![Verdict::Fail]));
        assert!(fits(|one| one.platform = Some("linux/x86_64".parse().unwrap())));
        assert!(!fits(|one| one.platform = Some("linux/arm64".parse().unwrap())));
        assert!(fits(|one| one.max_age = Some(Duration::from_secs(10 * 86_400))));
        assert!(!fits(|one| one.max_age = Some(Duration::from_secs(86_400))));
    }
}
