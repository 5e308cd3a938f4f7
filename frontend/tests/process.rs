//! The real program over real pipes, with a small LLBBridge on the other end.

#![expect(clippy::unwrap_used, reason = "what a test stands on may fail loudly")]

mod bridge;

use std::time::{Duration, Instant};

use bollard_buildkit_proto::google::{protobuf::Any, rpc};
use bollard_buildkit_proto::moby::buildkit::v1::frontend as wire;
use prost::Message as _;

use bridge::{Bridge, Finished, ok};

const OPTIONS: [(&str, &str); 3] = [
    ("BUILDKIT_FRONTEND_OPT_0", "filename=manifests/x.json"),
    ("BUILDKIT_FRONTEND_OPT_1", "source=localhost/factory/frontend:dev"),
    ("BUILDKIT_SESSION_ID", "session"),
];

/// Runs the program against `answer`, with a limit on the time that it may take.
fn run(environment: &[(&str, &str)], answer: impl Fn(&str, &[u8]) -> bridge::Answer + 'static) -> Finished {
    Bridge::start(env!("CARGO_BIN_EXE_frontend"), environment).serve(answer, Duration::from_secs(60))
}

/// What every daemon answers before the interesting part.
fn usual(method: &str) -> bridge::Answer {
    match method {
        "Ping" => ok(&wire::PongResponse::default()),
        "Inputs" => ok(&wire::InputsResponse::default()),
        "Solve" => {
            let reference = wire::Ref { id: "ref".into(), def: None };
            let result =
                wire::Result { result: Some(wire::result::Result::Ref(reference)), ..Default::default() };
            ok(&wire::SolveResponse { result: Some(result), ..Default::default() })
        }
        "Return" => ok(&wire::ReturnResponse {}),
        other => Err(rpc::Status {
            code: 2,
            message: format!("{other}: no such file or directory"),
            details: vec![],
        }),
    }
}

fn stat(size: i64) -> bridge::Answer {
    let stat = bollard_buildkit_proto::fsutil::types::Stat { mode: 0o644, size, ..Default::default() };
    ok(&wire::StatFileResponse { stat: Some(stat) })
}

fn returned_error(finished: &Finished) -> rpc::Status {
    let returned = finished.returned.as_ref().expect("Return was called");
    returned.error.clone().unwrap_or_else(|| panic!("an error was returned, not {:?}", returned.result))
}

#[test]
fn a_missing_manifest_is_returned_as_an_error_and_the_process_ends_at_once() {
    let finished = run(&OPTIONS, |method, _| usual(method));
    let error = returned_error(&finished);
    assert_eq!(error.code, 2);
    assert!(error.message.contains("manifests/x.json"), "{}", error.message);
    assert_eq!(finished.exit_code, Some(0), "{}", finished.stderr);
    assert!(
        finished.after_return < Duration::from_secs(1),
        "the process lingered for {:?}",
        finished.after_return
    );
    assert_eq!(finished.stderr, "");
}

#[test]
fn a_wrong_option_is_returned_as_an_error() {
    let environment = [("BUILDKIT_FRONTEND_OPT_0", "platform=linus/amd64"), ("BUILDKIT_SESSION_ID", "s")];
    let error = returned_error(&run(&environment, |method, _| usual(method)));
    assert!(error.message.starts_with("option `platform`: "), "{}", error.message);
}

#[test]
fn a_large_reply_does_not_block_either_end() {
    let finished = run(&OPTIONS, |method, request| match method {
        "StatFile"
            if wire::StatFileRequest::decode(request).is_ok_and(|stat| stat.path == "manifests/x.json") =>
        {
            stat(10)
        }
        "ReadFile" => ok(&wire::ReadFileResponse { data: vec![b' '; 8 << 20] }),
        other => usual(other),
    });
    let error = returned_error(&finished);
    assert!(error.message.contains("manifests/x.json"), "{}", error.message);
    assert_eq!(finished.exit_code, Some(0), "{}", finished.stderr);
}

#[test]
fn a_mebibyte_of_details_is_handed_on_unchanged() {
    let detail =
        Any { type_url: "github.com/moby/buildkit/stack.Stack+json".into(), value: vec![b'x'; 1 << 20] };
    let upstream = rpc::Status { code: 2, message: "local source is gone".into(), details: vec![detail] };
    let failing = upstream.clone();
    let finished = run(&OPTIONS, move |method, _| match method {
        "StatFile" => Err(failing.clone()),
        other => usual(other),
    });
    assert_eq!(returned_error(&finished), upstream);
}

#[test]
fn a_lost_connection_ends_the_process() {
    let started = Instant::now();
    let bridge = Bridge::start(env!("CARGO_BIN_EXE_frontend"), &OPTIONS);
    let finished = bridge.hang_up();
    assert_eq!(finished.exit_code, Some(1));
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn started_by_hand_it_says_what_it_is() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_frontend"))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("docker buildx build"));
}
