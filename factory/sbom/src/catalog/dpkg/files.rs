//! Which files a Debian package brought.

use std::collections::BTreeMap;

use super::{INFO, NAME};
use crate::limits;
use crate::model::{Checksum, Inventory, OwnedFile};
use crate::root::{Problem, Root, join};

/// What lies in `var/lib/dpkg/info`, by name, so that nothing is looked for that is not there.
#[derive(Debug, Default)]
pub(super) struct Info {
    names: Vec<Vec<u8>>,
    diversions: BTreeMap<Vec<u8>, (Vec<u8>, String)>,
}

impl Info {
    pub(super) fn list(root: &Root, out: &mut Inventory) -> Self {
        let names = match root.names(INFO) {
            Ok(names) => names,
            Err(Problem::Missing) => Vec::new(),
            Err(problem) => {
                let what = format!("cannot be read, so packages have no files: {problem}");
                out.warn(NAME, INFO, what);
                Vec::new()
            }
        };
        Self { names, diversions: diversions(root, out) }
    }

    fn has(&self, name: &str) -> bool {
        self.names.binary_search_by(|known| known.as_slice().cmp(name.as_bytes())).is_ok()
    }

    /// The file of a package: qualified by its architecture where several may be installed.
    fn place(&self, package: &str, architecture: &str, kind: &str) -> Option<Vec<u8>> {
        let names = [format!("{package}:{architecture}.{kind}"), format!("{package}.{kind}")];
        names.iter().find(|name| self.has(name)).map(|name| join(INFO, name.as_bytes()))
    }

    /// The package's files: those of its list with the digests that are known. Directories of the list stay in it; nobody
    /// finds a file there.
    pub(super) fn files(
        &self,
        root: &Root,
        out: &mut Inventory,
        package: &str,
        architecture: &str,
        conffiles: &str,
    ) -> Vec<OwnedFile> {
        let mut files: BTreeMap<Vec<u8>, OwnedFile> = BTreeMap::new();
        if let Some(path) = self.place(package, architecture, "list")
            && let Some(bytes) = out.read(root, NAME, &path, limits::METADATA)
        {
            for line in bytes.split(|byte| *byte == b'\n') {
                let file = line.strip_prefix(b"/").unwrap_or(line);
                if !file.is_empty() && file != b"." {
                    files.insert(file.to_vec(), OwnedFile::new(file));
                }
            }
        }
        if let Some(path) = self.place(package, architecture, "md5sums")
            && let Some(bytes) = out.read(root, NAME, &path, limits::METADATA)
        {
            digests(&bytes, &mut files, &path, out);
        }
        for line in conffiles.lines() {
            let mut words = line.split_whitespace();
            let (Some(file), digest) = (words.next(), words.next()) else { continue };
            let file = file.trim_start_matches('/').as_bytes().to_vec();
            if words.any(|word| word == "obsolete" || word == "remove-on-upgrade") {
                continue;
            }
            let owned = files.entry(file.clone()).or_insert_with(|| OwnedFile::new(file));
            owned.config = true;
            owned.checksum = digest.and_then(md5);
        }
        let mut files: Vec<OwnedFile> = files.into_values().collect();
        for file in &mut files {
            if let Some((elsewhere, by)) = self.diversions.get(&file.path)
                && by != package
            {
                file.path.clone_from(elsewhere);
            }
        }
        files
    }

    /// Lists of files without a package: what the database should say and does not.
    pub(super) fn orphans(&self, known: &[String], out: &mut Inventory) {
        let mut known: Vec<&[u8]> = known.iter().map(String::as_bytes).collect();
        known.sort_unstable();
        let lists = self.names.iter().filter_map(|name| name.strip_suffix(b".list"));
        let lost: Vec<&[u8]> = lists.filter(|name| known.binary_search(name).is_err()).collect();
        if lost.is_empty() {
            return;
        }
        let first: Vec<_> = lost.iter().take(5).map(|name| String::from_utf8_lossy(name)).collect();
        let rest = if lost.len() > 5 { ", …" } else { "" };
        let what = format!(
            "lists the files of {} packages that no status names, so they are missing here: {}{rest}",
            lost.len(),
            first.join(", ")
        );
        out.warn(NAME, INFO, what);
    }
}

/// The digests beside a package's stanza in `status.d`: its files are known by them alone.
pub(super) fn beside(root: &Root, out: &mut Inventory, stanza: &[u8]) -> Vec<OwnedFile> {
    let path = [stanza, b".md5sums"].concat();
    let mut files = BTreeMap::new();
    if let Some(bytes) = out.read(root, NAME, &path, limits::METADATA) {
        digests(&bytes, &mut files, &path, out);
    }
    files.into_values().collect()
}

/// Lines of `MD5  path`.
fn digests(bytes: &[u8], files: &mut BTreeMap<Vec<u8>, OwnedFile>, path: &[u8], out: &mut Inventory) {
    let mut broken = 0;
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let digest = line.get(..32).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(md5);
        let file = line.get(33..).map(|rest| rest.trim_ascii_start());
        let (Some(digest), Some(file)) = (digest, file) else {
            broken += 1;
            continue;
        };
        let file = file.strip_prefix(b"/").unwrap_or(file);
        let owned = files.entry(file.to_vec()).or_insert_with(|| OwnedFile::new(file));
        owned.checksum = Some(digest);
    }
    if broken > 0 {
        out.warn(
            NAME,
            path,
            format!("{broken} lines are no digest with a path: those files are missing from their package"),
        );
    }
}

fn md5(hex: &str) -> Option<Checksum> {
    let hex = hex.to_ascii_lowercase();
    (hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then_some(Checksum { algorithm: "MD5", hex })
}

/// Files that dpkg puts elsewhere: three lines each, from, to, and whose package is excepted.
fn diversions(root: &Root, out: &mut Inventory) -> BTreeMap<Vec<u8>, (Vec<u8>, String)> {
    let mut found = BTreeMap::new();
    let Some(bytes) = out.read(root, NAME, b"var/lib/dpkg/diversions", limits::METADATA) else {
        return found;
    };
    let mut lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_prefix(b"/").unwrap_or(line));
    while let (Some(from), Some(to), Some(by)) = (lines.next(), lines.next(), lines.next()) {
        found.insert(from.to_vec(), (to.to_vec(), String::from_utf8_lossy(by).into_owned()));
    }
    found
}
