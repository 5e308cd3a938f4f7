//! What the factory costs, as ratios of what is measured in the same run on the same machine:
//!
//! ```text
//! cargo bench -p factory-tests              everything
//! cargo bench -p factory-tests -- graph     only what needs no engine
//! cargo bench -p factory-tests -- composition    a product of fragments side by side against its Dockerfile
//! cargo bench -p factory-tests -- plans          a plan of eight combinations against eight builds
//! ```
//!
//! Builds are interleaved, so that load from elsewhere hits all variants alike. Smallest times are the ones to compare
//! between runs; medians say how noisy a run was.

#![allow(clippy::unwrap_used, reason = "a bench that cannot measure ends")]
#![expect(clippy::print_stdout, reason = "a bench is for people to read")]

mod composition;
mod graph;
mod noop;
mod plans;
mod table;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    if wanted("graph") {
        println!("{}", graph::measure());
    }
    if wanted("noop") {
        println!("{}", noop::measure());
    }
    if wanted("composition") {
        println!("{}", composition::measure());
    }
    if wanted("plans") {
        println!("{}", plans::measure());
    }
}
