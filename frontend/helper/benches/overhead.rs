//! What the wrapper costs on a root of a given size, by its own account (`overhead_us` of `step.json`), with a step that
//! changes a few files; what settling such a root takes, with the start of a sandbox subtracted; and what it takes to join
//! two large deltas. Prints; asserts nothing.
#![allow(clippy::unwrap_used, reason = "a measurement ends with the first surprise")]
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use std::fmt::Write as _;
use std::process::Command;
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
    join();
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

/// Joins two manifests of 100,000 entries that differ in 100 common paths: reading, comparing and telling, from the start of
/// the process to its end.
fn join() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_str().unwrap();
    for side in 0..2 {
        let at = dir.path().join(side.to_string());
        std::fs::create_dir(&at).unwrap();
        std::fs::write(at.join("changes.json"), manifest(side)).unwrap();
    }
    let config = format!(
        r#"{{"epoch":{EPOCH},"fragments":[{{"label":"a 1","side":"{root}/0"}},{{"label":"b 1","side":"{root}/1"}}]}}"#
    );
    let measure = |_| {
        let started = Instant::now();
        let mut command = Command::new(sandbox::helper());
        let output = command.env("FACTORY_MODE", "join").env("FACTORY_JOIN", &config).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stderr).contains("100 conflicts"), "{output:?}");
        started.elapsed().as_micros()
    };
    let mut micros: Vec<_> = (0..RUNS).map(measure).collect();
    micros.sort_unstable();
    println!("2 x 100000 entries joined: {} us at best, {} us median", micros[0], micros[RUNS / 2]);
}

/// Directories of fifty files, all but two of them the side's own.
fn manifest(side: u32) -> String {
    let mut entries = String::new();
    for number in 0..100_000_u32 {
        let owner = if number < 100 { 2 } else { side };
        let (dir, digest) = (number / 50, format!("{side:08x}{number:056x}"));
        write!(
            entries,
            r#"{}{{"path":"/usr/lib/side-{owner}/package-{dir:04}/module-{number:06}.py","type":"file","mode":"0644","uid":0,"gid":0,"size":1234,"sha256":"{digest}"}}"#,
            if number == 0 { "" } else { "," }
        )
        .unwrap();
    }
    // The common ones come last.
    let mut parts: Vec<&str> = entries.split_inclusive("},").collect();
    parts.rotate_left(100);
    let text = parts.iter().map(|part| part.trim_end_matches(',')).collect::<Vec<_>>().join(",");
    format!(r#"{{"version":1,"entries":[{text}],"deleted":[],"parents":[]}}"#)
}
