//! The image config: merge rules and history.

use bollard_buildkit_proto::pb;
use std::collections::BTreeMap;

use llb_gen::request::Request;
use serde_json::{Value, json};

use crate::{Documents, amd64, config, file_ops, one, ops};

fn of(members: &str) -> Value {
    config(&one(members).lower(&amd64()))["config"].clone()
}

#[test]
fn what_a_fragment_says_reaches_the_image() {
    let said = of(
        r#""args": {"PORT": {"type": "int", "default": 80}}, "env": {"A": "1", "PATH": "/v/bin:${PATH}"},
        "config": {"user": "app", "workdir": "/srv", "entrypoint": ["/x", "${PORT}"], "cmd": "a b", "expose": ["${PORT}/tcp", "53/udp"],
            "volumes": ["data"], "labels": {"k": "v${PORT}"}, "stop_signal": "SIGINT",
            "healthcheck": {"exec": ["/h"], "interval": "30s", "retries": 3}}"#,
    );
    assert_eq!(said["User"], "app");
    assert_eq!(said["WorkingDir"], "/srv");
    assert_eq!(said["Entrypoint"], json!(["/x", "80"]));
    assert_eq!(said["Cmd"], json!(["/bin/sh", "-c", "a b"]));
    assert_eq!(said["ExposedPorts"], json!({"80/tcp": {}, "53/udp": {}}));
    assert_eq!(said["Volumes"], json!({"/srv/data": {}}));
    assert_eq!(said["Labels"], json!({"k": "v80"}));
    assert_eq!(said["StopSignal"], "SIGINT");
    assert_eq!(
        said["Healthcheck"],
        json!({"Test": ["CMD", "/h"], "Interval": 30_000_000_000_u64, "Retries": 3})
    );
    assert_eq!(said["Env"], json!(["PATH=/v/bin:/usr/bin:/bin", "A=1"]));
}

#[test]
fn an_entrypoint_drops_the_base_s_arguments() {
    let said = of(r#""config": {"entrypoint": ["/x"]}"#);
    assert_eq!(said.get("Cmd"), None);
}

#[test]
fn the_last_writer_wins_and_the_manifest_and_the_client_come_last() {
    let documents = Documents::new(
        r#""base": "debian:bookworm-slim", "config": {"labels": {"a": "m", "b": "m"}, "user": "m"}"#,
        &[
            ("low", r#""config": {"user": "l", "labels": {"a": "l", "c": "l"}}"#),
            ("high", r#""config": {"user": "h"}"#),
        ],
    );
    let labels = BTreeMap::from([("b".to_owned(), "client".to_owned())]);
    let said = config(&documents.lower(&Request { labels, ..amd64() }));
    assert_eq!(said["config"]["User"], "m");
    assert_eq!(said["config"]["Labels"], json!({"a": "m", "b": "client", "c": "l"}));
}

#[test]
fn the_history_has_an_entry_for_every_layer() {
    let documents = one(r#""config": {"workdir": "/w", "user": "u"},
        "steps": [{"run": "a"}, {"file": {"path": "/f", "content": ""}}, {"mkdir": {"path": "/d"}}, {"copy": {"src": "x", "dest": "/x"}}]"#);
    let lowered = documents.lower(&amd64());
    let said = config(&lowered);
    let history = said["history"].as_array().unwrap();
    let layers: Vec<&str> = history
        .iter()
        .filter(|entry| entry["empty_layer"] != json!(true))
        .map(|entry| entry["created_by"].as_str().unwrap())
        .collect();
    let expected = [
        "base",
        "[app 1.0.0] workdir /w",
        "[app 1.0.0] run a",
        "[app 1.0.0] file /f",
        "[app 1.0.0] mkdir /d",
        "[app 1.0.0] copy x → /x",
    ];
    assert_eq!(layers, expected);
    assert_eq!(lowered.layers, layers.len());
    // The content of a file is made beside the chain, on nothing.
    let on_something = |ops: Vec<(String, pb::FileOp)>| {
        ops.into_iter().filter(|(_, op)| op.actions.first().is_some_and(|action| action.input >= 0)).count()
    };
    let chain = on_something(file_ops(&lowered.graph)) + crate::execs(&lowered.graph).len();
    assert_eq!(chain + 1, layers.len(), "as many ops as layers above the base's one");
    let empty: Vec<&str> = history
        .iter()
        .filter(|entry| entry["empty_layer"] == json!(true))
        .map(|entry| entry["created_by"].as_str().unwrap())
        .collect();
    assert_eq!(empty, ["[app 1.0.0] USER u", "[app 1.0.0] WORKDIR /w"]);
    assert!(history.iter().all(|entry| entry.get("created").is_none()), "the exporter knows when");
}

#[test]
fn an_epoch_is_the_time_of_everything() {
    let request = Request { epoch: Some(1_700_000_000), ..amd64() };
    let lowered = one(r#""steps": [{"run": "a"}]"#).lower(&request);
    let said = config(&lowered);
    assert_eq!(said["history"][1]["created"], "2023-11-14T22:13:20Z");
    let exec = crate::only_exec(&lowered.graph);
    assert_eq!(crate::spec(&exec)["epoch"], 1_700_000_000);
}

#[test]
fn scratch_needs_no_graph_and_has_a_config() {
    let lowered =
        Documents::new(r#""base": "scratch""#, &[("app", r#""config": {"user": "7"}"#)]).lower(&amd64());
    assert_eq!(lowered.definition(), None);
    assert_eq!(config(&lowered)["config"]["User"], "7");
    assert_eq!(lowered.base_config, None);
}

#[test]
fn failing_steps_know_their_lines() {
    let documents = one("\"steps\": [\n{\"run\": \"a\"},\n{\"run\": [\n\"b\",\n\"c\"]}\n]");
    let lowered = documents.lower(&amd64());
    let definition = lowered.definition().unwrap();
    let source = definition.source.as_ref().unwrap();
    assert_eq!(source.infos[0].filename, "fragments/app/1.0.0/fragment.json");
    let mut lines: Vec<(i32, i32)> = source
        .locations
        .values()
        .map(|locations| {
            // Clients show the last one first.
            let range = &locations.locations.last().unwrap().ranges[0];
            (range.start.as_ref().unwrap().line, range.end.as_ref().unwrap().line)
        })
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [(3, 3), (4, 6)]);
    let known: Vec<String> =
        lowered.graph.vertices().map(|(vertex, _)| vertex.digest().to_string()).collect();
    assert!(source.locations.keys().all(|digest| known.contains(digest)));
    assert!(ops(&lowered.graph).len() > 2);
}

#[test]
fn a_workdir_is_made_once() {
    let documents = Documents::new(
        r#""base": "debian:bookworm-slim""#,
        &[
            ("low", r#""config": {"workdir": "/w"}"#),
            ("high", r#""config": {"workdir": "/w"}, "steps": [{"run": "x"}]"#),
        ],
    );
    let lowered = documents.lower(&amd64());
    assert_eq!(file_ops(&lowered.graph).len(), 1, "a folder made again would be an empty layer");
}
