//! Python distributions: what installers leave beside the modules, wherever that is: system, virtual environments, vendored.

use super::Cataloger;
use super::stanza::{Stanza, first};
use crate::formats::{base64, hex};
use crate::licence::Licence;
use crate::limits;
use crate::model::{Checksum, Ecosystem, Inventory, OwnedFile, Package, Party, Requirement};
use crate::purl;
use crate::root::{Entry, Kind, Place, Problem, Root, Wish, join, name, normal, parent};

/// Finds `*.dist-info`, `*.egg-info`, `EGG-INFO`, `*.egg-link` and lists of vendored copies.
#[derive(Debug)]
pub struct Python;

const NAME: &str = "python";

impl Cataloger for Python {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wants(&self, place: Place<'_>) -> Wish {
        let name = place.name();
        let wanted = match place.kind() {
            Kind::Directory => {
                name.ends_with(b".dist-info") || name.ends_with(b".egg-info") || name == b"EGG-INFO"
            }
            Kind::File => {
                name.ends_with(b".egg-info")
                    || name.ends_with(b".egg-link")
                    || (name == b"vendor.txt" && place.parent().ends_with(b"/_vendor"))
            }
            Kind::Symlink => false,
        };
        Wish::yes_if(wanted)
    }

    fn found(&self, root: &Root, entry: &Entry<'_>, out: &mut Inventory) {
        let path = entry.path();
        match (entry.kind(), entry.name()) {
            (_, b"vendor.txt") => vendored(root, entry, out),
            (_, name) if name.ends_with(b".egg-link") => egg_link(root, entry, out),
            (Kind::Directory, name) if name.ends_with(b".dist-info") => {
                distribution(root, out, path, &join(path, b"METADATA"), entry.parent());
            }
            (Kind::Directory, name) => {
                // An egg's folder holds its modules; beside an egg-info folder lie everybody's.
                let site = if name == b"EGG-INFO" { parent(entry.parent()) } else { entry.parent() };
                distribution(root, out, path, &join(path, b"PKG-INFO"), site);
            }
            _ => distribution(root, out, path, path, entry.parent()),
        }
    }
}

/// One distribution: `folder` is its metadata folder or file, `metadata` the file in RFC 822's form.
fn distribution(root: &Root, out: &mut Inventory, folder: &[u8], metadata: &[u8], site: &[u8]) {
    let bytes = match root.read(metadata, limits::METADATA) {
        Ok(bytes) => bytes,
        // A folder that only a test or a deletion left.
        Err(Problem::Missing) if root.names(folder).is_ok_and(|names| names.is_empty()) => return,
        Err(problem) => {
            out.warn(NAME, metadata, format!("cannot be read, so this distribution is missing: {problem}"));
            return;
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let stanza = first(&text);
    let Some(name) = stanza.line_of("Name").filter(|name| is_word(name)) else {
        out.warn(NAME, metadata, "names no distribution, so it is left out");
        return;
    };
    let version = stanza.line_of("Version").unwrap_or_default();
    let Some(mut package) = package(out, metadata, name, version) else { return };
    site.clone_into(&mut package.scope);
    describe(&stanza, &mut package);
    package.licence = licence(root, folder, &stanza);
    package.requires = requirements(&stanza);
    let direct = join(folder, b"direct_url.json");
    if let Some(bytes) = out.read(root, NAME, &direct, limits::METADATA) {
        direct_url(&bytes, &direct, &mut package, out);
    }
    package.files = match out.read(root, NAME, &join(folder, b"RECORD"), limits::METADATA) {
        Some(bytes) => record(&bytes, site),
        None => match out.read(root, NAME, &join(folder, b"installed-files.txt"), limits::METADATA) {
            Some(bytes) => installed_files(&bytes, folder),
            None => Vec::new(),
        },
    };
    if let Some(host) = vendored_in(site) {
        package.notes.push(format!("a copy that {host} brings along for itself"));
    }
    out.add(package);
}

fn package(out: &mut Inventory, place: &[u8], name: &str, version: &str) -> Option<Package> {
    match purl::build("pypi", "", &normalised(name), version, &[]) {
        Ok(purl) => {
            let mut package = Package::new(Ecosystem::PyPi, NAME, name, version, purl);
            package.provides.push(normalised(name));
            package.evidence.push(place.to_vec());
            Some(package)
        }
        Err(why) => {
            out.warn(NAME, place, format!("this distribution is left out: {why}"));
            None
        }
    }
}

fn is_word(name: &str) -> bool {
    name.len() < 300
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// PEP 503: lower case, runs of `-`, `_` and `.` are one `-`.
pub(crate) fn normalised(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        let c = if matches!(c, '-' | '_' | '.') { '-' } else { c.to_ascii_lowercase() };
        if !(c == '-' && normal.ends_with('-')) {
            normal.push(c);
        }
    }
    normal
}

fn describe(stanza: &Stanza<'_>, package: &mut Package) {
    let author = |name: &str, mail: &str| {
        let mail = stanza.line_of(mail).map(|mail| mail.split(',').next().unwrap_or_default().trim());
        match (stanza.line_of(name), mail) {
            (Some(name), Some(mail)) if !mail.contains('<') => Party::parse(&format!("{name} <{mail}>")),
            (_, Some(mail)) if mail.contains('<') => Party::parse(mail),
            (name, mail) => name.or(mail).and_then(Party::parse),
        }
    };
    package.originator = author("Author", "Author-email");
    package.supplier = author("Maintainer", "Maintainer-email").or_else(|| package.originator.clone());
    package.summary =
        stanza.line_of("Summary").filter(|summary| *summary != "UNKNOWN").map(ToOwned::to_owned);
    let homepage = |label: &str| {
        let (name, url) = label.split_once(',')?;
        let name = name.trim().to_ascii_lowercase().replace([' ', '-'], "");
        matches!(name.as_str(), "homepage" | "home").then(|| url.trim().to_owned())
    };
    let page = stanza.line_of("Home-page").filter(|page| *page != "UNKNOWN").map(ToOwned::to_owned);
    package.homepage = page.or_else(|| stanza.all("Project-URL").find_map(homepage));
}

/// PEP 639's expression; else the old field; else the classifiers. The texts that come along are kept where the name alone
/// says nothing.
fn licence(root: &Root, folder: &[u8], stanza: &Stanza<'_>) -> Licence {
    let expression = stanza.line_of("License-Expression").map(Licence::of);
    let field = stanza.get("License").map(|text| Licence::of(&super::stanza::unfold(text)));
    let classifiers = stanza.all("Classifier").filter_map(|line| {
        let name = line.strip_prefix("License ::")?.rsplit("::").next()?.trim();
        (name != "OSI Approved" && name != "DFSG approved" && name != "BSD License")
            .then(|| Licence::of(name))
    });
    let classified = Licence::all(classifiers);
    let stated = [expression, field].into_iter().flatten().find(|licence| licence.expression.is_some());
    let mut licence = match stated {
        Some(stated) if stated.is_known() || !classified.is_known() => stated,
        Some(_) | None => classified,
    };
    if licence.is_known() {
        return licence;
    }
    // Neither names one of SPDX's: look at the texts.
    let named = stanza.all("License-File").map(|name| name.as_bytes().to_vec());
    let mut files: Vec<Vec<u8>> = named.flat_map(|name| [join(b"licenses", &name), name]).collect();
    files.extend(root.names(folder).unwrap_or_default().into_iter().filter(|name| {
        let upper = name.to_ascii_uppercase();
        upper.starts_with(b"LICEN") || upper.starts_with(b"COPYING")
    }));
    for file in files {
        // A name may climb out of the folder: then it is nobody's licence.
        let path = normal(&join(folder, &file));
        if !path.starts_with(folder) {
            continue;
        }
        let Ok(bytes) = root.read(&path, limits::LICENCE_TEXT) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let name = stanza.line_of("Name").unwrap_or_default();
        let found = Licence::of_text(&text, &format!("{name}-license"));
        if licence.expression.is_none() || (found.is_known() && is_vague(&licence)) {
            return found;
        }
        licence.give_text(&text);
        break;
    }
    licence
}

/// A name that says a family and not which licence.
fn is_vague(licence: &Licence) -> bool {
    const FAMILIES: [&str; 6] = [
        "LicenseRef-BSD",
        "LicenseRef-BSD-License",
        "LicenseRef-GPL",
        "LicenseRef-LGPL",
        "LicenseRef-Dual-License",
        "LicenseRef-BSD-style",
    ];
    licence.expression.as_deref().is_some_and(|expression| {
        FAMILIES.contains(&expression)
            || licence.references.values().any(|reference| reference.text.is_some())
    })
}

/// `Requires-Dist: name[extra] (>=1) ; marker`. What only an extra asks for is optional.
fn requirements(stanza: &Stanza<'_>) -> Vec<Requirement> {
    let found = stanza.all("Requires-Dist").chain(stanza.all("Requires")).filter_map(|line| {
        let (words, marker) = line.split_once(';').unwrap_or((line, ""));
        let end = words.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
        let name = words.get(..end.unwrap_or(words.len()))?;
        (!name.is_empty())
            .then(|| Requirement { names: vec![normalised(name)], optional: marker.contains("extra") })
    });
    found.take(limits::REQUIREMENTS).collect()
}

/// Where it was installed from, if that was no index.
fn direct_url(bytes: &[u8], path: &[u8], package: &mut Package, out: &mut Inventory) {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else {
        out.warn(NAME, path, "is no JSON, so where the distribution came from is missing");
        return;
    };
    let url = value.get("url").and_then(|url| url.as_str()).unwrap_or_default();
    let editable =
        value.pointer("/dir_info/editable").and_then(serde_json::Value::as_bool).unwrap_or_default();
    if editable {
        package.notes.push(format!("installed in editable form from {url}"));
    } else if url.starts_with("file:") {
        package.notes.push(format!("installed from {url}"));
    }
    let commit = value.pointer("/vcs_info/commit_id").and_then(|commit| commit.as_str());
    let tool = value.pointer("/vcs_info/vcs").and_then(|tool| tool.as_str()).unwrap_or("git");
    match commit {
        Some(commit) => package.download = Some(format!("{tool}+{url}@{commit}")),
        None if url.starts_with("https:") || url.starts_with("http:") => {
            package.download = Some(url.to_owned());
        }
        None => {}
    }
    let hash = value.pointer("/archive_info/hashes/sha256").and_then(|hash| hash.as_str());
    if let Some(hex) = hash.filter(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())) {
        package.checksums.push(Checksum { algorithm: "SHA256", hex: hex.to_ascii_lowercase() });
    }
}

/// Lines of `path,sha256=…,size`, relative to the site; they may climb out of it, and never out of the root.
fn record(bytes: &[u8], site: &[u8]) -> Vec<OwnedFile> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let files = lines.filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (path, rest) = first_cell(line);
        let path = if path.starts_with(b"/") { normal(&path) } else { normal(&join(site, &path)) };
        if path.is_empty() {
            return None;
        }
        let checksum = rest.strip_prefix(b"sha256=").and_then(|rest| {
            let word = rest.split(|byte| *byte == b',').next()?;
            Some(Checksum { algorithm: "SHA256", hex: hex_of_base64(word)? })
        });
        Some(OwnedFile { checksum, ..OwnedFile::new(path) })
    });
    files.collect()
}

/// The first cell of a line of comma-separated values, and what follows its comma.
fn first_cell(line: &[u8]) -> (Vec<u8>, &[u8]) {
    if let Some(rest) = line.strip_prefix(b"\"") {
        let mut cell = Vec::new();
        let mut at = 0;
        while let Some(byte) = rest.get(at) {
            match (byte, rest.get(at + 1)) {
                (b'"', Some(b'"')) => {
                    cell.push(b'"');
                    at += 2;
                }
                (b'"', _) => return (cell, rest.get(at + 2..).unwrap_or_default()),
                (byte, _) => {
                    cell.push(*byte);
                    at += 1;
                }
            }
        }
        return (cell, b"");
    }
    match line.iter().position(|byte| *byte == b',') {
        Some(at) => (line.get(..at).unwrap_or_default().to_vec(), line.get(at + 1..).unwrap_or_default()),
        None => (line.to_vec(), b""),
    }
}

/// URL-safe base64 without padding of 32 bytes, as hexadecimal.
fn hex_of_base64(word: &[u8]) -> Option<String> {
    let bytes = base64(std::str::from_utf8(word).ok()?)?;
    (bytes.len() == 32).then(|| hex(&bytes))
}

/// Lines relative to the metadata folder.
fn installed_files(bytes: &[u8], folder: &[u8]) -> Vec<OwnedFile> {
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.map(|line| OwnedFile::new(normal(&join(folder, line)))).collect()
}

/// The distribution in whose `_vendor` folder a site lies.
fn vendored_in(site: &[u8]) -> Option<String> {
    let at = site.windows(8).position(|part| part == b"/_vendor")?;
    Some(String::from_utf8_lossy(name(site.get(..at)?)).into_owned())
}

/// `_vendor/vendor.txt`: what pip and others copied into themselves, `name==version` a line.
fn vendored(root: &Root, entry: &Entry<'_>, out: &mut Inventory) {
    let Some(bytes) = out.read(root, NAME, entry.path(), limits::METADATA) else { return };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let host = String::from_utf8_lossy(name(parent(entry.parent()))).into_owned();
    for line in text.lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default().trim();
        let Some((name, version)) = line.split_once("==") else { continue };
        let (name, version) = (name.trim(), version.trim());
        if !is_word(name) || name.is_empty() || !is_word(version) {
            continue;
        }
        let Some(mut package) = package(out, entry.path(), name, version) else { return };
        entry.parent().clone_into(&mut package.scope);
        package.notes.push(format!("a copy that {host} brings along for itself"));
        out.add(package);
    }
}

/// `name.egg-link`: a development install. Its first line says where the sources are; their egg-info has the rest, and is
/// found by itself where it lies in the root.
fn egg_link(root: &Root, entry: &Entry<'_>, out: &mut Inventory) {
    let Some(bytes) = out.read(root, NAME, entry.path(), 64 << 10) else { return };
    let text = String::from_utf8_lossy(&bytes);
    let target = text.lines().next().unwrap_or_default().trim();
    let target = normal(target.as_bytes());
    let has_info =
        root.names(&target).is_ok_and(|names| names.iter().any(|name| name.ends_with(b".egg-info")));
    if target.is_empty() || !has_info {
        out.warn(NAME, entry.path(), "links to sources that are not here, so their distribution is missing");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised() {
        for (name, expected) in [("Foo.Bar__baz", "foo-bar-baz"), ("a--b", "a-b"), ("PyYAML", "pyyaml")] {
            assert_eq!(normalised(name), expected);
        }
    }

    #[test]
    fn records_stay_inside() {
        let text = b"a/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\r\n../../../bin/x,,\n\"b,\"\"c\",,\n/abs/y,,\n../../../../../../etc/shadow,,\n";
        let files = record(text, b"opt/venv/lib/site");
        let paths: Vec<_> =
            files.iter().map(|file| String::from_utf8_lossy(&file.path).into_owned()).collect();
        assert_eq!(
            paths,
            [
                "opt/venv/lib/site/a/__init__.py",
                "opt/bin/x",
                "opt/venv/lib/site/b,\"c",
                "abs/y",
                "etc/shadow"
            ]
        );
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(files[0].checksum, Some(Checksum { algorithm: "SHA256", hex: hex.to_owned() }));
    }

    #[test]
    fn requirements_of_extras_are_optional() {
        let stanza = first(
            "Requires-Dist: Typing_Extensions (>=4) ; python_version < '3.11'\nRequires-Dist: x[a]>=1; extra == 'y'\n",
        );
        let found = requirements(&stanza);
        assert_eq!(found[0], Requirement::of("typing-extensions"));
        assert_eq!(found[1], Requirement { names: vec!["x".into()], optional: true });
    }
}
