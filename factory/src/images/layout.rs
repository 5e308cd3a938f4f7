//! OCI layouts: a folder, or a tar file of one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::source::path_and_name;
use super::store::Store;
use crate::exit::{Error, Result};
use crate::registry::{
    self, Descriptor, Document, Fault, Found, Index, Name, Referrer, checked, described, is_digest,
};

/// No index or manifest is anywhere near as large.
const LONGEST: u64 = 4 << 20;
/// What is kept of a stream that comes by once: the largest statement that engines make.
const LONGEST_KEPT: u64 = 40 << 20;

/// A layout's files, and which of its images is meant.
#[derive(Debug)]
pub(super) struct Layout {
    files: Files,
    name: Option<String>,
}

#[derive(Debug)]
enum Files {
    Folder(PathBuf),
    /// Where in the tar file each file begins, and how long it is.
    Tar(PathBuf, BTreeMap<String, (u64, u64)>),
    /// The JSON files of a stream.
    Kept(BTreeMap<String, Vec<u8>>),
}

/// The names that a layout has an image by.
const NAMES: [&str; 2] = ["org.opencontainers.image.ref.name", "io.containerd.image.name"];

impl Layout {
    /// Opens `PATH[:TAG|@DIGEST]`.
    ///
    /// # Errors
    /// Nothing is there, or it is no layout.
    pub(super) fn open(text: &str) -> Result<Self> {
        let (path, name) = path_and_name(text);
        let failed = |error: std::io::Error| Error::Usage(format!("{}: {error}", path.display()));
        let files = match fs::metadata(&path).map_err(failed)?.is_dir() {
            true => Files::Folder(path),
            false => {
                let positions =
                    positions(BufReader::new(File::open(&path).map_err(failed)?)).map_err(failed)?;
                Files::Tar(path, positions)
            }
        };
        Ok(Self { files, name })
    }

    /// The layout that a tar stream holds. Layers come by and are passed over.
    ///
    /// # Errors
    /// The stream breaks, or is no tar.
    pub(super) fn of_tar(mut stream: impl Read) -> std::io::Result<Self> {
        let files = documents(&mut stream)?;
        // Padding may follow the archive's end; who writes it must not find the pipe closed.
        std::io::copy(&mut stream, &mut std::io::sink())?;
        Ok(Self { files: Files::Kept(files), name: None })
    }

    /// A file of at most `limit` bytes; nothing where it is not there.
    fn file(&self, path: &str, limit: u64) -> registry::Result<Option<Vec<u8>>> {
        let too_long = || Fault::not_genuine(path, format!("is longer than {limit} bytes"));
        let failed = |at: &Path, fault: &std::io::Error| Fault::Usage(format!("{}: {fault}", at.display()));
        match &self.files {
            Files::Folder(folder) => {
                let full = folder.join(path);
                let file = match File::open(&full) {
                    Ok(file) => file,
                    Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                    Err(fault) => return Err(failed(&full, &fault)),
                };
                let mut bytes = Vec::new();
                file.take(limit.saturating_add(1))
                    .read_to_end(&mut bytes)
                    .map_err(|fault| failed(&full, &fault))?;
                if bytes.len() as u64 > limit { Err(too_long()) } else { Ok(Some(bytes)) }
            }
            Files::Tar(archive, positions) => match positions.get(path) {
                Some((_, length)) if *length > limit => Err(too_long()),
                Some((begin, length)) => {
                    part(archive, *begin, *length).map(Some).map_err(|fault| failed(archive, &fault))
                }
                None => Ok(None),
            },
            Files::Kept(files) => match files.get(path) {
                Some(bytes) if bytes.len() as u64 > limit => Err(too_long()),
                found => Ok(found.cloned()),
            },
        }
    }

    fn stored(&self, digest: &str, limit: u64) -> registry::Result<Option<Vec<u8>>> {
        let what = format!("the layout's blob {digest}");
        if !is_digest(digest) {
            return Err(Fault::not_genuine(what, "is called by what is no digest that can be checked"));
        }
        let found = self.file(&format!("blobs/{}", digest.replacen(':', "/", 1)), limit)?;
        found.map(|bytes| checked(bytes, digest, &what)).transpose()
    }

    fn index(&self) -> registry::Result<Found> {
        let bytes = self.file("index.json", LONGEST)?;
        let bytes =
            bytes.ok_or_else(|| Fault::Usage("it has no index.json, so it is no OCI layout".to_owned()))?;
        let digest = registry::digest_of(&bytes);
        described(bytes, digest, registry::media::INDEX)
    }

    fn entries(&self) -> registry::Result<Index> {
        match self.index()?.document()? {
            Document::Index(index) => Ok(index),
            Document::Manifest(_) => Err(Fault::not_genuine("the layout's index.json", "is no index")),
        }
    }
}

/// The images of a layout that are called so: by a tag, by a whole reference, or by their digest.
fn named<'e>(index: &'e Index, wanted: &str) -> Vec<&'e Descriptor> {
    let fits = |entry: &&Descriptor| {
        let by_tag = |name: &&String| *name == wanted || name.ends_with(&format!(":{wanted}"));
        entry.digest == wanted
            || NAMES.iter().filter_map(|key| entry.annotations.get(*key)).any(|name| by_tag(&name))
    };
    index.manifests.iter().filter(fits).collect()
}

/// Whether an entry is an image of its own, not something that refers to one or lists what does.
fn is_own(entry: &Descriptor) -> bool {
    let list = entry.annotations.get(NAMES[0]).is_some_and(|name| name.starts_with("sha256-"));
    entry.artifact_type.is_none() && !list
}

impl Store for Layout {
    /// With a name, the one image that is called so; else the layout's only image, or its index where that is one for several
    /// platforms.
    fn root(&self) -> registry::Result<Found> {
        let index = self.entries()?;
        let Some(wanted) = &self.name else {
            let own: Vec<&Descriptor> = index.manifests.iter().filter(|entry| is_own(entry)).collect();
            return match own[..] {
                [only] => self.needed(&only.digest),
                _ => self.index(),
            };
        };
        match &named(&index, wanted)[..] {
            [only] => self.needed(&only.digest),
            [] if is_digest(wanted) => {
                self.manifest(wanted)?.ok_or_else(|| Fault::Missing(format!("image {wanted} in it")))
            }
            [] => Err(Fault::Missing(format!("image called {wanted:?} in it"))),
            _ => Err(Fault::Usage(format!(
                "it holds several images called {wanted:?}; name one by its digest"
            ))),
        }
    }

    fn manifest(&self, digest: &str) -> registry::Result<Option<Found>> {
        let found = self.stored(digest, LONGEST)?;
        found.map(|bytes| described(bytes, digest.to_owned(), "")).transpose()
    }

    fn blob(&self, descriptor: &Descriptor, limit: u64) -> registry::Result<Option<Vec<u8>>> {
        self.stored(&descriptor.digest, limit)
    }

    /// What the layout's index has by that name.
    fn tagged(&self, tag: &str) -> registry::Result<Option<Found>> {
        match &named(&self.entries()?, tag)[..] {
            [] => Ok(None),
            [first, others @ ..] if others.iter().all(|one| one.digest == first.digest) => {
                self.needed(&first.digest).map(Some)
            }
            _ => Err(Fault::not_genuine(format!("the layout's {tag}"), "is several manifests")),
        }
    }

    /// What the layout's index lists that refers to it, and what the index lists that clients of registries keep.
    fn referrers(&self, subject: &str, kind: Option<&str>) -> registry::Result<Vec<Referrer>> {
        let mut entries = self.entries()?;
        let tag = Name::Tag(registry::fallback_tag(subject));
        let kept: Vec<String> =
            named(&entries, tag.as_str()).iter().map(|entry| entry.digest.clone()).collect();
        for digest in kept {
            if let Document::Index(index) = self.needed(&digest)?.document()? {
                entries.manifests.extend(index.manifests);
            }
        }
        let mut digests: Vec<String> = entries.manifests.into_iter().map(|entry| entry.digest).collect();
        digests.sort();
        digests.dedup();
        let mut found = Vec::new();
        for digest in digests.iter().filter(|digest| is_digest(digest)) {
            let Some(manifest) = self.manifest(digest)? else { continue };
            if let Some(referrer) = Referrer::of(&manifest, subject)?
                && kind.is_none_or(|kind| referrer.kind() == kind)
            {
                found.push(referrer);
            }
        }
        Ok(found)
    }
}

fn part(archive: &Path, begin: u64, length: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(archive)?;
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn positions(stream: impl Read) -> std::io::Result<BTreeMap<String, (u64, u64)>> {
    let mut archive = tar::Archive::new(stream);
    let mut found = BTreeMap::new();
    for entry in archive.entries()? {
        let entry = entry?;
        if entry.header().entry_type().is_file() {
            let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
            found.insert(path, (entry.raw_file_position(), entry.size()));
        }
    }
    Ok(found)
}

/// The JSON files of a layout in a tar stream, by their paths.
fn documents(stream: impl Read) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut archive = tar::Archive::new(stream);
    let mut found = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() || entry.size() > LONGEST_KEPT {
            continue;
        }
        let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
        let mut first = [0];
        if entry.read(&mut first)? == 0 || first[0] != b'{' {
            continue;
        }
        let mut bytes = first.to_vec();
        entry.read_to_end(&mut bytes)?;
        found.insert(path, bytes);
    }
    Ok(found)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::images::Platforms;
    use crate::registry::media;

    /// A layout in the making: blobs by their digests.
    #[derive(Debug, Default)]
    pub(crate) struct Blobs(BTreeMap<String, Vec<u8>>);

    impl Blobs {
        pub(crate) fn add(&mut self, media_type: &str, bytes: &[u8]) -> Value {
            let descriptor = Descriptor::of(media_type, bytes);
            self.0.insert(descriptor.digest.clone(), bytes.to_vec());
            serde_json::to_value(descriptor).unwrap()
        }

        pub(crate) fn json(&mut self, media_type: &str, value: &Value) -> Value {
            self.add(media_type, value.to_string().as_bytes())
        }

        /// An image of one layer.
        pub(crate) fn image(&mut self, arch: &str, layer: &str) -> Value {
            let config =
                json!({"os": "linux", "architecture": arch, "history": [{"created_by": "[core 1.0.0] x"}]});
            let config = self.json("application/vnd.oci.image.config.v1+json", &config);
            let layer = self.add("application/vnd.oci.image.layer.v1.tar+gzip", layer.as_bytes());
            let manifest = json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": config, "layers": [layer]});
            let mut descriptor = self.json(media::MANIFEST, &manifest);
            descriptor["platform"] = json!({"os": "linux", "architecture": arch});
            descriptor
        }

        /// Writes the layout with what its index lists.
        pub(crate) fn write(&self, folder: &Path, manifests: &Value) {
            fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
            fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).unwrap();
            let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": manifests});
            fs::write(folder.join("index.json"), index.to_string()).unwrap();
            for (digest, bytes) in &self.0 {
                fs::write(folder.join("blobs").join(digest.replacen(':', "/", 1)), bytes).unwrap();
            }
        }
    }

    /// The layout in a folder.
    pub(crate) fn layout(folder: &Path) -> Box<dyn Store> {
        Box::new(Layout::open(&folder.to_string_lossy()).unwrap())
    }

    fn folder() -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let mut blobs = Blobs::default();
        let (amd64, arm64) = (blobs.image("amd64", "0123456789"), blobs.image("arm64", "x"));
        let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": [amd64, arm64]});
        let mut index = blobs.json(media::INDEX, &index);
        index["annotations"] = json!({"org.opencontainers.image.ref.name": "dev"});
        blobs.write(folder.path(), &json!([index]));
        (folder, amd64["digest"].as_str().unwrap().to_owned())
    }

    fn digests(text: &str) -> registry::Result<Vec<String>> {
        let layout = Layout::open(text).unwrap();
        let platforms = Platforms::read(&layout, None)?;
        Ok(platforms.images.into_iter().map(|image| image.descriptor.digest).collect())
    }

    #[test]
    fn a_folder_and_its_tar_are_the_same_image() {
        let (folder, amd64) = folder();
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut builder = tar::Builder::new(file.reopen().unwrap());
        builder.append_dir_all(".", folder.path()).unwrap();
        builder.into_inner().unwrap();
        let found = digests(&folder.path().to_string_lossy()).unwrap();
        assert_eq!(found, digests(&file.path().to_string_lossy()).unwrap());
        assert_eq!((found.len(), &found[0]), (2, &amd64));
        let kept = Layout::of_tar(File::open(file.path()).unwrap()).unwrap();
        assert_eq!(Platforms::read(&kept, None).unwrap().images.len(), 2);
    }

    #[test]
    fn an_image_is_chosen_by_tag_and_digest() {
        let (folder, amd64) = folder();
        let path = folder.path().to_string_lossy().into_owned();
        assert_eq!(digests(&format!("{path}:dev")).unwrap().len(), 2);
        assert_eq!(digests(&format!("{path}@{amd64}")).unwrap(), [amd64]);
        let missing = digests(&format!("{path}:old")).unwrap_err();
        assert!(matches!(&missing, Fault::Missing(what) if what.contains("\"old\"")), "{missing}");
        assert!(Layout::open("/nowhere").unwrap_err().to_string().contains("/nowhere"));
    }

    #[test]
    fn a_blob_that_was_changed_is_not_read() {
        let (folder, amd64) = folder();
        let blob = folder.path().join("blobs").join(amd64.replacen(':', "/", 1));
        let text = fs::read_to_string(&blob).unwrap();
        fs::write(&blob, text.replace("\"schemaVersion\":2", "\"schemaVersion\":3")).unwrap();
        let fault = digests(&folder.path().to_string_lossy()).unwrap_err();
        assert!(matches!(&fault, Fault::NotGenuine { .. }), "{fault}");
    }
}
