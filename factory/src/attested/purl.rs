//! Package URLs as lists of others have them.

use percent_encoding::percent_decode_str;

use super::bill::said;

/// A package URL in its parts, percent signs decoded.
///
/// Lists are read here to find what must not be in an image, so whatever can be understood of a URL counts, also where a part of it
/// is not as the specification has it. (The crate that our own lists are written with refuses such a URL as a whole.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Purl {
    /// The type: `deb`, in small letters.
    pub(crate) kind: String,
    /// Namespace and name.
    pub(crate) path: String,
    /// The version, where one is said.
    pub(crate) version: Option<String>,
    /// What else is said: keys in small letters, and values.
    pub(crate) qualifiers: Vec<(String, String)>,
}

impl Purl {
    /// Nothing where it is not even a type and a name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
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
        Some(Self { kind, path, version: version.and_then(said), qualifiers })
    }

    /// The name without its namespace.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// A percent sign that no two digits follow stands for itself.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_and_epochs_are_decoded() {
        let purl = Purl::parse("pkg:npm/%40scope/name@1.0.0?x=a%20b#sub").unwrap();
        assert_eq!(
            (purl.path.as_str(), purl.version.as_deref(), purl.name()),
            ("@scope/name", Some("1.0.0"), "name")
        );
        assert_eq!(purl.qualifiers, [("x".to_owned(), "a b".to_owned())]);
        assert_eq!(Purl::parse("pkg:deb/debian/zlib1g@1%3A1.2").unwrap().version.as_deref(), Some("1:1.2"));
        assert_eq!(Purl::parse("pkg:npm/@scope/name").unwrap().path, "@scope/name");
        assert_eq!(Purl::parse("pkg:deb/a@NOASSERTION").unwrap().version, None);
        assert_eq!(decoded("%zz%é%4"), "%zz%é%4");
    }

    #[test]
    fn what_can_be_understood_of_a_broken_one_counts() {
        let purl = Purl::parse("pkg:DEB//debian//xz%ff@5?9bad=1&arch=amd64&x").unwrap();
        assert_eq!((purl.kind.as_str(), purl.path.as_str()), ("deb", "debian/xz\u{fffd}"));
        assert_eq!(purl.qualifiers.len(), 2);
        for none in ["", "bash", "pkg:", "pkg:deb"] {
            assert_eq!(Purl::parse(none), None, "{none}");
        }
    }
}
