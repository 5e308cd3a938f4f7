//! What a build proves about itself on a real engine: verdicts, evidence, records, attestations, plans and the gate.
//!
//! Every report that is read here is held against its schemas and against itself, see [`reported`].

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod attestations;
mod cli;
mod defects;
mod gate;
mod kill_matrix;
mod memory;
mod plans;
mod products;
mod published;
mod report;
mod reported;
mod signed;
