//! Configuration for apt that holds for one step and leaves no trace: a file on a private mount, through APT_CONFIG.
//!
//! apt reads that file first (apt.conf(5)), so it may say where the fragments of configuration are, and the image's own
//! settings still win over the rest.

use alloc::vec::Vec;

use rustix::fs::CWD;
use rustix::io::Errno;

use crate::environment::Environment;
use crate::fault::Fault;
use crate::mountinfo::Mounts;
use crate::private::{Link, PrivateDir};
use crate::sys::file;

/// Where an image keeps fragments of apt's configuration.
const PARTS: &[u8] = b"/etc/apt/apt.conf.d";
/// The fragment of container images that deletes every downloaded package.
const DOCKER_CLEAN: &[u8] = b"docker-clean";
/// What replaces it: packages stay in the cache, and the binary caches, which differ from run to run, are not written.
const KEEP_PACKAGES: &str = "Binary::apt::APT::Keep-Downloaded-Packages \"true\";\n\
    APT::Keep-Downloaded-Packages \"true\";\n\
    Dir::Cache::pkgcache \"\";\n\
    Dir::Cache::srcpkgcache \"\";\n";

/// What apt should do differently in this step.
pub(crate) struct AptSettings<'a> {
    /// Certificates to trust.
    pub(crate) ca: Option<&'a [u8]>,
    /// Whether `docker-clean` should be as if it were not there.
    pub(crate) keep_packages: bool,
}

impl AptSettings<'_> {
    /// Writes the configuration and points APT_CONFIG to it. None: nothing to say, or no apt in the image. The directory
    /// must live as long as the command.
    pub(crate) fn apply(&self, env: &mut Environment, mounts: &Mounts) -> Result<Option<PrivateDir>, Fault> {
        if (self.ca.is_none() && !self.keep_packages) || !is_dir(b"/etc/apt")? {
            return Ok(None);
        }
        let dir = PrivateDir::make(mounts)?;
        let parts = self.keep_packages.then(|| dir.path_of("apt.conf.d"));
        if parts.is_some() {
            dir.link_farm("apt.conf.d", &kept_parts()?)?;
        }
        dir.write("apt.conf", &self.text(env.get("APT_CONFIG"), parts.as_deref()))?;
        env.set("APT_CONFIG", &dir.path_of("apt.conf"));
        Ok(Some(dir))
    }

    /// The configuration file; it begins with what APT_CONFIG named so far.
    fn text(&self, before: Option<&[u8]>, parts: Option<&[u8]>) -> Vec<u8> {
        let mut text = Vec::new();
        if let Some(before) = before.filter(|path| !path.is_empty()) {
            text.extend([&b"#include \""[..], before, b"\";\n"].concat());
        }
        if let Some(ca) = self.ca {
            text.extend(setting("Acquire::https::CAInfo", ca));
        }
        if let Some(parts) = parts {
            text.extend(setting("Dir::Etc::parts", parts));
            text.extend_from_slice(KEEP_PACKAGES.as_bytes());
        }
        text
    }
}

fn setting(name: &str, value: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b" \"", value, b"\";\n"].concat()
}

fn is_dir(path: &[u8]) -> Result<bool, Fault> {
    match file::open_dir(CWD, path) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(false),
        Err(errno) => Err(Fault::path("open", path, errno)),
    }
}

/// Every fragment of the image's configuration but `docker-clean`.
fn kept_parts() -> Result<Vec<Link>, Fault> {
    if !is_dir(PARTS)? {
        return Ok(Vec::new());
    }
    let names = file::open_dir(CWD, PARTS).and_then(|dir| file::names(&dir));
    let names = names.map_err(|errno| Fault::path("list", PARTS, errno))?;
    let kept = names.into_iter().filter(|name| name != DOCKER_CLEAN);
    Ok(kept.map(|name| Link { target: [PARTS, &name].join(&b'/'), name }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_begins_with_what_was_configured_before() {
        let settings = AptSettings { ca: Some(b"/c"), keep_packages: true };
        let text = settings.text(Some(b"/old.conf"), Some(b"/p/apt.conf.d"));
        let text = core::str::from_utf8(&text).unwrap();
        let expected =
            "#include \"/old.conf\";\nAcquire::https::CAInfo \"/c\";\nDir::Etc::parts \"/p/apt.conf.d\";\n";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("Keep-Downloaded-Packages \"true\";"));
    }

    #[test]
    fn certificates_alone_leave_the_fragments_where_they_are() {
        let settings = AptSettings { ca: Some(b"/c"), keep_packages: false };
        assert_eq!(settings.text(None, None), b"Acquire::https::CAInfo \"/c\";\n");
    }
}
