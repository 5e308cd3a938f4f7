//! The docker client: the machine's own where it will do, else the one of a Debian root.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value};

use super::places::{EnginePlaces, text};
use super::state::write_whole;
use crate::exit::{Error, Result};
use crate::process::{capture, find_program};

/// The oldest buildx that `factory` works with: the first with `history inspect --format json`.
pub const OLDEST_BUILDX: (u32, u32) = (0, 22);

/// A client: the docker program and the environment that makes it talk to one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    /// The docker command.
    pub docker: PathBuf,
    /// `DOCKER_CONFIG`, when not the user's own.
    pub config: Option<PathBuf>,
}

/// The machine's own client, when it has docker with a buildx that is new enough.
#[must_use]
pub(crate) fn of_machine() -> Option<Client> {
    let docker = find_program("docker")?;
    let mut command = Command::new(&docker);
    command.args(["buildx", "version"]);
    let out = capture(command, Duration::from_secs(20)).ok()?;
    let version = buildx_version(&out.stdout)?;
    (out.ok && version >= OLDEST_BUILDX).then_some(Client { docker, config: None })
}

/// Major and minor of `docker buildx version`, for example `github.com/docker/buildx v0.29.1 a32761a`.
fn buildx_version(text: &str) -> Option<(u32, u32)> {
    let word = text.split_ascii_whitespace().nth(1)?;
    let mut numbers = word.trim_start_matches('v').split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Writes the client of a Debian root: wrappers that start its programs with its own dynamic linker (they need a newer
/// libc than the machine may have), and a `DOCKER_CONFIG` folder that has buildx as plug-in and the user's logins.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn of_root(places: &EnginePlaces, root: &Path) -> Result<Client> {
    let (bin, config) = (places.bin(), places.docker_config());
    let plugins = config.join("cli-plugins");
    for folder in [&bin, &plugins] {
        fs::create_dir_all(folder).map_err(|e| Error::io(format!("cannot make {}", folder.display()), e))?;
    }
    let docker = bin.join("docker");
    write_whole(&docker, wrapper(root, "usr/bin/docker").as_bytes(), 0o755)?;
    let buildx = plugins.join("docker-buildx");
    write_whole(&buildx, wrapper(root, "usr/libexec/docker/cli-plugins/docker-buildx").as_bytes(), 0o755)?;
    link_user_contexts(&config);
    let merged = merged_config(read_user_config().as_ref());
    write_whole(&config.join("config.json"), merged.to_string().as_bytes(), 0o600)?;
    Ok(Client { docker, config: Some(config) })
}

/// A script that runs `program` of `root` under the root's own dynamic linker.
fn wrapper(root: &Path, program: &str) -> String {
    let linker = match std::env::consts::ARCH {
        "aarch64" => "lib/ld-linux-aarch64.so.1",
        _ => "lib64/ld-linux-x86-64.so.2",
    };
    let root = text(root);
    let libraries = format!("{root}/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    format!(
        "#!/bin/sh\n# Written by factory: {program} of the engine's Debian root, with that root's own C library.\n\
         exec \"{root}/{linker}\" --argv0 \"$0\" --library-path \"{libraries}\" \"{root}/{program}\" \"$@\"\n"
    )
}

/// The user's docker configuration folder.
fn user_config_folder() -> Option<PathBuf> {
    let set = std::env::var_os("DOCKER_CONFIG").filter(|v| !v.is_empty()).map(PathBuf::from);
    set.or_else(|| std::env::home_dir().map(|home| home.join(".docker")))
}

fn read_user_config() -> Option<Value> {
    let bytes = fs::read(user_config_folder()?.join("config.json")).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The members of the user's configuration that clients of another engine should still know: logins, helpers that keep
/// them, proxies. The current context is not one of them: it says which engine to use.
fn merged_config(user: Option<&Value>) -> Value {
    const KEPT: [&str; 5] = ["auths", "credsStore", "credHelpers", "HttpHeaders", "proxies"];
    let mut merged = Map::new();
    for name in KEPT {
        if let Some(value) = user.and_then(|u| u.get(name)) {
            merged.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(merged)
}

/// Contexts that the user made stay visible (`docker --context`), by a link to their folder.
fn link_user_contexts(config: &Path) {
    let Some(user) = user_config_folder().map(|f| f.join("contexts")) else { return };
    let link = config.join("contexts");
    if user.is_dir() && !user.starts_with(config) && fs::symlink_metadata(&link).is_err() {
        // Without the link the contexts are merely not visible here.
        let _ = symlink(user, link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_of_all_builds_are_read() {
        for (text, version) in [
            ("github.com/docker/buildx v0.29.1 a32761a\n", Some((0, 29))),
            ("github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3", Some((0, 13))),
            ("github.com/docker/buildx v1.0.0-rc1 abc", Some((1, 0))),
            ("docker: 'buildx' is not a docker command.", None),
            ("", None),
        ] {
            assert_eq!(buildx_version(text), version, "{text}");
        }
        assert!((0, 13) < OLDEST_BUILDX && (1, 0) > OLDEST_BUILDX);
    }

    #[test]
    fn logins_are_kept_and_the_context_is_not() {
        let user = json!({"auths": {"r": {"auth": "x"}}, "currentContext": "far", "credHelpers": {"a": "b"}});
        let expected = json!({"auths": {"r": {"auth": "x"}}, "credHelpers": {"a": "b"}});
        assert_eq!(merged_config(Some(&user)), expected);
        assert_eq!(merged_config(None), json!({}));
    }

    #[test]
    fn the_wrapper_hands_its_arguments_on_unchanged() {
        let script = wrapper(Path::new("/var/lib/factory/roots/forky-x86_64"), "usr/bin/docker");
        assert!(script.starts_with("#!/bin/sh\n"));
        assert!(script.ends_with("/usr/bin/docker\" \"$@\"\n"), "{script}");
        assert!(script.contains("--argv0 \"$0\""));
    }
}
