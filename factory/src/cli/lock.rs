//! `factory lock …`.

use clap::Args;

use super::answer;
use super::build::is_site_ca;
use crate::build::{Product, shell_line};
use crate::engine::{Engine, EngineName, EngineSpec};
use crate::exit::{Error, Result};
use crate::lock::{self, LockRequest, Locked};
use crate::progress::for_terminal;
use crate::site_ca;

/// What `factory lock` takes.
#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// A manifest's id, or the path of its file
    pub(crate) manifest: String,
    /// Resolve everything anew, not only what the lock does not have
    #[arg(long)]
    pub(crate) update: bool,
    /// Write nothing; exit code 1 when the lock would change
    #[arg(long)]
    pub(crate) check: bool,
    /// Platforms to resolve for; all of the product's by default
    #[arg(long, value_delimiter = ',')]
    pub(crate) platform: Vec<String>,
    /// Name of the engine of ours to ask
    #[arg(long, env = EngineSpec::VARIABLE, default_value_t, value_name = "NAME")]
    pub(crate) engine: EngineName,
    /// Print the docker command that would run, and stop
    #[arg(long)]
    pub(crate) print: bool,
    /// Use this frontend image instead of the manifest's
    #[arg(long, value_name = "IMAGE")]
    pub(crate) frontend: Option<String>,
    /// A value for one of the manifest's args
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) build_arg: Vec<String>,
    /// A further context
    #[arg(long, value_name = "NAME=PLACE")]
    pub(crate) build_context: Vec<String>,
    /// A secret for build steps
    #[arg(long, value_name = "SPEC")]
    pub(crate) secret: Vec<String>,
    /// An SSH agent or key for build steps
    #[arg(long, value_name = "SPEC")]
    pub(crate) ssh: Vec<String>,
    /// A cache to read
    #[arg(long, value_name = "SPEC")]
    pub(crate) cache_from: Vec<String>,
    /// How buildx shows progress: auto, plain, tty, quiet, rawjson
    #[arg(long, value_name = "KIND")]
    pub(crate) progress: Option<String>,
    /// Words for docker buildx build, as they are
    #[arg(last = true, value_name = "BUILDX OPTIONS")]
    pub(crate) rest: Vec<String>,
}

pub(crate) fn run(arguments: Lock) -> Result<()> {
    let here = std::env::current_dir().map_err(|e| Error::Usage(format!("the current folder: {e}")))?;
    let product = Product::find(&arguments.manifest, &here)?;
    if !arguments.build_context.iter().any(|context| context.starts_with("fragments=")) {
        product.check()?;
    }
    let spec = EngineSpec::of(arguments.engine.clone());
    let print = arguments.print;
    let request = request(arguments);
    if print {
        let env = Engine::find(&spec)?.map(|handle| handle.env).unwrap_or_default();
        answer(&shell_line(&product.root.to_string_lossy(), &env, &request.words(&product)));
        return Ok(());
    }
    let mut progress = for_terminal();
    let locked = lock::run(&product, &request, &spec, progress.as_mut())?;
    drop(progress);
    answer(&text(&locked, &request));
    match request.check && !locked.up_to_date {
        true => Err(Error::LockDiffers(format!("{} is not up to date", locked.path.display()))),
        false => Ok(()),
    }
}

/// What changed, and what became of the file.
fn text(locked: &Locked, request: &LockRequest) -> String {
    let path = locked.path.display();
    let outcome = match (locked.up_to_date, request.check) {
        (true, _) => format!("{path} is up to date\n"),
        (false, true) => format!("{path} would be written\n"),
        (false, false) => format!("{path} written\n"),
    };
    locked.difference.text() + &outcome
}

fn request(arguments: Lock) -> LockRequest {
    let own_ca = arguments.secret.iter().any(|secret| is_site_ca(secret));
    let progress: Vec<String> = arguments.progress.into_iter().collect();
    let mut options = Vec::new();
    for (name, values) in [
        ("--build-arg", &arguments.build_arg),
        ("--build-context", &arguments.build_context),
        ("--secret", &arguments.secret),
        ("--ssh", &arguments.ssh),
        ("--cache-from", &arguments.cache_from),
        ("--progress", &progress),
    ] {
        options.extend(values.iter().map(|value| format!("{name}={value}")));
    }
    options.extend(arguments.rest);
    LockRequest {
        update: arguments.update,
        check: arguments.check,
        frontend: arguments.frontend,
        platforms: arguments.platform,
        site_ca: site_ca::named_by_environment().filter(|_| !own_ca),
        options,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Action, Arguments};

    #[test]
    fn options_are_read_and_handed_on() {
        let words = ["factory", "lock", "a", "--update", "--check", "--platform", "linux/amd64,linux/arm64"];
        let more = ["--secret", "id=factory_ca,src=x", "--progress", "plain", "--", "--no-cache"];
        let parsed = Arguments::try_parse_from(words.iter().chain(&more)).unwrap().action;
        let Action::Lock(arguments) = parsed else { panic!("{parsed:?}") };
        let request = request(*arguments);
        assert!(request.update && request.check && request.site_ca.is_none());
        assert_eq!(request.platforms, ["linux/amd64", "linux/arm64"]);
        assert_eq!(request.options, ["--secret=id=factory_ca,src=x", "--progress=plain", "--no-cache"]);
    }
}
