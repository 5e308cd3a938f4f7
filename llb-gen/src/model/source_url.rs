//! Addresses: of downloads, of git repositories, of package indexes; and commits.

use super::text_value::{Invalid, TextValue, checked_text, quoted};

checked_text!(
    /// An `http:` or `https:` address.
    HttpUrl
);
checked_text!(
    /// The address of a git repository: `https:`, `http:`, `ssh:`, `git:` or `git@host:path`.
    GitUrl
);
checked_text!(
    /// A full git commit: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
    Commit
);

impl HttpUrl {
    /// The last part of the path, which names the downloaded file where the destination is a folder.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        let path = self.0.split(['?', '#']).next().unwrap_or_default();
        let (_, after_host) = path.split_once("://")?.1.split_once('/')?;
        after_host.rsplit('/').next().filter(|name| !name.is_empty())
    }
}

fn plain(text: &str) -> Result<(), Invalid> {
    match text.chars().find(|c| c.is_whitespace() || c.is_control()) {
        Some(wrong) => Err(Invalid::new(format!("{} holds `{}`", quoted(text), wrong.escape_debug()))),
        None => Ok(()),
    }
}

/// What follows `scheme://`, with a host at its beginning.
fn with_host<'t>(text: &'t str, schemes: &[&str]) -> Option<&'t str> {
    let (scheme, rest) = text.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    (schemes.contains(&scheme) && !host.is_empty() && !host.starts_with(':')).then_some(rest)
}

/// Refuses a password in an address: it would stay in the image's history and provenance.
fn without_password(text: &str) -> Result<(), Invalid> {
    let authority = text.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    let login = authority.and_then(|authority| authority.rsplit_once('@')).map(|(login, _)| login);
    match login.is_some_and(|login| login.contains(':')) {
        true => {
            Err(Invalid::new("the address holds a password, which would stay visible in the image's history"))
        }
        false => Ok(()),
    }
}

impl TextValue for HttpUrl {
    const WHAT: &'static str = "an address";
    const FORM: &'static str = "an address that begins with `https://` or `http://`";
    const PATTERN: &'static str = "^https?://";
    const EXAMPLES: &'static [&'static str] = &["https://example.org/tool.tar.gz"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        plain(text)?;
        without_password(text)?;
        match with_host(text, &["http", "https"]) {
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(Invalid::new(format!("{} is not a web address", quoted(text)))),
        }
    }
}

impl TextValue for GitUrl {
    const WHAT: &'static str = "the address of a git repository";
    const FORM: &'static str = "an `https://`, `ssh://` or `git@host:path` address";
    const EXAMPLES: &'static [&'static str] = &["https://github.com/org/repo.git"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        plain(text)?;
        without_password(text)?;
        if text.contains('#') {
            return Err(Invalid::new(format!(
                "{} has a `#` part; the commit stands in `commit`",
                quoted(text)
            )));
        }
        let short = text.split_once('@').and_then(|(_, rest)| rest.split_once(':'));
        let short =
            short.is_some_and(|(host, path)| !host.is_empty() && !host.contains('/') && !path.is_empty());
        let long = with_host(text, &["http", "https", "ssh", "git"]).is_some();
        match long || (short && !text.contains("://")) {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(format!("{} is not the address of a git repository", quoted(text)))),
        }
    }
}

impl TextValue for Commit {
    const WHAT: &'static str = "a commit";
    const FORM: &'static str = "a full commit of 40 or 64 lower-case hexadecimal digits";
    const PATTERN: &'static str = "^([0-9a-f]{40}|[0-9a-f]{64})$";

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let hex = text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        match hex && matches!(text.len(), 40 | 64) {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(format!("{} is not a full commit", quoted(text)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_addresses_need_a_host_and_no_password() {
        let url = HttpUrl::from_text("https://example.org/a/tool.tgz?x=/y").unwrap();
        assert_eq!(url.file_name(), Some("tool.tgz"));
        assert_eq!(HttpUrl::from_text("https://example.org/").unwrap().file_name(), None);
        for wrong in
            ["", "example.org", "ftp://a/b", "https://", "https:///x", "https://a b", "https://u:p@h/x"]
        {
            assert!(HttpUrl::from_text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn git_addresses_have_three_forms() {
        for right in ["https://h/r.git", "ssh://git@h/r", "git@github.com:o/r.git", "git://h/r"] {
            assert!(GitUrl::from_text(right).is_ok(), "{right}");
        }
        for wrong in ["", "o/r", "https://h/r#main", "file:///x", "git@host", "@:"] {
            assert!(GitUrl::from_text(wrong).is_err(), "{wrong}");
        }
    }
}
