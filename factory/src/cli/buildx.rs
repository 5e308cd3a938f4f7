//! What every command that runs `docker buildx build` takes alike.

use std::path::PathBuf;

use clap::Args;

use crate::engine::{EngineName, EngineSpec};
use crate::site_ca;

/// Options that mean the same in each of these commands. Those that `docker buildx build` has too go to it as they are.
#[derive(Debug, Args)]
pub(crate) struct Buildx {
    /// Name of the engine of ours to build with
    #[arg(long, env = EngineSpec::VARIABLE, default_value_t, value_name = "NAME")]
    pub(crate) engine: EngineName,
    /// Print the docker command that would run, and stop
    #[arg(long)]
    pub(crate) print: bool,
    /// Use this frontend image instead of the one that the file names
    #[arg(long, value_name = "IMAGE")]
    pub(crate) frontend: Option<String>,
    /// A value for one of the manifest's args
    #[arg(long, value_name = "NAME=VALUE")]
    build_arg: Vec<String>,
    /// A further context
    #[arg(long, value_name = "NAME=PLACE")]
    build_context: Vec<String>,
    /// A secret for build steps
    #[arg(long, value_name = "SPEC")]
    secret: Vec<String>,
    /// An SSH agent or key for build steps
    #[arg(long, value_name = "SPEC")]
    ssh: Vec<String>,
    /// A cache to read
    #[arg(long, value_name = "SPEC")]
    cache_from: Vec<String>,
    /// How buildx shows progress: auto, plain, tty, quiet, rawjson
    #[arg(long, value_name = "KIND")]
    progress: Option<String>,
    /// Words for docker buildx build, as they are
    #[arg(last = true, value_name = "BUILDX OPTIONS")]
    pub(crate) rest: Vec<String>,
}

impl Buildx {
    /// Which engine is wanted.
    pub(crate) fn spec(&self) -> EngineSpec {
        EngineSpec::of(self.engine.clone())
    }

    /// The options for buildx, without `rest`: these come after all others.
    pub(crate) fn words(&self) -> Vec<String> {
        let options = [
            ("--build-arg", &self.build_arg),
            ("--build-context", &self.build_context),
            ("--secret", &self.secret),
            ("--ssh", &self.ssh),
            ("--cache-from", &self.cache_from),
            ("--progress", &self.progress.iter().cloned().collect()),
        ];
        in_one_word_each(&options)
    }

    /// Whether fragments come from elsewhere: then those of the project are not ours to look at.
    pub(crate) fn replaces_catalogue(&self) -> bool {
        let rest = self.rest.iter().map(|word| word.trim_start_matches("--build-context="));
        self.build_context.iter().map(String::as_str).chain(rest).any(|word| word.starts_with("fragments="))
    }

    /// The site's certificates for what is run, unless a secret of that id takes their place.
    pub(crate) fn site_ca(&self) -> Option<PathBuf> {
        site_ca::named_by_environment().filter(|_| !self.secret.iter().any(|secret| is_site_ca(secret)))
    }
}

/// Options with their values as words: one each, so that a value may begin with a hyphen.
pub(crate) fn in_one_word_each(options: &[(&str, &Vec<String>)]) -> Vec<String> {
    let words =
        options.iter().flat_map(|(name, values)| values.iter().map(move |value| format!("{name}={value}")));
    words.collect()
}

fn is_site_ca(secret: &str) -> bool {
    secret.split(',').any(|part| part.strip_prefix("id=") == Some(site_ca::SECRET_ID))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        buildx: Buildx,
    }

    fn parse(words: &[&str]) -> Buildx {
        Alone::try_parse_from(["x"].iter().chain(words)).unwrap().buildx
    }

    #[test]
    fn options_are_words_in_one_order() {
        let given =
            ["--progress", "plain", "--ssh", "default", "--build-arg", "A=-1", "--", "--call", "targets"];
        let buildx = parse(&given);
        assert_eq!(buildx.words(), ["--build-arg=A=-1", "--ssh=default", "--progress=plain"]);
        assert_eq!(buildx.rest, ["--call", "targets"]);
    }

    #[test]
    fn another_catalogue_is_seen_wherever_it_is_named() {
        assert!(parse(&["--build-context", "fragments=../x"]).replaces_catalogue());
        assert!(parse(&["--", "--build-context=fragments=../x"]).replaces_catalogue());
        assert!(parse(&["--", "--build-context", "fragments=../x"]).replaces_catalogue());
        assert!(!parse(&["--build-context", "files=fragments=x"]).replaces_catalogue());
    }

    #[test]
    fn a_secret_of_that_id_replaces_ours() {
        assert!(is_site_ca("id=factory_ca,src=/x"));
        assert!(!is_site_ca("id=factory_cat,src=/x"));
        assert_eq!(parse(&["--secret", "id=factory_ca,src=/x"]).site_ca(), None);
    }
}
