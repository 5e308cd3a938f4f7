//! Images of an engine's own store.

use std::process::Stdio;
use std::time::Duration;

use llb_gen::model::ImageRef;

use super::layout::Layout;
use super::store::Store;
use crate::engine::EngineHandle;
use crate::exit::{Error, Result};
use crate::process::{capture, spawn};
use crate::registry::{self, Descriptor, Found, Referrer};

/// How long one question to an engine may take.
const LIMIT: Duration = Duration::from_secs(60);

/// An image of the engine's own store.
#[derive(Debug)]
pub(super) struct LocalImage(Layout);

impl LocalImage {
    /// Whether the engine has it.
    ///
    /// # Errors
    /// The client cannot be started.
    pub(super) fn exists(engine: &EngineHandle, reference: &ImageRef) -> Result<bool> {
        if !engine.keeps_images() {
            return Ok(false);
        }
        let mut command = engine.docker();
        command.args(["image", "inspect", &reference.to_string()]);
        Ok(capture(command, LIMIT)?.ok)
    }

    /// Reads its documents out of `docker save`, the only door to them: the layers come by and are passed over.
    ///
    /// # Errors
    /// The engine does not have it, or does not save it as an OCI layout (Docker 25 and later do).
    pub(super) fn open(engine: &EngineHandle, reference: &ImageRef) -> Result<Self> {
        if !Self::exists(engine, reference)? {
            return Err(Error::NotFound(format!("the engine has no image {}", reference.familiar())));
        }
        let mut command = engine.docker();
        command.args(["save", &reference.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = spawn(&mut command, "docker save")?;
        let layout = child.stdout.take().map(Layout::of_tar);
        let status = child.wait().map_err(|error| Error::io("cannot wait for docker save", error))?;
        match layout {
            Some(Ok(layout)) if status.success() => Ok(Self(layout)),
            Some(Err(error)) if status.success() => {
                Err(Error::io("cannot read what docker save wrote", error))
            }
            _ => Err(Error::engine(format!("docker save {} failed ({status})", reference.familiar()))),
        }
    }
}

impl Store for LocalImage {
    fn root(&self) -> registry::Result<Found> {
        self.0.root()
    }

    fn manifest(&self, digest: &str) -> registry::Result<Option<Found>> {
        self.0.manifest(digest)
    }

    fn blob(&self, descriptor: &Descriptor, limit: u64) -> registry::Result<Option<Vec<u8>>> {
        self.0.blob(descriptor, limit)
    }

    fn referrers(&self, subject: &str, kind: Option<&str>) -> registry::Result<Vec<Referrer>> {
        self.0.referrers(subject, kind)
    }
}
