//! A gateway that follows a script: it serves files and images from maps, and writes down every call with the
//! *level* at which it was made. All calls of one level are under way at the same time; a level ends when the
//! frontend can do nothing more without an answer.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bollard_buildkit_proto::pb;
use frontend::gateway::{
    BuildResult, Daemon, FileKind, FileStat, Gateway, Process, Ref, ResolvedImage, ResolvedSource,
    SolveRequest, SourceLookup, Warning,
};
use frontend::status::Status;
use llb_gen::glob;
use llb_gen::llb::OpDigest;
use prost::Message as _;

/// One call with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Call {
    Ping,
    Inputs,
    Resolve(SourceLookup),
    Solve(SolveRequest),
    ReadFile(String),
    ReadDir(String),
    StatFile(String),
    Process(Process),
    Warn(Warning),
    Return(Result<BuildResult, Status>),
}

impl Call {
    /// The call's name, with its most telling argument.
    pub(crate) fn short(&self) -> String {
        match self {
            Self::Ping => "Ping".into(),
            Self::Inputs => "Inputs".into(),
            Self::Resolve(lookup) => format!("Resolve {}", lookup.source.identifier),
            Self::Solve(request) => match local_source(&request.definition) {
                Some(source) => format!("Solve {}", source.attrs["local.sharedkeyhint"]),
                None if tests(&request.definition).is_some() => "Solve tests".into(),
                None if request.evaluate => "Solve evaluate".into(),
                None => "Solve".into(),
            },
            Self::ReadFile(path) => format!("ReadFile {path}"),
            Self::ReadDir(path) => format!("ReadDir {path}"),
            Self::StatFile(path) => format!("StatFile {path}"),
            Self::Process(process) => format!("Process {}", process.argv.join(" ")),
            Self::Warn(warning) => format!("Warn {}", warning.short),
            Self::Return(Ok(_)) => "Return".into(),
            Self::Return(Err(_)) => "Return error".into(),
        }
    }
}

/// What a path of the client leads to.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    File(Vec<u8>),
    Pipe,
    Link(String),
}

#[derive(Debug, Default)]
struct State {
    level: usize,
    calls: Vec<(usize, Call)>,
    wakers: Vec<Waker>,
    refs: BTreeMap<String, pb::Definition>,
}

/// The script and the record.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    pub(crate) daemon: Daemon,
    pub(crate) inputs: BTreeMap<String, pb::Definition>,
    /// Files by local source and path.
    pub(crate) files: BTreeMap<String, BTreeMap<String, Node>>,
    /// Digest and config by the image's identifier and platform (`os/arch`), or by the identifier alone.
    pub(crate) images: BTreeMap<String, (String, Vec<u8>)>,
    /// Times of repositories and downloads, by their identifiers.
    pub(crate) times: BTreeMap<String, u64>,
    /// Rewritten identifiers, as a source policy makes them.
    pub(crate) rewritten: BTreeMap<String, String>,
    /// Files of what was built, in whichever filesystem they are asked for, by their paths from its root.
    pub(crate) built: BTreeMap<String, Vec<u8>>,
    /// What processes print.
    pub(crate) printed: Vec<u8>,
    /// What execs leave in their evidence mounts, by the name of the exec; what a solve past the cache leaves comes second.
    pub(crate) evidence: BTreeMap<String, [BTreeMap<String, Node>; 2]>,
    /// Calls that fail, by what their short form starts with.
    pub(crate) failures: BTreeMap<String, Status>,
    /// Solves that fail when they are evaluated, by the digest of an op that is in their definition.
    pub(crate) failing_solves: BTreeMap<String, Status>,
    state: RefCell<State>,
}

impl Scripted {
    /// A daemon for linux/amd64.
    pub(crate) fn new() -> Self {
        let platform =
            pb::Platform { os: "linux".into(), architecture: "amd64".into(), ..Default::default() };
        let llb_caps = llb_gen::llb::Cap::ALL.iter().map(|cap| cap.id().to_owned()).collect();
        let daemon = Daemon { platforms: vec![platform], llb_caps, ..Default::default() };
        Self { daemon, ..Default::default() }
    }

    /// Adds a file of the client.
    pub(crate) fn file(&mut self, local: &str, path: &str, content: impl Into<Vec<u8>>) {
        self.node(local, path, Node::File(content.into()));
    }

    /// Adds a file of what is built.
    pub(crate) fn built(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.built.insert(path.to_owned(), content.into());
    }

    /// Adds anything to the client's files.
    pub(crate) fn node(&mut self, local: &str, path: &str, node: Node) {
        self.files.entry(local.to_owned()).or_default().insert(path.to_owned(), node);
    }

    /// Adds an image.
    pub(crate) fn image(&mut self, identifier: &str, digest: &str, config: &str) {
        self.images.insert(identifier.to_owned(), (digest.to_owned(), config.as_bytes().to_vec()));
    }

    /// Drives a conversation to its end, one level after another.
    pub(crate) fn drive<T>(&self, conversation: impl Future<Output = T>) -> T {
        let mut conversation = pin!(conversation);
        let mut context = Context::from_waker(Waker::noop());
        self.state.borrow_mut().level = 1;
        loop {
            let before = self.state.borrow().calls.len();
            if let Poll::Ready(outcome) = conversation.as_mut().poll(&mut context) {
                return outcome;
            }
            let mut state = self.state.borrow_mut();
            assert!(
                state.calls.len() > before || !state.wakers.is_empty(),
                "the conversation waits for nothing"
            );
            state.level += 1;
            let wakers = std::mem::take(&mut state.wakers);
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Every call with its level.
    pub(crate) fn calls(&self) -> Vec<(usize, Call)> {
        self.state.borrow().calls.clone()
    }

    /// The calls of each level in short form, sorted within it.
    pub(crate) fn levels(&self) -> Vec<Vec<String>> {
        let mut levels: Vec<Vec<String>> = Vec::new();
        for (level, call) in self.calls() {
            levels.resize(levels.len().max(level), Vec::new());
            levels[level - 1].push(call.short());
        }
        levels.iter_mut().for_each(|level| level.sort());
        levels
    }

    /// Calls whose short form starts with `prefix`.
    pub(crate) fn matching(&self, prefix: &str) -> Vec<Call> {
        self.calls()
            .into_iter()
            .map(|(_, call)| call)
            .filter(|call| call.short().starts_with(prefix))
            .collect()
    }

    /// Writes the call down and waits for the next level.
    async fn record(&self, call: Call) -> Result<(), Status> {
        let short = call.short();
        let issued = {
            let mut state = self.state.borrow_mut();
            let level = state.level;
            state.calls.push((level, call));
            level
        };
        std::future::poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            if state.level > issued {
                return Poll::Ready(());
            }
            state.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
        let failure = self.failures.iter().find(|(prefix, _)| short.starts_with(prefix.as_str()));
        failure.map_or(Ok(()), |(_, status)| Err(status.clone()))
    }

    /// What is at `path`, if the filter of the source lets it through; links are followed within the source.
    fn lookup(&self, reference: &Ref, path: &str) -> Result<Node, Status> {
        let missing = || Status::new(format!("open {path}: no such file or directory"));
        let state = self.state.borrow();
        if let Some((name, again)) = tests(&state.refs[reference.id()])
            && let Some(left) = self.evidence.get(&name)
        {
            return left[usize::from(again)].get(path).cloned().ok_or_else(missing);
        }
        let Some(source) = local_source(&state.refs[reference.id()]) else {
            let built = self.built.get(path.trim_start_matches('/')).cloned();
            return built.map(Node::File).ok_or_else(missing);
        };
        let name = source.identifier.strip_prefix("local://").expect("a local source");
        let follow: Vec<String> =
            serde_json::from_str(&source.attrs["local.followpaths"]).expect("a JSON array");
        if !follow.iter().any(|pattern| covers(pattern, path)) {
            return Err(missing());
        }
        match self.files.get(name).and_then(|files| files.get(path)) {
            None => Err(missing()),
            Some(Node::Link(target)) => self.files[name].get(target).cloned().ok_or_else(missing),
            Some(node) => Ok(node.clone()),
        }
    }

    /// Direct children of `folder` as the source's filter lets them through.
    fn children(&self, reference: &Ref, folder: &str) -> Result<Vec<FileStat>, Status> {
        let state = self.state.borrow();
        let Some(source) = local_source(&state.refs[reference.id()]) else {
            let files = self.built.iter().map(|(path, bytes)| FileStat {
                name: path.clone(),
                kind: FileKind::Regular,
                size: bytes.len() as u64,
                link: String::new(),
            });
            return Ok(files.collect());
        };
        let name = source.identifier.strip_prefix("local://").expect("a local source");
        let follow: Vec<String> =
            serde_json::from_str(&source.attrs["local.followpaths"]).expect("a JSON array");
        let prefix = if folder.is_empty() || folder == "." { String::new() } else { format!("{folder}/") };
        let mut found: BTreeMap<String, FileStat> = BTreeMap::new();
        for (path, node) in self.files.get(name).into_iter().flatten() {
            let Some(rest) = path.strip_prefix(&prefix) else { continue };
            if !follow.iter().any(|pattern| covers(pattern, path)) {
                continue;
            }
            let (child, kind) = match rest.split_once('/') {
                Some((child, _)) => (child, FileKind::Directory),
                None => (rest, kind(node)),
            };
            let link = if let Node::Link(target) = node { target.clone() } else { String::new() };
            let size =
                if let (Node::File(bytes), FileKind::Regular) = (node, kind) { bytes.len() } else { 0 };
            let stat = FileStat { name: child.to_owned(), kind, size: size as u64, link };
            found.insert(child.to_owned(), stat);
        }
        match found.is_empty() {
            true => Err(Status::new(format!("lstat {folder}: no such file or directory"))),
            false => Ok(found.into_values().collect()),
        }
    }
}

fn kind(node: &Node) -> FileKind {
    match node {
        Node::File(_) => FileKind::Regular,
        Node::Pipe => FileKind::Special,
        Node::Link(_) => FileKind::Symlink,
    }
}

/// Whether a follow path (with wildcards) lets `path` through: the path itself or what is below it.
fn covers(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    pattern.split('/').all(|expected| parts.next().is_some_and(|part| glob::matches(expected, part)))
}

/// The name of the exec of tests that a definition is about, and whether it is to be solved past the cache.
pub(crate) fn tests(definition: &pb::Definition) -> Option<(String, bool)> {
    let named = definition.metadata.values().find_map(|metadata| {
        let name = metadata.description.get("llb.customname")?;
        let label = name.strip_prefix('[')?.split(']').next()?;
        label.ends_with("tests").then(|| (name.clone(), metadata.ignore_cache))
    });
    named.filter(|_| !definition.def.is_empty())
}

/// The local source of a definition that consists of nothing else.
pub(crate) fn local_source(definition: &pb::Definition) -> Option<pb::SourceOp> {
    let op = pb::Op::decode(definition.def.first()?.as_slice()).ok()?;
    match op.op {
        Some(pb::op::Op::Source(source))
            if definition.def.len() == 2 && source.identifier.starts_with("local://") =>
        {
            Some(source)
        }
        _ => None,
    }
}

impl Gateway for Scripted {
    async fn ping(&self) -> Result<Daemon, Status> {
        self.record(Call::Ping).await?;
        Ok(self.daemon.clone())
    }

    async fn inputs(&self) -> Result<BTreeMap<String, pb::Definition>, Status> {
        self.record(Call::Inputs).await?;
        Ok(self.inputs.clone())
    }

    async fn resolve_source_meta(&self, lookup: SourceLookup) -> Result<ResolvedSource, Status> {
        self.record(Call::Resolve(lookup.clone())).await?;
        let asked = lookup.source.identifier.clone();
        let identifier = self.rewritten.get(&asked).cloned().unwrap_or(asked);
        let platform =
            lookup.platform.map(|one| format!("{}/{}", one.os, one.architecture)).unwrap_or_default();
        let rewritten = lookup.source.identifier != identifier;
        let is_image = identifier.starts_with("docker-image://")
            || (identifier.starts_with("oci-layout://") && !rewritten);
        if !is_image {
            let time = self.times.get(&identifier).copied();
            let source = pb::SourceOp { identifier, ..lookup.source };
            return Ok(ResolvedSource { source, image: None, time });
        }
        let image =
            self.images.get(&format!("{identifier} {platform}")).or_else(|| self.images.get(&identifier));
        let Some((digest, config)) = image else {
            return Err(Status::new(format!("{identifier}: not found")));
        };
        let image = Some(ResolvedImage { digest: digest.clone(), config: config.clone() });
        Ok(ResolvedSource { source: pb::SourceOp { identifier, ..lookup.source }, image, time: None })
    }

    async fn solve(&self, request: SolveRequest) -> Result<Option<Ref>, Status> {
        self.record(Call::Solve(request.clone())).await?;
        assert!(!request.definition.def.is_empty(), "an empty definition must not be solved");
        let digests = request.definition.def.iter().map(|op| OpDigest::of(op).to_string());
        let failure =
            digests.filter(|_| request.evaluate).find_map(|digest| self.failing_solves.get(&digest));
        if let Some(status) = failure {
            return Err(status.clone());
        }
        let mut state = self.state.borrow_mut();
        let id = format!("ref{}", state.refs.len());
        state.refs.insert(id.clone(), request.definition);
        Ok(Ref::from_id(id))
    }

    async fn read_range(&self, reference: &Ref, path: &str, range: Range<u64>) -> Result<Vec<u8>, Status> {
        self.record(Call::ReadFile(path.to_owned())).await?;
        match self.lookup(reference, path)? {
            Node::File(bytes) => {
                let at = |bound: u64| usize::try_from(bound).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes[at(range.start)..at(range.end)].to_vec())
            }
            // Opening a pipe blocks the daemon until somebody writes to it.
            Node::Pipe => std::future::pending().await,
            other @ Node::Link(_) => panic!("{path} leads to {other:?}"),
        }
    }

    async fn read_dir(&self, reference: &Ref, path: &str) -> Result<Vec<FileStat>, Status> {
        self.record(Call::ReadDir(path.to_owned())).await?;
        self.children(reference, path)
    }

    async fn stat_file(&self, reference: &Ref, path: &str) -> Result<FileStat, Status> {
        self.record(Call::StatFile(path.to_owned())).await?;
        let node = self.lookup(reference, path)?;
        let size = if let Node::File(bytes) = &node { bytes.len() as u64 } else { 0 };
        Ok(FileStat { name: path.to_owned(), kind: kind(&node), size, link: String::new() })
    }

    async fn run_process(&self, process: Process) -> Result<Vec<u8>, Status> {
        self.record(Call::Process(process)).await?;
        Ok(self.printed.clone())
    }

    async fn warn(&self, warning: Warning) -> Result<(), Status> {
        self.record(Call::Warn(warning)).await
    }

    async fn finish(&self, outcome: Result<BuildResult, Status>) -> Result<(), Status> {
        self.record(Call::Return(outcome)).await
    }
}
