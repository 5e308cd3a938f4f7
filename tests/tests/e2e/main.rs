//! From end to end: the real client, a real engine, the frontend image, and what comes out.
//!
//! One binary, so that the engine and the image are made sure of once. The first test to need them brings them up.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod bad_input;
mod cli;
mod control_api;
mod failures;
mod frontend_image;
mod llm_serve;
mod products;
mod questions;
mod sbom;
mod syntax_routes;
mod transfer;
