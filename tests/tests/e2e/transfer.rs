//! What the client sends: the files that are named, and no others.

use factory_tests::{BuildOptions, Project, on_scratch, unique};
use serde_json::json;

/// Far more than everything that has to be sent, and far less than what must not be.
const LITTLE: i64 = 200_000;
const MUCH: u64 = 200_000_000;

/// Fresh content, so that the daemon has it from no other test.
fn fresh(size: usize) -> String {
    format!("{}{}", unique(), "x".repeat(size))
}

fn with_named_files() -> Project {
    let project = on_scratch(json!([
        {"copy": {"src": "own.txt", "dest": "/own.txt"}},
        {"copy": {"from": "context", "src": "app/named.txt", "dest": "/named.txt"}}
    ]));
    project.fragment_file("only", "own.txt", fresh(10_000)).write("app/named.txt", fresh(10_000));
    project
}

#[test]
fn nothing_but_what_steps_name_is_sent() {
    let project = with_named_files();
    project.zeros("app/large.bin", MUCH).zeros("large.bin", MUCH);
    project.zeros("fragments/only/0.1.0/large.bin", MUCH);
    project.zeros("fragments/only/0.2.0/large.bin", MUCH).zeros("fragments/other/0.1.0/large.bin", MUCH);
    project.write("fragments/only/0.2.0/fragment.json", "not even JSON");
    let outcome = project.build(&BuildOptions::oci()).succeeded();
    let sent = outcome.progress.bytes_sent();
    assert!((20_000..LITTLE).contains(&sent), "{sent} bytes: {:#?}", outcome.progress.transfers);
    let paths: Vec<String> = outcome.image().filesystem().paths().collect();
    assert_eq!(paths, ["named.txt", "own.txt"]);
}

#[test]
fn what_was_sent_before_is_not_sent_again() {
    let project = with_named_files();
    let first = project.build(&BuildOptions::default()).succeeded().progress.bytes_sent();
    let second = project.build(&BuildOptions::default()).succeeded().progress.bytes_sent();
    assert!(first > 20_000, "{first} bytes");
    assert!(second < 5_000, "{second} bytes were sent again");
}

#[test]
fn a_named_folder_is_sent_without_what_is_ignored() {
    let project = on_scratch(json!([{"copy": {"from": "context", "src": "app/", "dest": "/app/"}}]));
    project.write("app/kept.txt", fresh(100)).zeros("app/build/large.bin", MUCH).zeros("app/large.o", MUCH);
    project.write(".dockerignore", "app/build\n**/*.o\n");
    let outcome = project.build(&BuildOptions::oci()).succeeded();
    let sent = outcome.progress.bytes_sent();
    assert!(sent < LITTLE, "{sent} bytes: {:#?}", outcome.progress.transfers);
    let paths: Vec<String> = outcome.image().filesystem().paths().collect();
    assert_eq!(paths, ["app", "app/kept.txt"]);
}
