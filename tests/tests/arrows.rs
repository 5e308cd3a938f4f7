//! The arrows between the members, and what `llb-gen` does without: each is a promise that others rely on.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Names of all crates that a member is built from, itself left out.
fn dependencies(member: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--package",
            member,
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != member).map(str::to_owned).collect()
}

fn assert_without(member: &str, refused: &[&str]) {
    let found = dependencies(member);
    assert!(!found.is_empty(), "cargo tree named no dependency of {member}");
    let broken: Vec<&&str> = refused.iter().filter(|name| found.contains(**name)).collect();
    assert!(broken.is_empty(), "{member} must not depend on {broken:?}");
}

#[test]
fn llb_gen_has_no_async_no_grpc_and_none_of_the_shells() {
    let refused =
        ["tokio", "futures", "async-trait", "mio", "tonic", "tonic-prost", "hyper", "h2", "tower", "reqwest"];
    assert_without("llb-gen", &refused);
    assert_without("llb-gen", &["frontend", "helper", "factory", "factory-tests"]);
}

#[test]
fn factory_and_frontend_do_not_know_one_another() {
    assert_without("factory", &["frontend", "helper", "factory-tests"]);
    assert_without("frontend", &["factory", "helper", "factory-tests"]);
    assert_without("helper", &["factory", "frontend", "llb-gen", "factory-tests"]);
}

#[test]
fn the_scanner_stands_alone_and_has_no_network() {
    assert_without("sbom", &["factory", "frontend", "helper", "llb-gen", "factory-tests"]);
    assert_without("sbom", &["tokio", "mio", "hyper", "ureq", "reqwest", "rustls", "openssl-sys", "socket2"]);
}

#[test]
fn llb_gen_touches_nothing_outside_itself() {
    let refused = [
        "std::fs",
        "std::net",
        "std::process",
        "std::thread",
        "std::time",
        "std::env",
        "std::io::",
        "async fn",
        ".await",
        "HashMap",
        "HashSet",
        "println!",
        "eprintln!",
    ];
    let mut pending = vec![root().join("llb-gen/src")];
    let mut files = 0;
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        files += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let found = refused.iter().find(|word| line.contains(**word));
            assert!(
                found.is_none(),
                "{}:{}: llb-gen is pure, found `{}`",
                path.display(),
                at + 1,
                found.unwrap()
            );
        }
    }
    assert!(files > 10, "only {files} files were looked at");
}
