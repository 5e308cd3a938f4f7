//! Conformance by difference: for each feature of the fragment language a fragment, and the Dockerfile that a person would
//! write instead. Both are built on the same engine, the Dockerfile by the frontend that is built into it, and what comes
//! out has to be the same: paths, contents, owners, modes, link targets, hard links, extended attributes, and the image
//! configuration. Where the two differ on purpose, the case names the difference, and `docs/conformance.md` has the reason.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` makes a value for the call")]

#[path = "../conformance/add.rs"]
mod add;
#[path = "../conformance/archives.rs"]
mod archives;
#[path = "../conformance/args.rs"]
mod args;
#[path = "../conformance/bases.rs"]
mod bases;
#[path = "../conformance/case.rs"]
mod case;
#[path = "../conformance/config.rs"]
mod config;
#[path = "../conformance/copy_links.rs"]
mod copy_links;
#[path = "../conformance/copy_owners.rs"]
mod copy_owners;
#[path = "../conformance/copy_paths.rs"]
mod copy_paths;
#[path = "../conformance/copy_patterns.rs"]
mod copy_patterns;
#[path = "../conformance/differences.rs"]
mod differences;
#[path = "../conformance/environment.rs"]
mod environment;
#[path = "../conformance/files.rs"]
mod files;
#[path = "../conformance/mounts.rs"]
mod mounts;
#[path = "../conformance/remove.rs"]
mod remove;
#[path = "../conformance/run.rs"]
mod run;
#[path = "../conformance/server.rs"]
mod server;
#[path = "../conformance/stages.rs"]
mod stages;
#[path = "../conformance/users.rs"]
mod users;
