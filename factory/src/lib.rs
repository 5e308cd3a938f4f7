//! The side component of the factory: it finds or brings up an engine, builds the frontend image, and drives builds.

mod atomic;
pub mod attested;
pub mod bake;
pub mod build;
pub mod cli;
pub mod diff;
pub mod engine;
pub mod exit;
pub mod export;
pub mod frontend_image;
pub mod images;
pub mod layers;
pub mod lock;
pub mod plans;
pub mod policy;
mod process;
pub mod progress;
pub mod project;
pub mod publish;
pub mod query;
pub mod registry;
pub mod reports;
pub mod signing;
pub mod site_ca;
