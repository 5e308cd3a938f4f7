//! Packages whose versions are decided by the day.

use super::OwnTexts;
use super::pinned::Pinned;
use super::rules::{UNPINNED_APT, UNPINNED_PIP};
use crate::diagnostic::{Diagnostic, listed};
use crate::model::Fragment;
use crate::model::step::{Action, Apt, Pip, Step};
use crate::text::{Place, SourceFile, Span};

pub(super) fn check(
    fragment: &Fragment,
    step: &Step,
    pinned: &Pinned<'_>,
    texts: Option<&OwnTexts>,
    found: &mut Vec<Diagnostic>,
) {
    match &step.action {
        Action::Apt(apt) => found.extend(of_apt(apt, &step.place, pinned)),
        Action::Pip(pip) => of_pip(fragment, pip, pinned, texts, found),
        _ => {}
    }
}

/// One finding a step: its packages come from one archive.
fn of_apt(apt: &Apt, place: &Place, pinned: &Pinned<'_>) -> Option<Diagnostic> {
    if apt.snapshot.is_some() {
        return None;
    }
    let loose: Vec<&str> = apt
        .install
        .iter()
        .flat_map(|package| package.literals())
        .filter(|(package, _)| {
            package.as_str().split_once('=').is_none_or(|(_, version)| version.contains('*'))
        })
        .map(|(package, _)| package.name())
        .filter(|package| !pinned.apt(Some(package)))
        .collect();
    let upgrades = apt.upgrade.values().any(|upgrade| *upgrade) && !pinned.apt(None);
    let what = match (loose.is_empty(), upgrades) {
        (true, false) => return None,
        (true, true) => "upgrades to".to_owned(),
        (false, false) => format!("installs {} in", listed(loose)),
        (false, true) => format!("upgrades to, and installs {} in,", listed(loose)),
    };
    let message = format!("`apt` {what} whatever version the archive has that day");
    Some(
        UNPINNED_APT
            .at(place, message)
            .help("give a `snapshot`, or versions (`NAME=VERSION`), or lock the manifest"),
    )
}

fn of_pip(
    fragment: &Fragment,
    pip: &Pip,
    pinned: &Pinned<'_>,
    texts: Option<&OwnTexts>,
    found: &mut Vec<Diagnostic>,
) {
    if pip.require_hashes.values().all(|required| *required) {
        return;
    }
    let mut constrained: Vec<String> = Vec::new();
    for path in pip.constraints.iter() {
        // A file that was not looked into may pin anything.
        let Some(file) = path.as_literal().and_then(|path| super::own_text(texts, fragment, path.as_str()))
        else {
            return;
        };
        constrained.extend(requirements(file).into_iter().filter(Requirement::is_pinned).map(|one| one.name));
    }
    let loose =
        |one: &Requirement| !one.is_pinned() && !constrained.contains(&one.name) && !pinned.pip(&one.name);
    let finding = |one: &Requirement, place: &Place| {
        let message = format!("`pip` installs whatever version of `{}` the index has that day", one.name);
        UNPINNED_PIP.at(place, message).help("name the version (`==`), require hashes, or lock the manifest")
    };
    for (package, place) in pip.packages.iter().flat_map(|package| package.literals()) {
        let one = Requirement::read(package.as_str());
        found.extend(one.filter(loose).map(|one| finding(&one, place)));
    }
    for path in pip.requirements.iter() {
        let Some(file) = path.as_literal().and_then(|path| super::own_text(texts, fragment, path.as_str()))
        else {
            continue;
        };
        for one in requirements(file).into_iter().filter(|one| loose(one)) {
            found.push(finding(&one, &Place::new(file, one.span)));
        }
    }
}

/// A requirement of pip's.
#[derive(Debug, PartialEq, Eq)]
struct Requirement {
    /// The distribution, normalised.
    name: String,
    /// What follows its name.
    rest: String,
    span: Span,
}

impl Requirement {
    /// Nothing for a line that is an option or empty.
    fn read(line: &str) -> Option<Self> {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let end = line.find(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c)).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        let starts = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        let name = name.to_lowercase().replace(['_', '.'], "-");
        starts.then(|| Self { name, rest: rest.to_owned(), span: Span::default() })
    }

    /// One version, or bytes with a checksum; `==1.*` is many versions.
    fn is_pinned(&self) -> bool {
        let version = self.rest.split(';').next().unwrap_or_default();
        let exact = |clause: &str| clause.contains("==") && !clause.contains('*') && !clause.contains("!=");
        self.rest.contains("--hash=") || self.rest.contains("#sha256=") || version.split(',').any(exact)
    }
}

/// The requirements of a file, lines that go on (`\`) joined.
fn requirements(file: &SourceFile) -> Vec<Requirement> {
    let text = String::from_utf8_lossy(file.bytes());
    let (mut found, mut at) = (Vec::new(), 0);
    let mut joined: Option<(usize, String)> = None;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let bare = line.trim_end_matches(['\n', '\r']);
        let (from, whole) = match joined.take() {
            Some((from, before)) => (from, before + bare),
            None => (start, bare.to_owned()),
        };
        if let Some(open) = whole.strip_suffix('\\') {
            joined = Some((from, open.to_owned() + " "));
            continue;
        }
        if let Some(one) = Requirement::read(&whole) {
            found.push(Requirement { span: Span::new(from, start + bare.len()), ..one });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_or_a_checksum_is_a_pin() {
        let pinned = |line: &str| Requirement::read(line).is_some_and(|one| one.is_pinned());
        for line in [
            "numpy==1.26.4",
            "numpy[x] === 1.26.4 ; python_version < '3.12'",
            "x @ https://h/x.whl#sha256=aa",
            "numpy>=1 --hash=sha256:aa",
        ] {
            assert!(pinned(line), "{line}");
        }
        for line in
            ["numpy", "numpy>=1", "numpy==1.*", "numpy ~= 1.0", "numpy; python_version == '3.12'", "x!=1"]
        {
            assert!(!pinned(line), "{line}");
        }
        assert_eq!(Requirement::read("--index-url x"), None);
        assert_eq!(Requirement::read("# numpy"), None);
    }

    #[test]
    fn requirements_have_places() {
        let text = "# top\nNumPy==1 \\\n  --hash=sha256:aa\n-r x\nuvicorn>=0.1 # why\n";
        let file = SourceFile::new("r.txt", text.as_bytes());
        let all = requirements(&file);
        let found: Vec<(&str, bool, u32)> = all
            .iter()
            .map(|one| (one.name.as_str(), one.is_pinned(), file.location(one.span.start()).line))
            .collect();
        assert_eq!(found, [("numpy", true, 2), ("uvicorn", false, 5)]);
    }
}
