//! Documents: SPDX 2.3, bare or as an in-toto statement, and CycloneDX 1.6.

mod cyclonedx;
mod spdx;
mod time;

use sha2::{Digest, Sha256};

use crate::files::Files;
use crate::model::{Ecosystem, Package, Party, Warning};
use crate::settle::{Settled, hex};

pub use cyclonedx::cyclonedx;
pub(crate) use spdx::{FRAGMENT_NOTE, id_of};
pub use spdx::{spdx, statement};
pub use time::date;

/// The program's name in documents.
pub const TOOL: &str = concat!("factory-sbom-", env!("CARGO_PKG_VERSION"));

/// What a document is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The name of what was scanned.
    pub name: String,
    /// Its version; where nobody says one, a digest of what is in it.
    pub version: Option<String>,
    /// Who supplies it.
    pub supplier: Option<String>,
    /// The fragment whose share it is, as `name@version`; none for a whole root filesystem.
    pub fragment: Option<String>,
}

/// Everything that a document says.
#[derive(Debug)]
pub struct Document {
    /// What it is of.
    pub about: About,
    /// Packages and what is between them.
    pub settled: Settled,
    /// Files, where they were asked for.
    pub files: Files,
    /// When: `2025-01-01T00:00:00Z`.
    pub created: String,
    /// Texts of licences and notices of copyright are part of it.
    pub texts: bool,
}

impl Document {
    /// Its name in documents.
    fn name(&self) -> &str {
        if self.about.name.is_empty() { "rootfs" } else { &self.about.name }
    }

    fn version(&self) -> String {
        self.about.version.clone().unwrap_or_else(|| {
            let mut hash = Sha256::new();
            for package in &self.settled.packages {
                hash.update(package.purl.as_bytes());
                hash.update(b"\n");
            }
            let digest = hash.finalize();
            format!("contents-{}", hex(digest.get(..8).unwrap_or_default()))
        })
    }

    fn supplier(&self) -> Party {
        match self.about.supplier.as_deref().and_then(Party::parse) {
            Some(party) => Party { person: false, ..party },
            None => Party::organisation("factory"),
        }
    }

    /// All warnings: of catalogers, of the files, and how many more there were.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let mut all = self.settled.warnings.clone();
        all.extend(self.files.warnings.iter().cloned());
        if self.settled.unsaid > 0 {
            let message = format!("{} more warnings are not listed", self.settled.unsaid);
            all.push(Warning { path: String::new(), cataloger: "sbom", message });
        }
        all
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "{}: {}", self.cataloger, self.message),
            path => write!(f, "{}: {path}: {}", self.cataloger, self.message),
        }
    }
}

/// A path as text: bytes that are no UTF-8 as `\xff`.
fn text_of(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str("\\x");
            text.push_str(&hex(&[*byte]));
        }
    }
    text
}

/// Who distributes a package: as it says, or the place that its kind comes from.
fn supplier_of(package: &Package, system: &str) -> Party {
    let from = match package.ecosystem {
        Ecosystem::Deb | Ecosystem::Apk | Ecosystem::Rpm if !system.is_empty() => system,
        Ecosystem::Deb => "Debian",
        Ecosystem::Apk => "Alpine Linux",
        Ecosystem::Rpm => "an RPM distribution",
        Ecosystem::PyPi => "Python Package Index",
        Ecosystem::Npm => "npm registry",
        Ecosystem::Gem => "RubyGems.org",
        Ecosystem::Golang => "Go module mirror",
        Ecosystem::Cargo => "crates.io",
        Ecosystem::Maven => "Maven Central",
        Ecosystem::Conda => "conda channel",
        Ecosystem::Model => "Hugging Face",
        Ecosystem::Generic => "unknown",
    };
    package.supplier.clone().unwrap_or_else(|| Party::organisation(from))
}

/// A URL that a validator takes as one.
fn url(text: Option<&str>) -> Option<&str> {
    let text = text?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let fits = |c: char| {
        c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' | '[' | ']')
    };
    (!rest.is_empty() && !rest.starts_with(['/', '.', ':']) && rest.chars().all(fits)).then_some(text)
}

/// A UUID that a content has: the same for the same bytes.
fn uuid(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(digest) {
        *to = from;
    }
    // Version 8: made in a way of one's own.
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
    *version = *version & 0x0f | 0x80;
    *variant = *variant & 0x3f | 0x80;
    let text = hex(&bytes);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// A UUID that no content has; it is replaced by [`uuid`] of everything else.
const NO_UUID: &str = "00000000-0000-0000-0000-000000000000";

/// Puts the content's own UUID where [`NO_UUID`] is first.
fn stamp(mut bytes: Vec<u8>) -> Vec<u8> {
    let own = uuid(&bytes);
    let place = bytes.windows(NO_UUID.len()).position(|part| part == NO_UUID.as_bytes());
    if let Some(place) = place.and_then(|at| bytes.get_mut(at..at + NO_UUID.len())) {
        place.copy_from_slice(own.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests;
