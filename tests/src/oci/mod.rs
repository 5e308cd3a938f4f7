//! Images in the OCI layout, read by our own eyes: what an exporter wrote, every digest checked.

mod layout;

use flate2::read::MultiGzDecoder;
use oci_spec::image::{Descriptor, ImageConfiguration, ImageManifest, MediaType};

pub use layout::OciLayout;

use crate::digest::Hashing;
use crate::tree::{LayerEntry, Tree, read_layer};

/// Docker's own name for a compressed layer.
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// One platform's image.
#[derive(Debug, Clone)]
pub struct OciImage {
    layout: OciLayout,
    descriptor: Descriptor,
    manifest: ImageManifest,
    config: ImageConfiguration,
    config_json: serde_json::Value,
}

impl OciImage {
    fn new(layout: &OciLayout, descriptor: &Descriptor) -> Self {
        let manifest: ImageManifest = serde_json::from_slice(&layout.blob(descriptor)).unwrap();
        let config = layout.blob(manifest.config());
        Self {
            layout: layout.clone(),
            descriptor: descriptor.clone(),
            manifest,
            config: serde_json::from_slice(&config).unwrap(),
            config_json: serde_json::from_slice(&config).unwrap(),
        }
    }

    /// Digest of the manifest.
    #[must_use]
    pub fn digest(&self) -> String {
        self.descriptor.digest().to_string()
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &ImageManifest {
        &self.manifest
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ImageConfiguration {
        &self.config
    }

    /// The configuration as it is written, for members that OCI does not name (`Healthcheck`, `Shell`, `OnBuild`).
    #[must_use]
    pub fn config_json(&self) -> &serde_json::Value {
        &self.config_json
    }

    /// One variable of the image's environment.
    #[must_use]
    pub fn env(&self, name: &str) -> Option<&str> {
        let env = self.config_json["config"]["Env"].as_array()?;
        env.iter().find_map(|entry| entry.as_str()?.strip_prefix(name)?.strip_prefix('='))
    }

    /// One label of the image.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.config_json["config"]["Labels"][name].as_str()
    }

    /// Digests of the layers as they are stored, from the base upwards.
    #[must_use]
    pub fn layer_digests(&self) -> Vec<String> {
        self.manifest.layers().iter().map(|layer| layer.digest().to_string()).collect()
    }

    /// What one layer says. Its digest, its length and its place among the configuration's `diff_ids` are checked.
    #[must_use]
    pub fn layer(&self, index: usize) -> Vec<LayerEntry> {
        let descriptor = &self.manifest.layers()[index];
        let mut stored = Hashing::new(self.layout.open_blob(descriptor));
        let (entries, (diff_id, _)) = match descriptor.media_type() {
            MediaType::ImageLayerGzip => read_hashed(MultiGzDecoder::new(&mut stored)),
            MediaType::Other(name) if name == DOCKER_LAYER => read_hashed(MultiGzDecoder::new(&mut stored)),
            MediaType::ImageLayer => read_hashed(&mut stored),
            other => panic!("a layer of the type {other} cannot be read"),
        };
        let (digest, length) = stored.finish();
        assert_eq!((digest, length), (descriptor.digest().to_string(), descriptor.size()), "layer {index}");
        assert_eq!(Some(&diff_id), self.config.rootfs().diff_ids().get(index), "diff id of layer {index}");
        entries
    }

    /// The filesystem: all layers one over the other.
    #[must_use]
    pub fn filesystem(&self) -> Tree {
        let mut tree = Tree::default();
        for index in 0..self.manifest.layers().len() {
            tree.apply(self.layer(index));
        }
        tree
    }

    /// How many entries of the history have a layer: as many as there are layers, in a sound image.
    #[must_use]
    pub fn history_with_layers(&self) -> usize {
        let history = self.config_json["history"].as_array().map(Vec::as_slice).unwrap_or_default();
        history.iter().filter(|entry| entry["empty_layer"].as_bool() != Some(true)).count()
    }
}

fn read_hashed(reader: impl std::io::Read) -> (Vec<LayerEntry>, (String, u64)) {
    let mut hashing = Hashing::new(reader);
    let entries = read_layer(&mut hashing);
    (entries, hashing.finish())
}
