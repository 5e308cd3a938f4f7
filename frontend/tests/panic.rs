//! A panic is returned to BuildKit as the build's error, and the process ends.
//!
//! Without the usual harness: the second process, which panics, must have standard output to itself.

#![expect(clippy::unwrap_used, reason = "what a test stands on may fail loudly")]

mod bridge;

use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::frontend::ReturnResponse;
use frontend::gateway::{grpc::GrpcGateway, stdio};
use frontend::panics;

const CHILD: &str = "FACTORY_TEST_PANICS";

fn main() {
    if std::env::var_os(CHILD).is_some() {
        return fall_over();
    }
    let program = std::env::current_exe().unwrap();
    let bridge = bridge::Bridge::start(program.to_str().unwrap(), &[(CHILD, "1")]);
    let finished = bridge.serve(|_, _| bridge::ok(&ReturnResponse {}), Duration::from_secs(60));
    let error = finished.returned.expect("Return was called").error.expect("with an error");
    assert!(error.message.starts_with("internal error of the frontend"), "{}", error.message);
    assert!(error.message.contains("what went wrong"), "{}", error.message);
    assert!(error.message.contains("panic.rs:"), "{}", error.message);
    assert_eq!((error.code, finished.exit_code), (2, Some(1)));
    assert!(finished.after_return < Duration::from_secs(1), "{:?}", finished.after_return);
}

fn fall_over() {
    let gateway = GrpcGateway::new(stdio::connect().unwrap());
    panics::return_to(gateway);
    panic!("what went wrong");
}
