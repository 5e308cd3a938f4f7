//! The frontend's process: connects to BuildKit, runs one build, returns its outcome, and ends at once.

use std::process::ExitCode;

use frontend::gateway::grpc::GrpcGateway;
use frontend::gateway::stdio;
use frontend::own_helper::Helper;
use frontend::panics;
use frontend::run::{self, Surroundings};
use tokio::runtime;

/// Exit code when it was not BuildKit that started the process.
const NOT_A_FRONTEND: u8 = 2;

fn main() -> ExitCode {
    let connection = match stdio::connect() {
        Ok(connection) => connection,
        Err(error @ stdio::ConnectError::NotPipes(_)) => return explain(&error),
        Err(error) => return fail(&error.to_string()),
    };
    let gateway = GrpcGateway::new(connection);
    panics::return_to(gateway.clone());
    let runtime = runtime::Builder::new_current_thread().enable_time().build();
    let outcome = runtime.map(|runtime| runtime.block_on(run::serve(&gateway, surroundings())));
    match outcome {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(status)) => fail(&status.to_string()),
        Err(error) => fail(&error.to_string()),
    }
}

/// Where BuildKit puts the definition of the frontend's own image.
const OWN_IMAGE: &str = "/run/config/buildkit/metadata/frontend.bin";

fn surroundings() -> Surroundings {
    Surroundings {
        environment: std::env::vars_os().collect(),
        own_image: std::fs::read(OWN_IMAGE).ok(),
        helper: Helper::default(),
    }
}

/// What went wrong before or while the outcome was returned; only the daemon's log shows it.
fn fail(reason: &str) -> ExitCode {
    eprintln!("frontend: {reason}");
    ExitCode::FAILURE
}

fn explain(error: &stdio::ConnectError) -> ExitCode {
    eprintln!("frontend: {error}");
    eprintln!(
        "This program is started by BuildKit: name its image in a manifest's \"syntax\" member and build that"
    );
    eprintln!("manifest with `docker buildx build -f <manifest> .`.");
    ExitCode::from(NOT_A_FRONTEND)
}
