//! Indexes, manifests and image configs, as the OCI image specification and Docker's older forms have them.

use llb_gen::model::Platform;
use serde::Deserialize;

use super::Layer;

/// What an image's digest leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Document {
    /// Images for several platforms, or of a layout.
    Index(Vec<Entry>),
    /// One image.
    Manifest {
        /// Digest of its config.
        config: String,
        /// Its layers; what made them is not known yet.
        layers: Vec<Layer>,
    },
}

/// An image that an index names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) digest: String,
    pub(crate) platform: Option<Platform>,
    /// The names that a layout has it by: a tag, or the whole reference.
    names: Vec<String>,
}

#[derive(Deserialize)]
struct DocumentJson {
    manifests: Option<Vec<DescriptorJson>>,
    config: Option<DescriptorJson>,
    layers: Option<Vec<DescriptorJson>>,
}

#[derive(Deserialize)]
struct DescriptorJson {
    digest: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
    platform: Option<PlatformJson>,
}

#[derive(Deserialize)]
struct PlatformJson {
    os: String,
    architecture: String,
    #[serde(default)]
    variant: String,
}

impl PlatformJson {
    fn platform(&self) -> Option<Platform> {
        Platform::from_parts(&self.os, &self.architecture, &self.variant).ok()
    }

    /// What attestations stand under.
    fn is_unknown(&self) -> bool {
        self.os == "unknown"
    }
}

impl Document {
    /// Reads an index or a manifest.
    ///
    /// # Errors
    /// Anything else, with what is wrong as a lower-case fragment.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let document: DocumentJson =
            serde_json::from_str(json).map_err(|fault| format!("is no image manifest: {fault}"))?;
        match document {
            DocumentJson { manifests: Some(entries), .. } => {
                Ok(Self::Index(entries.into_iter().filter(is_image).map(entry).collect()))
            }
            DocumentJson { config: Some(config), layers: Some(layers), .. } => {
                let layer =
                    |one: DescriptorJson| Layer { digest: one.digest, size: one.size, created_by: None };
                Ok(Self::Manifest { config: config.digest, layers: layers.into_iter().map(layer).collect() })
            }
            _ => Err("is neither an image index nor an image manifest".to_owned()),
        }
    }
}

/// Attestations are listed beside images and are none.
fn is_image(entry: &DescriptorJson) -> bool {
    !entry.annotations.contains_key("vnd.docker.reference.type")
        && !entry.platform.as_ref().is_some_and(PlatformJson::is_unknown)
}

fn entry(one: DescriptorJson) -> Entry {
    const NAMES: [&str; 2] = ["org.opencontainers.image.ref.name", "io.containerd.image.name"];
    let names = NAMES.iter().filter_map(|key| one.annotations.get(*key).cloned()).collect();
    Entry { platform: one.platform.and_then(|platform| platform.platform()), digest: one.digest, names }
}

/// The image for a platform.
///
/// # Errors
/// There is none, or several fit; with what there is.
pub(crate) fn for_platform<'e>(entries: &'e [Entry], wanted: &Platform) -> Result<&'e Entry, String> {
    if let [only] = entries
        && only.platform.is_none()
    {
        return Ok(only);
    }
    let mut fitting = entries.iter().filter(|entry| entry.platform.as_ref() == Some(wanted));
    match (fitting.next(), fitting.next()) {
        (Some(entry), None) => Ok(entry),
        (Some(_), Some(_)) => {
            Err(format!("holds several images for {wanted}; name one by its tag or digest"))
        }
        (None, _) => {
            let known = entries.iter().filter_map(|one| one.platform.as_ref()).map(ToString::to_string);
            let known: Vec<String> = known.collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(format!("has no image for {wanted} (platforms that it has: {known})"))
        }
    }
}

/// The images of a layout that are called so: by a tag, by a whole reference, or by their digest.
pub(crate) fn named<'e>(entries: &'e [Entry], wanted: &str) -> Vec<&'e Entry> {
    let fits = |entry: &&Entry| {
        let by_tag = |name: &String| name == wanted || name.ends_with(&format!(":{wanted}"));
        entry.digest == wanted || entry.names.iter().any(by_tag)
    };
    entries.iter().filter(fits).collect()
}

#[derive(Deserialize)]
struct ConfigJson {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
    #[serde(default)]
    history: Vec<HistoryJson>,
}

#[derive(Deserialize)]
struct HistoryJson {
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    empty_layer: bool,
}

/// The platform that an image config is for.
pub(crate) fn platform_of(config: &str) -> Option<Platform> {
    let config: ConfigJson = serde_json::from_str(config).ok()?;
    Platform::from_parts(&config.os, &config.architecture, &config.variant).ok()
}

/// The layers with what made them. A history that does not speak of exactly these layers says nothing about any.
pub(crate) fn with_history(layers: Vec<Layer>, config: &str) -> Vec<Layer> {
    let Ok(config) = serde_json::from_str::<ConfigJson>(config) else { return layers };
    let made: Vec<String> =
        config.history.into_iter().filter(|one| !one.empty_layer).map(|one| one.created_by).collect();
    if made.len() != layers.len() {
        return layers;
    }
    let both = layers.into_iter().zip(made);
    both.map(|(layer, made)| Layer { created_by: Some(made).filter(|made| !made.is_empty()), ..layer })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = r#"{"manifests": [
        {"digest": "sha256:a", "platform": {"os": "linux", "architecture": "amd64"}},
        {"digest": "sha256:b", "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
        {"digest": "sha256:x", "platform": {"os": "unknown", "architecture": "unknown"},
         "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}]}"#;

    fn entries(json: &str) -> Vec<Entry> {
        match Document::parse(json) {
            Ok(Document::Index(entries)) => entries,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_index_gives_the_image_of_a_platform_and_no_attestation() {
        let entries = entries(INDEX);
        assert_eq!(entries.len(), 2);
        let of =
            |platform: &str| for_platform(&entries, &platform.parse().unwrap()).map(|one| &one.digest[..]);
        assert_eq!(of("linux/arm64"), Ok("sha256:b"));
        assert_eq!(
            of("linux/s390x").unwrap_err(),
            "has no image for linux/s390x (platforms that it has: linux/amd64, linux/arm64)"
        );
    }

    #[test]
    fn a_layouts_images_have_names() {
        let json = r#"{"manifests": [
            {"digest": "sha256:a", "annotations": {"org.opencontainers.image.ref.name": "dev"}},
            {"digest": "sha256:b", "annotations": {"io.containerd.image.name": "docker.io/library/x:1"}}]}"#;
        let entries = entries(json);
        let digests =
            |wanted| named(&entries, wanted).iter().map(|one| one.digest.clone()).collect::<Vec<_>>();
        assert_eq!(digests("dev"), ["sha256:a"]);
        assert_eq!(digests("1"), ["sha256:b"]);
        assert_eq!(digests("sha256:b"), ["sha256:b"]);
        assert!(digests("2").is_empty());
    }

    #[test]
    fn a_history_is_believed_when_it_speaks_of_every_layer() {
        let manifest = r#"{"config": {"digest": "sha256:c"}, "layers": [
            {"digest": "sha256:1", "size": 5}, {"digest": "sha256:2", "size": 7}]}"#;
        let Ok(Document::Manifest { config, layers }) = Document::parse(manifest) else { panic!() };
        assert_eq!(config, "sha256:c");
        let history = r#"{"history": [{"created_by": "base"}, {"created_by": "ENV", "empty_layer": true},
            {"created_by": "[core 0.1.0] apt"}]}"#;
        let made: Vec<_> =
            with_history(layers.clone(), history).into_iter().map(|one| one.created_by).collect();
        assert_eq!(made, [Some("base".to_owned()), Some("[core 0.1.0] apt".to_owned())]);
        let short = r#"{"history": [{"created_by": "base"}]}"#;
        assert!(with_history(layers, short).iter().all(|one| one.created_by.is_none()));
    }

    #[test]
    fn what_is_neither_is_told() {
        assert!(Document::parse("{}").unwrap_err().contains("neither"));
        assert!(Document::parse("x").unwrap_err().contains("is no image manifest"));
    }
}
