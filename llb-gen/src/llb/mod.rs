//! A small LLB library: states, ops, graph, marshalling, source maps.
//!
//! LLB is BuildKit's low-level build definition: a content-addressed graph of operations. This module knows nothing of
//! manifests or fragments; it would stand alone as a crate.
//!
//! * [`State`] is a filesystem that some op would produce (or nothing: scratch). It never changes and is cheap to clone;
//!   every operation gives another state.
//! * [`source`], [`Exec`], [`FileOp`], [`merge`] and [`diff`] make states. Each op is encoded the moment it is made, in the
//!   canonical form that BuildKit itself re-hashes to, so [`Vertex::digest`] is the daemon's own name for the vertex.
//! * [`Meta`] carries what is *about* an op and not part of its identity: display name, progress group, cache control,
//!   source locations.
//! * [`Graph`] collects what a state needs, checks it ([`Graph::verify`]) and marshals it ([`Graph::marshal`]).
//!
//! ```
//! use llb_gen::llb::{Exec, FileOp, Graph, Mkfile, Platform, source::Image};
//!
//! let amd64 = Platform::new("linux", "amd64");
//! let base = Image::new("docker.io/library/debian:bookworm-slim").platform(amd64.clone()).state();
//! let file = FileOp::on(&base).mkfile(Mkfile::new("/etc/motd", 0o644, "hello\n")).state();
//! let built = Exec::new(["/bin/cat", "/etc/motd"]).platform(amd64).root(&file).run().root();
//!
//! let graph = Graph::of(&built);
//! graph.verify()?;
//! let definition = graph.marshal();
//! assert_eq!(definition.def.len(), 4, "image, file, exec and the terminal op");
//! # Ok::<(), llb_gen::llb::GraphFault>(())
//! ```

mod caps;
mod digest;
mod encode;
mod graph;
mod meta;
mod op;
mod platform;
mod resources;
mod source_map;
mod splice;
mod state;
mod vertex;

pub use caps::Cap;
pub use digest::OpDigest;
pub use encode::encode_definition;
pub use graph::{Graph, GraphFault};
pub use meta::{CachePolicy, Meta, ProgressGroup};
pub use op::diff::diff;
pub use op::exec::{Exec, ExecResult, HostIp, Network, Proxies, SecretEnv, Security, Ulimit};
pub use op::file::{Copy, FileOp, Id, Mkdir, Mkfile, Owner, Remove, Symlink, Timestamp};
pub use op::merge::merge;
pub use op::mount::{Access, ContentCache, Mount, Sharing};
pub use op::source;
pub use platform::Platform;
pub use resources::Resources;
pub use source_map::{LineRange, Loading, Location, SourceInfo};
pub use splice::SpliceError;
pub use state::State;
pub use vertex::{OutputIndex, Vertex};
