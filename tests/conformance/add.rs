//! `add`: downloads and repositories.

use factory_tests::sha256;
use serde_json::json;

use crate::archives::{archive, gzip};
use crate::bases::Base::{Scratch, Tools};
use crate::case::on;
use crate::server::{GitServer, HttpServer};

const CONTENT: &[u8] = b"downloaded\n";

fn server() -> HttpServer {
    HttpServer::start(&[("/files/tool.bin", CONTENT.to_owned()), ("/pack.tgz", gzip(&archive()))])
}

#[test]
fn a_download_under_its_own_name() {
    let (url, checksum) = (server().url("/files/tool.bin"), sha256(CONTENT));
    on(Scratch)
        .step(json!({"add": {"url": url, "checksum": checksum, "dest": "/opt/"}}))
        .like(&format!("ADD --checksum={checksum} {url} /opt/"));
}

#[test]
fn a_download_under_another_name() {
    let (url, checksum) = (server().url("/files/tool.bin"), sha256(CONTENT));
    on(Scratch)
        .step(json!({"add": {"url": url, "checksum": checksum, "dest": "/opt/sub/other"}}))
        .like(&format!("ADD --checksum={checksum} {url} /opt/sub/other"));
}

#[test]
fn a_download_over_a_file() {
    let (url, checksum) = (server().url("/files/tool.bin"), sha256(CONTENT));
    on(Tools)
        .step(json!({"add": {"url": url, "checksum": checksum, "dest": "/srv/tool"}}))
        .like(&format!("ADD --checksum={checksum} {url} /srv/tool"));
}

#[test]
fn a_download_in_the_workdir() {
    let (url, checksum) = (server().url("/files/tool.bin"), sha256(CONTENT));
    on(Scratch)
        .config(json!({"workdir": "/work"}))
        .step(json!({"add": {"url": url, "checksum": checksum, "dest": "./"}}))
        .like(&format!("WORKDIR /work\nADD --checksum={checksum} {url} ./"));
}

#[test]
fn a_download_with_a_mode_and_an_owner() {
    let (url, checksum) = (server().url("/files/tool.bin"), sha256(CONTENT));
    on(Tools)
        .step(json!({"add": {"url": url, "checksum": checksum, "dest": "/bin/tool", "chmod": "0755", "chown": "app:extra"}}))
        .like(&format!("ADD --checksum={checksum} --chmod=0755 --chown=app:extra {url} /bin/tool"));
}

#[test]
fn a_download_with_a_query() {
    let (url, checksum) = (server().url("/files/tool.bin?version=1&x=a/b"), sha256(CONTENT));
    on(Scratch)
        .step(json!({"add": {"url": url, "checksum": checksum, "dest": "/opt/"}}))
        .like(&format!("ADD --checksum={checksum} {url} /opt/"));
}

#[test]
fn a_download_that_has_moved() {
    let (url, checksum) = (server().url("/moved/files/tool.bin"), sha256(CONTENT));
    on(Scratch)
        .step(json!({"add": {"url": url, "checksum": checksum, "dest": "/opt/"}}))
        .like(&format!("ADD --checksum={checksum} {url} /opt/"));
}

#[test]
fn a_downloaded_archive_stays_packed() {
    let (url, checksum) = (server().url("/pack.tgz"), sha256(&gzip(&archive())));
    on(Scratch)
        .step(json!({"add": {"url": url, "checksum": checksum, "dest": "/opt/"}}))
        .like(&format!("ADD --checksum={checksum} {url} /opt/"));
}

#[test]
fn a_downloaded_archive_is_unpacked_on_request() {
    let (url, checksum) = (server().url("/pack.tgz"), sha256(&gzip(&archive())));
    on(Scratch)
        .step(json!({"add": {"url": url, "checksum": checksum, "dest": "/opt/", "unpack": true}}))
        .like(&format!("ADD --unpack=true --checksum={checksum} {url} /opt/"));
}

#[test]
fn a_downloaded_archive_is_unpacked_for_an_owner() {
    let (url, checksum) = (server().url("/pack.tgz"), sha256(&gzip(&archive())));
    on(Tools)
        .step(json!({"add": {"url": url, "checksum": checksum, "dest": "/opt/new", "unpack": true, "chown": "app"}}))
        .like(&format!("ADD --unpack=true --chown=app --checksum={checksum} {url} /opt/new"));
}

#[test]
fn a_download_that_is_something_else() {
    let (url, checksum) = (server().url("/files/tool.bin"), sha256(b"something else"));
    on(Scratch).step(json!({"add": {"url": url, "checksum": checksum, "dest": "/opt/"}})).both_fail(
        &format!("ADD --checksum={checksum} {url} /opt/"),
        "digest mismatch",
        "digest mismatch",
    );
}

#[test]
fn a_download_that_is_not_there() {
    let (url, checksum) = (server().url("/nothing"), sha256(CONTENT));
    on(Scratch).step(json!({"add": {"url": url, "checksum": checksum, "dest": "/opt/"}})).both_fail(
        &format!("ADD --checksum={checksum} {url} /opt/"),
        "digest mismatch",
        "digest mismatch",
    );
}

#[test]
fn a_repository() {
    let server = GitServer::start();
    let (url, commit) = (server.url(), &server.commits()[0]);
    on(Scratch)
        .step(json!({"add": {"git": url, "commit": commit, "dest": "/src"}}))
        .like(&format!("ADD {url}#{commit} /src"));
}

#[test]
fn a_repository_at_its_newest_commit() {
    let server = GitServer::start();
    let (url, commit) = (server.url(), &server.commits()[1]);
    on(Tools)
        .step(json!({"add": {"git": url, "commit": commit, "dest": "/srv/data/", "chown": "app"}}))
        .like(&format!("ADD --chown=app {url}#{commit} /srv/data/"));
}

#[test]
fn a_folder_of_a_repository() {
    let server = GitServer::start();
    let (url, commit) = (server.url(), &server.commits()[1]);
    on(Scratch)
        .step(json!({"add": {"git": url, "commit": commit, "subdir": "sub/folder", "dest": "/src", "chmod": "0700"}}))
        .like(&format!("ADD --chmod=0700 {url}#{commit}:sub/folder /src"));
}

#[test]
fn a_repository_without_some_files() {
    let server = GitServer::start();
    let (url, commit) = (server.url(), &server.commits()[1]);
    on(Scratch)
        .step(json!({"add": {"git": url, "commit": commit, "dest": "/src", "exclude": ["**/*.md", "tool"]}}))
        .like(&format!("ADD --exclude=**/*.md --exclude=tool {url}#{commit} /src"));
}

#[test]
fn a_commit_that_is_not_there() {
    let server = GitServer::start();
    let (url, commit) = (server.url(), "0123456789012345678901234567890123456789");
    on(Scratch).step(json!({"add": {"git": url, "commit": commit, "dest": "/src"}})).both_fail(
        &format!("ADD {url}#{commit} /src"),
        commit,
        commit,
    );
}
