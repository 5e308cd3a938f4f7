//! One product, from its manifest to a summary: engine, frontend image, `docker buildx build`.

mod client;
mod command;
mod compression;
mod failure;
mod fates;
mod inputs;
mod log;
mod manifest;
mod names;
mod reading;
mod report;
mod run;
mod summary;
mod verdicts;

pub(crate) use client::{Shown, run as run_client};
pub use command::{BuildRequest, shell_line};
pub use compression::{Compression, CompressionKind};
pub(crate) use failure::Attempt;
pub use fates::{Cause, FragmentOutcome, Outcome};
pub use log::Steps;
pub use manifest::Product;
pub use names::names;
pub(crate) use report::{Destination, Exporting, export as export_words, exported};
pub use run::{Built, run};
pub use summary::{ImageSummary, Summary};
pub use verdicts::Report;
pub(crate) use verdicts::written;

#[cfg(test)]
pub(crate) use run::tests::fake_docker;
