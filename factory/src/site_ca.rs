//! The certificate authority of a site: where a proxy with its own CA stands before the internet, the daemon and the
//! build steps have to know it. It is handed to steps as a build secret, so it never ends up in an image.

use std::path::PathBuf;

/// Id of the build secret under which steps find the bundle.
pub const SECRET_ID: &str = "factory_ca";

/// Variables by which people tell programs of another bundle, in the order in which they are asked.
const VARIABLES: [&str; 5] =
    ["FACTORY_CA", "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// The machine's own bundle.
const SYSTEM_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The bundle that the environment names: the one a build step needs beside the roots of its own image.
#[must_use]
pub fn named_by_environment() -> Option<PathBuf> {
    named(|name| std::env::var_os(name).map(PathBuf::from), |path| path.is_file())
}

fn named(value: impl Fn(&str) -> Option<PathBuf>, is_file: impl Fn(&PathBuf) -> bool) -> Option<PathBuf> {
    VARIABLES.iter().filter_map(|name| value(name)).find(is_file)
}

/// The bundle for the daemon: the named one, else the machine's own.
#[must_use]
pub fn for_daemon() -> Option<PathBuf> {
    named_by_environment().or_else(|| Some(PathBuf::from(SYSTEM_BUNDLE)).filter(|p| p.is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_names_a_file_wins() {
        let environment = |name: &str| match name {
            "SSL_CERT_FILE" => Some(PathBuf::from("/missing")),
            "REQUESTS_CA_BUNDLE" => Some(PathBuf::from("/site.pem")),
            "CURL_CA_BUNDLE" => Some(PathBuf::from("/other.pem")),
            _ => None,
        };
        assert_eq!(named(environment, |p| p != &PathBuf::from("/missing")), Some("/site.pem".into()));
        assert_eq!(named(|_| None, |_| true), None);
    }
}
