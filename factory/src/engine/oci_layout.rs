//! Packing a root folder as an image: an OCI layout in one tar file, the same bytes for the same tree. Beside the layout's own
//! index stands the older one of `docker save`, the only one that engines without the containerd image store load.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::bootstrap::remove_tree;
use crate::exit::{Error, Result};
use crate::process::{run_logged, spawn};
use crate::progress::Silent;

/// Files newer than this get this time: 2025-01-01, whenever and wherever the image is made.
pub(crate) const EPOCH: u64 = 1_735_689_600;

/// Packs the folder `tree` into the tar file `archive` as the image `reference`, whole or not at all. `config` makes the
/// image's config for the layer's diff id.
///
/// # Errors
/// tar or a file operation fails.
pub(crate) fn pack(
    tree: &Path,
    archive: &Path,
    reference: &str,
    config: impl Fn(&str) -> Value,
) -> Result<()> {
    let layout = archive.with_extension("layout");
    remove_tree(&layout)?;
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(|e| Error::io("cannot make the image layout", e))?;
    let layer = pack_layer(tree, &blobs)?;
    let config = store_blob(&blobs, &config(&layer.diff_id))?;
    let saved = saved(reference, &config, &layer);
    let manifest = store_blob(&blobs, &manifest(&config, &layer))?;
    let write = |name: &str, value: &Value| {
        fs::write(layout.join(name), value.to_string())
            .map_err(|e| Error::io(format!("cannot write {name}"), e))
    };
    write("index.json", &index(reference, &manifest))?;
    write("oci-layout", &json!({"imageLayoutVersion": "1.0.0"}))?;
    write("manifest.json", &saved)?;
    join_layout(&layout, archive)?;
    remove_tree(&layout)
}

fn join_layout(layout: &Path, archive: &Path) -> Result<()> {
    let temporary = archive.with_extension("unfinished");
    let mut tar = Command::new("tar");
    tar.args(TAR_ORDER).arg("--file").arg(&temporary).arg("--directory").arg(layout);
    tar.args(["oci-layout", "index.json", "manifest.json", "blobs"]);
    run_logged(tar, "tar", &mut Silent)?;
    fs::rename(&temporary, archive).map_err(|e| Error::io("cannot finish the image archive", e))
}

/// Options that make the same tree the same tar file.
const TAR_ORDER: [&str; 7] = [
    "--create",
    "--sort=name",
    "--numeric-owner",
    "--format=posix",
    "--mtime=@1735689600",
    "--clamp-mtime",
    "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
];

/// A stored blob: its digest with algorithm, its size in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Blob {
    digest: String,
    size: u64,
}

impl Blob {
    /// Where it lies in the layout.
    fn path(&self) -> String {
        format!("blobs/{}", self.digest.replace(':', "/"))
    }
}

struct Layer {
    blob: Blob,
    diff_id: String,
}

fn manifest(config: &Blob, layer: &Layer) -> Value {
    let layer = &layer.blob;
    json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.digest, "size": config.size},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer.digest, "size": layer.size}],
    })
}

/// What `docker save` writes of an image.
fn saved(reference: &str, config: &Blob, layer: &Layer) -> Value {
    json!([{"Config": config.path(), "RepoTags": [reference], "Layers": [layer.blob.path()]}])
}

fn index(reference: &str, manifest: &Blob) -> Value {
    let tag = reference.split_once(':').map_or("latest", |(_, tag)| tag);
    json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest.digest, "size": manifest.size,
            "annotations": {
                "io.containerd.image.name": format!("docker.io/library/{reference}"),
                "org.opencontainers.image.ref.name": tag,
            },
        }],
    })
}

fn store_blob(blobs: &Path, value: &Value) -> Result<Blob> {
    let bytes = value.to_string().into_bytes();
    let name = hex(&Sha256::digest(&bytes));
    fs::write(blobs.join(&name), &bytes).map_err(|e| Error::io("cannot write an image blob", e))?;
    Ok(Blob { digest: format!("sha256:{name}"), size: bytes.len() as u64 })
}

/// Packs the tree as a gzipped layer below `blobs`.
fn pack_layer(tree: &Path, blobs: &Path) -> Result<Layer> {
    let problem = |e| Error::io("cannot pack the image's layer", e);
    let mut tar = Command::new("tar");
    tar.args(TAR_ORDER).args(["--xattrs", "--xattrs-include=*", "--exclude=./dev/*"]);
    tar.arg("--directory").arg(tree).arg(".").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = spawn(&mut tar, "tar")?;
    let stdout = child.stdout.take().expect("standard output was piped above");
    let file = blobs.join("unfinished");
    let (diff_id, blob) = compress(stdout, fs::File::create(&file).map_err(problem)?).map_err(problem)?;
    let status = child.wait().map_err(problem)?;
    if !status.success() {
        return Err(Error::engine(format!("tar failed ({status}) on {}", tree.display())));
    }
    let name = blob.digest.trim_start_matches("sha256:");
    fs::rename(&file, blobs.join(name)).map_err(problem)?;
    Ok(Layer { blob, diff_id })
}

/// Gzips `input` to `output`; returns the digest of what went in and the blob that came out. The gzip header carries
/// neither name nor time.
fn compress(mut input: impl Read, output: impl Write) -> std::io::Result<(String, Blob)> {
    let mut plain = Sha256::new();
    let mut gzip =
        GzBuilder::new().write(Hashed { output, hash: Sha256::new(), size: 0 }, Compression::new(6));
    let mut chunk = vec![0; 1 << 18];
    loop {
        let length = input.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        plain.update(&chunk[..length]);
        gzip.write_all(&chunk[..length])?;
    }
    let packed = gzip.finish()?;
    let blob = Blob { digest: format!("sha256:{}", hex(&packed.hash.finalize())), size: packed.size };
    Ok((format!("sha256:{}", hex(&plain.finalize())), blob))
}

/// A writer that hashes and counts what passes.
struct Hashed<W> {
    output: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let length = self.output.write(bytes)?;
        self.hash.update(&bytes[..length]);
        self.size += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.output.flush()
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_pack_to_the_same_blob() {
        let pack = || {
            let mut out = Vec::new();
            let result = compress(&b"layer"[..], &mut out).unwrap();
            assert_eq!(result.1.size, out.len() as u64);
            assert_eq!(result.1.digest, format!("sha256:{}", hex(&Sha256::digest(&out))));
            result
        };
        let (diff_id, blob) = pack();
        assert_eq!(diff_id, format!("sha256:{}", hex(&Sha256::digest(b"layer"))));
        assert_eq!(pack().1, blob);
    }

    #[test]
    fn the_index_names_the_image_as_engines_do() {
        let blob = Blob { digest: "sha256:ab".into(), size: 2 };
        let index = index("debian:bookworm-slim", &blob);
        let names = &index["manifests"][0]["annotations"];
        assert_eq!(names["io.containerd.image.name"], "docker.io/library/debian:bookworm-slim");
        assert_eq!(names["org.opencontainers.image.ref.name"], "bookworm-slim");
    }

    #[test]
    fn the_older_index_says_where_the_same_blobs_lie() {
        let blob = |digest: &str| Blob { digest: digest.into(), size: 2 };
        let layer = Layer { blob: blob("sha256:cd"), diff_id: "sha256:ef".into() };
        let expected =
            json!([{"Config": "blobs/sha256/ab", "RepoTags": ["debian:12"], "Layers": ["blobs/sha256/cd"]}]);
        assert_eq!(saved("debian:12", &blob("sha256:ab"), &layer), expected);
    }

    #[test]
    fn the_packing_time_is_the_documented_one() {
        assert!(TAR_ORDER.contains(&format!("--mtime=@{EPOCH}").as_str()));
    }
}
