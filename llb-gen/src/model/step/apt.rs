//! The `apt` step.

use crate::model::digest::Digest;
use crate::model::package::AptPackage;
use crate::model::path::FragmentPath;
use crate::model::snapshot::Snapshot;
use crate::model::source_url::HttpUrl;
use crate::model::value::{List, PerPlatform, Value};
use crate::text::{Located, Place};

/// `apt`: Debian packages. At least one of `install`, `upgrade`, `sources` and `hold` is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apt {
    /// Packages to install.
    pub install: List<AptPackage>,
    /// Upgrade what is installed first.
    pub upgrade: PerPlatform<bool>,
    /// Install recommended packages too; off by default.
    pub recommends: PerPlatform<bool>,
    /// Further sources, kept in the image.
    pub sources: Vec<AptSource>,
    /// The moment of the snapshot archive to install from.
    pub snapshot: Option<Value<Snapshot>>,
    /// Packages to hold at their version afterwards.
    pub hold: List<AptPackage>,
}

/// A source of packages, written as a deb822 file signed by its own key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AptSource {
    /// The stem of the `.sources` file and of the key's file. Unique in its step.
    pub name: Located<String>,
    /// Archive roots; never empty.
    pub uris: List<HttpUrl>,
    /// Suites such as `bookworm`, or an exact path that ends with a slash; never empty.
    pub suites: List<String>,
    /// Components such as `main`; empty only with exact paths.
    pub components: List<String>,
    /// Architectures; the image's own by default.
    pub architectures: List<String>,
    /// The key that signs the archive.
    pub key: AptKey,
    /// The source's object.
    pub place: Place,
}

/// The key of a source, ASCII-armoured or binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AptKey {
    /// A file of the fragment.
    File(Value<FragmentPath>),
    /// A download with its checksum.
    Url {
        /// The address.
        url: Value<HttpUrl>,
        /// What the download must be.
        checksum: Value<Digest>,
    },
}
