//! Java archives: jar, war, ear and their kin, with the archives inside of them.
//!
//! Who made an archive with Maven has left `META-INF/maven/<group>/<artifact>/pom.properties` in it, and of every library
//! that was packed into it as well. Of others there is the manifest, and the name of the file: what comes from those is
//! marked as guessed.

use std::collections::BTreeMap;

use super::zip::{self, Entry};
use super::{Broken, Listing, ReadAt, pom, text};
use crate::limits;

/// Archives inside of one another: an ear has wars, a war has jars, and one more.
pub const DEPTH: usize = 4;
/// Archives inside of one file.
pub const ARCHIVES: usize = 4096;
/// Bytes of an archive inside of another that has to be unpacked.
pub const NESTED: u64 = 64 << 20;
/// Bytes that are unpacked of one file with everything inside of it, with the directories of all archives.
pub const UNPACKED: u64 = 1 << 30;
/// Bytes of a manifest or a project file.
pub const METADATA: u64 = 1 << 20;

/// Endings of archives that are looked into.
pub const ENDINGS: [&str; 9] = ["jar", "war", "ear", "par", "sar", "nar", "hpi", "jpi", "kar"];

/// A library or a program.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct JavaPackage {
    /// The archives that it is in, from the outermost's parts on: `WEB-INF/lib/x.jar`; empty for the file itself.
    pub place: Vec<String>,
    /// `groupId`; empty where nothing says it.
    pub group: String,
    /// `artifactId`.
    pub artifact: String,
    /// Its version.
    pub version: String,
    /// Names or addresses of its licences.
    pub licences: Vec<String>,
    /// Its homepage.
    pub homepage: String,
    /// It is what the archive is, and not one of the libraries packed into it.
    pub main: bool,
    /// The manifest or the name of the file says so, and no project file.
    pub guessed: bool,
}

/// Whether a name is that of an archive.
#[must_use]
pub fn is_archive(name: &[u8]) -> bool {
    let Some(dot) = name.iter().rposition(|b| *b == b'.') else { return false };
    let ending = &name[dot + 1..];
    dot > 0 && ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known.as_bytes()))
}

/// What is in an archive of this file name.
#[must_use]
pub fn packages(file: &(impl ReadAt + ?Sized), name: &str) -> Listing<JavaPackage> {
    let mut reading = Reading { out: Listing::default(), left: UNPACKED, archives: 0, place: Vec::new() };
    // A trait object, for the same function reads what is inside.
    reading.archive(&Dyn(file), name);
    let mut out = reading.out;
    out.items.sort();
    out.items.dedup();
    out
}

/// Makes a trait object of what may be no sized type.
struct Dyn<'a, R: ?Sized>(&'a R);

impl<R: ReadAt + ?Sized> ReadAt for Dyn<'_, R> {
    fn length(&self) -> u64 {
        self.0.length()
    }

    fn read_into(&self, at: u64, into: &mut [u8]) -> Result<(), Broken> {
        self.0.read_into(at, into)
    }
}

struct Reading {
    out: Listing<JavaPackage>,
    left: u64,
    archives: usize,
    place: Vec<String>,
}

/// What an archive says, by the folder in `META-INF/maven`.
#[derive(Default)]
struct Said {
    projects: BTreeMap<Vec<u8>, JavaPackage>,
    manifest: BTreeMap<String, String>,
}

impl Reading {
    fn archive(&mut self, file: &dyn ReadAt, name: &str) {
        let listed = match zip::entries(file, &is_wanted, &mut self.left) {
            Ok(listed) => listed,
            Err(e) => return self.fault(e),
        };
        for fault in listed.broken {
            self.fault(fault);
        }
        let mut said = Said::default();
        for entry in &listed.items {
            if let Err(e) = self.entry(file, entry, &mut said) {
                self.fault(e.within(text(&entry.name, limits::WORD)));
            }
        }
        self.conclude(said, name);
    }

    fn fault(&mut self, e: Broken) {
        let e = if self.place.is_empty() { e } else { e.within(self.place.join("!")) };
        self.out.fault(e);
    }

    /// Unpacks within what is left for the whole file.
    fn read(&mut self, file: &dyn ReadAt, entry: &Entry, limit: u64) -> Result<Vec<u8>, Broken> {
        if self.left == 0 {
            return Err(Broken::new(format!("not looked at: {UNPACKED} bytes have been unpacked before it")));
        }
        let limit = limit.min(self.left);
        let read = entry.read(file, limit);
        self.left -= read.as_ref().map_or(limit, |bytes| bytes.len() as u64).min(self.left);
        read
    }

    fn entry(&mut self, file: &dyn ReadAt, entry: &Entry, said: &mut Said) -> Result<(), Broken> {
        let name = entry.name.as_slice();
        if is_archive(name) {
            return self.nested(file, entry);
        }
        let bytes = self.read(file, entry, METADATA)?;
        let Some((folder, kind)) = project_file(name) else {
            said.manifest = manifest(&bytes);
            return Ok(());
        };
        let project = said.projects.entry(folder.to_vec()).or_default();
        if kind == Kind::Properties {
            let values = properties(&bytes);
            let value = |key: &str| values.get(key).cloned().unwrap_or_default();
            (project.group, project.artifact) = (value("groupId"), value("artifactId"));
            project.version = value("version");
            return Ok(());
        }
        let pom = pom::read(&bytes)?;
        let fill = |own: &mut String, from: String| {
            if own.is_empty() {
                *own = from;
            }
        };
        fill(&mut project.group, pom.group);
        fill(&mut project.artifact, pom.artifact);
        fill(&mut project.version, pom.version);
        (project.licences, project.homepage) = (pom.licences, pom.homepage);
        Ok(())
    }

    fn nested(&mut self, file: &dyn ReadAt, entry: &Entry) -> Result<(), Broken> {
        if self.place.len() == DEPTH {
            return Err(Broken::new(format!("not looked into: archives are more than {DEPTH} deep")));
        }
        if self.archives == ARCHIVES {
            return Err(Broken::new(format!("not looked into: more than {ARCHIVES} archives")));
        }
        self.archives += 1;
        let name = text(&entry.name, limits::WORD);
        let base = name.rsplit('/').next().unwrap_or(&name).to_owned();
        let stored = entry.stored(file)?;
        let unpacked = match stored {
            Some(_) => None,
            None => Some(self.read(file, entry, NESTED)?),
        };
        self.place.push(name);
        match (&stored, &unpacked) {
            (Some(window), _) => self.archive(window, &base),
            (None, Some(bytes)) => self.archive(&Dyn(bytes.as_slice()), &base),
            (None, None) => {}
        }
        self.place.pop();
        Ok(())
    }

    /// Decides which of the projects the archive itself is, and guesses where none is.
    fn conclude(&mut self, said: Said, name: &str) {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let mut projects: Vec<JavaPackage> = said.projects.into_values().collect();
        projects.retain(|project| !project.artifact.is_empty() && !project.version.is_empty());
        let alone = projects.len() == 1;
        let own = |project: &JavaPackage| {
            let rest = stem.strip_prefix(project.artifact.as_str());
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('-') && rest.contains(&project.version)
            })
        };
        let main = projects.iter().position(own).or(alone.then_some(0));
        match main {
            Some(main) => projects[main].main = true,
            None => projects.extend(guess(&said.manifest, stem)),
        }
        for mut project in projects {
            if project.main && project.licences.is_empty() {
                project.licences = bundle_licences(&said.manifest);
            }
            project.place = self.place.clone();
            if self.out.items.len() < limits::PACKAGES {
                self.out.items.push(project);
            }
        }
    }
}

#[derive(PartialEq)]
enum Kind {
    Properties,
    Project,
}

/// The folder of a project and which of its files this is; none for every other file.
fn project_file(name: &[u8]) -> Option<(&[u8], Kind)> {
    let below = name.strip_prefix(b"META-INF/maven/")?;
    let (folder, kind) = match below.strip_suffix(b"/pom.properties") {
        Some(folder) => (folder, Kind::Properties),
        None => (below.strip_suffix(b"/pom.xml")?, Kind::Project),
    };
    (folder.iter().filter(|b| **b == b'/').count() == 1).then_some((folder, kind))
}

fn is_wanted(name: &[u8]) -> bool {
    name == b"META-INF/MANIFEST.MF" || project_file(name).is_some() || is_archive(name)
}

/// `key=value` lines.
fn properties(bytes: &[u8]) -> BTreeMap<String, String> {
    let lines = bytes.split(|b| *b == b'\n' || *b == b'\r').take(256);
    let pair = |line: &[u8]| {
        let line = text(line, limits::WORD);
        let (key, value) = line.split_once(['=', ':'])?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    };
    lines.filter(|line| !line.starts_with(b"#")).filter_map(pair).collect()
}

/// The main attributes of a manifest, names in small letters. A line that begins with a space goes on with the one before.
#[must_use]
pub fn manifest(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut last: Option<String> = None;
    for line in bytes.split(|b| *b == b'\n').take(65_536) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        if let Some(more) = line.strip_prefix(b" ") {
            let value = last.as_ref().and_then(|key| out.get_mut(key));
            if let Some(value) = value.filter(|value: &&mut String| value.len() < limits::WORD) {
                value.push_str(&text(more, limits::WORD));
            }
            continue;
        }
        let line = text(line, limits::WORD);
        if let Some((key, value)) = line.split_once(':') {
            let key = key.trim().to_ascii_lowercase();
            out.insert(key.clone(), value.trim().to_owned());
            last = Some(key);
        }
    }
    out
}

/// What the file's name and the manifest make likely; none without a version.
fn guess(manifest: &BTreeMap<String, String>, stem: &str) -> Option<JavaPackage> {
    let attribute = |keys: &[&str]| {
        let values = keys.iter().filter_map(|key| manifest.get(*key));
        values
            .map(|value| value.split(';').next().unwrap_or(value).trim().trim_matches('"'))
            .find(|v| !v.is_empty())
    };
    let named = versioned(stem);
    let symbolic = attribute(&["bundle-symbolicname", "automatic-module-name"]);
    let title = attribute(&["implementation-title"]).filter(|title| !title.contains(char::is_whitespace));
    let version = attribute(&["implementation-version", "bundle-version", "specification-version"]);
    let version = version.filter(|version| version.starts_with(|c: char| c.is_ascii_alphanumeric()));
    let (artifact, version) = match named {
        Some((name, version)) => (name, version),
        None => (if title.is_some() || symbolic.is_some() { stem } else { return None }, version?),
    };
    let artifact = if artifact.is_empty() { title.or(symbolic)? } else { artifact };
    let prefix = symbolic.and_then(|symbolic| symbolic.strip_suffix(artifact)?.strip_suffix('.'));
    let group =
        attribute(&["implementation-vendor-id"]).filter(|id| !id.contains(char::is_whitespace)).or(prefix);
    Some(JavaPackage {
        group: group.unwrap_or_default().to_owned(),
        artifact: artifact.to_owned(),
        version: version.to_owned(),
        main: true,
        guessed: true,
        homepage: attribute(&["bundle-docurl"]).unwrap_or_default().to_owned(),
        ..JavaPackage::default()
    })
}

/// `name-1.2.3-jre` in its two parts; none where no number follows a hyphen.
fn versioned(stem: &str) -> Option<(&str, &str)> {
    let starts = stem.match_indices('-').map(|(at, _)| at);
    let at = starts.into_iter().find(|at| stem[at + 1..].starts_with(|c: char| c.is_ascii_digit()))?;
    (at > 0).then(|| (&stem[..at], &stem[at + 1..]))
}

/// `Bundle-License`: names or addresses with commas between them, each with parameters.
fn bundle_licences(manifest: &BTreeMap<String, String>) -> Vec<String> {
    let said = manifest.get("bundle-license").map_or("", String::as_str);
    let parts = said.split(',').map(|part| part.split(';').next().unwrap_or(part).trim().trim_matches('"'));
    parts.filter(|part| !part.is_empty() && !part.starts_with("<<")).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn said(name: &str) -> Vec<String> {
        let read = packages(fixture(&format!("java/{name}")).as_slice(), name);
        assert_eq!(read.broken, []);
        let one = |p: &JavaPackage| {
            let marks = [(p.main, " main"), (p.guessed, " guessed")];
            let marks: String = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark).collect();
            format!("{}|{}:{}:{}{marks}", p.place.join("!"), p.group, p.artifact, p.version)
        };
        read.items.iter().map(one).collect()
    }

    #[test]
    fn archives_of_every_sort() {
        assert_eq!(said("plain-1.2.3.jar"), ["|org.example:plain:1.2.3 main"]);
        assert_eq!(said("started.jar"), ["|org.example:plain:1.2.3 main"], "a script lies before it");
        assert_eq!(said("shaded-2.0-all.jar"), ["|com.inside:inside:0.1", "|org.example:shaded:2.0 main"]);
        assert_eq!(said("guessed.jar"), ["|org.guess:guessed:4.5 main guessed"]);
        assert_eq!(said("nameless.jar"), [""; 0]);
        assert_eq!(
            said("everything.ear"),
            [
                "site-7.war|org.example.web:site:7 main guessed",
                "site-7.war!WEB-INF/lib/guessed-4.5.jar|org.guess:guessed:4.5 main guessed",
                "site-7.war!WEB-INF/lib/plain-1.2.3.jar|org.example:plain:1.2.3 main",
            ]
        );
    }

    #[test]
    fn licences_of_the_project_or_of_the_bundle() {
        let read = packages(fixture("java/plain-1.2.3.jar").as_slice(), "x.jar");
        assert_eq!(read.items[0].licences, ["Apache License, Version 2.0"]);
        let read = packages(fixture("java/guessed.jar").as_slice(), "guessed.jar");
        assert_eq!(read.items[0].licences, ["https://www.apache.org/licenses/LICENSE-2.0.txt"]);
    }

    #[test]
    fn names_with_versions() {
        for (stem, parts) in [
            ("guava-31.1-jre", Some(("guava", "31.1-jre"))),
            ("log4j-1.2-api-2.17.1", Some(("log4j", "1.2-api-2.17.1"))),
            ("plain", None),
            ("-1.0", None),
            ("a-b", None),
        ] {
            assert_eq!(versioned(stem), parts, "{stem}");
        }
    }

    #[test]
    fn continued_lines_of_a_manifest() {
        let read = manifest(b"A: one\r\n  two\r\nB:\r\nbad\r\n\r\nName: part\r\nA: no\r\n");
        assert_eq!(read["a"], "one two");
        assert_eq!(read["b"], "");
        assert!(!read.contains_key("name"));
    }

    #[test]
    fn an_archive_is_told_by_its_ending() {
        for name in ["a.jar", "dir/b.WAR", "c.d.ear"] {
            assert!(is_archive(name.as_bytes()), "{name}");
        }
        for name in ["jar", ".jar", "a.jar.txt", "a.zip"] {
            assert!(!is_archive(name.as_bytes()), "{name}");
        }
    }

    /// An archive of one packed file of so many zeros, stored in another, and so on.
    fn nested(depth: usize) -> Vec<u8> {
        let mut inner = fixture("java/plain-1.2.3.jar");
        for _ in 0..depth {
            inner = zip::tests::stored("in.jar", &inner);
        }
        inner
    }

    #[test]
    fn archives_in_archives_end() {
        let read = packages(nested(DEPTH).as_slice(), "x.jar");
        assert_eq!((read.items.len(), read.broken.len()), (1, 0));
        let read = packages(nested(DEPTH + 1).as_slice(), "x.jar");
        assert!(read.items.is_empty());
        let said = read.broken[0].to_string();
        assert!(said.ends_with("in.jar: not looked into: archives are more than 4 deep"), "{said}");
    }

    #[test]
    fn a_bomb_is_left_packed() {
        let bomb = zip::tests::deflated("META-INF/MANIFEST.MF", &vec![0; 4 << 20]);
        let read = packages(bomb.as_slice(), "bomb-1.jar");
        assert_eq!(read.broken[0].to_string(), "META-INF/MANIFEST.MF: it has more than 1048576 bytes");
    }

    #[test]
    fn a_cut_off_archive_says_so() {
        let whole = fixture("java/plain-1.2.3.jar");
        let read = packages(&whole[..whole.len() - 30], "plain-1.2.3.jar");
        assert_eq!(read.broken[0].to_string(), "an archive without a directory at its end: cut off, or none");
        let mut damaged = whole.clone();
        let at = whole.windows(4).position(|w| w == b"PK\x03\x04").unwrap() + 60;
        damaged[at..at + 8].fill(0xff);
        assert!(!packages(damaged.as_slice(), "plain-1.2.3.jar").broken.is_empty());
    }
}
