//! One product, from its manifest to a summary: engine, frontend image, `docker buildx build`.

mod command;
mod manifest;
mod run;
mod summary;
mod tags;

pub use command::{BuildRequest, shell_line};
pub use manifest::{Product, project_root};
pub use run::run;
pub use summary::{ImageSummary, Layer, Steps, Summary};
pub use tags::expand as expand_tags;
