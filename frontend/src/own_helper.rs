//! The helper in the frontend's own image, by its digest: verdicts are comparable where the same helper judged.

use std::path::PathBuf;

use llb_gen::llb::OpDigest;

use crate::failure::Failure;

/// Where the helper lies in the frontend's image, which is the root that the frontend runs in.
const PATH: &str = "/helper";

/// The helper's file, which is read only where its digest is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Helper {
    /// A file.
    At(PathBuf),
    /// A digest that is known already, `sha256:…`.
    Known(String),
}

impl Default for Helper {
    fn default() -> Self {
        Self::At(PathBuf::from(PATH))
    }
}

impl Helper {
    /// The SHA-256 of the file, `sha256:…`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn digest(&self) -> Result<String, Failure> {
        match self {
            Self::Known(digest) => Ok(digest.clone()),
            Self::At(path) => {
                std::fs::read(path).map(|bytes| OpDigest::of(&bytes).to_string()).map_err(|error| {
                    Failure::refused(format!(
                        "the helper `{}` of the frontend's own image cannot be read: {error}",
                        path.display()
                    ))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_when_it_is_needed() {
        let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let digest = Helper::At(own.clone()).digest().unwrap();
        assert_eq!(digest, OpDigest::of(&std::fs::read(own).unwrap()).to_string());
        let error = Helper::At("/nowhere/helper".into()).digest().unwrap_err().to_string();
        assert!(error.starts_with("the helper `/nowhere/helper` of the frontend's own image"), "{error}");
    }
}
