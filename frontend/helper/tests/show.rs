//! What a failed step has left, as it gets out of a container.
#![allow(clippy::unwrap_used, reason = "a test ends with the first surprise")]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};

fn show(config: &serde_json::Value) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_helper"));
    command.env_clear().env("FACTORY_MODE", "show").env("FACTORY_SHOW", config.to_string());
    command.output().unwrap()
}

#[test]
fn files_come_with_their_lengths_and_never_with_more_than_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("step.json"), "{}").unwrap();
    fs::write(path("output.log"), b"one\ntwo\xff\n").unwrap();
    symlink("/etc/passwd", path("link")).unwrap();
    let paths = ["step.json", "missing", "link", "output.log"].map(path);
    let shown = show(&serde_json::json!({"paths": paths, "limit": 5}));
    assert_eq!(shown.status.code(), Some(0), "{}", String::from_utf8_lossy(&shown.stderr));
    assert_eq!(shown.stdout, b"2\n{}-\n-\n5\none\nt");
    let shown = show(&serde_json::json!({"paths": [path("output.log")], "limit": 100_000}));
    assert_eq!(shown.stdout, b"9\none\ntwo\xff\n");
}

#[test]
fn a_configuration_without_sense_is_a_fault() {
    let shown = show(&serde_json::json!({"path": "/etc/passwd"}));
    assert_eq!(shown.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&shown.stderr).contains("FACTORY_SHOW: "), "{shown:?}");
}
