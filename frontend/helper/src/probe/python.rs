//! Python distributions, without Python: their metadata folders say name and version.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};

use super::contract::Contract;
use super::version::Version;
use super::{Finding, command, suggestion};
use crate::environment::Environment;
use crate::sys::{file, raw};

/// A distribution that is installed.
struct Distribution {
    /// Normalised as PEP 503 has it.
    name: String,
    /// Old formats may have none.
    version: Option<String>,
    /// The folder that it is in.
    site: Vec<u8>,
}

/// Looks for a distribution. What is found is its version. Where the active interpreter has it, that one counts; else any
/// that is within the range.
pub(crate) fn look(contract: &Contract, env: &Environment) -> Finding {
    let wanted = normalised(&contract.name);
    let mut all = Vec::new();
    for prefixes in [active_prefixes(env), other_prefixes()] {
        let here: Vec<_> =
            prefixes.iter().flat_map(|prefix| sites(prefix)).flat_map(|site| distributions(&site)).collect();
        let mut known = here.iter().filter(|distribution| distribution.name == wanted).peekable();
        if let Some(first) = known.peek().copied() {
            let met = known.find(|distribution| distribution.is_allowed(contract));
            return met.map_or_else(|| first.wrong(contract), |met| Finding::Met(met.shown_version().into()));
        }
        all.extend(here);
    }
    absent(contract, &wanted, &all)
}

impl Distribution {
    fn is_allowed(&self, contract: &Contract) -> bool {
        let version = self.version.as_deref().and_then(Version::parse);
        contract.range.is_empty() || version.is_some_and(|version| contract.allows(&version))
    }

    fn shown_version(&self) -> &str {
        self.version.as_deref().unwrap_or("of unknown version")
    }

    fn wrong(&self, contract: &Contract) -> Finding {
        let (version, site) = (self.shown_version(), self.site.escape_ascii());
        Finding::Unmet(format!("{} is {version} ({site})", contract.name))
    }

    /// Reads the name of a metadata folder, or of a file as old formats have it.
    fn parse(entry: &[u8], site: &[u8]) -> Option<Self> {
        let entry = core::str::from_utf8(entry).ok()?;
        let stem = match entry.strip_suffix(".egg-info") {
            Some(stem) => stem.rsplit_once("-py").map_or(stem, |(stem, _)| stem),
            None => entry.strip_suffix(".dist-info")?,
        };
        let has_number = |(_, version): &(&str, &str)| version.starts_with(|c: char| c.is_ascii_digit());
        let (name, version) = match stem.rsplit_once('-').filter(has_number) {
            Some((name, version)) => (name, Some(version.into())),
            None => (stem, None),
        };
        Some(Self { name: normalised(name), version, site: site.to_vec() })
    }
}

fn absent(contract: &Contract, wanted: &str, all: &[Distribution]) -> Finding {
    let near = suggestion(wanted.as_bytes(), all.iter().map(|distribution| distribution.name.as_bytes()));
    let mut sites: Vec<_> = all.iter().map(|distribution| &distribution.site).collect();
    sites.dedup();
    let sites: Vec<_> = sites.into_iter().map(|site| format!("{}", site.escape_ascii())).collect();
    let place = if sites.is_empty() { "any folder of Python packages".into() } else { sites.join(", ") };
    Finding::Unmet(format!("there is no distribution {} in {place}{near}", contract.name))
}

/// Lower case, and every run of `-`, `_` and `.` one `-`.
fn normalised(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if plain.ends_with('-') => {}
            '-' | '_' | '.' => plain.push('-'),
            c => plain.push(c.to_ascii_lowercase()),
        }
    }
    plain
}

/// Where the interpreter that a step would get looks.
fn active_prefixes(env: &Environment) -> Vec<Vec<u8>> {
    let environment = env.get("VIRTUAL_ENV").filter(|path| path.starts_with(b"/")).map(<[u8]>::to_vec);
    let found = command::find(b"python3", env).ok();
    environment.into_iter().chain(found.and_then(|python| prefix_of(&python))).collect()
}

/// The prefix of an interpreter: a virtual environment is one by its file `pyvenv.cfg`, otherwise links count.
fn prefix_of(python: &[u8]) -> Option<Vec<u8>> {
    let own = above(above(python)?)?;
    if rustix::fs::stat([own, b"/pyvenv.cfg"].concat().as_slice()).is_ok() {
        return Some(own.to_vec());
    }
    let real = real_path(python).unwrap_or_else(|| python.to_vec());
    above(above(&real)?).map(<[u8]>::to_vec)
}

fn above(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|&byte| byte == b'/').map(|at| &path[..at])
}

/// A path without symbolic links, as the kernel knows it.
fn real_path(path: &[u8]) -> Option<Vec<u8>> {
    let fd = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let link = format!("/proc/self/fd/{}", raw::number(&fd));
    readlinkat(CWD, link, Vec::new()).ok().map(|target| target.into_bytes())
}

/// Where interpreters of the image may look besides.
fn other_prefixes() -> Vec<Vec<u8>> {
    let optional = file::names_at(b"/opt").into_iter().map(|name| [b"/opt/", name.as_slice()].concat());
    [b"/usr/local".to_vec(), b"/usr".to_vec()].into_iter().chain(optional).collect()
}

/// The folders of packages below a prefix.
fn sites(prefix: &[u8]) -> Vec<Vec<u8>> {
    let mut sites = Vec::new();
    for lib in [&b"/lib/"[..], b"/lib64/"] {
        let lib = [prefix, lib].concat();
        for python in file::names_at(&lib).iter().filter(|name| name.starts_with(b"python3")) {
            for packages in [&b"/site-packages"[..], b"/dist-packages"] {
                sites.push([&lib, python, packages].concat());
            }
        }
    }
    sites
}

fn distributions(site: &[u8]) -> Vec<Distribution> {
    file::names_at(site).iter().filter_map(|entry| Distribution::parse(entry, site)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_metadata_say_name_and_version() {
        for (entry, expected) in [
            ("requests-2.32.3.dist-info", Some(("requests", Some("2.32.3")))),
            ("Flask_SQL.Alchemy-3.0rc1.dist-info", Some(("flask-sql-alchemy", Some("3.0rc1")))),
            ("PyYAML-6.0.egg-info", Some(("pyyaml", Some("6.0")))),
            ("python_apt-2.6.0-py3.11.egg-info", Some(("python-apt", Some("2.6.0")))),
            ("old-style-name-1.2-py3.11-linux-x86_64.egg-info", Some(("old-style-name", Some("1.2")))),
            ("develop.egg-info", Some(("develop", None))),
            ("requests", None),
            ("a.py", None),
        ] {
            let found = Distribution::parse(entry.as_bytes(), b"/s");
            let found = found.as_ref().map(|found| (found.name.as_str(), found.version.as_deref()));
            assert_eq!(found, expected, "{entry}");
        }
    }

    #[test]
    fn names_are_normalised() {
        assert_eq!(normalised("A-_.b..C_d"), "a-b-c-d");
    }
}
