//! Platform strings by containerd's rules (`os/arch[/variant]`, normalised).

use std::fmt;

use super::text_value::{Invalid, TextValue, quoted, text_value};

/// A platform in normalised form: what map keys, messages and cache keys use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    os: String,
    arch: String,
    variant: Option<String>,
}

text_value!(Platform);

impl Platform {
    /// The operating system in Go's spelling: `linux`, `windows`, …
    #[must_use]
    pub fn os(&self) -> &str {
        &self.os
    }

    /// The architecture in Go's spelling: `amd64`, `arm64`, …
    #[must_use]
    pub fn arch(&self) -> &str {
        &self.arch
    }

    /// The variant where the normalised form has one, such as `v7` of `arm`.
    #[must_use]
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// Normalises separate parts, as BuildKit's messages carry them.
    ///
    /// # Errors
    /// When a part holds anything but letters, digits, `_`, `-` and `.`.
    pub fn from_parts(os: &str, arch: &str, variant: &str) -> Result<Self, Invalid> {
        for part in [os, arch] {
            check_part(part)?;
        }
        if !variant.is_empty() {
            check_part(variant)?;
        }
        Ok(Self::normalised(
            &os.to_ascii_lowercase(),
            &arch.to_ascii_lowercase(),
            &variant.to_ascii_lowercase(),
        ))
    }

    fn normalised(os: &str, arch: &str, variant: &str) -> Self {
        let os = if os == "macos" { "darwin" } else { os };
        let (arch, variant) = match (arch, variant) {
            ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
            ("aarch64" | "arm64", other) => ("arm64", other),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64" | "amd64", other) => ("amd64", other),
            ("i386", _) => ("386", ""),
            ("armhf", _) => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "" | "7") => ("arm", "v7"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "6") => ("arm", "v6"),
            ("arm", "8") => ("arm", "v8"),
            other => other,
        };
        let variant = Some(variant.to_owned()).filter(|text| !text.is_empty());
        Self { os: os.to_owned(), arch: arch.to_owned(), variant }
    }
}

fn check_part(part: &str) -> Result<(), Invalid> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !part.is_empty() && part.chars().all(fits) {
        return Ok(());
    }
    Err(Invalid::new(format!("{} is not a part of a platform", quoted(part))))
}

/// Operating systems that Go, and so BuildKit, knows.
const SYSTEMS: [&str; 16] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "macos",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
];

impl TextValue for Platform {
    const WHAT: &'static str = "a platform";
    const FORM: &'static str = "`os/arch` or `os/arch/variant`, such as \"linux/amd64\"";
    const PATTERN: &'static str = "^(aix|android|darwin|dragonfly|freebsd|illumos|ios|js|linux|macos|netbsd|openbsd|plan9|solaris|wasip1|windows)/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?$";
    const EXAMPLES: &'static [&'static str] = &["linux/amd64", "linux/arm64", "linux/arm/v7"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, arch, variant) = match parts[..] {
            [os, arch] => (os, arch, ""),
            [os, arch, variant] if !variant.is_empty() => (os, arch, variant),
            _ => return Err(Invalid::new(format!("{} is not a platform", quoted(text)))),
        };
        let platform = Self::from_parts(os, arch, variant)?;
        if SYSTEMS.contains(&os.to_ascii_lowercase().as_str()) {
            return Ok(platform);
        }
        Err(Invalid::new(format!("{} is not an operating system", quoted(os))))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_normalise_as_containerd_does() {
        let cases = [
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/v9", "linux/arm64/v9"),
            ("linux/x86_64", "linux/amd64"),
            ("Linux/AMD64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/v6", "linux/arm/v6"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/i386", "linux/386"),
            ("macos/arm64", "darwin/arm64"),
            ("linux/riscv64", "linux/riscv64"),
        ];
        for (written, normal) in cases {
            assert_eq!(
                Platform::from_text(written).map(|p| p.to_string()),
                Ok(normal.to_owned()),
                "{written}"
            );
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for wrong in
            ["", "linux", "linux/", "/amd64", "linux/amd64/", "linux/a/b/c", "lunix/amd64", "linux/am d"]
        {
            assert!(Platform::from_text(wrong).is_err(), "{wrong}");
        }
    }
}
