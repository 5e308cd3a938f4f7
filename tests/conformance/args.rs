//! `args`: build arguments and platform variables.

use serde_json::json;

use crate::bases::Base::{Plain, Scratch, Tools};
use crate::case::on;
use crate::differences::{ARG_SCOPE, MODE_OF_PARENTS};

#[test]
fn a_default() {
    on(Tools)
        .fragment(json!({"args": {"FLAVOUR": "plain"}, "steps": [{"run": "echo $FLAVOUR > /x"}]}))
        .like("ARG FLAVOUR=plain\nRUN echo $FLAVOUR > /x");
}

#[test]
fn a_value_of_the_client() {
    on(Tools)
        .build_arg("FLAVOUR", "hot & 'spicy'")
        .fragment(json!({"args": {"FLAVOUR": "plain"}, "steps": [{"run": "echo \"$FLAVOUR\" > /x"}]}))
        .like("ARG FLAVOUR=plain\nRUN echo \"$FLAVOUR\" > /x");
}

#[test]
fn an_empty_value_of_the_client() {
    on(Tools)
        .build_arg("FLAVOUR", "")
        .fragment(json!({"args": {"FLAVOUR": "plain"}, "steps": [{"run": "echo \"<$FLAVOUR>${FLAVOUR-unset}\" > /x"}]}))
        .like("ARG FLAVOUR=plain\nRUN echo \"<$FLAVOUR>${FLAVOUR-unset}\" > /x");
}

#[test]
fn an_argument_without_a_default() {
    on(Tools)
        .build_arg("GIVEN", "yes")
        .fragment(json!({
            "args": {"GIVEN": {}},
            "steps": [{"run": "echo \"$GIVEN\" > /x"}]
        }))
        .like("ARG GIVEN\nRUN echo \"$GIVEN\" > /x");
}

#[test]
fn an_argument_without_a_value_is_not_in_the_environment() {
    on(Tools)
        .fragment(json!({"args": {"MISSING": {}}, "steps": [{"run": "echo \"${MISSING-unset}\" > /x"}]}))
        .like("ARG MISSING\nRUN echo \"${MISSING-unset}\" > /x");
}

#[test]
fn the_image_does_not_have_arguments() {
    on(Scratch)
        .build_arg("FLAVOUR", "hot")
        .fragment(
            json!({"args": {"FLAVOUR": "plain"}, "steps": [{"file": {"path": "/x", "content": "x\n"}}]}),
        )
        .like("ARG FLAVOUR=plain\nCOPY <<END /x\nx\nEND");
}

#[test]
fn an_argument_in_a_variable() {
    on(Tools)
        .build_arg("VERSION", "1.2")
        .fragment(json!({
            "args": {"VERSION": "0"},
            "env": {"APP_VERSION": "v${VERSION}"},
            "steps": [{"run": "echo $APP_VERSION $VERSION > /x"}]
        }))
        .like("ARG VERSION=0\nENV APP_VERSION=v${VERSION}\nRUN echo $APP_VERSION $VERSION > /x");
}

#[test]
fn an_argument_in_the_default_of_another() {
    on(Tools)
        .fragment(json!({
            "args": {"MAJOR": "1", "VERSION": "${MAJOR}.2"},
            "steps": [{"run": "echo $VERSION > /x"}]
        }))
        .like("ARG MAJOR=1\nARG VERSION=${MAJOR}.2\nRUN echo $VERSION > /x");
}

#[test]
fn arguments_in_paths_owners_and_modes() {
    on(Scratch)
        .files(&["v1/a.txt"])
        .fragment(json!({
            "args": {"V": "v1", "DEST": "/opt/app", "OWNER": "12:34", "MODE": "0600"},
            "steps": [{"copy": {"src": "${V}/a.txt", "dest": "${DEST}/${V}.txt", "chown": "${OWNER}", "chmod": "${MODE}"}}]
        }))
        .unlike(
            MODE_OF_PARENTS,
            "ARG V=v1 DEST=/opt/app OWNER=12:34 MODE=0600\n\
             COPY --chown=${OWNER} --chmod=${MODE} ${V}/a.txt ${DEST}/${V}.txt",
            &["opt: mode: 0755 | 0600", "opt/app: mode: 0755 | 0600"],
        );
}

#[test]
fn an_argument_in_a_wildcard() {
    on(Scratch)
        .files(&["a1", "a2", "b1"])
        .fragment(
            json!({"args": {"PREFIX": "a"}, "steps": [{"copy": {"src": "${PREFIX}*", "dest": "/out/"}}]}),
        )
        .like("ARG PREFIX=a\nCOPY ${PREFIX}* /out/");
}

#[test]
fn arguments_in_the_config() {
    on(Plain)
        .build_arg("PORT", "8081")
        .fragment(json!({
            "args": {"PORT": "80", "NAME": "app"},
            "config": {
                "user": "${NAME}", "workdir": "/opt/${NAME}", "expose": ["${PORT}/tcp"], "volumes": ["/var/${NAME}"],
                "labels": {"name": "${NAME}", "port": "p${PORT}"}, "stop_signal": "SIGINT"
            }
        }))
        .like(
            "ARG PORT=80 NAME=app\nUSER ${NAME}\nWORKDIR /opt/${NAME}\nEXPOSE ${PORT}/tcp\nVOLUME /var/${NAME}\n\
             LABEL name=${NAME} port=p${PORT}\nSTOPSIGNAL SIGINT",
        );
}

#[test]
fn the_environment_of_the_base_hides_an_argument() {
    on(Tools)
        .build_arg("WHO", "argument")
        .fragment(json!({"env": {"WHO": "environment"}}))
        .above(json!({"args": {"WHO": "default"}, "steps": [{"run": "echo $WHO > /x"}]}))
        .like("ENV WHO=environment\nARG WHO=default\nRUN echo $WHO > /x");
}

#[test]
fn a_fragment_s_own_variable_hides_its_argument() {
    on(Tools)
        .build_arg("WHO", "argument")
        .fragment(json!({"args": {"WHO": "default"}, "env": {"WHO": "environment"}, "steps": [{"run": "echo $WHO > /x"}]}))
        .like("ARG WHO=default\nENV WHO=environment\nRUN echo $WHO > /x");
}

#[test]
fn a_variable_made_of_the_argument_of_its_name() {
    on(Tools)
        .build_arg("WHO", "argument")
        .fragment(json!({"args": {"WHO": "default"}, "env": {"WHO": "${WHO}"}, "steps": [{"run": "echo $WHO > /x"}]}))
        .like("ARG WHO=default\nENV WHO=${WHO}\nRUN echo $WHO > /x");
}

#[test]
fn an_argument_of_the_fragment_below() {
    on(Tools)
        .build_arg("FLAVOUR", "hot")
        .fragment(json!({"args": {"FLAVOUR": "plain"}, "steps": [{"run": "echo $FLAVOUR > /x"}]}))
        .above(json!({"steps": [{"run": "echo \"${FLAVOUR-unset}\" > /y"}]}))
        .unlike(
            ARG_SCOPE,
            "FROM {tools} AS below\nARG FLAVOUR=plain\nRUN echo $FLAVOUR > /x\nFROM below\n\
             RUN echo \"${FLAVOUR-unset}\" > /y",
            &["y: kind: file of 6 bytes sha256:d27d8ed67b07 | file of 4 bytes sha256:f2ea63834860"],
        );
}

#[test]
fn the_same_argument_in_two_fragments() {
    on(Tools)
        .build_arg("FLAVOUR", "hot")
        .fragment(json!({"args": {"FLAVOUR": "plain"}, "steps": [{"run": "echo $FLAVOUR > /x"}]}))
        .above(json!({"args": {"FLAVOUR": "other"}, "steps": [{"run": "echo $FLAVOUR > /y"}]}))
        .like(
            "FROM {tools} AS below\nARG FLAVOUR=plain\nRUN echo $FLAVOUR > /x\nFROM below\nARG FLAVOUR=other\n\
             RUN echo $FLAVOUR > /y",
        );
}

#[test]
fn platform_variables() {
    let names = [
        "TARGETPLATFORM",
        "TARGETOS",
        "TARGETARCH",
        "TARGETVARIANT",
        "BUILDPLATFORM",
        "BUILDOS",
        "BUILDARCH",
        "BUILDVARIANT",
    ];
    let args: serde_json::Map<_, _> = names.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
    let shown: Vec<String> = names.iter().map(|name| format!("{name}=${{{name}-unset}}")).collect();
    let script = format!("echo {} > /x", shown.join(" "));
    let declared: Vec<String> = names.iter().map(|name| format!("ARG {name}\n")).collect();
    on(Tools)
        .fragment(json!({"args": args, "steps": [{"run": script}]}))
        .like(&format!("{}RUN {script}", declared.concat()));
}

#[test]
fn platform_variables_that_nobody_asked_for() {
    on(Tools)
        .step(json!({"run": "echo \"${TARGETARCH-unset}\" > /x"}))
        .like("RUN echo \"${TARGETARCH-unset}\" > /x");
}

#[test]
fn a_platform_variable_in_a_path() {
    on(Scratch)
        .files(&["bin-amd64/tool", "bin-arm64/tool"])
        .step(json!({"copy": {"src": "bin-${TARGETARCH}/", "dest": "/${TARGETOS}/"}}))
        .like("ARG TARGETARCH\nARG TARGETOS\nCOPY bin-${TARGETARCH}/ /${TARGETOS}/");
}

#[test]
fn a_proxy_of_the_client() {
    on(Tools)
        .build_arg("HTTP_PROXY", "http://proxy.invalid:3128")
        .step(json!({"run": "echo \"$HTTP_PROXY|$http_proxy\" > /x", "network": "none"}))
        .like("RUN --network=none echo \"$HTTP_PROXY|$http_proxy\" > /x");
}

#[test]
fn an_argument_that_nobody_declared() {
    on(Tools)
        .build_arg("UNKNOWN", "x")
        .step(json!({"run": "echo \"${UNKNOWN-unset}\" > /x"}))
        .like("RUN echo \"${UNKNOWN-unset}\" > /x");
}

#[test]
fn an_argument_chooses_the_base() {
    let _made = Tools.reference();
    on(Scratch)
        .manifest(json!({"args": {"BASE": "none.invalid/none"}, "base": "${BASE}"}))
        .build_arg("BASE", "localhost/factory-tests/conformance:tools")
        .step(json!({"run": "echo on tools > /x"}))
        .like("ARG BASE=none.invalid/none\nFROM ${BASE}\nRUN echo on tools > /x");
}

#[test]
fn a_manifest_sets_a_fragment_s_argument() {
    on(Tools)
        .manifest(json!({"args": {"FLAVOUR": "hot"}}))
        .fragment(json!({"args": {"FLAVOUR": "plain"}, "steps": [{"run": "echo $FLAVOUR > /x"}]}))
        .like("ARG FLAVOUR=hot\nRUN echo $FLAVOUR > /x");
}
