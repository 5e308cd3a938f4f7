//! Readers of what registries send, for the fuzzer alone: they have no other way out of this module.

use std::path::Path;

use super::{challenge, credentials, pages};

/// Reads the header `WWW-Authenticate`.
pub fn challenges(header: &str) {
    std::hint::black_box(challenge::parse(header));
}

/// Reads the header `Link`.
pub fn next_page(header: &str) {
    std::hint::black_box(pages::next_of(header));
}

/// Reads the login for `registry` in docker's configuration file. No credential helper is run.
pub fn login(config: &[u8], registry: &str) {
    let file = Path::new("config.json");
    let login = credentials::Config::parse(config, file).and_then(|config| config.stored(file, registry));
    std::hint::black_box(login).ok();
}
