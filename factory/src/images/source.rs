//! How images are named.

use std::path::PathBuf;
use std::str::FromStr;

use llb_gen::model::ImageRef;

use crate::exit::{Error, Result};

/// An image by the place that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `oci:PATH[:TAG|@DIGEST]`: an OCI layout, as a folder or a tar file.
    Oci(String),
    /// `docker:NAME`: an image of the engine's own store.
    Local(ImageRef),
    /// `registry:NAME`: an image of a registry.
    Registry(ImageRef),
    /// A plain name: the engine's own image where it has one, else the registry's.
    Named(ImageRef),
}

impl FromStr for Source {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let reference = |name: &str| {
            name.parse().map_err(|fault| Error::Usage(format!("{name:?} is no image reference: {fault}")))
        };
        match text.split_once(':') {
            Some(("oci", path)) if !path.is_empty() => Ok(Self::Oci(path.to_owned())),
            Some(("oci", _)) => Err(Error::Usage("`oci:` is followed by the path of a layout".to_owned())),
            Some(("docker", name)) => reference(name).map(Self::Local),
            Some(("registry", name)) => reference(name).map(Self::Registry),
            _ => reference(text).map(Self::Named),
        }
    }
}

/// As it is written.
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Oci(path) => write!(f, "oci:{path}"),
            Self::Local(reference) => write!(f, "docker:{}", reference.familiar()),
            Self::Registry(reference) => write!(f, "registry:{}", reference.familiar()),
            Self::Named(reference) => f.write_str(&reference.familiar()),
        }
    }
}

/// The path of a layout and what of it is meant, `PATH[:TAG|@DIGEST]`. A path that is there is meant as a whole.
pub(super) fn path_and_name(text: &str) -> (PathBuf, Option<String>) {
    let whole = PathBuf::from(text);
    let split = text.split_once('@').or_else(|| text.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')));
    match split {
        Some((path, name)) if !whole.exists() => (PathBuf::from(path), Some(name.to_owned())),
        _ => (whole, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_says_where_an_image_is() {
        let of = |text: &str| text.parse::<Source>();
        assert_eq!(of("oci:out/app.tar").unwrap(), Source::Oci("out/app.tar".into()));
        assert!(matches!(of("docker:app:dev").unwrap(), Source::Local(_)));
        assert!(matches!(of("registry:127.0.0.1:5000/app:dev").unwrap(), Source::Registry(_)));
        assert!(matches!(of("127.0.0.1:5000/app:dev").unwrap(), Source::Named(_)));
        for wrong in ["oci:", "App", "docker:"] {
            assert!(matches!(of(wrong), Err(Error::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn a_layout_may_be_followed_by_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a:b");
        std::fs::create_dir(&path).unwrap();
        let text = path.to_string_lossy();
        assert_eq!(path_and_name(&text), (path.clone(), None));
        assert_eq!(path_and_name(&format!("{text}:dev")), (path.clone(), Some("dev".into())));
        let digest = format!("{text}@sha256:ab");
        assert_eq!(path_and_name(&digest), (path, Some("sha256:ab".into())));
    }
}
