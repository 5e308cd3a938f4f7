//! Names of vertices in the progress of a plan: what only one combination has says which, what several share does not.
//!
//! Names are no part of an op's identity, so what combinations share stays one vertex.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bollard_buildkit_proto::pb;
use llb_gen::llb::OpDigest;

use super::row::Row;
use crate::gateway::{
    BuildResult, Daemon, FileStat, Gateway, Process, Ref, ResolvedSource, SolveRequest, SourceLookup, Warning,
};
use crate::status::Status;

/// The member of a description that clients show.
const NAME: &str = "llb.customname";

/// Vertices that several combinations have.
#[derive(Debug, Default)]
pub(super) struct Names {
    shared: BTreeSet<String>,
}

impl Names {
    /// Looks at all that will be solved.
    pub(super) fn of(rows: &[Row]) -> Self {
        let mut first: BTreeMap<String, usize> = BTreeMap::new();
        let mut shared = BTreeSet::new();
        for (at, row) in rows.iter().enumerate() {
            for op in row.definitions().flat_map(|definition| definition.def) {
                let digest = OpDigest::of(&op).to_string();
                let by = *first.entry(digest.clone()).or_insert(at);
                if by != at {
                    shared.insert(digest);
                }
            }
        }
        Self { shared }
    }
}

/// A gateway that puts a combination's name before those of the vertices that are its own.
#[derive(Debug)]
pub(super) struct Prefixing<'g, G> {
    inner: &'g G,
    names: &'g Names,
    slug: &'g str,
}

impl<'g, G> Prefixing<'g, G> {
    /// For a row's combination.
    pub(super) fn new(inner: &'g G, names: &'g Names, slug: &'g str) -> Self {
        Self { inner, names, slug }
    }

    fn named(&self, definition: &mut pb::Definition) {
        for (digest, about) in &mut definition.metadata {
            if self.names.shared.contains(digest) {
                continue;
            }
            if let Some(name) = about.description.get_mut(NAME) {
                *name = format!("[{}] {name}", self.slug);
            }
        }
    }
}

impl<G: Gateway> Gateway for Prefixing<'_, G> {
    async fn ping(&self) -> Result<Daemon, Status> {
        self.inner.ping().await
    }

    async fn inputs(&self) -> Result<BTreeMap<String, pb::Definition>, Status> {
        self.inner.inputs().await
    }

    async fn resolve_source_meta(&self, lookup: SourceLookup) -> Result<ResolvedSource, Status> {
        self.inner.resolve_source_meta(lookup).await
    }

    async fn solve(&self, mut request: SolveRequest) -> Result<Option<Ref>, Status> {
        self.named(&mut request.definition);
        self.inner.solve(request).await
    }

    async fn read_range(&self, reference: &Ref, path: &str, range: Range<u64>) -> Result<Vec<u8>, Status> {
        self.inner.read_range(reference, path, range).await
    }

    async fn read_dir(&self, reference: &Ref, path: &str) -> Result<Vec<FileStat>, Status> {
        self.inner.read_dir(reference, path).await
    }

    async fn stat_file(&self, reference: &Ref, path: &str) -> Result<FileStat, Status> {
        self.inner.stat_file(reference, path).await
    }

    async fn run_process(&self, process: Process) -> Result<Vec<u8>, Status> {
        self.inner.run_process(process).await
    }

    async fn warn(&self, warning: Warning) -> Result<(), Status> {
        self.inner.warn(warning).await
    }

    async fn finish(&self, outcome: Result<BuildResult, Status>) -> Result<(), Status> {
        self.inner.finish(outcome).await
    }
}
