//! `debian:bookworm-slim` made by debootstrap, for machines where no registry answers.
//!
//! The image is packed as an OCI layout with fixed dates and order, so that the same Debian archive gives the same
//! digest on every machine and in every engine. It behaves like the image of that name in the public registry: same
//! sources, same apt settings for containers, no documentation.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::bootstrap::{self, DebianRoot, debootstrap, remove_tree};
use super::oci_layout::{self, EPOCH};
use super::places::Places;
use crate::exit::{Error, Result};
use crate::process::run_logged;
use crate::progress::{Progress, Silent};

/// A base image that can be bootstrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaseImage {
    /// Its name in an engine.
    pub reference: &'static str,
    /// Its repository and tag below a registry's address.
    pub repository: &'static str,
    /// The Debian suite it is made of.
    pub suite: &'static str,
    /// Debian's name of the architecture.
    pub debian_arch: &'static str,
    /// OCI's name of the architecture.
    pub oci_arch: &'static str,
}

impl BaseImage {
    /// `debian:bookworm-slim` for the machine's own architecture.
    #[must_use]
    pub fn bookworm_slim() -> Self {
        // Debian and OCI use the same names for the two architectures we build for.
        let arch = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" };
        Self {
            reference: "debian:bookworm-slim",
            repository: "library/debian:bookworm-slim",
            suite: "bookworm",
            debian_arch: arch,
            oci_arch: arch,
        }
    }

    /// The archive of the packed image, made on first use.
    ///
    /// # Errors
    /// debootstrap, tar or a file operation fails.
    pub fn archive(&self, places: &Places, progress: &mut dyn Progress) -> Result<PathBuf> {
        let folder = places.state.join("bases");
        let stem = format!("{}-slim-{}", self.suite, self.debian_arch);
        let archive = folder.join(format!("{stem}.image.tar"));
        if archive.is_file() {
            return Ok(archive);
        }
        let tree = folder.join(format!("{stem}.root"));
        remove_tree(&tree)?;
        let wanted = DebianRoot { suite: self.suite, arch: Some(self.debian_arch), packages: &[] };
        debootstrap(&wanted, &tree, places, progress)?;
        clean(&tree, self.suite)?;
        oci_layout::pack(&tree, &archive, self.reference, |diff_id| self.config(diff_id))?;
        remove_tree(&tree)?;
        Ok(archive)
    }

    fn config(&self, diff_id: &str) -> Value {
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let created = "2025-01-01T00:00:00Z";
        json!({
            "architecture": self.oci_arch, "os": "linux", "created": created,
            "config": {"Env": [path], "Cmd": ["bash"]},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
            "history": [{"created": created, "created_by": format!("debootstrap --variant=minbase {}", self.suite)}],
        })
    }
}

/// apt settings that every container image of Debian carries; fragments must work with them in place.
const APT_SETTINGS: [(&str, &str); 3] = [
    (
        "docker-clean",
        "DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true\"; };\n\
         APT::Update::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true\"; };\n\
         Dir::Cache::pkgcache \"\";\nDir::Cache::srcpkgcache \"\";\n",
    ),
    ("docker-gzip-indexes", "Acquire::GzipIndexes \"true\";\n"),
    ("docker-no-languages", "Acquire::Languages \"none\";\n"),
];

/// What a slim image leaves out, now and in later installations.
const SLIM: &str = "path-exclude /usr/share/doc/*\npath-include /usr/share/doc/*/copyright\n\
    path-exclude /usr/share/man/*\npath-exclude /usr/share/info/*\npath-exclude /usr/share/groff/*\n\
    path-exclude /usr/share/lintian/*\npath-exclude /usr/share/locale/*\n";

/// Takes out what a run of debootstrap leaves of its machine and its hour, and puts in what container images have.
fn clean(tree: &Path, suite: &str) -> Result<()> {
    let put = |path: &str, text: &str| {
        fs::write(tree.join(path), text)
            .map_err(|e| Error::io(format!("cannot write {path} of the base image"), e))
    };
    put("etc/dpkg/dpkg.cfg.d/docker", SLIM)?;
    for (name, text) in APT_SETTINGS {
        put(&format!("etc/apt/apt.conf.d/{name}"), text)?;
    }
    put("etc/apt/sources.list.d/debian.sources", &sources(suite, &bootstrap::mirror()))?;
    let mut shell = Command::new("sh");
    shell.args(["-c", include_str!("clean.sh")]).current_dir(tree).env("DAYS", (EPOCH / 86_400).to_string());
    run_logged(shell, "cleaning the base image", &mut Silent)
}

fn sources(suite: &str, mirror: &str) -> String {
    let entry = |uri: &str, suites: &str| {
        format!(
            "Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\n\
             Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        )
    };
    let main = entry(mirror, &format!("{suite} {suite}-updates"));
    let security = entry("http://deb.debian.org/debian-security", &format!("{suite}-security"));
    format!("{main}\n{security}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_are_those_of_the_public_image() {
        let text = sources("bookworm", "http://deb.debian.org/debian");
        let suites: Vec<_> = text.lines().filter(|l| l.starts_with("Suites:")).collect();
        assert_eq!(suites, ["Suites: bookworm bookworm-updates", "Suites: bookworm-security"]);
    }

    #[test]
    fn the_config_carries_the_layer_and_a_fixed_date() {
        let config = BaseImage::bookworm_slim().config("sha256:d");
        assert_eq!(config["rootfs"]["diff_ids"], json!(["sha256:d"]));
        assert_eq!(config["created"], "2025-01-01T00:00:00Z");
    }
}
