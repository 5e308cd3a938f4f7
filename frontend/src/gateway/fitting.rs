//! A gateway that keeps to what its daemon takes: messages of bearable size, and no warnings where there are none.
//!
//! A definition names everything below it and cannot refer to what an earlier one was about, so one that is too large cannot be
//! split. What can be left out of it is what is only *about* its ops: first the capabilities, which were compared with the
//! daemon's own before, then how files were loaded, then the files, which excerpts are cut from.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;

use bollard_buildkit_proto::pb;
use llb_gen::llb::{Cap, OpDigest, Resources};
use prost::Message as _;

use super::{
    BuildResult, Daemon, FileStat, Gateway, Process, Ref, ResolvedSource, SolveRequest, SourceLookup, Warning,
};
use crate::status::Status;

/// Bytes of a message that BuildKit before 0.14 takes: gRPC's own default.
const OLD: usize = 4 << 20;
/// What later releases take.
const NEW: usize = 16 << 20;
/// What came with the larger messages.
const CAME_WITH: Cap = Cap::FILE_COPY_ALWAYS_REPLACE;
/// For what is in a message beside the definition.
const REST: usize = 64 << 10;

/// The gateway, with what is known of its daemon.
#[derive(Debug)]
pub struct Fitting<'g, G> {
    inner: &'g G,
    limit: Cell<usize>,
    warns: Cell<bool>,
}

impl<'g, G> Fitting<'g, G> {
    /// Nothing is known of the daemon before it was asked ([`Gateway::ping`]): the first definitions are small ones.
    pub fn new(inner: &'g G) -> Self {
        Self { inner, limit: Cell::new(OLD), warns: Cell::new(true) }
    }
}

/// The request as it is sent.
struct Fitted {
    request: SolveRequest,
    /// Whether clients will show no lines of files.
    without_files: bool,
}

/// What is sent for a request in a message of `limit` bytes.
fn fit(mut request: SolveRequest, limit: usize) -> Result<Fitted, Status> {
    let whole = size(&request.definition, &request.resources);
    if whole + REST <= limit {
        return Ok(Fitted { request, without_files: false });
    }
    request.definition.metadata.values_mut().for_each(|about| about.caps.clear());
    if size(&request.definition, &request.resources) + REST <= limit {
        return Ok(Fitted { request, without_files: false });
    }
    files(&mut request).for_each(|file| file.definition = None);
    if size(&request.definition, &request.resources) + REST <= limit {
        return Ok(Fitted { request, without_files: false });
    }
    files(&mut request).for_each(|file| file.data.clear());
    match size(&request.definition, &request.resources) {
        least if least + REST <= limit => Ok(Fitted { request, without_files: true }),
        least => Err(too_large(whole, least, request.definition.def.len(), limit)),
    }
}

fn files(request: &mut SolveRequest) -> impl Iterator<Item = &mut pb::SourceInfo> {
    request.definition.source.iter_mut().flat_map(|source| &mut source.infos)
}

fn size(definition: &pb::Definition, resources: &BTreeMap<String, Resources>) -> usize {
    definition.encoded_len() + resources.values().map(|one| one.encoded_len() + 8).sum::<usize>()
}

fn too_large(whole: usize, least: usize, ops: usize, limit: usize) -> Status {
    let newer =
        if limit < NEW { "use an engine with BuildKit 0.14 or later, which takes 16 MiB; or " } else { "" };
    Status::new(format!(
        "the build's definition has {} ({} without the files that it is about) in {ops} ops, and this engine takes messages of {}: \
         it cannot be split, since a definition names everything below it. What helps: {newer}`copy` files of fragments instead \
         of writing long ones with `file`, select fewer fragments, or build a part of the product by itself and make that the base",
        shown(whole),
        shown(least),
        shown(limit),
    ))
}

/// A size as people read it: tenths of a MiB, rounded up.
fn shown(bytes: usize) -> String {
    let tenths = (bytes * 10).div_ceil(1 << 20);
    match tenths % 10 {
        0 => format!("{} MiB", tenths / 10),
        tenth => format!("{}.{tenth} MiB", tenths / 10),
    }
}

impl<G: Gateway> Gateway for Fitting<'_, G> {
    async fn ping(&self) -> Result<Daemon, Status> {
        let daemon = self.inner.ping().await?;
        self.limit.set(if daemon.llb_caps.contains(CAME_WITH.id()) { NEW } else { OLD });
        self.warns.set(daemon.has("gateway.warnings"));
        Ok(daemon)
    }

    async fn inputs(&self) -> Result<BTreeMap<String, pb::Definition>, Status> {
        self.inner.inputs().await
    }

    async fn resolve_source_meta(&self, lookup: SourceLookup) -> Result<ResolvedSource, Status> {
        self.inner.resolve_source_meta(lookup).await
    }

    async fn solve(&self, request: SolveRequest) -> Result<Option<Ref>, Status> {
        let Fitted { request, without_files } = fit(request, self.limit.get())?;
        let last = request.definition.def.iter().rev().nth(1).map(|op| OpDigest::of(op).to_string());
        let solved = self.inner.solve(request).await?;
        if let Some(vertex) = last.filter(|_| without_files) {
            self.warn(without_excerpts(vertex)).await?;
        }
        Ok(solved)
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
        if self.warns.get() { self.inner.warn(warning).await } else { Ok(()) }
    }

    async fn finish(&self, outcome: Result<BuildResult, Status>) -> Result<(), Status> {
        self.inner.finish(outcome).await
    }
}

fn without_excerpts(vertex: String) -> Warning {
    Warning {
        vertex,
        short: "large-definition: the definition is sent without the files that it is about, or the engine would not take it"
            .to_owned(),
        detail: vec!["steps that fail will not show their lines, and the provenance has no files".to_owned()],
        url: String::new(),
        info: None,
        ranges: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A definition with `ops` bytes of ops, as many of files and as many of capabilities, about.
    fn request(ops: usize, files: usize, caps: usize) -> SolveRequest {
        let cap = |at: usize| (format!("{at:064}"), true);
        let about = pb::OpMetadata { caps: (0..caps / 70).map(cap).collect(), ..Default::default() };
        let loaded = pb::Definition { def: vec![vec![0; 1000]], ..Default::default() };
        let data = vec![b'x'; files];
        let info = pb::SourceInfo { data, definition: Some(loaded), ..Default::default() };
        let definition = pb::Definition {
            def: vec![vec![0; ops]],
            metadata: [("a".to_owned(), about)].into_iter().collect(),
            source: Some(pb::Source { infos: vec![info], ..Default::default() }),
        };
        SolveRequest { definition, resources: BTreeMap::new(), cache_imports: Vec::new(), evaluate: false }
    }

    #[test]
    fn what_is_only_about_ops_is_left_out_before_anything_is_refused() {
        const MIB: usize = 1 << 20;
        let fitted = |request: &SolveRequest| fit(request.clone(), OLD).unwrap();
        let small = request(MIB, MIB, MIB);
        assert_eq!(fitted(&small).request, small, "as it is");
        let without_caps = fitted(&request(MIB, MIB, 2 * MIB));
        assert!(without_caps.request.definition.metadata["a"].caps.is_empty() && !without_caps.without_files);
        let infos = |fitted: &Fitted| fitted.request.definition.source.clone().unwrap().infos;
        assert_eq!(infos(&without_caps)[0].data.len(), MIB);
        assert!(infos(&without_caps)[0].definition.is_some());
        let without_loading = fitted(&request(4 * MIB - REST - 500, 0, MIB));
        assert!(infos(&without_loading)[0].definition.is_none() && !without_loading.without_files);
        let without_files = fitted(&request(3 * MIB, 2 * MIB, MIB));
        assert!(
            without_files.without_files
                && without_files.request.definition.source.unwrap().infos[0].data.is_empty()
        );
        let refused = fit(request(5 * MIB, MIB, 0), OLD).err().unwrap();
        let text = refused.message();
        assert!(
            text.contains("has 6.1 MiB (5.1 MiB without the files") && text.contains("messages of 4 MiB"),
            "{text}"
        );
        assert!(text.contains("BuildKit 0.14"), "{text}");
        let refused = fit(request(17 * MIB, 0, 0), NEW).err().unwrap();
        assert!(!refused.message().contains("0.14"), "{}", refused.message());
    }
}
