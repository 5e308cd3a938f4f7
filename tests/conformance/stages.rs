//! Stages, and files of other images.

use serde_json::json;

use crate::bases::Base::{Configured, Scratch, Tools};
use crate::case::on;

#[test]
fn a_file_of_a_stage() {
    on(Scratch)
        .fragment(json!({
            "stages": {"build": {"base": "{tools}", "steps": [{"run": "echo built > /out; chmod 751 /out; chown 7:8 /out"}]}},
            "steps": [{"copy": {"from": "stage:build", "src": "/out", "dest": "/bin/app"}}]
        }))
        .like(
            "FROM {tools} AS build\nRUN echo built > /out; chmod 751 /out; chown 7:8 /out\nFROM scratch\n\
             COPY --from=build /out /bin/app",
        );
}

#[test]
fn a_stage_is_built_on_what_its_fragment_is_built_on() {
    on(Tools)
        .step(json!({"file": {"path": "/below", "content": "below\n"}}))
        .above(json!({
            "stages": {"build": {"steps": [{"run": "cat /below > /out; [ ! -e /own ]"}]}},
            "steps": [
                {"file": {"path": "/own", "content": "own\n"}},
                {"copy": {"from": "stage:build", "src": "/out", "dest": "/"}}
            ]
        }))
        .like(
            "FROM {tools} AS below\nCOPY <<END /below\nbelow\nEND\nFROM below AS build\nRUN cat /below > /out; [ ! -e /own ]\n\
             FROM below\nCOPY <<END /own\nown\nEND\nCOPY --from=build /out /",
        );
}

#[test]
fn a_stage_on_a_stage() {
    on(Scratch)
        .fragment(json!({
            "stages": {
                "deps": {"base": "{tools}", "env": {"DEPS": "yes"}, "workdir": "/work", "steps": [{"run": "echo 1 > deps"}]},
                "build": {"base": "stage:deps", "steps": [{"run": "echo $DEPS $PWD > out; cat deps >> out"}]}
            },
            "steps": [{"copy": {"from": "stage:build", "src": "work/", "dest": "/opt/"}}]
        }))
        .like(
            "FROM {tools} AS deps\nENV DEPS=yes\nWORKDIR /work\nRUN echo 1 > deps\nFROM deps AS build\n\
             RUN echo $DEPS $PWD > out; cat deps >> out\nFROM scratch\nCOPY --from=build work/ /opt/",
        );
}

#[test]
fn a_stage_takes_from_a_stage() {
    on(Scratch)
        .fragment(json!({
            "stages": {
                "two": {"base": "scratch", "steps": [{"copy": {"from": "stage:one", "src": "a", "dest": "/b"}}]},
                "one": {"base": "scratch", "steps": [{"file": {"path": "/a", "content": "a\n"}}]}
            },
            "steps": [{"copy": {"from": "stage:two", "src": "b", "dest": "/c"}}]
        }))
        .like(
            "FROM scratch AS one\nCOPY <<END /a\na\nEND\nFROM scratch AS two\nCOPY --from=one a /b\nFROM scratch\n\
             COPY --from=two b /c",
        );
}

#[test]
fn a_stage_that_nobody_uses_never_runs() {
    on(Tools)
        .fragment(json!({
            "stages": {"broken": {"steps": [{"run": "exit 1"}]}, "also": {"base": "none.invalid/none", "steps": [{"run": "exit 1"}]}},
            "steps": [{"run": "echo x > /x"}]
        }))
        .like("FROM {tools} AS broken\nRUN exit 1\nFROM none.invalid/none AS also\nRUN exit 1\nFROM {tools}\nRUN echo x > /x");
}

#[test]
fn a_stage_that_fails() {
    on(Scratch)
        .fragment(json!({
            "stages": {"broken": {"base": "{tools}", "steps": [{"run": "exit 9"}]}},
            "steps": [{"copy": {"from": "stage:broken", "src": "/srv/file", "dest": "/"}}]
        }))
        .both_fail(
            "FROM {tools} AS broken\nRUN exit 9\nFROM scratch\nCOPY --from=broken /srv/file /",
            "exit code: 9",
            "exit code: 9",
        );
}

#[test]
fn a_whole_stage() {
    on(Scratch)
        .fragment(json!({
            "stages": {"all": {"base": "{tools}", "steps": [{"remove": {"path": "/srv/data"}}]}},
            "steps": [{"copy": {"from": "stage:all", "src": "/", "dest": "/"}}]
        }))
        .like("FROM {tools} AS all\nRUN rm -r /srv/data\nFROM scratch\nCOPY --from=all / /");
}

#[test]
fn a_stage_s_config_is_its_own() {
    on(Scratch)
        .fragment(json!({
            "stages": {"build": {"base": "{configured}", "env": {"OWN": "1"}, "steps": [{"file": {"path": "made", "content": "x\n"}}]}},
            "steps": [{"copy": {"from": "stage:build", "src": "/base/work/made", "dest": "/"}}]
        }))
        .like(
            "FROM {configured} AS build\nENV OWN=1\nCOPY <<END made\nx\nEND\nFROM scratch\nCOPY --from=build /base/work/made /",
        );
}

#[test]
fn a_stage_does_not_have_the_fragment_s_environment() {
    on(Tools)
        .fragment(json!({
            "env": {"FRAGMENT": "yes"},
            "stages": {"build": {"base": "{tools}", "steps": [{"run": "echo \"${FRAGMENT-unset}\" > /out"}]}},
            "steps": [{"copy": {"from": "stage:build", "src": "/out", "dest": "/"}}]
        }))
        .like(
            "FROM {tools} AS build\nRUN echo \"${FRAGMENT-unset}\" > /out\nFROM {tools}\nENV FRAGMENT=yes\n\
             COPY --from=build /out /",
        );
}

#[test]
fn a_stage_has_the_fragment_s_arguments() {
    on(Scratch)
        .build_arg("VERSION", "7")
        .fragment(json!({
            "args": {"VERSION": "0"},
            "stages": {"build": {"base": "{tools}", "steps": [{"run": "echo $VERSION > /out"}]}},
            "steps": [{"copy": {"from": "stage:build", "src": "/out", "dest": "/out-${VERSION}"}}]
        }))
        .like(
            "ARG VERSION=0\nFROM {tools} AS build\nARG VERSION\nRUN echo $VERSION > /out\nFROM scratch\nARG VERSION\n\
             COPY --from=build /out /out-${VERSION}",
        );
}

#[test]
fn links_on_the_way_in_a_stage() {
    on(Scratch)
        .fragment(json!({
            "stages": {"all": {"base": "{tools}", "steps": []}},
            "steps": [
                {"copy": {"from": "stage:all", "src": "/opt/link/one.txt", "dest": "/a/"}},
                {"copy": {"from": "stage:all", "src": "/opt/relative", "dest": "/b"}},
                {"copy": {"from": "stage:all", "src": "/srv/link-to-file", "dest": "/c"}},
                {"copy": {"from": "stage:all", "src": "/bin/sh", "dest": "/d"}}
            ]
        }))
        .like(
            "FROM {tools} AS all\nFROM scratch\nCOPY --from=all /opt/link/one.txt /a/\nCOPY --from=all /opt/relative /b\n\
             COPY --from=all /srv/link-to-file /c\nCOPY --from=all /bin/sh /d",
        );
}

#[test]
fn wildcards_in_a_stage() {
    on(Scratch)
        .fragment(json!({
            "stages": {"all": {"base": "{tools}", "steps": []}},
            "steps": [{"copy": {"from": "stage:all", "src": ["/srv/data/*.txt", "/srv/hard-*"], "dest": "/out/"}}]
        }))
        .like("FROM {tools} AS all\nFROM scratch\nCOPY --from=all /srv/data/*.txt /srv/hard-* /out/");
}

#[test]
fn a_file_that_a_stage_does_not_have() {
    on(Scratch)
        .fragment(json!({
            "stages": {"all": {"base": "{tools}", "steps": []}},
            "steps": [{"copy": {"from": "stage:all", "src": "/srv/nothing", "dest": "/"}}]
        }))
        .both_fail(
            "FROM {tools} AS all\nFROM scratch\nCOPY --from=all /srv/nothing /",
            "/srv/nothing",
            "/srv/nothing",
        );
}

#[test]
fn files_of_an_image() {
    on(Configured)
        .step(json!({"copy": {"from": "image:{tools}", "src": ["/srv/data", "/etc/passwd"], "dest": "in/"}}))
        .like("COPY --from={tools} /srv/data /etc/passwd in/");
}

#[test]
fn a_program_of_an_image_with_its_bits() {
    on(Scratch)
        .step(json!({"copy": {"from": "image:{tools}", "src": "/srv/tool", "dest": "/bin/"}}))
        .like("COPY --from={tools} /srv/tool /bin/");
}

#[test]
fn a_folder_of_an_image_that_only_its_owner_reads() {
    on(Scratch)
        .step(json!({"copy": {"from": "image:{tools}", "src": "/srv/private/", "dest": "/private/"}}))
        .like("COPY --from={tools} /srv/private/ /private/");
}

#[test]
fn a_named_context_that_is_an_image() {
    let _made = Tools.reference();
    on(Scratch)
        .step(json!({"copy": {"from": "context:other", "src": "/srv/file", "dest": "/"}}))
        .words(&["--build-context", "other=docker-image://localhost/factory-tests/conformance:tools"])
        .like("COPY --from=other /srv/file /");
}

#[test]
fn a_named_context_in_the_place_of_an_image() {
    let _made = Tools.reference();
    on(Scratch)
        .step(json!({"copy": {"from": "image:none.invalid/none:1", "src": "/srv/file", "dest": "/"}}))
        .words(&[
            "--build-context",
            "none.invalid/none:1=docker-image://localhost/factory-tests/conformance:tools",
        ])
        .like("COPY --from=none.invalid/none:1 /srv/file /");
}

#[test]
fn one_stage_as_the_target() {
    on(Scratch)
        .fragment(json!({
            "stages": {"build": {"base": "{tools}", "steps": [{"run": "echo built > /out"}]}},
            "steps": [{"copy": {"from": "stage:build", "src": "/out", "dest": "/bin/app"}}]
        }))
        .targets("stage/only/build", "build")
        .like("FROM {tools} AS build\nRUN echo built > /out\nFROM scratch\nCOPY --from=build /out /bin/app");
}
