//! The ops of LLB, one kind a file.

pub(crate) mod diff;
pub(crate) mod exec;
pub(crate) mod file;
pub(crate) mod inputs;
pub(crate) mod merge;
pub(crate) mod mount;
pub mod source;
