//! A store whose blobs are kept until the export is done, so that one which was interrupted goes on where it was.

use std::fs;
use std::path::PathBuf;

use crate::images::Store;
use crate::registry::{Descriptor, Fault, Found, Referrer, Result, checked};

/// Smaller blobs are fetched again.
const WORTH_KEEPING: u64 = 64 << 10;

/// A store, and the folder in which its larger blobs are kept.
pub(super) struct Cached<'s> {
    pub(super) store: &'s dyn Store,
    pub(super) folder: PathBuf,
}

impl Store for Cached<'_> {
    fn root(&self) -> Result<Found> {
        self.store.root()
    }

    fn manifest(&self, digest: &str) -> Result<Option<Found>> {
        self.store.manifest(digest)
    }

    fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Option<Vec<u8>>> {
        if descriptor.size < WORTH_KEEPING
            || descriptor.size > limit
            || !crate::registry::is_digest(&descriptor.digest)
        {
            return self.store.blob(descriptor, limit);
        }
        let failed = |fault: std::io::Error| Fault::Usage(format!("{}: {fault}", self.folder.display()));
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let path = self.folder.join(descriptor.digest.replace(':', "-"));
        if !path.exists() && !self.store.blob_to(descriptor, &path)? {
            return Ok(None);
        }
        let what = format!("{} in {}", descriptor.digest, self.folder.display());
        match checked(fs::read(&path).map_err(failed)?, &descriptor.digest, &what) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(_) => {
                // Somebody has changed it here: what the store has is what counts.
                fs::remove_file(&path).map_err(failed)?;
                self.store.blob(descriptor, limit)
            }
        }
    }

    fn referrers(&self, subject: &str, kind: Option<&str>) -> Result<Vec<Referrer>> {
        self.store.referrers(subject, kind)
    }

    fn tagged(&self, tag: &str) -> Result<Option<Found>> {
        self.store.tagged(tag)
    }
}
