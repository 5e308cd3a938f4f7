//! Additional certificate authorities for the command: a bundle on a mount, made known through the environment.

use crate::environment::Environment;

/// The variables by which programs find a bundle of certificates.
const VARIABLES: [&str; 8] = [
    "SSL_CERT_FILE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "CARGO_HTTP_CAINFO",
    "AWS_CA_BUNDLE",
];

/// Points every variable that the step does not set itself to the bundle, if there is one.
pub(crate) fn announce(bundle: &[u8], env: &mut Environment) {
    if !has_file(bundle) {
        return;
    }
    for name in VARIABLES {
        env.set_default(name, bundle);
    }
}

/// Whether there is a bundle at this path.
pub(crate) fn has_file(path: &[u8]) -> bool {
    rustix::fs::stat(path).is_ok_and(|found| rustix::fs::FileType::from_raw_mode(found.st_mode).is_file())
}
