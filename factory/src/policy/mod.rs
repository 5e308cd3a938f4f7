//! Policies: whether an image may be used, judged by what is said about it.
//!
//! ```text
//! policy.json ─ llb_gen::policy ─► Policy      what is asked, every rule with its place
//! registry ─ gather ─► Evidence                what is found, signatures checked, as plain values
//!                 both ─ judge ─► Judgement    every rule on every platform, with all reasons
//! ```
//!
//! Three answers, never two: the image is accepted, refused, or nobody could look. And nothing is ever gained by leaving
//! something out: every rule asks for what has to be there.

mod answer;
pub mod evidence;
#[doc(hidden)]
pub mod fuzzing;
mod gather;
mod judge;
mod provenance;
mod records;
mod rules;
mod sbom;
mod time;
mod versions;

pub use answer::{Answer, Asked, AskedIdentity, Listed};
pub use evidence::Evidence;
pub use gather::{Question, gather};
pub use judge::{Check, Judgement, Outcome, judge};
pub(crate) use time::seconds;
