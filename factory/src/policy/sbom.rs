//! What SBOMs say is in an image: SPDX 2 and CycloneDX, read as far as policies ask.

use llb_gen::policy::{PackageMatch, PackageUrl, SbomFormat};
use serde::Deserialize;

use super::versions::Order;

/// The predicate types of SPDX: what BuildKit writes, and the one with a version.
pub(crate) const SPDX: [&str; 2] = ["https://spdx.dev/Document", "https://spdx.dev/Document/v2.3"];
/// How the predicate type of CycloneDX begins.
pub(crate) const CYCLONEDX: &str = "https://cyclonedx.org/bom";

/// The format of an SBOM with this predicate type; nothing where it is none.
pub(crate) fn format(predicate_type: &str) -> Option<SbomFormat> {
    match predicate_type {
        _ if SPDX.contains(&predicate_type) => Some(SbomFormat::Spdx),
        _ if predicate_type == CYCLONEDX || predicate_type.starts_with("https://cyclonedx.org/bom/") => {
            Some(SbomFormat::Cyclonedx)
        }
        _ => None,
    }
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) purls: Vec<String>,
}

#[derive(Deserialize)]
struct Spdx {
    #[serde(rename = "spdxVersion")]
    version: String,
    packages: Vec<SpdxPackage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpdxPackage {
    name: String,
    version_info: Option<String>,
    #[serde(default)]
    external_refs: Vec<SpdxReference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpdxReference {
    #[serde(default)]
    reference_type: String,
    #[serde(default)]
    reference_locator: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cyclonedx {
    bom_format: String,
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    group: String,
    name: String,
    version: Option<String>,
    purl: Option<String>,
    #[serde(default)]
    components: Vec<Component>,
}

/// The packages of an SBOM.
pub(crate) fn packages(format: SbomFormat, predicate: &str) -> Result<Vec<Package>, String> {
    let found = match format {
        SbomFormat::Spdx => spdx(predicate)?,
        SbomFormat::Cyclonedx => cyclonedx(predicate)?,
    };
    if found.is_empty() { Err("it lists no package".to_owned()) } else { Ok(found) }
}

fn spdx(predicate: &str) -> Result<Vec<Package>, String> {
    let document: Spdx =
        serde_json::from_str(predicate).map_err(|fault| format!("it is no SPDX document: {fault}"))?;
    if !document.version.starts_with("SPDX-2.") {
        return Err(format!("it is {:?}, not SPDX 2", document.version));
    }
    let package = |package: SpdxPackage| {
        let purls = package.external_refs.into_iter().filter(|one| one.reference_type == "purl");
        Package {
            name: package.name,
            version: package.version_info.filter(|version| is_said(version)),
            purls: purls.map(|one| one.reference_locator).collect(),
        }
    };
    Ok(document.packages.into_iter().map(package).collect())
}

fn cyclonedx(predicate: &str) -> Result<Vec<Package>, String> {
    let document: Cyclonedx =
        serde_json::from_str(predicate).map_err(|fault| format!("it is no CycloneDX document: {fault}"))?;
    if document.bom_format != "CycloneDX" {
        return Err(format!("its `bomFormat` is {:?}", document.bom_format));
    }
    let mut found = Vec::new();
    let mut pending = document.components;
    while let Some(component) = pending.pop() {
        let name = match component.group.as_str() {
            "" => component.name,
            group => format!("{group}/{}", component.name),
        };
        let purls = component.purl.into_iter().collect();
        found.push(Package { name, version: component.version.filter(|version| is_said(version)), purls });
        pending.extend(component.components);
    }
    Ok(found)
}

fn is_said(version: &str) -> bool {
    !["", "NOASSERTION", "NONE", "UNKNOWN"].contains(&version)
}

/// A package URL in its parts, percent signs decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    kind: String,
    /// Namespace and name.
    path: String,
    version: Option<String>,
    qualifiers: Vec<(String, String)>,
}

impl Parts {
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("pkg:")?.trim_start_matches('/');
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (path, version) = match rest.rsplit_once('@') {
            // The `@` of a scope stands at the beginning of a part.
            Some((path, version)) if !path.is_empty() && !path.ends_with('/') => {
                (path, Some(decoded(version)))
            }
            _ => (rest, None),
        };
        let (kind, path) = path.split_once('/')?;
        let kind = kind.to_ascii_lowercase();
        let mut path: String =
            path.split('/').filter(|part| !part.is_empty()).map(decoded).collect::<Vec<_>>().join("/");
        match kind.as_str() {
            "pypi" => path = path.to_ascii_lowercase().replace(['_', '.'], "-"),
            "deb" | "apk" | "github" | "npm" | "golang" => path = path.to_ascii_lowercase(),
            _ => {}
        }
        let qualifiers = qualifiers.split('&').filter_map(|one| one.split_once('='));
        let qualifiers = qualifiers.map(|(key, value)| (key.to_ascii_lowercase(), decoded(value))).collect();
        Some(Self { kind, path, version: version.filter(|version| is_said(version)), qualifiers })
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether a package is one of those that a policy denies. What an SBOM leaves open about it is taken for what is denied: a
/// package without a version has all of them, one without a package URL may be any with the same name.
pub(crate) fn is_denied(package: &Package, denied: &PackageMatch) -> bool {
    let own: Vec<Option<Parts>> = package.purls.iter().map(|purl| Parts::parse(purl)).collect();
    let known: Vec<&Parts> = own.iter().flatten().collect();
    let named = denied.name.as_ref().is_none_or(|name| {
        name.fits(&package.name) || known.iter().any(|purl| name.fits(purl.name()) || name.fits(&purl.path))
    });
    let located = denied.purl.as_ref().is_none_or(|purl| is_at(package, &own, purl));
    let kind = known.first().map(|purl| purl.kind.as_str()).or_else(|| {
        denied.purl.as_ref().and_then(|purl| purl.as_str().strip_prefix("pkg:")?.split('/').next())
    });
    named && located && has_version(package, &known, denied, kind.unwrap_or_default())
}

fn is_at(package: &Package, own: &[Option<Parts>], denied: &PackageUrl) -> bool {
    let Some(denied) = Parts::parse(denied.as_str()) else { return true };
    let fits = |own: &Parts| {
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

fn has_version(package: &Package, known: &[&Parts], denied: &PackageMatch, kind: &str) -> bool {
    let Some(range) = &denied.versions else { return true };
    let order = Order::of(kind);
    let inside = |version: &str| order.has(version, range).unwrap_or(true);
    let Some(version) = &package.version else { return true };
    inside(version) || known.iter().filter_map(|purl| purl.version.as_deref()).any(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: Option<&str>, purls: &[&str]) -> Package {
        let purls = purls.iter().map(|purl| (*purl).to_owned()).collect();
        Package { name: name.to_owned(), version: version.map(str::to_owned), purls }
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
    fn scopes_and_epochs_are_decoded() {
        let parts = Parts::parse("pkg:npm/%40scope/name@1.0.0?x=a%20b#sub").unwrap();
        assert_eq!(
            (parts.path.as_str(), parts.version.as_deref(), parts.name()),
            ("@scope/name", Some("1.0.0"), "name")
        );
        assert_eq!(parts.qualifiers, [("x".to_owned(), "a b".to_owned())]);
        assert_eq!(Parts::parse("pkg:deb/debian/zlib1g@1%3A1.2").unwrap().version.as_deref(), Some("1:1.2"));
        assert_eq!(Parts::parse("pkg:npm/@scope/name").unwrap().path, "@scope/name");
        assert_eq!(decoded("%zz%é%4"), "%zz%é%4");
    }

    #[test]
    fn both_formats_are_read() {
        let spdx = r#"{"spdxVersion": "SPDX-2.3", "packages": [{"name": "a", "versionInfo": "1", "externalRefs": [
            {"referenceType": "cpe23Type", "referenceLocator": "cpe:x"}, {"referenceType": "purl", "referenceLocator": "pkg:deb/debian/a@1"}]},
            {"name": "b", "versionInfo": "NOASSERTION"}]}"#;
        let found = packages(SbomFormat::Spdx, spdx).unwrap();
        assert_eq!(found, [package("a", Some("1"), &["pkg:deb/debian/a@1"]), package("b", None, &[])]);
        let bom = r#"{"bomFormat": "CycloneDX", "components": [{"group": "g", "name": "a", "version": "1", "purl": "pkg:maven/g/a@1",
            "components": [{"name": "b"}]}]}"#;
        let found = packages(SbomFormat::Cyclonedx, bom).unwrap();
        assert_eq!(found, [package("g/a", Some("1"), &["pkg:maven/g/a@1"]), package("b", None, &[])]);
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
        ] {
            assert!(packages(format, text).is_err(), "{text}");
        }
    }
}
