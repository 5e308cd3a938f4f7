//! Package URLs.

use packageurl::PackageUrl;

/// The canonical package URL of these parts. Empty parts are left out.
///
/// `namespace` is written with slashes between its segments. Qualifiers with an empty value are left out.
///
/// # Errors
/// The parts make no package URL; says why.
pub fn build(
    kind: &str,
    namespace: &str,
    name: &str,
    version: &str,
    qualifiers: &[(&str, &str)],
) -> Result<String, String> {
    let say = |e: packageurl::Error| format!("no package URL for {kind} {name:?}: {e}");
    let mut purl = PackageUrl::new(kind, name).map_err(say)?;
    if !namespace.is_empty() {
        purl.with_namespace(namespace).map_err(say)?;
    }
    if !version.is_empty() {
        purl.with_version(version).map_err(say)?;
    }
    for (key, value) in qualifiers.iter().filter(|(_, value)| !value.is_empty()) {
        purl.add_qualifier(*key, *value).map_err(say)?;
    }
    Ok(purl.to_string())
}
