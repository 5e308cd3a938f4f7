//! The scanner's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(sbom::cli::main(std::env::args_os()))
}
