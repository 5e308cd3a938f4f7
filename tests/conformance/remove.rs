//! `remove`, and what it leaves in the layers.

use serde_json::json;

use crate::bases::Base::Tools;
use crate::case::on;

#[test]
fn a_file() {
    on(Tools).step(json!({"remove": {"path": "/srv/file"}})).like("RUN rm /srv/file");
}

#[test]
fn a_folder() {
    on(Tools).step(json!({"remove": {"path": "/srv/data"}})).like("RUN rm -r /srv/data");
}

#[test]
fn several() {
    on(Tools)
        .step(json!({"remove": {"path": ["/srv/file", "/srv/data/sub"]}}))
        .like("RUN rm -r /srv/file /srv/data/sub");
}

#[test]
fn a_wildcard() {
    on(Tools).step(json!({"remove": {"path": "/srv/data/*.txt"}})).like("RUN rm /srv/data/*.txt");
}

#[test]
fn a_wildcard_in_a_folder_s_name() {
    on(Tools).step(json!({"remove": {"path": "/srv/d*/one.txt"}})).like("RUN rm /srv/d*/one.txt");
}

#[test]
fn a_link_and_not_what_it_points_to() {
    on(Tools)
        .step(json!({"remove": {"path": ["/opt/link", "/srv/link-to-file", "/opt/dangling"]}}))
        .like("RUN rm /opt/link /srv/link-to-file /opt/dangling");
}

#[test]
fn through_a_linked_folder() {
    on(Tools).step(json!({"remove": {"path": "/opt/link/one.txt"}})).like("RUN rm /opt/link/one.txt");
}

#[test]
fn one_of_two_hard_links() {
    on(Tools).step(json!({"remove": {"path": "/srv/hard-a"}})).like("RUN rm /srv/hard-a");
}

#[test]
fn a_foreign_folder_that_only_its_owner_reads() {
    on(Tools).step(json!({"remove": {"path": "/srv/private"}})).like("RUN rm -r /srv/private");
}

#[test]
fn what_is_not_there() {
    on(Tools).step(json!({"remove": {"path": "/srv/nothing"}})).both_fail(
        "RUN rm /srv/nothing",
        "/srv/nothing",
        "No such file or directory",
    );
}

#[test]
fn what_need_not_be_there() {
    on(Tools)
        .step(
            json!({"remove": {"path": ["/srv/nothing", "/srv/file", "/nowhere/at/all"], "missing_ok": true}}),
        )
        .like("RUN rm -f /srv/nothing /srv/file /nowhere/at/all");
}

#[test]
fn a_wildcard_for_nothing() {
    on(Tools).step(json!({"remove": {"path": "/srv/*.none"}})).both_fail(
        "RUN rm /srv/*.none",
        "/srv/*.none",
        "No such file or directory",
    );
}

#[test]
fn a_wildcard_that_may_find_nothing() {
    on(Tools)
        .steps(json!([{"remove": {"path": "/srv/*.none", "missing_ok": true}}, {"remove": {"path": "/srv/file"}}]))
        .like("RUN rm -f /srv/*.none\nRUN rm /srv/file");
}

#[test]
fn removed_and_made_again() {
    on(Tools)
        .steps(json!([{"remove": {"path": "/srv/data"}}, {"file": {"path": "/srv/data/again.txt", "content": "x\n"}}]))
        .like("RUN rm -r /srv/data\nCOPY <<END /srv/data/again.txt\nx\nEND");
}

#[test]
fn a_folder_becomes_a_file() {
    on(Tools)
        .files(&["data"])
        .steps(json!([{"remove": {"path": "/srv/data"}}, {"copy": {"src": "data", "dest": "/srv/data"}}]))
        .like("RUN rm -r /srv/data\nCOPY data /srv/data");
}

#[test]
fn a_file_becomes_a_folder() {
    on(Tools)
        .steps(json!([{"remove": {"path": "/srv/file"}}, {"mkdir": {"path": "/srv/file/sub"}}]))
        .like("RUN rm /srv/file\nRUN mkdir -p /srv/file/sub");
}

#[test]
fn what_the_step_before_made() {
    on(Tools)
        .files(&["big"])
        .steps(json!([{"copy": {"src": "big", "dest": "/tmp/big"}}, {"remove": {"path": "/tmp/big"}}]))
        .like("COPY big /tmp/big\nRUN rm /tmp/big");
}

#[test]
fn relative_to_the_workdir() {
    on(Tools)
        .config(json!({"workdir": "/srv/data"}))
        .step(json!({"remove": {"path": ["one.txt", "sub/*"]}}))
        .like("WORKDIR /srv/data\nRUN rm one.txt sub/*");
}
