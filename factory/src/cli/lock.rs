//! `factory lock …`.

use clap::Args;

use super::answer;
use super::buildx::Buildx;
use crate::build::{Product, shell_line};
use crate::engine::Engine;
use crate::exit::{Error, Result};
use crate::lock::{self, LockRequest, Locked};
use crate::progress::for_terminal;

/// What `factory lock` takes.
#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// A manifest's id, or the path of its file
    pub(crate) manifest: String,
    #[command(flatten)]
    pub(crate) buildx: Buildx,
    /// Resolve everything anew, not only what the lock does not have
    #[arg(long)]
    pub(crate) update: bool,
    /// Write nothing; exit code 1 when the lock would change
    #[arg(long)]
    pub(crate) check: bool,
    /// Platforms to resolve for; all of the product's by default
    #[arg(long, value_delimiter = ',')]
    pub(crate) platform: Vec<String>,
}

pub(crate) fn run(arguments: Lock) -> Result<()> {
    let here = std::env::current_dir().map_err(|e| Error::Usage(format!("the current folder: {e}")))?;
    let product = Product::find(&arguments.manifest, &here)?;
    if !arguments.buildx.replaces_catalogue() {
        product.check()?;
    }
    let (spec, print) = (arguments.buildx.spec(), arguments.buildx.print);
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
    let buildx = arguments.buildx;
    LockRequest {
        update: arguments.update,
        check: arguments.check,
        site_ca: buildx.site_ca(),
        options: [buildx.words(), buildx.rest].concat(),
        frontend: buildx.frontend,
        platforms: arguments.platform,
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
