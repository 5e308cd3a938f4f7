//! The command line of the factory.

fn main() -> std::process::ExitCode {
    factory::cli::main().into()
}
