//! A package and what belongs to it.

use crate::licence::Licence;

/// Who manages a package; decides where names of dependencies are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ecosystem {
    /// Debian packages.
    Deb,
    /// Alpine's and its relatives'.
    Apk,
    /// RPM packages.
    Rpm,
    /// Python distributions.
    PyPi,
    /// Node modules.
    Npm,
    /// Ruby's gems.
    Gem,
    /// Go modules, inside of a binary.
    Golang,
    /// Rust crates, inside of a binary.
    Cargo,
    /// Java archives.
    Maven,
    /// Conda packages.
    Conda,
    /// Models.
    Model,
    /// Everything else, like a CUDA toolkit without a package manager.
    Generic,
}

impl Ecosystem {
    /// A package manager of the system, or conda, which is one in a folder of its own: it may own files that packages of
    /// others consist of.
    #[must_use]
    pub fn is_system(self) -> bool {
        matches!(self, Self::Deb | Self::Apk | Self::Rpm | Self::Conda)
    }
}

/// A person or organisation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Party {
    /// Whether it is a person; otherwise an organisation.
    pub person: bool,
    /// Its name.
    pub name: String,
    /// Its mail address.
    pub mail: Option<String>,
}

/// What a package is, in SPDX's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// `LIBRARY`, the usual case.
    #[default]
    Library,
    /// `APPLICATION`.
    Application,
    /// `OPERATING_SYSTEM`.
    OperatingSystem,
    /// `FIRMWARE`.
    Firmware,
    /// `SOURCE`.
    Source,
    /// A model: `FILE` in SPDX 2.3, `machine-learning-model` in CycloneDX.
    Model,
    /// `FILE`.
    File,
}

/// A digest that a package manager states.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Checksum {
    /// SPDX's name of the algorithm: `MD5`, `SHA1`, `SHA256`, `SHA512` …
    pub algorithm: &'static str,
    /// Lower-case hexadecimal.
    pub hex: String,
}

/// A file that a package says it brought.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedFile {
    /// Below the root, without a leading slash, as the package manager writes it (so `lib/x` even where `lib` is a link).
    pub path: Vec<u8>,
    /// What the package manager says its content is.
    pub checksum: Option<Checksum>,
    /// A configuration file: it may be changed.
    pub config: bool,
}

impl OwnedFile {
    /// A file without a known content.
    #[must_use]
    pub fn new(path: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), checksum: None, config: false }
    }
}

/// A dependency: satisfied by a package of the same ecosystem and scope that has one of the names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    /// Alternatives, the preferred one first: names, or keys of [`Package::provides`].
    pub names: Vec<String>,
    /// Nothing is missing where it is not there.
    pub optional: bool,
}

impl Requirement {
    /// A requirement of one name.
    #[must_use]
    pub fn of(name: impl Into<String>) -> Self {
        Self { names: vec![name.into()], optional: false }
    }
}

/// The source package that a binary package was made from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its version; may differ from the binary's.
    pub version: String,
    /// Its package URL.
    pub purl: String,
}

/// Something installed. Start from [`Package::new`] and fill in what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Who manages it.
    pub ecosystem: Ecosystem,
    /// Its name, as the ecosystem writes it.
    pub name: String,
    /// Its version, complete (with epoch and revision); empty where nothing says it.
    pub version: String,
    /// Its package URL from [`crate::purl`].
    pub purl: String,
    /// The name of the cataloger that found it.
    pub cataloger: &'static str,
    /// Where it was found, below the root: database or metadata file. The first is the identity of the package where two
    /// have the same purl.
    pub evidence: Vec<Vec<u8>>,
    /// Where names of requirements are looked up. Empty for systems' package managers (one realm); the site directory for
    /// Python; the `node_modules` directory for npm (its parents are searched too); the gem home for Ruby; the binary or archive for Go, Rust and Java.
    pub scope: Vec<u8>,
    /// Names by which requirements may mean it, besides its own name.
    pub provides: Vec<String>,
    /// What it needs.
    pub requires: Vec<Requirement>,
    /// What it brought. Empty where the package manager keeps no list.
    pub files: Vec<OwnedFile>,
    /// The source package.
    pub source: Option<Source>,
    /// Its licence.
    pub licence: Licence,
    /// Its copyright notices, one a line.
    pub copyright: Option<String>,
    /// Who distributes it.
    pub supplier: Option<Party>,
    /// Who wrote it.
    pub originator: Option<Party>,
    /// Its homepage.
    pub homepage: Option<String>,
    /// Where it was downloaded from.
    pub download: Option<String>,
    /// One line on what it is.
    pub summary: Option<String>,
    /// Digests of the package itself.
    pub checksums: Vec<Checksum>,
    /// What it is.
    pub purpose: Purpose,
    /// What a reader should know: an odd state, a vendored copy. Whole sentences without a full stop.
    pub notes: Vec<String>,
    /// It is part of a package of another package manager: flagged, and not counted twice. `settle` fills it in with
    /// that package's purl.
    pub owned_by: Option<String>,
    /// The fragments that brought it, as `name@version`.
    pub fragments: Vec<String>,
}

impl Package {
    /// A package of which only the identity is known.
    #[must_use]
    pub fn new(
        ecosystem: Ecosystem,
        cataloger: &'static str,
        name: impl Into<String>,
        version: impl Into<String>,
        purl: impl Into<String>,
    ) -> Self {
        Self {
            ecosystem,
            name: name.into(),
            version: version.into(),
            purl: purl.into(),
            cataloger,
            evidence: Vec::new(),
            scope: Vec::new(),
            provides: Vec::new(),
            requires: Vec::new(),
            files: Vec::new(),
            source: None,
            licence: Licence::default(),
            copyright: None,
            supplier: None,
            originator: None,
            homepage: None,
            download: None,
            summary: None,
            checksums: Vec::new(),
            purpose: Purpose::default(),
            notes: Vec::new(),
            owned_by: None,
            fragments: Vec::new(),
        }
    }
}
