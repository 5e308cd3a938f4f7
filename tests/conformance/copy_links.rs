//! `copy`: symbolic and hard links among the files.

use serde_json::json;

use crate::bases::Base::{Scratch, Tools};
use crate::case::on;

#[test]
fn links_in_a_folder_stay_links() {
    on(Scratch)
        .files(&["app/a.txt", "app/sub/b.txt"])
        .link("app/relative", "a.txt")
        .link("app/sub/up", "../a.txt")
        .link("app/absolute", "/etc/passwd")
        .link("app/dangling", "nowhere/at/all")
        .link("app/to-folder", "sub")
        .link("app/itself", "itself")
        .step(json!({"copy": {"src": "app", "dest": "/app"}}))
        .like("COPY app /app");
}

#[test]
fn a_link_that_is_named_is_followed() {
    on(Scratch)
        .files(&["a.txt"])
        .link("link", "a.txt")
        .step(json!({"copy": {"src": "link", "dest": "/copied"}}))
        .like("COPY link /copied");
}

#[test]
fn a_named_link_keeps_its_own_name_in_a_folder() {
    on(Scratch)
        .files(&["real/a.txt"])
        .link("link", "real/a.txt")
        .step(json!({"copy": {"src": "link", "dest": "/into/"}}))
        .like("COPY link /into/");
}

#[test]
fn a_link_to_a_folder_is_followed() {
    on(Scratch)
        .files(&["real/a.txt", "real/sub/b.txt"])
        .link("link", "real")
        .step(json!({"copy": {"src": "link", "dest": "/copied"}}))
        .like("COPY link /copied");
}

#[test]
fn a_link_on_the_way_is_followed() {
    on(Scratch)
        .files(&["real/sub/b.txt"])
        .link("link", "real")
        .step(json!({"copy": {"src": "link/sub/b.txt", "dest": "/copied"}}))
        .like("COPY link/sub/b.txt /copied");
}

#[test]
fn a_chain_of_links_is_followed() {
    on(Scratch)
        .files(&["real/a.txt"])
        .link("one", "two")
        .link("two", "real/three")
        .link("real/three", "a.txt")
        .step(json!({"copy": {"src": "one", "dest": "/copied"}}))
        .like("COPY one /copied");
}

#[test]
fn links_that_a_wildcard_finds() {
    on(Scratch)
        .files(&["real/a.txt", "l-file"])
        .link("l-one", "real/a.txt")
        .link("l-folder", "real")
        .step(json!({"copy": {"src": "l-*", "dest": "/copied/"}}))
        .like("COPY l-* /copied/");
}

#[test]
fn a_link_out_of_the_source_finds_nothing() {
    on(Scratch)
        .files(&["a.txt"])
        .link("out", "../../../../../../etc/hostname")
        .step(json!({"copy": {"src": "out", "dest": "/x"}}))
        .both_fail("COPY out /x", "out", "not found");
}

#[test]
fn a_link_to_nothing_cannot_be_copied_by_name() {
    on(Scratch)
        .files(&["a.txt"])
        .link("dangling", "nowhere")
        .step(json!({"copy": {"src": "dangling", "dest": "/x"}}))
        .both_fail("COPY dangling /x", "dangling", "\"/dangling\": not found");
}

#[test]
fn hard_links_in_a_folder() {
    on(Scratch)
        .files(&["app/a.txt", "app/z/other.txt"])
        .hard_link("app/b.txt", "app/a.txt")
        .hard_link("app/z/c.txt", "app/a.txt")
        .step(json!({"copy": {"src": "app", "dest": "/app"}}))
        .like("COPY app /app");
}

#[test]
fn hard_links_as_several_sources() {
    on(Scratch)
        .files(&["a.txt"])
        .hard_link("b.txt", "a.txt")
        .step(json!({"copy": {"src": ["a.txt", "b.txt"], "dest": "/app/"}}))
        .like("COPY a.txt b.txt /app/");
}

#[test]
fn hard_links_of_an_image() {
    on(Scratch)
        .step(json!({"copy": {"from": "image:{tools}", "src": "/srv", "dest": "/copied"}}))
        .like("COPY --from={tools} /srv /copied");
}

#[test]
fn a_link_of_the_source_replaces_a_file() {
    on(Tools)
        .files(&["app/x.txt"])
        .link("app/file", "x.txt")
        .step(json!({"copy": {"src": "app", "dest": "/srv"}}))
        .like("COPY app /srv");
}

#[test]
fn a_link_of_the_source_meets_a_folder() {
    on(Tools)
        .files(&["app/a.txt"])
        .link("app/data", "a.txt")
        .step(json!({"copy": {"src": "app", "dest": "/srv"}}))
        .both_fail("COPY app /srv", "cannot replace", "cannot replace");
}

#[test]
fn a_folder_of_the_source_meets_a_link_to_nothing() {
    on(Tools).files(&["app/dangling/a.txt"]).step(json!({"copy": {"src": "app", "dest": "/opt"}})).both_fail(
        "COPY app /opt",
        "cannot copy to non-directory",
        "cannot copy to non-directory",
    );
}
