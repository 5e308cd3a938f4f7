//! The side component of the factory: it finds or brings up an engine, builds the frontend image, and drives builds.

mod atomic;
pub mod bake;
pub mod build;
pub mod cli;
pub mod engine;
pub mod exit;
pub mod frontend_image;
pub mod layers;
pub mod lock;
pub mod plans;
mod process;
pub mod progress;
pub mod project;
pub mod reports;
pub mod site_ca;
