//! Tests of packages: those that dpkg and Python have installed, and what the image's own tools say about them.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Deserialize;

use super::run::{self, Surroundings};
use super::verdict::{Trial, readable};
use crate::capture::Stream;
use crate::databases::{compare_versions, package_field};
use crate::fault::Fault;
use crate::nearest::nearest;
use crate::probe::{Bound, Contract, Finding, Kind, Op, Version, find_command, look_for_distribution};
use crate::reap::Outcome;
use crate::sys::file;

/// Where dpkg keeps what is installed, and where images without dpkg do.
const STATUS: &[u8] = b"/var/lib/dpkg/status";
const STATUS_FOLDER: &[u8] = b"/var/lib/dpkg/status.d";
/// How many lines of a tool are said.
const LINES: usize = 3;
/// What slim images leave out of all packages: that it is missing is no damage.
const LEFT_OUT: [&str; 7] = ["doc", "groff", "info", "linda", "lintian", "locale", "man"];

/// What is expected of the packages.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Packages {
    /// Debian packages and their versions.
    dpkg: BTreeMap<String, String>,
    /// Python distributions and their versions.
    pip: BTreeMap<String, String>,
    /// `pip check` has nothing to complain of.
    pip_check: bool,
    /// `dpkg --verify` finds no file changed but those of configuration.
    dpkg_verify: bool,
    /// `dpkg --audit` finds no package broken.
    dpkg_audit: bool,
}

impl Packages {
    /// What makes no sense.
    pub(super) fn mistake(&self) -> Option<String> {
        let bad = |(name, text): (&String, &String), is_version: &dyn Fn(&str) -> bool| {
            let is_range =
                range(text).is_some_and(|bounds| bounds.iter().all(|bound| is_version(&bound.version)));
            let example = "expected \"*\" or bounds such as \">=1.2, <2\"";
            (!is_range).then(|| format!("{name}: {text:?} is no range: {example}"))
        };
        let debian = |version: &str| version.starts_with(|c: char| c.is_ascii_digit());
        let python = |version: &str| Version::parse(version).is_some();
        let dpkg = self.dpkg.iter().find_map(|wanted| bad(wanted, &debian));
        dpkg.or_else(|| self.pip.iter().find_map(|wanted| bad(wanted, &python)))
    }
}

/// The bounds of a range: `*`, or comparisons with commas between them.
fn range(text: &str) -> Option<Vec<Bound>> {
    if text.trim() == "*" {
        return Some(Vec::new());
    }
    let bound = |part: &str| {
        let part = part.trim();
        let ops = [
            ("==", Op::Equal),
            (">=", Op::AtLeast),
            ("<=", Op::AtMost),
            ("!=", Op::Other),
            (">", Op::Above),
            ("<", Op::Below),
            ("=", Op::Equal),
        ];
        let (op, version) =
            ops.into_iter().find_map(|(text, op)| Some((op, part.strip_prefix(text)?.trim())))?;
        (!version.is_empty()).then(|| Bound { op, version: version.into() })
    };
    text.split(',').map(bound).collect()
}

/// Looks at the packages, then asks the tools.
///
/// # Errors
/// A signal that ends the helper.
pub(super) fn test(
    packages: &Packages,
    mut surroundings: Surroundings<'_>,
    trial: &mut Trial,
) -> Result<(), Fault> {
    check_dpkg(&packages.dpkg, trial);
    for (name, text) in &packages.pip {
        let range = range(text).unwrap_or_default();
        let contract = Contract { text: text.clone(), kind: Kind::Python, name: name.clone(), range };
        let result = match look_for_distribution(&contract, &surroundings.env) {
            Finding::Met(_) => Ok(()),
            Finding::Unmet(why) => Err(format!("expected {name} {text}, but {why}")),
        };
        trial.check(format!("the Python distribution {name} is {text}"), result);
    }
    if packages.pip_check {
        surroundings.env.set_default("PIP_DISABLE_PIP_VERSION_CHECK", b"1");
        surroundings.env.set_default("PYTHONDONTWRITEBYTECODE", b"1");
        let is_there = |name: &[u8]| find_command(name, &surroundings.env).is_ok();
        let argv =
            if is_there(b"python3") { &["python3", "-m", "pip", "check"][..] } else { &["pip", "check"] };
        ask(argv, &surroundings, trial, &|line| !line.is_empty())?;
    }
    // dpkg reads what only root may.
    surroundings.user = None;
    if packages.dpkg_verify {
        ask(&["dpkg", "--verify"], &surroundings, trial, &is_damage)?;
    }
    if packages.dpkg_audit {
        ask(&["dpkg", "--audit"], &surroundings, trial, &|line| !line.is_empty())?;
    }
    Ok(())
}

/// Whether a line of `dpkg --verify` is about a file that should not have changed.
fn is_damage(line: &str) -> bool {
    let Some((attributes, path)) = line.split_once('/') else { return !line.is_empty() };
    let is_configuration = attributes.trim_end().ends_with(" c");
    let shared = path.strip_prefix("usr/share/").and_then(|rest| rest.split('/').next());
    let is_left_out =
        attributes.starts_with("missing") && shared.is_some_and(|name| LEFT_OUT.contains(&name));
    !is_configuration && !is_left_out
}

/// Runs a tool that is content if it ends with 0 and has no line to complain of.
fn ask(
    argv: &[&str],
    surroundings: &Surroundings<'_>,
    trial: &mut Trial,
    is_complaint: &dyn Fn(&str) -> bool,
) -> Result<(), Fault> {
    let shown = argv.join(" ");
    let argv: Vec<_> = argv.iter().map(ToString::to_string).collect();
    let Some((outcome, output)) = run::complete(&argv, surroundings, trial)? else { return Ok(()) };
    let [out, err] = [Stream::Out, Stream::Err].map(|stream| output.text_of(stream));
    trial.output.push(Stream::Out, &out);
    trial.output.push(Stream::Err, &err);
    let text = readable(&out);
    let is_pip = shown.ends_with("pip check");
    // What pip says when all is well is no complaint.
    let lines = text.lines().filter(|line| is_complaint(line) && !(is_pip && outcome == Outcome::Code(0)));
    let lines: Vec<_> = lines.collect();
    let result = if !lines.is_empty() {
        let more = lines.len().saturating_sub(LINES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Err(format!("{shown}: {}{more}", lines[..lines.len().min(LINES)].join("; ")))
    } else {
        let said = readable(&err);
        let said = said.lines().next().map(|line| format!(": {line}")).unwrap_or_default();
        run::right_code(outcome, &[0]).map_err(|why| format!("{shown}: {why}{said}"))
    };
    trial.check(format!("{shown} finds nothing"), result);
    Ok(())
}

fn check_dpkg(wanted: &BTreeMap<String, String>, trial: &mut Trial) {
    if wanted.is_empty() {
        return;
    }
    let installed = installed();
    for (name, text) in wanted {
        let result = match installed.get(name.as_bytes()) {
            None => {
                let near = nearest(name.as_bytes(), installed.keys().map(Vec::as_slice));
                let near = near.map(|near| format!("; did you mean \"{}\"?", near.escape_ascii()));
                Err(format!("the package {name} is not installed{}", near.unwrap_or_default()))
            }
            Some(versions) => versions.iter().try_for_each(|version| {
                let is_met =
                    range(text).is_some_and(|bounds| bounds.iter().all(|bound| holds(bound, version)));
                let found = || format!("expected {name} {text}, but it is {}", version.escape_ascii());
                if is_met { Ok(()) } else { Err(found()) }
            }),
        };
        trial.check(format!("the package {name} is {text}"), result);
    }
}

/// The versions of every package that is installed; several, of several architectures.
fn installed() -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut texts = Vec::from([file::read(STATUS).unwrap_or_default()]);
    let names = file::names_at(STATUS_FOLDER);
    let names = names.iter().filter(|name| !name.ends_with(b".md5sums"));
    texts.extend(names.filter_map(|name| file::read(&[STATUS_FOLDER, name].join(&b'/')).ok()));
    let mut installed: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for text in &texts {
        for stanza in stanzas(text) {
            // Images without dpkg write no state.
            let state = package_field(stanza, "Status").unwrap_or(b"installed");
            let is_installed = state.split(|&byte| byte == b' ').next_back() == Some(b"installed");
            let (name, version) = (package_field(stanza, "Package"), package_field(stanza, "Version"));
            if let (true, Some(name), Some(version)) = (is_installed, name, version) {
                installed.entry(name.to_vec()).or_default().push(version.to_vec());
            }
        }
    }
    installed
}

/// The parts of a text between its empty lines.
fn stanzas(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.windows(2).position(|pair| pair == b"\n\n").map_or(rest.len(), |at| at + 2);
        let (stanza, after) = rest.split_at(end);
        rest = after;
        Some(stanza)
    })
}

/// Whether a version is on the right side of a bound. Of the version only those parts count that the bound has: without an
/// epoch none does, and without a revision any will do.
fn holds(bound: &Bound, version: &[u8]) -> bool {
    let limit = bound.version.as_bytes();
    let mut version = version;
    if !limit.contains(&b':') {
        let colon = version.iter().position(|&byte| byte == b':');
        version = colon.map_or(version, |at| &version[at + 1..]);
    }
    if !limit.contains(&b'-') {
        let dash = version.iter().rposition(|&byte| byte == b'-');
        version = dash.map_or(version, |at| &version[..at]);
    }
    bound.op.holds(compare_versions(version, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_versions_are_within_ranges() {
        for (version, text, expected) in [
            ("8.5.0-2+deb12u1", ">=8", true),
            ("8.5.0-2+deb12u1", ">= 8, <8.5", false),
            ("7.88.1-10", "=7.88.1", true),
            ("7.88.1-10", "==7.88.1-10", true),
            ("7.88.1-10", "=7.88.1-9", false),
            ("7.88.1-10", "<=7.88.1", true),
            ("1:2.3-1", "<3", true),
            ("1:2.3-1", ">2:1", false),
            ("2.0~rc1-1", ">=2.0", false),
            ("2.0-1", "!=2.0", false),
            ("2.0-1", "*", true),
        ] {
            let bounds = range(text).unwrap();
            assert_eq!(
                bounds.iter().all(|bound| holds(bound, version.as_bytes())),
                expected,
                "{version} {text}"
            );
        }
        for text in ["", "8", ">=", ">=1,,<2", "~=1"] {
            assert!(range(text).is_none(), "{text}");
        }
    }

    #[test]
    fn only_damage_is_damage() {
        for (line, expected) in [
            ("??5??????   /usr/bin/curl", true),
            ("missing     /usr/lib/x", true),
            ("??5?????? c /etc/a", false),
            ("missing   c /etc/a", false),
            ("missing     /usr/share/doc/curl/copyright", false),
            ("??5??????   /usr/share/doc/curl/copyright", true),
            ("missing     /usr/share/document", true),
            ("", false),
        ] {
            assert_eq!(is_damage(line), expected, "{line}");
        }
    }

    #[test]
    fn stanzas_end_at_empty_lines() {
        let text = b"Package: a\nVersion: 1\n\nPackage: b\n";
        let names: Vec<_> = stanzas(text).map(|stanza| package_field(stanza, "Package").unwrap()).collect();
        assert_eq!(names, [b"a", b"b"]);
    }
}
