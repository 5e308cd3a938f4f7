//! OCI layouts: a folder, or a tar file of one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::document::{Document, named};
use super::source::{Blobs, path_and_name};
use crate::exit::{Error, Result};

/// No index, manifest or config is anywhere near as large, and layers are not read.
const LARGEST: u64 = 4 << 20;

/// A layout's documents, and which of its images is meant.
#[derive(Debug)]
pub(super) struct Layout {
    files: Files,
    name: Option<String>,
}

#[derive(Debug)]
enum Files {
    Folder(PathBuf),
    Tar(BTreeMap<String, String>),
}

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
                Files::Tar(documents(BufReader::new(File::open(&path).map_err(failed)?)).map_err(failed)?)
            }
        };
        Ok(Self { files, name })
    }

    /// The layout that a tar stream holds.
    ///
    /// # Errors
    /// The stream breaks, or is no tar.
    pub(super) fn of_tar(mut stream: impl Read) -> std::io::Result<Self> {
        let files = documents(&mut stream)?;
        // Padding may follow the archive's end; who writes it must not find the pipe closed.
        std::io::copy(&mut stream, &mut std::io::sink())?;
        Ok(Self { files: Files::Tar(files), name: None })
    }

    fn file(&self, path: &str) -> Result<String> {
        match &self.files {
            Files::Folder(folder) => bounded(&folder.join(path)),
            Files::Tar(files) => {
                files.get(path).cloned().ok_or_else(|| Error::Usage(format!("it lacks {path}")))
            }
        }
    }

    fn blob(&self, digest: &str) -> Result<String> {
        let malformed = || Error::Usage(format!("it names {digest:?}, which is no digest"));
        let (algorithm, hex) = digest.split_once(':').ok_or_else(malformed)?;
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plain(algorithm) || !plain(hex) {
            return Err(malformed());
        }
        self.file(&format!("blobs/{algorithm}/{hex}"))
    }
}

impl Blobs for Layout {
    /// The layout's index; with a name, the one image that is called so.
    fn root(&self) -> Result<(String, String)> {
        let index = self.file("index.json")?;
        let Some(wanted) = &self.name else { return Ok((String::new(), index)) };
        let document =
            Document::parse(&index).map_err(|fault| Error::Usage(format!("its index.json {fault}")))?;
        let Document::Index(entries) = document else {
            return Err(Error::Usage("its index.json is no index".to_owned()));
        };
        match &named(&entries, wanted)[..] {
            [only] => Ok((only.digest.clone(), self.blob(&only.digest)?)),
            [] if wanted.starts_with("sha256:") => Ok((wanted.clone(), self.blob(wanted)?)),
            [] => Err(Error::Usage(format!("it holds no image called {wanted:?}"))),
            _ => Err(Error::Usage(format!(
                "it holds several images called {wanted:?}; name one by its digest"
            ))),
        }
    }

    fn document(&self, digest: &str) -> Result<String> {
        self.blob(digest)
    }

    fn config(&self, _manifest: &str, config: &str) -> Option<String> {
        self.blob(config).ok()
    }
}

fn bounded(path: &Path) -> Result<String> {
    let failed = |error: std::io::Error| Error::Usage(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > LARGEST {
        return Err(Error::Usage(format!("{} is too large for a document", path.display())));
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// The JSON files of a layout in a tar stream, by their paths. Everything else, the layers above all, is passed over.
fn documents(stream: impl Read) -> std::io::Result<BTreeMap<String, String>> {
    let mut archive = tar::Archive::new(stream);
    let mut found = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() || entry.size() > LARGEST {
            continue;
        }
        let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if bytes.first() == Some(&b'{')
            && let Ok(text) = String::from_utf8(bytes)
        {
            found.insert(path, text);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::source::read;
    use super::super::{Image, Source};
    use super::*;

    const INDEX: &str = r#"{"manifests": [{"digest": "sha256:ii", "annotations": {"org.opencontainers.image.ref.name": "dev"}}]}"#;
    const PLATFORMS: &str = r#"{"manifests": [
        {"digest": "sha256:aa", "platform": {"os": "linux", "architecture": "amd64"}},
        {"digest": "sha256:bb", "platform": {"os": "linux", "architecture": "arm64"}},
        {"digest": "sha256:at", "platform": {"os": "unknown", "architecture": "unknown"}}]}"#;
    const MANIFEST: &str =
        r#"{"config": {"digest": "sha256:cc"}, "layers": [{"digest": "sha256:l1", "size": 10}]}"#;
    const CONFIG: &str =
        r#"{"os": "linux", "architecture": "amd64", "history": [{"created_by": "[core 1.0.0] x"}]}"#;

    fn files() -> Vec<(&'static str, &'static str)> {
        vec![
            ("index.json", INDEX),
            ("blobs/sha256/ii", PLATFORMS),
            ("blobs/sha256/aa", MANIFEST),
            ("blobs/sha256/cc", CONFIG),
            ("blobs/sha256/l1", "0123456789"),
        ]
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        for (path, text) in files() {
            fs::write(folder.path().join(path), text).unwrap();
        }
        folder
    }

    fn tarball() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, text) in files() {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn image(text: &str, platform: Option<&str>) -> Result<Image> {
        let source: Source = format!("oci:{text}").parse().unwrap();
        let platform = platform.map(|one| one.parse().unwrap());
        read("it", &source, platform.as_ref(), &"linux/amd64".parse().unwrap(), None)
    }

    #[test]
    fn a_folder_and_its_tar_are_the_same_image() {
        let folder = folder();
        let file = folder.path().join("image.tar");
        fs::write(&file, tarball()).unwrap();
        let found = image(&folder.path().to_string_lossy(), None).unwrap();
        assert_eq!(found, image(&file.to_string_lossy(), None).unwrap());
        assert_eq!((found.digest.as_str(), found.platform.as_deref()), ("sha256:aa", Some("linux/amd64")));
        assert_eq!(found.layers[0].created_by.as_deref(), Some("[core 1.0.0] x"));
        assert_eq!((found.size(), found.name.as_str()), (10, "it"));
    }

    #[test]
    fn an_image_is_chosen_by_platform_tag_and_digest() {
        let folder = folder();
        let path = folder.path().to_string_lossy().into_owned();
        assert_eq!(image(&format!("{path}:dev"), None).unwrap().digest, "sha256:aa");
        assert_eq!(image(&format!("{path}@sha256:aa"), None).unwrap().digest, "sha256:aa");
        let said = |text: &str, platform| image(text, platform).unwrap_err().to_string();
        assert!(said(&format!("{path}:old"), None).contains("no image called \"old\""));
        assert!(said(&path, Some("linux/s390x")).contains("has no image for linux/s390x"));
        let wrong = said(&format!("{path}@sha256:aa"), Some("linux/arm64"));
        assert!(wrong.contains("an image for linux/amd64, not for linux/arm64"), "{wrong}");
        assert!(said(&path, Some("linux/arm64")).contains("blobs/sha256/bb"), "its blob is not here");
        assert!(said("/nowhere", None).contains("/nowhere"));
    }
}
