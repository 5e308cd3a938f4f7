//! Folders that a build takes files from: of the client, or made by something else.

use std::collections::BTreeMap;

use bollard_buildkit_proto::pb;
use llb_gen::llb::source::Http;
use llb_gen::llb::{Copy, FileOp, Graph, Loading, Meta, OpDigest, Resources, State};
use llb_gen::ordered::ordered;
use prost::Message as _;

use crate::gateway::{CacheImport, Gateway, Ref, SolveRequest};
use crate::options::{GitContext, Options};
use crate::status::Status;

/// Where a folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    /// A directory of the client, by the name under which it is sent. Only what is named is transferred.
    Client(String),
    /// A filesystem: a repository, an archive, an image, what another build made.
    Made(State),
}

/// The file name of what a URL answers.
pub const DOWNLOAD: &str = "context";

impl Folder {
    /// A repository.
    pub fn repository(git: &GitContext) -> Self {
        Self::Made(git.state(format!("[internal] load git source {}", git.url)))
    }

    /// What a URL answers, as the file [`DOWNLOAD`].
    pub fn download(url: &str) -> Self {
        let about = Meta::named("[internal] load remote build context");
        Self::Made(Http::new(url).filename(DOWNLOAD).meta(about).state())
    }

    /// The files of a downloaded archive.
    #[must_use]
    pub fn unpacked(self) -> Self {
        self.made(|state| {
            let copy = Copy::new(state, format!("/{DOWNLOAD}"), "/").unpack();
            FileOp::on(&State::scratch())
                .copy(copy)
                .meta(Meta::named("[internal] unpack remote build context"))
                .state()
        })
    }

    /// A folder in it. A directory of the client is left as it is: the client itself has chosen it.
    #[must_use]
    pub fn subdirectory(self, path: Option<&str>) -> Self {
        let Some(path) = path else { return self };
        self.made(|state| {
            let copy = Copy::new(state, format!("/{path}"), "/").dir_contents();
            let about = Meta::named(format!("[internal] take {path} of the build context"));
            FileOp::on(&State::scratch()).copy(copy).meta(about).state()
        })
    }

    fn made(self, change: impl FnOnce(&State) -> State) -> Self {
        match self {
            Self::Client(name) => Self::Client(name),
            Self::Made(state) => Self::Made(change(&state)),
        }
    }
}

/// A source that files can be read from.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Its filesystem; nothing for the empty one.
    pub reference: Option<Ref>,
    /// How its files are loaded.
    pub loading: Option<Loading>,
}

/// A definition to read files from.
#[derive(Debug, Clone)]
pub struct Source {
    definition: pb::Definition,
    vertex: String,
}

impl Source {
    /// The files of a filesystem.
    pub fn of(state: &State) -> Self {
        let vertex = state.vertex().map(|vertex| vertex.digest().to_string()).unwrap_or_default();
        Self { definition: Graph::of(state).marshal(), vertex }
    }

    /// A local source that is part of `definition`, by its name and transfer key: the very same op, so that what is
    /// transferred to look at it is not transferred again by the build.
    pub fn within(definition: &pb::Definition, name: &str, hint: &str) -> Option<Self> {
        let op = definition.def.iter().find(|op| is_local_source(op, name, hint))?;
        let digest = OpDigest::of(op).to_string();
        let input = pb::Input { digest: digest.clone(), index: 0 };
        let terminal = pb::Op { inputs: vec![input], ..Default::default() }.encode_to_vec();
        let metadata = ordered([
            (digest.clone(), definition.metadata.get(&digest).cloned().unwrap_or_default()),
            (OpDigest::of(&terminal).to_string(), pb::OpMetadata::default()),
        ]);
        let definition = pb::Definition { def: vec![op.clone(), terminal], metadata, source: None };
        Some(Self { definition, vertex: digest })
    }

    /// Digest of the vertex, under which the client shows it.
    pub fn vertex(&self) -> &str {
        &self.vertex
    }

    /// The definition itself.
    pub fn definition(&self) -> &pb::Definition {
        &self.definition
    }

    /// How files of it are loaded.
    pub fn loading(&self) -> Option<Loading> {
        Loading::by(&self.definition)
    }

    /// Registers the definition, to read files from it.
    ///
    /// # Errors
    /// BuildKit's own.
    pub async fn open(&self, gateway: &impl Gateway) -> Result<Opened, Status> {
        Ok(Opened { reference: self.solve(gateway).await?, loading: self.loading() })
    }

    /// Registers the definition; the empty filesystem has no handle.
    ///
    /// # Errors
    /// BuildKit's own.
    pub async fn solve(&self, gateway: &impl Gateway) -> Result<Option<Ref>, Status> {
        solve(gateway, self.definition.clone(), BTreeMap::new(), &[]).await
    }
}

fn is_local_source(op: &[u8], name: &str, hint: &str) -> bool {
    match pb::Op::decode(op).ok().and_then(|op| op.op) {
        Some(pb::op::Op::Source(source)) => {
            source.identifier.strip_prefix("local://") == Some(name)
                && source.attrs.get("local.sharedkeyhint").is_some_and(|given| given == hint)
        }
        _ => false,
    }
}

/// Registers a definition without building it. The empty definition is the empty filesystem, which must not be
/// solved.
///
/// # Errors
/// BuildKit's own.
pub async fn solve(
    gateway: &impl Gateway,
    definition: pb::Definition,
    resources: BTreeMap<String, Resources>,
    cache_imports: &[CacheImport],
) -> Result<Option<Ref>, Status> {
    if definition.def.is_empty() {
        return Ok(None);
    }
    let request =
        SolveRequest { definition, resources, cache_imports: cache_imports.to_vec(), evaluate: false };
    gateway.solve(request).await
}

/// The control files `paths` of a folder: all of a made one, and of the client's no more than these.
pub fn control_files(
    options: &Options,
    folder: &Folder,
    paths: &[String],
    purpose: &str,
    title: &str,
) -> Source {
    match folder {
        Folder::Made(state) => Source::of(state),
        Folder::Client(name) => {
            let hint = format!("{name}:{purpose}:{}", options.filename);
            let local = crate::local::control_files(options, name, paths, &hint);
            Source::of(&local.meta(Meta::named(title)).state())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ops(folder: &Folder) -> Vec<pb::Op> {
        let Folder::Made(state) = folder else { panic!("{folder:?} is of the client") };
        let graph = Graph::of(state);
        graph.verify().unwrap();
        graph.marshal().def.iter().map(|op| pb::Op::decode(op.as_slice()).unwrap()).collect()
    }

    #[test]
    fn an_archive_is_unpacked_from_its_download() {
        let ops = ops(&Folder::download("https://x.org/a.tar.gz").unpacked().subdirectory(Some("sub")));
        let Some(pb::op::Op::Source(source)) = &ops[0].op else { panic!("{:?}", ops[0]) };
        assert_eq!(
            (source.identifier.as_str(), source.attrs["http.filename"].as_str()),
            ("https://x.org/a.tar.gz", "context")
        );
        let Some(pb::op::Op::File(file)) = &ops[1].op else { panic!("{:?}", ops[1]) };
        let Some(pb::file_action::Action::Copy(copy)) = &file.actions[0].action else { panic!("{file:?}") };
        assert!(copy.attempt_unpack_docker_compatibility);
        assert_eq!(ops.len(), 4, "download, unpack, sub-directory, terminal");
    }

    #[test]
    fn a_directory_of_the_client_is_left_as_it_is() {
        let folder = Folder::Client("context".into());
        assert_eq!(folder.clone().subdirectory(Some("x")).unpacked(), folder);
    }
}
