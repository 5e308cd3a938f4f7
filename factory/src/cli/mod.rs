//! The command line: arguments in, library calls, text out.

mod args;
mod bake;
mod build;
mod buildx;
mod diff;
mod engine;
mod export;
mod frontend;
mod keys;
mod layers;
mod lock;
mod plan;
mod publish;
mod query;
mod sbom;
mod sign;
mod verify;

use clap::Parser;

use crate::exit::{Error, Exit};
use crate::frontend_image::FRONTEND;
use args::{Action, Arguments, FrontendAction};

/// Runs the command line of this process and returns its exit code.
#[must_use]
pub fn main() -> Exit {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let outcome = match arguments.action {
        Action::Engine(action) => engine::run(&action),
        Action::Build(arguments) => build::run(*arguments),
        Action::Plan(arguments) => plan::run(*arguments),
        Action::Bake(arguments) => bake::run(&arguments),
        Action::Frontend(FrontendAction::Build(arguments)) => frontend::build(&FRONTEND, &arguments),
        Action::Sbom(arguments) => sbom::run(&arguments),
        Action::Layers(arguments) => layers::run(&arguments),
        Action::Lock(arguments) => lock::run(*arguments),
        Action::Keys(action) => keys::run(&action),
        Action::Sign(arguments) => sign::run(&arguments),
        Action::Verify(arguments) => verify::run(&arguments),
        Action::Diff(arguments) => diff::run(&arguments),
        Action::Export(arguments) => export::run(&arguments),
        Action::Publish(arguments) => publish::run(&arguments),
        Action::Query(arguments) => query::run(&arguments),
    };
    match outcome {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(&error);
            error.exit()
        }
    }
}

/// `--help` and `--version` are answers, everything else is wrong usage.
fn usage(error: &clap::Error) -> Exit {
    // A closed terminal cannot be helped.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Ok }
}

fn complain(error: &Error) {
    eprintln!("factory: {}", error.full_message());
}

/// Prints what was asked for to standard output.
#[expect(clippy::print_stdout, reason = "the one place where the command line prints its answers")]
pub(crate) fn answer(text: &str) {
    print!("{text}");
}
