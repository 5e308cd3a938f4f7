//! Git repositories as contexts: `URL#ref:subdir` and `URL?ref=…&subdir=…`.

use llb_gen::llb::source::Git;
use llb_gen::llb::{Meta, State};

/// A repository, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GitContext {
    /// The full URL, without fragment and query.
    pub url: String,
    /// Branch, tag or commit; the default branch when absent.
    pub reference: Option<String>,
    /// The folder that is the context.
    pub subdir: Option<String>,
    /// The commit that the reference must lead to.
    pub commit: Option<String>,
    /// Whether `.git` is part of the context.
    pub keep_git_dir: bool,
}

impl GitContext {
    /// Reads a context that may be a repository; `None` when it is something else.
    ///
    /// # Errors
    /// What is wrong with the parts behind the URL, as a lower-case fragment.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        let (before, fragment) =
            text.split_once('#').map_or((text, None), |(before, after)| (before, Some(after)));
        let (url, query) =
            before.split_once('?').map_or((before, None), |(before, after)| (before, Some(after)));
        let url = if url.starts_with("github.com/") { format!("https://{url}") } else { url.to_owned() };
        let forge = text.starts_with("github.com/");
        is_repository(&url, forge)
            .then(|| Self { url, ..Self::default() }.with_fragment(fragment)?.with_query(query))
    }

    /// The repository's files.
    pub fn state(&self, name: impl Into<String>) -> State {
        let mut git = Git::new(&self.url, self.reference.as_deref(), self.subdir.as_deref());
        if let Some(commit) = &self.commit {
            git = git.checksum(commit);
        }
        if self.keep_git_dir {
            git = git.keep_git_dir();
        }
        if is_ssh(&self.url) {
            git = git.ssh("default");
        }
        git.meta(Meta::named(name)).state()
    }

    fn with_fragment(mut self, fragment: Option<&str>) -> Result<Self, String> {
        let Some(fragment) = fragment else { return Ok(self) };
        let (reference, subdir) = fragment.split_once(':').map_or((fragment, ""), |parts| parts);
        self.set_reference(reference)?;
        self.set_subdir(subdir)?;
        Ok(self)
    }

    fn with_query(mut self, query: Option<&str>) -> Result<Self, String> {
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').map_or((pair, None), |(key, value)| (key, Some(value)));
            let value = decoded(value.unwrap_or_default())?;
            match key {
                "ref" => self.set_reference(&value)?,
                "tag" => self.set_reference(&format!("refs/tags/{value}"))?,
                "branch" => self.set_reference(&format!("refs/heads/{value}"))?,
                "subdir" => self.set_subdir(&value)?,
                "checksum" | "commit" => set(&mut self.commit, &value, key)?,
                "keep-git-dir" => self.keep_git_dir = value.is_empty() || super::value::boolean(&value)?,
                "submodules" if super::value::boolean(&value) == Ok(true) => {}
                "submodules" | "mtime" | "fetch-by-commit" => {
                    return Err(format!("`{key}` cannot be chosen here"));
                }
                other => return Err(format!("unknown key `{other}` in the URL of a repository")),
            }
        }
        Ok(self)
    }

    fn set_reference(&mut self, value: &str) -> Result<(), String> {
        set(&mut self.reference, value, "ref")
    }

    fn set_subdir(&mut self, value: &str) -> Result<(), String> {
        match value.split('/').any(|part| part == "..") {
            true => Err(format!("the sub-directory `{value}` leads out of the repository")),
            false => set(&mut self.subdir, value.trim_matches('/'), "subdir"),
        }
    }
}

fn set(slot: &mut Option<String>, value: &str, key: &str) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    match slot.replace(value.to_owned()) {
        Some(earlier) => Err(format!("`{key}` is given twice: `{earlier}` and `{value}`")),
        None => Ok(()),
    }
}

fn is_repository(url: &str, forge: bool) -> bool {
    match url.split_once("://") {
        Some(("http" | "https", _)) => forge || url.ends_with(".git"),
        Some(("git" | "ssh", _)) => true,
        Some(_) => false,
        None => is_scp_like(url),
    }
}

/// `user@host:path`.
fn is_scp_like(url: &str) -> bool {
    let Some((user, rest)) = url.split_once('@') else { return false };
    let Some((host, path)) = rest.split_once(':') else { return false };
    let word =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    word(user) && word(host) && !path.is_empty()
}

fn is_ssh(url: &str) -> bool {
    url.starts_with("ssh://") || !url.contains("://")
}

/// Undoes percent encoding.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => bytes.push(
                hex_pair(rest.next(), rest.next()).ok_or_else(|| format!("`{text}` is not URL-encoded"))?,
            ),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).map_err(|_| format!("`{text}` is not UTF-8 text"))
}

fn hex_pair(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> GitContext {
        GitContext::parse(text).unwrap_or_else(|| panic!("{text} is a repository")).unwrap()
    }

    fn context(url: &str, reference: Option<&str>, subdir: Option<&str>) -> GitContext {
        let text = |text: Option<&str>| text.map(str::to_owned);
        GitContext { url: url.into(), reference: text(reference), subdir: text(subdir), ..Default::default() }
    }

    #[test]
    fn repositories_are_told_from_everything_else() {
        let table = [
            ("https://x.org/a.git", context("https://x.org/a.git", None, None)),
            ("https://x.org/a.git#v1:sub/dir", context("https://x.org/a.git", Some("v1"), Some("sub/dir"))),
            ("https://x.org/a.git#:sub", context("https://x.org/a.git", None, Some("sub"))),
            (
                "https://x.org/a.git?branch=b%2Fc&subdir=s",
                context("https://x.org/a.git", Some("refs/heads/b/c"), Some("s")),
            ),
            ("https://x.org/a.git?tag=v1", context("https://x.org/a.git", Some("refs/tags/v1"), None)),
            ("github.com/a/b#main", context("https://github.com/a/b", Some("main"), None)),
            ("git@x.org:a/b.git", context("git@x.org:a/b.git", None, None)),
            ("ssh://git@x.org/a", context("ssh://git@x.org/a", None, None)),
            ("git://x.org/a", context("git://x.org/a", None, None)),
        ];
        for (text, expected) in table {
            assert_eq!(parsed(text), expected, "{text}");
        }
        for other in
            ["https://x.org/a.tar.gz", "context", "./a.git", "a@b", "docker-image://x", "file:///a.git"]
        {
            assert_eq!(GitContext::parse(other), None, "{other}");
        }
    }

    #[test]
    fn keys_are_checked() {
        assert!(parsed("https://x.org/a.git?keep-git-dir=1").keep_git_dir);
        assert_eq!(parsed("https://x.org/a.git?commit=abc").commit.as_deref(), Some("abc"));
        for wrong in
            ["ref=a&branch=b", "nope=1", "submodules=false", "subdir=../x", "ref=%zz", "mtime=commit"]
        {
            let text = format!("https://x.org/a.git?{wrong}");
            assert!(GitContext::parse(&text).expect("a repository").is_err(), "{wrong}");
        }
        assert!(GitContext::parse("https://x.org/a.git?ref=a#b").expect("a repository").is_err());
    }
}
