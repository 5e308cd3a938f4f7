//! What policies make of lists of what is in an image: a list that says nothing is none, and what it leaves open is the worst.

use llb_gen::policy::{PackageMatch, PackageUrl, SbomFormat};

use super::versions::Order;
use crate::attested::{Bill, Item, Purl};

/// Reads an SBOM that is said to be of a form.
pub(crate) fn listed(format: SbomFormat, predicate: &str) -> Result<Bill, String> {
    let bill = Bill::read(predicate.as_bytes())?;
    if bill.format != format {
        return Err(format!("is {}, and is said to be {}", bill.format.as_str(), format.as_str()));
    }
    if bill.all().next().is_none() {
        return Err("lists no package".to_owned());
    }
    Ok(bill)
}

/// Whether a package is one of those that a policy denies. What an SBOM leaves open about it is taken for what is denied: a
/// package without a version has all of them, one without a package URL may be any with the same name.
pub(crate) fn is_denied(package: &Item, denied: &PackageMatch) -> bool {
    let own: Vec<Option<Purl>> = package.purls.iter().map(|purl| Purl::parse(purl)).collect();
    let known: Vec<&Purl> = own.iter().flatten().collect();
    let named = denied.name.as_ref().is_none_or(|name| {
        let without_group = package.name.rsplit('/').next().unwrap_or_default();
        name.fits(&package.name)
            || name.fits(without_group)
            || known.iter().any(|purl| name.fits(purl.name()) || name.fits(&purl.path))
    });
    let located = denied.purl.as_ref().is_none_or(|purl| is_at(package, &own, purl));
    let kind = known.first().map(|purl| purl.kind.as_str()).or_else(|| {
        denied.purl.as_ref().and_then(|purl| purl.as_str().strip_prefix("pkg:")?.split('/').next())
    });
    named && located && has_version(package, &known, denied, kind.unwrap_or_default())
}

fn is_at(package: &Item, own: &[Option<Purl>], denied: &PackageUrl) -> bool {
    let Some(denied) = Purl::parse(denied.as_str()) else { return true };
    let fits = |own: &Purl| {
        let qualifier = |(key, value): &(String, String)| {
            own.qualifiers.iter().find(|(own, _)| own == key).is_none_or(|(_, own)| own == value)
        };
        own.kind == denied.kind && own.path == denied.path && denied.qualifiers.iter().all(qualifier)
    };
    let same_name = || {
        let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '.'], "-");
        let name = plain(&package.name);
        name == plain(denied.name()) || name == plain(&denied.path)
    };
    match own {
        [] => same_name(),
        own => own.iter().any(|one| one.as_ref().map_or_else(same_name, fits)),
    }
}

fn has_version(package: &Item, known: &[&Purl], denied: &PackageMatch, kind: &str) -> bool {
    let Some(range) = &denied.versions else { return true };
    let order = Order::of(kind);
    let inside = |version: &str| order.has(version, range).unwrap_or(true);
    package.version.is_empty()
        || inside(&package.version)
        || known.iter().filter_map(|purl| purl.version.as_deref()).any(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: Option<&str>, purls: &[&str]) -> Item {
        let purls = purls.iter().map(|purl| (*purl).to_owned()).collect();
        let version = version.unwrap_or_default().to_owned();
        Item { name: name.to_owned(), version, purls, ..Item::default() }
    }

    fn denied(name: Option<&str>, purl: Option<&str>, versions: Option<&str>) -> PackageMatch {
        let file = llb_gen::text::SourceFile::new("p", b"{}".as_slice());
        PackageMatch {
            name: name.map(|text| text.parse().unwrap()),
            purl: purl.map(|text| text.parse().unwrap()),
            versions: versions.map(|text| text.parse().unwrap()),
            reason: None,
            place: llb_gen::text::Place::new(&file, llb_gen::text::Span::new(0, 1)),
        }
    }

    #[test]
    fn packages_are_found_by_name_url_and_version() {
        let xz = package(
            "xz-utils",
            Some("5.6.1-1"),
            &["pkg:deb/debian/xz-utils@5.6.1-1?arch=amd64&distro=debian-12"],
        );
        let cases = [
            (denied(Some("xz-utils"), None, None), true),
            (denied(Some("xz*"), None, Some(">=5.6.0,<5.6.2")), true),
            (denied(Some("xz*"), None, Some("<5.6.0")), false),
            (denied(Some("liblzma5"), None, None), false),
            (denied(None, Some("pkg:deb/debian/xz-utils"), None), true),
            (denied(None, Some("pkg:deb/debian/xz-utils?arch=amd64"), None), true),
            (denied(None, Some("pkg:deb/debian/xz-utils?arch=arm64"), None), false),
            (denied(None, Some("pkg:deb/debian/xz-utils?epoch=1"), None), true),
            (denied(None, Some("pkg:deb/ubuntu/xz-utils"), None), false),
            (denied(None, Some("pkg:rpm/debian/xz-utils"), None), false),
            (denied(Some("other"), Some("pkg:deb/debian/xz-utils"), None), false),
        ];
        for (denied, expected) in cases {
            assert_eq!(is_denied(&xz, &denied), expected, "{denied:?}");
        }
    }

    #[test]
    fn what_is_left_open_is_taken_for_the_worst() {
        let range = || denied(Some("a"), None, Some("<2"));
        assert!(is_denied(&package("a", None, &[]), &range()));
        assert!(
            is_denied(&package("a", None, &["pkg:npm/a@3.0.0"]), &range()),
            "a version that only its URL has"
        );
        assert!(!is_denied(&package("a", Some("3.0.0"), &["pkg:npm/a@3.0.0"]), &range()));
        assert!(
            is_denied(&package("a", Some("3.0.0"), &["pkg:npm/a@1.0.0"]), &range()),
            "two versions, one of them denied"
        );
        assert!(
            is_denied(&package("a", Some("(devel)"), &["pkg:golang/a"]), &range()),
            "a version that is none"
        );
        let url = || denied(None, Some("pkg:pypi/Foo.Bar"), None);
        assert!(is_denied(&package("foo_bar", Some("1"), &[]), &url()));
        assert!(is_denied(&package("foo-bar", Some("1"), &["pkg:pypi/foo-bar@1"]), &url()));
        assert!(!is_denied(&package("foo-bar", Some("1"), &["pkg:npm/foo-bar@1"]), &url()));
        assert!(is_denied(&package("foo-bar", Some("1"), &["broken"]), &url()));
    }

    #[test]
    fn what_lists_nothing_is_no_list() {
        for (format, text) in [
            (SbomFormat::Spdx, r#"{"spdxVersion": "SPDX-2.3", "packages": []}"#),
            (SbomFormat::Spdx, r#"{"spdxVersion": "SPDX-2.3"}"#),
            (SbomFormat::Spdx, r#"{"spdxVersion": "SPDX-3.0", "packages": [{"name": "a"}]}"#),
            (SbomFormat::Spdx, r#"{"spdxVersion": "SPDX-2.3", "packages": [{"versionInfo": "1"}]}"#),
            (SbomFormat::Spdx, "null"),
            (SbomFormat::Cyclonedx, r#"{"bomFormat": "CycloneDX", "components": []}"#),
            (SbomFormat::Cyclonedx, r#"{"components": [{"name": "a"}]}"#),
            (SbomFormat::Cyclonedx, r#"{"spdxVersion": "SPDX-2.3", "packages": [{"name": "a"}]}"#),
            (SbomFormat::Spdx, r#"{"bomFormat": "CycloneDX", "components": [{"name": "a"}]}"#),
        ] {
            assert!(listed(format, text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_list_takes_for_no_package_is_judged_too() {
        let about = r#"{"spdxVersion": "SPDX-2.3", "documentDescribes": ["x"], "packages": [{"SPDXID": "x", "name": "xz-utils"}]}"#;
        let file = r#"{"bomFormat": "CycloneDX", "components": [{"type": "file", "group": "x", "name": "xz-utils"}]}"#;
        for (format, text) in [(SbomFormat::Spdx, about), (SbomFormat::Cyclonedx, file)] {
            let bill = listed(format, text).unwrap();
            assert!(bill.items.is_empty(), "{text}");
            assert!(bill.all().any(|one| is_denied(one, &denied(Some("xz-utils"), None, None))), "{text}");
        }
    }
}
