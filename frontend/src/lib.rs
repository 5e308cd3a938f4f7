//! A BuildKit gateway frontend: from the options of a client to a result, over gRPC on standard input and output.
//!
//! The way through the modules is the way of a build. [`options`] says what was asked for, [`run`] tells the
//! story, [`local`] and [`files`] fetch the manifest and what it selects, [`images`] finds what images are,
//! [`result`] puts together what exporters read. [`subrequest`] walks the same way and stops early. Everything that
//! turns a manifest into LLB lives in `llb_gen`; this crate is its shell, and the only one that talks to BuildKit
//! ([`gateway`]).
//!
//! What a failure looks like to the client is in [`failure`] and [`status`].

pub mod answers;
pub mod attesting;
pub mod catalogue;
pub mod epoch;
pub mod excerpt;
pub mod explaining;
pub mod failed_solve;
pub mod failure;
pub mod files;
pub mod folder;
pub mod gateway;
pub mod graphing;
pub mod hints;
pub mod identity;
pub mod idle;
pub mod ignore;
pub mod images;
pub mod judging;
pub mod linting;
pub mod load;
pub mod local;
pub mod locking;
pub mod named;
pub mod opening;
pub mod options;
pub mod own_contents;
pub mod own_files;
pub mod own_helper;
pub mod panics;
pub mod planning;
pub mod plans;
pub mod platforms;
pub mod proving;
pub mod record;
pub mod report;
pub mod request;
pub mod result;
pub mod rights;
pub mod run;
pub mod scanning;
pub mod status;
pub mod subrequest;
pub mod warnings;
