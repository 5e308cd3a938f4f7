//! [`Gateway`] over gRPC.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bollard_buildkit_proto::fsutil::types::Stat;
use bollard_buildkit_proto::moby::buildkit::v1::{apicaps::ApiCap, frontend as wire};
use bollard_buildkit_proto::pb;
use bytes::{Buf as _, BufMut as _, Bytes};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Response, Uri};
use llb_gen::llb::{Cap, encode_definition};
use llb_gen::ordered::ordered;
use prost::Message;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use super::{
    Attestation, AttestationKind, BuildResult, Daemon, FileKind, FileStat, Gateway, Process, Ref,
    ResolvedImage, ResolvedSource, ResultRefs, SolveRequest, SourceLookup, Warning, container,
};
use crate::epoch;
use crate::status::Status;

/// BuildKit sends at most 16 MiB; leave room so that its own message says what is wrong.
const MAX_MESSAGE: usize = 64 << 20;
/// For calls that need nothing but the daemon itself.
const CONTROL: Duration = Duration::from_secs(60);
/// For calls that wait for the client's files or for a registry.
const TRANSFER: Duration = Duration::from_secs(600);
/// For a process that reads a few files.
const PROCESS: Duration = Duration::from_secs(60);

/// The real gateway.
#[derive(Debug, Clone)]
pub struct GrpcGateway {
    connection: Connection,
    /// How many containers there have been: each has a name of its own.
    containers: Arc<AtomicU64>,
}

impl GrpcGateway {
    /// A gateway over an HTTP/2 connection.
    pub fn new(connection: SendRequest<Body>) -> Self {
        Self { connection: Connection(connection), containers: Arc::default() }
    }

    async fn call<A>(&self, name: &str, limit: Option<Duration>, request: &impl Message) -> Result<A, Status>
    where
        A: Message + Default,
    {
        answer_of(name, self.exchange(name, limit, request.encode_to_vec()).await?)
    }

    /// One call on encoded messages, within `limit`.
    async fn exchange(&self, name: &str, limit: Option<Duration>, request: Vec<u8>) -> Result<Bytes, Status> {
        let answer = Box::pin(self.unary(name, request));
        match limit {
            None => answer.await,
            Some(limit) => tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
                Err(Status::new(format!("BuildKit did not answer {name} within {} s", limit.as_secs())))
            }),
        }
    }

    async fn unary(&self, name: &str, request: Vec<u8>) -> Result<Bytes, Status> {
        let path = path_of(name)?;
        let mut client = self.client().await?;
        Ok(client.unary(tonic::Request::new(request), path, Encoded).await?.into_inner())
    }

    async fn client(&self) -> Result<Grpc<Connection>, Status> {
        let origin = Uri::from_static("http://localhost");
        let mut client =
            Grpc::with_origin(self.connection.clone(), origin).max_decoding_message_size(MAX_MESSAGE);
        client
            .ready()
            .await
            .map_err(|error| Status::new(format!("the connection to BuildKit ended: {error}")))?;
        Ok(client)
    }

    /// Runs a process in a container that is there already.
    async fn talk(&self, container: &str, process: &Process) -> Result<Vec<u8>, Status> {
        let path = path_of("ExecProcess")?;
        let mut client = self.client().await?;
        let request = tonic::Request::new(container::start(container, process));
        let mut answers = client.streaming(request, path, Encoded).await?.into_inner();
        let mut conversation = container::Conversation::new(process.limit);
        while let Some(message) = answers.message().await? {
            if conversation.take(message)? {
                break;
            }
        }
        conversation.output()
    }
}

fn path_of(name: &str) -> Result<PathAndQuery, Status> {
    PathAndQuery::from_maybe_shared(format!("/moby.buildkit.v1.frontend.LLBBridge/{name}"))
        .map_err(|error| Status::new(format!("{name} is not a call: {error}")))
}

impl Gateway for GrpcGateway {
    async fn ping(&self) -> Result<Daemon, Status> {
        let pong: wire::PongResponse = self.call("Ping", Some(CONTROL), &wire::PingRequest {}).await?;
        let llb_caps = if pong.llb_caps.is_empty() { frozen_caps() } else { enabled(pong.llb_caps) };
        Ok(Daemon {
            llb_caps,
            gateway_caps: enabled(pong.frontend_api_caps),
            platforms: pong.workers.into_iter().next().map(|worker| worker.platforms).unwrap_or_default(),
        })
    }

    async fn inputs(&self) -> Result<BTreeMap<String, pb::Definition>, Status> {
        let inputs: wire::InputsResponse =
            self.call("Inputs", Some(CONTROL), &wire::InputsRequest {}).await?;
        Ok(ordered(inputs.definitions))
    }

    async fn resolve_source_meta(&self, lookup: SourceLookup) -> Result<ResolvedSource, Status> {
        let asked = lookup.source.clone();
        let commit = asked.identifier.starts_with("git://");
        let request = wire::ResolveSourceMetaRequest {
            source: Some(lookup.source),
            platform: lookup.platform,
            log_name: lookup.log_name,
            resolve_mode: lookup.resolve_mode,
            git: commit.then_some(wire::ResolveSourceGitRequest { return_object: true }),
            ..Default::default()
        };
        let found: wire::ResolveSourceMetaResponse =
            self.call("ResolveSourceMeta", Some(TRANSFER), &request).await?;
        let image = found.image.map(|image| ResolvedImage { digest: image.digest, config: image.config });
        let commit = found.git.and_then(|git| epoch::of_commit(&git.commit_object));
        let modified = found.http.and_then(|http| u64::try_from(http.last_modified?.seconds).ok());
        Ok(ResolvedSource { source: found.source.unwrap_or(asked), image, time: commit.or(modified) })
    }

    async fn solve(&self, request: SolveRequest) -> Result<Option<Ref>, Status> {
        let limit = (!request.evaluate).then_some(CONTROL);
        let answer = self.exchange("Solve", limit, solve_message(request)).await?;
        let solved: wire::SolveResponse = answer_of("Solve", answer)?;
        Ok(match solved.result.and_then(|result| result.result) {
            Some(wire::result::Result::Ref(reference)) => Ref::from_id(reference.id),
            Some(wire::result::Result::RefDeprecated(id)) => Ref::from_id(id),
            _ => Ref::from_id(solved.r#ref),
        })
    }

    async fn read_range(&self, reference: &Ref, path: &str, range: Range<u64>) -> Result<Vec<u8>, Status> {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let (offset, length) = (signed(range.start), signed(range.end.saturating_sub(range.start)));
        let request = wire::ReadFileRequest {
            r#ref: reference.id().to_owned(),
            file_path: path.to_owned(),
            range: Some(wire::FileRange { offset, length }),
            ..Default::default()
        };
        let file: wire::ReadFileResponse = self.call("ReadFile", Some(TRANSFER), &request).await?;
        Ok(file.data)
    }

    async fn read_dir(&self, reference: &Ref, path: &str) -> Result<Vec<FileStat>, Status> {
        let request = wire::ReadDirRequest {
            r#ref: reference.id().to_owned(),
            dir_path: path.to_owned(),
            ..Default::default()
        };
        let found: wire::ReadDirResponse = self.call("ReadDir", Some(TRANSFER), &request).await?;
        Ok(found.entries.into_iter().map(file_stat).collect())
    }

    async fn stat_file(&self, reference: &Ref, path: &str) -> Result<FileStat, Status> {
        let request = wire::StatFileRequest {
            r#ref: reference.id().to_owned(),
            path: path.to_owned(),
            ..Default::default()
        };
        let found: wire::StatFileResponse = self.call("StatFile", Some(TRANSFER), &request).await?;
        found.stat.map(file_stat).ok_or_else(|| Status::new(format!("BuildKit says nothing about {path}")))
    }

    async fn run_process(&self, process: Process) -> Result<Vec<u8>, Status> {
        // Letters and digits are all that may be in it.
        let id = format!("factory{}", self.containers.fetch_add(1, Ordering::Relaxed));
        let request = container::new_container(&id, &process);
        let _: wire::NewContainerResponse = self.call("NewContainer", Some(CONTROL), &request).await?;
        let talk = Box::pin(self.talk(&id, &process));
        let said = tokio::time::timeout(PROCESS, talk).await.unwrap_or_else(|_| {
            Err(Status::new(format!("the process did not end within {} s", PROCESS.as_secs())))
        });
        let request = wire::ReleaseContainerRequest { container_id: id };
        // One that cannot be released goes with the build; what was said counts.
        let _: Result<wire::ReleaseContainerResponse, Status> =
            self.call("ReleaseContainer", Some(CONTROL), &request).await;
        said
    }

    async fn warn(&self, warning: Warning) -> Result<(), Status> {
        let request = wire::WarnRequest {
            digest: warning.vertex,
            level: 1,
            short: warning.short.into_bytes(),
            detail: warning.detail.into_iter().map(String::into_bytes).collect(),
            url: warning.url,
            info: warning.info,
            ranges: warning.ranges,
        };
        let _: wire::WarnResponse = self.call("Warn", Some(CONTROL), &request).await?;
        Ok(())
    }

    async fn finish(&self, outcome: Result<BuildResult, Status>) -> Result<(), Status> {
        let request = match outcome {
            Ok(result) => wire::ReturnRequest { result: Some(result_message(result)), error: None },
            Err(status) => wire::ReturnRequest { result: None, error: Some(status.into_proto()) },
        };
        let _: wire::ReturnResponse = self.call("Return", Some(CONTROL), &request).await?;
        Ok(())
    }
}

fn enabled(caps: Vec<ApiCap>) -> BTreeSet<String> {
    ordered(caps.into_iter().filter(|cap| cap.enabled).map(|cap| cap.id))
}

/// What a daemon can do that does not say: all that there was before daemons said.
fn frozen_caps() -> BTreeSet<String> {
    ordered(Cap::ALL.iter().filter(|cap| cap.since() == "0.3").map(|cap| cap.id().to_owned()))
}

fn answer_of<A: Message + Default>(name: &str, answer: Bytes) -> Result<A, Status> {
    A::decode(answer).map_err(|error| Status::new(format!("the answer to {name} cannot be read: {error}")))
}

/// The message with its definition, which is encoded apart: limits are beyond the generated types.
fn solve_message(request: SolveRequest) -> Vec<u8> {
    let definition = encode_definition(&request.definition, &request.resources);
    let cache_imports = request
        .cache_imports
        .into_iter()
        .map(|import| wire::CacheOptionsEntry {
            r#type: import.kind,
            attrs: import.attrs.into_iter().collect(),
        })
        .collect();
    let rest = wire::SolveRequest {
        allow_result_return: true,
        allow_result_array_ref: true,
        cache_imports,
        evaluate: request.evaluate,
        ..Default::default()
    };
    let mut message = rest.encode_to_vec();
    prost::encoding::bytes::encode(1, &definition, &mut message);
    message
}

fn result_message(result: BuildResult) -> wire::Result {
    let refs = match result.refs {
        ResultRefs::Single(reference) => wire::result::Result::Ref(ref_message(reference)),
        ResultRefs::PerPlatform(refs) => wire::result::Result::Refs(wire::RefMap {
            refs: refs.into_iter().map(|(platform, reference)| (platform, ref_message(reference))).collect(),
        }),
    };
    let attestations = result.attestations.into_iter().map(|(platform, attestations)| {
        let attestation = attestations.into_iter().map(attestation_message).collect();
        (platform, wire::Attestations { attestation })
    });
    wire::Result {
        metadata: result.metadata.into_iter().collect(),
        attestations: attestations.collect(),
        result: Some(refs),
    }
}

/// No subject at all means the image itself.
fn attestation_message(attestation: Attestation) -> wire::Attestation {
    let kind = match attestation.kind {
        AttestationKind::Predicate => wire::AttestationKind::InToto,
        AttestationKind::Bundle => wire::AttestationKind::Bundle,
    };
    wire::Attestation {
        kind: kind.into(),
        metadata: attestation.metadata.into_iter().collect(),
        r#ref: Some(ref_message(Some(attestation.reference))),
        path: attestation.path,
        in_toto_predicate_type: attestation.predicate_type,
        in_toto_subjects: Vec::new(),
    }
}

fn ref_message(reference: Option<Ref>) -> wire::Ref {
    wire::Ref { id: reference.map(|reference| reference.id().to_owned()).unwrap_or_default(), def: None }
}

fn file_stat(stat: Stat) -> FileStat {
    FileStat {
        name: stat.path.rsplit('/').next().unwrap_or_default().to_owned(),
        kind: file_kind(stat.mode),
        size: u64::try_from(stat.size).unwrap_or(0),
        link: stat.linkname,
    }
}

/// Bits of Go's `fs.FileMode`.
fn file_kind(mode: u32) -> FileKind {
    const DIRECTORY: u32 = 1 << 31;
    const SYMLINK: u32 = 1 << 27;
    const DEVICE_PIPE_SOCKET_CHARDEV_IRREGULAR: u32 = 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;
    match mode {
        mode if mode & DIRECTORY != 0 => FileKind::Directory,
        mode if mode & SYMLINK != 0 => FileKind::Symlink,
        mode if mode & DEVICE_PIPE_SOCKET_CHARDEV_IRREGULAR != 0 => FileKind::Special,
        _ => FileKind::Regular,
    }
}

/// hyper's HTTP/2 connection as the service that tonic's client wants.
#[derive(Debug, Clone)]
struct Connection(SendRequest<Body>);

impl GrpcService<Body> for Connection {
    type ResponseBody = Incoming;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// Messages that are encoded already: one instance of the whole protocol serves every call.
#[derive(Debug, Clone, Copy)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Vec<u8>;
    type Error = tonic::Status;

    fn encode(&mut self, message: Vec<u8>, frame: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        frame.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, frame: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(frame.copy_to_bytes(frame.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use llb_gen::llb::Resources;

    use super::*;
    use crate::gateway::CacheImport;

    #[test]
    fn kinds_of_files_follow_gos_mode_bits() {
        let table = [
            (0o644, FileKind::Regular),
            (1 << 31 | 0o755, FileKind::Directory),
            (1 << 27 | 0o777, FileKind::Symlink),
            (1 << 25 | 0o644, FileKind::Special),
            (1 << 26 | 1 << 21 | 0o600, FileKind::Special),
            (1 << 24 | 0o600, FileKind::Special),
        ];
        for (mode, kind) in table {
            assert_eq!(file_kind(mode), kind, "mode {mode:o}");
        }
    }

    #[test]
    fn limits_reach_the_metadata_of_their_op() {
        let mut definition = pb::Definition { def: vec![b"op".to_vec()], ..Default::default() };
        definition.metadata.insert("a".into(), pb::OpMetadata { ignore_cache: true, ..Default::default() });
        definition.metadata.insert("b".into(), pb::OpMetadata::default());
        let limits = Resources { memory: 64 << 20, memory_swap: -1, ..Default::default() };
        let resources = BTreeMap::from([("a".to_owned(), limits)]);
        let imports = vec![CacheImport { kind: "registry".into(), attrs: BTreeMap::new() }];
        let request = SolveRequest {
            definition: definition.clone(),
            resources,
            cache_imports: imports,
            evaluate: false,
        };
        let bytes = solve_message(request);
        let read = wire::SolveRequest::decode(bytes.as_slice()).unwrap();
        assert_eq!(read.definition.as_ref(), Some(&definition), "what the generated types know is as it was");
        assert_eq!(read.cache_imports[0].r#type, "registry");
        // OpMetadata of `a`: ignore_cache (1), linux_resources (7) of memory (1) 64 MiB and memorySwap (2) -1.
        let expected = b"\x08\x01\x3a\x10\x08\x80\x80\x80\x20\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert!(bytes.windows(expected.len()).any(|part| part == expected), "{bytes:x?}");
    }

    #[test]
    fn attestations_are_predicates_about_their_platforms_image() {
        let attestation = Attestation {
            kind: AttestationKind::Predicate,
            reference: Ref::from_id("files").unwrap(),
            path: "/test-result.json".into(),
            predicate_type: "https://example.org/predicate/v1".into(),
            metadata: BTreeMap::from([("inline-only".to_owned(), b"true".to_vec())]),
        };
        let result = BuildResult {
            refs: ResultRefs::Single(Ref::from_id("image")),
            metadata: BTreeMap::new(),
            attestations: BTreeMap::from([("linux/arm/v7".to_owned(), vec![attestation])]),
        };
        let sent = result_message(result).encode_to_vec();
        let read = wire::Result::decode(sent.as_slice()).unwrap();
        let [attestation] = &read.attestations["linux/arm/v7"].attestation[..] else { panic!("{read:?}") };
        assert_eq!(
            (attestation.kind, attestation.path.as_str()),
            (0, "/test-result.json"),
            "a predicate, no bundle"
        );
        assert_eq!(attestation.r#ref.as_ref().unwrap().id, "files");
        assert_eq!(attestation.in_toto_predicate_type, "https://example.org/predicate/v1");
        assert!(attestation.in_toto_subjects.is_empty(), "the image itself");
        assert_eq!(attestation.metadata["inline-only"], b"true");
    }

    #[test]
    fn disabled_capabilities_do_not_count() {
        let cap = |id: &str, enabled| ApiCap { id: id.into(), enabled, ..Default::default() };
        assert_eq!(
            enabled(vec![cap("mergeop", false), cap("file.base", true)]),
            BTreeSet::from(["file.base".into()])
        );
    }
}
