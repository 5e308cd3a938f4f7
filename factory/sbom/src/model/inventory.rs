//! Everything that was found in one root.

use super::package::Package;
use crate::limits;
use crate::root::{Problem, Root};

/// What the operating system says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct System {
    /// `ID` of os-release, like `debian`; empty where there is none.
    pub id: String,
    /// `VERSION_ID`, or the point release where the system has a better word: `12.15`.
    pub version: String,
    /// `VERSION_CODENAME`.
    pub codename: String,
    /// `ID_LIKE`.
    pub like: Vec<String>,
    /// `PRETTY_NAME`.
    pub pretty: String,
    /// `CPE_NAME`.
    pub cpe: String,
    /// `HOME_URL`.
    pub homepage: String,
}

impl System {
    /// The `distro` qualifier of package URLs, like `debian-12.15`.
    #[must_use]
    pub fn distro(&self) -> Option<String> {
        match (self.id.as_str(), self.version.as_str()) {
            ("", _) => None,
            (id, "") => Some(id.to_owned()),
            (id, version) => Some(format!("{id}-{version}")),
        }
    }
}

/// Something that could not be read, or not wholly. It stands in the document, so that nobody takes it for complete.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// Where, below the root; lossily decoded.
    pub path: String,
    /// Which cataloger says so.
    pub cataloger: &'static str,
    /// What is wrong, and what is missing because of it.
    pub message: String,
}

/// Everything that was found in one root.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The operating system.
    pub system: System,
    packages: Vec<Package>,
    warnings: Vec<Warning>,
    unsaid: usize,
    owned_files: usize,
}

impl Inventory {
    /// Adds a package. Words that are longer than [`limits::WORD`] or empty names are refused with a warning.
    pub fn add(&mut self, package: Package) {
        let place = package.evidence.first().cloned().unwrap_or_default();
        if package.name.is_empty()
            || package.name.len() > limits::WORD
            || package.version.len() > limits::WORD
        {
            let what = format!("a name of {} bytes is not a package's", package.name.len());
            self.warn(package.cataloger, &place, what);
            return;
        }
        if self.packages.len() >= limits::PACKAGES {
            let what = format!("more than {} packages: those from here on are left out", limits::PACKAGES);
            self.warn_once(package.cataloger, b"", what);
            return;
        }
        let mut package = package;
        self.owned_files += package.files.len();
        if self.owned_files > limits::OWNED_FILES {
            package.files = Vec::new();
            let what = format!(
                "packages own more than {} files: from here on without their files",
                limits::OWNED_FILES
            );
            self.warn_once(package.cataloger, b"", what);
        }
        self.packages.push(package);
    }

    /// Says that something could not be read.
    pub fn warn(&mut self, cataloger: &'static str, path: &[u8], message: impl Into<String>) {
        if self.warnings.len() >= limits::WARNINGS {
            self.unsaid += 1;
            return;
        }
        let path = String::from_utf8_lossy(path).into_owned();
        self.warnings.push(Warning { path, cataloger, message: message.into() });
    }

    /// The same warning a second time is none.
    pub fn warn_once(&mut self, cataloger: &'static str, path: &[u8], message: String) {
        let known = String::from_utf8_lossy(path);
        if !self.warnings.iter().any(|old| old.message == message && old.path == known) {
            self.warn(cataloger, path, message);
        }
    }

    /// Reads a whole file below the root. That it is not there is no fault: none, and no warning.
    pub fn read(&mut self, root: &Root, cataloger: &'static str, path: &[u8], limit: u64) -> Option<Vec<u8>> {
        match root.read(path, limit) {
            Ok(bytes) => Some(bytes),
            Err(Problem::Missing) => None,
            Err(problem) => {
                self.warn(cataloger, path, format!("cannot be read, so what it says is missing: {problem}"));
                None
            }
        }
    }

    /// All packages, in the order in which they were found.
    #[must_use]
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// All packages, to be changed.
    pub fn packages_mut(&mut self) -> &mut Vec<Package> {
        &mut self.packages
    }

    /// What could not be read.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// How many warnings there were beyond [`limits::WARNINGS`].
    #[must_use]
    pub fn unsaid(&self) -> usize {
        self.unsaid
    }
}
