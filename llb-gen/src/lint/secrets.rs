//! Secrets that would be written down: arguments and variables are part of cache keys, of the image and of its provenance.

use super::rules::SECRET_BY_NAME;
use crate::diagnostic::Diagnostic;
use crate::model::step::{Action, Env};
use crate::model::{Arg, ArgKind, Product};
use crate::text::Place;

const HELP: &str =
    "use a build secret (`secrets` of a `run` step), or give it to the container when it is started";

pub(super) fn check(product: &Product, taking_part: &[usize], found: &mut Vec<Diagnostic>) {
    let manifest = &product.manifest;
    args(&manifest.args, found);
    env(&manifest.env, found);
    if let Some(template) = &product.template {
        args(&template.args, found);
        env(&template.env, found);
    }
    for fragment in taking_part.iter().map(|index| &product.fragments[*index]) {
        args(&fragment.args, found);
        env(&fragment.env, found);
        fragment.stages.iter().for_each(|stage| env(&stage.env, found));
        for step in super::steps(fragment) {
            if let Action::Run(run) = &step.action {
                env(&run.env, found);
            }
        }
    }
}

fn args(args: &[Arg], found: &mut Vec<Diagnostic>) {
    for arg in args.iter().filter(|arg| arg.kind != ArgKind::Platform) {
        named("argument", arg.name.as_str(), arg.name.place(), found);
    }
}

/// A variable that is set to nothing says that there is none.
fn env(env: &Env, found: &mut Vec<Diagnostic>) {
    for entry in env.iter().filter(|entry| entry.value.as_literal().is_none_or(|value| !value.is_empty())) {
        named("variable", entry.name.as_str(), entry.name.place(), found);
    }
}

fn named(what: &str, name: &str, place: &Place, found: &mut Vec<Diagnostic>) {
    if is_secret(name) {
        let message = format!(
            "{what} `{name}` is called like a secret, and what it holds can be read in the image or its provenance"
        );
        found.push(SECRET_BY_NAME.at(place, message).help(HELP));
    }
}

/// Whether one of the words of a name means a secret, and none that it is about one (`TOKEN_FILE`).
fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 9] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "secrets",
        "token",
        "credential",
        "credentials",
        "apikey",
    ];
    const PAIRS: [[&str; 2]; 5] =
        [["api", "key"], ["access", "key"], ["private", "key"], ["secret", "key"], ["auth", "key"]];
    const ABOUT: [&str; 16] = [
        "file", "path", "dir", "id", "name", "url", "uri", "host", "type", "length", "limit", "count",
        "size", "public", "ttl", "endpoint",
    ];
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split('_').collect();
    let secret = words.iter().any(|word| WORDS.contains(word))
        || words.windows(2).any(|pair| PAIRS.iter().any(|known| known == pair));
    secret && !words.iter().any(|word| ABOUT.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_word_by_word() {
        for name in
            ["PASSWORD", "DB_PASSWORD", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "api_key", "CLIENT_SECRET"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "TOKENIZERS_PARALLELISM",
            "MAX_TOKENS",
            "TOKEN_FILE",
            "PAD_TOKEN_ID",
            "PUBLIC_KEY",
            "KEYBOARD",
            "TOKEN_URL",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
