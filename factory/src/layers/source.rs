//! Where an image is read from, and the way from its name to its layers.

use std::path::PathBuf;
use std::str::FromStr;

use llb_gen::model::{ImageRef, Platform};

use super::document::{Document, for_platform, platform_of, with_history};
use super::engine::{LocalImage, RegistryImage};
use super::oci::Layout;
use super::{Image, Layer};
use crate::engine::EngineHandle;
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

impl Source {
    /// Whether an engine is needed to read it.
    #[must_use]
    pub fn needs_engine(&self) -> bool {
        !matches!(self, Self::Oci(_))
    }
}

/// What has indexes, manifests and configs by their digests.
pub(super) trait Blobs {
    /// The index or manifest that everything begins at.
    fn root(&self) -> Result<(String, String)>;

    /// Another index or manifest.
    fn document(&self, digest: &str) -> Result<String>;

    /// The config of the image with this manifest; nothing where it cannot be had, which leaves only the history out.
    fn config(&self, manifest: &str, config: &str) -> Option<String>;
}

/// Reads an image's layers. `wanted` is the platform that was asked for; without it an index gives the host's image.
///
/// # Errors
/// There is no such image, or none for the platform, or it cannot be read.
pub fn read(
    name: &str,
    source: &Source,
    wanted: Option<&Platform>,
    host: &Platform,
    engine: Option<&EngineHandle>,
) -> Result<Image> {
    let engine =
        || engine.ok_or_else(|| Error::engine("no engine answers: bring one up with `factory engine up`"));
    let image = match source {
        Source::Oci(path) => resolve(&Layout::open(path)?, wanted, host),
        Source::Local(reference) => resolve(&LocalImage::open(engine()?, reference)?, wanted, host),
        Source::Registry(reference) => resolve(&RegistryImage::new(engine()?, reference), wanted, host),
        Source::Named(reference) if LocalImage::exists(engine()?, reference)? => {
            resolve(&LocalImage::open(engine()?, reference)?, wanted, host)
        }
        Source::Named(reference) => resolve(&RegistryImage::new(engine()?, reference), wanted, host),
    };
    let named = |fault: Error| match fault {
        Error::Usage(what) => Error::Usage(format!("{name}: {what}")),
        other => other,
    };
    image.map(|image| Image { name: name.to_owned(), ..image }).map_err(named)
}

/// Indexes of indexes are followed this far.
const DEEPEST: usize = 4;

fn resolve(blobs: &impl Blobs, wanted: Option<&Platform>, host: &Platform) -> Result<Image> {
    let refused = |what: String| Error::Usage(format!("it {what}"));
    let (mut digest, mut json) = blobs.root()?;
    let mut platform: Option<Platform> = None;
    for _ in 0..DEEPEST {
        match Document::parse(&json).map_err(refused)? {
            Document::Manifest { config, layers } => {
                return image(blobs, digest, platform, wanted, &config, layers);
            }
            Document::Index(entries) => {
                let entry = for_platform(&entries, wanted.unwrap_or(host)).map_err(refused)?;
                platform = entry.platform.clone().or(platform);
                digest.clone_from(&entry.digest);
                json = blobs.document(&digest)?;
            }
        }
    }
    Err(refused(format!("nests indexes more than {DEEPEST} deep")))
}

fn image(
    blobs: &impl Blobs,
    digest: String,
    platform: Option<Platform>,
    wanted: Option<&Platform>,
    config: &str,
    layers: Vec<Layer>,
) -> Result<Image> {
    let config = blobs.config(&digest, config).unwrap_or_default();
    let platform = platform.or_else(|| platform_of(&config));
    if let (Some(actual), Some(wanted)) = (&platform, wanted)
        && actual != wanted
    {
        return Err(Error::Usage(format!("it is an image for {actual}, not for {wanted}")));
    }
    let layers = with_history(layers, &config);
    Ok(Image { name: String::new(), platform: platform.map(|one| one.to_string()), digest, layers })
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
