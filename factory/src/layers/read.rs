//! From an image's name to its layers, without pulling any.

use llb_gen::model::Platform;

use super::document::{platform_of, with_history};
use super::{Image, Layer};
use crate::exit::{Error, Result};
use crate::images::{Store, for_platform};
use crate::registry::{Document, Fault, Manifest};

/// Indexes of indexes are followed this far.
const DEEPEST: usize = 4;
/// What a config may come to.
const LONGEST_CONFIG: u64 = 8 << 20;

/// Reads an image's layers. `wanted` is the platform that was asked for; without it an index gives the host's image.
///
/// # Errors
/// There is no such image, or none for the platform, or it cannot be read.
pub fn read(name: &str, store: &dyn Store, wanted: Option<&Platform>, host: &Platform) -> Result<Image> {
    let image = resolve(store, wanted, host).map_err(|fault| named(name, fault.into()));
    image.map(|image| Image { name: name.to_owned(), ..image })
}

/// The error, with the image that it is about.
pub(crate) fn named(name: &str, error: Error) -> Error {
    let of = |what: String| format!("{name}: {what}");
    match error {
        Error::Usage(what) => Error::Usage(of(what)),
        Error::NotFound(what) => Error::NotFound(of(what)),
        Error::CouldNotLook(what) => Error::CouldNotLook(of(what)),
        Error::NotGenuine(what) => Error::NotGenuine(of(what)),
        other => other,
    }
}

fn resolve(store: &dyn Store, wanted: Option<&Platform>, host: &Platform) -> Result<Image, Fault> {
    let refused = |what: String| Fault::Missing(format!("image to read: it {what}"));
    let mut found = store.root()?;
    let mut platform: Option<Platform> = None;
    for _ in 0..DEEPEST {
        match found.document()? {
            Document::Manifest(manifest) => {
                return image(store, found.descriptor.digest, platform, wanted, &manifest);
            }
            Document::Index(index) => {
                let entry = for_platform(&index, wanted.unwrap_or(host)).map_err(refused)?;
                platform = entry.platform.as_ref().and_then(|parts| parts.platform()).or(platform);
                found = store.needed(&entry.digest)?;
            }
        }
    }
    Err(Fault::not_genuine("the image", format!("nests indexes more than {DEEPEST} deep")))
}

fn image(
    store: &dyn Store,
    digest: String,
    platform: Option<Platform>,
    wanted: Option<&Platform>,
    manifest: &Manifest,
) -> Result<Image, Fault> {
    let config = store.blob(&manifest.config, LONGEST_CONFIG)?.unwrap_or_default();
    let platform = platform.or_else(|| platform_of(&config));
    if let (Some(actual), Some(wanted)) = (&platform, wanted)
        && actual != wanted
    {
        return Err(Fault::Missing(format!("image for {wanted}: it is one for {actual}")));
    }
    let layers: Vec<Layer> = with_history(&manifest.layers, &config);
    Ok(Image { name: String::new(), platform: platform.map(|one| one.to_string()), digest, layers })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::images::{Blobs, layout};
    use crate::registry::media;

    #[test]
    fn an_index_gives_the_image_of_a_platform() {
        let folder = tempfile::tempdir().unwrap();
        let mut blobs = Blobs::default();
        let images = [blobs.image("amd64", "0123456789"), blobs.image("arm64", "x")];
        let attested = json!({"mediaType": media::MANIFEST, "digest": images[0]["digest"], "size": 1,
            "platform": {"os": "unknown", "architecture": "unknown"}});
        let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": [images[0], images[1], attested]});
        let index = blobs.json(media::INDEX, &index);
        blobs.write(folder.path(), &json!([index]));
        let store = layout(folder.path());
        let host: Platform = "linux/amd64".parse().unwrap();
        let of = |platform: Option<&str>| {
            let platform = platform.map(|one| one.parse().unwrap());
            read("it", &*store, platform.as_ref(), &host)
        };
        let found = of(None).unwrap();
        assert_eq!((found.platform.as_deref(), found.size()), (Some("linux/amd64"), 10));
        assert_eq!(found.layers[0].created_by.as_deref(), Some("[core 1.0.0] x"));
        assert_eq!(of(Some("linux/arm64")).unwrap().size(), 1);
        let missing = of(Some("linux/s390x")).unwrap_err();
        let expected = "has no image for linux/s390x (platforms that it has: linux/amd64, linux/arm64)";
        assert!(matches!(&missing, Error::NotFound(what) if what.contains(expected)), "{missing}");
    }
}
