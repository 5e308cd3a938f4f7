//! From an image's name to the images of its platforms, with what is attested of each.

use llb_gen::model::Platform;

use super::store::Store;
use crate::registry::{self, Descriptor, Document, Entry, Fault, Found, Index, Manifest};

/// Indexes of indexes are followed this far.
const DEEPEST: usize = 4;
/// What a config may come to.
const LONGEST_CONFIG: u64 = 8 << 20;

/// What an image's name leads to, with the images of all its platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platforms {
    /// The index, or the one image's manifest.
    pub root: Found,
    /// The images, in the order of the index.
    pub images: Vec<PlatformImage>,
    /// Images that the index lists and nobody has: copies of a part of an index have such.
    pub missing: Vec<Descriptor>,
}

/// The image of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformImage {
    /// What the index says, or the config.
    pub platform: Option<Platform>,
    /// Its manifest: media type, digest, size.
    pub descriptor: Descriptor,
    /// What the manifest says.
    pub manifest: Manifest,
    /// The manifests with what is attested of it, as the index lists them.
    pub attestations: Vec<Descriptor>,
}

impl Platforms {
    /// Reads the index of an image and the manifests of its platforms, or of the one that is wanted.
    ///
    /// # Errors
    /// As [`Store`]; there is no image for the platform; an attestation is about an image that is not there.
    pub fn read(store: &dyn Store, wanted: Option<&Platform>) -> registry::Result<Self> {
        let root = store.root()?;
        let (mut images, mut missing) = (Vec::new(), Vec::new());
        match root.document()? {
            Document::Manifest(manifest) => {
                images.push(single(store, &root, manifest, None)?);
            }
            Document::Index(index) => collect(store, &index, DEEPEST, &mut images, &mut missing)?,
        }
        if let Some(wanted) = wanted {
            let known: Vec<String> =
                images.iter().filter_map(|one| one.platform.as_ref()).map(ToString::to_string).collect();
            images.retain(|one| one.platform.as_ref() == Some(wanted));
            if images.is_empty() {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Fault::Missing(format!("image for {wanted} (platforms that it has: {known})")));
            }
        }
        Ok(Self { root, images, missing })
    }

    /// The digest of what the name leads to.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.root.digest()
    }

    /// Whether the name leads to an index.
    #[must_use]
    pub fn is_index(&self) -> bool {
        !self.images.iter().any(|one| one.descriptor.digest == self.root.digest())
    }
}

fn collect(
    store: &dyn Store,
    index: &Index,
    deepest: usize,
    into: &mut Vec<PlatformImage>,
    missing: &mut Vec<Descriptor>,
) -> registry::Result<()> {
    if deepest == 0 {
        return Err(Fault::not_genuine("the image", format!("nests indexes more than {DEEPEST} deep")));
    }
    let first = into.len();
    for entry in index.entries() {
        let Entry::Image(descriptor) = entry else { continue };
        let Some(found) = store.manifest(&descriptor.digest)? else {
            missing.push(descriptor.clone());
            continue;
        };
        match found.document()? {
            Document::Index(index) => collect(store, &index, deepest - 1, into, missing)?,
            Document::Manifest(manifest) => {
                into.push(single(
                    store,
                    &found,
                    manifest,
                    descriptor.platform.as_ref().and_then(|one| one.platform()),
                )?);
            }
        }
    }
    for entry in index.entries() {
        let Entry::Attestation { descriptor, about } = entry else { continue };
        match into[first..].iter_mut().find(|image| image.descriptor.digest == about) {
            Some(image) => image.attestations.push(descriptor.clone()),
            None if missing.iter().any(|one| one.digest == about) => {}
            None => {
                let what = format!("the attestation {}", descriptor.digest);
                return Err(Fault::not_genuine(
                    what,
                    format!("is about {about}, which the index does not list"),
                ));
            }
        }
    }
    Ok(())
}

fn single(
    store: &dyn Store,
    found: &Found,
    manifest: Manifest,
    platform: Option<Platform>,
) -> registry::Result<PlatformImage> {
    let platform = match platform {
        Some(platform) => Some(platform),
        None => {
            let config = store.blob(&manifest.config, LONGEST_CONFIG)?.unwrap_or_default();
            crate::layers::platform_of(&config)
        }
    };
    Ok(PlatformImage { platform, descriptor: found.descriptor.clone(), manifest, attestations: Vec::new() })
}

/// The image of an index for a platform.
///
/// # Errors
/// There is none, or several fit; with what there is, as a lower-case fragment.
pub fn for_platform<'e>(index: &'e Index, wanted: &Platform) -> Result<&'e Descriptor, String> {
    let platform = |one: &Descriptor| one.platform.as_ref().and_then(|parts| parts.platform());
    let images: Vec<&Descriptor> = index
        .entries()
        .filter_map(|entry| match entry {
            Entry::Image(descriptor) => Some(descriptor),
            Entry::Attestation { .. } | Entry::Other(_) => None,
        })
        .collect();
    if let [only] = images[..]
        && platform(only).is_none()
    {
        return Ok(only);
    }
    let mut fitting = images.iter().filter(|entry| platform(entry).as_ref() == Some(wanted));
    match (fitting.next(), fitting.next()) {
        (Some(entry), None) => Ok(entry),
        (Some(_), Some(_)) => {
            Err(format!("holds several images for {wanted}; name one by its tag or digest"))
        }
        (None, _) => {
            let known: Vec<String> =
                images.iter().filter_map(|one| platform(one)).map(|one| one.to_string()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(format!("has no image for {wanted} (platforms that it has: {known})"))
        }
    }
}
