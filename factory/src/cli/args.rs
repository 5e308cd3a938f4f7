//! What the command line takes.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::buildx::Buildx;
use crate::build::CompressionKind;
use crate::engine::{Architecture, EngineName, EngineSpec, Suite};
use crate::frontend_image::Platform;
use crate::images::Source;

/// A factory for container images.
#[derive(Debug, Parser)]
#[command(name = "factory", version, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) action: Action,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// The engine that builds: bring it up, end it, say what runs
    #[command(subcommand)]
    Engine(EngineAction),
    /// Build a product: engine, frontend image and build in one command
    Build(Box<Build>),
    /// Build a plan: every combination of its matrix, with the verdicts that were expected
    Plan(Box<Plan>),
    /// Resolve every name of a product, and keep that in its lock
    Lock(Box<super::lock::Lock>),
    /// Write a bake file of products and plans, for docker buildx bake
    Bake(Bake),
    /// The frontend's own image
    #[command(subcommand)]
    Frontend(FrontendAction),
    /// What is in an image, as its SBOM says; the SBOM generator's own image
    Sbom(super::sbom::Sbom),
    /// Layers of an image, or which of them two images share
    Layers(Box<Layers>),
    /// Pairs of keys for signing
    #[command(subcommand)]
    Keys(super::keys::KeysAction),
    /// Sign an image, its platforms and everything that is attested of them
    Sign(super::sign::Sign),
    /// Judge an image by a policy
    Verify(super::verify::Verify),
    /// What changed from one image to another: fragments, packages, layers, config, verdicts
    Diff(Box<super::diff::Diff>),
    /// Write what is said of an image to files: records, evidence, lists of packages, provenance
    Export(Box<super::export::Export>),
    /// Push records, evidence and lists of packages to where the image is
    Publish(Box<super::publish::Publish>),
    /// Look through the records of a repository
    Query(Box<super::query::Query>),
}

/// An image is named as docker names it, or `oci:PATH` (an OCI layout, folder or tar), `docker:NAME` (the engine's own),
/// `registry:NAME`.
#[derive(Debug, Args)]
pub(crate) struct Layers {
    /// An image
    pub(crate) image: Source,
    /// Another one, to be compared with it
    pub(crate) other: Option<Source>,
    #[command(flatten)]
    pub(crate) link: super::layers::LinkArguments,
    /// Which of a multi-platform image is meant; the machine's own platform by default
    #[arg(long)]
    pub(crate) platform: Option<llb_gen::model::Platform>,
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
    /// Name of the engine of ours to ask
    #[arg(long, env = EngineSpec::VARIABLE, default_value_t, value_name = "NAME")]
    pub(crate) engine: EngineName,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FrontendAction {
    /// Compile the frontend and load its image into the engine, where it is not there yet
    Build(FrontendBuild),
}

/// Where one of our own images goes.
#[derive(Debug, Args)]
pub(crate) struct FrontendBuild {
    #[command(flatten)]
    pub(crate) which: Which,
    /// linux/amd64 or linux/arm64; the machine's own by default
    #[arg(long)]
    pub(crate) platform: Option<Platform>,
}

/// Options that `docker buildx build` has too mean the same here.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// A manifest's id, or the path of its file
    pub(crate) manifest: String,
    #[command(flatten)]
    pub(crate) buildx: Buildx,
    /// Do not run the build's report, and leave nothing in .factory/records
    #[arg(long)]
    pub(crate) no_report: bool,
    /// Name the image this way instead of the product's names
    #[arg(long, short, value_name = "NAME")]
    pub(crate) tag: Vec<String>,
    /// Platforms to build for
    #[arg(long, value_delimiter = ',')]
    pub(crate) platform: Vec<String>,
    /// What to build of the product, for example fragment/core
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// Where the result goes, for example type=local,dest=out
    #[arg(long, short, value_name = "SPEC")]
    pub(crate) output: Vec<String>,
    /// Push the image to its registry
    #[arg(long)]
    pub(crate) push: bool,
    /// Take nothing from the cache
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Take these from the cache no more
    #[arg(long, value_name = "NAME")]
    pub(crate) no_cache_filter: Vec<String>,
    /// A label of the image
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) label: Vec<String>,
    /// Write buildx's metadata there
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata_file: Option<PathBuf>,
    /// How layers are compressed: gzip, zstd, estargz, uncompressed
    #[arg(long, value_name = "KIND")]
    pub(crate) compression: Option<CompressionKind>,
    /// How hard: 0 to 9, zstd 0 to 22
    #[arg(long, value_name = "LEVEL", requires = "compression")]
    pub(crate) compression_level: Option<u8>,
    /// Compress layers that are there already anew, the base's too
    #[arg(long, requires = "compression")]
    pub(crate) force_compression: bool,
    /// A cache to write
    #[arg(long, value_name = "SPEC")]
    pub(crate) cache_to: Vec<String>,
    /// Provenance attestation: true, false, mode=max
    #[arg(long, value_name = "SPEC")]
    pub(crate) provenance: Option<String>,
    /// SBOM attestation: true, false, generator=IMAGE
    #[arg(long, value_name = "SPEC")]
    pub(crate) sbom: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// A plan's id, or the path of its file
    pub(crate) plan: String,
    #[command(flatten)]
    pub(crate) buildx: Buildx,
    /// Expand the plan, say what would be tried, and stop
    #[arg(long, conflicts_with = "print")]
    pub(crate) dry_run: bool,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    pub(crate) format: PlanFormat,
    /// Take nothing from the cache
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Take these from the cache no more
    #[arg(long, value_name = "NAME")]
    pub(crate) no_cache_filter: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// A table for people
    Text,
    /// For programs
    Json,
    /// The matrix of a GitHub workflow: one job for every combination and platform
    Github,
}

#[derive(Debug, Args)]
pub(crate) struct Bake {
    /// Ids or files of manifests and plans; all of the project where none is given
    #[arg(value_name = "MANIFEST|PLAN")]
    pub(crate) documents: Vec<String>,
    /// Write the file there instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Keep caches in this repository, one tag for each product and platform
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) cache_ref: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EngineAction {
    /// Use the engine that is there, or bring one up (needs root)
    Up(Up),
    /// End an engine that `up` started; its images and caches stay
    Down(Down),
    /// Say which engine would be used and which of ours run
    Status(Query),
    /// Print the variables that make docker talk to the engine: eval "$(factory engine env)"
    Env(Query),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Which {
    /// Name of the engine; any other than `default` has a network of its own beside the first
    #[arg(long, env = EngineSpec::VARIABLE, default_value_t)]
    pub(crate) name: EngineName,
    /// Debian suite to make the engine of: forky (default) or trixie
    #[arg(long)]
    pub(crate) suite: Option<Suite>,
    /// Use an engine of ours even where another one answers
    #[arg(long)]
    pub(crate) own: bool,
}

impl Which {
    pub(crate) fn spec(&self) -> EngineSpec {
        let named = EngineSpec::of(self.name.clone());
        EngineSpec { suite: self.suite, managed_only: self.own || named.managed_only, ..named }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Architectures besides the machine's own whose programs the engine is to run: arm64, arm, riscv64, s390x, ppc64le
    #[arg(long, value_delimiter = ',', value_name = "ARCHITECTURE")]
    pub(crate) emulate: Vec<Architecture>,
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Remove its images and caches too
    #[arg(long)]
    pub(crate) purge: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    #[command(flatten)]
    pub(crate) which: Which,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people and shells
    Text,
    /// For programs
    Json,
}
