//! What installers say that they would install.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::words::{AptName, AptVersion, PipName, PipVersion};
use super::{LockedPackage, LockedPip};
use crate::model::{Digest, TextValue};

/// Debian packages by `apt-get --simulate`: its lines `Inst NAME [OLD] (NEW …)`. Later ones win.
///
/// # Errors
/// A line that is not understood, as a lower-case fragment.
pub fn apt(simulation: &str) -> Result<BTreeMap<AptName, AptVersion>, String> {
    let mut packages = BTreeMap::new();
    for line in simulation.lines().filter(|line| line.starts_with("Inst ")) {
        let wrong = || format!("apt said `{line}`, which is not understood");
        let rest = line["Inst ".len()..].trim_start();
        let name = rest.split(' ').next().unwrap_or_default();
        let version = rest.split_once('(').and_then(|(_, rest)| rest.split([' ', ')']).next());
        let name = AptName::from_text(name).map_err(|_| wrong())?;
        let version = AptVersion::from_text(version.unwrap_or_default()).map_err(|_| wrong())?;
        packages.insert(name, version);
    }
    Ok(packages)
}

#[derive(Deserialize)]
struct Report {
    install: Vec<Install>,
}

#[derive(Deserialize)]
struct Install {
    metadata: Metadata,
    download_info: Download,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Download {
    #[serde(default)]
    url: String,
    archive_info: Option<Archive>,
}

#[derive(Deserialize)]
struct Archive {
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    hash: Option<String>,
}

/// Python packages by `pip install --dry-run --report`.
///
/// # Errors
/// A report that is none, and packages that have no hash: from a repository, a folder, or an index without hashes.
pub fn pip(report: &[u8]) -> Result<BTreeMap<PipName, LockedPackage>, String> {
    let report: Report =
        serde_json::from_slice(report).map_err(|error| format!("pip's report cannot be read: {error}"))?;
    report.install.into_iter().map(package).collect()
}

fn package(install: Install) -> Result<(PipName, LockedPackage), String> {
    let Install { metadata: Metadata { name, version }, download_info } = install;
    let Some(archive) = download_info.archive_info else {
        return Err(format!(
            "`{name}` comes from `{}`, which has no hash that could be locked",
            download_info.url
        ));
    };
    let plain = archive.hash.as_deref().and_then(|hash| hash.strip_prefix("sha256="));
    let hex = archive.hashes.get("sha256").map(String::as_str).or(plain);
    let hex = hex.ok_or_else(|| format!("the index says no SHA-256 of `{name}`"))?;
    Ok((
        normal(&name)?,
        LockedPackage { version: number(&name, &version)?, hashes: vec![digest(&name, hex)?] },
    ))
}

fn normal(name: &str) -> Result<PipName, String> {
    PipName::normal(name).map_err(|fault| fault.to_string())
}

fn number(name: &str, version: &str) -> Result<PipVersion, String> {
    PipVersion::from_text(version).map_err(|fault| format!("{fault} (of `{name}`)"))
}

fn digest(name: &str, hex: &str) -> Result<Digest, String> {
    Digest::from_text(&format!("sha256:{hex}")).map_err(|fault| format!("the hash of `{name}`: {fault}"))
}

/// Python packages by `uv pip compile --generate-hashes`: `NAME==VERSION`, followed by `--hash=sha256:…`.
///
/// # Errors
/// A line that is not understood, and packages without a hash.
pub fn uv(compiled: &str) -> Result<BTreeMap<PipName, LockedPackage>, String> {
    let joined = compiled.replace("\\\n", " ");
    let lines =
        joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '-']));
    lines.map(compiled_line).collect()
}

fn compiled_line(line: &str) -> Result<(PipName, LockedPackage), String> {
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default();
    let Some((name, version)) = first.split_once("==") else {
        return Err(format!("`{first}` has no version and hash that could be locked"));
    };
    let name = name.split('[').next().unwrap_or_default();
    let hashes = words.filter_map(|word| word.strip_prefix("--hash=sha256:"));
    let mut hashes = hashes.map(|hex| digest(name, hex)).collect::<Result<Vec<_>, _>>()?;
    hashes.sort();
    hashes.dedup();
    match hashes.is_empty() {
        true => Err(format!("the index says no SHA-256 of `{name}`")),
        false => Ok((
            normal(name)?,
            LockedPackage { version: number(name, version.trim_end_matches(';'))?, hashes },
        )),
    }
}

/// A step's packages, where its requirements files said that they are, and these files.
#[must_use]
pub fn locked_pip(
    packages: BTreeMap<PipName, LockedPackage>,
    files: BTreeMap<String, Digest>,
    options: Vec<super::PipOption>,
) -> LockedPip {
    LockedPip { files, options, packages }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn what_apt_would_install_has_its_versions() {
        let said = "NOTE: This is only a simulation!\nReading package lists...\nRemv nano [7.2-1]\n\
                    Inst base-files [12.4] (12.4+deb12u9 Debian:12.9/stable [amd64]) []\n\
                    Inst libc6:i386 (2.36-9 Debian:12.9/stable [i386])\nConf base-files (12.4+deb12u9 x [amd64])\n";
        let packages = apt(said).unwrap();
        let shown: Vec<String> = packages.iter().map(|(name, version)| format!("{name} {version}")).collect();
        assert_eq!(shown, ["base-files 12.4+deb12u9", "libc6:i386 2.36-9"]);
        assert!(apt("Inst x\n").unwrap_err().contains("`Inst x`"));
        assert!(apt("").unwrap().is_empty());
    }

    #[test]
    fn pip_s_report_has_versions_and_hashes() {
        let report = |info: &str| {
            format!(
                r#"{{"version": "1", "install": [{{"metadata": {{"name": "Typing_X", "version": "1.0"}},
                "download_info": {{"url": "https://x/y", {info}}}}}]}}"#
            )
        };
        for info in [
            format!(r#""archive_info": {{"hashes": {{"sha256": "{HEX}"}}}}"#),
            format!(r#""archive_info": {{"hash": "sha256={HEX}"}}"#),
        ] {
            let packages = pip(report(&info).as_bytes()).unwrap();
            let (name, package) = packages.first_key_value().unwrap();
            assert_eq!((name.as_str(), package.version.as_str()), ("typing-x", "1.0"));
            assert_eq!(package.hashes[0].hex(), HEX);
        }
        let fault = pip(report(r#""vcs_info": {"vcs": "git"}"#).as_bytes()).unwrap_err();
        assert_eq!(fault, "`Typing_X` comes from `https://x/y`, which has no hash that could be locked");
        assert!(pip(report(r#""archive_info": {}"#).as_bytes()).unwrap_err().contains("no SHA-256"));
        assert!(pip(b"{").is_err());
    }

    #[test]
    fn what_uv_compiles_has_all_hashes() {
        let other = HEX.replace('0', "f");
        let text = format!(
            "--index-url https://x\n# by uv\na[b]==1.0 \\\n    --hash=sha256:{other} \\\n    --hash=sha256:{HEX}\n"
        );
        let packages = uv(&text).unwrap();
        let package = &packages[&PipName::normal("a").unwrap()];
        assert_eq!((package.version.as_str(), package.hashes.len()), ("1.0", 2));
        assert!(package.hashes[0] < package.hashes[1]);
        assert!(uv("a @ https://x/y.whl\n").is_err());
        assert!(uv("a==1\n").is_err());
    }
}
