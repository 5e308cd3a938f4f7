//! What a build came to: read from buildx's metadata file and from the engine's own record of the build.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::fates::FragmentOutcome;
use super::log::Steps;
use crate::layers::{Layer, bytes, made_by, short};

/// One platform's image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSummary {
    /// `os/arch[/variant]`.
    pub platform: String,
    /// Digest of its manifest.
    pub digest: String,
    /// Its layers from the base upwards.
    pub layers: Vec<Layer>,
    /// The list of what is in it that was attested with it, an SPDX document as it was written.
    pub sbom: Option<Vec<u8>>,
}

/// What a build came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The image's names; empty when no image was made.
    pub names: Vec<String>,
    /// Digest of the image, or of the index where there are several platforms or attestations.
    pub digest: Option<String>,
    /// Whether that digest is the image's own, not an index's.
    pub is_image: bool,
    /// The images, one per platform.
    pub images: Vec<ImageSummary>,
    /// Steps taken from the cache and steps run, when the engine keeps a record of builds.
    pub steps: Option<Steps>,
    /// What became of each fragment, when the engine keeps a record of builds and a whole product was built.
    pub fragments: Vec<FragmentOutcome>,
    /// What could not be done beside the build, for standard error.
    pub notes: Vec<String>,
    /// Wall time of buildx.
    pub wall: Duration,
}

/// What buildx's metadata file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) names: Vec<String>,
    pub(crate) digest: Option<String>,
    /// Whether that digest is an image's manifest rather than an index of several.
    pub(crate) is_image: bool,
    /// Id of the engine's record of the build.
    pub(crate) record: Option<String>,
}

impl Metadata {
    pub(crate) fn parse(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let word = |key: &str| value.get(key).and_then(Value::as_str);
        let names = word("image.name").unwrap_or_default();
        Self {
            names: names.split(',').filter(|n| !n.is_empty()).map(str::to_owned).collect(),
            digest: word("containerimage.digest").map(str::to_owned),
            is_image: value
                .pointer("/containerimage.descriptor/mediaType")
                .and_then(Value::as_str)
                .is_some_and(is_manifest),
            // builder/node/id: commands on records want the id alone.
            record: word("buildx.build.ref").and_then(|r| r.rsplit('/').next()).map(str::to_owned),
        }
    }
}

/// What a build record (`docker buildx history inspect --format json`) keeps of a build's results.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Attachments {
    /// Platform and digest of each image manifest.
    pub(crate) images: Vec<(String, String)>,
    /// The digest of the index of all, where there is one.
    pub(crate) index: Option<String>,
}

impl Attachments {
    pub(crate) fn parse(record: &str) -> Self {
        let value: Value = serde_json::from_str(record).unwrap_or_default();
        let mut found = Self::default();
        for one in value.get("Attachments").and_then(Value::as_array).into_iter().flatten() {
            let word = |key: &str| one.get(key).and_then(Value::as_str);
            let (Some(kind), Some(digest)) = (word("Type"), word("Digest")) else { continue };
            if is_manifest(kind) {
                found.images.push((word("Platform").unwrap_or_default().to_owned(), digest.to_owned()));
            } else if is_index(kind) {
                found.index = Some(digest.to_owned());
            }
        }
        found
    }
}

/// Whether a media type is that of an index.
fn is_index(media_type: &str) -> bool {
    media_type.ends_with("index.v1+json") || media_type.ends_with("manifest.list.v2+json")
}

/// Whether a media type is that of an image's manifest.
fn is_manifest(media_type: &str) -> bool {
    media_type.ends_with("manifest.v1+json") || media_type.ends_with("manifest.v2+json")
}

impl Summary {
    /// The digests of the images' manifests by their platforms; `platform` is the one that was built where the engine keeps no
    /// record of builds.
    pub(crate) fn digests(&self, platform: &str) -> BTreeMap<String, String> {
        let images = self.images.iter().map(|image| (image.platform.clone(), image.digest.clone()));
        let mut digests: BTreeMap<String, String> = images.collect();
        if let (true, true, Some(digest)) = (digests.is_empty(), self.is_image, &self.digest) {
            digests.insert(platform.to_owned(), digest.clone());
        }
        digests
    }

    /// What is in each image, by its platform: SPDX documents.
    pub(crate) fn sboms(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.images.iter().filter_map(|image| Some((image.platform.as_str(), image.sbom.as_deref()?)))
    }

    /// The summary for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for name in &self.names {
            row(&mut text, "image", name);
        }
        if let Some(digest) = &self.digest {
            row(&mut text, "digest", digest);
        }
        for image in &self.images {
            write_image(&mut text, image);
        }
        write_fragments(&mut text, &self.fragments);
        let seconds = format!("{:.1} s", self.wall.as_secs_f64());
        row(&mut text, "time", &seconds);
        if let Some(Steps { cached, run }) = self.steps {
            row(&mut text, "steps", &format!("{run} run, {cached} cached"));
        }
        text
    }
}

/// One line with its label in a column of its own. Writing to a String cannot fail.
pub(crate) fn row(text: &mut String, label: &str, value: &str) {
    let _ = writeln!(text, "{label:<9} {value}");
}

fn write_image(text: &mut String, image: &ImageSummary) {
    let total: u64 = image.layers.iter().map(|l| l.size).sum();
    row(text, "platform", &format!("{} {}", image.platform, image.digest));
    row(text, "layers", &format!("{}, {} compressed", image.layers.len(), bytes(total)));
    for layer in &image.layers {
        let line = format!("{} {:>9}  {}", short(&layer.digest), bytes(layer.size), made_by(layer));
        row(text, "", line.trim_end());
    }
}

fn write_fragments(text: &mut String, fragments: &[FragmentOutcome]) {
    let width = fragments.iter().map(|one| one.label.chars().count()).max().unwrap_or(0);
    for FragmentOutcome { label, outcome } in fragments {
        row(text, "fragment", &format!("{label:width$}  {outcome}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::fates::Outcome;
    use super::*;

    #[test]
    fn metadata_gives_names_digest_and_record() {
        let text = r#"{"image.name": "docker.io/library/a:1,docker.io/library/a:2",
            "containerimage.digest": "sha256:ab", "buildx.build.ref": "default/default/xyz"}"#;
        let metadata = Metadata::parse(text);
        assert_eq!(metadata.names, ["docker.io/library/a:1", "docker.io/library/a:2"]);
        assert_eq!(
            (metadata.digest.as_deref(), metadata.record.as_deref()),
            (Some("sha256:ab"), Some("xyz"))
        );
        assert_eq!(Metadata::parse("no JSON"), Metadata::default());
    }

    #[test]
    fn a_record_gives_one_manifest_per_platform_and_their_index() {
        let record = r#"{"Attachments": [
            {"Digest": "sha256:i", "Type": "application/vnd.oci.image.index.v1+json"},
            {"Digest": "sha256:p", "Type": "https://slsa.dev/provenance/v0.2"},
            {"Digest": "sha256:m", "Platform": "linux/amd64", "Type": "application/vnd.oci.image.manifest.v1+json"}]}"#;
        let found = Attachments::parse(record);
        assert_eq!(found.images, [("linux/amd64".to_owned(), "sha256:m".to_owned())]);
        assert_eq!(found.index.as_deref(), Some("sha256:i"));
        assert_eq!(Attachments::parse("no record"), Attachments::default());
    }

    #[test]
    fn the_text_has_everything_once() {
        let image = ImageSummary {
            platform: "linux/amd64".into(),
            digest: "sha256:m".into(),
            layers: vec![Layer {
                digest: "sha256:0123456789abcdef".into(),
                size: 28_342_428,
                created_by: Some("[core 0.1.0] x".into()),
            }],
            sbom: None,
        };
        let summary = Summary {
            names: vec!["a:dev".into()],
            digest: Some("sha256:i".into()),
            is_image: false,
            images: vec![image],
            steps: Some(Steps { cached: 2, run: 1 }),
            fragments: vec![
                FragmentOutcome { label: "core 0.1.0".into(), outcome: Outcome::Reused },
                FragmentOutcome { label: "a 0.1.0".into(), outcome: Outcome::First },
            ],
            notes: Vec::new(),
            wall: Duration::from_millis(1234),
        };
        assert_eq!(
            summary.text(),
            "image     a:dev\ndigest    sha256:i\nplatform  linux/amd64 sha256:m\n\
             layers    1, 28.3 MB compressed\n          0123456789ab   28.3 MB  [core 0.1.0] x\n\
             fragment  core 0.1.0  reused\nfragment  a 0.1.0     run: first build here\n\
             time      1.2 s\nsteps     1 run, 2 cached\n"
        );
    }
}
