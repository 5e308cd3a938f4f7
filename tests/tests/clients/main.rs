//! What people's clients can pass, passed by the real ones: every way to give a context, every option of a build, bake,
//! Compose, the control API, several platforms, and an older engine. What came of each is looked at, not whether the
//! client was content.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../site/mod.rs"]
mod site;

mod attested;
mod bake;
mod bases;
mod caches;
mod contexts;
mod entitlements;
mod git_server;
mod graph_driver;
mod named;
mod older;
mod options;
mod platforms;
mod policy;
