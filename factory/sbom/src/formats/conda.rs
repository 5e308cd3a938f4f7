//! `conda-meta/<package>.json`: what conda keeps of every package that it has installed.

use serde::Deserialize;

use super::{Broken, text};
use crate::limits;

/// A package that conda has installed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CondaPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Which build of it: `py312h06a4308_0`.
    pub build: String,
    /// Where it is from, without address and platform: `conda-forge`, `pkgs/main`.
    pub channel: String,
    /// `linux-64`, `noarch`.
    pub subdir: String,
    /// `conda` or `tar.bz2`.
    pub kind: String,
    /// Its licence in its own words, mostly SPDX.
    pub licence: String,
    /// Where it was downloaded from, without credentials.
    pub url: String,
    /// MD5 of the downloaded file.
    pub md5: String,
    /// SHA-256 of the downloaded file.
    pub sha256: String,
    /// Names of what it needs.
    pub depends: Vec<String>,
    /// What it brought, below the environment.
    pub files: Vec<String>,
}

#[derive(Deserialize)]
struct Document {
    name: String,
    version: String,
    #[serde(default)]
    build: Option<String>,
    #[serde(default)]
    build_string: Option<String>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    subdir: Option<String>,
    #[serde(default, rename = "fn")]
    file: Option<String>,
    #[serde(default)]
    license: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    md5: Option<String>,
    #[serde(default)]
    sha256: Option<String>,
    #[serde(default)]
    depends: Vec<String>,
    #[serde(default)]
    files: Vec<String>,
}

/// Reads a package's file.
///
/// # Errors
/// It is no JSON, or has no name or version.
pub fn read(bytes: &[u8]) -> Result<CondaPackage, Broken> {
    let document: Document = serde_json::from_slice(bytes).map_err(|e| Broken::new(e.to_string()))?;
    let word = |value: Option<String>| text(value.unwrap_or_default().as_bytes(), limits::WORD);
    let digest = |value: Option<String>, length| {
        let value = value.unwrap_or_default().to_ascii_lowercase();
        if value.len() == length && value.bytes().all(|b| b.is_ascii_hexdigit()) {
            value
        } else {
            String::new()
        }
    };
    let url = without_credentials(&word(document.url));
    let file = word(document.file).split('/').next_back().unwrap_or_default().to_owned();
    let from = [file.as_str(), url.as_str()];
    let kind = ["conda", "tar.bz2"]
        .into_iter()
        .find(|kind| from.iter().any(|name| name.ends_with(&format!(".{kind}"))));
    let name_of = |spec: &String| {
        let end = spec.find(|c: char| c.is_whitespace() || "=<>!~[".contains(c)).unwrap_or(spec.len());
        text(&spec.as_bytes()[..end], limits::WORD)
    };
    let subdir = word(document.subdir);
    Ok(CondaPackage {
        channel: channel(&word(document.channel), &subdir),
        name: word(Some(document.name)),
        version: word(Some(document.version)),
        build: word(document.build.or(document.build_string)),
        subdir,
        kind: kind.unwrap_or_default().to_owned(),
        licence: word(document.license),
        url,
        md5: digest(document.md5, 32),
        sha256: digest(document.sha256, 64),
        depends: document
            .depends
            .iter()
            .take(limits::REQUIREMENTS)
            .map(name_of)
            .filter(|n| !n.is_empty())
            .collect(),
        files: document.files,
    })
}

/// `https://host/t/<token>/pkgs/main/linux-64` is the channel `pkgs/main`; a token is a secret and stays out.
fn channel(stated: &str, subdir: &str) -> String {
    let path = match stated.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => stated,
    };
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.last().is_some_and(|last| *last == subdir || *last == "noarch") {
        parts.pop();
    }
    if let Some(at) = parts.iter().position(|part| *part == "t").filter(|at| at + 1 < parts.len()) {
        parts.drain(at..at + 2);
    }
    parts.join("/")
}

/// An address without user, password and token.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return String::new() };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit('@').next().unwrap_or(host);
    let path = match path.strip_prefix("t/").and_then(|path| path.split_once('/')) {
        Some((_, path)) => path,
        None => path,
    };
    format!("{scheme}://{host}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_kinds_and_secrets() {
        let numpy = read(
            br#"{"name":"numpy","version":"1.26.4","build":"py312_0","build_number":0,
            "channel":"https://conda.anaconda.org/t/secret/conda-forge/linux-64","subdir":"linux-64",
            "fn":"numpy-1.26.4-py312_0.conda","license":"BSD-3-Clause","md5":"D41D8CD98F00B204E9800998ECF8427E","sha256":"x",
            "url":"https://user:word@conda.anaconda.org/t/secret/conda-forge/linux-64/numpy-1.26.4-py312_0.conda",
            "depends":["python >=3.12,<3.13.0a0","libblas>=3","__glibc"],"files":["lib/a.py"],"paths_data":{"paths":[]}}"#,
        )
        .unwrap();
        assert_eq!((numpy.channel.as_str(), numpy.kind.as_str()), ("conda-forge", "conda"));
        assert_eq!(numpy.url, "https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py312_0.conda");
        assert_eq!(numpy.depends, ["python", "libblas", "__glibc"]);
        assert_eq!((numpy.md5.as_str(), numpy.sha256.as_str()), ("d41d8cd98f00b204e9800998ecf8427e", ""));
        assert_eq!(channel("pkgs/main/linux-64", "linux-64"), "pkgs/main");
        assert_eq!(channel("conda-forge", ""), "conda-forge");
    }

    #[test]
    fn without_a_version_it_is_none() {
        let said = read(br#"{"name":"a"}"#).unwrap_err().to_string();
        assert!(said.starts_with("missing field `version`"), "{said}");
    }
}
