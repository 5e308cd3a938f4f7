//! Image references, by the grammar of `distribution/reference`.

use std::fmt;

use super::digest::Digest;
use super::text_value::{Invalid, TextValue, quoted, text_value};

/// Longest repository name, registry included, by the distribution specification.
const LONGEST_NAME: usize = 255;

/// An image reference in its full form: registry, repository, and a tag, a digest or both.
///
/// `debian` becomes `docker.io/library/debian:latest`; a reference with a digest gets no tag of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

text_value!(ImageRef);

impl ImageRef {
    /// Host, and port where one is written: `docker.io`, `localhost:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Path inside the registry: `library/debian`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; absent only where a digest stands.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest where one is written.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same reference pinned to `digest`; the tag is kept for people.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// As people write it: without `docker.io/library/` and without `:latest`.
    #[must_use]
    pub fn familiar(&self) -> String {
        let name = match self.registry.as_str() {
            "docker.io" => self.repository.strip_prefix("library/").unwrap_or(&self.repository).to_owned(),
            registry => format!("{registry}/{}", self.repository),
        };
        let tag = self.tag.as_deref().filter(|tag| *tag != "latest").map(|tag| format!(":{tag}"));
        let digest = self.digest.as_ref().map(|digest| format!("@{digest}"));
        format!("{name}{}{}", tag.unwrap_or_default(), digest.unwrap_or_default())
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl TextValue for ImageRef {
    const WHAT: &'static str = "an image reference";
    const FORM: &'static str =
        "a reference such as \"debian:bookworm-slim\" or \"ghcr.io/org/image@sha256:…\"";
    const EXAMPLES: &'static [&'static str] = &["debian:bookworm-slim"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(Digest::from_text(digest)?)),
            None => (text, None),
        };
        let (name, tag) = split_tag(rest);
        let (registry, repository) = split_registry(name);
        check_repository(text, &registry, &repository)?;
        check_registry(&registry)?;
        tag.map_or(Ok(()), check_tag)?;
        let tag = tag.or(digest.is_none().then_some("latest")).map(str::to_owned);
        Ok(Self { registry, repository, tag, digest })
    }
}

/// Splits off the tag: the part after the last colon, unless that colon belongs to a port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (text, None),
    }
}

/// The first component is a registry when it has a dot or a colon, is `localhost`, or is not all lower case.
fn split_registry(name: &str) -> (String, String) {
    let official = |repository: &str| match repository.contains('/') {
        true => repository.to_owned(),
        false => format!("library/{repository}"),
    };
    match name.split_once('/') {
        Some(("docker.io" | "index.docker.io", rest)) => ("docker.io".to_owned(), official(rest)),
        Some((host, rest)) if is_host(host) => (host.to_owned(), rest.to_owned()),
        _ => ("docker.io".to_owned(), official(name)),
    }
}

fn is_host(component: &str) -> bool {
    component.contains(['.', ':'])
        || component == "localhost"
        || component.chars().any(|c| c.is_ascii_uppercase())
}

fn check_registry(registry: &str) -> Result<(), Invalid> {
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !port.contains(']') => (host, Some(port)),
        _ => (registry, None),
    };
    let port_fits = port.is_none_or(|digits| digits.parse::<u16>().is_ok_and(|port| port > 0));
    let ipv6 = host.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let host_fits = match ipv6 {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(label_fits),
    };
    if port_fits && host_fits {
        return Ok(());
    }
    Err(Invalid::new(format!("{} is not a registry host", quoted(registry))))
}

fn label_fits(label: &str) -> bool {
    let fits = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    !label.is_empty() && fits && !label.starts_with('-') && !label.ends_with('-')
}

fn check_repository(text: &str, registry: &str, repository: &str) -> Result<(), Invalid> {
    if registry.len() + 1 + repository.len() > LONGEST_NAME {
        return Err(Invalid::new(format!("the name is longer than {LONGEST_NAME} characters")));
    }
    if repository.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(Invalid::new(format!("{} has capital letters in its repository", quoted(text))));
    }
    match repository.split('/').all(component_fits) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not an image reference", quoted(text)))),
    }
}

/// `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
fn component_fits(component: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inner = component.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c));
    let separators = component.split(|c: char| c.is_ascii_alphanumeric()).filter(|run| !run.is_empty());
    let joined =
        separators.into_iter().all(|run| matches!(run, "." | "_" | "__") || run.chars().all(|c| c == '-'));
    inner && joined && edge(component.chars().next()) && edge(component.chars().next_back())
}

fn check_tag(tag: &str) -> Result<(), Invalid> {
    if tag.is_empty() {
        return Err(Invalid::new("the tag is empty"));
    }
    let first = tag.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let rest = tag.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    match first && rest && tag.len() <= 128 {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not a tag", quoted(tag)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn references_take_their_full_form() {
        let cases = [
            ("debian", "docker.io/library/debian:latest", "debian"),
            ("debian:bookworm-slim", "docker.io/library/debian:bookworm-slim", "debian:bookworm-slim"),
            ("docker.io/debian", "docker.io/library/debian:latest", "debian"),
            ("index.docker.io/library/debian", "docker.io/library/debian:latest", "debian"),
            ("org/image:1", "docker.io/org/image:1", "org/image:1"),
            ("localhost/a", "localhost/a:latest", "localhost/a"),
            ("localhost:5000/a/b:x", "localhost:5000/a/b:x", "localhost:5000/a/b:x"),
            ("ghcr.io/o/i__x.y-z", "ghcr.io/o/i__x.y-z:latest", "ghcr.io/o/i__x.y-z"),
            ("[::1]:5000/a:t", "[::1]:5000/a:t", "[::1]:5000/a:t"),
        ];
        for (written, full, familiar) in cases {
            let reference = ImageRef::from_text(written).unwrap();
            assert_eq!((reference.to_string().as_str(), reference.familiar().as_str()), (full, familiar));
        }
    }

    #[test]
    fn a_digest_needs_no_tag() {
        let pinned = ImageRef::from_text(&format!("debian@{HEX}")).unwrap();
        assert_eq!(pinned.to_string(), format!("docker.io/library/debian@{HEX}"));
        let both = ImageRef::from_text(&format!("debian:12@{HEX}")).unwrap();
        assert_eq!(both.to_string(), format!("docker.io/library/debian:12@{HEX}"));
    }

    #[test]
    fn other_texts_are_refused() {
        let wrong = [
            "",
            ":tag",
            "a:",
            "a:-x",
            "Debian",
            "a//b",
            "/a",
            "a/",
            "a@sha256:12",
            "a b",
            "a..b",
            "a___b",
            "-a",
            "host:0/a",
            "host:99999/a",
            "exa_mple.com/a",
            "http://host/a",
            "a:b:c",
        ];
        for text in wrong {
            assert!(ImageRef::from_text(text).is_err(), "{text}");
        }
        assert!(ImageRef::from_text(&"a".repeat(300)).is_err());
    }
}
