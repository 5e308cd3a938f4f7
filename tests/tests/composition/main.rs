//! Fragments side by side on a real engine: what runs and what is pushed after a change, what the merged image holds, and
//! what is refused because it could not be made true.
//!
//! The daemon merges equal steps of builds that run at the same time, and then says of neither whether it ran. So every
//! test that counts what ran builds content of its own, and what cannot be made unique (`llm_serve`) is built by one test.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod accounting;
mod base_is_kept;
mod contracts;
mod equality;
mod layout;
mod llm_serve;
mod packages;
mod parts;
mod rebase;
mod small;
