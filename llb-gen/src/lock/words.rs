//! The words of a lock: each kind its own type, so that nothing that a shell or an installer reads can hide in one.

use crate::model::text_value::{Invalid, TextValue, checked_text, quoted};
use crate::model::{FragmentName, Platform, StageName, Version};

checked_text!(
    /// A fragment in a version: `core 0.1.0`.
    FragmentId
);
checked_text!(
    /// What an entry was resolved for: a platform, and the accelerator where there is one: `linux/amd64+cuda`.
    LockTarget
);
checked_text!(
    /// A step by its place in its `fragment.json`: `steps/0`, `stages/build/steps/2`. The first step is number 0.
    StepPath
);
checked_text!(
    /// An installed Debian package: `python3`, `libc6:i386`.
    AptName
);
checked_text!(
    /// The version of a Debian package.
    AptVersion
);
checked_text!(
    /// The name of a Python package in its normal form (PEP 503).
    PipName
);
checked_text!(
    /// The version of a Python package.
    PipVersion
);
checked_text!(
    /// A line of a requirements file that says where packages are looked for.
    PipOption
);

fn all(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(allowed)
}

fn wrong<T>(text: &str, what: &str) -> Result<T, Invalid> {
    Err(Invalid::new(format!("{} is not {what}", quoted(text))))
}

impl TextValue for FragmentId {
    const WHAT: &'static str = "a fragment in a version";
    const FORM: &'static str = "a fragment's name and version such as \"core 0.1.0\"";
    const EXAMPLES: &'static [&'static str] = &["core 0.1.0"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let Some((name, version)) = text.split_once(' ') else { return wrong(text, Self::WHAT) };
        FragmentName::from_text(name)?;
        Version::from_text(version)?;
        Ok(Self(text.to_owned()))
    }
}

impl FragmentId {
    /// The id of a fragment's version.
    #[must_use]
    pub fn new(name: &FragmentName, version: &Version) -> Self {
        Self(format!("{name} {version}"))
    }

    /// The fragment's folder in the catalogue: `fragments/core/0.1.0`.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("fragments/{}", self.0.replacen(' ', "/", 1))
    }
}

impl TextValue for LockTarget {
    const WHAT: &'static str = "a platform";
    const FORM: &'static str = "a platform such as `linux/amd64`, or `linux/amd64+cuda`";
    const EXAMPLES: &'static [&'static str] = &["linux/amd64", "linux/arm64+cuda"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let platform = text.strip_suffix("+cuda").unwrap_or(text);
        match Platform::from_text(platform)?.to_string() == platform {
            true => Ok(Self(text.to_owned())),
            false => wrong(text, "a platform in its normal form"),
        }
    }
}

impl LockTarget {
    /// The target of a product on a platform.
    #[must_use]
    pub fn new(platform: &Platform, accelerator: Option<crate::model::Accelerator>) -> Self {
        Self(
            accelerator
                .map_or_else(|| platform.to_string(), |accelerator| format!("{platform}+{accelerator}")),
        )
    }

    /// The platform alone.
    #[must_use]
    pub fn platform(&self) -> &str {
        self.0.split('+').next().unwrap_or_default()
    }
}

impl TextValue for StepPath {
    const WHAT: &'static str = "the place of a step";
    const FORM: &'static str = "`steps/N` or `stages/NAME/steps/N`";
    const PATTERN: &'static str = "^(stages/[^/]+/)?steps/[0-9]+$";
    const EXAMPLES: &'static [&'static str] = &["steps/0", "stages/build/steps/2"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let (stage, rest) = match text.strip_prefix("stages/").and_then(|rest| rest.split_once('/')) {
            Some((stage, rest)) => (Some(stage), rest),
            None => (None, text),
        };
        if let Some(stage) = stage {
            StageName::from_text(stage)?;
        }
        match rest.strip_prefix("steps/").is_some_and(|number| number.parse::<u16>().is_ok()) {
            true => Ok(Self(text.to_owned())),
            false => wrong(text, Self::WHAT),
        }
    }
}

impl StepPath {
    /// The step number `at`, counted from 0, of the fragment itself or of a stage.
    #[must_use]
    pub fn new(stage: Option<&StageName>, at: usize) -> Self {
        let stage = stage.map(|stage| format!("stages/{stage}/")).unwrap_or_default();
        Self(format!("{stage}steps/{at}"))
    }
}

impl TextValue for AptName {
    const WHAT: &'static str = "a Debian package";
    const FORM: &'static str = "the name of a package such as `python3` or `libc6:i386`";
    const PATTERN: &'static str = "^[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?$";
    const EXAMPLES: &'static [&'static str] = &["python3"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let (name, arch) = text.split_once(':').map_or((text, None), |(name, arch)| (name, Some(arch)));
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let named = name.starts_with(lower) && all(name, |c| lower(c) || "+.-".contains(c));
        match named && arch.is_none_or(|arch| all(arch, |c| lower(c) || c == '-')) {
            true => Ok(Self(text.to_owned())),
            false => wrong(text, Self::WHAT),
        }
    }
}

impl TextValue for AptVersion {
    const WHAT: &'static str = "the version of a Debian package";
    const FORM: &'static str = "a version such as `3.11.2-1+b1`";
    const PATTERN: &'static str = "^[0-9A-Za-z.+~:-]+$";
    const EXAMPLES: &'static [&'static str] = &["3.11.2-1+b1"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        match all(text, |c| c.is_ascii_alphanumeric() || ".+~:-".contains(c)) {
            true => Ok(Self(text.to_owned())),
            false => wrong(text, Self::WHAT),
        }
    }
}

impl TextValue for PipName {
    const WHAT: &'static str = "a Python package";
    const FORM: &'static str =
        "the name of a package in lower case with single hyphens, such as `typing-extensions`";
    const PATTERN: &'static str = "^[a-z0-9]+(-[a-z0-9]+)*$";
    const EXAMPLES: &'static [&'static str] = &["typing-extensions"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let part = |part: &str| all(part, |c| c.is_ascii_lowercase() || c.is_ascii_digit());
        match text.split('-').all(part) {
            true => Ok(Self(text.to_owned())),
            false => wrong(text, Self::WHAT),
        }
    }
}

impl PipName {
    /// The name in its normal form: lower case, and runs of `-`, `_` and `.` one hyphen (PEP 503).
    ///
    /// # Errors
    /// What is no name even so.
    pub fn normal(text: &str) -> Result<Self, Invalid> {
        let parts = text.split(['-', '_', '.']).filter(|part| !part.is_empty());
        Self::from_text(&parts.collect::<Vec<_>>().join("-").to_ascii_lowercase())
    }
}

impl TextValue for PipVersion {
    const WHAT: &'static str = "the version of a Python package";
    const FORM: &'static str = "a version such as `3.7` or `2.3.0+cpu`";
    const PATTERN: &'static str = "^[0-9A-Za-z.+!_-]+$";
    const EXAMPLES: &'static [&'static str] = &["3.7"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        match all(text, |c| c.is_ascii_alphanumeric() || ".+!_-".contains(c)) {
            true => Ok(Self(text.to_owned())),
            false => wrong(text, Self::WHAT),
        }
    }
}

/// Options of a requirements file that say where packages are looked for and in which form, with whether each has a value.
const OPTIONS: [(&str, bool); 11] = [
    ("--index-url", true),
    ("-i", true),
    ("--extra-index-url", true),
    ("--find-links", true),
    ("-f", true),
    ("--trusted-host", true),
    ("--no-binary", true),
    ("--only-binary", true),
    ("--no-index", false),
    ("--pre", false),
    ("--prefer-binary", false),
];

impl TextValue for PipOption {
    const WHAT: &'static str = "an option of a requirements file";
    const FORM: &'static str = "a line such as `--extra-index-url https://…`";
    const EXAMPLES: &'static [&'static str] = &["--extra-index-url https://example.org/simple"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let fits = match &words[..] {
            [option] => match option.split_once('=') {
                Some((option, value)) => OPTIONS.contains(&(option, true)) && !value.is_empty(),
                None => OPTIONS.contains(&(option, false)),
            },
            [option, _] => OPTIONS.contains(&(option, true)),
            _ => false,
        };
        match fits && !text.chars().any(char::is_control) {
            true => Ok(Self(words.join(" "))),
            false => wrong(text, Self::WHAT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes<T: TextValue>(right: &[&str], wrong: &[&str]) {
        for text in right {
            assert!(T::from_text(text).is_ok(), "{text}");
        }
        for text in wrong {
            assert!(T::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn words_hold_nothing_that_a_shell_reads() {
        takes::<FragmentId>(
            &["core 0.1.0", "a-b 1.0.0-rc.1"],
            &["core", "core 1", "core  0.1.0", "/x 0.1.0"],
        );
        takes::<LockTarget>(
            &["linux/amd64", "linux/arm/v7+cuda"],
            &["linux", "linux/amd64+rocm", "linux/x86_64"],
        );
        takes::<StepPath>(
            &["steps/0", "stages/b/steps/12"],
            &["steps/x", "step/0", "stages/b/0", "steps/-1"],
        );
        takes::<AptName>(&["libstdc++6", "libc6:i386"], &["A", "a b", "a;b", "a'", "a=1", ":x", ""]);
        takes::<AptVersion>(&["1:2.3-4+b1~x"], &["", "1 2", "1'", "1*", "$(x)", "1\n"]);
        takes::<PipName>(&["a", "typing-extensions"], &["A", "a--b", "a_b", "-a", "", "a\n"]);
        takes::<PipVersion>(&["1!2.0+cpu", "1.0.dev1"], &["", "1 2", "1;x", "1\n--x"]);
        let options = ["--no-index", "-i https://x/y", "--find-links=https://x"];
        takes::<PipOption>(&options, &["--no-index x", "-r x", "-e .", "--index-url", "-i a\n-e ."]);
        assert_eq!(PipName::normal("Typing_Extensions").unwrap().as_str(), "typing-extensions");
        assert_eq!(FragmentId::from_text("core 0.1.0").unwrap().folder(), "fragments/core/0.1.0");
    }
}
