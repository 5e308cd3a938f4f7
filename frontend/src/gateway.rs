//! What the frontend asks of BuildKit: the part of `LLBBridge` that it uses, in its own words.
//!
//! [`Gateway`] is narrow on purpose: the real one speaks gRPC ([`grpc`]), the one of the tests is a script that
//! writes down what it was asked.

mod container;
pub mod fitting;
pub mod grpc;
pub mod stdio;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::ops::Range;

use bollard_buildkit_proto::pb;
use llb_gen::llb::Resources;

use crate::status::Status;

/// The daemon at the other end, as `Ping` describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Daemon {
    /// Capabilities of LLB that can be used (listed *and* enabled).
    pub llb_caps: BTreeSet<String>,
    /// Capabilities of the gateway that can be used.
    pub gateway_caps: BTreeSet<String>,
    /// Platforms of the first worker, its own first.
    pub platforms: Vec<pb::Platform>,
}

impl Daemon {
    /// Whether the gateway has a capability. A daemon that lists none is asked to have it.
    #[must_use]
    pub fn has(&self, cap: &str) -> bool {
        self.gateway_caps.is_empty() || self.gateway_caps.contains(cap)
    }
}

/// A handle of a filesystem that BuildKit made or can make; valid for the life of this process. The empty
/// filesystem has no handle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ref(String);

impl Ref {
    /// A handle by its id; `None` for the empty id, which stands for the empty filesystem.
    pub fn from_id(id: impl Into<String>) -> Option<Self> {
        let id = id.into();
        (!id.is_empty()).then_some(Self(id))
    }

    /// The id on the wire.
    pub fn id(&self) -> &str {
        &self.0
    }
}

/// A remote cache to look into, as `docker buildx build --cache-from` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheImport {
    /// Its kind: `registry`, `local`, `gha`, …
    pub kind: String,
    /// Its attributes.
    pub attrs: BTreeMap<String, String>,
}

/// A definition to register.
#[derive(Debug, Clone, PartialEq)]
pub struct SolveRequest {
    /// What to solve.
    pub definition: pb::Definition,
    /// Limits of its execs, by the digests of their ops.
    pub resources: BTreeMap<String, Resources>,
    /// Remote caches that may hold parts of it.
    pub cache_imports: Vec<CacheImport>,
    /// Whether to build it before answering.
    pub evaluate: bool,
}

/// A source whose metadata is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceLookup {
    /// The source, for an image `docker-image://` and the whole reference.
    pub source: pb::SourceOp,
    /// Which of a multi-platform image is meant.
    pub platform: Option<pb::Platform>,
    /// How the step is called in the client's progress.
    pub log_name: String,
    /// `default`, `pull` or `local`; empty is `default`.
    pub resolve_mode: String,
}

/// What a source resolved to.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedSource {
    /// The source, possibly rewritten by a source policy.
    pub source: pb::SourceOp,
    /// Present for images.
    pub image: Option<ResolvedImage>,
    /// Of repositories the time of the commit, of downloads that of the file, in seconds since 1970, where it is known.
    pub time: Option<u64>,
}

/// An image that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedImage {
    /// Digest of the root (an index where there is one); empty for some images of a daemon's own store.
    pub digest: String,
    /// Bytes of the image config.
    pub config: Vec<u8>,
}

/// What kind of file a path leads to, from the mode bits that Go's `fs.FileMode` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A pipe, socket or device: opening it may block for ever.
    Special,
}

/// One file as `StatFile` and `ReadDir` describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStat {
    /// Its name in its directory.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// Where a symbolic link points, as written.
    pub link: String,
}

/// A warning that the client shows with the lines it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Warning {
    /// Digest of a vertex that this build shows already.
    pub vertex: String,
    /// One line.
    pub short: String,
    /// More lines, shown on request.
    pub detail: Vec<String>,
    /// A page about it; empty for none.
    pub url: String,
    /// The file it is about.
    pub info: Option<pb::SourceInfo>,
    /// The lines it is about.
    pub ranges: Vec<pb::Range>,
}

/// The filesystems of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultRefs {
    /// One filesystem; `None` is the empty one.
    Single(Option<Ref>),
    /// One filesystem per platform id.
    PerPlatform(BTreeMap<String, Option<Ref>>),
}

/// What BuildKit finds at the path of an [`Attestation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttestationKind {
    /// A file with the predicate alone, of which BuildKit makes a statement about the image.
    Predicate,
    /// A folder of whole in-toto statements, one a file.
    Bundle,
}

/// Something that is said about an image, as BuildKit takes it from a frontend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// What is to be found at the path.
    pub kind: AttestationKind,
    /// The filesystem that holds it.
    pub reference: Ref,
    /// The path there.
    pub path: String,
    /// The predicate's type.
    pub predicate_type: String,
    /// What exporters are told about it.
    pub metadata: BTreeMap<String, Vec<u8>>,
}

/// What a build or a subrequest gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildResult {
    /// The filesystems.
    pub refs: ResultRefs,
    /// Image configs and everything else that the exporter or the client reads.
    pub metadata: BTreeMap<String, Vec<u8>>,
    /// Attestations by platform id, as `refs.platforms` has it, also where there is one platform alone: exporters drop those
    /// of any other key without a word.
    pub attestations: BTreeMap<String, Vec<Attestation>>,
}

/// A process in a container of its own: the way to what a failed exec has left on its mounts, which the daemon gives to
/// containers alone. Nothing that it does is cached or kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its root, of which it gets a copy.
    pub root: Ref,
    /// What else it sees, read-only: where, and the id of a [`Ref`] or of a mount of a failed exec.
    pub mounts: Vec<(String, String)>,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// How many bytes it may write to its standard output.
    pub limit: u64,
}

/// The calls that the frontend makes. Any of them may be made while others are under way.
pub trait Gateway {
    /// Which capabilities and platforms the daemon has.
    fn ping(&self) -> impl Future<Output = Result<Daemon, Status>>;

    /// Definitions that the client handed in, by name.
    fn inputs(&self) -> impl Future<Output = Result<BTreeMap<String, pb::Definition>, Status>>;

    /// Looks up digest and config of an image, or what another source resolves to.
    fn resolve_source_meta(
        &self,
        lookup: SourceLookup,
    ) -> impl Future<Output = Result<ResolvedSource, Status>>;

    /// Registers a definition. Without `evaluate` nothing is built or even checked yet.
    fn solve(&self, request: SolveRequest) -> impl Future<Output = Result<Option<Ref>, Status>>;

    /// The bytes of a regular file, at most `limit` of them. Builds the filesystem first where needed.
    fn read_file(
        &self,
        reference: &Ref,
        path: &str,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<u8>, Status>> {
        self.read_range(reference, path, 0..limit)
    }

    /// As [`Gateway::read_file`], the bytes of a range, as far as the file has them.
    fn read_range(
        &self,
        reference: &Ref,
        path: &str,
        range: Range<u64>,
    ) -> impl Future<Output = Result<Vec<u8>, Status>>;

    /// The direct children of a directory.
    fn read_dir(&self, reference: &Ref, path: &str) -> impl Future<Output = Result<Vec<FileStat>, Status>>;

    /// One file, links followed.
    fn stat_file(&self, reference: &Ref, path: &str) -> impl Future<Output = Result<FileStat, Status>>;

    /// Runs a process to its end, without a network, and gives its standard output. One that ends with another exit code
    /// than 0 is an error, with what it wrote to its standard error.
    fn run_process(&self, process: Process) -> impl Future<Output = Result<Vec<u8>, Status>>;

    /// Shows a warning.
    fn warn(&self, warning: Warning) -> impl Future<Output = Result<(), Status>>;

    /// Ends the conversation with a result or a failure.
    fn finish(&self, outcome: Result<BuildResult, Status>) -> impl Future<Output = Result<(), Status>>;
}
