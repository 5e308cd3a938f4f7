//! Paths: in a fragment's folder, in a context or stage, and in an image.

use std::fmt;

use super::text_value::{Invalid, TextValue, checked_text, quoted, text_value};

/// Longest path that Linux takes.
const LONGEST: usize = 4095;
/// Longest name inside a path that Linux file systems take.
const LONGEST_PART: usize = 255;

checked_text!(
    /// A file or folder of the fragment: relative, normalised (`a/./b/` is `a/b`), never outside the fragment's folder.
    /// `.` is the folder itself. Only links in the file system can still lead out, which the frontend refuses.
    FragmentPath
);

impl TextValue for FragmentPath {
    const WHAT: &'static str = "a path in the fragment's folder";
    const FORM: &'static str = "a relative path without `..`";
    const PATTERN: &'static str = "^[^/\\\\][^\\\\]*$";
    const EXAMPLES: &'static [&'static str] = &["requirements.txt", "app/"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        check_text(text)?;
        if text.starts_with('/') {
            return Err(Invalid::new(format!("{} is absolute", quoted(text))));
        }
        relative(text).map(Self)
    }
}

/// Which files a `copy` takes: a path or pattern inside its source. `*`, `?` and `[…]` are wildcards.
///
/// A leading `/` means the root of the source, as in a Dockerfile; there is no way out of the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourcePath {
    path: String,
    folder: bool,
}

text_value!(SourcePath);

impl SourcePath {
    /// The normalised path, relative to the source's root; `.` is the root itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// Whether it was written with a slash at its end: it must be a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.folder
    }

    /// Whether it holds a wildcard.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.path.contains(['*', '?', '['])
    }
}

impl TextValue for SourcePath {
    const WHAT: &'static str = "a source path";
    const FORM: &'static str = "a path inside the source, without `..`";
    const EXAMPLES: &'static [&'static str] = &["app/", "*.py", "."];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        check_text(text)?;
        check_brackets(text)?;
        let path = relative(text.trim_start_matches('/'))?;
        Ok(Self { path, folder: text.ends_with('/') || text == "." })
    }
}

impl fmt::Display for SourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// A path in an image: absolute, or relative to the fragment's workdir. Normalised; `..` never leads above the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePath {
    path: String,
    folder: bool,
}

text_value!(ImagePath);

impl ImagePath {
    /// The normalised path, without a slash at its end (but `/` is the root).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// Whether it begins at the root.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.path.starts_with('/')
    }

    /// Whether it was written with a slash at its end (or as `.`): what lands there goes inside it.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.folder
    }

    /// The absolute path, seen from the absolute path `workdir`.
    #[must_use]
    pub fn absolute(&self, workdir: &str) -> String {
        match self.is_absolute() {
            true => self.path.clone(),
            false => rooted(&format!("{workdir}/{}", self.path)),
        }
    }

    /// Whether it holds a wildcard, where wildcards are taken.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.path.contains(['*', '?', '['])
    }
}

impl TextValue for ImagePath {
    const WHAT: &'static str = "a path in the image";
    const FORM: &'static str = "an absolute path, or one relative to the workdir";
    const PATTERN: &'static str = "^[^\\\\]+$";
    const EXAMPLES: &'static [&'static str] = &["/opt/app/"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        check_text(text)?;
        let folder = text.ends_with('/') || text == "." || text.ends_with("/.");
        let path = match text.starts_with('/') {
            true => rooted(text),
            false => relative(text)?,
        };
        Ok(Self { path, folder })
    }
}

/// The path as written, with its slash at the end.
impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.folder && self.path != "/" && self.path != "." { "/" } else { "" };
        write!(f, "{}{slash}", self.path)
    }
}

checked_text!(
    /// A pattern of `include` and `exclude`, as in a `.dockerignore` file: `**` crosses folders, a leading `!` takes back.
    PathPattern
);

impl TextValue for PathPattern {
    const WHAT: &'static str = "a path pattern";
    const FORM: &'static str = "a relative pattern such as \"**/*.py\"";
    const EXAMPLES: &'static [&'static str] = &["**/*.py", "!keep.txt"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let bare = text.strip_prefix('!').unwrap_or(text);
        check_text(bare)?;
        check_brackets(bare)?;
        relative(bare.trim_start_matches('/'))?;
        Ok(Self(text.to_owned()))
    }
}

fn check_text(text: &str) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(Invalid::new("the path is empty"));
    }
    if text.contains('\\') {
        return Err(Invalid::new(format!("{} holds a backslash", quoted(text))));
    }
    if let Some(wrong) = text.chars().find(|c| c.is_control()) {
        return Err(Invalid::new(format!("the path {} holds `{}`", quoted(text), wrong.escape_debug())));
    }
    if text.len() > LONGEST || text.split('/').any(|part| part.len() > LONGEST_PART) {
        return Err(Invalid::new(format!("the path {} is too long", quoted(text))));
    }
    Ok(())
}

/// An opened `[` must be closed, or the pattern would match nothing at all.
fn check_brackets(text: &str) -> Result<(), Invalid> {
    match text.rsplit_once('[') {
        Some((_, rest)) if !rest.contains(']') => {
            Err(Invalid::new(format!("{} has an open `[`", quoted(text))))
        }
        _ => Ok(()),
    }
}

/// The parts without `.` and empty ones; `..` is refused, not resolved, because it reads as a way out.
fn relative(text: &str) -> Result<String, Invalid> {
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err(Invalid::new(format!("{} leads out of its folder by `..`", quoted(text))));
    }
    Ok(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

/// The absolute form with `.` and `..` resolved, which never lead above the root.
fn rooted(text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragment_paths_stay_inside() {
        for (written, normal) in
            [("a", "a"), ("./a//b/", "a/b"), (".", "."), ("a/./b", "a/b"), ("..a", "..a")]
        {
            assert_eq!(FragmentPath::from_text(written).map(|path| path.to_string()), Ok(normal.to_owned()));
        }
        for wrong in ["", "/a", "..", "a/../b", "a\\b", "a\nb", "a\0"] {
            assert!(FragmentPath::from_text(wrong).is_err(), "{wrong:?}");
        }
        assert!(FragmentPath::from_text(&"a".repeat(256)).is_err());
    }

    #[test]
    fn image_paths_normalise_and_keep_their_slash() {
        let path = |text: &str| ImagePath::from_text(text).unwrap();
        assert_eq!(path("/opt//app/../x/").to_string(), "/opt/x/");
        assert_eq!(path("/../..").as_str(), "/");
        assert_eq!(path("bin").absolute("/opt/app"), "/opt/app/bin");
        assert_eq!(path(".").absolute("/opt/app"), "/opt/app");
        assert!(path("x/").is_folder() && path(".").is_folder() && !path("x").is_folder());
        assert!(ImagePath::from_text("../x").is_err());
    }

    #[test]
    fn sources_may_hold_wildcards() {
        assert_eq!(SourcePath::from_text("/a/*.py").unwrap().as_str(), "a/*.py");
        assert!(SourcePath::from_text("a/[x").is_err());
        assert!(SourcePath::from_text("a/../../x").is_err());
        assert!(PathPattern::from_text("!**/x").is_ok());
        assert!(PathPattern::from_text("!").is_err());
    }
}
