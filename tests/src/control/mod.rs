//! Builds without a client program, through BuildKit's control API, as `buildctl` makes them.
//!
//! The connection is `docker buildx dial-stdio`: a program whose standard input and output are HTTP/2 to the daemon's
//! BuildKit. Over it go two calls: `Solve`, and `Session`, a stream of bytes inside of which the daemon is the client of
//! a second HTTP/2 connection and fetches our files.

mod filesync;
mod grpc;
mod session;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::{Exporter, SolveRequest, SolveResponse};
use tokio::process::{Child, Command};

use crate::{Lab, unique};
use grpc::Channel;

/// How long a build may take.
const LIMIT: Duration = Duration::from_secs(300);

/// A build as the control API takes it.
#[derive(Debug, Clone, Default)]
pub struct ControlBuild {
    /// The frontend: `gateway.v0`, or one that is built into the daemon.
    pub frontend: String,
    /// Its options.
    pub options: BTreeMap<String, String>,
    /// Folders that the daemon may read, by the names that frontends ask for.
    pub folders: BTreeMap<String, PathBuf>,
    /// Where the result goes, and how; nowhere when absent.
    pub exporter: Option<(String, BTreeMap<String, String>)>,
}

impl ControlBuild {
    /// A build of `folder` by the frontend image `source`, loaded by `gateway.v0`.
    #[must_use]
    pub fn gateway(source: &str, folder: &Path, filename: &str) -> Self {
        let text = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let options = [("source", source), ("filename", filename), ("image-resolve-mode", "local")];
        let folders = ["context", "dockerfile"].map(|name| (name.to_owned(), folder.to_owned()));
        Self {
            frontend: "gateway.v0".to_owned(),
            options: options.map(text).into(),
            folders: folders.into(),
            exporter: None,
        }
    }

    /// With an image in the daemon's store as its result.
    #[must_use]
    pub fn store(mut self, name: &str) -> Self {
        let attributes = [("name", name), ("oci-mediatypes", "true")];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.exporter = Some(("image".to_owned(), attributes.into()));
        self
    }

    /// With an image in a registry as its result.
    #[must_use]
    pub fn push(self, name: &str) -> Self {
        self.store(name).attribute("push", "true").attribute("store", "false")
    }

    /// With an attribute of the result.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        for (_, attributes) in self.exporter.iter_mut() {
            attributes.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// With an option of the frontend.
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Runs the build on the lab's engine and gives the exporter's answer: `containerimage.digest` and others.
    ///
    /// # Errors
    /// The message of the daemon's status.
    pub fn run(&self) -> Result<BTreeMap<String, String>, String> {
        self.run_by(Lab::get().buildx())
    }

    /// The same on the engine that this `docker buildx` talks to.
    ///
    /// # Errors
    /// The message of the daemon's status.
    pub fn run_by(&self, buildx: std::process::Command) -> Result<BTreeMap<String, String>, String> {
        let _slot = Lab::get().slot();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut dial = Dial::start(buildx);
            let solved = tokio::time::timeout(LIMIT, self.solve(&mut dial)).await;
            dial.end().await;
            solved.unwrap_or_else(|_| panic!("the build still ran after {LIMIT:?}"))
        })
    }

    async fn solve(&self, dial: &mut Dial) -> Result<BTreeMap<String, String>, String> {
        let channel = Channel::open(dial.stream()).await;
        let id = unique();
        let session = session::open(&channel, &id, &self.folders).await?;
        let answer: Result<SolveResponse, String> =
            channel.unary("/moby.buildkit.v1.Control/Solve", &self.request(&id)).await;
        session.abort();
        Ok(answer?.exporter_response.into_iter().collect())
    }

    fn request(&self, session: &str) -> SolveRequest {
        let exporter = self.exporter.iter();
        let exporter = exporter.map(|(kind, attributes)| Exporter {
            r#type: kind.clone(),
            attrs: attributes.clone().into_iter().collect(),
        });
        SolveRequest {
            r#ref: unique(),
            session: session.to_owned(),
            frontend: self.frontend.clone(),
            frontend_attrs: self.options.clone().into_iter().collect(),
            exporters: exporter.collect(),
            ..SolveRequest::default()
        }
    }
}

/// The program that stands between us and the daemon.
struct Dial {
    child: Child,
}

impl Dial {
    fn start(buildx: std::process::Command) -> Self {
        let mut command = Command::from(buildx);
        command.arg("dial-stdio").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self { child: command.kill_on_drop(true).spawn().unwrap() }
    }

    fn stream(&mut self) -> impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static {
        tokio::io::join(self.child.stdout.take().unwrap(), self.child.stdin.take().unwrap())
    }

    async fn end(mut self) {
        let _ = self.child.kill().await; // it may have ended with its input
    }
}
