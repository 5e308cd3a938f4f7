//! What the wrapper costs on a root of a given size, by its own account (`overhead_us` of `step.json`), with a step that
//! changes a few files. Prints; asserts nothing.
#![allow(clippy::unwrap_used, reason = "a measurement ends with the first surprise")]
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

#[path = "../tests/sandbox/mod.rs"]
mod sandbox;

use sandbox::{EPOCH, Sandbox, sandbox};

/// Runs of each measurement; the smallest and the median are printed.
const RUNS: usize = 9;
const STEP: &str = "echo a > /new; echo b > /t/d0/f0; rm /t/d1/f1; mkdir /n; echo c > /n/f";

fn main() {
    // `cargo test --all-targets` runs benchmarks as well, without this argument.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    for files in [10, 6_000, 100_000] {
        for (name, config) in [
            ("lower mounted", r#""lower":"/.factory/lower""#),
            ("no lower root", r#""changes":true"#),
            ("times alone", r#""changes":false"#),
        ] {
            let Some(sandbox) = sandbox() else { return };
            sandbox.prepare(&tree(files));
            let mut micros: Vec<u64> = (0..RUNS).map(|_| run(&sandbox, config)).collect();
            micros.sort_unstable();
            println!("{files:>7} files, {name}: {} us at best, {} us median", micros[0], micros[RUNS / 2]);
        }
    }
}

/// Directories of fifty files.
fn tree(files: usize) -> String {
    let dirs = files.div_ceil(50);
    format!(
        "for d in $(seq 0 {}); do mkdir -p t/d$d; (cd t/d$d; touch $(seq -f f%.0f 0 49)); done",
        dirs.max(2) - 1
    )
}

fn run(sandbox: &Sandbox, config: &str) -> u64 {
    let config = format!("{{{config},\"epoch\":{EPOCH}}}");
    // The step runs on a fresh root, as it does in a build.
    std::fs::remove_dir_all(sandbox.upper("")).unwrap();
    std::fs::create_dir(sandbox.upper("")).unwrap();
    sandbox.sh(&config, STEP).ok().report()["overhead_us"].as_u64().unwrap()
}
