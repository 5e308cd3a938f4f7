//! The one door to images.

use std::io::Write;
use std::path::Path;

use super::engine::LocalImage;
use super::layout::Layout;
use super::source::Source;
use crate::atomic;
use crate::engine::{Engine, EngineHandle, EngineSpec};
use crate::exit::{Error, Result};
use crate::registry::{self, Access, Descriptor, Document, Fault, Found, Name, Referrer, Repository};

/// The end of the tag with statements in envelopes.
pub const ATTESTED: &str = "att";
/// The end of the tag with signatures of the image.
pub const SIGNED: &str = "sig";

/// A place that has an image, with everything that hangs on it. What is read is checked against its digest.
pub trait Store {
    /// What the image's name leads to.
    ///
    /// # Errors
    /// It is not there, nobody could look, or it is not what its name says.
    fn root(&self) -> registry::Result<Found>;

    /// Another manifest or index; nothing where it is not there.
    ///
    /// # Errors
    /// Nobody could look, or it is not what its digest says.
    fn manifest(&self, digest: &str) -> registry::Result<Option<Found>>;

    /// A blob of at most `limit` bytes; nothing where it is not there.
    ///
    /// # Errors
    /// As [`Store::manifest`], or it is longer.
    fn blob(&self, descriptor: &Descriptor, limit: u64) -> registry::Result<Option<Vec<u8>>>;

    /// Puts a blob into a file, whole or not at all; says no where there is none.
    ///
    /// # Errors
    /// As [`Store::manifest`], or the file cannot be written.
    fn blob_to(&self, descriptor: &Descriptor, path: &Path) -> registry::Result<bool> {
        let Some(bytes) = self.blob(descriptor, u64::MAX)? else { return Ok(false) };
        let written = atomic::put(path, |file| file.write_all(&bytes));
        written.map(|()| true).map_err(|fault| Fault::Usage(format!("{}: {fault}", path.display())))
    }

    /// What refers to a manifest, of one kind or of all.
    ///
    /// # Errors
    /// As [`Store::manifest`].
    fn referrers(&self, subject: &str, kind: Option<&str>) -> registry::Result<Vec<Referrer>>;

    /// What a tag beside the image's own leads to; nothing where there is none, and in places that have no tags.
    ///
    /// # Errors
    /// As [`Store::manifest`].
    fn tagged(&self, _tag: &str) -> registry::Result<Option<Found>> {
        Ok(None)
    }

    /// What hangs on a manifest under a tag that is made of its digest and `end`, as cosign had it before there were referrers.
    ///
    /// # Errors
    /// As [`Store::manifest`].
    fn beside(&self, digest: &str, end: &str) -> registry::Result<Option<Document>> {
        let found = self.tagged(&format!("{}.{end}", digest.replacen(':', "-", 1)))?;
        found.map(|found| found.document()).transpose()
    }

    /// A manifest that has to be there, because something else names it.
    ///
    /// # Errors
    /// As [`Store::manifest`], or it is not there.
    fn needed(&self, digest: &str) -> registry::Result<Found> {
        self.manifest(digest)?
            .ok_or_else(|| Fault::Missing(format!("manifest {digest}, which is named there")))
    }

    /// A blob that has to be there, because a manifest names it.
    ///
    /// # Errors
    /// As [`Store::blob`], or it is not there.
    fn needed_blob(&self, descriptor: &Descriptor, limit: u64) -> registry::Result<Vec<u8>> {
        let missing = || Fault::Missing(format!("blob {}, which is named there", descriptor.digest));
        self.blob(descriptor, limit)?.ok_or_else(missing)
    }
}

/// An image of a registry.
#[derive(Debug)]
struct RegistryImage {
    repository: Repository,
    name: Name,
}

impl Store for RegistryImage {
    fn root(&self) -> registry::Result<Found> {
        let missing = || {
            let repository = &self.repository;
            Fault::Missing(format!(
                "{}/{}{} in the registry",
                repository.registry(),
                repository.name(),
                self.name
            ))
        };
        self.repository.manifest(&self.name)?.ok_or_else(missing)
    }

    fn manifest(&self, digest: &str) -> registry::Result<Option<Found>> {
        self.repository.manifest(&Name::Digest(digest.to_owned()))
    }

    fn blob(&self, descriptor: &Descriptor, limit: u64) -> registry::Result<Option<Vec<u8>>> {
        self.repository.blob(descriptor, limit)
    }

    fn tagged(&self, tag: &str) -> registry::Result<Option<Found>> {
        self.repository.manifest(&Name::Tag(tag.to_owned()))
    }

    fn blob_to(&self, descriptor: &Descriptor, path: &Path) -> registry::Result<bool> {
        self.repository.blob_to(descriptor, path)
    }

    fn referrers(&self, subject: &str, kind: Option<&str>) -> registry::Result<Vec<Referrer>> {
        self.repository.referrers(subject, kind)
    }
}

/// Where images are looked for.
#[derive(Debug)]
pub struct Places {
    /// How registries are reached.
    pub access: Access,
    /// Which engine's store is meant.
    spec: Option<EngineSpec>,
}

impl Places {
    /// Registries, layouts, and the store of an engine, which is looked for when it is needed; none is brought up for it.
    #[must_use]
    pub fn new(access: Access, spec: EngineSpec) -> Self {
        Self { access, spec: Some(spec) }
    }

    /// Registries and layouts alone.
    #[must_use]
    pub fn without_engine(access: Access) -> Self {
        Self { access, spec: None }
    }

    fn engine(&self) -> Result<Option<EngineHandle>> {
        self.spec.as_ref().map_or(Ok(None), Engine::find)
    }

    /// Opens an image. A plain name means the engine's own image where an engine is there that has it, else the registry's.
    ///
    /// # Errors
    /// A layout that is none, an engine that is needed and does not answer or does not have the image.
    pub fn open(&self, source: &Source) -> Result<Box<dyn Store>> {
        match source {
            Source::Oci(path) => Ok(Box::new(Layout::open(path)?)),
            Source::Local(reference) => {
                let engine = self.engine()?;
                let engine = engine.ok_or_else(|| {
                    Error::engine("no engine answers: bring one up with `factory engine up`")
                })?;
                Ok(Box::new(LocalImage::open(&engine, reference)?))
            }
            Source::Registry(reference) => self.registry(reference),
            Source::Named(reference) => match self.engine()? {
                Some(engine) if LocalImage::exists(&engine, reference)? => {
                    Ok(Box::new(LocalImage::open(&engine, reference)?))
                }
                _ => self.registry(reference),
            },
        }
    }

    fn registry(&self, reference: &llb_gen::model::ImageRef) -> Result<Box<dyn Store>> {
        let repository = Repository::open(reference, &self.access)?;
        Ok(Box::new(RegistryImage { repository, name: Name::of(reference) }))
    }
}
