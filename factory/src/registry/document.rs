//! Indexes, manifests and descriptors, as the OCI image specification has them. Members that nobody here needs are passed over
//! when a document is read; what is passed on is passed on as the bytes that came.

use std::collections::BTreeMap;

use llb_gen::model::Platform;
use serde::{Deserialize, Serialize};

use super::fault::{Fault, Result};
use super::name::digest_of;

/// Media types.
pub mod media {
    /// An OCI image index.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// An OCI image manifest.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// Docker's image index.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's image manifest.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// The config of an artifact that has none.
    pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
    /// An in-toto statement as it is, without a signature.
    pub const IN_TOTO: &str = "application/vnd.in-toto+json";
    /// BuildKit's attestations in the form of an OCI artifact.
    pub const ATTESTATION: &str = "application/vnd.docker.attestation.manifest.v1+json";
}

/// The one config that all artifacts without a config have.
pub const EMPTY_CONFIG: &[u8] = b"{}";

/// What leads to a manifest or a blob.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Its media type; empty in documents that do not say.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// Its length in bytes.
    #[serde(default)]
    pub size: u64,
    /// What kind of artifact it is, in listings of referrers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The platform that it is for, in indexes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformParts>,
    /// What else is said of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Its bytes in base64, where they are so few that they stand here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

impl Descriptor {
    /// What leads to these bytes.
    #[must_use]
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest_of(bytes),
            size: bytes.len() as u64,
            ..Self::default()
        }
    }

    /// The same with one more annotation.
    #[must_use]
    pub fn annotated(mut self, key: &str, value: impl Into<String>) -> Self {
        self.annotations.insert(key.to_owned(), value.into());
        self
    }
}

/// A platform as images say it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformParts {
    /// `linux`.
    #[serde(default)]
    pub os: String,
    /// `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// `v7`, or nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

impl PlatformParts {
    /// The platform in its one form; nothing where the parts are none.
    #[must_use]
    pub fn platform(&self) -> Option<Platform> {
        Platform::from_parts(&self.os, &self.architecture, &self.variant).ok()
    }
}

/// A manifest's bytes with what they are: checked against their digest when they come from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Media type, digest and size.
    pub descriptor: Descriptor,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Found {
    /// Its digest.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.descriptor.digest
    }

    /// What the bytes say.
    ///
    /// # Errors
    /// They are neither an index nor a manifest.
    pub fn document(&self) -> Result<Document> {
        Document::parse(&self.bytes)
            .map_err(|fault| Fault::not_genuine(format!("the manifest {}", self.digest()), fault))
    }
}

/// What a manifest's digest leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// Images for several platforms, with what is attested of them.
    Index(Index),
    /// One image, or one artifact.
    Manifest(Manifest),
}

/// An image index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// Everything that it lists, in its order.
    pub manifests: Vec<Descriptor>,
    /// What kind of artifact it is.
    pub artifact_type: Option<String>,
    /// What it refers to.
    pub subject: Option<Descriptor>,
    /// What else is said of it.
    pub annotations: BTreeMap<String, String>,
}

/// An image manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Its config.
    pub config: Descriptor,
    /// Its layers from the base upwards, or an artifact's files.
    pub layers: Vec<Descriptor>,
    /// What kind of artifact it is, where it says.
    pub artifact_type: Option<String>,
    /// What it refers to.
    pub subject: Option<Descriptor>,
    /// What else is said of it.
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// What kind of artifact it is: what it says, else its config's media type, as the specification has it.
    #[must_use]
    pub fn kind(&self) -> &str {
        match &self.artifact_type {
            Some(kind) if !kind.is_empty() => kind,
            _ => &self.config.media_type,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentJson {
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    artifact_type: Option<String>,
    subject: Option<Descriptor>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

impl Document {
    /// Reads an index or a manifest.
    ///
    /// # Errors
    /// Anything else, with what is wrong as a lower-case fragment.
    pub fn parse(json: &[u8]) -> std::result::Result<Self, String> {
        let all: DocumentJson =
            serde_json::from_slice(json).map_err(|fault| format!("is no image manifest: {fault}"))?;
        let annotations = all.annotations.unwrap_or_default();
        let (artifact_type, subject) = (all.artifact_type, all.subject);
        match (all.manifests, all.config, all.layers) {
            (Some(manifests), None, None) => {
                Ok(Self::Index(Index { manifests, artifact_type, subject, annotations }))
            }
            (None, Some(config), layers) => Ok(Self::Manifest(Manifest {
                config,
                layers: layers.unwrap_or_default(),
                artifact_type,
                subject,
                annotations,
            })),
            (Some(_), _, _) => Err("is an index and a manifest at once".to_owned()),
            _ => Err("is neither an image index nor an image manifest".to_owned()),
        }
    }

    /// What it refers to.
    #[must_use]
    pub fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Index(index) => index.subject.as_ref(),
            Self::Manifest(manifest) => manifest.subject.as_ref(),
        }
    }

    /// What kind of artifact it is; nothing for images that do not say.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        match self {
            Self::Index(index) => index.artifact_type.as_deref(),
            Self::Manifest(manifest) => Some(manifest.kind()),
        }
    }

    /// What else is said of it.
    #[must_use]
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Index(index) => &index.annotations,
            Self::Manifest(manifest) => &manifest.annotations,
        }
    }
}

/// What an index lists, sorted by what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<'i> {
    /// An image, or a further index.
    Image(&'i Descriptor),
    /// What is attested of the image with this digest.
    Attestation {
        /// The attestation manifest.
        descriptor: &'i Descriptor,
        /// The digest of the image's manifest.
        about: &'i str,
    },
    /// Something that stands beside images and is none.
    Other(&'i Descriptor),
}

impl Index {
    /// What it lists, in its order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.manifests.iter().map(entry)
    }
}

fn entry(one: &Descriptor) -> Entry<'_> {
    let unknown = one.platform.as_ref().is_some_and(|platform| platform.os == "unknown");
    match one.annotations.get("vnd.docker.reference.type").map(String::as_str) {
        Some("attestation-manifest") => match one.annotations.get("vnd.docker.reference.digest") {
            Some(about) => Entry::Attestation { descriptor: one, about },
            None => Entry::Other(one),
        },
        None if !unknown => Entry::Image(one),
        _ => Entry::Other(one),
    }
}

/// An artifact to be made: a manifest with an empty config, files as layers, and what it refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Artifact {
    /// What kind of artifact it is.
    pub artifact_type: String,
    /// Its files, with their descriptors.
    pub files: Vec<(Descriptor, Vec<u8>)>,
    /// What it refers to.
    pub subject: Option<Descriptor>,
    /// What else is said of it.
    pub annotations: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestJson<'a> {
    schema_version: u32,
    media_type: &'a str,
    artifact_type: &'a str,
    config: Descriptor,
    layers: Vec<&'a Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

impl Artifact {
    /// The config of all artifacts.
    #[must_use]
    pub fn config() -> Descriptor {
        Descriptor { data: Some("e30=".to_owned()), ..Descriptor::of(media::EMPTY, EMPTY_CONFIG) }
    }

    /// Its manifest: the same artifact has the same bytes. An artifact without a file has the empty one, as the specification
    /// wants it.
    #[must_use]
    pub fn manifest(&self) -> Found {
        let config = Self::config();
        let empty = [&config];
        let layers: Vec<&Descriptor> = self.files.iter().map(|(descriptor, _)| descriptor).collect();
        let layers = if layers.is_empty() { empty.to_vec() } else { layers };
        // A subject is named by what it is; what an index says of it beside that is the index's.
        let subject = self.subject.as_ref().map(|subject| Descriptor {
            media_type: subject.media_type.clone(),
            digest: subject.digest.clone(),
            size: subject.size,
            ..Descriptor::default()
        });
        let json = ManifestJson {
            schema_version: 2,
            media_type: media::MANIFEST,
            artifact_type: &self.artifact_type,
            config: config.clone(),
            layers,
            subject,
            annotations: &self.annotations,
        };
        let bytes = serde_json::to_vec(&json).expect("texts and numbers only");
        Found { descriptor: Descriptor::of(media::MANIFEST, &bytes), bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_tells_images_from_what_is_attested_of_them() {
        let json = br#"{"manifests": [
            {"digest": "sha256:a", "platform": {"os": "linux", "architecture": "amd64"}},
            {"digest": "sha256:x", "platform": {"os": "unknown", "architecture": "unknown"},
             "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": "sha256:a"}},
            {"digest": "sha256:y", "platform": {"os": "unknown", "architecture": "unknown"}}]}"#;
        let Ok(Document::Index(index)) = Document::parse(json) else { panic!() };
        let kinds: Vec<_> = index.entries().collect();
        assert!(matches!(kinds[0], Entry::Image(one) if one.digest == "sha256:a"));
        assert!(matches!(kinds[1], Entry::Attestation { about: "sha256:a", .. }));
        assert!(matches!(kinds[2], Entry::Other(_)));
    }

    #[test]
    fn what_is_neither_is_told() {
        assert!(Document::parse(b"{}").unwrap_err().contains("neither"));
        assert!(Document::parse(b"x").unwrap_err().contains("is no image manifest"));
        let both = br#"{"manifests": [], "config": {"digest": "sha256:a"}, "layers": []}"#;
        assert!(Document::parse(both).unwrap_err().contains("at once"), "one digest, two readings");
    }

    #[test]
    fn an_artifact_has_one_manifest() {
        let subject = Descriptor::of(media::INDEX, b"index").annotated("a", "b");
        let file = Descriptor::of("text/plain", b"x").annotated("org.opencontainers.image.title", "x.txt");
        let artifact = Artifact {
            artifact_type: "application/x".into(),
            files: vec![(file, b"x".to_vec())],
            subject: Some(subject.clone()),
            annotations: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
        };
        let found = artifact.manifest();
        assert_eq!(found, artifact.manifest());
        let Ok(Document::Manifest(manifest)) = found.document() else { panic!() };
        assert_eq!(manifest.kind(), "application/x");
        let back = manifest.subject.unwrap();
        assert_eq!((&back.digest, back.annotations.len()), (&subject.digest, 0));
        assert_eq!(manifest.config.data.as_deref(), Some("e30="));
        let bare = Artifact { artifact_type: "application/x".into(), ..Artifact::default() };
        let Ok(Document::Manifest(manifest)) = bare.manifest().document() else { panic!() };
        assert_eq!((manifest.layers.len(), manifest.layers[0].media_type.as_str()), (1, media::EMPTY));
    }
}
