//! SBOMs: the scanner that the client names looks at what was built, as a step of the build.
//!
//! The daemon would scan the finished root by itself once the frontend has ended. Asked for here, the same scan can also be
//! given stages, the build context and each fragment apart, and it is a vertex like any other. The protocol is BuildKit's
//! (`docs/attestations/sbom-protocol.md`); what [`FRAGMENTS_LABEL`] adds to it is ours.

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join_all};
use llb_gen::diagnostic::Diagnostic;
use llb_gen::llb::{Access, CachePolicy, Copy, Exec, FileOp, Graph, Meta, Mount, Network, State};
use llb_gen::lower::{FragmentPart, Lowered};
use llb_gen::model::Platform;
use llb_gen::ordered::ordered;
use llb_gen::request::NoCache;
use llb_gen::target::REPORT;
use llb_gen::text::{Place, SourceFile, Span};
use serde::Deserialize;

use crate::failure::Failure;
use crate::folder;
use crate::gateway::{Attestation, AttestationKind, Gateway};
use crate::images::{Images, Wanted, platform_of};
use crate::options::{Options, Sbom};
use crate::planning::PlannedPlatform;

/// The type of the predicates that BuildKit and its clients know as SBOMs.
const SPDX: &str = "https://spdx.dev/Document";
/// A scanner with this label, of the value `1`, can scan what one fragment added, and takes such scans along when it scans
/// the whole: see `docs/sbom.md`.
pub const FRAGMENTS_LABEL: &str = "factory.sbom.fragments";
/// Where the scanner finds things, and where it writes (BuildKit's `CreateSBOMScanner`).
const SOURCE: &str = "/run/src/core/";
const EXTRAS: &str = "/run/src/extras";
const OUTPUT: &str = "/run/out";
/// What the scanned root stood on.
const BELOW: &str = "/run/src/below";
/// Scans of fragments.
const FRAGMENTS: &str = "/run/src/fragments";
/// The name of the finished root's SBOM.
const CORE: &str = "sbom";

/// The image that the client's scanner lies in; nothing where there is nothing to scan for: no SBOM is asked for, or no image.
pub fn wanted(options: &Options, own: &Platform) -> Option<Wanted> {
    let reported = options.target.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(REPORT));
    let sbom = options.sbom.as_ref().filter(|_| options.request.is_none() && !reported)?;
    Some(Wanted { reference: sbom.generator.clone(), platform: own.clone() })
}

/// The scanner, ready to run.
struct Scanner<'b> {
    sbom: &'b Sbom,
    options: &'b Options,
    own: &'b Platform,
    image: State,
    name: String,
    config: Config,
}

#[derive(Deserialize)]
struct ImageJson {
    #[serde(default)]
    config: Config,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    working_dir: String,
    labels: Option<BTreeMap<String, String>>,
}

/// The SBOMs of each platform's image, in their order: nothing is scanned before they are exported.
///
/// # Errors
/// BuildKit's own, and a scanner that cannot be run.
pub async fn scan<G: Gateway>(
    gateway: &G,
    options: &Options,
    images: &Images<'_, G>,
    own: &Platform,
    planned: &[PlannedPlatform],
) -> Result<Vec<Vec<Attestation>>, Failure> {
    let Some((sbom, wanted)) = options.sbom.as_ref().zip(wanted(options, own)) else {
        return Ok(planned.iter().map(|_| Vec::new()).collect());
    };
    let scanner = Scanner::new(sbom, options, own, images, &wanted)?;
    try_join_all(planned.iter().map(|one| scanner.attest(gateway, one))).await
}

/// What is asked for and cannot be had.
pub fn warnings(options: &Options, manifest: &SourceFile, planned: &[PlannedPlatform]) -> Vec<Diagnostic> {
    let Some(sbom) = &options.sbom else { return Vec::new() };
    let place = Place::new(manifest, Span::new(0, 1));
    let mut found = Vec::new();
    let used = |one: &PlannedPlatform| one.lowered.parts.context.is_some();
    if sbom.context && !planned.iter().any(used) {
        let message = "the SBOM has no build context: no step takes anything from it";
        found.push(Diagnostic::warning("sbom-context", &place, message));
    }
    let known: Vec<&str> =
        planned.iter().flat_map(|one| &one.lowered.parts.stages).map(|stage| stage.name.as_str()).collect();
    for name in sbom.stages.unknown(&known) {
        let message =
            format!("the SBOM has no stage `{name}`: the product takes nothing from a stage of this name");
        let near = llb_gen::diagnostic::nearest(name, known.iter().copied());
        let help = near.map(|near| format!("did you mean `{near}`?"));
        found.push(Diagnostic::warning("sbom-stage", &place, message).maybe_help(help));
    }
    found
}

impl<'b> Scanner<'b> {
    fn new<G: Gateway>(
        sbom: &'b Sbom,
        options: &'b Options,
        own: &'b Platform,
        images: &Images<'_, G>,
        wanted: &Wanted,
    ) -> Result<Self, Failure> {
        let name = sbom.generator.familiar();
        let found = images.found(wanted).map_err(|failure| match failure {
            Failure::BuildKit(status) => {
                status.context(&format!("the SBOM generator `{name}` cannot be resolved")).into()
            }
            other => other,
        })?;
        let config = found.config.as_deref().ok_or_else(|| {
            Failure::refused(format!("what stands in for the SBOM generator `{name}` is no image"))
        })?;
        let config = serde_json::from_slice::<ImageJson>(config).map_err(|fault| {
            Failure::refused(format!("the config of the SBOM generator `{name}` cannot be read: {fault}"))
        })?;
        let about = Meta::named(format!("[internal] SBOM generator {}", found.reference));
        let image = found.state(own, options.resolve_mode, about);
        let scanner = Self { sbom, options, own, image, name, config: config.config };
        match scanner.argv().is_empty() {
            true => Err(Failure::refused(format!(
                "the SBOM generator `{}` has neither an entrypoint nor a command",
                scanner.name
            ))),
            false => Ok(scanner),
        }
    }

    fn argv(&self) -> Vec<String> {
        let parts = [&self.config.entrypoint, &self.config.cmd];
        parts.into_iter().flatten().flatten().cloned().collect()
    }

    /// Whether it knows fragments. Such a scanner is ours: it needs no network and gets none.
    fn knows_fragments(&self) -> bool {
        let label = self.config.labels.as_ref().and_then(|labels| labels.get(FRAGMENTS_LABEL));
        label.is_some_and(|value| value == "1")
    }

    /// The finished root's SBOM, and one for each fragment where the scanner knows such.
    async fn attest<G: Gateway>(
        &self,
        gateway: &G,
        planned: &PlannedPlatform,
    ) -> Result<Vec<Attestation>, Failure> {
        let lowered = &planned.lowered;
        let root = lowered.graph.state();
        if root.is_scratch() {
            return Ok(Vec::new());
        }
        let fragments: &[FragmentPart] = match self.knows_fragments() {
            true => &lowered.parts.fragments,
            false => &[],
        };
        let parts: Vec<(String, State)> = fragments
            .iter()
            .map(|part| (format!("{}-{}", part.name, part.version), self.fragment(&planned.platform, part)))
            .collect();
        let extras = self.extras(lowered);
        let scanned = self.product(&planned.platform, &root, &extras, &parts);
        let (core, beside) = match extras.is_empty() {
            true => (scanned, None),
            false => (core_of(&scanned), Some(beside_core(&scanned))),
        };
        let beside = beside.iter().map(|output| ("extras", output));
        let parts = parts.iter().map(|(name, output)| (name.as_str(), output));
        let outputs = std::iter::once((CORE, &core)).chain(beside).chain(parts);
        let attestations = outputs.map(|(name, output)| self.attestation(gateway, name, output));
        join_all(attestations).await.into_iter().collect()
    }

    /// What is scanned beside the finished root.
    fn extras(&self, lowered: &Lowered) -> Vec<(String, State)> {
        let stages = lowered.parts.stages.iter().filter(|stage| self.sbom.stages.holds(&stage.name));
        let stages = stages.map(|stage| (stage.name.replace('/', "-"), stage.state.clone()));
        let context = lowered.parts.context.clone().filter(|_| self.sbom.context);
        context.map(|state| ("context".to_owned(), state)).into_iter().chain(stages).collect()
    }

    async fn attestation<G: Gateway>(
        &self,
        gateway: &G,
        name: &str,
        output: &State,
    ) -> Result<Attestation, Failure> {
        let (definition, imports) = (Graph::of(output).marshal(), &self.options.cache_imports);
        let reference = folder::solve(gateway, definition, BTreeMap::new(), imports).await?;
        let reference =
            reference.ok_or_else(|| Failure::refused("BuildKit kept no result of the SBOM generator"))?;
        let mut metadata = ordered::<BTreeMap<_, _>, _>([("reason".to_owned(), b"sbom".to_vec())]);
        if name == CORE {
            metadata.insert("sbom-core".to_owned(), CORE.as_bytes().to_vec());
        }
        Ok(Attestation {
            kind: AttestationKind::Bundle,
            reference,
            path: "/".to_owned(),
            predicate_type: SPDX.to_owned(),
            metadata,
        })
    }

    /// The scan of the finished root, with the extras.
    fn product(
        &self,
        platform: &Platform,
        root: &State,
        extras: &[(String, State)],
        fragments: &[(String, State)],
    ) -> State {
        let mut exec = self.exec(platform, CORE, root, &format!("generating sbom using {}", self.name));
        if !extras.is_empty() {
            exec = exec.env("BUILDKIT_SCAN_SOURCE_EXTRAS", EXTRAS);
        }
        for (name, state) in extras {
            exec = exec.mount(Mount::read_only(format!("{EXTRAS}/{CORE}-{name}"), state));
        }
        if !fragments.is_empty() {
            exec = exec.env("BUILDKIT_SCAN_FRAGMENTS", FRAGMENTS);
        }
        for (name, output) in fragments {
            exec = exec.mount(Mount::read_only(format!("{FRAGMENTS}/{name}"), output));
        }
        self.output(exec)
    }

    /// The scan of what one fragment added. It sees what it was built on, so that it can tell the two apart.
    fn fragment(&self, platform: &Platform, part: &FragmentPart) -> State {
        let FragmentPart { name, version, below, above } = part;
        let title = format!("generating sbom of {name} {version} using {}", self.name);
        let exec = self.exec(platform, &format!("{name}-{version}"), above, &title);
        let exec = exec.env("BUILDKIT_SCAN_FRAGMENT", &format!("{name}@{version}"));
        let exec = exec.env("BUILDKIT_SCAN_BELOW", BELOW).mount(Mount::read_only(BELOW, below));
        self.output(exec)
    }

    fn exec(&self, platform: &Platform, name: &str, root: &State, title: &str) -> Exec {
        let source = format!("{SOURCE}{name}");
        let mut exec = Exec::new(self.argv()).root(&self.image).platform(platform_of(self.own));
        let given = self.config.env.iter().flatten().filter_map(|one| one.split_once('='));
        for (name, value) in given {
            exec = exec.env(name, value);
        }
        exec =
            exec.env("BUILDKIT_SCAN_DESTINATION", &format!("{OUTPUT}/")).env("BUILDKIT_SCAN_SOURCE", &source);
        for (name, value) in &self.sbom.parameters {
            exec = exec.env(&format!("BUILDKIT_SCAN_{name}"), value);
        }
        if let Some(epoch) = self.options.epoch {
            exec = exec.env("SOURCE_DATE_EPOCH", &epoch.to_string());
        }
        if self.knows_fragments() {
            exec = exec.network(Network::None);
        }
        let cwd = if self.config.working_dir.is_empty() { "/" } else { &self.config.working_dir };
        let cache = match self.options.no_cache {
            NoCache::Everything => CachePolicy::Ignore,
            NoCache::Nothing | NoCache::Of(_) => CachePolicy::Use,
        };
        let meta = Meta::named(format!("[{platform}] {title}")).cache(cache);
        exec.cwd(cwd)
            .meta(meta)
            .mount(Mount::read_only(source, root))
            .mount(Mount::Tmpfs { dest: "/tmp".to_owned(), size: None })
    }

    fn output(&self, exec: Exec) -> State {
        exec.mount(Mount::bind(OUTPUT, &State::scratch(), Access::Output)).run().mount(OUTPUT)
    }
}

/// The file that a scanner writes about the finished root.
fn core_file() -> String {
    format!("{CORE}.spdx.json")
}

/// The finished root's SBOM alone. Engines list the statements of a folder by the names of their files, and clients show the
/// first one as the image's own: with extras in the same folder it would not come first.
fn core_of(output: &State) -> State {
    let copy = Copy::new(output, format!("/{}", core_file()), "/");
    FileOp::on(&State::scratch()).copy(copy).meta(Meta::named("[internal] sbom of the image")).state()
}

/// All others.
fn beside_core(output: &State) -> State {
    let copy = Copy::new(output, "/", "/").dir_contents().exclude([core_file()]);
    FileOp::on(&State::scratch()).copy(copy).meta(Meta::named("[internal] sboms beside it")).state()
}
