//! What the wrapper costs on a root of a given size, by its own account (`overhead_us` of `step.json`), with a step that
//! changes a few files; and what settling such a root takes, with the start of a sandbox subtracted. Prints; asserts nothing.
#![allow(clippy::unwrap_used, reason = "a measurement ends with the first surprise")]
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use std::time::Instant;

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
    for files in [6_000, 100_000] {
        let Some(sandbox) = sandbox() else { return };
        settle(sandbox, files, "settle, files shared", |sandbox| sandbox);
    }
    let Some(copied) = sandbox() else { return };
    settle(copied, COPIED, "settle, files read", Sandbox::copy_lower);
    for files in [10, 6_000, 100_000] {
        for (name, config) in [
            ("lower mounted", r#""lower":"/.factory/lower""#),
            ("no lower root", r#""changes":true"#),
            ("times alone", r#""changes":false"#),
        ] {
            let Some(sandbox) = sandbox() else { return };
            sandbox.prepare(&tree(files));
            let micros: Vec<u64> = (0..RUNS).map(|_| run(&sandbox, config)).collect();
            print(files, name, micros);
        }
    }
}

/// Files of the root that shares none with its lower root: all are read.
const COPIED: usize = 20_000;

fn print(files: usize, name: &str, mut micros: Vec<u64>) {
    micros.sort_unstable();
    println!("{files:>7} files, {name}: {} us at best, {} us median", micros[0], micros[RUNS / 2]);
}

/// Settles a root in which a few files have changed.
fn settle(mut sandbox: Sandbox, files: usize, name: &str, share: fn(&mut Sandbox) -> &mut Sandbox) {
    sandbox.prepare(&tree(files));
    share(&mut sandbox).change(STEP);
    sandbox.set("FACTORY_SETTLE", &format!(r#"{{"epoch":{EPOCH},"lower":"/.factory/lower"}}"#));
    let best = (0..RUNS).map(|_| time(&mut sandbox, "nothing")).min().unwrap_or(0);
    print(files, name, (0..RUNS).map(|_| time(&mut sandbox, "settle").saturating_sub(best)).collect());
}

/// From the start of the sandbox to the end of the helper, in microseconds.
fn time(sandbox: &mut Sandbox, mode: &str) -> u64 {
    let begun = Instant::now();
    let output = sandbox.set("FACTORY_MODE", mode).command("", &[]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    begun.elapsed().as_micros() as u64
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
