//! Images that an engine or its client reads: of the engine's own store, and of registries.

use std::process::Stdio;
use std::time::Duration;

use llb_gen::model::ImageRef;

use super::oci::Layout;
use super::source::Blobs;
use crate::engine::EngineHandle;
use crate::exit::{Error, Result};
use crate::process::{capture, spawn};

/// How long one question to an engine or a registry may take.
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
            return Err(Error::Usage(format!("the engine has no image {}", reference.familiar())));
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

impl Blobs for LocalImage {
    fn root(&self) -> Result<(String, String)> {
        self.0.root()
    }

    fn document(&self, digest: &str) -> Result<String> {
        self.0.document(digest)
    }

    fn config(&self, manifest: &str, config: &str) -> Option<String> {
        self.0.config(manifest, config)
    }
}

/// An image of a registry, read by buildx with the client's own credentials.
#[derive(Debug)]
pub(super) struct RegistryImage<'e> {
    engine: &'e EngineHandle,
    reference: ImageRef,
}

impl<'e> RegistryImage<'e> {
    pub(super) fn new(engine: &'e EngineHandle, reference: &ImageRef) -> Self {
        Self { engine, reference: reference.clone() }
    }

    fn inspect(&self, options: &[&str], reference: &str) -> Result<String> {
        let mut command = self.engine.buildx();
        command.args(["imagetools", "inspect"]).args(options).arg(reference);
        let out = capture(command, LIMIT)?;
        match out.ok {
            true => Ok(out.stdout),
            false => Err(Error::Usage(format!("the registry does not give it: {}", out.stderr.trim()))),
        }
    }

    fn by_digest(&self, digest: &str) -> String {
        format!("{}/{}@{digest}", self.reference.registry(), self.reference.repository())
    }
}

impl Blobs for RegistryImage<'_> {
    fn root(&self) -> Result<(String, String)> {
        let reference = self.reference.to_string();
        let json = self.inspect(&["--raw"], &reference)?;
        // The digest of what a name leads to is that of its bytes.
        let digest = llb_gen::llb::OpDigest::of(json.as_bytes()).to_string();
        Ok((digest, json))
    }

    fn document(&self, digest: &str) -> Result<String> {
        self.inspect(&["--raw"], &self.by_digest(digest))
    }

    /// buildx shows the config of a manifest, not blobs by their digest.
    fn config(&self, manifest: &str, _config: &str) -> Option<String> {
        self.inspect(&["--format", "{{json .Image}}"], &self.by_digest(manifest)).ok()
    }
}
