//! Definitions from elsewhere as part of a graph: a frontend's own image, a client's inputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use bollard_buildkit_proto::pb;
use prost::Message as _;

use super::vertex::{Edge, OutputIndex, Vertex};
use super::{CachePolicy, LineRange, Loading, Location, Meta, OpDigest, ProgressGroup, SourceInfo, State};

/// Why a definition cannot become part of a graph.
#[derive(Debug, thiserror::Error)]
pub enum SpliceError {
    /// The bytes are no definition, or one of its ops is no op.
    #[error("not a definition")]
    Decode(#[from] prost::DecodeError),
    /// An op refers to one that is not there.
    #[error("op {op} of the definition needs {input}, which is not in it")]
    MissingInput {
        /// The op.
        op: OpDigest,
        /// The digest it refers to.
        input: String,
    },
    /// An op refers to an output that cannot be.
    #[error("op {op} of the definition needs output {index} of another")]
    OutputIndex {
        /// The op.
        op: OpDigest,
        /// The index.
        index: i64,
    },
    /// The last op is not a terminal one (one input, nothing else).
    #[error("the last op of the definition has {0} inputs, expected one and nothing else")]
    Terminal(usize),
}

impl State {
    /// The filesystem of an encoded `pb.Definition`, its ops taken byte for byte.
    ///
    /// # Errors
    /// [`SpliceError`] where the bytes are no definition or the graph is not whole.
    pub fn decode(bytes: &[u8]) -> Result<Self, SpliceError> {
        Self::splice(&pb::Definition::decode(bytes)?)
    }

    /// The filesystem of a definition, its ops taken byte for byte with what is said about them. An empty definition, or one
    /// whose last op has no input, is scratch.
    ///
    /// # Errors
    /// [`SpliceError`] where the graph is not whole.
    pub fn splice(definition: &pb::Definition) -> Result<Self, SpliceError> {
        let Some((last, rest)) = definition.def.split_last() else { return Ok(Self::scratch()) };
        let terminal = pb::Op::decode(last.as_slice())?;
        if terminal.op.is_some() || terminal.inputs.len() > 1 {
            return Err(SpliceError::Terminal(terminal.inputs.len()));
        }
        let Some(input) = terminal.inputs.first() else { return Ok(Self::scratch()) };
        let mut splicer = Splicer::new(definition, rest)?;
        let edge = splicer.edge(&OpDigest::of(last), input)?;
        Ok(Self::of(edge))
    }
}

struct Splicer<'a> {
    definition: &'a pb::Definition,
    files: Vec<Arc<SourceInfo>>,
    ops: BTreeMap<String, (&'a [u8], pb::Op)>,
    done: BTreeMap<String, Arc<Vertex>>,
}

impl<'a> Splicer<'a> {
    fn new(definition: &'a pb::Definition, ops: &'a [Vec<u8>]) -> Result<Self, SpliceError> {
        let infos = definition.source.iter().flat_map(|source| &source.infos);
        let files = infos.map(|info| {
            Arc::new(SourceInfo {
                filename: info.filename.clone(),
                data: info.data.as_slice().into(),
                language: info.language.clone(),
                loading: info.definition.as_ref().and_then(Loading::by),
            })
        });
        let mut decoded = BTreeMap::new();
        for bytes in ops {
            let op = pb::Op::decode(bytes.as_slice())?;
            decoded.insert(OpDigest::of(bytes).to_string(), (bytes.as_slice(), op));
        }
        Ok(Self { definition, files: files.collect(), ops: decoded, done: BTreeMap::new() })
    }

    /// The edge that an input of `user` names. Goes depth first in a loop; digests make cycles impossible.
    fn edge(&mut self, user: &OpDigest, input: &pb::Input) -> Result<Edge, SpliceError> {
        let mut pending = vec![(user.clone(), input.digest.clone())];
        while let Some((user, digest)) = pending.last().cloned() {
            let Some((bytes, op)) = self.ops.get(&digest) else {
                return Err(SpliceError::MissingInput { op: user, input: digest });
            };
            let missing: Vec<String> =
                op.inputs.iter().map(|i| i.digest.clone()).filter(|d| !self.done.contains_key(d)).collect();
            if missing.is_empty() {
                let inputs =
                    op.inputs.iter().map(|input| self.finished(&digest, input)).collect::<Result<_, _>>()?;
                let vertex = Vertex::from_bytes(bytes.to_vec(), inputs, self.meta(&digest));
                self.done.insert(digest, vertex);
                pending.pop();
            } else {
                let user = OpDigest::of(bytes);
                pending.extend(missing.into_iter().map(|digest| (user.clone(), digest)));
            }
        }
        self.finished(user.as_str(), input)
    }

    fn finished(&self, user: &str, input: &pb::Input) -> Result<Edge, SpliceError> {
        let op = || self.ops.get(user).map_or_else(|| OpDigest::of(&[]), |(bytes, _)| OpDigest::of(bytes));
        let Some(vertex) = self.done.get(&input.digest) else {
            return Err(SpliceError::MissingInput { op: op(), input: input.digest.clone() });
        };
        let output = u32::try_from(input.index)
            .map_err(|_| SpliceError::OutputIndex { op: op(), index: input.index })?;
        Ok(Edge { vertex: Arc::clone(vertex), output: OutputIndex(output) })
    }

    fn meta(&self, digest: &str) -> Meta {
        let mut meta = self.definition.metadata.get(digest).map(meta_from_pb).unwrap_or_default();
        let locations = self.definition.source.as_ref().and_then(|source| source.locations.get(digest));
        for location in locations.iter().flat_map(|locations| locations.locations.iter().rev()) {
            let Some(file) = usize::try_from(location.source_index).ok().and_then(|at| self.files.get(at))
            else {
                continue;
            };
            for range in location.ranges.iter().rev() {
                let line =
                    |p: &Option<pb::Position>| p.as_ref().map_or(0, |p| u32::try_from(p.line).unwrap_or(0));
                let lines = LineRange::new(line(&range.start), line(&range.end));
                meta = meta.location(Location { file: Arc::clone(file), lines });
            }
        }
        meta
    }
}

fn meta_from_pb(wire: &pb::OpMetadata) -> Meta {
    let mut meta = Meta::default();
    for (key, value) in &wire.description {
        meta = if key == "llb.customname" { meta.rename(value) } else { meta.description(key, value) };
    }
    if let Some(group) = &wire.progress_group {
        meta = meta.group(ProgressGroup { id: group.id.clone(), name: group.name.clone(), weak: group.weak });
    }
    if wire.ignore_cache {
        meta = meta.cache(CachePolicy::Ignore);
    }
    if let Some(export) = &wire.export_cache {
        meta = meta.export_cache(export.value);
    }
    let known = super::Cap::ALL.iter().copied().filter(|cap| wire.caps.contains_key(cap.id()));
    meta.with_caps(known)
}
