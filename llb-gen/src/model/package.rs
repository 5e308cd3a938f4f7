//! What `apt` and `pip` install.

use super::text_value::{Invalid, TextValue, checked_text, quoted};

checked_text!(
    /// A Debian package to install: `name`, `name=version`, `name:arch`, `name:arch=version` or `name/release`.
    AptPackage
);
checked_text!(
    /// A Python requirement (PEP 508): `name`, `name[extra]>=1,<2`, `name @ https://…`, with an optional marker.
    Requirement
);

impl AptPackage {
    /// The package's name alone.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split(['=', ':', '/']).next().unwrap_or_default()
    }
}

impl TextValue for AptPackage {
    const WHAT: &'static str = "a package";
    const FORM: &'static str = "`name`, `name=version`, `name:arch` or `name/release`";
    const PATTERN: &'static str = "^[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?([=/][A-Za-z0-9.+~:*-]+)?$";
    const EXAMPLES: &'static [&'static str] = &["curl", "python3=3.11.2-1+b1"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let (name, pin) = match text.split_once(['=', '/']) {
            Some((name, pin)) => (name, Some(pin)),
            None => (text, None),
        };
        let (name, arch) = match name.split_once(':') {
            Some((name, arch)) => (name, Some(arch)),
            None => (name, None),
        };
        let arch_fits =
            arch.is_none_or(|arch| fits(arch, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        let pin_fits = pin.is_none_or(|pin| fits(pin, |c| c.is_ascii_alphanumeric() || ".+~:-*".contains(c)));
        if debian_name(name) && arch_fits && pin_fits {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(format!("{} is not a package", quoted(text))))
    }
}

fn fits(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(allowed)
}

/// Debian policy 5.6.7. apt reads a `-` or `+` at the end as "remove" or "install"; neither can slip through here.
fn debian_name(name: &str) -> bool {
    let edge = name.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inner = fits(name, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+.-".contains(c));
    edge && inner && !name.ends_with('-')
}

impl TextValue for Requirement {
    const WHAT: &'static str = "a Python requirement";
    const FORM: &'static str =
        "a PEP 508 requirement such as \"numpy==1.26.4\" or \"uvicorn[standard]>=0.29\"";
    const EXAMPLES: &'static [&'static str] = &["numpy==1.26.4", "uvicorn[standard]>=0.29,<1"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let wrong = |reason: &str| Invalid::new(format!("{} is not a requirement: {reason}", quoted(text)));
        if text.chars().any(char::is_control) {
            return Err(wrong("it holds a control character"));
        }
        let name_end =
            text.find(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c)).unwrap_or(text.len());
        let (name, rest) = text.split_at(name_end);
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if !edge(name.chars().next()) || !edge(name.chars().next_back()) {
            return Err(wrong("it does not begin with the name of a package"));
        }
        let rest = extras(rest.trim_start()).ok_or_else(|| wrong("its extras are malformed"))?.trim_start();
        let (rest, marker) = rest.split_once(';').map_or((rest, None), |(rest, marker)| (rest, Some(marker)));
        if marker.is_some_and(|marker| marker.trim().is_empty()) {
            return Err(wrong("its marker is empty"));
        }
        let address = rest.trim_start().strip_prefix('@').is_some_and(|url| url.contains(':'));
        match address || rest.trim().is_empty() || specifiers(rest) {
            true => Ok(Self(text.to_owned())),
            false => Err(wrong("its version is malformed")),
        }
    }
}

/// What follows `[extra, other]`, or the text itself where it has no extras.
fn extras(text: &str) -> Option<&str> {
    let Some(inner) = text.strip_prefix('[') else { return Some(text) };
    let (names, rest) = inner.split_once(']')?;
    let word = |name: &str| fits(name.trim(), |c| c.is_ascii_alphanumeric() || "._-".contains(c));
    names.split(',').all(word).then_some(rest)
}

/// `==1.0, <2` with or without parentheses.
fn specifiers(text: &str) -> bool {
    let text = text.trim();
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text);
    inner.split(',').all(|one| {
        let one = one.trim();
        let operators = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];
        let version = operators.iter().find_map(|operator| one.strip_prefix(operator));
        version.is_some_and(|version| {
            fits(version.trim(), |c| c.is_ascii_alphanumeric() || ".*+!_-".contains(c))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_packages() {
        for right in
            ["curl", "libstdc++6", "g++", "a=1:2.3-4+b1~x", "libc6:i386", "libc6:i386=2", "a/bookworm"]
        {
            assert!(AptPackage::from_text(right).is_ok(), "{right}");
        }
        for wrong in ["", "Curl", "-y", "curl-", "a b", "a=", "a:", "a;b", "$(x)", "--no-x", "a=1 b", "ü"] {
            assert!(AptPackage::from_text(wrong).is_err(), "{wrong}");
        }
        assert_eq!(AptPackage::from_text("libc6:i386=2").unwrap().name(), "libc6");
    }

    #[test]
    fn python_requirements() {
        let right = [
            "numpy",
            "numpy==1.26.4",
            "uvicorn[standard]>=0.29,<1",
            "a ~= 1.0",
            "x @ https://h/x.whl",
            "x (>=1)",
            "torch==2.3.0+cpu",
            "a; python_version < '3.12'",
            "x[a, b]",
        ];
        for text in right {
            assert!(Requirement::from_text(text).is_ok(), "{text}");
        }
        for wrong in [
            "",
            "-r x.txt",
            "--index-url x",
            "a==",
            "a=1",
            "a>=1,,",
            "a[",
            "a[]",
            "a ;",
            "a b",
            "-e .",
            "a\nb",
        ] {
            assert!(Requirement::from_text(wrong).is_err(), "{wrong:?}");
        }
    }
}
