//! A layout: an archive as `--output type=oci` makes it, or a folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci_spec::image::{Descriptor, ImageIndex, MediaType};

use super::OciImage;
use crate::digest::sha256;

/// An OCI layout on disk. Blobs are read when they are asked for. A clone is the same layout.
#[derive(Debug, Clone)]
pub struct OciLayout {
    place: Arc<Place>,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    /// The archive, kept open so that it may be removed meanwhile, and where in it which file begins and how long it is.
    Archive(File, BTreeMap<String, (u64, u64)>),
}

impl OciLayout {
    /// Opens the archive or folder at `path`.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let place = if path.is_dir() { Place::Folder(path.to_owned()) } else { archive(path) };
        Self { place: Arc::new(place) }
    }

    /// The index, from which everything hangs.
    #[must_use]
    pub fn index(&self) -> ImageIndex {
        serde_json::from_slice(&self.file("index.json")).unwrap()
    }

    /// All images, one for each platform. Attestations are no images.
    #[must_use]
    pub fn images(&self) -> Vec<OciImage> {
        let descriptors = self.manifests();
        descriptors.iter().filter(|one| !is_attestation(one)).map(|one| OciImage::new(self, one)).collect()
    }

    /// The attestation manifests, each with the digest of the image that it is about.
    #[must_use]
    pub fn attestations(&self) -> Vec<(String, serde_json::Value)> {
        let about = |one: &Descriptor| {
            let subject = one.annotations().as_ref()?.get("vnd.docker.reference.digest")?.clone();
            Some((subject, serde_json::from_slice(&self.blob(one)).unwrap()))
        };
        self.manifests().iter().filter(|one| is_attestation(one)).filter_map(about).collect()
    }

    /// The image of a layout that has one.
    #[track_caller]
    #[must_use]
    pub fn only_image(&self) -> OciImage {
        let mut images = self.images();
        assert_eq!(images.len(), 1, "images in the layout");
        images.remove(0)
    }

    /// Descriptors of all manifests, those of nested indexes included.
    fn manifests(&self) -> Vec<Descriptor> {
        let mut pending = self.index().manifests().clone();
        let mut manifests = Vec::new();
        while let Some(descriptor) = pending.pop() {
            if *descriptor.media_type() == MediaType::ImageIndex {
                let index: ImageIndex = serde_json::from_slice(&self.blob(&descriptor)).unwrap();
                pending.extend(index.manifests().clone());
            } else {
                manifests.push(descriptor);
            }
        }
        manifests.reverse();
        manifests
    }

    /// A blob's bytes, which are what the descriptor says.
    #[must_use]
    pub fn blob(&self, descriptor: &Descriptor) -> Vec<u8> {
        let bytes = self.file(&blob_path(descriptor));
        assert_eq!(sha256(&bytes), descriptor.digest().to_string(), "digest of a blob");
        assert_eq!(bytes.len() as u64, descriptor.size(), "size of {}", descriptor.digest());
        bytes
    }

    /// A blob to be read in one go; whoever reads it checks it.
    pub(super) fn open_blob(&self, descriptor: &Descriptor) -> Box<dyn Read> {
        self.open_file(&blob_path(descriptor))
    }

    fn file(&self, path: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.open_file(path).read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn open_file(&self, path: &str) -> Box<dyn Read> {
        match &*self.place {
            Place::Folder(folder) => Box::new(File::open(folder.join(path)).unwrap()),
            Place::Archive(file, files) => {
                let found = files.get(path).unwrap_or_else(|| panic!("the layout has no {path}"));
                Box::new(Part { file: file.try_clone().unwrap(), next: found.0, end: found.0 + found.1 })
            }
        }
    }
}

fn blob_path(descriptor: &Descriptor) -> String {
    format!("blobs/{}", descriptor.digest().to_string().replacen(':', "/", 1))
}

fn is_attestation(descriptor: &Descriptor) -> bool {
    let annotations = descriptor.annotations().as_ref();
    annotations.is_some_and(|all| {
        all.get("vnd.docker.reference.type").is_some_and(|kind| kind == "attestation-manifest")
    })
}

fn archive(path: &Path) -> Place {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut archive = tar::Archive::new(file.try_clone().unwrap());
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        files.insert(path, (entry.raw_file_position(), entry.size()));
    }
    Place::Archive(file, files)
}

/// A part of a file. Clones of a file share one position, so it is set before each read.
struct Part {
    file: File,
    next: u64,
    end: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.file.seek(SeekFrom::Start(self.next))?;
        let read = (&self.file).take(self.end - self.next).read(buffer)?;
        self.next += read as u64;
        Ok(read)
    }
}
