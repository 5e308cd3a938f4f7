//! `apt` and `pip` as written.

use crate::model::step::Installer;
use crate::model::{
    AptPackage, Digest, FragmentPath, HttpUrl, ImagePath, List, PerPlatform, Requirement, SecretId, Snapshot,
    Value,
};
use crate::parse::decode::keywords;
use crate::parse::object::object;
use crate::text::Located;

object! {
    /// Installs Debian packages, with a locked cache that really works, and leaves no lists, logs or caches behind.
    RawApt {
        /// Packages: `name`, `name=version`, `name:arch` or `name/release`.
        "install" install: List<AptPackage>,
        /// Upgrade what is installed first; no by default.
        "upgrade" upgrade: Option<PerPlatform<bool>>,
        /// Install recommended packages too; no by default.
        "recommends" recommends: Option<PerPlatform<bool>>,
        /// Further sources of packages; they stay configured in the image.
        "sources" sources: Option<Vec<RawAptSource>>,
        /// Install from the snapshot archive as it was at this moment.
        "snapshot" snapshot: Option<Value<Snapshot>>,
        /// Packages that stay at their version from here on.
        "hold" hold: List<AptPackage>,
    }
}

object! {
    /// A source of packages in deb822 form, trusted by its own key alone.
    RawAptSource {
        /// The name of its file below `/etc/apt/sources.list.d`, without the ending.
        "name" name: Located<String>,
        /// The archive's address.
        "uris" uris: List<HttpUrl>,
        /// Suites such as `bookworm`, or an exact path with a slash at its end.
        "suites" suites: List<String>,
        /// Components such as `main`.
        "components" components: List<String>,
        /// Architectures; the image's own by default.
        "architectures" architectures: List<String>,
        /// The key that signs the archive.
        "key" key: RawAptKey,
    }
}

object! {
    /// The key of an archive: a file of the fragment, or a download with its checksum.
    RawAptKey {
        /// A file of the fragment, ASCII-armoured or binary.
        "file" file: Option<Value<FragmentPath>>,
        /// The address of a download.
        "url" url: Option<Value<HttpUrl>>,
        /// What the download must be; needed with `url`.
        "checksum" checksum: Option<Value<Digest>>,
    }
}

object! {
    /// Installs Python packages. Exactly one of `venv`, `system` and `target` says where; the venv `/opt/venv` by default.
    RawPip {
        /// Requirements files of the fragment; files that they name by `-r` and `-c` are found too.
        "requirements" requirements: List<FragmentPath>,
        /// Requirements written here, such as `numpy==1.26.4`.
        "packages" packages: List<Requirement>,
        /// Constraints files of the fragment.
        "constraints" constraints: List<FragmentPath>,
        /// A virtual environment, made where it does not exist.
        "venv" venv: Option<Value<ImagePath>>,
        /// Install among the interpreter's own packages.
        "system" system: Option<Located<bool>>,
        /// Install into this folder.
        "target" target: Option<Value<ImagePath>>,
        /// The interpreter: a command or a path; `python3` by default.
        "python" python: Option<Value<String>>,
        /// The package index instead of PyPI.
        "index" index: Option<Value<HttpUrl>>,
        /// Indexes that are asked besides.
        "extra_indexes" extra_indexes: List<HttpUrl>,
        /// The id of a build secret that holds the index's address with its credentials. It appears in no layer,
        /// history, log or provenance.
        "index_secret" index_secret: Option<Value<SecretId>>,
        /// Which program installs; `pip` by default.
        "installer" installer: Option<PerPlatform<Installer>>,
        /// Compile modules to bytecode; no by default.
        "compile" compile: Option<PerPlatform<bool>>,
        /// Refuse requirements without hashes; no by default.
        "require_hashes" require_hashes: Option<PerPlatform<bool>>,
        /// Install no dependencies; no by default.
        "no_deps" no_deps: Option<PerPlatform<bool>>,
    }
}

keywords!(Installer, "`pip` or `uv`" {
    /// The interpreter's own pip.
    "pip" => Installer::Pip,
    /// uv from PyPI, in a pinned version; faster.
    "uv" => Installer::Uv,
});
