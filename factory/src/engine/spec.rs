//! Which engine is wanted.

use std::fmt;
use std::str::FromStr;

use super::places::Places;
use crate::exit::{Error, Result};

/// The engine's name: lower-case letters, digits and hyphens, at most 24 characters, so that socket paths stay
/// under the 108 bytes that a Unix socket address holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EngineName(String);

impl EngineName {
    /// The name of the engine that shares the machine's own network.
    pub const DEFAULT: &'static str = "default";

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the engine in the machine's own network namespace.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0 == Self::DEFAULT
    }
}

impl Default for EngineName {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EngineName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fits = (1..=24).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-');
        if fits {
            return Ok(Self(text.to_owned()));
        }
        let rule = "lower-case letters, digits and hyphens, at most 24, not starting with a hyphen";
        Err(Error::Usage(format!("engine name {text:?}: expected {rule}")))
    }
}

/// The packages that make a Debian root an engine, the same in every suite here.
pub(crate) const ENGINE_PACKAGES: &[&str] = &[
    "ca-certificates",
    "docker.io",
    "docker-cli",
    "docker-buildx",
    "docker-registry",
    "iptables",
    "nftables",
    "iproute2",
    "git",
    "xz-utils",
];

/// A Debian suite that carries a usable Docker Engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Suite {
    /// The suite used by default (Docker 28.5, BuildKit 0.25, buildx 0.29).
    Forky,
    /// The oldest supported engine (Docker 26.1, BuildKit 0.13).
    Trixie,
}

impl Suite {
    /// The suite of engines whose suite nobody named.
    pub const DEFAULT: Self = Self::Forky;

    /// The suite's name in a Debian archive.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forky => "forky",
            Self::Trixie => "trixie",
        }
    }

    /// The suite to use when this one cannot be bootstrapped.
    pub(crate) fn fallback(self) -> Option<Self> {
        match self {
            Self::Forky => Some(Self::Trixie),
            Self::Trixie => None,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Suite {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "forky" => Ok(Self::Forky),
            "trixie" => Ok(Self::Trixie),
            _ => Err(Error::Usage(format!("suite {text:?}: expected forky or trixie"))),
        }
    }
}

/// Where a managed engine keeps its images, which decides what its builds can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ImageStore {
    /// containerd's: merge and diff, attestations, images for several platforms.
    #[default]
    Containerd,
    /// Docker's older one, the default of releases before 29: none of these.
    GraphDriver,
}

/// Which engine to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSpec {
    /// The managed engine's name; anything but `default` is always a managed engine with a network of its own.
    pub name: EngineName,
    /// The Debian suite that a managed engine is made of; none takes a running one as it is and makes a new one of
    /// [`Suite::DEFAULT`].
    pub suite: Option<Suite>,
    /// Use a managed engine even where another one answers.
    pub managed_only: bool,
    /// The image store of an engine that is started; one that runs already keeps its own.
    pub image_store: ImageStore,
    /// Where state and caches lie.
    pub places: Places,
}

impl EngineSpec {
    /// The variable that names the engine where no option does.
    pub const VARIABLE: &'static str = "FACTORY_ENGINE";

    /// The engine of this name: by the default name one that is there, else a managed forky engine; by any other a managed one
    /// alone.
    #[must_use]
    pub fn of(name: EngineName) -> Self {
        Self {
            managed_only: !name.is_default(),
            name,
            suite: None,
            image_store: ImageStore::default(),
            places: Places::from_environment(),
        }
    }

    /// The engine that `FACTORY_ENGINE` names, else the one of the default name.
    ///
    /// # Errors
    /// The variable holds no name of an engine.
    pub fn from_environment() -> Result<Self> {
        let named = std::env::var(Self::VARIABLE).ok().filter(|name| !name.is_empty());
        Ok(Self::of(named.map(|name| name.parse()).transpose()?.unwrap_or_default()))
    }

    /// A managed engine of its own name and suite, with its own network namespace.
    #[must_use]
    pub fn named(name: EngineName, suite: Suite) -> Self {
        Self { suite: Some(suite), managed_only: true, ..Self::of(name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["default", "second", "e2e-1", "0"] {
            assert_eq!(good.parse::<EngineName>().unwrap().as_str(), good);
        }
        for bad in ["", "Second", "a/b", "..", "-x", "a b", &"x".repeat(25)] {
            assert!(bad.parse::<EngineName>().is_err(), "{bad:?} was accepted");
        }
    }
}
