//! Documents of a report, held against what their types say before anybody relies on them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use llb_gen::record::{ErrorRecord, Record, SCHEMA_VERSION};
use serde::de::DeserializeOwned;

use crate::exit::Error;

/// Why a report cannot be taken in or read.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A document is not what its schema says.
    #[error("{}: {what}", file.display())]
    Document {
        /// The document's file.
        file: PathBuf,
        /// What is wrong with it: a lower-case fragment.
        what: String,
    },
    /// The operating system refuses.
    #[error("{}", file.display())]
    Io {
        /// The file or the folder.
        file: PathBuf,
        /// What it says.
        #[source]
        source: io::Error,
    },
}

impl Fault {
    pub(super) fn document(file: &Path, what: impl Into<String>) -> Self {
        Self::Document { file: file.to_owned(), what: what.into() }
    }

    pub(super) fn io(file: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { file: file.to_owned(), source }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let error = Self::Internal(fault.to_string());
        match std::error::Error::source(&fault) {
            Some(cause) => Self::Internal(format!("{error}: {cause}")),
            None => error,
        }
    }
}

/// A document that says which form it has and which build it is of.
pub(crate) trait Document: DeserializeOwned {
    fn schema_version(&self) -> u32;
    fn build_id(&self) -> &str;
    /// What is wrong with it beyond its form.
    fn fault(&self) -> Option<String>;
    /// The name of its file.
    fn file_name(&self) -> String;
}

impl Document for Record {
    fn schema_version(&self) -> u32 {
        self.schema_version
    }

    fn build_id(&self) -> &str {
        &self.build_id
    }

    fn fault(&self) -> Option<String> {
        let image = self.result.image_digest.as_ref().map(|digest| ("image_digest", digest));
        let base = (self.base_digest != "scratch").then_some(("base_digest", &self.base_digest));
        let keys = [("selection_key", &self.selection_key), ("test_hash", &self.test_hash)];
        let fragments = self.fragments.iter().map(|fragment| ("the digest of a fragment", &fragment.digest));
        let mut digests = keys.into_iter().chain(image).chain(base).chain(fragments);
        let wrong = digests.find(|(_, digest)| !is_digest(digest));
        wrong.map(|(what, digest)| format!("{what} is `{digest}`, not `sha256:` and 64 digits"))
    }

    fn file_name(&self) -> String {
        format!("{}.json", self.build_id)
    }
}

impl Document for ErrorRecord {
    fn schema_version(&self) -> u32 {
        self.schema_version
    }

    fn build_id(&self) -> &str {
        &self.build_id
    }

    fn fault(&self) -> Option<String> {
        let lines = self.log_excerpt.len();
        (lines > LONGEST_EXCERPT)
            .then(|| format!("log_excerpt has {lines} lines, more than {LONGEST_EXCERPT}"))
    }

    fn file_name(&self) -> String {
        format!("error-{}.json", self.build_id)
    }
}

/// The most lines that an error record quotes.
pub(crate) const LONGEST_EXCERPT: usize = 40;

fn is_digest(text: &str) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.strip_prefix("sha256:").is_some_and(|digits| digits.len() == 64 && digits.bytes().all(hex))
}

/// Whether a build may be called so: the name is part of paths.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    text.len() <= 200
        && text.bytes().all(plain)
        && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

/// The document in `file`.
pub(super) fn read<D: Document>(file: &Path) -> Result<D, Fault> {
    let bytes = fs::read(file).map_err(Fault::io(file))?;
    let document: D =
        serde_json::from_slice(&bytes).map_err(|fault| Fault::document(file, fault.to_string()))?;
    check(&document).map_err(|what| Fault::document(file, what))?;
    if file.file_name().and_then(|name| name.to_str()) != Some(&document.file_name()) {
        return Err(Fault::document(file, format!("it is of the build {:?}", document.build_id())));
    }
    Ok(document)
}

/// Makes sure that a document is what its type says, wherever it came from.
pub(crate) fn check(document: &impl Document) -> Result<(), String> {
    if document.schema_version() != SCHEMA_VERSION {
        return Err(format!("schema_version {} instead of {SCHEMA_VERSION}", document.schema_version()));
    }
    if !is_name(document.build_id()) {
        return Err(format!("build_id {:?} is no name of a file", document.build_id()));
    }
    document.fault().map_or(Ok(()), Err)
}

/// The document as bytes of a file.
pub(crate) fn bytes(document: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(document)?;
    bytes.push(b'\n');
    Ok(bytes)
}
