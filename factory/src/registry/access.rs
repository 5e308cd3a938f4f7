//! How registries are reached: whose credentials and certificates are used, and how long anybody waits.

use std::path::PathBuf;
use std::time::Duration;

use super::proxies::Proxies;
use crate::site_ca;

/// How registries are reached. The same for all registries of a process.
#[derive(Debug, Clone)]
pub struct Access {
    /// Docker's configuration file, with its logins and credential helpers.
    pub docker_config: Option<PathBuf>,
    /// Folders in docker's `certs.d` layout: below them a folder for each `host[:port]` with `*.crt` (authorities to trust) and
    /// pairs of `*.cert` and `*.key` (who we are).
    pub certificates: Vec<PathBuf>,
    /// The bundle of authorities that are trusted everywhere.
    pub authorities: Option<PathBuf>,
    /// Registries that are spoken to without TLS, beside those on the machine's own loopback.
    pub plain_http: Vec<String>,
    /// The proxies that stand before registries.
    pub proxies: Proxies,
    /// How long anybody waits.
    pub patience: Patience,
}

/// How long anybody waits, and how often something is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often a request is tried that breaks off, takes too long, or is answered by 429 or 5xx.
    pub attempts: u32,
    /// The pause after the first of them; each further one is twice as long, and no two clients pause alike.
    pub first_pause: Duration,
    /// The longest pause, also where the registry asks for a longer one.
    pub longest_pause: Duration,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long an answer, or the next piece of one, may take.
    pub read: Duration,
    /// How long a listing of referrers that anybody may overwrite has to keep an entry until it counts as written.
    pub settle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(30),
            connect: Duration::from_secs(15),
            read: Duration::from_secs(60),
            settle: Duration::from_millis(600),
        }
    }
}

/// The registries, separated by commas, that are spoken to without TLS.
const PLAIN_HTTP: &str = "FACTORY_PLAIN_HTTP";

impl Access {
    /// As docker would reach them from here: its configuration file (`DOCKER_CONFIG`, `~/.docker`), its certificates
    /// (`/etc/docker/certs.d`, and `certs.d` beside the configuration), the site's bundle, the proxies of the environment.
    #[must_use]
    pub fn from_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let docker = variable("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".docker")));
        let beside = docker.iter().map(|folder| folder.join("certs.d"));
        let certificates = [PathBuf::from("/etc/docker/certs.d")].into_iter().chain(beside).collect();
        let plain = std::env::var(PLAIN_HTTP).unwrap_or_default();
        let plain = plain.split(',').map(str::trim).filter(|host| !host.is_empty());
        Self {
            docker_config: docker.as_ref().map(|folder| folder.join("config.json")),
            certificates,
            authorities: site_ca::for_daemon(),
            plain_http: plain.map(str::to_owned).collect(),
            proxies: Proxies::from_environment(),
            patience: Patience::default(),
        }
    }

    /// Nobody's: no logins, no certificates, no proxies. For registries of tests.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            docker_config: None,
            certificates: Vec::new(),
            authorities: None,
            plain_http: Vec::new(),
            proxies: Proxies::none(),
            patience: Patience::default(),
        }
    }

    /// Whether a registry is spoken to without TLS: one on the machine's loopback, as docker does it, and those that are named.
    /// A registry with certificates of its own is one with TLS wherever it is.
    pub(super) fn is_plain(&self, registry: &str) -> bool {
        if self.plain_http.iter().any(|one| one == registry) {
            return true;
        }
        is_loopback(registry) && !self.certificates.iter().any(|folder| folder.join(registry).is_dir())
    }
}

/// Whether a registry's host is the machine itself.
pub(super) fn is_loopback(registry: &str) -> bool {
    let host = match registry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => registry.split(':').next().unwrap_or(registry),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_itself_is_spoken_to_plainly() {
        let access = Access { plain_http: vec!["reg.test:5000".into()], ..Access::anonymous() };
        for plain in
            ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.0.1", "[::1]:5000", "reg.test:5000"]
        {
            assert!(access.is_plain(plain), "{plain}");
        }
        for tls in ["reg.test", "docker.io", "10.0.0.1:5000", "localhost.evil.test"] {
            assert!(!access.is_plain(tls), "{tls}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("localhost:5000")).unwrap();
        let access = Access { certificates: vec![folder.path().to_owned()], ..access };
        assert!(!access.is_plain("localhost:5000") && access.is_plain("localhost:5001"));
    }
}
