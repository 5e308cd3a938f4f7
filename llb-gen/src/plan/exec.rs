//! What all processes have in common.

use super::here::Here;
use super::step::{PlannedExec, PlannedMount, Wrapper, WrapperSpec};
use crate::llb::{Network, Resources, Security};

/// Where the filesystem that a step starts from is mounted for the wrapper to compare with.
pub(crate) const LOWER: &str = "/.factory/lower";

/// The build secret that holds certificates of the site's own; see `docs/step-wrapper.md`.
pub(crate) const CA_SECRET: &str = "factory_ca";

/// Where the wrapper looks for them.
pub(crate) const CA_PATH: &str = "/.factory/ca.crt";

/// Where a process leaves what it found out about packages.
pub(crate) const RESOLVED: &str = "/.factory/resolved";

/// Where files of a fragment are mounted that a step uses and the image does not get.
pub(super) const OWN_FILES: &str = "/.factory/fragment";

/// What keeps Python's byte code the same in every build of a typed step. What is compiled on purpose has hashes instead
/// of times, because `SOURCE_DATE_EPOCH` is set; what would be compiled on the way, by an import, has times, so it is not
/// written. Before Python 3.11 the order of sets is in the byte code.
pub(super) const BYTECODE: [(&str, &str); 2] = [("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONHASHSEED", "0")];

/// A process under the wrapper, as root in the workdir, with nothing special.
pub(super) fn wrapped(argv: Vec<String>, here: &Here<'_>) -> PlannedExec {
    let spec = WrapperSpec {
        epoch: Some(here.epoch()),
        cwd: Some(here.workdir.clone()),
        lower: Some(LOWER),
        ..WrapperSpec::default()
    };
    PlannedExec {
        argv,
        env: Vec::new(),
        wrapper: Wrapper::Step(spec),
        mounts: Vec::new(),
        secret_env: Vec::new(),
        network: None,
        security: Security::Sandbox,
        devices: Vec::new(),
        limits: Resources::default(),
        ulimits: Vec::new(),
        extra_hosts: Vec::new(),
    }
}

/// The certificates of the site for a process that has a network, readable for whoever it runs as.
pub(crate) fn site_ca(network: Option<Network>) -> Option<PlannedMount> {
    (network != Some(Network::None)).then(|| PlannedMount::Secret {
        dest: CA_PATH.to_owned(),
        id: CA_SECRET.to_owned(),
        uid: 0,
        gid: 0,
        mode: 0o444,
        optional: true,
    })
}

/// The id of a cache mount, as the Dockerfile frontend forms it, so that both find the same folder.
pub(super) fn cache_id(here: &Here<'_>, id: &str) -> String {
    format!("{}/{id}", here.request.cache_namespace)
}

/// The environment with variables set that are not there yet; a fragment's own word about them stands.
pub(super) fn with_defaults(
    mut env: Vec<(String, String)>,
    defaults: &[(&str, &str)],
) -> Vec<(String, String)> {
    for (name, value) in defaults {
        if !env.iter().any(|(known, _)| known == name) {
            env.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    env
}

/// The environment with variables set whatever they were.
pub(super) fn with_set(mut env: Vec<(String, String)>, set: &[(&str, &str)]) -> Vec<(String, String)> {
    for (name, value) in set {
        env.retain(|(known, _)| known != name);
        env.push(((*name).to_owned(), (*value).to_owned()));
    }
    env
}
