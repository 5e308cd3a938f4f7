//! One product, from its manifest to a summary: engine, frontend image, `docker buildx build`.

mod command;
mod compression;
mod fates;
mod inputs;
mod log;
mod manifest;
mod names;
mod run;
mod summary;

pub use command::{BuildRequest, shell_line};
pub use compression::{Compression, CompressionKind};
pub use fates::{Cause, FragmentOutcome, Outcome};
pub use log::Steps;
pub use manifest::{Product, project_root};
pub use names::names;
pub use run::run;
pub use summary::{ImageSummary, Summary};
