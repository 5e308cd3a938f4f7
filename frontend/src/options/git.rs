//! Git repositories as contexts: `URL#ref:subdir` and `URL?ref=…&subdir=…`.

use llb_gen::llb::source::Git;
use llb_gen::llb::{Cap, Meta, State};

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
    /// Whether submodules are left out.
    pub skip_submodules: bool,
    /// The time that files get, `commit` or `checkout`, where it is chosen.
    pub mtime: Option<String>,
    /// Whether the commit is fetched wherever its branch or tag is by now.
    pub fetch_by_commit: bool,
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
        self.source().meta(Meta::named(name)).state()
    }

    /// The source alone.
    pub fn source(&self) -> Git {
        let reference = self.reference.as_deref().or(self.whole_commit());
        let mut git = Git::new(&self.url, reference, self.subdir.as_deref());
        if let Some(commit) = self.checked_commit() {
            git = git.checksum(commit);
        }
        if self.keep_git_dir {
            git = git.keep_git_dir();
        }
        if self.skip_submodules {
            git = git.skip_submodules();
        }
        if let Some(mtime) = &self.mtime {
            git = git.mtime(mtime);
        }
        if self.fetches_by_commit() {
            git = git.fetch_by_commit();
        }
        if is_ssh(&self.url) {
            git = git.ssh("default");
        }
        git
    }

    /// The commit, where nothing else says what to fetch and it can be fetched by itself: only its whole name can. It is then the
    /// reference, and what has another name is another commit.
    fn whole_commit(&self) -> Option<&str> {
        let whole = |commit: &&str| {
            matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        self.commit.as_deref().filter(whole).filter(|_| self.reference.is_none())
    }

    /// The commit that the daemon has to compare with what the reference leads to.
    fn checked_commit(&self) -> Option<&str> {
        self.commit.as_deref().filter(|_| self.whole_commit().is_none())
    }

    /// Without a branch or a tag the commit is fetched by itself anyway.
    fn fetches_by_commit(&self) -> bool {
        self.fetch_by_commit && self.whole_commit().is_none()
    }

    /// What a daemon needs for the parts of the URL: those that not every daemon has.
    pub fn needs(&self) -> Vec<Cap> {
        let needs = [
            (self.checked_commit().is_some(), Cap::SOURCE_GIT_CHECKSUM),
            (self.skip_submodules, Cap::SOURCE_GIT_SKIP_SUBMODULES),
            (self.mtime.is_some(), Cap::SOURCE_GIT_MTIME),
            (self.fetches_by_commit(), Cap::SOURCE_GIT_FETCH_BY_COMMIT),
        ];
        needs.into_iter().filter_map(|(needed, cap)| needed.then_some(cap)).collect()
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
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value)?;
            if value.is_empty() && !["keep-git-dir", "submodules", "fetch-by-commit"].contains(&key) {
                return Err(format!("`{key}` of the repository's URL has no value"));
            }
            match key {
                "ref" => self.set_reference(&value)?,
                "tag" => self.set_reference(&prefixed("refs/tags/", &value))?,
                "branch" => self.set_reference(&prefixed("refs/heads/", &value))?,
                "subdir" => self.set_subdir(&value)?,
                "checksum" | "commit" => set(&mut self.commit, &value, key)?,
                "keep-git-dir" => self.keep_git_dir = flag(key, &value)?,
                "submodules" => self.skip_submodules = !flag(key, &value)?,
                "fetch-by-commit" => self.fetch_by_commit = flag(key, &value)?,
                "mtime" if ["checkout", "commit"].contains(&value.as_str()) => self.mtime = Some(value),
                "mtime" => return Err(format!("`mtime` is `checkout` or `commit`, not `{value}`")),
                other => return Err(format!("unknown key `{other}` in the URL of a repository")),
            }
        }
        match self.fetch_by_commit && self.commit.is_none() {
            true => Err("`fetch-by-commit` needs a `commit`".to_owned()),
            false => Ok(self),
        }
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

/// A name below `prefix`, however much of it is written already.
fn prefixed(prefix: &str, name: &str) -> String {
    if name.starts_with(prefix) { name.to_owned() } else { format!("{prefix}{name}") }
}

/// A key that may stand alone.
fn flag(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "" => Ok(true),
        text => super::value::boolean(text).map_err(|reason| format!("`{key}`: {reason}")),
    }
}

fn set(slot: &mut Option<String>, value: &str, key: &str) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    match slot.replace(value.to_owned()) {
        Some(earlier) if earlier == value => Ok(()),
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
        assert!(parsed("https://x.org/a.git?keep-git-dir").keep_git_dir);
        assert_eq!(parsed("https://x.org/a.git?commit=abc").commit.as_deref(), Some("abc"));
        assert!(parsed("https://x.org/a.git?submodules=false").skip_submodules);
        assert!(!parsed("https://x.org/a.git?submodules").skip_submodules);
        assert_eq!(parsed("https://x.org/a.git?mtime=commit").mtime.as_deref(), Some("commit"));
        assert_eq!(parsed("https://x.org/a.git?ref=a#a").reference.as_deref(), Some("a"), "the same twice");
        assert_eq!(parsed("https://x.org/a.git?tag=refs/tags/v1").reference.as_deref(), Some("refs/tags/v1"));
        for wrong in [
            "ref=a&branch=b",
            "nope=1",
            "submodules=maybe",
            "subdir=../x",
            "ref=%zz",
            "ref=",
            "commit",
            "mtime=now",
            "fetch-by-commit=1",
        ] {
            let text = format!("https://x.org/a.git?{wrong}");
            assert!(GitContext::parse(&text).expect("a repository").is_err(), "{wrong}");
        }
        assert!(GitContext::parse("https://x.org/a.git?ref=a#b").expect("a repository").is_err());
    }

    #[test]
    fn a_commit_is_fetched_and_checked() {
        const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
        let source = |query: &str| parsed(&format!("https://x.org/a.git?{query}")).source().to_pb();
        // By itself it is what is fetched; what has another name is another commit.
        let alone = source(&format!("commit={COMMIT}"));
        assert_eq!(alone.identifier, format!("git://x.org/a.git#{COMMIT}"));
        assert_eq!(alone.attrs.get("git.checksum"), None, "older daemons can do that");
        // Beside a branch it is what the branch must lead to, or what is fetched instead.
        let branch = source(&format!("branch=b&commit={COMMIT}"));
        assert_eq!(branch.identifier, "git://x.org/a.git#refs/heads/b");
        assert_eq!(branch.attrs["git.checksum"], COMMIT);
        let by_commit = source(&format!("branch=b&commit={COMMIT}&fetch-by-commit=true"));
        assert_eq!(by_commit.attrs["git.fetchbycommit"], "true");
        // A part of its name cannot be fetched: the default branch must lead there.
        let part = source("commit=0123456");
        assert_eq!(
            (part.identifier.as_str(), part.attrs["git.checksum"].as_str()),
            ("git://x.org/a.git", "0123456")
        );
    }

    #[test]
    fn what_not_every_daemon_can_do_is_known() {
        let needs = |query: &str| parsed(&format!("https://x.org/a.git?{query}")).needs();
        assert_eq!(needs("ref=a&subdir=b&keep-git-dir&submodules=true"), []);
        assert_eq!(needs("ref=a&commit=abc"), [Cap::SOURCE_GIT_CHECKSUM]);
        assert_eq!(
            needs("submodules=0&mtime=commit&ref=a&commit=abc&fetch-by-commit"),
            [
                Cap::SOURCE_GIT_CHECKSUM,
                Cap::SOURCE_GIT_SKIP_SUBMODULES,
                Cap::SOURCE_GIT_MTIME,
                Cap::SOURCE_GIT_FETCH_BY_COMMIT
            ]
        );
    }
}
