//! What a build came to: read from buildx's metadata file and from the engine's own record of the build.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

/// One layer of an image as registries store it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its digest.
    pub digest: String,
    /// Its compressed size in bytes.
    pub size: u64,
}

/// One platform's image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSummary {
    /// `os/arch[/variant]`.
    pub platform: String,
    /// Digest of its manifest.
    pub digest: String,
    /// Its layers from the base upwards.
    pub layers: Vec<Layer>,
}

/// What a build came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The image's names; empty when no image was made.
    pub names: Vec<String>,
    /// Digest of the image, or of the index where there are several platforms or attestations.
    pub digest: Option<String>,
    /// The images, one per platform.
    pub images: Vec<ImageSummary>,
    /// Steps taken from the cache and steps run, when the engine keeps a record of builds.
    pub steps: Option<Steps>,
    /// Wall time of buildx.
    pub wall: Duration,
}

/// How many steps of a build came from the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Steps {
    /// Found in the cache.
    pub cached: usize,
    /// Really run.
    pub run: usize,
}

/// What buildx's metadata file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) names: Vec<String>,
    pub(crate) digest: Option<String>,
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
            // builder/node/id: commands on records want the id alone.
            record: word("buildx.build.ref").and_then(|r| r.rsplit('/').next()).map(str::to_owned),
        }
    }
}

/// Platform and digest of each image manifest in a build record (`docker buildx history inspect --format json`).
pub(crate) fn image_manifests(record: &str) -> Vec<(String, String)> {
    let value: Value = serde_json::from_str(record).unwrap_or_default();
    let attachments = value.get("Attachments").and_then(Value::as_array).cloned().unwrap_or_default();
    let manifest = |a: &Value| {
        let word = |key: &str| a.get(key).and_then(Value::as_str);
        let is_manifest =
            word("Type")?.ends_with("manifest.v1+json") || word("Type")?.ends_with("manifest.v2+json");
        is_manifest.then_some((word("Platform").unwrap_or_default().to_owned(), word("Digest")?.to_owned()))
    };
    attachments.iter().filter_map(manifest).collect()
}

/// The layers of an image manifest.
pub(crate) fn layers(manifest: &str) -> Vec<Layer> {
    let value: Value = serde_json::from_str(manifest).unwrap_or_default();
    let layers = value.get("layers").and_then(Value::as_array).cloned().unwrap_or_default();
    let layer = |l: &Value| {
        Some(Layer { digest: l.get("digest")?.as_str()?.to_owned(), size: l.get("size")?.as_u64()? })
    };
    layers.iter().filter_map(layer).collect()
}

/// Counts the steps in a build's log (`docker buildx history logs --progress rawjson`). Sources and what BuildKit does
/// for itself (loading definitions, exporting) have no inputs and are no steps.
pub(crate) fn steps(log: &str) -> Option<Steps> {
    let mut vertices = BTreeMap::new();
    for line in log.lines() {
        let Ok(status) = serde_json::from_str::<Value>(line) else { continue };
        for vertex in status.get("vertexes").and_then(Value::as_array).into_iter().flatten() {
            note(&mut vertices, vertex);
        }
    }
    let steps: Vec<_> = vertices.into_values().filter(|v| v.has_inputs && v.completed).collect();
    let cached = steps.iter().filter(|v| v.cached).count();
    (!steps.is_empty()).then(|| Steps { cached, run: steps.len() - cached })
}

#[derive(Default)]
struct Vertex {
    has_inputs: bool,
    completed: bool,
    cached: bool,
}

fn note(vertices: &mut BTreeMap<String, Vertex>, value: &Value) {
    let Some(digest) = value.get("digest").and_then(Value::as_str) else { return };
    let vertex = vertices.entry(digest.to_owned()).or_default();
    vertex.has_inputs |= value.get("inputs").and_then(Value::as_array).is_some_and(|i| !i.is_empty());
    vertex.completed |= value.get("completed").is_some();
    vertex.cached |= value.get("cached").and_then(Value::as_bool) == Some(true);
}

impl Summary {
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
        let seconds = format!("{:.1} s", self.wall.as_secs_f64());
        row(&mut text, "time", &seconds);
        if let Some(Steps { cached, run }) = self.steps {
            row(&mut text, "steps", &format!("{run} run, {cached} cached"));
        }
        text
    }
}

/// One line with its label in a column of its own. Writing to a String cannot fail.
fn row(text: &mut String, label: &str, value: &str) {
    let _ = writeln!(text, "{label:<9} {value}");
}

fn write_image(text: &mut String, image: &ImageSummary) {
    let total: u64 = image.layers.iter().map(|l| l.size).sum();
    row(text, "platform", &format!("{} {}", image.platform, image.digest));
    row(text, "layers", &format!("{}, {} compressed", image.layers.len(), bytes(total)));
    for layer in &image.layers {
        row(text, "", &format!("{} {:>9}", short(&layer.digest), bytes(layer.size)));
    }
}

/// The first 12 hexadecimal digits of a digest, as docker shows them.
fn short(digest: &str) -> &str {
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    hex.get(..12).unwrap_or(hex)
}

/// A size with three significant digits in decimal units, as docker writes them.
fn bytes(size: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if size < 1000 {
        return format!("{size} B");
    }
    // Rounding to a double is far below what three digits show.
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = size as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
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
    fn a_record_gives_one_manifest_per_platform() {
        let record = r#"{"Attachments": [
            {"Digest": "sha256:i", "Type": "application/vnd.oci.image.index.v1+json"},
            {"Digest": "sha256:p", "Type": "https://slsa.dev/provenance/v0.2"},
            {"Digest": "sha256:m", "Platform": "linux/amd64", "Type": "application/vnd.oci.image.manifest.v1+json"}]}"#;
        assert_eq!(image_manifests(record), [("linux/amd64".to_owned(), "sha256:m".to_owned())]);
    }

    #[test]
    fn only_finished_vertices_with_inputs_are_steps() {
        let log = r#"{"vertexes": [{"digest": "a", "name": "FROM"}, {"digest": "b", "inputs": ["a"], "name": "RUN"}]}
            {"vertexes": [{"digest": "a", "completed": "t"}, {"digest": "b", "completed": "t", "cached": true}]}
            {"vertexes": [{"digest": "c", "inputs": ["b"], "completed": "t"}, {"digest": "d", "inputs": ["c"]}]}
            {"logs": []}"#;
        assert_eq!(steps(log), Some(Steps { cached: 1, run: 1 }));
        assert_eq!(steps("{}"), None);
    }

    #[test]
    fn the_text_has_everything_once() {
        let image = ImageSummary {
            platform: "linux/amd64".into(),
            digest: "sha256:m".into(),
            layers: layers(r#"{"layers": [{"digest": "sha256:0123456789abcdef", "size": 28342428}]}"#),
        };
        let summary = Summary {
            names: vec!["a:dev".into()],
            digest: Some("sha256:i".into()),
            images: vec![image],
            steps: Some(Steps { cached: 2, run: 1 }),
            wall: Duration::from_millis(1234),
        };
        assert_eq!(
            summary.text(),
            "image     a:dev\ndigest    sha256:i\nplatform  linux/amd64 sha256:m\n\
             layers    1, 28.3 MB compressed\n          0123456789ab   28.3 MB\n\
             time      1.2 s\nsteps     1 run, 2 cached\n"
        );
    }

    #[test]
    fn sizes_have_three_digits() {
        for (size, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (12_340, "12.3 kB"),
            (123_456, "123 kB"),
            (999_600, "1.00 MB"),
            (1_234_567_890, "1.23 GB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }
}
