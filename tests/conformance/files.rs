//! `file`, `mkdir` and `symlink`.

use serde_json::json;

use crate::bases::Base::{Scratch, Tools};
use crate::case::on;

#[test]
fn a_file_is_written() {
    on(Scratch)
        .step(json!({"file": {"path": "/etc/app.conf", "content": "one\ntwo\n"}}))
        .like("COPY <<END /etc/app.conf\none\ntwo\nEND");
}

#[test]
fn a_file_of_lines() {
    on(Scratch)
        .step(json!({"file": {"path": "/app.conf", "content": ["one", "", "  three"]}}))
        .like("COPY <<END /app.conf\none\n\n  three\nEND");
}

#[test]
fn dollars_stay_dollars() {
    on(Scratch)
        .step(json!({"file": {"path": "/script", "content": "$HOME ${HOME} $$ \\$ `x` \"q\" 'q'\n"}}))
        .like("COPY <<'END' /script\n$HOME ${HOME} $$ \\$ `x` \"q\" 'q'\nEND");
}

#[test]
fn variables_are_expanded_on_request() {
    on(Scratch)
        .fragment(json!({
            "env": {"EMPTY": "", "NAME": "value"},
            "steps": [{"file": {
                "path": "/app.conf", "expand": true, "content": "a=${NAME}\nb=${MISSING:-none}\nc=<${EMPTY}>\n"
            }}]
        }))
        .like("ENV EMPTY= NAME=value\nCOPY <<END /app.conf\na=${NAME}\nb=${MISSING:-none}\nc=<${EMPTY}>\nEND");
}

#[test]
fn an_empty_file() {
    on(Scratch)
        .file("empty", "")
        .step(json!({"file": {"path": "/empty", "content": ""}}))
        .like("COPY empty /empty");
}

#[test]
fn odd_bytes() {
    let content = "\u{0}\u{1}\u{7f}\t\r\nümläut \u{1f600} \u{feff}no line feed";
    on(Scratch)
        .file("odd", content)
        .step(json!({"file": {"path": "/odd", "content": content}}))
        .like("COPY odd /odd");
}

#[test]
fn carriage_returns_stay() {
    on(Scratch)
        .file("dos.txt", "a\r\nb\r\n")
        .step(json!({"file": {"path": "/dos.txt", "content": "a\r\nb\r\n"}}))
        .like("COPY dos.txt /dos.txt");
}

#[test]
fn a_file_with_a_mode_and_an_owner() {
    on(Tools)
        .step(
            json!({"file": {"path": "/srv/run.sh", "content": "x\n", "chmod": "0750", "chown": "app:extra"}}),
        )
        .like("COPY --chmod=0750 --chown=app:extra <<END /srv/run.sh\nx\nEND");
}

#[test]
fn a_file_with_bits_that_a_umask_takes() {
    on(Tools)
        .steps(json!([
            {"file": {"path": "/srv/open", "content": "x\n", "chmod": "0666"}},
            {"file": {"path": "/srv/set", "content": "x\n", "chmod": "4775", "chown": "svc"}}
        ]))
        .like(
            "COPY --chmod=0666 <<END /srv/open\nx\nEND\nCOPY --chmod=4775 --chown=svc <<END /srv/set\nx\nEND",
        );
}

#[test]
fn a_file_cannot_replace_a_folder() {
    on(Tools).files(&["x"]).step(json!({"file": {"path": "/srv/x", "content": "x"}})).both_fail(
        "COPY x /srv/",
        "is a directory",
        "cannot replace",
    );
}

#[test]
fn a_file_replaces_a_file() {
    on(Tools)
        .step(json!({"file": {"path": "/srv/tool", "content": "new\n"}}))
        .like("COPY <<END /srv/tool\nnew\nEND");
}

#[test]
fn a_file_in_a_linked_folder() {
    on(Tools)
        .step(json!({"file": {"path": "/opt/link/new.txt", "content": "new\n"}}))
        .like("COPY <<END /opt/link/new.txt\nnew\nEND");
}

#[test]
fn a_file_in_the_workdir() {
    on(Scratch)
        .config(json!({"workdir": "/opt/app"}))
        .step(json!({"file": {"path": "sub/new.txt", "content": "new\n"}}))
        .like("WORKDIR /opt/app\nCOPY <<END sub/new.txt\nnew\nEND");
}

#[test]
fn a_file_over_one_hard_link() {
    on(Tools)
        .step(json!({"file": {"path": "/srv/hard-b", "content": "new\n"}}))
        .like("COPY <<END /srv/hard-b\nnew\nEND");
}

#[test]
fn a_file_over_a_link() {
    on(Tools)
        .step(json!({"file": {"path": "/srv/link-to-file", "content": "new\n"}}))
        .like("COPY <<END /srv/link-to-file\nnew\nEND");
}

#[test]
fn a_folder_is_made() {
    on(Tools).step(json!({"mkdir": {"path": "/new"}})).like("RUN mkdir /new");
}

#[test]
fn folders_above_are_made() {
    on(Tools).step(json!({"mkdir": {"path": "/a/b/c"}})).like("RUN mkdir -p /a/b/c");
}

#[test]
fn several_folders_are_made() {
    on(Tools).step(json!({"mkdir": {"path": ["/a/b", "/a/c", "/d"]}})).like("RUN mkdir -p /a/b /a/c /d");
}

#[test]
fn a_folder_that_is_there_stays_as_it_is() {
    on(Tools)
        .step(json!({"mkdir": {"path": ["/tmp", "/srv/private", "/srv/data"]}}))
        .like("RUN mkdir -p /tmp /srv/private");
}

#[test]
fn a_folder_with_a_mode() {
    on(Tools).step(json!({"mkdir": {"path": "/drop", "chmod": "1777"}})).like("RUN mkdir -m 1777 /drop");
}

#[test]
fn a_mode_does_not_hold_for_the_folders_above() {
    on(Tools).step(json!({"mkdir": {"path": "/a/b", "chmod": "2775"}})).like("RUN mkdir -p -m 2775 /a/b");
}

#[test]
fn a_mode_for_a_folder_that_is_there() {
    on(Tools)
        .step(json!({"mkdir": {"path": "/srv/data", "chmod": "0770", "chown": "app"}}))
        .like("RUN chmod 0770 /srv/data && chown app:app /srv/data");
}

#[test]
fn a_folder_with_an_owner() {
    on(Tools)
        .step(json!({"mkdir": {"path": "/home/svc", "chown": "svc", "chmod": "0700"}}))
        .like("RUN mkdir -m 0700 /home/svc && chown svc:300 /home/svc");
}

#[test]
fn an_owner_does_not_hold_for_the_folders_above() {
    on(Tools)
        .step(json!({"mkdir": {"path": "/a/b", "chown": "app"}}))
        .like("RUN mkdir -p /a/b && chown app:app /a/b");
}

#[test]
fn a_folder_through_a_link() {
    on(Tools).step(json!({"mkdir": {"path": "/lib/new/sub"}})).like("RUN mkdir -p /lib/new/sub");
}

#[test]
fn a_folder_where_a_link_to_a_folder_is() {
    on(Tools).step(json!({"mkdir": {"path": "/opt/link"}})).like("RUN mkdir -p /opt/link");
}

#[test]
fn a_folder_where_a_file_is() {
    on(Tools).step(json!({"mkdir": {"path": "/srv/file"}})).both_fail(
        "RUN mkdir -p /srv/file",
        "/srv/file",
        "/srv/file",
    );
}

#[test]
fn a_folder_in_an_image_without_programs() {
    on(Scratch).step(json!({"mkdir": {"path": "/var/lib/app"}})).like("WORKDIR /var/lib/app\nWORKDIR /");
}

#[test]
fn a_link_is_made() {
    on(Tools)
        .steps(json!([
            {"symlink": {"path": "/srv/absolute", "target": "/srv/file"}},
            {"symlink": {"path": "/srv/relative", "target": "../srv/file"}},
            {"symlink": {"path": "/srv/dangling", "target": "not/there"}},
            {"symlink": {"path": "/srv/folder", "target": "data/"}}
        ]))
        .like(
            "RUN ln -s /srv/file /srv/absolute && ln -s ../srv/file /srv/relative && ln -s not/there /srv/dangling && \
             ln -s data/ /srv/folder",
        );
}

#[test]
fn a_link_s_folder_is_made() {
    on(Tools)
        .step(json!({"symlink": {"path": "/new/sub/link", "target": "x"}}))
        .like("RUN mkdir -p /new/sub && ln -s x /new/sub/link");
}

#[test]
fn a_link_with_an_owner() {
    on(Tools)
        .step(json!({"symlink": {"path": "/srv/owned", "target": "x", "chown": "app:extra"}}))
        .like("RUN ln -s x /srv/owned && chown -h app:extra /srv/owned");
}

#[test]
fn a_link_through_a_linked_folder() {
    on(Tools)
        .step(json!({"symlink": {"path": "/bin/python", "target": "sh"}}))
        .like("RUN ln -s sh /bin/python");
}

#[test]
fn a_link_replaces_nothing() {
    on(Tools).step(json!({"symlink": {"path": "/srv/file", "target": "x"}})).both_fail(
        "RUN ln -s x /srv/file",
        "/srv/file",
        "File exists",
    );
}
